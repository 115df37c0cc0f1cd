import { describe, expect, test } from "vitest";
import { ArgumentError } from "../../src/errors";
import { adopt, keep, scope } from "../../src/tensor/scope";
import { HandleOnly } from "./handleOnly";

describe("a scope", () => {
  test("disposes once each tensor made in it that is not in its result", () => {
    const made: HandleOnly[] = [];
    const make = (name: string): HandleOnly => {
      const t = new HandleOnly(name);
      made.push(t);
      return t;
    };
    const result = scope(() => {
      make("a");
      return { kept: make("b"), list: [make("c")] };
    });
    expect(made.map((t) => t.disposals)).toEqual([1, 0, 0]);
    expect(result.kept.disposed).toBe(false);
  });

  test("leaves alone what was made before it, and what was disposed by hand", () => {
    const outside = new HandleOnly("outside");
    const inside = scope(() => {
      const t = new HandleOnly("inside");
      t.dispose();
      outside.alias().dispose();
      return t;
    });
    expect([outside.disposals, inside.disposals]).toEqual([0, 1]);
  });

  test("hands its result to the scope around it", () => {
    let passed: HandleOnly | undefined;
    scope(() => {
      passed = scope(() => new HandleOnly("passed"));
      expect(passed.disposals).toBe(0);
    });
    expect(passed!.disposals).toBe(1);
  });

  test("closes when its function throws, so that the next one is not inside it", () => {
    let lost: HandleOnly | undefined;
    expect(() =>
      scope(() => {
        lost = new HandleOnly("lost");
        throw new RangeError("stop");
      }),
    ).toThrow(RangeError);
    expect(lost!.disposals).toBe(1);
    expect(new HandleOnly("free").disposals).toBe(0);
    scope(() => undefined);
    expect(scope(() => new HandleOnly("result")).disposals).toBe(0);
  });

  test("refuses an async function and frees what it made before its first await", () => {
    let early: HandleOnly | undefined;
    expect(() =>
      scope(async () => {
        early = new HandleOnly("early");
      }),
    ).toThrow(ArgumentError);
    expect(early!.disposals).toBe(1);
  });
});

describe("keep and adopt", () => {
  test("a kept tensor belongs to no open scope", () => {
    let kept: HandleOnly | undefined;
    scope(() => {
      scope(() => {
        kept = keep(new HandleOnly("kept"));
      });
    });
    expect(kept!.disposals).toBe(0);
  });

  test("an adopted tensor belongs to the innermost scope", () => {
    const t = keep(new HandleOnly("t"));
    scope(() => {
      scope(() => {
        adopt(t);
      });
      expect(t.disposals).toBe(1);
    });
    expect(adopt(keep(new HandleOnly("free"))).disposals).toBe(0);
  });
});

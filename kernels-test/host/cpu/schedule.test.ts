/** Floating values are computed where they are cheapest: out of loops, and only where they are needed. */
import { describe, expect, it } from "vitest";
import { Builder } from "../../../src/cpu/ir/builder";
import type { Item, Region, Value } from "../../../src/cpu/ir/ir";
import { encodeModule } from "../../../src/cpu/wasm/module";
import { Schedule } from "../../../src/cpu/wasm/schedule";

const itemOf = <K extends Item["kind"]>(region: Region, kind: K) =>
  region.items.find((item): item is Extract<Item, { kind: K }> => item.kind === kind)!;

/** A loop of ten rounds whose body `make` writes. */
function countedLoop(b: Builder, make: (i: Value) => void): void {
  b.loop([b.i32(0)], (again, [i]) => {
    make(i!);
    const next = b.pure("i32.add", [i!, b.i32(1)]);
    b.branch(again, [next], b.pure("i32.lt_u", [next, b.i32(10)]));
  });
}

describe("placement", () => {
  it("what a loop does not change is computed before it", () => {
    const b = new Builder("f", ["i32"]);
    const square = b.pure("i32.mul", [b.parameters[0]!, b.parameters[0]!]);
    countedLoop(b, (i) =>
      countedLoop(b, (j) => b.store("i32.store", b.pure("i32.add", [i, j]), square)),
    );
    const schedule = new Schedule(b.finish(null));
    expect(schedule.home[square.id]).toBe(schedule.root);
    expect(schedule.inLocal[square.id]).toBe(true);
    expect(schedule.root.ahead[0]).toContain(square);
  });

  it("what only the outer loop changes is computed once per round of it", () => {
    const b = new Builder("f", []);
    let square!: Value;
    countedLoop(b, (i) => {
      square = b.pure("i32.mul", [i, i]);
      countedLoop(b, (j) => b.store("i32.store", j, square));
    });
    const body = b.finish(null);
    const schedule = new Schedule(body);
    const outer = schedule.places.get(itemOf(body.body, "loop").body)!;
    expect(schedule.home[square.id]).toBe(outer);
  });

  it("what one arm needs is computed in that arm", () => {
    const b = new Builder("f", ["i32"]);
    const square = b.pure("i32.mul", [b.parameters[0]!, b.parameters[0]!]);
    b.if(b.parameters[0]!, [], () => {
      b.store("i32.store", square, square);
      return [];
    });
    const body = b.finish(null);
    const schedule = new Schedule(body);
    expect(schedule.home[square.id]).toBe(schedule.places.get(itemOf(body.body, "if").whenTrue));
  });

  it("what both arms need is computed before them", () => {
    const b = new Builder("f", ["i32"]);
    const square = b.pure("i32.mul", [b.parameters[0]!, b.parameters[0]!]);
    const result = b.if(
      b.parameters[0]!,
      ["i32"],
      () => [b.pure("i32.add", [square, b.i32(1)])],
      () => [b.pure("i32.xor", [square, b.parameters[0]!])],
    );
    b.return(result![0]!);
    const schedule = new Schedule(b.finish("i32"));
    expect(schedule.home[square.id]).toBe(schedule.root);
  });

  it("what an arm in a loop needs, and the loop does not change, is computed before the loop", () => {
    const b = new Builder("f", ["i32"]);
    const square = b.pure("i32.mul", [b.parameters[0]!, b.parameters[0]!]);
    countedLoop(b, (i) => {
      b.if(i, [], () => {
        b.store("i32.store", i, square);
        return [];
      });
    });
    const schedule = new Schedule(b.finish(null));
    expect(schedule.home[square.id]).toBe(schedule.root);
  });

  it("what only a taken branch carries is computed when it is taken", () => {
    const b = new Builder("f", ["i32"]);
    const square = b.pure("i32.mul", [b.parameters[0]!, b.parameters[0]!]);
    const result = b.block(["i32"], (label) => {
      b.branch(label, [square], b.parameters[0]!);
      return [b.i32(1)];
    });
    b.return(result[0]!);
    const body = b.finish("i32");
    const schedule = new Schedule(body);
    const branch = itemOf(itemOf(body.body, "block").body, "branch");
    expect(schedule.home[square.id]).toBe(schedule.places.get(branch));
  });

  it("refuses a value that is used where its operands do not exist", () => {
    const b = new Builder("f", ["i32"]);
    let inner!: Value;
    b.if(b.parameters[0]!, [], () => {
      inner = b.pure("i32.add", [b.load("i32.load", b.i32(0)), b.i32(1)]);
      return [];
    });
    b.return(inner);
    expect(() => new Schedule(b.finish("i32"))).toThrow("outside of the region");
  });
});

describe("stack or local", () => {
  it("a load with one use waits for it on the stack when nothing is written in between", () => {
    const make = (write: boolean) => {
      const b = new Builder("f", []);
      const x = b.load("i32.load", b.i32(0));
      const y = b.load("i32.load", b.i32(4));
      if (write) b.store("i32.store", b.i32(0), b.i32(9));
      b.return(b.pure("i32.sub", [y, x]));
      const schedule = new Schedule(b.finish("i32"));
      return [schedule.inLocal[x.id], schedule.inLocal[y.id]];
    };
    expect(make(false)).toEqual([false, false]);
    expect(make(true)).toEqual([true, true]);
  });

  it("locals are shared by values that are not alive at the same time", () => {
    const b = new Builder("f", ["i32"]);
    for (let n = 0; n < 40; n++) {
      const x = b.load("i32.load", b.i32(4 * n));
      const y = b.pure("i32.mul", [x, x]);
      b.store("i32.store", b.i32(4 * n), b.pure("i32.xor", [y, b.pure("i32.shl", [y, x])]));
    }
    const wasm = encodeModule(b.finish(null), { shared: false, relaxed: false });
    // The code section ends with: declarations of locals, code. One run of two i32 locals.
    const text = [...wasm].join();
    expect(text).toContain([1, 2, 0x7f].join());
  });
});

describe("phis", () => {
  it("a phi that joins one value is that value, also through nested loops and arms", () => {
    const b = new Builder("f", ["i32", "i32"]);
    const result = b.block(["i32"], (done) => {
      b.loop([b.parameters[0]!, b.i32(0)], (again, [same, i]) => {
        b.branch(done, [same!], b.pure("i32.ge_u", [i!, b.i32(5)]));
        const joined = b.if(
          b.parameters[1]!,
          ["i32"],
          () => [same!],
          () => [same!],
        );
        b.branch(again, [joined![0]!, b.pure("i32.add", [i!, b.i32(1)])]);
      });
      return null;
    });
    b.return(result[0]!);
    const schedule = new Schedule(b.finish("i32"));
    expect(schedule.resolve(result[0]!)).toBe(b.parameters[0]);
  });

  it("a phi of a value that is loaded inside the block stays a phi", () => {
    const b = new Builder("f", ["i32"]);
    const result = b.block(["i32"], (label) => {
      b.branch(label, [b.load("i32.load", b.i32(0))]);
      return null;
    });
    b.return(result[0]!);
    const schedule = new Schedule(b.finish("i32"));
    expect(schedule.resolve(result[0]!)).toBe(result[0]);
  });

  it("an accumulator that nobody reads is gone, and so is what feeds it", () => {
    const b = new Builder("f", ["i32"]);
    let product!: Value;
    b.loop([b.i32(0), b.i32(1)], (again, [i, dead]) => {
      product = b.pure("i32.mul", [dead!, b.parameters[0]!]);
      const next = b.pure("i32.add", [i!, b.i32(1)]);
      b.store("i32.store", i!, i!);
      b.branch(again, [next, product], b.pure("i32.lt_u", [next, b.i32(9)]));
    });
    expect(new Schedule(b.finish(null)).isLive(product)).toBe(false);
  });

  it("an if whose results nobody reads is gone with its condition", () => {
    const b = new Builder("f", ["i32"]);
    const condition = b.pure("i32.mul", [b.parameters[0]!, b.parameters[0]!]);
    b.if(
      condition,
      ["i32"],
      () => [b.load("i32.load", b.i32(0))],
      () => [b.i32(2)],
    );
    const schedule = new Schedule(b.finish(null));
    expect(schedule.isLive(condition)).toBe(false);
  });
});

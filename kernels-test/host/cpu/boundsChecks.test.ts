/** An index that is in range loses its clamp; one that is not keeps it, or its meaning. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { removeBoundsChecks } from "../../../src/cpu/ir/boundsChecks";
import { Builder } from "../../../src/cpu/ir/builder";
import type { FunctionBody, Value } from "../../../src/cpu/ir/ir";
import { printFunction } from "../../../src/cpu/ir/print";
import { encodeModule } from "../../../src/cpu/wasm/module";
import { interpret } from "./interpreter";
import { memoryBytes, randomFunction } from "./randomFunction";

const clampsIn = (body: FunctionBody): number =>
  printFunction(body).split("index.clamp").length - 1;
const remaining = (body: FunctionBody): number => clampsIn(removeBoundsChecks(body));

/** for (i = start; i < bound; i += step), tested before each round. */
function counting(
  b: Builder,
  start: Value,
  bound: Value,
  step: Value,
  body: (i: Value) => void,
  relation = "lt_u",
): void {
  b.block([], (exit) => {
    b.loop([start], (again, [i]) => {
      b.branch(exit, [], b.pure("i32.eqz", [b.pure(`i32.${relation}`, [i!, bound])]));
      body(i!);
      b.branch(again, [b.pure("i32.add", [i!, step])]);
    });
    return null;
  });
}

const word = (b: Builder, index: Value): Value => b.pure("i32.shl", [index, b.i32(2)]);

/** Adds 1 to the word at a clamped index. */
function increment(b: Builder, index: Value, last: Value): void {
  const address = word(b, b.pure("index.clamp", [index, last]));
  b.store("i32.store", address, b.pure("i32.add", [b.load("i32.load", address), b.i32(1)]));
}

function counts(body: FunctionBody, args: readonly number[]): number[] {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const module = new WebAssembly.Module(encodeModule(body, { shared: false, relaxed: false }));
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  (exports["run"] as (...args: readonly number[]) => void)(...args);
  return [...new Int32Array(memory.buffer, 0, 16)];
}

describe("intervals", () => {
  const indexOf = (make: (b: Builder, x: Value, y: Value) => Value) => (last: number) => {
    const b = new Builder("f", ["i32", "i32"]);
    increment(b, make(b, b.parameters[0]!, b.parameters[1]!), b.i32(last));
    return remaining(b.finish(null));
  };
  /** The name, the index, and its largest value. */
  const cases: [string, ReturnType<typeof indexOf>, number][] = [
    ["x & 15", indexOf((b, x) => b.pure("i32.and", [x, b.i32(15)])), 15],
    ["x >> 28", indexOf((b, x) => b.pure("i32.shr_u", [x, b.i32(28)])), 15],
    ["x % 7", indexOf((b, x) => b.pure("i32.rem_u", [x, b.i32(7)])), 6],
    [
      "select(x, 9, x < 9)",
      indexOf((b, x) => b.pure("select", [x, b.i32(9), b.pure("i32.lt_u", [x, b.i32(9)])])),
      9,
    ],
    [
      "x & 3 or 8",
      indexOf((b, x, y) => b.pure("select", [b.pure("i32.and", [x, b.i32(3)]), b.i32(8), y])),
      8,
    ],
    [
      "(x & 3) * 5 + (y & 7)",
      indexOf((b, x, y) =>
        b.pure("i32.add", [
          b.pure("i32.mul", [b.pure("i32.and", [x, b.i32(3)]), b.i32(5)]),
          b.pure("i32.and", [y, b.i32(7)]),
        ]),
      ),
      22,
    ],
    [
      "the third lane of (0, 1, 2, 3) + (x & 3)",
      indexOf((b, x) => {
        const base = b.pure("i32x4.splat", [b.pure("i32.and", [x, b.i32(3)])]);
        const lanes = b.pure("i32x4.add", [b.i32x4(0, 1, 2, 3), base]);
        return b.pure("i32x4.extract_lane", [lanes], 2);
      }),
      5,
    ],
  ];
  it.each(cases)("%s has a largest value", (_name, clampsWithLast, most) => {
    expect([clampsWithLast(most), clampsWithLast(most - 1)]).toEqual([0, 1]);
  });

  it("a sum that can wrap keeps its clamp", () => {
    const clamps = indexOf((b, x, y) =>
      b.pure("i32.add", [b.pure("i32.shr_u", [x, b.i32(0)]), b.pure("i32.and", [y, b.i32(1)])]),
    );
    expect(clamps(-2)).toBe(1);
  });
});

describe("loops with known bounds", () => {
  const loop = (start: number, bound: number, step: number, last: number, relation: string) => {
    const b = new Builder("f", []);
    counting(
      b,
      b.i32(start),
      b.i32(bound),
      b.i32(step),
      (i) => increment(b, i, b.i32(last)),
      relation,
    );
    return remaining(b.finish(null));
  };
  it.each(["lt_u", "lt_s"])("a counter below 12 (%s) is at most 11", (relation) => {
    expect([loop(0, 12, 1, 11, relation), loop(0, 12, 1, 10, relation)]).toEqual([0, 1]);
  });
  it("a counter up to 12 is at most 12", () => {
    expect([loop(0, 12, 1, 12, "le_u"), loop(0, 12, 1, 11, "le_u")]).toEqual([0, 1]);
  });
  it("a counter that begins below zero keeps its clamp", () => {
    const b = new Builder("f", []);
    counting(b, b.i32(-2), b.i32(4), b.i32(1), (i) => increment(b, i, b.i32(9)), "lt_s");
    const body = b.finish(null);
    expect(counts(removeBoundsChecks(body), [])).toEqual(counts(body, []));
    expect(counts(body, [])[9]).toBe(2);
  });

  it("the index after the loop keeps its clamp", () => {
    const b = new Builder("f", []);
    const done = b.block(["i32"], (exit) => {
      b.loop([b.i32(0)], (again, [i]) => {
        b.branch(exit, [i!], b.pure("i32.ge_u", [i!, b.i32(8)]));
        b.branch(again, [b.pure("i32.add", [i!, b.i32(1)])]);
      });
      return null;
    });
    increment(b, done[0]!, b.i32(7));
    expect(remaining(b.finish(null))).toBe(1);
  });

  it("a load before the test keeps its clamp", () => {
    const b = new Builder("f", []);
    const last = b.block(["i32"], (exit) => {
      b.loop([b.i32(0)], (again, [i]) => {
        const x = b.load("i32.load", word(b, b.pure("index.clamp", [i!, b.i32(7)])));
        b.branch(exit, [x], b.pure("i32.ge_u", [i!, b.i32(8)]));
        b.branch(again, [b.pure("i32.add", [i!, b.i32(1)])]);
      });
      return null;
    });
    b.store("i32.store", b.i32(0), last[0]!);
    expect(remaining(b.finish(null))).toBe(1);
  });
});

describe("two versions of a loop", () => {
  /** Increments words `offset + i * factor` for i in [start, bound); a null step is a parameter too. */
  const strided = (step: number | null, relation = "lt_u") => {
    const b = new Builder("f", ["i32", "i32", "i32", "i32", "i32", "i32"]);
    const [start, bound, factor, offset, last, stride] = b.parameters as Value[];
    counting(
      b,
      start!,
      bound!,
      step === null ? stride! : b.i32(step),
      (i) => increment(b, b.pure("i32.add", [b.pure("i32.mul", [i, factor!]), offset!]), last!),
      relation,
    );
    return b.finish(null);
  };

  it("one of them has no clamp", () => {
    const text = printFunction(removeBoundsChecks(strided(1)));
    expect(text.split("loop L").length - 1).toBe(2);
    expect(text.split("index.clamp").length - 1).toBe(1);
  });

  const far = 2 ** 32 - 1;
  it.each([
    ["all in range", [0, 4, 2, 1, 7, 1]],
    ["the last round out of range", [0, 4, 2, 2, 7, 1]],
    ["no rounds", [5, 4, 2, 2, 7, 1]],
    ["no rounds from zero", [0, 0, 1, 0, 0, 1]],
    ["a product that wraps into range", [0, 3, 2 ** 31, 3, 7, 1]],
    ["an offset that wraps into range", [0, 4, 1, far, 7, 1]],
    ["a counter far up", [far - 3, far, 1, 5, 7, 1]],
    ["a step that leaves the bound out", [0, 4, 1, 1, 4, 3]],
    ["a step of zero rounds", [3, 3, 1, 1, 4, 0]],
  ] as const)("%s: the same words change", (_name, args) => {
    for (const relation of ["lt_u", "le_u", "lt_s"])
      for (const step of [1, 3, null]) {
        const [start, bound, , , , stride] = args;
        const endless = relation === "le_u" && (bound === far || (stride === 0 && step === null));
        if (endless || (start > far / 2 && relation === "lt_s")) continue;
        const body = strided(step, relation);
        expect(counts(removeBoundsChecks(body), args)).toEqual(counts(body, args));
      }
  });

  it("a counter that wraps, and then is larger than in its last round, is clamped", () => {
    const b = new Builder("f", ["i32", "i32", "i32", "i32"]);
    const [bound, step, divisor, last] = b.parameters as Value[];
    counting(b, b.i32(0), bound!, step!, (i) =>
      increment(b, b.pure("i32.div_u", [i, divisor!]), last!),
    );
    const body = b.finish(null);
    // Rounds: 0, 2^31 + 1, 2, 2^31 + 3, 4.
    const args = [2 ** 31 + 4, 2 ** 31 + 1, 2 ** 31 + 2, 0];
    const removed = removeBoundsChecks(body);
    expect(clampsIn(removed)).toBe(1);
    expect(counts(removed, args)[0]).toBe(5);
  });

  it("counting down from an invariant is one of the linear indices", () => {
    const b = new Builder("f", ["i32", "i32", "i32"]);
    const [bound, top, last] = b.parameters as Value[];
    const byte = b.pure("i32.and", [top!, b.i32(255)]);
    counting(b, b.i32(0), bound!, b.i32(1), (i) =>
      increment(b, b.pure("i32.sub", [byte, i]), last!),
    );
    const body = b.finish(null);
    const removed = removeBoundsChecks(body);
    expect(clampsIn(removed)).toBe(1);
    for (const args of [
      [4, 6, 9],
      [4, 3, 9],
      [5, 3, 9],
      [4, 10, 9],
    ])
      expect(counts(removed, args)).toEqual(counts(body, args));
  });

  it("a loop around others stays single", () => {
    const b = new Builder("f", ["i32", "i32"]);
    const [bound, last] = b.parameters as Value[];
    counting(b, b.i32(0), bound!, b.i32(1), (i) => {
      increment(b, i, last!);
      counting(b, b.i32(0), bound!, b.i32(1), (j) => b.store("i32.store", b.i32(0), j));
    });
    const text = printFunction(removeBoundsChecks(b.finish(null)));
    expect(text.split("loop L").length - 1).toBe(2);
  });
});

describe("indices that are not linear", () => {
  it.each([
    [
      "a minimum",
      (b: Builder, x: Value, y: Value) => b.pure("select", [x, y, b.pure("i32.lt_u", [x, y])]),
    ],
    [
      "a quotient",
      (b: Builder, x: Value, y: Value) => b.pure("i32.div_u", [x, b.pure("i32.or", [y, b.i32(1)])]),
    ],
    ["a shift", (b: Builder, x: Value) => b.pure("i32.shr_u", [x, b.i32(1)])],
    [
      "a lane of a vector",
      (b: Builder, x: Value, y: Value) =>
        b.pure(
          "i32x4.extract_lane",
          [
            b.pure("i32x4.min_u", [
              b.pure("i32x4.add", [b.pure("i32x4.splat", [x]), b.i32x4(0, 1, 2, 3)]),
              b.pure("i32x4.splat", [y]),
            ]),
          ],
          3,
        ),
    ],
  ])("%s of the counter needs no clamp in one version", (_name, make) => {
    const b = new Builder("f", ["i32", "i32", "i32", "i32"]);
    const [start, bound, other, last] = b.parameters as Value[];
    counting(b, start!, bound!, b.i32(1), (i) => {
      const x = b.pure("i32.add", [b.pure("i32.mul", [i, b.i32(3)]), start!]);
      increment(b, b.pure("i32.add", [make(b, x, other!), b.i32(1)]), last!);
    });
    const body = b.finish(null);
    const removed = removeBoundsChecks(body);
    expect(clampsIn(removed)).toBe(1);
    const far = 2 ** 32 - 1;
    for (const args of [
      [0, 4, 3, 15],
      [0, 4, 3, 3],
      [1, 5, far, 15],
      [1, 5, far, 3],
      // 3 i + i wraps in the last of these rounds: the largest index is not there.
      [2 ** 30 - 4, 2 ** 30 + 1, 3, 9],
      [2 ** 30 - 4, 2 ** 30 + 1, far, 9],
      [2 ** 30 - 4, 2 ** 30 + 1, 2 ** 29, 9],
    ])
      expect(counts(removed, args)).toEqual(counts(body, args));
  });
});

describe("addresses", () => {
  const offsets = (body: FunctionBody): number[] =>
    [...printFunction(removeBoundsChecks(body)).matchAll(/store8? (\d+)\//g)].map((m) =>
      Number(m[1]),
    );

  it("a constant in an index in range becomes the offset", () => {
    const b = new Builder("f", ["i32", "i32"]);
    const index = b.pure("i32.add", [b.pure("i32.and", [b.parameters[0]!, b.i32(7)]), b.i32(5)]);
    const inside = b.pure("index.clamp", [index, b.i32(12)]);
    b.store("i32.store", b.pure("i32.add", [b.parameters[1]!, word(b, inside)]), b.i32(1), 64);
    expect(offsets(b.finish(null))).toEqual([64 + 20]);
  });

  it("a constant in an index that keeps its clamp stays there", () => {
    const b = new Builder("f", ["i32", "i32"]);
    const index = b.pure("i32.add", [b.parameters[0]!, b.i32(5)]);
    const inside = b.pure("index.clamp", [index, b.i32(12)]);
    b.store("i32.store", b.pure("i32.add", [b.parameters[1]!, word(b, inside)]), b.i32(1), 64);
    expect(offsets(b.finish(null))).toEqual([64]);
  });

  it("a constant in a sum that can wrap stays there", () => {
    const b = new Builder("f", ["i32"]);
    const index = b.pure("i32.add", [b.parameters[0]!, b.i32(5)]);
    b.store("i32.store8", b.pure("index.clamp", [index, b.i32(-1)]), b.i32(1));
    const body = b.finish(null);
    expect([remaining(body), offsets(body)]).toEqual([0, [0]]);
  });

  it("a constant in an address that is no index stays there", () => {
    const b = new Builder("f", ["i32"]);
    b.store("i32.store", b.pure("i32.add", [b.parameters[0]!, b.i32(-4)]), b.i32(1));
    b.store("i32.store", b.pure("i32.add", [b.parameters[0]!, b.i32(4)]), b.i32(1));
    expect(offsets(b.finish(null))).toEqual([0, 0]);
  });

  it("a sum that takes a value twice, many times over, is read in short time", () => {
    const b = new Builder("f", ["i32", "i32"]);
    counting(b, b.i32(0), b.parameters[0]!, b.i32(1), (i) => {
      let x = i;
      for (let n = 0; n < 60; n++) x = b.pure("i32.add", [x, b.pure("i32.shl", [x, b.i32(10)])]);
      increment(b, x, b.parameters[1]!);
    });
    const body = b.finish(null);
    expect(counts(removeBoundsChecks(body), [5, 9])).toEqual(counts(body, [5, 9]));
  });
});

describe("random functions", () => {
  const numbers = fc.array(fc.nat({ max: 9999 }), { maxLength: 300, size: "max" });

  it("compute the same without bounds checks", () => {
    fc.assert(
      fc.property(numbers, fc.integer(), fc.nat({ max: 9 }), (choices, x, y) => {
        const body = randomFunction(choices);
        const memory = new WebAssembly.Memory({ initial: 1 });
        const wasm = encodeModule(removeBoundsChecks(body), { shared: false, relaxed: false });
        const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), {
          env: { memory },
        });
        const bytes = new Uint8Array(memory.buffer, 0, memoryBytes);
        for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 37) & 63;
        const expected = new DataView(bytes.slice().buffer);
        const { result } = interpret(body, [x, y, 2.5], expected);
        expect((exports["run"] as (...args: number[]) => number)(x, y, 2.5)).toBe(result);
        expect([...bytes]).toEqual([...new Uint8Array(expected.buffer)]);
      }),
      { numRuns: 2000 },
    );
  });
});

/** Functions in the intermediate form run as WebAssembly with the meaning that ir.ts gives them. */
import { setFlagsFromString } from "node:v8";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Builder } from "../../../src/cpu/ir/builder";
import type { FunctionBody } from "../../../src/cpu/ir/ir";
import { encodeModule } from "../../../src/cpu/wasm/module";
import { interpret } from "./interpreter";
import { memoryBytes, randomFunction } from "./randomFunction";

const plain = { shared: false, relaxed: false };

function instance(body: FunctionBody, options = plain) {
  const memory = new WebAssembly.Memory(
    options.shared ? { initial: 1, maximum: 16, shared: true } : { initial: 1 },
  );
  const module = new WebAssembly.Module(encodeModule(body, options));
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const run = exports["run"] as (...args: (number | bigint)[]) => number;
  return { run, memory, i32: new Int32Array(memory.buffer), f32: new Float32Array(memory.buffer) };
}

describe("control flow", () => {
  it("nested loops carry their phis", () => {
    const b = new Builder("sum", ["i32"]);
    const zero = b.i32(0);
    const one = b.i32(1);
    const result = b.block(["i32"], (done) => {
      b.loop([zero, zero], (outer, [i, sum]) => {
        b.branch(done, [sum!], b.pure("i32.ge_u", [i!, b.parameters[0]!]));
        const [inner] = b.block(["i32"], (innerDone) => {
          b.loop([zero, sum!], (again, [j, s]) => {
            b.branch(innerDone, [s!], b.pure("i32.gt_u", [j!, i!]));
            b.branch(again, [b.pure("i32.add", [j!, one]), b.pure("i32.add", [s!, j!])]);
          });
          return null;
        });
        b.branch(outer, [b.pure("i32.add", [i!, one]), inner!]);
      });
      return null;
    });
    b.return(result[0]!);
    let expected = 0;
    for (let i = 0; i < 10; i++) for (let j = 0; j <= i; j++) expected += j;
    expect(instance(b.finish("i32")).run(10)).toBe(expected);
  });

  it("phis that swap are assigned at once", () => {
    const b = new Builder("swap", ["i32"]);
    const done = b.block(["i32", "i32"], (label) => {
      b.loop([b.i32(0), b.i32(1), b.i32(2)], (again, [i, x, y]) => {
        b.branch(label, [x!, y!], b.pure("i32.eq", [i!, b.parameters[0]!]));
        b.branch(again, [b.pure("i32.add", [i!, b.i32(1)]), y!, x!]);
      });
      return null;
    });
    b.return(b.pure("i32.add", [b.pure("i32.mul", [done[0]!, b.i32(10)]), done[1]!]));
    const { run } = instance(b.finish("i32"));
    expect([run(0), run(1), run(2), run(3)]).toEqual([12, 21, 12, 21]);
  });

  it("a loop that ends in a conditional branch to its head runs while the condition holds", () => {
    const b = new Builder("countdown", ["i32"]);
    b.loop([b.parameters[0]!, b.i32(0)], (again, [i, sum]) => {
      const next = b.pure("i32.sub", [i!, b.i32(1)]);
      const total = b.pure("i32.add", [sum!, i!]);
      b.store("i32.store", b.i32(0), total);
      b.branch(again, [next, total], b.pure("i32.ne", [next, b.i32(0)]));
    });
    b.return(b.load("i32.load", b.i32(0)));
    expect(instance(b.finish("i32")).run(6)).toBe(21);
  });

  it("a conditional branch with values keeps the phi of those that stay", () => {
    const b = new Builder("stay", ["i32"]);
    b.loop([b.i32(5)], (again, [x]) => {
      const next = b.pure("i32.add", [x!, b.i32(1)]);
      b.branch(again, [next], b.pure("i32.lt_u", [x!, b.parameters[0]!]));
      b.store("i32.store", b.i32(0), x!);
    });
    b.return(b.load("i32.load", b.i32(0)));
    expect(instance(b.finish("i32")).run(9)).toBe(9);
  });

  it("an arm that leaves gives no value to the results", () => {
    const b = new Builder("leave", ["i32"]);
    const out = b.block(["i32"], (label) => {
      const joined = b.if(
        b.parameters[0]!,
        ["i32"],
        () => [b.i32(7)],
        () => {
          b.branch(label, [b.i32(3)]);
          return null;
        },
      );
      return [b.pure("i32.add", [joined![0]!, b.parameters[0]!])];
    });
    b.return(out[0]!);
    const { run } = instance(b.finish("i32"));
    expect([run(0), run(1)]).toEqual([3, 8]);
  });

  it("both arms may return", () => {
    const b = new Builder("both", ["i32"]);
    b.if(
      b.parameters[0]!,
      [],
      () => {
        b.return(b.i32(1));
        return null;
      },
      () => {
        b.return(b.i32(2));
        return null;
      },
    );
    b.return(b.i32(3));
    const { run } = instance(b.finish("i32"));
    expect([run(0), run(1)]).toEqual([2, 1]);
  });
});

describe("memory", () => {
  it("a load keeps its place before a store to the same address", () => {
    const b = new Builder("order", []);
    const zero = b.i32(0);
    const before = b.load("i32.load", zero);
    b.store("i32.store", zero, b.pure("i32.add", [before, b.i32(1)]));
    const after = b.load("i32.load", zero);
    b.store("i32.store", b.i32(4), b.pure("i32.sub", [after, before]));
    b.return(before);
    const { run, i32 } = instance(b.finish("i32"));
    i32[0] = 41;
    expect(run()).toBe(41);
    expect([i32[0], i32[1]]).toEqual([42, 1]);
  });

  it("an atomic happens though nobody reads it, and a load that nobody reads does not", () => {
    const b = new Builder("atomic", []);
    b.atomic("i32.atomic.rmw.add", [b.i32(8), b.i32(5)], 4);
    b.load("i32.load", b.i32(-4));
    b.fence();
    const { run, i32 } = instance(b.finish(null), { shared: true, relaxed: false });
    run();
    run();
    expect(i32[3]).toBe(10);
  });

  it("lanes are stored one by one", () => {
    const b = new Builder("lanes", []);
    b.store("v128.store32_lane", b.i32(0), b.i32x4(1, 2, 3, 4), 4, 2);
    b.store("v128.store64_lane", b.i32(8), b.i32x4(1, 2, 3, 4), 0, 1);
    const { run, i32 } = instance(b.finish(null));
    run();
    expect([...i32.slice(0, 4)]).toEqual([0, 3, 3, 4]);
  });

  it("a clamped index is the smaller as an unsigned number", () => {
    const b = new Builder("clamp", ["i32", "i32"]);
    b.return(b.pure("index.clamp", b.parameters));
    const { run } = instance(b.finish("i32"));
    expect([run(3, 5), run(7, 5), run(-1, 5), run(-1, -2)]).toEqual([3, 5, 5, -2]);
  });
});

describe("functions", () => {
  it("a pure function that is called from two others is in the module once", () => {
    const square = new Builder(
      "square",
      ["f32x4"].map(() => "v128" as const),
    );
    square.return(square.pure("f32x4.mul", [square.parameters[0]!, square.parameters[0]!]));
    const squareBody = square.finish("v128");
    const fourth = new Builder("fourth", ["v128"]);
    fourth.return(fourth.call(squareBody, [fourth.call(squareBody, fourth.parameters)]));
    const b = new Builder("main", ["f32"]);
    const x = b.pure("f32x4.splat", b.parameters);
    const sum = b.pure("f32x4.add", [b.call(squareBody, [x]), b.call(fourth.finish("v128"), [x])]);
    b.return(b.pure("f32x4.extract_lane", [sum], 1));
    const body = b.finish("f32");
    expect(instance(body).run(3)).toBe(90);
  });
});

describe("vectors", () => {
  const count = (haystack: Uint8Array, needle: Uint8Array): number =>
    [...haystack].join().split([...needle].join()).length - 1;

  it("one that many functions use is in the module once", () => {
    const constant = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
    const callee = new Builder("callee", ["v128"]);
    callee.return(callee.pure("f32x4.mul", [callee.parameters[0]!, callee.v128(constant)]));
    const b = new Builder("main", ["f32"]);
    const x = b.pure("f32x4.add", [b.pure("f32x4.splat", b.parameters), b.v128(constant)]);
    const y = b.call(callee.finish("v128"), [x]);
    b.return(b.pure("f32x4.extract_lane", [y], 3));
    const body = b.finish("f32");
    expect(instance(body).run(5)).toBe(36);
    expect(count(encodeModule(body, plain), constant)).toBe(1);
  });
});

describe("relaxed SIMD", () => {
  setFlagsFromString("--experimental-wasm-relaxed-simd");
  const multiplyAdd = (op: string, swapped: boolean) => {
    const b = new Builder("fused", ["f32", "f32", "f32"]);
    const [x, y, z] = b.parameters.map((p) => b.pure("f32x4.splat", [p]));
    const product = b.pure("f32x4.mul", [x!, y!]);
    const sum = b.pure(op, swapped ? [z!, product] : [product, z!]);
    b.return(b.pure("f32x4.extract_lane", [sum], 0));
    return b.finish("f32");
  };
  const cases = [
    ["f32x4.add", false, 3 * 5 + 7],
    ["f32x4.add", true, 3 * 5 + 7],
    ["f32x4.sub", true, 7 - 3 * 5],
    ["f32x4.sub", false, 3 * 5 - 7],
  ] as const;
  it.each(cases)("%s of a product (right side: %s) gives the same sum", (op, swapped, expected) => {
    const body = multiplyAdd(op, swapped);
    expect(instance(body, { shared: false, relaxed: true }).run(3, 5, 7)).toBe(expected);
    expect(instance(body).run(3, 5, 7)).toBe(expected);
  });
  it.each([
    ["f32x4.add", true],
    ["f32x4.sub", false],
  ] as const)("%s of a product on the right: fused is %s", (op, fused) => {
    const size = (relaxed: boolean) =>
      encodeModule(multiplyAdd(op, false), { shared: false, relaxed }).length;
    expect(size(true) < size(false)).toBe(fused);
  });
});

describe("random functions", () => {
  const numbers = fc.array(fc.nat({ max: 9999 }), { maxLength: 300, size: "max" });

  it("compute what the interpreter computes", () => {
    fc.assert(
      fc.property(numbers, fc.integer(), fc.nat({ max: 9 }), (choices, x, y) => {
        const body = randomFunction(choices);
        const { run, memory } = instance(body);
        const bytes = new Uint8Array(memory.buffer, 0, memoryBytes);
        for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 37) & 63;
        const expected = new DataView(bytes.slice().buffer);
        const { result } = interpret(body, [x, y, 2.5], expected);
        expect(run(x, y, 2.5)).toBe(result);
        expect([...bytes]).toEqual([...new Uint8Array(expected.buffer)]);
      }),
      { numRuns: 2000 },
    );
  });
});

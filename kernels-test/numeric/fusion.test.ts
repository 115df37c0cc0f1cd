/** Fused pointwise kernels against the operations one by one, on random graphs. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import * as includes from "../../src/kernels/generated/includes";
import * as tg from "../../src/node";
import { fusedText } from "../../src/ops/fusedKernel";
import { type FusedAttrs, fusedPointwise } from "../../src/ops/fusedPointwise";
import type { AnyPrimitive, Spec } from "../../src/ops/primitive";
import { fusePointwise } from "../../src/plan/fusePointwise";
import { type Graph, makeNode, type Node, type Value } from "../../src/plan/graph";
import { primitives } from "../../src/table";
import { constant } from "../../src/tensor/creation";
import type { DeviceTensor } from "../../src/tensor/deviceTensor";
import type { DType } from "../../src/tensor/dtype";
import { sizeOf } from "../../src/tensor/shape";
import { expectClose } from "../harness";

let device: tg.Device;
let hasHalf: boolean;

beforeAll(async () => {
  device = await tg.init();
  hasHalf = device.executor.adapter.features.includes("shader-f16");
});

const named = (name: string): AnyPrimitive => primitives.find((p) => p.name === name)!;

/** What is computed node by node; a fused node in place of its last operand where it can be. */
function interpret(
  { nodes, results }: Graph,
  args: readonly DeviceTensor[],
  inPlace = false,
): DeviceTensor[] {
  const tensors = new Map<Value, DeviceTensor>();
  const of = (value: Value): DeviceTensor => {
    const { source } = value;
    if (source.kind === "argument") return args[source.index]!;
    return source.kind === "node" ? tensors.get(value)! : source.tensor;
  };
  let taken = 0;
  for (const { primitive, inputs, attrs, outputs } of nodes) {
    const operands = inputs.map(of);
    const made =
      (inPlace && primitive.runInPlace && overCopy(primitive, operands, attrs, outputs)) || null;
    if (made) taken++;
    (made ?? primitive.run(operands, attrs, outputs)).forEach((t, k) => {
      expect([t.shape, t.dtype]).toEqual([outputs[k]!.shape, outputs[k]!.dtype]);
      tensors.set(outputs[k]!, t);
    });
  }
  placesTaken = taken;
  return results.map(of);
}

let placesTaken = 0;

function overCopy(
  primitive: AnyPrimitive,
  operands: readonly DeviceTensor[],
  attrs: unknown,
  outputs: readonly Spec[],
): DeviceTensor[] | null {
  for (let into = operands.length - 1; into >= 0; into--) {
    const copy = tg.clone(operands[into]!) as DeviceTensor;
    const given = operands.map((t, k) => (k === into ? copy : t));
    const made = primitive.runInPlace!(given, attrs, outputs, into);
    if (made) {
      expect(made[0]!.storage).toBe(copy.storage);
      return made;
    }
  }
  return null;
}

/** A graph written by hand. */
class Writer {
  readonly nodes: Node[] = [];
  readonly tensors: DeviceTensor[] = [];

  argument(tensor: tg.Tensor): Value {
    const index = this.tensors.push(tensor as DeviceTensor) - 1;
    return { shape: tensor.shape, dtype: tensor.dtype, source: { kind: "argument", index } };
  }

  constant(tensor: DeviceTensor): Value {
    return { shape: tensor.shape, dtype: tensor.dtype, source: { kind: "constant", tensor } };
  }

  number(value: number, dtype: DType = "f32"): Value {
    return this.constant(constant(device, value, dtype));
  }

  call(primitive: string | AnyPrimitive, inputs: readonly Value[], attrs: unknown = null): Value {
    const record = typeof primitive === "string" ? named(primitive) : primitive;
    const node = makeNode(record, attrs, inputs, record.outputs(inputs, attrs));
    this.nodes.push(node);
    return node.outputs[0]!;
  }

  graph(results: readonly Value[]): Graph {
    return { nodes: this.nodes, results, writes: [] };
  }
}

const fusedNodes = ({ nodes }: Graph): Node[] =>
  nodes.filter(({ primitive }) => primitive === fusedPointwise);
const names = ({ nodes }: Graph): string[] => nodes.map(({ primitive }) => primitive.name);
const stepsOf = (node: Node): string[] =>
  (node.attrs as FusedAttrs).expression.steps.map(({ fn }) => fn);

/** Equal bits where the executor computes as written; drivers may contract and flush. */
async function expectSame(fused: readonly DeviceTensor[], plain: readonly DeviceTensor[]) {
  for (const [k, t] of fused.entries()) {
    const [got, expected] = [await t.data(), await plain[k]!.data()];
    if (device.executor.kind === "cpu") expect(got).toEqual(expected);
    else expectClose(got, expected, { relative: 1e-5, absolute: 1e-6 });
  }
}

const all = { maxBindings: 8 };

/** Parameters of the WGSL functions, by name. */
const arity = new Map<string, number>();
for (const text of Object.values(includes))
  for (const [, name, list] of text.matchAll(/^fn (op_\w+)\(([^)]*)\)/gm))
    arity.set(name!, list!.split(",").length);

const dtypes: readonly DType[] = ["f32", "i32", "u32", "bool", "f16"];
interface Call {
  readonly primitive: AnyPrimitive;
  readonly attrs: unknown;
  readonly takes: readonly DType[];
}

/** Every call of every pointwise primitive, by the dtypes it takes. */
const calls: readonly Call[] = primitives
  .filter((p) => p.pointwise)
  .flatMap((primitive) =>
    (primitive.name === "to" ? dtypes.map((dtype) => ({ dtype })) : [null]).flatMap((attrs) =>
      dtypes.flatMap((dtype) =>
        [[dtype], [dtype, dtype], [dtype, dtype, dtype], ["bool" as const, dtype, dtype]].flatMap(
          (takes): Call[] => {
            const specs = takes.map((d) => ({ shape: [2], dtype: d }));
            try {
              const fn = primitive.pointwise!(specs, attrs);
              primitive.outputs(specs, attrs);
              return arity.get(fn) === takes.length ? [{ primitive, attrs, takes }] : [];
            } catch {
              return [];
            }
          },
        ),
      ),
    ),
  );

test("all pointwise primitives are called", () => {
  const called = new Set(calls.map(({ primitive }) => primitive.name));
  expect(called.size).toBe(primitives.filter((p) => p.pointwise).length);
  expect(called.size).toBeGreaterThan(80);
  expect([...called]).toEqual(expect.arrayContaining(["to", "where", "clamp", "gelu", "mul"]));
});

/** Shapes that broadcast to the first, and how the operand lies. */
const shapesOf = (m: number, n: number, p: number): readonly (readonly number[])[] => [
  [m, n, p],
  [m, n, p],
  [p],
  [n, 1],
  [m, 1, p],
  [1],
  [],
];

let seed = 0;
function drawn(shape: readonly number[], dtype: DType, permuted: boolean): tg.Tensor {
  const key = tg.random.key(++seed);
  const values = permuted
    ? tg.permute(
        tg.random.normal(key, shape.toReversed()),
        shape.map((_, d) => shape.length - 1 - d),
      )
    : tg.random.normal(key, shape);
  if (dtype === "f32") return values;
  if (dtype === "bool") return tg.gt(values, 0);
  return tg.to(dtype === "u32" ? tg.abs(tg.mul(values, 3)) : tg.mul(values, 3), dtype);
}

const whole = (max: number) => fc.integer({ min: 0, max });
const size = fc.constantFrom(1, 2, 3, 4, 5, 8);
const recipe = fc.record({
  sizes: fc.tuple(size, size, fc.constantFrom(1, 3, 4, 7, 8, 12)),
  permuted: fc.boolean(),
  steps: fc.array(
    fc.record({
      call: whole(1 << 20),
      picks: fc.array(whole(1 << 20), { minLength: 3, maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 14 },
  ),
  bindings: fc.constantFrom(4, 5, 8),
});

function built({
  sizes,
  permuted,
  steps,
}: typeof recipe extends fc.Arbitrary<infer T> ? T : never) {
  const writer = new Writer();
  const pool: Value[] = dtypes
    .filter((dtype) => dtype !== "f16" || hasHalf)
    .flatMap((dtype) => [
      ...shapesOf(...sizes).map((shape) => writer.argument(drawn(shape, dtype, permuted))),
      ...[0, 1, 2].map((value) => writer.number(value, dtype)),
    ]);
  const made: Value[] = [];
  const most = sizeOf(sizes);
  for (const { call, picks } of steps) {
    // Every seventh is something else, that a group must not reach around.
    const full = made.filter(({ dtype, shape }) => dtype === "f32" && shape.length === 3);
    if (call % 7 === 0 && full.length > 0) {
      const x = full[picks[0]! % full.length]!;
      const kept = [...x.shape.slice(0, 2), 1];
      const total = writer.call("sum", [x], { dims: [2] });
      const mean = writer.call("reshape", [total], { shape: kept });
      const flat = writer.call("reshape", [x], { shape: [x.shape[0]! * x.shape[1]!, x.shape[2]!] });
      made.push(writer.call("exp", [flat]));
      pool.push(mean);
      continue;
    }
    const possible = calls.filter(({ takes, attrs }) => {
      const target = (attrs as { dtype: DType } | null)?.dtype;
      if (!hasHalf && (takes.includes("f16") || target === "f16")) return false;
      return call % 3 === 0 || takes.every((dtype) => dtype === "f32");
    });
    const { primitive, attrs, takes } = possible[call % possible.length]!;
    const inputs = takes.map((dtype, k) => {
      const recent = made.filter((v) => v.dtype === dtype && sizeOf(v.shape) === most).slice(-4);
      // Of the operands, mostly recent results, so that there are chains.
      const chained = (k === 0 || picks[k]! % 3 > 0) && recent.length > 0;
      const from = chained ? recent : pool.filter((v) => v.dtype === dtype);
      const value = from[(picks[k]! >> 2) % from.length]!;
      const full = sizeOf(value.shape) === most && value.shape.length !== sizes.length;
      return full ? writer.call("reshape", [value], { shape: sizes }) : value;
    });
    made.push(writer.call(primitive, inputs, attrs));
  }
  const results = made.filter((_, k) => k % 3 === 0 || k === made.length - 1);
  return { graph: writer.graph(results), args: writer.tensors };
}

describe("random graphs", () => {
  test("give the same when fused, also in place", async () => {
    let [longest, taken] = [0, 0];
    await fc.assert(
      fc.asyncProperty(recipe, async (drawnRecipe) => {
        const { graph, args } = built(drawnRecipe);
        const fused = fusePointwise(graph, { maxBindings: drawnRecipe.bindings });
        for (const node of fusedNodes(fused))
          expect(node.inputs.length + node.outputs.length).toBeLessThanOrEqual(
            drawnRecipe.bindings,
          );
        longest = Math.max(longest, ...fusedNodes(fused).map((node) => stepsOf(node).length));
        const plain = interpret(graph, args);
        await expectSame(interpret(fused, args), plain);
        await expectSame(interpret(fused, args, true), plain);
        taken += placesTaken;
      }),
      { numRuns: device.executor.kind === "cpu" ? 60 : 15, seed: 5 },
    );
    expect(longest).toBeGreaterThan(4);
    expect(taken).toBeGreaterThan(10);
  });
});

const f32 = (...values: number[]): DeviceTensor => tg.tensor(values) as DeviceTensor;

describe("numbers that are known", () => {
  test("are parameters, not operands, also when they are spread over a shape", async () => {
    const w = new Writer();
    const x = w.argument(f32(1, 2, 3));
    const three = w.constant(tg.full([3], 3) as DeviceTensor);
    const half = w.call("expand", [w.number(0.5)], { shape: [3] });
    const graph = w.graph([w.call("mul", [w.call("add", [x, three]), half])]);
    const fused = fusePointwise(graph, { maxBindings: 2 });
    expect(names(fused)).toEqual(["fusedPointwise"]);
    const { expression } = fused.nodes[0]!.attrs as FusedAttrs;
    expect(expression.numbers).toEqual([3, 0.5]);
    expect(fused.nodes[0]!.inputs).toEqual([x]);
    await expectSame(interpret(fused, w.tensors), [f32(2, 2.5, 3)]);
  });

  test("are left out where they change nothing, with the bits of every result", async () => {
    const w = new Writer();
    const x = w.argument(f32(-0, 0, 1.5, -2, Number.NaN, Number.POSITIVE_INFINITY));
    let y = w.call("sin", [x]);
    const plain = w.call("pow", [y, w.number(2)]);
    for (const [name, number] of [
      ["mul", 1],
      ["div", 1],
      ["sub", 0],
      ["add", -0],
      ["pow", 1],
    ] as const)
      y = w.call(name, [y, w.number(number)]);
    y = w.call("neg", [w.call("neg", [y])]);
    y = w.call("pow", [y, w.number(2)]);
    const graph = w.graph([y]);
    const fused = fusePointwise(graph, all);
    expect(fusedNodes(fused).map(stepsOf)).toEqual([["op_sin", "op_square"]]);
    await expectSame(interpret(fused, w.tensors), interpret(w.graph([plain]), w.tensors));
  });

  test("stay where they change a sign: -0 + 0 is 0", async () => {
    const w = new Writer();
    const x = w.argument(f32(-0, 1));
    const fused = fusePointwise(w.graph([w.call("add", [x, w.number(0)])]), all);
    expect(fusedNodes(fused).map(stepsOf)).toEqual([["op_add"]]);
    const [y] = interpret(fused, w.tensors);
    expect(Object.is((await y!.data())[0], 0)).toBe(true);
  });

  test("are computed at once where they meet each other", async () => {
    const w = new Writer();
    const sixth = w.call("mul", [w.number(1 / 3), w.number(0.5)]);
    const spread = w.call("expand", [w.call("neg", [sixth])], { shape: [2] });
    const graph = w.graph([w.call("mul", [w.argument(f32(1, 2)), spread])]);
    const fused = fusePointwise(graph, all);
    expect(fusedNodes(fused).map(stepsOf)).toEqual([["op_mul"]]);
    expect(fused.nodes).toHaveLength(1);
    await expectSame(interpret(fused, w.tensors), interpret(graph, w.tensors));
  });

  test("stay where something else reads them", async () => {
    const w = new Writer();
    const two = w.call("add", [w.constant(tg.ones([3]) as DeviceTensor), w.number(1)]);
    const y = w.call("mul", [w.argument(f32(1, 2, 3)), two]);
    const graph = w.graph([y, w.call("cumsum", [two], { dim: 0 })]);
    const fused = fusePointwise(graph, all);
    await expectSame(interpret(fused, w.tensors), [f32(2, 4, 6), f32(2, 4, 6)]);
  });
});

describe("a fused kernel", () => {
  /** gelu(x · a + b) · c of [m, n], [n], a number and [m, 1]. */
  const chain = (m: number, n: number) => {
    const w = new Writer();
    const key = (i: number) => tg.random.key(i);
    const x = w.argument(tg.random.normal(key(1), [m, n]));
    const a = w.argument(tg.random.normal(key(2), [n]));
    const c = w.argument(tg.random.normal(key(3), [m, 1]));
    const h = w.call("add", [w.call("mul", [x, a]), w.number(0.5)]);
    return { w, graph: w.graph([w.call("mul", [w.call("gelu", [h]), c])]) };
  };

  test.each([
    [1, 1],
    [1, 63],
    [1, 64],
    [65, 1],
    [3, 5],
    [3, 8],
    [64, 64],
    [129, 260],
  ])("computes what its operations do, on [%i, %i]", async (m, n) => {
    const { w, graph } = chain(m, n);
    const fused = fusePointwise(graph, all);
    expect(names(fused)).toEqual(["fusedPointwise"]);
    const plain = interpret(graph, w.tensors);
    await expectSame(interpret(fused, w.tensors), plain);
    await expectSame(interpret(fused, w.tensors, true), plain);
    expect(placesTaken).toBe(1);
  });

  test("gives empty results of empty operands", async () => {
    const { attrs } = fusePointwise(chain(3, 8).graph, all).nodes[0]!;
    const empty: FusedAttrs = { ...(attrs as FusedAttrs), shape: [0, 8], outputShapes: [[0, 8]] };
    const operands = [tg.zeros([0, 8]), tg.ones([8]), tg.ones([0, 1])] as DeviceTensor[];
    const [y] = fusedPointwise.run(operands, empty, [{ shape: [0, 8], dtype: "f32" }]);
    expect((await y!.data()).length).toBe(0);
  });

  test("reads views that start anywhere", async () => {
    const w = new Writer();
    const long = tg.random.normal(tg.random.key(7), [1000]);
    const parts = [0, 1, 4, 64, 70].map((start) => w.argument(tg.narrow(long, 0, start, 128)));
    const every = w.argument(tg.slice(long, { dim: 0, step: 3, end: 384 }));
    const y = [...parts, every].reduce((sum, x) => w.call("add", [sum, x]));
    const graph = w.graph([y]);
    const fused = fusePointwise(graph, all);
    expect(fused.nodes).toHaveLength(1);
    await expectSame(interpret(fused, w.tensors), interpret(graph, w.tensors));
  });

  test("is not run in place where another operand lies in the same memory", () => {
    const { attrs } = fusePointwise(chain(4, 4).graph, all).nodes[0]!;
    const x = tg.ones([4, 4]) as DeviceTensor;
    const row = tg.select(x, 0, 1) as DeviceTensor;
    const operands = [x, row, tg.ones([4, 1]) as DeviceTensor];
    const outputs = [{ shape: [4, 4], dtype: "f32" as const }];
    expect(fusedPointwise.runInPlace!(operands, attrs as FusedAttrs, outputs, 0)).toBeNull();
  });

  test("in place leaves what lies behind its operand alone", async () => {
    const w = new Writer();
    const line = tg.tensor([1, 2, 3, 4, 5, 6, 7, 8]);
    const x = tg.narrow(line, 0, 0, 5) as DeviceTensor;
    const graph = w.graph([w.call("neg", [w.call("square", [w.argument(x)])])]);
    const [node] = fusePointwise(graph, all).nodes;
    const [y] = fusedPointwise.runInPlace!([x], node!.attrs as FusedAttrs, node!.outputs, 0)!;
    expect(Array.from(await y!.data())).toEqual([-1, -4, -9, -16, -25]);
    expect(Array.from(await line.data())).toEqual([-1, -4, -9, -16, -25, 6, 7, 8]);
  });

  test("rounds to f16 where an operation on its own would", async () => {
    if (!hasHalf) return expect(() => tg.zeros([1], { dtype: "f16" })).toThrow(/shader-f16/);
    const w = new Writer();
    const x = w.argument(tg.to(tg.random.normal(tg.random.key(3), [4, 9]), "f16"));
    const third = w.number(1 / 3, "f16");
    const wide = w.call("to", [w.call("mul", [w.call("exp", [x]), third])], { dtype: "f32" });
    const graph = w.graph([w.call("mul", [wide, w.number(1024)])]);
    const fused = fusePointwise(graph, all);
    expect(fused.nodes).toHaveLength(1);
    const [got, plain] = [interpret(fused, w.tensors), interpret(graph, w.tensors)];
    if (device.executor.kind === "cpu") return expectSame(got, plain);
    // Drivers may leave out a rounding to f16 that is widened again in the same kernel.
    const twoRoundings = { relative: 2 ** -10, absolute: 0 };
    expectClose(await got[0]!.data(), await plain[0]!.data(), twoRoundings);
  });

  test("reads like the formula", () => {
    const { expression } = fusePointwise(chain(3, 8).graph, all).nodes[0]!.attrs as FusedAttrs;
    const text = fusedText({
      expression,
      accesses: ["dense", "rows", "repeated"],
      width: 4,
      rank: 2,
      into: -1,
    });
    expect(
      text.replace(/^\/\/ (The linear|WGSL)[\s\S]*?(?=struct)/m, "…\n"),
    ).toMatchInlineSnapshot(`
      "// v0: f32, dense
      // v1: f32, rows
      // v2: f32, repeated
      // v3: f32, a number
      // v4 = mul(v0, v1)
      // v5 = add(v4, v3)
      // v6 = gelu(v5)
      // v7 = mul(v6, v2)
      // y0 = v7

      …
      struct Params {
        count: u32,
        infinity: u32,
        size1: u32,
        x1_first: u32,
        x1_stride0: u32,
        x1_stride1: u32,
        x2_first: u32,
        x2_stride0: u32,
        x2_stride1: u32,
        n0: f32,
      }

      @group(0) @binding(0) var<storage, read> x0: array<vec4<f32>>;
      @group(0) @binding(1) var<storage, read> x1: array<vec4<f32>>;
      @group(0) @binding(2) var<storage, read> x2: array<f32>;
      @group(0) @binding(3) var<storage, read_write> y0: array<vec4<f32>>;
      @group(0) @binding(4) var<uniform> params: Params;

      @compute @workgroup_size(64)
      fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
        let i = linear_index(id, groups, 64u);
        if (i >= params.count) { return; }
        let above1 = i / params.size1;
        let i1 = i - above1 * params.size1;
        let i0 = above1;
        let v0 = vec4<f32>(x0[i]);
        let at1 = params.x1_first + i0 * params.x1_stride0 + i1 * params.x1_stride1;
        let v1 = vec4<f32>(x1[at1]);
        let at2 = params.x2_first + i0 * params.x2_stride0;
        let v2 = vec4<f32>(f32(x2[at2]));
        let v3 = vec4<f32>(params.n0);
        let v4 = vec4<f32>(op_mul(v0.x, v1.x), op_mul(v0.y, v1.y), op_mul(v0.z, v1.z), op_mul(v0.w, v1.w));
        let v5 = vec4<f32>(op_add(v4.x, v3.x), op_add(v4.y, v3.y), op_add(v4.z, v3.z), op_add(v4.w, v3.w));
        let v6 = vec4<f32>(op_gelu(v5.x), op_gelu(v5.y), op_gelu(v5.z), op_gelu(v5.w));
        let v7 = vec4<f32>(op_mul(v6.x, v2.x), op_mul(v6.y, v2.y), op_mul(v6.z, v2.z), op_mul(v6.w, v2.w));
        y0[i] = vec4<f32>(v7);
      }
      "
    `);
  });
});

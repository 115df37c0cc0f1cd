/** Fused pointwise kernels against the operations one by one, on random graphs. */
import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import * as includes from "../../src/kernels/generated/includes";
import * as tg from "../../src/node";
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
      if (call % 3 > 0) return takes.every((dtype) => dtype === "f32");
      return hasHalf || !(takes.includes("f16") || target === "f16");
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
      { numRuns: device.executor.kind === "cpu" ? 60 : 12, seed: 5 },
    );
    expect(longest).toBeGreaterThan(5);
    expect(taken).toBeGreaterThan(10);
  });
});

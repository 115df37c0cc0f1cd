/** Reductions that compute what they read, against those that read it from memory. */
import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import { fusedPointwise } from "../../src/ops/fusedPointwise";
import { fusedReduction } from "../../src/ops/fusedReduction";
import { forcedReduceVariant, type ReduceKind } from "../../src/ops/reduce";
import { fusePointwise } from "../../src/plan/fusePointwise";
import { fuseReductions } from "../../src/plan/fuseReductions";
import { type Graph, makeNode, type Node, type Value } from "../../src/plan/graph";
import { primitives } from "../../src/table";
import { constant } from "../../src/tensor/creation";
import type { DeviceTensor } from "../../src/tensor/deviceTensor";
import type { DType } from "../../src/tensor/dtype";
import type { Shape } from "../../src/tensor/shape";
import { expectClose } from "../harness";

let device: tg.Device;

beforeAll(async () => {
  device = await tg.init();
});
afterEach(() => {
  forcedReduceVariant.current = null;
});

class Writer {
  readonly nodes: Node[] = [];
  readonly tensors: DeviceTensor[] = [];

  argument(tensor: tg.Tensor): Value {
    const index = this.tensors.push(tensor as DeviceTensor) - 1;
    return { shape: tensor.shape, dtype: tensor.dtype, source: { kind: "argument", index } };
  }

  number(value: number, dtype: DType = "f32"): Value {
    const tensor = constant(device, value, dtype);
    return { shape: [], dtype, source: { kind: "constant", tensor } };
  }

  call(name: string, inputs: readonly Value[], attrs: unknown = null): Value {
    const primitive = primitives.find((p) => p.name === name)!;
    const node = makeNode(primitive, attrs, inputs, primitive.outputs(inputs, attrs));
    this.nodes.push(node);
    return node.outputs[0]!;
  }

  /** Fused to pointwise kernels, and further to reductions. */
  graphs(results: readonly Value[]): { pointwise: Graph; fused: Graph } {
    const options = { maxBindings: 8, adapter: "software" } as const;
    const pointwise = fusePointwise({ nodes: this.nodes, results, writes: [] }, options);
    return { pointwise, fused: fuseReductions(pointwise, options) };
  }

  run({ nodes, results }: Graph): DeviceTensor[] {
    const made = new Map<Value, DeviceTensor>();
    const of = (value: Value): DeviceTensor => {
      const { source } = value;
      if (source.kind === "argument") return this.tensors[source.index]!;
      return source.kind === "node" ? made.get(value)! : source.tensor;
    };
    for (const { primitive, inputs, attrs, outputs } of nodes)
      primitive.run(inputs.map(of), attrs, outputs).forEach((t, k) => {
        expect([t.shape, t.dtype]).toEqual([outputs[k]!.shape, outputs[k]!.dtype]);
        made.set(outputs[k]!, t);
      });
    return results.map(of);
  }
}

const names = ({ nodes }: Graph): string[] => nodes.map(({ primitive }) => primitive.name);

async function expectSame(got: tg.Tensor, expected: tg.Tensor): Promise<void> {
  if (device.executor.kind === "cpu") expect(await got.data()).toEqual(await expected.data());
  else expectClose(await got.data(), await expected.data(), { relative: 1e-5, absolute: 1e-4 });
}

let seed = 0;
const drawn = (shape: Shape): tg.Tensor => tg.random.normal(tg.random.key(++seed), shape);

describe("a reduction of what is computed", () => {
  const size = fc.constantFrom(1, 2, 3, 4, 7, 8);
  const kind = fc.constantFrom<ReduceKind>("sum", "mean", "prod", "max", "min", "any", "all");
  const recipe = fc.record({
    sizes: fc.tuple(size, size, size),
    kind,
    reduced: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
    permuted: fc.boolean(),
    merged: fc.boolean(),
    variant: fc.constantFrom("serial" as const, "workgroup" as const),
    fn: fc.constantFrom("relu", "abs", "square", "neg"),
  });

  test("is what it is of stored elements, for all kinds, dims, broadcasts and strides", async () => {
    await fc.assert(
      fc.asyncProperty(recipe, async ({ sizes: [a, b, c], kind, reduced, ...r }) => {
        const w = new Writer();
        const x = r.permuted ? tg.permute(drawn([c, a, b]), [1, 2, 0]) : drawn([a, b, c]);
        const scaled = w.call("mul", [w.argument(x), w.argument(drawn([c]))]);
        const moved = w.call("add", [scaled, w.argument(drawn([b, 1]))]);
        let y = w.call("mul", [w.call(r.fn, [moved]), w.number(0.75)]);
        if (kind === "any" || kind === "all") y = w.call("lt", [y, w.number(0.2)]);
        if (r.merged) y = w.call("reshape", [y], { shape: [a * b, c] });
        const dims = [...y.shape.keys()].filter((d) => reduced[d]);
        const { pointwise, fused } = w.graphs([w.call(kind, [y], { dims })]);
        const last = y.shape.findLastIndex((d) => d !== 1);
        const ofRows = last < 0 || dims.includes(last);
        expect(names(fused).includes("fusedReduction")).toBe(ofRows);
        forcedReduceVariant.current = r.variant;
        await expectSame(w.run(fused)[0]!, w.run(pointwise)[0]!);
      }),
      { numRuns: device.executor.kind === "cpu" ? 60 : 20, seed: 3 },
    );
  });

  test.each([
    [1, 1],
    [63, 65],
    [1024, 33],
    [1025, 3],
    [5000, 2],
  ])("adds rows of %i in any number of chunks, %i of them", async (n, m) => {
    const w = new Writer();
    const g = w.argument(drawn([m, n]));
    const x = w.argument(drawn([m, n]));
    const y = w.call("mul", [g, w.call("sub", [x, w.number(1)])]);
    const { pointwise, fused } = w.graphs([w.call("sum", [y], { dims: [1] })]);
    expect(names(fused)).toEqual(["fusedReduction"]);
    await expectSame(w.run(fused)[0]!, w.run(pointwise)[0]!);
  });

  test("counts truth values, and integers as they are", async () => {
    const w = new Writer();
    const x = w.argument(drawn([33, 5]));
    const hits = w.call("sum", [w.call("lt", [w.call("neg", [x]), x])], { dims: [0, 1] });
    const whole = w.call("to", [w.call("mul", [x, w.number(10)])], { dtype: "i32" });
    const { pointwise, fused } = w.graphs([hits, w.call("max", [whole], { dims: [1] })]);
    expect(names(fused)).toEqual(["fusedReduction", "fusedReduction"]);
    const [got, expected] = [w.run(fused), w.run(pointwise)];
    for (const [k, t] of got.entries()) expect(await t.data()).toEqual(await expected[k]!.data());
  });

  test("leaves a kernel what others read of its results", async () => {
    const w = new Writer();
    const [g, x] = [w.argument(drawn([12, 8])), w.argument(drawn([12, 8]))];
    const slope = w.call("gelu", [x]);
    const scale = w.call("sum", [w.call("mul", [g, x])], { dims: [1] });
    const { pointwise, fused } = w.graphs([w.call("mul", [g, slope]), scale]);
    expect(names(pointwise)).toEqual(["fusedPointwise", "sum"]);
    expect(names(fused)).toEqual(["fusedPointwise", "fusedReduction"]);
    expect(fused.nodes[0]!.outputs).toHaveLength(1);
    const [got, expected] = [w.run(fused), w.run(pointwise)];
    for (const [k, t] of got.entries()) await expectSame(t, expected[k]!);
  });

  test("stays apart where someone else reads the elements", () => {
    const w = new Writer();
    const y = w.call("exp", [w.call("neg", [w.argument(drawn([4, 4]))])]);
    const { fused } = w.graphs([w.call("sum", [y], { dims: [0] }), y]);
    expect(fused.nodes.map(({ primitive }) => primitive)).toContain(fusedPointwise);
    expect(fused.nodes.map(({ primitive }) => primitive)).not.toContain(fusedReduction);
  });

  test("stays apart where the elements cost more to compute one by one than to store", () => {
    const w = new Writer();
    const x = w.argument(drawn([4, 4]));
    const { fused } = w.graphs([
      w.call("sum", [w.call("gelu", [x])], { dims: [1] }),
      w.call("sum", [w.call("mul", [x, x])], { dims: [0] }),
    ]);
    expect(names(fused)).toEqual(["fusedPointwise", "sum", "sum"]);
  });
});

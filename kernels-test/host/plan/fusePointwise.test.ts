import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FusedAttrs } from "../../../src/ops/fusedPointwise";
import { fusePointwise } from "../../../src/plan/fusePointwise";
import { type Graph, makeNode, type Node, type Value } from "../../../src/plan/graph";
import { refinedShape } from "../../../src/plan/refinedShape";
import { primitives } from "../../../src/table";
import type { Shape } from "../../../src/tensor/shape";
import { sizeOf } from "../../../src/tensor/shape";

/** A graph written by hand, of f32 values. */
class Writer {
  readonly nodes: Node[] = [];
  private count = 0;

  argument(shape: Shape): Value {
    return { shape, dtype: "f32", source: { kind: "argument", index: this.count++ } };
  }

  call(name: string, inputs: readonly Value[], attrs: unknown = null, recomputed?: true): Value {
    const primitive = primitives.find((p) => p.name === name)!;
    const node = makeNode(primitive, attrs, inputs, primitive.outputs(inputs, attrs), recomputed);
    this.nodes.push(node);
    return node.outputs[0]!;
  }

  fused(results: readonly Value[], maxBindings = 8): Graph {
    return fusePointwise({ nodes: this.nodes, results, writes: [] }, { maxBindings });
  }
}

/** `mul+add` of a fused node, the name of another; each node after those it reads from. */
function shown({ nodes }: Graph): string[] {
  const made = new Set<Value>();
  return nodes.map(({ primitive, attrs, inputs, outputs }) => {
    for (const value of inputs)
      expect(value.source.kind !== "node" || made.has(value), primitive.name).toBe(true);
    for (const value of outputs) made.add(value);
    if (primitive.name !== "fusedPointwise") return primitive.name;
    const { expression } = attrs as FusedAttrs;
    return expression.steps.map(({ fn }) => fn.slice(3)).join("+");
  });
}

describe("pointwise fusion", () => {
  test("makes one node of a chain", () => {
    const w = new Writer();
    const [x, a] = [w.argument([4, 6]), w.argument([6])];
    const y = w.call("gelu", [w.call("add", [w.call("mul", [x, a]), a])]);
    const graph = w.fused([y]);
    expect(shown(graph)).toEqual(["mul+add+gelu"]);
    expect(graph.nodes[0]!.inputs).toEqual([x, a]);
    expect(graph.results).toEqual([graph.nodes[0]!.outputs[0]]);
  });

  test("stores what others read too", () => {
    const w = new Writer();
    const x = w.argument([4, 4]);
    const h = w.call("exp", [x]);
    const graph = w.fused([w.call("neg", [h]), w.call("cumsum", [h], { dim: 0 })]);
    expect(shown(graph)).toEqual(["exp+neg", "cumsum"]);
    expect(graph.nodes[0]!.outputs).toHaveLength(2);
    expect(graph.nodes[1]!.inputs[0]).toBe(graph.nodes[0]!.outputs[0]);
  });

  test("does not reach around another operation", () => {
    const w = new Writer();
    const h = w.call("exp", [w.argument([4, 4])]);
    const total = w.call("sum", [h], { dims: [1] });
    const column = w.call("reshape", [total], { shape: [4, 1] });
    expect(shown(w.fused([w.call("div", [h, column])]))).toEqual(["exp", "sum", "reshape", "div"]);
  });

  test("does not reach around through a longer way and another group", () => {
    const w = new Writer();
    const a = w.call("exp", [w.argument([4, 4])]);
    const b = w.call("neg", [w.call("cumsum", [a], { dim: 0 })]);
    const c = w.call("cumsum", [b], { dim: 0 });
    const joined = w.call("add", [w.call("mul", [a, b]), c]);
    expect(shown(w.fused([joined]))).toEqual(["exp", "cumsum", "neg+mul", "cumsum", "add"]);
  });

  test("goes through reshapes, indexed by a shape that refines both sides", () => {
    const w = new Writer();
    const [x, bias, scale] = [w.argument([6, 8]), w.argument([8]), w.argument([3, 8])];
    const rows = w.call("add", [x, bias]);
    const y = w.call("mul", [w.call("reshape", [rows], { shape: [2, 3, 8] }), scale]);
    const graph = w.fused([y]);
    expect(shown(graph)).toEqual(["add+mul"]);
    const attrs = graph.nodes[0]!.attrs as FusedAttrs;
    expect(attrs.shape).toEqual([2, 3, 8]);
    expect(attrs.operandShapes).toEqual([
      [6, 8],
      [6, 8],
      [2, 3, 8],
    ]);
    expect(graph.results[0]!.shape).toEqual([2, 3, 8]);
  });

  test("joins neighbours that read the same operand", () => {
    const w = new Writer();
    const [g, x] = [w.argument([8]), w.argument([8])];
    const graph = w.fused([w.call("mul", [g, x]), w.call("neg", [g])]);
    expect(shown(graph)).toEqual(["mul+neg"]);
    expect(graph.nodes[0]!.outputs).toHaveLength(2);
  });

  test("does not join what reads the same operand far away", () => {
    const w = new Writer();
    const x = w.argument([8]);
    const first = w.call("exp", [x]);
    let y = first;
    for (let i = 0; i < 20; i++) y = w.call("cumsum", [y], { dim: 0 });
    const graph = w.fused([first, w.call("neg", [x]), y]);
    expect(shown(graph).filter((name) => name !== "cumsum")).toEqual(["exp", "neg"]);
  });

  test("binds no more buffers than it may, and splits where it must", () => {
    const w = new Writer();
    const xs = Array.from({ length: 12 }, () => w.argument([5]));
    const total = xs.reduce((sum, x) => w.call("add", [sum, x]));
    for (const most of [3, 4, 8]) {
      const { nodes } = w.fused([total], most);
      for (const { inputs, outputs } of nodes)
        expect(inputs.length + outputs.length).toBeLessThanOrEqual(most);
      expect(nodes).toHaveLength(Math.ceil(11 / (most - 2)));
    }
  });

  test("keeps what is computed again for the backward pass apart from the first time", () => {
    const w = new Writer();
    const x = w.argument([8]);
    const h = w.call("exp", [x]);
    const again = w.call("sin", [h], null, true);
    expect(shown(w.fused([h, w.call("mul", [again, again])]))).toEqual(["exp", "sin+mul"]);
  });

  test("leaves the graph alone where nothing is pointwise", () => {
    const w = new Writer();
    const y = w.call("cumsum", [w.argument([3])], { dim: 0 });
    expect(shown(w.fused([y]))).toEqual(["cumsum"]);
  });

  test("gives any graph an order in which each node comes after those it reads from", () => {
    const step = fc.record({ name: fc.nat(), a: fc.nat(), b: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const w = new Writer();
        const values = [w.argument([2, 3]), w.argument([2, 3])];
        const pick = (n: number): Value =>
          values[values.length - 1 - (n % Math.min(values.length, 6))]!;
        for (const { name, a, b } of steps) {
          const what = name % 4;
          if (what === 0) values.push(w.call("cumsum", [pick(a)], { dim: 0 }));
          else if (what === 1) values.push(w.call("neg", [pick(a)]));
          else values.push(w.call("add", [pick(a), pick(b)]));
        }
        const graph = w.fused(values.slice(-3));
        shown(graph);
        expect(graph.nodes.length).toBeLessThanOrEqual(w.nodes.length);
      }),
    );
  });
});

describe("a refined shape", () => {
  test("has the dimensions of both", () => {
    expect(refinedShape([6, 4], [2, 12])).toEqual([2, 3, 4]);
    expect(refinedShape([24], [2, 3, 4])).toEqual([2, 3, 4]);
    expect(refinedShape([8, 1, 4], [32])).toEqual([8, 4]);
    expect(refinedShape([], [1, 1])).toEqual([]);
  });

  test("is none where dimensions straddle", () => {
    expect(refinedShape([2, 3], [3, 2])).toBeNull();
  });

  test("has the size of both", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(sizes, (shape) => {
        const flat = [sizeOf(shape)];
        expect(sizeOf(refinedShape(shape, flat)!)).toBe(flat[0]);
        expect(refinedShape(shape, shape)).toEqual(shape);
      }),
    );
  });
});

import { describe, expect, test } from "vitest";
import type { AdapterClass } from "../../../src/device/executor";
import type { EpilogueAttrs } from "../../../src/ops/epilogue";
import { fuseEpilogues } from "../../../src/plan/fuseEpilogues";
import { fusePointwise } from "../../../src/plan/fusePointwise";
import type { Graph, Node } from "../../../src/plan/graph";
import { GraphWriter, misplaced } from "../../graphWriter";

/** `matmul: add, gelu -> 0, 3` of a node with an epilogue, the name of another; views are left out. */
function shown(graph: Graph): string[] {
  expect(misplaced(graph)).toEqual([]);
  const text = ({ primitive, attrs }: Node): string => {
    if (primitive.epilogue?.primitive !== primitive) return primitive.name;
    const { expression } = attrs as EpilogueAttrs<unknown>;
    const steps = expression.steps.map(({ fn }) => fn.slice(3)).join(", ");
    return `${primitive.name.replace("Epilogue", "")}: ${steps} -> ${expression.outputs.join(", ")}`;
  };
  return graph.nodes.filter(({ primitive }) => primitive.name !== "reshape").map(text);
}

const fused = (graph: Graph, maxBindings = 8, adapter: AdapterClass = "hardware"): Graph =>
  fuseEpilogues(graph, { maxBindings, adapter });

describe("epilogues", () => {
  test("a residual joins the product before it, through reshapes", () => {
    const w = new GraphWriter();
    const [x, a, b, bias] = [
      w.argument([2, 4, 6]),
      w.argument([8, 5]),
      w.argument([5, 6]),
      w.argument([6]),
    ];
    const p = w.call("reshape", [w.call("addmm", [a, b, bias])], { shape: [2, 4, 6] });
    const graph = fused(w.graph(w.call("add", [x, p])));
    expect(shown(graph)).toEqual(["matmul: add -> 2"]);
    const node = graph.nodes.find(({ primitive }) => primitive.name === "matmulEpilogue")!;
    expect(node.inputs.map(({ shape }) => shape)).toEqual([[8, 5], [5, 6], [6], [8, 6]]);
    expect(graph.results.map(({ shape }) => shape)).toEqual([[2, 4, 6]]);
  });

  test("on software drivers products take none, and normalisations do", () => {
    const w = new GraphWriter();
    const [x, a, b] = [w.argument([8, 6]), w.argument([8, 5]), w.argument([5, 6])];
    const sum = w.graph(w.call("add", [x, w.call("matmul", [a, b])]));
    expect(shown(fused(sum, 8, "software"))).toEqual(["matmul", "add"]);
    expect(shown(fused(sum, 8, "wasm"))).toEqual(["matmul: add -> 2"]);
    const norm = w.call("rmsNorm", [w.argument([8, 6])], {
      cols: 6,
      eps: 0,
      centered: false,
      hasWeight: false,
      hasBias: false,
    });
    expect(shown(fused(w.graph(w.call("relu", [norm])), 8, "software"))).toEqual([
      "norm: relu -> 1",
    ]);
  });

  test("what goes into an activation is stored too where others read it", () => {
    const w = new GraphWriter();
    const h = w.call("matmul", [w.argument([8, 5]), w.argument([5, 6])]);
    const y = w.call("gelu", [h]);
    const sum = w.call("sum", [h], { dims: [0] });
    expect(shown(fused(w.graph(y, sum)))).toEqual(["matmul: gelu -> 0, 1", "sum"]);
  });

  test("pointwise nodes join one after the other, and fused ones as a whole", () => {
    const w = new GraphWriter();
    const [x, row] = [w.argument([8, 6]), w.argument([6])];
    const p = w.call("matmul", [w.argument([8, 5]), w.argument([5, 6])]);
    const y = w.call("add", [w.call("gelu", [w.call("mul", [p, row])]), x]);
    const graph = w.graph(y);
    const whole = ["matmul: mul, gelu, add -> 5"];
    expect(shown(fused(graph))).toEqual(whole);
    expect(shown(fused(fusePointwise(graph, { maxBindings: 8 })))).toEqual(whole);
  });

  test("the sum of two products is added up by the second", () => {
    const w = new GraphWriter();
    const product = () => w.call("matmul", [w.argument([8, 5]), w.argument([5, 6])]);
    const [p, q] = [product(), product()];
    const graph = fused(w.graph(w.call("add", [p, q])));
    expect(shown(graph)).toEqual(["matmul", "matmul: add -> 2"]);
  });

  test("a product moves to where the other operand is known, and what reads it after that", () => {
    const w = new GraphWriter();
    const x = w.argument([8, 6]);
    const p = w.call("matmul", [w.argument([8, 5]), w.argument([5, 6])]);
    const sum = w.call("sum", [p], { dims: [0] });
    const other = w.call("cumsum", [x], { dim: 0 });
    const graph = fused(w.graph(w.call("add", [p, other]), sum));
    expect(shown(graph)).toEqual(["cumsum", "matmul: add -> 0, 2", "sum"]);
  });

  test("a product does not join an operation that needs it for another operand", () => {
    const w = new GraphWriter();
    const p = w.call("matmul", [w.argument([8, 5]), w.argument([5, 6])]);
    const total = w.call("sum", [p], { dims: [0] });
    expect(shown(fused(w.graph(w.call("mul", [p, total]))))).toEqual(["matmul", "sum", "mul"]);
  });

  test("operands are whole, one row for all, or a number", () => {
    const joins = (shape: number[]): boolean => {
      const w = new GraphWriter();
      const p = w.call("matmul", [w.argument([8, 5]), w.argument([5, 6])]);
      return shown(fused(w.graph(w.call("mul", [p, w.argument(shape)])))).length === 1;
    };
    expect(joins([8, 6])).toBe(true);
    expect(joins([1, 6])).toBe(true);
    expect(joins([6])).toBe(true);
    expect(joins([])).toBe(true);
    expect(joins([8, 1])).toBe(false);
  });

  test("an operand that is a transposed view stays with the operation that walks it", () => {
    const w = new GraphWriter();
    const p = w.call("matmul", [w.argument([8, 5]), w.argument([5, 6])]);
    const x = w.call("permute", [w.argument([6, 8])], { dims: [1, 0] });
    expect(shown(fused(w.graph(w.call("mul", [p, x]))))).toEqual(["matmul", "permute", "mul"]);
  });

  test("no more operands join than a kernel can bind", () => {
    const w = new GraphWriter();
    let y = w.call("matmul", [w.argument([8, 5]), w.argument([5, 6])]);
    for (let i = 0; i < 3; i++) y = w.call("add", [y, w.argument([8, 6])]);
    expect(shown(fused(w.graph(y)))).toEqual(["matmul: add, add -> 4", "add"]);
    expect(shown(fused(w.graph(y), 10))).toEqual(["matmul: add, add, add -> 6"]);
  });

  test("a pointwise copy of a product in order is no epilogue", () => {
    const w = new GraphWriter();
    const p = w.call("matmul", [w.argument([8, 5]), w.argument([5, 6])]);
    expect(shown(fused(w.graph(w.call("contiguous", [p]))))).toEqual(["matmul", "contiguous"]);
  });

  test("what the backward pass computes again is not kept from the forward pass", () => {
    const w = new GraphWriter();
    const h = w.call("matmul", [w.argument([8, 5]), w.argument([5, 6])]);
    const again = w.call("gelu", [h], null, true);
    expect(shown(fused(w.graph(h, again)))).toEqual(["matmul", "gelu"]);
  });

  test("normalisations and their backward kernels take epilogues; the mean and the spread stay", () => {
    const w = new GraphWriter();
    const [x, g, weight] = [w.argument([8, 6]), w.argument([8, 6]), w.argument([6])];
    const attrs = { cols: 6, eps: 1e-5, centered: true, hasWeight: true, hasBias: false };
    const [y, mean, rstd] = w.outputs("layerNorm", [x, weight], attrs).outputs;
    const dx = w.call("normBackward", [g, x, mean!, rstd!, weight], attrs);
    const graph = fused(w.graph(w.call("relu", [y!]), w.call("add", [dx, g])));
    expect(shown(graph)).toEqual(["norm: relu -> 1", "normBackward: add -> 2"]);
    expect(graph.nodes[1]!.inputs.slice(2, 4)).toEqual(graph.nodes[0]!.outputs.slice(1));
  });

  test("rows of several dimensions count their columns over all of them", () => {
    const joins = (shape: number[]): boolean => {
      const w = new GraphWriter();
      const attrs = { cols: 12, eps: 0, centered: false, hasWeight: false, hasBias: false };
      const y = w.call("rmsNorm", [w.argument([8, 3, 4])], attrs);
      return shown(fused(w.graph(w.call("mul", [y, w.argument(shape)])))).length === 1;
    };
    expect(joins([3, 4])).toBe(true);
    expect(joins([4])).toBe(false);
  });
});

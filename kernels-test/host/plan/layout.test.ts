import { describe, expect, test } from "vitest";
import type { Graph, Node, Value } from "../../../src/plan/graph";
import { withLayouts } from "../../../src/plan/layout";
import { GraphWriter, misplaced } from "../../graphWriter";

const laidOut = (graph: Graph): Graph => {
  const result = withLayouts(graph);
  expect(misplaced(result)).toEqual([]);
  return result;
};
const names = ({ nodes }: Graph): string[] => nodes.map(({ primitive }) => primitive.name);
const maker = ({ source }: Value): Node => {
  if (source.kind !== "node") throw new Error("not the result of a node");
  return source.node;
};
const turn = { dims: [1, 0] };

describe("layouts", () => {
  test("a transposed product is the product of the transposed operands, the other way round", () => {
    const w = new GraphWriter();
    const [a, b] = [w.argument([5, 6]), w.argument([6, 7])];
    const y = w.call("permute", [w.call("matmul", [a, b])], turn);
    const graph = laidOut(w.graph(w.call("contiguous", [y])));
    expect(names(graph)).toEqual(["permute", "permute", "matmul"]);
    const product = maker(graph.results[0]!);
    expect(product.outputs[0]!.shape).toEqual([7, 5]);
    expect(product.inputs.map((v) => maker(v).inputs[0])).toEqual([b, a]);
  });

  test("operands that were transposed before are taken as they are", () => {
    const w = new GraphWriter();
    const [a, b] = [w.argument([6, 5]), w.argument([6, 7])];
    const product = w.call("matmul", [w.call("permute", [a], turn), b]);
    const graph = laidOut(w.graph(w.call("permute", [product], turn)));
    expect(names(graph)).toEqual(["permute", "matmul"]);
    expect(maker(graph.results[0]!).inputs[1]).toBe(a);
  });

  test("batches stay where they are", () => {
    const w = new GraphWriter();
    const [a, b] = [w.argument([3, 5, 6]), w.argument([3, 6, 7])];
    const p = w.call("matmul", [a, b]);
    const dims = (order: number[]) => ({ dims: order });
    const graph = laidOut(w.graph(w.call("permute", [p], dims([0, 2, 1]))));
    expect(graph.results[0]!.shape).toEqual([3, 7, 5]);
    expect(names(graph)).toEqual(["permute", "permute", "matmul"]);
    const v = new GraphWriter();
    const q = v.call("matmul", [v.argument([3, 5, 6]), v.argument([3, 6, 7])]);
    expect(names(laidOut(v.graph(v.call("permute", [q], dims([1, 0, 2])))))).toEqual([
      "matmul",
      "permute",
    ]);
  });

  test("a product that is read both ways, or has a bias along its columns, stays", () => {
    const w = new GraphWriter();
    const p = w.call("matmul", [w.argument([5, 6]), w.argument([6, 7])]);
    expect(names(laidOut(w.graph(p, w.call("permute", [p], turn))))).toEqual(["matmul", "permute"]);
    const v = new GraphWriter();
    const q = v.call("addmm", [v.argument([5, 6]), v.argument([6, 7]), v.argument([7])]);
    expect(names(laidOut(v.graph(v.call("permute", [q], turn))))).toEqual(["addmm", "permute"]);
  });

  test("permutations that follow each other are one, or none", () => {
    const w = new GraphWriter();
    const x = w.argument([2, 3, 4]);
    const cycle = { dims: [1, 2, 0] };
    const once = w.call("permute", [x], cycle);
    const twice = w.call("permute", [once], cycle);
    const back = w.call("permute", [twice], cycle);
    const graph = laidOut(w.graph(twice, back));
    expect(names(graph)).toEqual(["permute"]);
    expect(graph.nodes[0]!.attrs).toEqual({ dims: [2, 0, 1] });
    expect(graph.results[0]!.shape).toEqual([4, 2, 3]);
    expect(graph.results[1]).toBe(x);
  });

  test("what lies in order is not copied to lie so, and what does not is", () => {
    const w = new GraphWriter();
    const x = w.argument([4, 6]);
    const y = w.call("contiguous", [w.call("exp", [x])]);
    const z = w.call("contiguous", [w.call("permute", [x], turn)]);
    expect(names(laidOut(w.graph(y, z)))).toEqual(["exp", "permute", "contiguous"]);
  });

  test("a reshape to the same shape is left out", () => {
    const w = new GraphWriter();
    const x = w.argument([4, 6]);
    const graph = laidOut(w.graph(w.call("reshape", [x], { shape: [4, 6] })));
    expect(graph.results).toEqual([x]);
  });
});

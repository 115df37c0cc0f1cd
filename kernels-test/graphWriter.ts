/** Graphs written by hand, for tests of passes. */
import { type Graph, makeNode, type Node, type Value } from "../src/plan/graph";
import { primitives } from "../src/table";
import type { DType } from "../src/tensor/dtype";
import type { Shape } from "../src/tensor/shape";

export class GraphWriter {
  private readonly nodes: Node[] = [];
  private count = 0;

  argument(shape: Shape, dtype: DType = "f32"): Value {
    return { shape, dtype, source: { kind: "argument", index: this.count++ } };
  }

  /** All results of a primitive. */
  outputs(name: string, inputs: readonly Value[], attrs: unknown = null, again?: true): Node {
    const primitive = primitives.find((p) => p.name === name)!;
    const node = makeNode(primitive, attrs, inputs, primitive.outputs(inputs, attrs), again);
    this.nodes.push(node);
    return node;
  }

  /** The first result of a primitive. */
  call(name: string, inputs: readonly Value[], attrs: unknown = null, again?: true): Value {
    return this.outputs(name, inputs, attrs, again).outputs[0]!;
  }

  graph(...results: Value[]): Graph {
    return { nodes: this.nodes, results, writes: [] };
  }
}

/** What reads a value before it is made, by the names of the primitives. */
export function misplaced({ nodes }: Graph): string[] {
  const made = new Set<Value>();
  return nodes.flatMap(({ primitive, inputs, outputs }) => {
    const early = inputs.some((v) => v.source.kind === "node" && !made.has(v));
    for (const value of outputs) made.add(value);
    return early ? [primitive.name] : [];
  });
}

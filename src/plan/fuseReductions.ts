/**
 * Reductions with their producers: where a sum, a mean or an extremum is all that reads what pointwise operations
 * compute, the reduction computes it element by element, and it is never stored.
 */
import { type FusedAttrs, fusedPointwise } from "../ops/fusedPointwise";
import { type FusedReductionAttrs, fusedReduction } from "../ops/fusedReduction";
import type { ReduceKind } from "../ops/reduce";
import { reducePrimitives } from "../ops/reduce";
import { type Shape, sizeOf } from "../tensor/shape";
import type { FusionOptions } from "./fusePointwise";
import { countUses, type Graph, makeNode, type Node, rewired, type Value } from "./graph";
import { refinedShape } from "./refinedShape";

const kinds: ReadonlySet<string> = new Set<ReduceKind>([
  "sum",
  "mean",
  "prod",
  "max",
  "min",
  "any",
  "all",
]);

const isReduction = ({ primitive }: Node): boolean =>
  kinds.has(primitive.name) && (reducePrimitives as readonly unknown[]).includes(primitive);

/** Bound by the 512 bytes that parameters may have, of which an operand takes up to 36. */
const mostOperands = 7;
const mostNumbers = 20;

/** The dimensions of `refined` that make up those of `shape`. */
function refinedDims(shape: Shape, dims: readonly number[], refined: Shape): number[] {
  const found: number[] = [];
  let at = 0;
  shape.forEach((size, d) => {
    for (let covered = 1; covered < size; at++) {
      covered *= refined[at]!;
      if (dims.includes(d)) found.push(at);
    }
  });
  return found;
}

/** The pointwise node whose elements the reduction reads, where nobody else reads them. */
function producer(value: Value, uses: ReadonlyMap<Value, number>): Node | null {
  const { source } = value;
  if (source.kind !== "node" || uses.get(value) !== 1) return null;
  const { node } = source;
  if (node.primitive === fusedPointwise) return node.outputs.length === 1 ? node : null;
  return node.primitive.name === "reshape" ? producer(node.inputs[0]!, uses) : null;
}

function joined(node: Node, from: Node, { maxBindings }: FusionOptions): Node | null {
  const [value] = node.inputs;
  const { expression, shape, operandShapes } = from.attrs as FusedAttrs;
  const refined = refinedShape(shape, value!.shape);
  const most = Math.min(maxBindings - 1, mostOperands);
  if (!refined || sizeOf(refined) === 0 || from.inputs.length > most) return null;
  if ((expression.numbers ?? []).length > mostNumbers) return null;
  if (node.recomputed !== from.recomputed) return null;
  const [out] = node.outputs;
  const { dims } = node.attrs as { readonly dims: readonly number[] };
  const attrs: FusedReductionAttrs = {
    kind: node.primitive.name as ReduceKind,
    dims: refinedDims(value!.shape, dims, refined),
    expression,
    shape: refined,
    operandShapes,
    outputShape: out!.shape,
    dtype: out!.dtype,
  };
  return makeNode(fusedReduction, attrs, from.inputs, node.outputs, node.recomputed);
}

/** The graph with reductions that compute what they read. Runs after `fusePointwise`. */
export function fuseReductions(graph: Graph, options: FusionOptions): Graph {
  const uses = countUses(graph);
  const replaced = new Map<Value, Value>();
  const gone = new Set<Node>();
  const made = new Map<Node, Node>();
  for (const node of graph.nodes) {
    const from = isReduction(node) ? producer(node.inputs[0]!, uses) : null;
    const fused = from && joined(node, from, options);
    if (!fused) continue;
    gone.add(from);
    made.set(node, fused);
    replaced.set(node.outputs[0]!, fused.outputs[0]!);
  }
  if (made.size === 0) return graph;
  const isDead = (node: Node): boolean =>
    gone.has(node) ||
    (node.primitive.name === "reshape" &&
      node.inputs[0]!.source.kind === "node" &&
      isDead(node.inputs[0]!.source.node));
  const nodes = graph.nodes.flatMap((node) => (isDead(node) ? [] : [made.get(node) ?? node]));
  return rewired(graph, nodes, replaced);
}

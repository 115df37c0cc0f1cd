/**
 * Reductions with their producers: where a sum, a mean or an extremum along rows is all that reads what cheap
 * pointwise operations compute, the reduction computes it element by element, and it is never stored.
 */
import type { AdapterClass } from "../device/executor";
import { ofOutputs } from "../ops/expressionBuilder";
import { type FusedAttrs, fusedPointwise } from "../ops/fusedPointwise";
import { type FusedReductionAttrs, fusedReduction } from "../ops/fusedReduction";
import { isReduction, type ReduceKind } from "../ops/reduce";
import { type Shape, sizeOf } from "../tensor/shape";
import type { FusionOptions } from "./fusePointwise";
import { countUses, type Graph, makeNode, type Node, rewired, type Value } from "./graph";
import { refinedShape } from "./refinedShape";
import { withoutDeadCode } from "./simplify";

/** Keeps parameters below 512 bytes, of which an operand takes up to 36. */
const mostOperands = 7;
const mostNumbers = 20;

/** Functions of a few instructions. */
const cheap =
  /^op_(id|add|sub|mul|neg|abs|sign|square|max|min|where|to|truth|not|eq|ne|lt|le|and|or|relu|clamp|addcmul|lerp|tanh_vjp|sigmoid_vjp|relu_vjp)(_[iu]32)?$/;

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

/** An output of a fused node. */
interface Made {
  readonly node: Node;
  readonly output: number;
}

/** What the elements of a value are computed by, where one reader reads them and nobody else. */
function maker(value: Value, uses: ReadonlyMap<Value, number>): Made | null {
  const { source } = value;
  if (source.kind !== "node" || uses.get(value) !== 1) return null;
  const { node, output } = source;
  if (node.primitive === fusedPointwise) return { node, output };
  return node.primitive.name === "reshape" ? maker(node.inputs[0]!, uses) : null;
}

export interface ReductionOptions extends FusionOptions {
  /** What runs the kernels. */
  readonly adapter: AdapterClass;
}

/**
 * Computed elements are reduced one by one. Columns are summed four at once, faster than that everywhere, and so
 * are rows of whole vec4s on the CPU executor.
 */
const isOneByOne = (shape: Shape, dims: readonly number[], adapter: AdapterClass): boolean => {
  const last = shape.findLastIndex((size) => size !== 1);
  if (last < 0) return true;
  return dims.includes(last) && !(adapter === "wasm" && shape[last]! % 4 === 0);
};

/** The reduction with what it reads computed in it, or null where it cannot be. */
function joined(
  node: Node,
  { node: from, output }: Made,
  { maxBindings, adapter }: ReductionOptions,
): Node | null {
  const [value] = node.inputs;
  const { expression: whole, shape, operandShapes } = from.attrs as FusedAttrs;
  const { expression, operands } = ofOutputs(whole, [output]);
  const refined = refinedShape(shape, value!.shape);
  const most = Math.min(maxBindings - 1, mostOperands);
  if (!refined || sizeOf(refined) === 0 || operands.length > most || operands.length === 0)
    return null;
  if ((expression.numbers ?? []).length > mostNumbers) return null;
  if (node.recomputed !== from.recomputed) return null;
  const [out] = node.outputs;
  const { dims } = node.attrs as { readonly dims: readonly number[] };
  if (!isOneByOne(value!.shape, dims, adapter)) return null;
  const attrs: FusedReductionAttrs = {
    kind: node.primitive.name as ReduceKind,
    dims: refinedDims(value!.shape, dims, refined),
    expression,
    shape: refined,
    operandShapes: operands.map((k) => operandShapes[k]!),
    outputShape: out!.shape,
    dtype: out!.dtype,
  };
  const inputs = operands.map((k) => from.inputs[k]!);
  return makeNode(fusedReduction, attrs, inputs, node.outputs, node.recomputed);
}

/**
 * Elements are computed one by one in a reduction, and four at once in a kernel of their own: what takes more than
 * a few instructions is faster stored.
 */
const isCheap = (reduction: Node): boolean =>
  (reduction.attrs as FusedReductionAttrs).expression.steps.every(({ fn }) => cheap.test(fn));

/** A fused node without some of its outputs, or null where none is left. */
function without(node: Node, taken: ReadonlySet<number>): { node: Node; kept: number[] } | null {
  const attrs = node.attrs as FusedAttrs;
  const kept = [...node.outputs.keys()].filter((k) => !taken.has(k));
  if (kept.length === 0) return null;
  const { expression, operands } = ofOutputs(attrs.expression, kept);
  const rest: FusedAttrs = {
    ...attrs,
    expression,
    operandShapes: operands.map((k) => attrs.operandShapes[k]!),
    outputShapes: kept.map((k) => attrs.outputShapes[k]!),
  };
  const inputs = operands.map((k) => node.inputs[k]!);
  const specs = kept.map((k) => node.outputs[k]!);
  return { node: makeNode(fusedPointwise, rest, inputs, specs, node.recomputed), kept };
}

/** The graph with reductions that compute what they read. Runs after `fusePointwise`. */
export function fuseReductions(graph: Graph, options: ReductionOptions): Graph {
  const uses = countUses(graph);
  /** By the fused node whose output they read. */
  const found = new Map<Node, { made: Made; reduction: Node; fused: Node }[]>();
  for (const reduction of graph.nodes) {
    const made = isReduction(reduction.primitive) ? maker(reduction.inputs[0]!, uses) : null;
    const fused = made && joined(reduction, made, options);
    if (!fused) continue;
    const known = found.get(made.node);
    if (known) known.push({ made, reduction, fused });
    else found.set(made.node, [{ made, reduction, fused }]);
  }
  const replaced = new Map<Value, Value>();
  /** What stands in the place of a node; null: nothing. */
  const standing = new Map<Node, Node | null>();
  for (const [from, all] of found) {
    const chosen = all.filter(({ fused }) => isCheap(fused));
    if (chosen.length === 0) continue;
    const rest = without(from, new Set(chosen.map(({ made }) => made.output)));
    standing.set(from, rest?.node ?? null);
    rest?.kept.forEach((k, i) => void replaced.set(from.outputs[k]!, rest.node.outputs[i]!));
    for (const { reduction, fused } of chosen) {
      standing.set(reduction, fused);
      replaced.set(reduction.outputs[0]!, fused.outputs[0]!);
    }
  }
  if (standing.size === 0) return graph;
  const nodes = graph.nodes.flatMap((node) => {
    const stands = standing.get(node);
    return stands === undefined ? [node] : stands ? [stands] : [];
  });
  return withoutDeadCode(rewired(graph, withoutOrphans(nodes, replaced), replaced));
}

/** Without the reshapes of values that are gone. */
function withoutOrphans(nodes: readonly Node[], replaced: ReadonlyMap<Value, Value>): Node[] {
  const present = new Set<Node>();
  for (const node of nodes) {
    const isThere = node.inputs.every((value) => {
      const { source } = replaced.get(value) ?? value;
      return source.kind !== "node" || present.has(source.node);
    });
    if (isThere) present.add(node);
  }
  return [...present];
}

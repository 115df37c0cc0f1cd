/**
 * What `compile` traces a function to: operations in the order in which they were called, each a primitive
 * with its operands. A pass takes a graph and gives another that computes the same.
 *
 * Nodes are in an order in which each comes after those it reads from. Views are nodes like others; they
 * cost nothing when the graph is lowered.
 */
import type { AnyPrimitive } from "../ops/primitive";
import type { DeviceTensor } from "../tensor/deviceTensor";
import type { DType } from "../tensor/dtype";
import type { Shape } from "../tensor/shape";

/** One tensor of the graph. Identity is by reference. */
export interface Value {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly source: Source;
}

export type Source =
  /** Given anew at each call. */
  | { readonly kind: "argument"; readonly index: number }
  /** A tensor from outside that the function reads, such as a parameter: its elements may change between calls. */
  | { readonly kind: "captured"; readonly tensor: DeviceTensor }
  /** A tensor made while tracing: it never changes, and belongs to the graph. */
  | { readonly kind: "constant"; readonly tensor: DeviceTensor }
  | { readonly kind: "node"; readonly node: Node; readonly output: number };

export interface Node {
  readonly primitive: AnyPrimitive;
  readonly attrs: unknown;
  readonly inputs: readonly Value[];
  /** In the order of the primitive's outputs; set once, right after the node is made. */
  readonly outputs: readonly Value[];
  /** Computed again on purpose, by `checkpoint` or under a memory budget: never merged with the first computation of the same. */
  readonly recomputed?: true;
}

/** An effect: the elements of `value` are copied into `target`, of the same shape and dtype, dense. */
export interface Write {
  readonly target: DeviceTensor;
  readonly value: Value;
}

export interface Graph {
  readonly nodes: readonly Node[];
  readonly results: readonly Value[];
  readonly writes: readonly Write[];
}

/** A new node whose outputs have these shapes and dtypes. */
export function makeNode(
  primitive: AnyPrimitive,
  attrs: unknown,
  inputs: readonly Value[],
  specs: readonly { readonly shape: Shape; readonly dtype: DType }[],
  recomputed?: true,
): Node {
  const outputs: Value[] = [];
  const node: Node = { primitive, attrs, inputs, outputs, ...(recomputed && { recomputed }) };
  specs.forEach(({ shape, dtype }, output) => {
    outputs.push({ shape, dtype, source: { kind: "node", node, output } });
  });
  return node;
}

/** How often each value is read: by nodes, as a result, and by writes. */
export function countUses(graph: Graph): Map<Value, number> {
  const uses = new Map<Value, number>();
  const use = (value: Value) => uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const node of graph.nodes) node.inputs.forEach(use);
  graph.results.forEach(use);
  for (const { value } of graph.writes) use(value);
  return uses;
}

/** The same graph with nodes replaced; `replaced` maps values that are gone to those that stand for them. */
export function rewired(
  graph: Graph,
  nodes: readonly Node[],
  replaced: ReadonlyMap<Value, Value>,
): Graph {
  const known = new Map<Value, Value>();
  const current = (value: Value): Value => {
    let next = value;
    for (
      let to = replaced.get(next) ?? known.get(next);
      to;
      to = replaced.get(next) ?? known.get(next)
    )
      next = to;
    return next;
  };
  const remade = nodes.map((node) => {
    const inputs = node.inputs.map(current);
    if (inputs.every((value, i) => value === node.inputs[i])) return node;
    const copy = makeNode(node.primitive, node.attrs, inputs, node.outputs, node.recomputed);
    node.outputs.forEach((value, i) => void known.set(value, copy.outputs[i]!));
    return copy;
  });
  return {
    nodes: remade,
    results: graph.results.map(current),
    writes: graph.writes.map(({ target, value }) => ({ target, value: current(value) })),
  };
}

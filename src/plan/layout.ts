/**
 * Layouts: products in the order in which their elements are wanted, so that none is copied to be turned.
 *
 * Every kernel of products takes operands of any strides, so transposing an operand costs nothing, while a
 * transposed result that goes where elements must lie in order costs a copy: the gradient of a weight that is
 * used transposed is such a one. (a b)ᵀ = bᵀ aᵀ moves the transposition from the result to the operands; each
 * element is the same sum in the same order.
 */
import type { AnyPrimitive } from "../ops/primitive";
import { sameShape } from "../tensor/shape";
import { countUses, type Graph, makeNode, type Node, rewired, type Value } from "./graph";
import { withoutDeadCode } from "./simplify";

/** Dimensions with the last two exchanged. */
const exchanged = (rank: number): number[] => {
  const dims = [...new Array<number>(rank).keys()];
  return [...dims.slice(0, -2), rank - 1, rank - 2];
};

const sameDims = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

interface PermuteNode extends Node {
  readonly attrs: { readonly dims: readonly number[] };
}

const isPermute = (node: Node): node is PermuteNode => node.primitive.name === "permute";

const producer = ({ source }: Value): Node | null => (source.kind === "node" ? source.node : null);

/**
 * Whether the elements of the value are sure to lie in row-major order without gaps where kernels expect them:
 * arguments are brought in so, and results of kernels that write elements one by one are.
 */
export function liesDense(value: Value): boolean {
  const { source } = value;
  switch (source.kind) {
    case "argument":
      return true;
    case "node": {
      const { primitive, inputs } = source.node;
      if (primitive.name === "reshape") return liesDense(inputs[0]!);
      return Boolean(primitive.epilogue || primitive.pointwise);
    }
    default:
      return source.tensor.isDense;
  }
}

/** Writes products the other way round where only their transposition is read, and leaves out needless copies. */
export function withLayouts(graph: Graph): Graph {
  const uses = countUses(graph);
  const replaced = new Map<Value, Value>();
  const nodes: Node[] = [];
  const current = (value: Value): Value => {
    let next = value;
    for (let to = replaced.get(next); to; to = replaced.get(next)) next = to;
    return next;
  };
  /** The value with its last two dimensions exchanged. */
  const transposed = (value: Value, permute: AnyPrimitive): Value => {
    const node = producer(value);
    const dims = exchanged(value.shape.length);
    if (node && isPermute(node) && sameDims(node.attrs.dims, dims)) return node.inputs[0]!;
    const shape = dims.map((d) => value.shape[d]!);
    const turned = makeNode(permute, { dims }, [value], [{ shape, dtype: value.dtype }]);
    nodes.push(turned);
    return turned.outputs[0]!;
  };
  for (const old of graph.nodes) {
    const inputs = old.inputs.map(current);
    const node = inputs.every((v, i) => v === old.inputs[i])
      ? old
      : makeNode(old.primitive, old.attrs, inputs, old.outputs, old.recomputed);
    if (node !== old) old.outputs.forEach((v, i) => void replaced.set(v, node.outputs[i]!));
    const [x] = inputs;
    const [y] = node.outputs;
    const source = x && producer(x);

    // A permutation of a permutation is one, and none where they undo each other.
    if (isPermute(node) && source && isPermute(source)) {
      const dims = node.attrs.dims.map((d) => source.attrs.dims[d]!);
      if (dims.every((d, i) => d === i)) {
        replaced.set(y!, source.inputs[0]!);
        continue;
      }
      const both = makeNode(node.primitive, { dims }, source.inputs, node.outputs, node.recomputed);
      replaced.set(y!, both.outputs[0]!);
      nodes.push(both);
      continue;
    }
    // (a b)ᵀ read alone is bᵀ aᵀ.
    if (
      isPermute(node) &&
      source?.primitive.name === "matmul" &&
      uses.get(old.inputs[0]!) === 1 &&
      sameDims(node.attrs.dims, exchanged(x!.shape.length))
    ) {
      const [a, b] = source.inputs;
      const turned = makeNode(
        source.primitive,
        source.attrs,
        [transposed(b!, node.primitive), transposed(a!, node.primitive)],
        node.outputs,
        source.recomputed,
      );
      replaced.set(y!, turned.outputs[0]!);
      nodes.push(turned);
      continue;
    }
    // What lies in order already needs no copy to lie so.
    if (node.primitive.name === "contiguous" && liesDense(x!)) {
      replaced.set(y!, x!);
      continue;
    }
    if (node.primitive.name === "reshape" && sameShape(x!.shape, y!.shape)) {
      replaced.set(y!, x!);
      continue;
    }
    nodes.push(node);
  }
  return withoutDeadCode(rewired(graph, nodes, replaced));
}

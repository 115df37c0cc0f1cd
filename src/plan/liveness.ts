/**
 * How many bytes of intermediate values a graph keeps alive at each of its nodes. An estimate, made without
 * lowering: it knows which nodes are views of their first input, and which may overwrite an input that dies; it
 * does not know what kernels need between their dispatches.
 *
 * A *residence* is what values that are views of each other share. Arguments, captured tensors, constants,
 * results and what is written to tensors outside have memory of their own: they are not counted.
 */
import { storedBytes } from "../tensor/dtype";
import { denseStrides, isDense, reshapeStrides, type Shape, sizeOf } from "../tensor/shape";
import type { Graph, Node, Value } from "./graph";

export interface Residence {
  readonly bytes: number;
  /** The number of the node that makes it; -1 for what is from outside. */
  readonly first: number;
  /** The number of the last node that reads it, or `first` where none does. */
  last: number;
  /** Not counted: from outside the graph, or for it. */
  lasting: boolean;
  readonly values: Value[];
}

export interface Liveness {
  /** Bytes while each node runs; 0 for views, for which nothing runs. */
  readonly live: readonly number[];
  /** The most bytes of all nodes. */
  readonly peakBytes: number;
  /** The nodes that only look at memory in another way. */
  readonly views: ReadonlySet<Node>;
  /** The number of the node that makes a value; -1 for what is from outside. */
  madeAt(value: Value): number;
  residenceOf(value: Value): Residence;
  /** Numbers of the nodes that read a value, rising. */
  usesOf(value: Value): readonly number[];
}

type Strides = readonly number[];

const expanded = (shape: Shape, strides: Strides, target: Shape): number[] => {
  const extra = target.length - shape.length;
  return target.map((d, i) =>
    i < extra || (shape[i - extra] === 1 && d !== 1) ? 0 : strides[i - extra]!,
  );
};

/** The strides of the outputs where they are views of the first input, null where they are not. */
function viewStrides({ primitive, attrs, inputs, outputs }: Node, strides: Strides) {
  const shape = inputs[0]!.shape;
  switch (primitive.name) {
    case "reshape": {
      const to = reshapeStrides(shape, strides, outputs[0]!.shape);
      return to && [to];
    }
    case "permute":
      return [(attrs as { dims: Shape }).dims.map((d) => strides[d]!)];
    case "expand":
      return [expanded(shape, strides, outputs[0]!.shape)];
    case "slice": {
      const { steps } = attrs as { steps: Strides };
      return [strides.map((s, i) => s * steps[i]!)];
    }
    case "windows": {
      const { dim, step, dilation } = attrs as { dim: number; step: number; dilation: number };
      const each = strides.map((s, i) => (i === dim ? s * step : s));
      return [[...each, strides[dim]! * dilation]];
    }
    case "diagonal": {
      const { dim1, dim2 } = attrs as { dim1: number; dim2: number };
      const others = strides.filter((_, i) => i !== dim1 && i !== dim2);
      return [[...others, strides[dim1]! + strides[dim2]!]];
    }
    case "split":
    case "stopGradient":
      return outputs.map(() => strides);
    case "contiguous":
      return isDense(shape, strides) ? [strides] : null;
    default:
      return null;
  }
}

const bytesOf = ({ shape, dtype }: Value): number =>
  Math.max(Math.ceil(storedBytes(dtype, sizeOf(shape)) / 256), 1) * 256;

export function liveness(graph: Graph): Liveness {
  const residences = new Map<Value, Residence>();
  const stridesOf = new Map<Value, Strides>();
  const uses = new Map<Value, number[]>();
  const makers = new Map<Value, number>();
  const residenceOf = (value: Value): Residence => {
    let residence = residences.get(value);
    if (!residence) {
      residence = { bytes: bytesOf(value), first: -1, last: -1, lasting: true, values: [value] };
      residences.set(value, residence);
    }
    return residence;
  };
  const strides = (value: Value): Strides => {
    const { source, shape } = value;
    if (source.kind === "captured" || source.kind === "constant") return source.tensor.strides;
    return stridesOf.get(value) ?? denseStrides(shape);
  };
  const viewing = new Set<Node>();
  graph.nodes.forEach((node, at) => {
    for (const input of new Set(node.inputs)) {
      residenceOf(input).last = at;
      const known = uses.get(input);
      if (known) known.push(at);
      else uses.set(input, [at]);
    }
    const [first] = node.inputs;
    const views = first ? viewStrides(node, strides(first)) : null;
    if (views) viewing.add(node);
    node.outputs.forEach((value, i) => {
      makers.set(value, at);
      if (first && views) {
        stridesOf.set(value, views[i]!);
        const residence = residenceOf(first);
        residence.values.push(value);
        residences.set(value, residence);
      } else
        residences.set(value, {
          bytes: bytesOf(value),
          first: at,
          last: at,
          lasting: false,
          values: [value],
        });
    });
  });
  for (const value of graph.results) residenceOf(value).lasting = true;
  for (const { value } of graph.writes) residenceOf(value).lasting = true;

  const change = new Array<number>(graph.nodes.length + 1).fill(0);
  for (const { bytes, first, last, lasting } of new Set(residences.values()))
    if (!lasting) {
      change[first]! += bytes;
      change[last + 1]! -= bytes;
    }
  let alive = 0;
  let peakBytes = 0;
  const live = graph.nodes.map((node, at) => {
    alive += change[at]!;
    if (viewing.has(node)) return 0;
    const bytes = alive - overwritten(node, at, residenceOf);
    peakBytes = Math.max(peakBytes, bytes);
    return bytes;
  });
  return {
    live,
    peakBytes,
    views: viewing,
    madeAt: (value) => makers.get(value) ?? -1,
    residenceOf,
    usesOf: (value) => uses.get(value) ?? [],
  };
}

/** Bytes of an input that dies at the node, where the one output takes over its memory. */
function overwritten(
  { primitive, inputs, outputs }: Node,
  at: number,
  residenceOf: (value: Value) => Residence,
): number {
  if (!primitive.runInPlace || residenceOf(outputs[0]!).lasting) return 0;
  const { bytes } = residenceOf(outputs[0]!);
  const dying = inputs
    .map(residenceOf)
    .find((r) => !r.lasting && r.last === at && r.bytes === bytes);
  return dying ? bytes : 0;
}

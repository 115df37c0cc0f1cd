/**
 * Fusion of pointwise operations into the kernels before them. A product or a normalisation whose result goes
 * through pointwise operations stores what they compute: biases, activations, residuals, the slope of an
 * activation, and the sum with another gradient cost no kernel of their own, and what nobody else reads is
 * never written to memory.
 *
 * A pointwise node joins the last of the nodes that it reads which can take it, and that one moves to its
 * place. It cannot where another of its operands is computed from the same node: it would have to run both
 * before and after that operand. A sum of two products is so added up by the second.
 */
import type { AdapterClass } from "../device/executor";
import { addedBuffers, type EpilogueAttrs } from "../ops/epilogue";
import { type Expression, operandCount } from "../ops/expression";
import { ExpressionBuilder, type Term, termsOf } from "../ops/expressionBuilder";
import { type FusedAttrs, fusedPointwise } from "../ops/fusedPointwise";
import { productEpilogue } from "../ops/matmul";
import type { AnyPrimitive, Spec } from "../ops/primitive";
import { reshapePrimitive } from "../ops/shape";
import { isPacked } from "../tensor/dtype";
import { type Shape, sameShape, sizeOf } from "../tensor/shape";
import { type Graph, makeNode, type Node, rewired, type Value } from "./graph";
import { withoutDeadCode } from "./simplify";

export interface EpilogueOptions {
  /** Storage buffers that one kernel may bind. */
  readonly maxBindings: number;
  /** What runs the kernels. */
  readonly adapter: AdapterClass;
}

/**
 * Whether products take epilogues. Not on software drivers: what a kernel does with each element in its last,
 * branching part costs as much there as a pass over memory, and each expression costs a kernel that takes
 * half a second to compile (docs/matmul.md).
 */
const productsTakeThem = ({ adapter }: EpilogueOptions): boolean =>
  forcedProductEpilogues.current ?? adapter !== "software";

/** For tests: epilogues of products everywhere; null lets the adapter decide. */
export const forcedProductEpilogues: { current: true | null } = { current: null };

/** The storage buffers of the largest kernel that takes an epilogue, without it. */
const ownBuffers = 6;

/** Pointwise operations on operands that are broadcast to shapes of one size. */
type Pointwise = Pick<FusedAttrs, "expression" | "operandShapes">;

function pointwiseOf({ primitive, attrs, inputs, outputs }: Node): Pointwise | null {
  if (primitive === fusedPointwise) return attrs as FusedAttrs;
  // A copy is there for the sake of how it lies in memory.
  if (!primitive.pointwise || primitive.name === "contiguous") return null;
  if ([...inputs, ...outputs].some(({ dtype }) => isPacked(dtype))) return null;
  const [out] = outputs;
  return {
    expression: {
      inputs: inputs.map(({ dtype }) => dtype),
      steps: [
        {
          fn: primitive.pointwise(inputs, attrs),
          args: inputs.map((_, i) => i),
          dtype: out!.dtype,
        },
      ],
      outputs: [inputs.length],
    },
    operandShapes: inputs.map(() => out!.shape),
  };
}

/** A node that can take an epilogue: its primitive without one, and the one it has. */
interface Host {
  readonly node: Node;
  /** Inputs of the primitive itself, and operands of its epilogue. */
  readonly own: readonly Value[];
  readonly operands: readonly Value[];
  readonly attrs: unknown;
  readonly epilogue: AnyPrimitive;
  readonly expression: Expression;
  /** The first results, which the expression gives. */
  readonly stored: readonly Value[];
  /** Of one row of them. */
  readonly columns: number;
}

function hostOf(node: Node): Host | null {
  const { primitive, inputs, outputs, attrs } = node;
  if (!primitive.epilogue || sizeOf(outputs[0]!.shape) === 0) return null;
  const { primitive: epilogue, columns } = primitive.epilogue;
  // Without a sum a product is pointwise, and its zeros keep their signs.
  if (epilogue === productEpilogue && node.inputs[0]!.shape.at(-1) === 1) return null;
  const shared = { node, epilogue, columns: columns(outputs, attrs) };
  if (epilogue !== primitive) {
    const expression = { inputs: [outputs[0]!.dtype], steps: [], outputs: [0] };
    const stored = outputs.slice(0, 1);
    return { ...shared, own: inputs, operands: [], attrs, expression, stored };
  }
  const { own, expression, stored } = attrs as EpilogueAttrs<unknown>;
  const count = inputs.length - operandCount(expression) + 1;
  return {
    ...shared,
    own: inputs.slice(0, count),
    operands: inputs.slice(count),
    attrs: own,
    expression,
    stored: outputs.slice(0, stored.length),
  };
}

const isTransparent = ({ primitive }: Node): boolean =>
  primitive.name === "reshape" || primitive.name === "stopGradient";

/** The value whose elements `value` has in the same order. */
function baseOf(value: Value): Value {
  let base = value;
  while (base.source.kind === "node" && isTransparent(base.source.node))
    base = base.source.node.inputs[0]!;
  return base;
}

/** Operations whose results lie elsewhere than a kernel that walks rows would look for them. */
const views = new Set(["permute", "expand", "slice", "split", "diagonal", "unfold"]);

/** Whether an operand of the whole result's size can be read in its order without a copy. */
function liesInOrder(value: Value): boolean {
  const { source } = baseOf(value);
  if (source.kind === "node") return !views.has(source.node.primitive.name);
  return source.kind === "argument" || source.tensor.isDense;
}

/**
 * The shape under which an epilogue takes an operand that is broadcast to `under`: that of the result, one
 * element for each column, or one for all; null where it is none of them.
 */
function operandShape(operand: Value, under: Shape, result: Shape, columns: number): Shape | null {
  const size = sizeOf(operand.shape);
  if (size === 1) return [];
  if (size === sizeOf(result)) return liesInOrder(operand) ? result : null;
  const first = operand.shape.findIndex((d) => d !== 1);
  const own = operand.shape.slice(first);
  const isRow = size === columns && sameShape(own, under.slice(-own.length));
  return isRow ? [columns] : null;
}

/** What is known about the graph as it is being rewritten. */
class Rewriting {
  private readonly position = new Map<Node, number>();
  private readonly readers = new Map<Value, (Node | null)[]>();

  constructor(
    readonly graph: Graph,
    private readonly options: EpilogueOptions,
  ) {
    const read = (value: Value, node: Node | null) => {
      const known = this.readers.get(value);
      if (known) known.push(node);
      else this.readers.set(value, [node]);
    };
    graph.nodes.forEach((node, at) => {
      this.position.set(node, at);
      for (const value of node.inputs) read(value, node);
    });
    for (const value of graph.results) read(value, null);
    for (const { value } of graph.writes) read(value, null);
  }

  /** Whether someone but `reader` reads these elements. */
  isReadElsewhere(value: Value, reader: Node): boolean {
    return (this.readers.get(value) ?? []).some((node) => {
      if (node === null) return true;
      if (node === reader) return false;
      return isTransparent(node) ? this.isReadElsewhere(node.outputs[0]!, reader) : true;
    });
  }

  /** Whether `value` is computed from results of `node`. */
  dependsOn(value: Value, node: Node): boolean {
    const first = this.position.get(node)!;
    const seen = new Set<Node>();
    const visit = ({ source }: Value): boolean => {
      if (source.kind !== "node") return false;
      if (source.node === node) return true;
      if (this.position.get(source.node)! < first || seen.has(source.node)) return false;
      seen.add(source.node);
      return source.node.inputs.some(visit);
    };
    return visit(value);
  }

  /** The nodes that `node` reads and that can take an epilogue, the last one first. */
  hosts(node: Node): Host[] {
    const makers = new Set<Node>();
    for (const value of node.inputs) {
      const { source } = baseOf(value);
      if (source.kind === "node") makers.add(source.node);
    }
    return [...makers]
      .sort((a, b) => this.position.get(b)! - this.position.get(a)!)
      .map(hostOf)
      .filter((host) => host !== null)
      .filter(({ epilogue }) => epilogue !== productEpilogue || productsTakeThem(this.options));
  }
}

interface Joined {
  /** In the place of the pointwise node. */
  readonly nodes: readonly Node[];
  readonly replaced: ReadonlyMap<Value, Value>;
}

/** The host with the pointwise node as its epilogue, or null where it cannot take it. */
function joined(
  host: Host,
  user: Node,
  { expression, operandShapes }: Pointwise,
  rewriting: Rewriting,
  room: number,
): Joined | null {
  const [result] = host.stored;
  if (sizeOf(user.outputs[0]!.shape) !== sizeOf(result!.shape)) return null;
  if (user.recomputed && !host.node.recomputed) return null;

  const builder = new ExpressionBuilder();
  const operands: { value: Value; shape: Shape }[] = host.operands.map((value) => ({
    value,
    shape: value.shape,
  }));
  const before = termsOf(
    builder,
    host.expression,
    host.expression.inputs
      .slice(0, operandCount(host.expression))
      .map((dtype, i) => builder.operand(i, dtype)),
  );
  const given: Term[] = [];
  for (const [i, value] of user.inputs.entries()) {
    const place = host.stored.indexOf(baseOf(value));
    if (place >= 0) {
      given.push(before[host.expression.outputs[place]!]!);
      continue;
    }
    const shape = operandShape(value, operandShapes[i]!, result!.shape, host.columns);
    if (!shape || rewriting.dependsOn(value, host.node)) return null;
    let index = operands.findIndex((o) => o.value === value && sameShape(o.shape, shape));
    if (index < 0) index = operands.push({ value, shape }) - 1;
    given.push(builder.operand(index + 1, value.dtype));
  }
  const after = termsOf(builder, expression, given);

  // What others read of the host's results stays; the results of the pointwise node come after it.
  const kept = host.stored.filter((value) => rewriting.isReadElsewhere(value, user));
  const built = builder.build([
    ...kept.map((value) => before[host.expression.outputs[host.stored.indexOf(value)]!]!),
    ...expression.outputs.map((index) => after[index]!),
  ]);
  if (built.operands[0] !== 0 || built.expression.steps.length === 0) return null;
  if (addedBuffers(built.expression) > room) return null;

  const nodes: Node[] = [];
  const shaped = (value: Value, shape: Shape): Value => {
    if (sameShape(value.shape, shape)) return value;
    const node = makeNode(reshapePrimitive, { shape }, [value], [{ shape, dtype: value.dtype }]);
    nodes.push(node);
    return node.outputs[0]!;
  };
  const read = built.operands.slice(1).map((index) => {
    const { value, shape } = operands[index - 1]!;
    return shaped(value, shape);
  });
  const stored: Spec[] = [...kept, ...user.outputs].map(({ dtype }) => ({
    shape: result!.shape,
    dtype,
  }));
  const others = host.node.outputs.slice(host.stored.length);
  const attrs: EpilogueAttrs<unknown> = { own: host.attrs, expression: built.expression, stored };
  const node = makeNode(
    host.epilogue,
    attrs,
    [...host.own, ...read],
    [...stored, ...others],
    host.node.recomputed,
  );
  nodes.push(node);
  const replaced = new Map<Value, Value>();
  kept.forEach((value, i) => void replaced.set(value, node.outputs[i]!));
  user.outputs.forEach((value, i) => {
    replaced.set(value, shaped(node.outputs[kept.length + i]!, value.shape));
  });
  others.forEach((value, i) => void replaced.set(value, node.outputs[stored.length + i]!));
  return { nodes, replaced };
}

/** The nodes in an order in which each comes after those it reads from, else as given. */
function ordered(nodes: readonly Node[], replaced: ReadonlyMap<Value, Value>): Node[] {
  const present = new Set(nodes);
  const done = new Set<Node>();
  const result: Node[] = [];
  const place = (node: Node): void => {
    if (done.has(node)) return;
    done.add(node);
    for (const value of node.inputs) {
      const { source } = replaced.get(value) ?? value;
      if (source.kind === "node" && present.has(source.node)) place(source.node);
    }
    result.push(node);
  };
  nodes.forEach(place);
  return result;
}

/** The graph with pointwise nodes as epilogues of the products and normalisations that they read. */
export function fuseEpilogues(graph: Graph, options: EpilogueOptions): Graph {
  let rewriting = new Rewriting(graph, options);
  let at = 0;
  while (at < rewriting.graph.nodes.length) {
    const { nodes } = rewriting.graph;
    const user = nodes[at]!;
    const pointwise = pointwiseOf(user);
    const found =
      pointwise && joinedToOne(rewriting, user, pointwise, options.maxBindings - ownBuffers);
    if (!found) {
      at++;
      continue;
    }
    const { host, joint } = found;
    const rest = nodes.flatMap((node) =>
      node === user ? joint.nodes : node === host.node ? [] : [node],
    );
    const next = rewired(rewriting.graph, ordered(rest, joint.replaced), joint.replaced);
    rewriting = new Rewriting(next, options);
    // The host is gone from before, so the node after this one has its place.
    at--;
  }
  return withoutDeadCode(rewriting.graph);
}

function joinedToOne(
  rewriting: Rewriting,
  user: Node,
  pointwise: Pointwise,
  room: number,
): { host: Host; joint: Joined } | null {
  for (const host of rewriting.hosts(user)) {
    const joint = joined(host, user, pointwise, rewriting, room);
    if (joint) return { host, joint };
  }
  return null;
}

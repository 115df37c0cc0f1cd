/**
 * Recomputation under a byte budget: values that wait for the backward pass are dropped and computed again where
 * they are read next, as far as it takes for the estimate of the peak to fall under the budget.
 *
 * Greedy: at the node where most bytes are alive, the value is dropped that frees most bytes for the cost of the
 * nodes that compute it again, and that lowers what exceeds the budget. Its producers are copied to right before
 * its next use, back to values that are alive there. Nodes are functions of their inputs, also random draws (of
 * their keys), so a copy gives the same bits. The idea of choosing what to keep by bytes per operation is that of
 * Jain et al., "Checkmate: breaking the memory wall with optimal tensor rematerialization", 2020, who solve it as
 * an integer program.
 */
import { sizeOf } from "../tensor/shape";
import { type Graph, makeNode, type Node, type Value } from "./graph";
import { type Liveness, liveness, type Residence } from "./liveness";
import { withoutDeadCode } from "./simplify";

export interface RecomputeOptions {
  /** What intermediate values may take at once, in bytes. */
  readonly budgetBytes: number;
}

export interface Recomputation {
  readonly graph: Graph;
  /** The estimated peak of the graph: above the budget where no more recomputation lowers it. */
  readonly estimatedPeakBytes: number;
  /** How many nodes were added. */
  readonly recomputed: number;
}

/** Floating-point operations that take as long as moving one element. */
const operationsPerElement = 16;

/** Values smaller than this part of the peak are not worth dropping. */
const smallest = 1 / 512;

/** Dear producers back to values that are alive, at most. */
const longestChain = 6;

/** Candidates that are tried in full before the peak counts as irreducible. */
const mostTried = 24;

const elements = (values: readonly Value[]): number =>
  values.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

const factorisations = new Set([
  "cholesky",
  "determinant",
  "eigh",
  "eigvalsh",
  "luFactor",
  "matrixRoot",
  "pinv",
  "qr",
  "solve",
  "solveTriangular",
  "svd",
  "svdvals",
]);

/** The floating-point operations of a node beyond a few per element. */
function operations({ primitive, inputs, outputs }: Node): number {
  const name = primitive.name.replace("Epilogue", "");
  const [a, b] = inputs.map(({ shape }) => shape);
  const y = outputs[0]!.shape;
  if (name === "matmul" || name === "addmm") return 2 * sizeOf(a!) * (b!.at(-1) ?? 1);
  // y [n, g, o, …] and b [g, o, c, …]
  if (name === "convolution") return (2 * sizeOf(y) * sizeOf(b!)) / Math.max(b![0]! * b![1]!, 1);
  if (/attention$/i.test(name)) return 4 * sizeOf(y) * Math.max(...y.slice(1, -1));
  if (/attentionBackward$/i.test(name)) return 10 * sizeOf(y) * Math.max(...y.slice(1, -1));
  if (factorisations.has(name)) return 10 * sizeOf(a!) * (a!.at(-1) ?? 1);
  return 0;
}

/** What computing a node again costs, in floating-point operations. Views cost nothing. */
const costOf = (node: Node): number =>
  operations(node) + operationsPerElement * (elements(node.inputs) + elements(node.outputs));

/** A graph as the search changes it. */
class State {
  readonly liveness: Liveness;

  constructor(
    readonly graph: Graph,
    /** For what was computed again, the value as it was in the graph given. */
    readonly origins: ReadonlyMap<Value, Value>,
  ) {
    this.liveness = liveness(graph);
  }

  originOf(value: Value): Value {
    return this.origins.get(value) ?? value;
  }

  /** Bytes beyond the budget, summed over the nodes. */
  excess(budget: number): number {
    return this.liveness.live.reduce((sum, bytes) => sum + Math.max(bytes - budget, 0), 0);
  }
}

/** Values with the same elements, first computations and later ones. */
function versionsIn(state: State): Map<Value, Value[]> {
  const versions = new Map<Value, Value[]>();
  for (const { outputs } of state.graph.nodes)
    for (const value of outputs) {
      const origin = state.originOf(value);
      const known = versions.get(origin);
      if (known) known.push(value);
      else versions.set(origin, [value]);
    }
  return versions;
}

/** The nodes that compute a residence again for its uses from node `at` on. */
class Chain {
  /** Each after those it reads from. */
  readonly nodes = new Set<Node>();
  /** What the copies read instead of what the nodes read: another version that is alive. */
  readonly substitutes = new Map<Value, Value>();
  cost = 0;
  /** Bytes of values that would be kept for longer. */
  kept = 0;

  constructor(
    private readonly state: State,
    private readonly versions: ReadonlyMap<Value, readonly Value[]>,
    private readonly target: Residence,
    readonly at: number,
    /** Producers back at most; 0: what is not alive is kept for longer. */
    private readonly longest: number,
  ) {}

  /** Adds what computes `value`. False where that would keep more than it frees. */
  compute(value: Value, length: number): boolean {
    if (value.source.kind !== "node") return true;
    const { node } = value.source;
    if (this.nodes.has(node)) return true;
    const { residenceOf } = this.state.liveness;
    const isView = residenceOf(value).first !== residenceOf(node.inputs[0] ?? value).first;
    for (const input of node.inputs)
      if (!this.provide(input, length + (isView ? 1 : 0))) return false;
    this.nodes.add(node);
    if (isView) this.cost += costOf(node);
    return this.kept < this.target.bytes;
  }
}

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
  /** Fuses the nodes of a graph. Default: nothing is fused, or all is already. */
  readonly fuse?: (graph: Graph) => Graph;
}

export interface Recomputation {
  readonly graph: Graph;
  /** The estimated peak of the graph: above the budget where no more recomputation lowers it. */
  readonly estimatedPeakBytes: number;
  /** How many nodes more there are than without a budget. */
  readonly recomputed: number;
  /** The estimated work that was added, as a part of that of the graph: 0.1 for a tenth more. */
  readonly addedWork: number;
}

/** Floating-point operations that take as long as moving one element. */
const operationsPerElement = 16;

/** Values smaller than this part of the peak are not worth dropping. */
const smallest = 1 / 512;

/** Dear producers back to values that are alive, at most. */
const longestChain = 6;

/** Values smaller than this part of what is dropped are kept instead of computed again. */
const small = 1 / 8;

/** What exceeds this part of the peak is to be lowered, until the budget is reached. */
const nearPeak = 0.9;

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
    readonly origins: ReadonlyMap<Value, Value> = new Map(),
  ) {
    this.liveness = liveness(graph);
  }

  originOf(value: Value): Value {
    return this.origins.get(value) ?? value;
  }

  /** What all nodes cost, in floating-point operations. */
  get work(): number {
    const { views } = this.liveness;
    return this.graph.nodes.reduce((sum, node) => sum + (views.has(node) ? 0 : costOf(node)), 0);
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

/** The nodes that compute again what is dropped, for its uses from node `at` on. */
class Chain {
  /** Each after those it reads from. */
  readonly nodes = new Set<Node>();
  /** What the copies read in place of what the nodes read: another version, which is alive. */
  readonly substitutes = new Map<Value, Value>();
  cost = 0;
  /** Bytes of values that are kept for longer. */
  kept = 0;

  /** @param longest producers back at most; 0: what is not alive any more is kept for longer */
  constructor(
    private readonly state: State,
    private readonly versions: ReadonlyMap<Value, readonly Value[]>,
    private readonly dropped: Residence,
    readonly at: number,
    private readonly longest: number,
  ) {}

  /** Bytes that the peak has less. */
  get freed(): number {
    return this.dropped.bytes - this.kept;
  }

  /** Adds the node of `value` and what it needs. False where that would keep as much as it frees. */
  add(value: Value, length = 0): boolean {
    if (value.source.kind !== "node") return true;
    const { node } = value.source;
    if (this.nodes.has(node)) return true;
    const isView = this.state.liveness.views.has(node);
    for (const input of node.inputs)
      if (!this.provide(input, isView ? length : length + 1)) return false;
    this.nodes.add(node);
    if (!isView) this.cost += costOf(node);
    return true;
  }

  private provide(value: Value, length: number): boolean {
    const { residenceOf } = this.state.liveness;
    const versions = this.versions.get(this.state.originOf(value)) ?? [value];
    const alive = versions.find((version) => this.isAlive(residenceOf(version)));
    if (alive) {
      if (alive !== value) this.substitutes.set(value, alive);
      return true;
    }
    const residence = residenceOf(value);
    const isSmall = residence.bytes < this.dropped.bytes * small;
    if (residence === this.dropped || (length <= this.longest && !isSmall))
      return this.add(value, length);
    this.kept += residence.bytes;
    return this.freed > 0;
  }

  /** Whether what it computes is computed again elsewhere too. */
  get hasVersions(): boolean {
    for (const { outputs } of this.nodes)
      for (const value of outputs)
        if ((this.versions.get(this.state.originOf(value))?.length ?? 0) > 1) return true;
    return false;
  }

  private isAlive(residence: Residence): boolean {
    if (residence === this.dropped) return false;
    return residence.first < this.at && (residence.lasting || residence.last >= this.at);
  }
}

/** What to drop at the peak, the most bytes for the cost first. */
function candidates(state: State): Chain[] {
  const { graph, liveness } = state;
  const { live, peakBytes, madeAt, residenceOf, usesOf } = liveness;
  const peak = live.indexOf(peakBytes);
  const versions = versionsIn(state);
  const residences = new Set<Residence>();
  for (const { outputs } of graph.nodes.slice(0, peak))
    for (const value of outputs) residences.add(residenceOf(value));
  const chains: Chain[] = [];
  for (const residence of residences) {
    const { lasting, last, bytes, values } = residence;
    if (lasting || last <= peak || bytes < peakBytes * smallest) continue;
    const uses = values.flatMap(usesOf);
    if (uses.includes(peak)) continue;
    const next = Math.min(...uses.filter((at) => at > peak));
    // Views made after the peak follow what they view.
    const wanted = values.filter(
      (value) => madeAt(value) < peak && (usesOf(value).at(-1) ?? -1) > peak,
    );
    for (const longest of [longestChain, 0]) {
      const chain = new Chain(state, versions, residence, next, longest);
      if (wanted.every((value) => chain.add(value)) && chain.freed > 0) chains.push(chain);
    }
  }
  const worth = ({ freed, cost }: Chain): number => freed / (cost + 1);
  return chains.sort((a, b) => worth(b) - worth(a));
}

/**
 * The graph with the chain copied to right before node `at`, and read from there on.
 * @param shared whether what is computed again further on reads these copies instead
 */
function withCopies(state: State, { nodes, substitutes, at }: Chain, shared: boolean): State {
  const { graph } = state;
  const origins = new Map(state.origins);
  const make = (node: Node, inputs: readonly Value[], recomputed = node.recomputed): Node => {
    const copy = makeNode(node.primitive, node.attrs, inputs, node.outputs, recomputed);
    node.outputs.forEach((value, i) => void origins.set(copy.outputs[i]!, state.originOf(value)));
    return copy;
  };
  const made = graph.nodes.slice(0, at);
  const copies = new Map<Value, Value>();
  for (const node of nodes) {
    const copy = make(
      node,
      node.inputs.map((value) => copies.get(value) ?? substitutes.get(value) ?? value),
      true,
    );
    node.outputs.forEach((value, i) => void copies.set(value, copy.outputs[i]!));
    made.push(copy);
  }
  const ofOrigin = new Map<Value, Value>();
  if (shared) for (const [value, copy] of copies) ofOrigin.set(state.originOf(value), copy);
  const remade = new Map<Value, Value>();
  const current = (value: Value): Value =>
    copies.get(value) ?? ofOrigin.get(state.originOf(value)) ?? remade.get(value) ?? value;
  for (const node of graph.nodes.slice(at)) {
    const inputs = node.inputs.map(current);
    if (inputs.every((value, i) => value === node.inputs[i])) {
      made.push(node);
      continue;
    }
    const next = make(node, inputs);
    node.outputs.forEach((value, i) => void remade.set(value, next.outputs[i]!));
    made.push(next);
  }
  const kept = (value: Value): Value => remade.get(value) ?? value;
  const results = graph.results.map(kept);
  const writes = graph.writes.map(({ target, value }) => ({ target, value: kept(value) }));
  return new State(withoutDeadCode({ nodes: made, results, writes }), origins);
}

/** The graph after one recomputation that lowers what exceeds the budget, or null. */
function improved(state: State, budget: number): State | null {
  const excess = state.excess(budget);
  for (const chain of candidates(state).slice(0, mostTried)) {
    let best: State | null = null;
    let least = excess;
    for (const shared of chain.hasVersions ? [true, false] : [false]) {
      const next = withCopies(state, chain, shared);
      const left = next.excess(budget);
      if (left >= least) continue;
      best = next;
      least = left;
    }
    if (best) return best;
  }
  return null;
}

/** Drops values until the peak is within the budget or nothing lowers it; the lowest peak on the way. */
function lowered(start: State, budget: number): State {
  let state = start;
  let best = start;
  while (best.liveness.peakBytes > budget) {
    // Only what is near the peak counts: lowering what is far below it may be in vain. The lowest peak so far, since a
    // bound that rose with the state's own peak could lead in circles; whole bytes, so that it takes finitely many steps.
    const bound = Math.floor(Math.max(budget, nearPeak * best.liveness.peakBytes));
    const next = improved(state, bound);
    if (!next) break;
    state = next;
    if (state.liveness.peakBytes < best.liveness.peakBytes) best = state;
  }
  return best;
}

/**
 * The same graph, fused, with as many values computed again as it takes to keep the estimated peak of intermediate
 * values within the budget. What it computes has the same bits.
 *
 * Fusing first shows what is alive in the end; but a fused node that stores two results is computed again as a
 * whole, where one part may be cheap. So values are dropped both from the fused graph and from the graph before it
 * is fused, and what keeps within the budget with less work is taken.
 * @returns the graph with the lowest peak that was found, also where that exceeds the budget
 */
export function recomputeWithin(
  graph: Graph,
  { budgetBytes, fuse }: RecomputeOptions,
): Recomputation {
  const plain = withoutDeadCode(graph);
  const start = new State(fuse ? fuse(plain) : plain);
  let best = lowered(start, budgetBytes);
  if (fuse && best !== start) {
    const parts = lowered(new State(plain), budgetBytes);
    const other = lowered(new State(fuse(parts.graph)), budgetBytes);
    const beyond = ({ liveness }: State): number => Math.max(liveness.peakBytes - budgetBytes, 0);
    const isSmaller = beyond(other) < beyond(best);
    if (isSmaller || (beyond(other) === beyond(best) && other.work < best.work)) best = other;
  }
  return {
    graph: best.graph,
    estimatedPeakBytes: best.liveness.peakBytes,
    recomputed: best.graph.nodes.length - start.graph.nodes.length,
    addedWork: best.work / Math.max(start.work, 1) - 1,
  };
}

/**
 * The network simplex for transportation problems, in f64 on the host:
 *
 *     min Σ_ij c_ij x_ij    with  Σ_j x_ij = supply_i,  Σ_i x_ij = demand_j,  x >= 0
 *
 * A basis is a spanning tree of the sources, the sinks and an artificial root, to which every node is tied at
 * first: a source by an arc that costs nothing, a sink by one that costs more than any path of real arcs. A
 * pivot takes in an arc of negative reduced cost c_ij - f_i - g_j, sends as much as it can around the cycle
 * that the arc closes, and drops the arc that is emptied.
 *
 * Arcs are priced by blocks: the best of the first block of about √(n m) arcs that has any (Grigoriadis 1986).
 * Masses are whole numbers, so flows are exact, and of the emptied arcs the last one around the cycle, seen
 * from its apex, is dropped: that keeps trees strongly feasible, every empty arc pointing to the root, and no
 * sequence of degenerate pivots returns to the same tree (Cunningham 1976; Ahuja, Magnanti, Orlin, Network
 * Flows, chapter 11; Bonneel et al. 2011 use it for transport).
 */

export interface SimplexResult {
  /** Arcs that carry mass, by source, then by sink. */
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  /** In the units of supply. */
  readonly mass: Float64Array;
  /** Dual values: f_i + g_j <= c_ij, with equality where mass is carried, but for rounding. */
  readonly f: Float64Array;
  readonly g: Float64Array;
  readonly pivots: number;
  /** What could not be carried, because all arcs it could take cost Infinity. */
  readonly unmet: number;
  /** False where `maxPivots` ended the search. */
  readonly optimal: boolean;
}

/** Reduced costs above -2^-42 times the largest cost are rounding: potentials are sums along paths of the tree. */
const relativeTolerance = 2 ** -42;

const none = -1;

/** A spanning tree of nodes that hang on a root, each by an arc that carries a flow. */
class SpanningTree {
  readonly parent: Int32Array;
  readonly depth: Int32Array;
  /** Of the arc to the parent. */
  readonly flow: Float64Array;
  /** Whether the arc to the parent leaves this node: sources' arcs do. */
  readonly up: Uint8Array;
  /** v with v_t - v_s = c for each arc s → t of the tree: -f of sources, g of sinks. */
  readonly value: Float64Array;
  private readonly child: Int32Array;
  private readonly next: Int32Array;
  private readonly previous: Int32Array;

  constructor(
    readonly root: number,
    /** Cost of the arc between a node and its parent. */
    private readonly arcCost: (node: number, parent: number) => number,
  ) {
    this.parent = new Int32Array(root + 1).fill(none);
    this.depth = new Int32Array(root + 1);
    this.flow = new Float64Array(root + 1);
    this.up = new Uint8Array(root + 1);
    this.value = new Float64Array(root + 1);
    this.child = new Int32Array(root + 1).fill(none);
    this.next = new Int32Array(root + 1).fill(none);
    this.previous = new Int32Array(root + 1).fill(none);
  }

  attach(node: number, parent: number, flow: number, up: number): void {
    const { child, next, previous } = this;
    const first = child[parent]!;
    next[node] = first;
    previous[node] = none;
    if (first !== none) previous[first] = node;
    child[parent] = node;
    this.parent[node] = parent;
    this.flow[node] = flow;
    this.up[node] = up;
  }

  private detach(node: number): void {
    const { child, next, previous } = this;
    const [before, after] = [previous[node]!, next[node]!];
    if (before === none) child[this.parent[node]!] = after;
    else next[before] = after;
    if (after !== none) previous[after] = before;
  }

  /** Where the paths from two nodes to the root meet. */
  apex(u: number, w: number): number {
    const { depth, parent } = this;
    let [a, b] = [u, w];
    while (a !== b) {
      if (depth[a]! >= depth[b]!) a = parent[a]!;
      else b = parent[b]!;
    }
    return a;
  }

  /** Hangs the subtree below the arc of `cut` on `parent` by the arc of `node`, one of its nodes. */
  rehang(node: number, parent: number, flow: number, up: number, cut: number): void {
    let [stem, above, carried, leaves] = [node, parent, flow, up];
    for (;;) {
      const old = this.parent[stem]!;
      const [oldFlow, oldUp] = [this.flow[stem]!, this.up[stem]!];
      this.detach(stem);
      this.attach(stem, above, carried, leaves);
      if (stem === cut) return;
      [above, carried, leaves, stem] = [stem, oldFlow, 1 - oldUp, old];
    }
  }

  /** Calls `visit` for a node and all below it, parents first. */
  private descend(top: number, visit: (node: number) => void): void {
    const { child, next, parent } = this;
    let node = top;
    for (;;) {
      visit(node);
      if (child[node] !== none) {
        node = child[node]!;
        continue;
      }
      while (node !== top && next[node] === none) node = parent[node]!;
      if (node === top) return;
      node = next[node]!;
    }
  }

  /** After `rehang`: depths below `top` again, and its values moved. */
  settle(top: number, shift: number): void {
    const { depth, parent, value } = this;
    this.descend(top, (node) => {
      depth[node] = depth[parent[node]!]! + 1;
      value[node] = value[node]! + shift;
    });
  }

  /** All values again from the costs of the arcs, without what shifts have rounded. */
  revalue(): void {
    const { parent, up, value, root } = this;
    this.descend(root, (node) => {
      if (node === root) return;
      const above = parent[node]!;
      const cost = this.arcCost(node, above);
      value[node] = value[above]! + (up[node] ? -cost : cost);
    });
  }
}

/** Finds arcs to take in: goes around the cost matrix, a block of arcs at a time. */
class BlockPricing {
  source = 0;
  sink = 0;
  private nextSource = 0;
  private nextSink = 0;
  private readonly size: number;

  constructor(
    private readonly n: number,
    private readonly m: number,
    private readonly cost: Float64Array,
    private readonly tolerance: number,
  ) {
    this.size = Math.max(Math.ceil(Math.sqrt(n * m)), 10);
  }

  /** The reduced cost of the arc (source, sink) that it found; 0 where no arc has a negative one. */
  find(value: Float64Array): number {
    const { n, m, cost, size } = this;
    let best = -this.tolerance;
    let found = false;
    let block = size;
    for (let left = n * m; left > 0; ) {
      const [i, first] = [this.nextSource, this.nextSink];
      const run = Math.min(m - first, block, left);
      const [row, own] = [i * m, value[i]!];
      for (let j = first; j < first + run; j++) {
        const reduced = cost[row + j]! + own - value[n + j]!;
        if (reduced < best) {
          best = reduced;
          found = true;
          this.source = i;
          this.sink = j;
        }
      }
      this.nextSink = first + run;
      if (this.nextSink === m) {
        this.nextSink = 0;
        this.nextSource = (i + 1) % n;
      }
      left -= run;
      block -= run;
      if (block > 0) continue;
      if (found) break;
      block = size;
    }
    return found ? best : 0;
  }
}

/** Takes the arc source → sink of this reduced cost into the tree, and drops one that its cycle empties. */
function pivot(tree: SpanningTree, source: number, sink: number, reduced: number): void {
  const { parent, flow, up } = tree;
  const apex = tree.apex(source, sink);
  let amount = Number.POSITIVE_INFINITY;
  let cut = none;
  let below = source;
  for (let u = source; u !== apex; u = parent[u]!)
    if (up[u] && flow[u]! < amount) [amount, cut] = [flow[u]!, u];
  for (let u = sink; u !== apex; u = parent[u]!)
    if (!up[u] && flow[u]! <= amount) [amount, cut, below] = [flow[u]!, u, sink];
  if (amount > 0) {
    for (let u = source; u !== apex; u = parent[u]!)
      flow[u] = flow[u]! + (up[u] ? -amount : amount);
    for (let u = sink; u !== apex; u = parent[u]!) flow[u] = flow[u]! + (up[u] ? amount : -amount);
  }
  const fromSource = below === source;
  tree.rehang(below, fromSource ? sink : source, amount, fromSource ? 1 : 0, cut);
  tree.settle(below, fromSource ? -reduced : reduced);
}

/**
 * @param supply positive whole numbers [n], n > 0
 * @param demand positive whole numbers [m], m > 0, with the same sum, below 2^53
 * @param cost [n, m], finite or Infinity
 */
export function networkSimplex(
  supply: Float64Array,
  demand: Float64Array,
  cost: Float64Array,
  maxPivots: number,
): SimplexResult {
  const [n, m] = [supply.length, demand.length];
  const root = n + m;
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const c of cost) {
    if (c < least) least = c;
    if (c > most && c < Number.POSITIVE_INFINITY) most = c;
  }
  const scale = most === Number.NEGATIVE_INFINITY ? 0 : Math.max(Math.abs(least), Math.abs(most));
  // A path of k real arcs forth and k - 1 back costs at most `most` + (k - 1) (most - least).
  const dear = scale === 0 ? 1 : 2 * scale * (1 + Math.min(n, m));
  const arcCost = (u: number, w: number): number => {
    if (u === root || w === root) return Math.min(u, w) < n ? 0 : dear;
    const [source, sink] = u < w ? [u, w] : [w, u];
    return cost[source * m + sink - n]!;
  };
  const tree = new SpanningTree(root, arcCost);
  for (let i = 0; i < n; i++) tree.attach(i, root, supply[i]!, 1);
  for (let j = 0; j < m; j++) tree.attach(n + j, root, demand[j]!, 0);
  for (let u = 0; u < root; u++) tree.depth[u] = 1;
  tree.revalue();

  const pricing = new BlockPricing(n, m, cost, relativeTolerance * scale);
  let pivots = 0;
  let optimal = false;
  // Whether values were computed anew since the last pivot: only then is finding no arc a proof.
  let fresh = true;
  while (!optimal) {
    const reduced = pricing.find(tree.value);
    if (reduced < 0) {
      if (pivots === maxPivots) break;
      pivot(tree, pricing.source, n + pricing.sink, reduced);
      pivots++;
      fresh = false;
    } else if (fresh) optimal = true;
    else {
      tree.revalue();
      fresh = true;
    }
  }

  const carried: [number, number, number][] = [];
  let unmet = 0;
  for (let u = 0; u < root; u++) {
    const [flow, above] = [tree.flow[u]!, tree.parent[u]!];
    if (flow === 0) continue;
    if (above !== root) carried.push([Math.min(u, above), Math.max(u, above) - n, flow]);
    else if (u < n) unmet += flow;
  }
  carried.sort(([i, j], [k, l]) => i - k || j - l);
  return {
    rows: Int32Array.from(carried, ([i]) => i),
    columns: Int32Array.from(carried, ([, j]) => j),
    mass: Float64Array.from(carried, ([, , x]) => x),
    f: tree.value.slice(0, n).map((v) => -v),
    g: tree.value.slice(n, root),
    pivots,
    unmet,
    optimal,
  };
}

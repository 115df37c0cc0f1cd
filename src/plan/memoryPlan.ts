/**
 * Where the intermediate results of a compiled function live: buffers that are never alive at the same time
 * share memory. What is placed here are *virtual* buffers, each known by its size and by the first and the
 * last command that uses it; what they are placed in are *arenas*, real buffers that last as long as the plan.
 *
 * One arena would be best, but WebGPU refuses a dispatch that binds a buffer once to read and once to write,
 * even with disjoint ranges. So what a dispatch reads and what it writes lie in different arenas, and the
 * plan is a colouring (which arena) and a packing (which offset) at once. The sum of the arenas is what
 * counts: arenas that are full at different times waste memory although each is packed well.
 *
 * Both are decided together, buffer by buffer: each goes where the arenas grow least, into the tightest gap
 * there (best fit, as in Pisarchyk and Lee, "Efficient memory management for deep neural net inference",
 * 2020). Which buffer comes first decides how good that is, so several orders are tried, then the best is
 * improved by moving buffers ahead in it. All of it is deterministic.
 */
import { LimitError } from "../errors";

/** A virtual buffer. It holds something from command `first` to command `last`, both included. */
export interface VirtualBuffer {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** Indices of the virtual buffers that one dispatch only reads and that it writes; of a copy, source and target. */
export interface BufferConflict {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

export interface MemoryRequest {
  readonly buffers: readonly VirtualBuffer[];
  readonly conflicts: readonly BufferConflict[];
  readonly limits: { readonly maxBufferBytes: number };
  /** What offsets and sizes are multiples of, in bytes. Default 256. */
  readonly alignment?: number;
}

export interface Placement {
  /** Index of the arena. */
  readonly arena: number;
  /** In bytes from the start of the arena. */
  readonly offset: number;
}

export interface MemoryPlan {
  /** The largest first, so that plans which share arenas by number waste little. */
  readonly arenas: readonly { readonly bytes: number }[];
  /** One per virtual buffer. */
  readonly placements: readonly Placement[];
  /** The sum of the arenas. */
  readonly peakBytes: number;
  /** The most bytes that are alive at one command: no plan takes less. */
  readonly lowerBound: number;
}

/** The request in units of the alignment, with what every attempt needs. */
interface Problem {
  readonly count: number;
  readonly sizes: Int32Array;
  readonly first: Int32Array;
  readonly last: Int32Array;
  /** `neighbours[b]`: the buffers that may not share an arena with b. */
  readonly neighbours: readonly Int32Array[];
  /** Live units at each command. */
  readonly live: Float64Array;
  /** The most units an arena may have. */
  readonly limit: number;
}

interface Attempt {
  readonly order: Int32Array;
  /** Arenas that were open from the start. */
  readonly opened: number;
  readonly arena: Int32Array;
  readonly offset: Int32Array;
  /** Units of each arena. */
  readonly heights: readonly number[];
  readonly total: number;
}

function pose(request: MemoryRequest): Problem {
  const { buffers, conflicts, limits, alignment = 256 } = request;
  const count = buffers.length;
  const limit = Math.floor(limits.maxBufferBytes / alignment);
  const commands = buffers.reduce((most, { last }) => Math.max(most, last + 1), 0);
  const change = new Float64Array(commands + 1);
  const sizes = new Int32Array(count);
  buffers.forEach(({ bytes, first, last }, b) => {
    const size = Math.max(Math.ceil(bytes / alignment), 1);
    if (size > limit)
      throw new LimitError(
        `A result of ${bytes} bytes is larger than the largest buffer of this device (${limits.maxBufferBytes} bytes). Compute it in pieces: a smaller batch, or fewer rows at a time.`,
      );
    sizes[b] = size;
    change[first]! += size;
    change[last + 1]! -= size;
  });
  for (let at = 1; at <= commands; at++) change[at]! += change[at - 1]!;
  const sets = buffers.map(() => new Set<number>());
  for (const { reads, writes } of conflicts)
    for (const read of reads)
      for (const written of writes)
        if (read !== written) {
          sets[read]!.add(written);
          sets[written]!.add(read);
        }
  return {
    count,
    sizes,
    first: Int32Array.from(buffers, ({ first }) => first),
    last: Int32Array.from(buffers, ({ last }) => last),
    neighbours: sets.map((set) => Int32Array.from(set)),
    live: change,
    limit,
  };
}

/** Where a buffer goes among those of an arena that are alive with it: the tightest gap, else on top. */
function bestFit(
  { sizes, first, last }: Problem,
  b: number,
  row: readonly number[],
  offset: Int32Array,
  height: number,
): number {
  const size = sizes[b]!;
  const from = first[b]!;
  const to = last[b]!;
  let top = 0;
  let place = -1;
  let tightest = Number.POSITIVE_INFINITY;
  for (const other of row) {
    if (first[other]! > to || last[other]! < from) continue;
    const start = offset[other]!;
    const room = start - top;
    if (room >= size && room < tightest) {
      tightest = room;
      place = top;
    }
    const end = start + sizes[other]!;
    if (end > top) top = end;
  }
  const room = height - top;
  return place < 0 || (room >= size && room < tightest) ? top : place;
}

/** Places the buffers in this order, in `opened` arenas or as many more as the conflicts force. */
function pack(problem: Problem, order: Int32Array, opened: number): Attempt {
  const { count, sizes, neighbours, limit } = problem;
  const arena = new Int32Array(count).fill(-1);
  const offset = new Int32Array(count);
  const heights = new Array<number>(opened).fill(0);
  /** The buffers of each arena by rising offset. */
  const rows: number[][] = heights.map(() => []);
  const forbiddenTo: number[] = heights.map(() => -1);
  for (const b of order) {
    const size = sizes[b]!;
    for (const other of neighbours[b]!) if (arena[other]! >= 0) forbiddenTo[arena[other]!] = b;
    let chosen = -1;
    let place = 0;
    let growth = Number.POSITIVE_INFINITY;
    let height = Number.POSITIVE_INFINITY;
    for (let a = 0; a < heights.length; a++) {
      if (forbiddenTo[a] === b) continue;
      const candidate = bestFit(problem, b, rows[a]!, offset, heights[a]!);
      const becomes = Math.max(heights[a]!, candidate + size);
      const grows = becomes - heights[a]!;
      if (becomes > limit || grows > growth || (grows === growth && becomes >= height)) continue;
      chosen = a;
      place = candidate;
      growth = grows;
      height = becomes;
    }
    if (chosen < 0) {
      chosen = heights.push(0) - 1;
      rows.push([]);
      forbiddenTo.push(-1);
      height = size;
    }
    arena[b] = chosen;
    offset[b] = place;
    heights[chosen] = height;
    const row = rows[chosen]!;
    let at = row.length;
    for (; at > 0 && offset[row[at - 1]!]! > place; at--) row[at] = row[at - 1]!;
    row[at] = b;
  }
  const total = heights.reduce((sum, units) => sum + units, 0);
  return { order, opened, arena, offset, heights, total };
}

/** Orders in which attempts place the buffers, the most promising first. */
function orders({ count, sizes, first, last, live }: Problem): Int32Array[] {
  const sorted = (...keys: ((b: number) => number)[]): Int32Array =>
    Int32Array.from({ length: count }, (_, b) => b).sort((a, b) => {
      for (const key of keys) {
        const difference = key(a) - key(b);
        if (difference !== 0) return difference;
      }
      return a - b;
    });
  const largest = (b: number) => -sizes[b]!;
  const longest = (b: number) => first[b]! - last[b]! - 1;
  const peak = live.reduce((best, units, at) => (units > live[best]! ? at : best), 0);
  const nearest = (b: number) => Math.max(first[b]! - peak, peak - last[b]!, 0);
  const crowds = Float64Array.from({ length: count }, (_, b) =>
    live.subarray(first[b]!, last[b]! + 1).reduce((most, units) => Math.max(most, units), 0),
  );
  const mostCrowded = (b: number) => -crowds[b]!;
  return [
    sorted(largest, longest),
    sorted((b) => -largest(b) * longest(b), largest),
    sorted(mostCrowded, largest, longest),
    sorted(mostCrowded, longest, largest),
    sorted(nearest, longest, largest),
    sorted((b) => first[b]!, largest),
  ];
}

/** How many arenas attempts open, the most promising first. */
const openings = [4, 5, 2, 3, 1];

/** Attempts for this many buffers: at most about 100 ms. An attempt takes time quadratic in them. */
const attemptsFor = (count: number): number =>
  Math.min(Math.max(Math.floor(6e7 / (count * count + 1)), 6), 400);

/** Within this factor of the lower bound, moving buffers ahead is not worth its time. */
const goodEnough = 1.01;

/** Numbers from 0 to `below` - 1, the same on every run: the generator of Numerical Recipes. */
function sameDraws(): (below: number) => number {
  let state = 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * The order of an attempt with one buffer moved to before one that is alive with it: mostly a buffer that lies on
 * top of an arena, for these are why it is as large as it is.
 */
function rearranged(
  { sizes, first, last }: Problem,
  { order, arena, offset, heights }: Attempt,
  draw: (below: number) => number,
): Int32Array {
  const turns: number[] = [];
  const onTop = draw(3) > 0;
  order.forEach((b, turn) => {
    if (!onTop || offset[b]! + sizes[b]! === heights[arena[b]!]) turns.push(turn);
  });
  const turn = turns[draw(turns.length)]!;
  const moved = order[turn]!;
  const rivals: number[] = [];
  for (let i = 0; i < turn; i++) {
    const b = order[i]!;
    if (first[b]! <= last[moved]! && last[b]! >= first[moved]!) rivals.push(i);
  }
  const next = order.slice();
  if (rivals.length === 0) return next;
  const to = rivals[draw(rivals.length)]!;
  next.copyWithin(to + 1, to, turn);
  next[to] = moved;
  return next;
}

const arenasOf = ({ heights }: Attempt): number => heights.filter((units) => units > 0).length;

function best(problem: Problem, bound: number): Attempt {
  const ordered = orders(problem);
  const candidates = openings.flatMap((opened) => ordered.map((order) => ({ order, opened })));
  const draw = sameDraws();
  let found = pack(problem, candidates[0]!.order, candidates[0]!.opened);
  const attempts = attemptsFor(problem.count);
  for (let i = 1; i < attempts; i++) {
    if (i >= candidates.length && found.total <= goodEnough * bound) break;
    const { order, opened } = candidates[i] ?? {
      order: rearranged(problem, found, draw),
      opened: draw(3) > 0 ? found.opened : 3 + draw(3),
    };
    const next = pack(problem, order, opened);
    const fewer = arenasOf(next) <= arenasOf(found);
    // Moving among plans that are equally good finds better ones.
    if (next.total < found.total || (next.total === found.total && fewer)) found = next;
  }
  return found;
}

/**
 * Places virtual buffers in arenas. No two that are alive at one command overlap, no dispatch reads and
 * writes one arena, offsets are multiples of the alignment, and no arena is larger than a buffer may be.
 * The same request gives the same plan.
 * @throws LimitError for a virtual buffer that is larger than a buffer may be
 * @example
 * const plan = planMemory({
 *   buffers: [
 *     { bytes: 4096, first: 0, last: 1 },
 *     { bytes: 4096, first: 1, last: 2 },
 *     { bytes: 4096, first: 2, last: 2 },
 *   ],
 *   conflicts: [
 *     { reads: [0], writes: [1] },
 *     { reads: [1], writes: [2] },
 *   ],
 *   limits: device.limits,
 * });
 * plan.peakBytes; // 8192: the third takes the place of the first
 */
export function planMemory(request: MemoryRequest): MemoryPlan {
  const { alignment = 256 } = request;
  const problem = pose(request);
  const bound = problem.live.reduce((most, units) => Math.max(most, units), 0);
  const { heights, arena, offset, total } = best(problem, bound);
  const used = heights.flatMap((units, a) => (units > 0 ? [a] : []));
  used.sort((a, b) => heights[b]! - heights[a]!);
  return {
    arenas: used.map((a) => ({ bytes: heights[a]! * alignment })),
    placements: Array.from(arena, (a, b) => ({
      arena: used.indexOf(a),
      offset: offset[b]! * alignment,
    })),
    peakBytes: total * alignment,
    lowerBound: bound * alignment,
  };
}

/**
 * Combining terms with the elements that indices name: the kernels below scatterAdd, scatter,
 * scatterReduce, and the gradients of everything that reads by index.
 */
import type { AdapterClass } from "../device/executor";
import {
  gridFor,
  type IndexingScatterReduceOptions,
  indexingAddRows,
  indexingPositions,
  indexingPut,
  indexingScatterReduce,
  launch,
} from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { type DType, storageType } from "../tensor/dtype";
import { denseStrides, type Shape, sizeOf } from "../tensor/shape";
import { computeType } from "./pointwise";
import { sortRows } from "./sortRows";
import { choose } from "./variants";
import { type Walk, walkRows, walkTogether } from "./walk";

/**
 * How an element finds its terms: see shaders/indexing/scatter_reduce, positions and put.
 *
 * - scan: every element looks at every index; one dispatch
 * - counted: positions are sorted by counting, one invocation per list of indices; two dispatches
 * - listed: the same, one invocation per list and element that an index may name
 * - sorted: indices are sorted by comparing; two dispatches or more, then one
 * - put: every index writes its one term
 */
export type ScatterVariant = "scan" | "counted" | "listed" | "sorted" | "put";

/** A scatter into `elements` elements, from lists of `terms` indices below `limit` each. */
export interface ScatterProblem {
  readonly elements: number;
  readonly terms: number;
  readonly limit: number;
  /** Lists that differ: one for all, or one for each place across the dimension that is indexed. */
  readonly lists: number;
  /** No index occurs twice in a list. */
  readonly unique: boolean;
}

/** The words of the counts and positions of all lists, which one binding must cover. */
const widthOf = ({ terms, limit }: ScatterProblem): number => limit + terms;
const mostWords = 2 ** 25;

const allVariants: readonly ScatterVariant[] = ["scan", "counted", "listed", "sorted", "put"];

export const scatterVariants = {
  isApplicable: (variant: ScatterVariant, problem: ScatterProblem): boolean => {
    if (variant === "put") return problem.unique;
    const counts = variant === "counted" || variant === "listed";
    return !counts || problem.lists * widthOf(problem) <= mostWords;
  },
  defaultChoice: (adapter: AdapterClass, problem: ScatterProblem): ScatterVariant => {
    if (problem.unique) return "put";
    const { elements, terms, limit, lists } = problem;
    const hardware = adapter === "hardware";
    // Comparisons that cost less than the dispatches they save.
    const few = hardware ? 2 ** 24 : 2 ** 14;
    if (terms <= 8 || elements * terms <= few) return "scan";
    const counting: ScatterVariant = hardware ? "listed" : "counted";
    const affordable = !hardware || lists * limit * terms <= 2 ** 30;
    return affordable && scatterVariants.isApplicable(counting, problem) ? counting : "sorted";
  },
  candidates: (problem: ScatterProblem): readonly ScatterVariant[] =>
    allVariants.filter((variant) => scatterVariants.isApplicable(variant, problem)),
};

/** For tests: runs one variant wherever it is applicable; null lets `defaultChoice` decide. */
export const forcedScatterVariant: { current: ScatterVariant | null } = { current: null };

/** What becomes of several terms for one element; `last`: the last in order of position. */
export type Combination = "add" | "mul" | "max" | "min" | "last";

/** What combines with a term to that term, as the bits of the computing type. */
const neutral: Record<Combination, Record<"f32" | "i32" | "u32", number>> = {
  add: { f32: 0, i32: 0, u32: 0 },
  mul: { f32: 0x3f800000, i32: 1, u32: 1 },
  max: { f32: 0xff800000, i32: 0x80000000, u32: 0 },
  min: { f32: 0x7f800000, i32: 0x7fffffff, u32: 0xffffffff },
  last: { f32: 0, i32: 0, u32: 0 },
};

/** No row is left out. */
const none = 0xffffffff;

const lanes = 4;

/** f16 elements are moved as they are, all others as the u32 their bits make. */
export const movedAs = (dtype: DType): "f16" | "u32" => (dtype === "f16" ? "f16" : "u32");

export const without = (strides: readonly number[], dim: number): number[] =>
  strides.map((s, i) => (i === dim ? 0 : s));

export interface Scattering {
  readonly y: DeviceTensor;
  readonly combine: Combination;
  /**
   * nothing: every element of y is written, with what its terms make. combined: what y holds is one more
   * term. kept: y stays where no term comes.
   */
  readonly base: "nothing" | "combined" | "kept";
  /** The part of y that is walked; its size at `dim` is what indices count. */
  readonly shape: Shape;
  readonly dim: number;
  readonly index: DeviceTensor;
  /** For each dimension of `shape`, the one of `index` that goes with it; at `dim`, the positions. */
  readonly indexDims: readonly (number | null)[];
  readonly src: DeviceTensor;
  /** Along `shape`; at `dim`, the distance between positions. */
  readonly srcStrides: readonly number[];
  /** A row that gets no term. */
  readonly skipped?: number | undefined;
  /** No index occurs twice. */
  readonly unique?: boolean;
  readonly site: string;
}

/** y[.., index[p], ..] takes src[.., p, ..] */
export function scatterTerms(work: Scattering): void {
  const { y, index, indexDims, dim } = work;
  const along = indexDims[dim]!;
  // Rows that repeat without a copy are ordered once.
  const distinct = index.shape.map((d, i) => (index.strides[i] === 0 && i !== along ? 1 : d));
  const terms = index.shape[along]!;
  const problem: ScatterProblem = {
    elements: sizeOf(work.shape),
    terms,
    limit: work.shape[dim]!,
    lists: sizeOf(distinct) / Math.max(terms, 1),
    unique: work.unique ?? false,
  };
  const adapter = y.device.executor.adapter.class;
  const forced = forcedScatterVariant.current;
  const variant =
    forced && scatterVariants.isApplicable(forced, problem)
      ? forced
      : choose(y.device, {
          family: "scatter",
          problem: [problem.elements, terms, problem.limit, problem.lists, problem.unique],
          candidates: () => scatterVariants.candidates(problem),
          defaultChoice: () => scatterVariants.defaultChoice(adapter, problem),
        });
  if (variant === "put") put(work);
  else if (variant === "scan" || index.size === 0) {
    const strides = indexDims.map((d) => (d === null ? 0 : index.strides[d]!));
    reduceTerms(work, { match: "by_scan", index, order: index, strides });
  } else {
    const rows = index.view(distinct, index.strides);
    const steps = denseStrides(distinct.map((d, i) => (i === along ? 1 : d)));
    const stridesOf = (width: number) =>
      indexDims.map((d, i) => {
        if (i === dim) return 1;
        return d === null || distinct[d] === 1 ? 0 : steps[d]! * width;
      });
    if (variant === "sorted") {
      const { keys, order, width } = sortRows(rows, along, { key: "key_u32", descending: false });
      reduceTerms(work, { match: "by_search", index: keys, order, strides: stridesOf(width) });
      keys.dispose();
      order.dispose();
    } else {
      const found = findPositions(rows, along, problem, variant, work.site);
      const strides = stridesOf(widthOf(problem));
      reduceTerms(work, { match: "by_list", index: found, order: found, strides });
      found.dispose();
    }
    rows.dispose();
  }
}

/** The counts and positions of shaders/indexing/positions, u32 [lists, limit + terms]. */
function findPositions(
  rows: DeviceTensor,
  along: number,
  problem: ScatterProblem,
  variant: "counted" | "listed",
  site: string,
): DeviceTensor {
  const { device } = rows;
  const { lists, limit, terms } = problem;
  const width = widthOf(problem);
  const { rank, shape, strides } = walkRows(along, [rows]);
  const found = DeviceTensor.empty(device, [lists, width], "u32");
  const series = variant === "counted";
  const perList = series ? 1 : limit;
  const perGroup = series ? 1 : 64;
  launch(
    device,
    indexingPositions,
    { index: rows.binding, found: found.binding, faults: device.faults },
    {
      shape,
      index_strides: strides[0]!,
      count: lists * perList,
      per_list: perList,
      terms,
      limit,
      width,
      index_offset: rows.bindingOffset,
      index_step: rows.strides[along]!,
      site: device.faultSite(site),
    },
    gridFor(device, lists * perList, perGroup),
    {
      slots: { FIND: series ? "in_series" : "by_element" },
      overrides: { RANK: rank, WG: perGroup },
    },
  );
  return found;
}

interface Matching {
  readonly match: "by_scan" | "by_search" | "by_list";
  readonly index: DeviceTensor;
  readonly order: DeviceTensor;
  /** Of the index along `shape`. */
  readonly strides: readonly number[];
}

/** shaders/indexing/add_rows, where it applies: see there. `walk`: of y, index, src and row numbers. */
function addWholeRows(work: Scattering, how: Matching, walk: Walk): boolean {
  const { y, combine, base, shape, dim, src, srcStrides, skipped } = work;
  if (how.match !== "by_list" || combine !== "add" || base === "kept" || walk.rank !== 2)
    return false;
  const [rows, width] = walk.shape as [number, number];
  const [ofY, ofIndex, ofSrc, ofRows] = walk.strides as [Pair, Pair, Pair, Pair];
  const srcRow = srcStrides[dim]!;
  const whole = [width, ofY[0], y.bindingOffset, srcRow, src.bindingOffset];
  if (whole.some((n) => n % lanes !== 0) || ofY[1] !== 1 || ofSrc[1] !== 1) return false;
  if (ofIndex[0] !== 0 || ofIndex[1] !== 0 || ofRows[0] !== 1 || ofRows[1] !== 0) return false;
  const quads = width / lanes;
  launch(
    y.device,
    indexingAddRows,
    { found: how.index.binding, src: src.binding, y: y.binding },
    {
      count: rows * quads,
      quads,
      limit: shape[dim]!,
      skipped: skipped ?? none,
      y_row: ofY[0] / lanes,
      y_offset: y.bindingOffset / lanes,
      src_row: srcRow / lanes,
      src_offset: src.bindingOffset / lanes,
    },
    gridFor(y.device, rows * quads, 64),
    {
      types: { T: storageType(y.dtype), C: computeType(y.dtype) },
      overrides: { ONTO: base === "combined" ? 1 : 0 },
    },
  );
  return true;
}

type Pair = readonly [number, number];

function reduceTerms(work: Scattering, how: Matching): void {
  const { y, combine, base, shape, dim, index, indexDims, src, srcStrides, skipped, site } = work;
  const { device } = y;
  const rowNumbers = shape.map((_, i) => (i === dim ? 1 : 0));
  const walk = walkTogether(shape, [
    y.strides,
    without(how.strides, dim),
    without(srcStrides, dim),
    rowNumbers,
  ]);
  if (addWholeRows(work, how, walk)) return;
  const { rank, shape: walked, strides } = walk;
  const [, inIndex, , inRows] = strides.map((s) => s.at(-1)!);
  const shared = walked.at(-1)! % lanes === 0 && inIndex === 0 && inRows === 0;
  const perInvocation = shared ? lanes : 1;
  const count = sizeOf(shape) / perInvocation;
  const real = y.dtype === "f32" || y.dtype === "f16";
  const T = combine === "last" ? movedAs(y.dtype) : storageType(y.dtype);
  const C = combine === "last" && T === "u32" ? "u32" : computeType(y.dtype);
  launch(
    device,
    indexingScatterReduce,
    {
      index: how.index.binding,
      order: how.order.binding,
      src: src.binding,
      y: y.binding,
      faults: device.faults,
    },
    {
      shape: walked,
      y_strides: strides[0]!,
      index_strides: strides[1]!,
      src_strides: strides[2]!,
      j_strides: strides[3]!,
      count,
      y_offset: y.bindingOffset,
      index_offset: how.index.bindingOffset,
      src_offset: src.bindingOffset,
      terms: index.shape[indexDims[dim]!]!,
      index_step: how.strides[dim]!,
      src_step: srcStrides[dim]!,
      limit: shape[dim]!,
      skipped: skipped ?? none,
      start: neutral[combine][C],
      site: device.faultSite(site),
    },
    gridFor(device, count, 64),
    {
      types: { T, C },
      slots: { MATCH: how.match, COMBINE: functionOf(combine, real) },
      overrides: { RANK: rank, LANES: perInvocation, BASE: bases.indexOf(base) },
    },
  );
}

const bases: readonly Scattering["base"][] = ["nothing", "combined", "kept"];

type CombineSlot = NonNullable<NonNullable<IndexingScatterReduceOptions["slots"]>["COMBINE"]>;

const functionOf = (combine: Combination, real: boolean): CombineSlot =>
  (combine === "max" || combine === "min") && real
    ? `combine_${combine}_nan`
    : `combine_${combine}`;

/** One index per element of `shape`, one term at most for each element of y. */
function put({ y, base, dim, index, src, srcStrides, site }: Scattering): void {
  const { device } = y;
  const { rank, shape, strides } = walkTogether(index.shape, [
    index.strides,
    srcStrides,
    without(y.strides, dim),
  ]);
  if (base === "nothing") device.executor.clear(y.binding);
  launch(
    device,
    indexingPut,
    { index: index.binding, src: src.binding, y: y.binding, faults: device.faults },
    {
      shape,
      index_strides: strides[0]!,
      src_strides: strides[1]!,
      y_strides: strides[2]!,
      count: index.size,
      index_offset: index.bindingOffset,
      src_offset: src.bindingOffset,
      y_step: y.strides[dim]!,
      limit: y.shape[dim]!,
      site: device.faultSite(site),
    },
    gridFor(device, index.size, 64),
    { types: { T: movedAs(y.dtype) }, overrides: { RANK: rank } },
  );
}

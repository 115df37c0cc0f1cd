/**
 * Combining terms with the elements that indices name: the kernels below scatterAdd, scatter,
 * scatterReduce, and the gradients of everything that reads by index.
 */
import type { AdapterClass } from "../device/executor";
import {
  gridFor,
  type IndexingScatterReduceOptions,
  indexingPut,
  indexingScatterReduce,
  launch,
} from "../kernels";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { type DType, storageType } from "../tensor/dtype";
import { denseStrides, type Shape, sizeOf } from "../tensor/shape";
import { computeType } from "./pointwise";
import { sortRows } from "./sortRows";
import { walkTogether } from "./walk";

/** How terms find their element: see shaders/indexing/scatter_reduce and put. */
export type ScatterVariant = "scan" | "sorted" | "put";

/** A scatter of `terms` terms per row into `elements` elements; `unique`: no index occurs twice. */
export interface ScatterProblem {
  readonly elements: number;
  readonly terms: number;
  readonly unique: boolean;
}

export const scatterVariants = {
  isApplicable: (variant: ScatterVariant, { unique }: ScatterProblem): boolean =>
    variant !== "put" || unique,
  defaultChoice: (adapter: AdapterClass, problem: ScatterProblem): ScatterVariant => {
    if (problem.unique) return "put";
    // Comparisons that cost less than sorting, which takes two dispatches or more.
    const few = adapter === "hardware" ? 2 ** 24 : 2 ** 20;
    return problem.terms <= 8 || problem.elements * problem.terms <= few ? "scan" : "sorted";
  },
  candidates: (problem: ScatterProblem): readonly ScatterVariant[] =>
    problem.unique ? ["scan", "sorted", "put"] : ["scan", "sorted"],
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
  const problem: ScatterProblem = {
    elements: sizeOf(work.shape),
    terms: index.shape[along]!,
    unique: work.unique ?? false,
  };
  const adapter = y.device.executor.adapter.class;
  const forced = forcedScatterVariant.current;
  const variant =
    forced && scatterVariants.isApplicable(forced, problem)
      ? forced
      : scatterVariants.defaultChoice(adapter, problem);
  if (variant === "put") put(work);
  else if (variant === "scan" || index.size === 0) {
    const strides = indexDims.map((d) => (d === null ? 0 : index.strides[d]!));
    reduceTerms(work, { match: "by_scan", index, order: index, strides });
  } else {
    // Rows that repeat without a copy are sorted once.
    const distinct = index.shape.map((d, i) => (index.strides[i] === 0 && i !== along ? 1 : d));
    const rows = index.view(distinct, index.strides);
    const sorted = sortRows(rows, along, { key: "key_u32", descending: false });
    rows.dispose();
    const steps = denseStrides(distinct.map((d, i) => (i === along ? 1 : d)));
    const strides = indexDims.map((d, i) => {
      if (i === dim) return 1;
      return d === null || distinct[d] === 1 ? 0 : steps[d]! * sorted.width;
    });
    reduceTerms(work, { match: "by_search", index: sorted.keys, order: sorted.order, strides });
    sorted.keys.dispose();
    sorted.order.dispose();
  }
}

function reduceTerms(
  { y, combine, base, shape, dim, index, indexDims, src, srcStrides, skipped, site }: Scattering,
  how: {
    match: "by_scan" | "by_search";
    index: DeviceTensor;
    order: DeviceTensor;
    /** Of the index along `shape`. */
    strides: readonly number[];
  },
): void {
  const { device } = y;
  const rowNumbers = shape.map((_, i) => (i === dim ? 1 : 0));
  const {
    rank,
    shape: walked,
    strides,
  } = walkTogether(shape, [
    y.strides,
    without(how.strides, dim),
    without(srcStrides, dim),
    rowNumbers,
  ]);
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

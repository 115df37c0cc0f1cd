/**
 * Order statistics along one dimension: a sort, then the elements that are wanted. The gradient goes to
 * those elements.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { isFloat, requireDType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { normalizeDim, show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { clamp, div, lerp, logicalNot, mul, ne, sub, where } from "./arithmetic";
import { countNonzero } from "./counting";
import { arange, full } from "./creation";
import { cummax } from "./cumulative";
import { isnan } from "./floatClasses";
import { ceil, floor, round } from "./functions";
import { gather, indexSelect } from "./indexing";
import { argmax } from "./reduce";
import { cat, flatten, narrow, reshape, select, squeeze, stack, to, unsqueeze } from "./shape";
import { sort } from "./sort";

export interface OrderOptions {
  /** Along which dimension. Default: over all elements. */
  dim?: number;
  /** Keep the reduced dimension (or all, without `dim`) with size 1. Default false. */
  keepdim?: boolean;
}

/** Rows to choose from, along `at`, and what becomes of a result that has no such dimension. */
function rowsOf(op: string, x: Tensor, { dim, keepdim = false }: OrderOptions) {
  const all = dim === undefined || x.rank === 0;
  const at = dim === undefined ? 0 : normalizeDim(op, dim, x.rank);
  const rows = all ? flatten(x) : x;
  if (rows.shape[at] === 0)
    throw new ShapeError(`${op}: shape ${show(x.shape)} has no elements to choose from.`);
  const kept = x.shape.map((d, i) => (all || i === at ? 1 : d));
  return { rows, at: all ? 0 : at, finish: (y: Tensor) => (keepdim ? reshape(y, kept) : y) };
}

/** The last of sorted rows: NaN, if there is any. */
const lastOf = (sorted: Tensor, at: number): Tensor => select(sorted, at, sorted.shape[at]! - 1);

/** `y`, but NaN in rows that hold one. */
function orMissing(y: Tensor, sorted: Tensor, at: number): Tensor {
  if (!isFloat(sorted.dtype)) return y;
  const last = lastOf(sorted, at);
  return where(isnan(last), to(last, y.dtype), y);
}

/**
 * The median along `dim`, of an even number of elements the lower of the two in the middle (PyTorch
 * `median`). A row that holds NaN gives NaN.
 *
 * @param x any dtype but bool
 * @returns x's shape without `dim`, a scalar without; its dtype
 * @throws ShapeError for nothing to choose from or a dim out of range, DTypeError for bool
 * @example median(tensor([3, 1, 2, 4])) // 2
 */
export function median(x: Tensor, options: OrderOptions = {}): Tensor {
  requireOptions("median", options, "dim");
  if (x.dtype === "bool")
    throw new DTypeError('median: not defined for bool; convert with .to("i32").');
  return scope(() => {
    const { rows, at, finish } = rowsOf("median", x, options);
    const { values } = sort(rows, { dim: at });
    const middle = select(values, at, Math.floor((values.shape[at]! - 1) / 2));
    return finish(orMissing(middle, values, at));
  });
}

/**
 * The median of the elements that are not NaN (PyTorch `nanmedian`); NaN where there is none. Otherwise
 * as `median`.
 *
 * @param x any dtype but bool
 * @throws as `median`
 */
export function nanmedian(x: Tensor, options: OrderOptions = {}): Tensor {
  requireOptions("nanmedian", options, "dim");
  if (!isFloat(x.dtype)) return median(x, options);
  return scope(() => {
    const { rows, at, finish } = rowsOf("nanmedian", x, options);
    const { values } = sort(rows, { dim: at });
    const present = countNonzero(logicalNot(isnan(values)), { dim: at, keepdim: true });
    const middle = to(floor(div(clamp(sub(present, 1), 0, rows.shape[at]!), 2)), "i32");
    return finish(squeeze(gather(values, at, middle), at));
  });
}

export type Interpolation = "linear" | "lower" | "higher" | "midpoint" | "nearest";

const interpolations: readonly Interpolation[] = [
  "linear",
  "lower",
  "higher",
  "midpoint",
  "nearest",
];

export interface QuantileOptions extends OrderOptions {
  /** Between which neighbours and how: see NumPy's methods of these names. Default "linear". */
  interpolation?: Interpolation;
}

/**
 * The q-th quantile along `dim` (PyTorch `quantile`): the element at rank q (n - 1) of the sorted row, or
 * between the two nearest. A row that holds NaN gives NaN.
 *
 * @param x floating-point; f16 is computed in f32
 * @param q from 0 to 1: a number, a list, or a tensor (f32, scalar or [k]; not checked, clamped)
 * @returns x's shape without `dim`, a scalar without; for a list or a tensor [k], [k, …]
 * @throws DTypeError, ShapeError; ArgumentError for a number outside 0 to 1
 * @example quantile(tensor([1, 2, 3, 4]), 0.5) // 2.5
 */
export function quantile(
  x: Tensor,
  q: number | readonly number[] | Tensor,
  options: QuantileOptions = {},
): Tensor {
  const { interpolation = "linear" } = requireOptions("quantile", options, "dim");
  if (!isFloat(x.dtype))
    throw new DTypeError(`quantile: not defined for ${x.dtype}; convert with .to("f32").`);
  if (!interpolations.includes(interpolation))
    throw new ArgumentError(
      `quantile: interpolation "${interpolation}" is none of ${interpolations.join(", ")}.`,
    );
  if (q instanceof Tensor) requireRanks(q);
  else if (Array.isArray(q) && q.length === 0)
    throw new ArgumentError("quantile: q is an empty list; give at least one number from 0 to 1.");
  else
    for (const one of (Array.isArray(q) ? q : [q]) as readonly number[])
      if (!(typeof one === "number" && one >= 0 && one <= 1))
        throw new ArgumentError(`quantile: q ${one} must be from 0 to 1.`);
  return scope(() => {
    const { rows, at, finish } = rowsOf("quantile", to(x, "f32"), options);
    const { values } = sort(rows, { dim: at });
    const done = (y: Tensor): Tensor => finish(to(orMissing(y, values, at), x.dtype));
    if (typeof q === "number") return done(atRank(values, at, q, interpolation));
    if (!(q instanceof Tensor))
      return stack(q.map((one) => done(atRank(values, at, one, interpolation))));
    const found = atRanks(values, at, q.rank === 0 ? reshape(q, [1]) : q, interpolation);
    const list = Array.from({ length: found.shape[at]! }, (_, i) => done(select(found, at, i)));
    return q.rank === 0 ? list[0]! : stack(list);
  });
}

function requireRanks(q: Tensor): void {
  requireDType("quantile", "q", q.dtype, ["f32"]);
  if (q.rank > 1 || q.size === 0)
    throw new ShapeError(`quantile: q has shape ${show(q.shape)}; it must be a scalar or [k].`);
}

/** Half to even, as WGSL's round. */
function roundEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/** At one rank that is known on the host. */
function atRank(sorted: Tensor, at: number, q: number, interpolation: Interpolation): Tensor {
  const rank = q * (sorted.shape[at]! - 1);
  const [below, above] = [Math.floor(rank), Math.ceil(rank)];
  if (interpolation === "nearest") return select(sorted, at, roundEven(rank));
  if (interpolation === "lower" || below === above) return select(sorted, at, below);
  if (interpolation === "higher") return select(sorted, at, above);
  const share = interpolation === "midpoint" ? 0.5 : rank - below;
  return lerp(select(sorted, at, below), select(sorted, at, above), share);
}

/** At ranks [k] that only the device knows; k takes the place of the sorted dimension. */
function atRanks(sorted: Tensor, at: number, q: Tensor, interpolation: Interpolation): Tensor {
  const ranks = mul(clamp(q, 0, 1), sorted.shape[at]! - 1);
  const chosen = (rank: Tensor): Tensor => indexSelect(sorted, at, to(rank, "i32"));
  if (interpolation === "nearest") return chosen(round(ranks));
  if (interpolation === "lower") return chosen(floor(ranks));
  if (interpolation === "higher") return chosen(ceil(ranks));
  const [below, above] = [chosen(floor(ranks)), chosen(ceil(ranks))];
  const share = interpolation === "midpoint" ? 0.5 : sub(ranks, floor(ranks));
  if (typeof share === "number") return lerp(below, above, share);
  const column = sorted.shape.map((_, i) => (i === at ? q.size : 1));
  return lerp(below, above, reshape(share, column));
}

/**
 * The value that occurs most often along `dim`, of several the least (PyTorch `mode`), and the last place
 * where it does.
 *
 * @param x any dtype but bool
 * @returns values, differentiable, and indices (i32): x's shape without `dim`
 * @throws ShapeError for nothing to choose from or a dim out of range, DTypeError for bool
 * @example mode(tensor([2, 1, 2, 1, 3])).values // 1
 */
export function mode(
  x: Tensor,
  options: { dim?: number; keepdim?: boolean } = {},
): { values: Tensor; indices: Tensor } {
  const { dim = -1, keepdim = false } = requireOptions("mode", options, "dim");
  if (x.dtype === "bool")
    throw new DTypeError('mode: not defined for bool; convert with .to("i32").');
  return scope(() => {
    const { rows, at, finish } = rowsOf("mode", x, { dim, keepdim });
    const sorted = sort(rows, { dim: at });
    const n = rows.shape[at]!;
    const column = rows.shape.map((_, i) => (i === at ? n : 1));
    const place = reshape(arange(0, n, 1, { device: x.device }), column);
    const [before, after] = [0, 1].map((start) => narrow(sorted.values, at, start, n - 1));
    const edge = full(rows.shape.with(at, 1), 1, { dtype: "bool", device: x.device });
    const begins = cat([edge, ne(before!, after!)], at);
    // How many equal ones come before each: greatest at the end of the longest run.
    const begin = cummax(where(begins, place, 0), at).values;
    const end = unsqueeze(argmax(sub(place, begin), { dim: at }), at);
    const indices = gather(sorted.indices, at, end);
    const values = gather(rows, at, indices);
    return {
      values: finish(squeeze(values, at)),
      indices: finish(squeeze(indices, at)),
    };
  });
}

/** Coordinates and combinations: every pair, every subset, every place of a triangle. */
import { currentDevice } from "../device/device";
import { ArgumentError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { type TensorOptions, upload } from "../tensor/creation";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import { requireTensor, type Tensor } from "../tensor/tensor";
import { pow } from "./arithmetic";
import { arange } from "./creation";
import { indexSelect } from "./indexing";
import { asFloat } from "./operand";
import { expand, permute, reshape, stack } from "./shape";

function requireVectors(op: string, tensors: readonly Tensor[]): void {
  if (tensors.length === 0) throw new ArgumentError(`${op}: pass at least one tensor.`);
  for (const t of tensors) requireTensor(op, t);
  for (const t of tensors)
    if (t.rank > 1)
      throw new ShapeError(`${op}: a tensor of shape ${show(t.shape)} is no vector; flatten it.`);
}

export interface MeshgridOptions {
  /** "ij": the first tensor goes along dim 0, as matrices are indexed; "xy": along dim 1. Default ij. */
  indexing?: "ij" | "xy";
}

/**
 * The coordinates of a grid as views: each vector along a dimension of its own (PyTorch `meshgrid`).
 * @throws ArgumentError for none, or another indexing; ShapeError for more than one dimension
 */
export function meshgrid(tensors: readonly Tensor[], options: MeshgridOptions = {}): Tensor[] {
  const { indexing = "ij" } = requireOptions("meshgrid", options, "indexing");
  requireVectors("meshgrid", tensors);
  if (indexing !== "ij" && indexing !== "xy")
    throw new ArgumentError(`meshgrid: indexing "${indexing}" is neither "ij" nor "xy".`);
  const shape = tensors.map((t) => t.size);
  const turned = indexing === "xy" && shape.length > 1;
  const order = shape.map((_, i) => (turned && i < 2 ? 1 - i : i));
  return scope(() =>
    tensors.map((t, k) => {
      const along = reshape(
        t,
        shape.map((d, i) => (i === k ? d : 1)),
      );
      const grid = expand(along, shape);
      return turned ? permute(grid, order) : grid;
    }),
  );
}

/**
 * Every choice of one element from each vector, the last varying fastest (PyTorch `cartesian_prod`).
 * @returns [number of choices, number of vectors]; a single vector as it is
 * @throws ArgumentError for none; ShapeError for more than one dimension
 */
export function cartesianProd(...tensors: readonly Tensor[]): Tensor {
  requireVectors("cartesianProd", tensors);
  return scope(() => {
    if (tensors.length === 1) return reshape(tensors[0]!, [tensors[0]!.size]);
    const columns = meshgrid(tensors).map((t) => reshape(t, [t.size]));
    return stack(columns, 1);
  });
}

/** How many choices of `r` there are among n: (n over r), or with replacement (n + r - 1 over r). */
function choiceCount(n: number, r: number, withReplacement: boolean): number {
  const all = withReplacement ? n + r - 1 : n;
  if (all < r) return 0;
  const fewer = Math.min(r, all - r);
  let count = 1;
  for (let i = 1; i <= fewer && Number.isFinite(count); i++) count *= (all - fewer + i) / i;
  return Math.round(count);
}

/** Every ascending choice of `r` numbers below n, one after the other; equal neighbours only with replacement. */
function choices(n: number, r: number, count: number, withReplacement: boolean): Int32Array {
  const list = new Int32Array(count * r);
  const choice = Int32Array.from({ length: count > 0 ? r : 0 }, (_, i) =>
    withReplacement ? 0 : i,
  );
  for (let k = 0; k < count; k++) {
    list.set(choice, k * r);
    // The last place that can still go up does, and those behind it follow as closely as they may.
    const most = (i: number) => (withReplacement ? n - 1 : n - r + i);
    let at = r - 1;
    while (at > 0 && choice[at] === most(at)) at--;
    choice[at]!++;
    for (let i = at + 1; i < r; i++) choice[i] = choice[i - 1]! + (withReplacement ? 0 : 1);
  }
  return list;
}

export interface CombinationsOptions {
  /** Whether an element may be chosen more than once. Default false. */
  withReplacement?: boolean;
}

/**
 * Every choice of `r` elements of a vector, in its order (PyTorch `combinations`).
 * @returns [number of choices, r]; differentiable
 * @throws ShapeError unless x has one dimension; ArgumentError unless r is a whole number >= 1
 */
export function combinations(x: Tensor, r = 2, options: CombinationsOptions = {}): Tensor {
  const { withReplacement = false } = requireOptions("combinations", options, "withReplacement");
  if (x.rank !== 1)
    throw new ShapeError(`combinations: x of shape ${show(x.shape)} must have one dimension.`);
  if (!Number.isInteger(r) || r < 1)
    throw new ArgumentError(`combinations: r ${r} must be a whole number >= 1.`);
  const count = choiceCount(x.size, r, withReplacement);
  x.device.pool.requireFits(4 * count * r, `combinations of ${r} among ${x.size}`);
  return scope(() => {
    const list = choices(x.size, r, count, withReplacement);
    const places = upload(list, [list.length], { dtype: "i32", device: x.device });
    return reshape(indexSelect(x, 0, places), [count, r]);
  });
}

/** How many places (i, j) of a matrix have j - i >= diagonal: the rows that lie in it whole, and those cut. */
function placesAbove(rows: number, columns: number, diagonal: number): number {
  const whole = Math.min(Math.max(1 - diagonal, 0), rows);
  const end = Math.min(Math.max(columns - diagonal, whole), rows);
  const longest = columns - whole - diagonal;
  return whole * columns + ((end - whole) * (2 * longest - (end - whole - 1))) / 2;
}

/** Places of a matrix, row by row: from the diagonal on, or (lower) up to it. */
function triangle(
  op: string,
  [rows, columns, diagonal]: readonly [number, number, number],
  lower: boolean,
  options: TensorOptions,
): Tensor {
  requireOptions(op, options, "dtype");
  if (![rows, columns].every((n) => Number.isInteger(n) && n >= 0))
    throw new ArgumentError(`${op}: ${rows} rows and ${columns} columns must be whole and >= 0.`);
  if (!Number.isInteger(diagonal))
    throw new ArgumentError(`${op}: diagonal ${diagonal} must be a whole number.`);
  const count = lower
    ? rows * columns - placesAbove(rows, columns, diagonal + 1)
    : placesAbove(rows, columns, diagonal);
  const device = options.device ?? currentDevice();
  device.pool.requireFits(8 * count, `${op} of ${count} places`);
  const places = new Int32Array(2 * count);
  let at = 0;
  for (let row = lower ? Math.max(-diagonal, 0) : 0; at < count; row++) {
    const first = lower ? 0 : Math.max(row + diagonal, 0);
    const end = lower ? Math.min(row + diagonal + 1, columns) : columns;
    for (let column = first; column < end; column++) {
      places[at] = row;
      places[count + at] = column;
      at++;
    }
  }
  return upload(places, [2, count], { dtype: "i32", ...options });
}

/**
 * The rows and columns of the upper triangle of a matrix, row by row (PyTorch `triu_indices`).
 * @param diagonal the first diagonal that belongs to it; default 0, the main one
 * @returns i32 [2, n]
 */
export function triuIndices(
  rows: number,
  columns: number,
  diagonal = 0,
  options: TensorOptions = {},
): Tensor {
  return triangle("triuIndices", [rows, columns, diagonal], false, options);
}

/**
 * The rows and columns of the lower triangle of a matrix, row by row (PyTorch `tril_indices`).
 * @param diagonal the last diagonal that belongs to it; default 0, the main one
 * @returns i32 [2, n]
 */
export function trilIndices(
  rows: number,
  columns: number,
  diagonal = 0,
  options: TensorOptions = {},
): Tensor {
  return triangle("trilIndices", [rows, columns, diagonal], true, options);
}

export interface VanderOptions {
  /** Powers from 0 upwards instead of downwards to 0. Default false. */
  increasing?: boolean;
}

/**
 * The powers of each element as a row (PyTorch `vander`); integers are taken as f32.
 * @param count how many powers; default: as many as x has elements
 * @returns [x.size, count]; differentiable
 * @throws ShapeError unless x has one dimension; ArgumentError unless count is a whole number >= 0
 */
export function vander(x: Tensor, count = x.size, options: VanderOptions = {}): Tensor {
  const { increasing = false } = requireOptions("vander", options, "increasing");
  if (x.rank !== 1)
    throw new ShapeError(`vander: x of shape ${show(x.shape)} must have one dimension.`);
  if (!Number.isInteger(count) || count < 0)
    throw new ArgumentError(`vander: count ${count} must be a whole number >= 0.`);
  return scope(() => {
    const { device } = x;
    const f32 = { device, dtype: "f32" } as const;
    const powers = increasing ? arange(0, count, 1, f32) : arange(count - 1, -1, -1, f32);
    return pow(reshape(asFloat(x), [x.size, 1]), powers);
  });
}

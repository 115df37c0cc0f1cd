/** Coordinates and combinations: every pair, every subset, every place of a triangle. */
import { ArgumentError, ShapeError } from "../errors";
import { type TensorOptions, upload } from "../tensor/creation";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { pow } from "./arithmetic";
import { arange } from "./creation";
import { indexSelect } from "./indexing";
import { asFloat } from "./operand";
import { expand, permute, reshape, stack } from "./shape";

function requireVectors(op: string, tensors: readonly Tensor[]): void {
  if (tensors.length === 0) throw new ArgumentError(`${op}: pass at least one tensor.`);
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
  const { indexing = "ij" } = options;
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

/** Every ascending choice of `r` numbers below n; equal neighbours only with replacement. */
function* choices(n: number, r: number, withReplacement: boolean, first = 0): Generator<number[]> {
  if (r === 0) {
    yield [];
    return;
  }
  for (let i = first; i < n; i++)
    for (const rest of choices(n, r - 1, withReplacement, withReplacement ? i : i + 1))
      yield [i, ...rest];
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
  const { withReplacement = false } = options;
  if (x.rank !== 1)
    throw new ShapeError(`combinations: x of shape ${show(x.shape)} must have one dimension.`);
  if (!Number.isInteger(r) || r < 1)
    throw new ArgumentError(`combinations: r ${r} must be a whole number >= 1.`);
  return scope(() => {
    const list = [...choices(x.size, r, withReplacement)].flat();
    const places = upload(list, [list.length], { dtype: "i32", device: x.device });
    return reshape(indexSelect(x, 0, places), [list.length / r, r]);
  });
}

function triangle(
  op: string,
  [rows, columns]: readonly [number, number],
  inside: (row: number, column: number) => boolean,
  options: TensorOptions,
): Tensor {
  if (![rows, columns].every((n) => Number.isInteger(n) && n >= 0))
    throw new ArgumentError(`${op}: ${rows} rows and ${columns} columns must be whole and >= 0.`);
  const places: number[][] = [[], []];
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      if (inside(row, column)) {
        places[0]!.push(row);
        places[1]!.push(column);
      }
  return upload(places.flat(), [2, places[0]!.length], { dtype: "i32", ...options });
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
  return triangle("triuIndices", [rows, columns], (i, j) => j - i >= diagonal, options);
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
  return triangle("trilIndices", [rows, columns], (i, j) => j - i <= diagonal, options);
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
  const { increasing = false } = options;
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

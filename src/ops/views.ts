/** Views made of simpler ones: dimensions moved, split, merged and taken apart. */
import { ArgumentError, ShapeError } from "../errors";
import { broadcastShapes, dimList, type Shape, show, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import {
  dimensionOf,
  expand,
  flatten,
  narrow,
  permute,
  requireFewPieces,
  reshape,
  select,
  split,
  transpose,
} from "./shape";

/**
 * A view with dimensions `from` moved to places `to`; the others keep their order (PyTorch `movedim`).
 * @throws ShapeError unless both name as many different dimensions
 */
export function movedim(
  x: Tensor,
  from: number | readonly number[],
  to: number | readonly number[],
): Tensor {
  const sources = dimList("movedim", from, x.rank);
  const targets = dimList("movedim", to, x.rank);
  const distinct = (list: readonly number[]) => new Set(list).size === list.length;
  if (sources.length !== targets.length || !distinct(sources) || !distinct(targets))
    throw new ShapeError(
      `movedim: from ${show([from].flat())} and to ${show([to].flat())} must name as many different dimensions of ${show(x.shape)}.`,
    );
  const rest = x.shape.flatMap((_, i) => (sources.includes(i) ? [] : [i])).values();
  return permute(
    x,
    x.shape.map((_, i) =>
      targets.includes(i) ? sources[targets.indexOf(i)]! : (rest.next().value as number),
    ),
  );
}

/**
 * The same as `movedim` (NumPy and PyTorch `moveaxis`).
 * @throws ShapeError for a dim that x does not have
 */
export function moveaxis(
  x: Tensor,
  from: number | readonly number[],
  to: number | readonly number[],
): Tensor {
  return movedim(x, from, to);
}

/** The same as `transpose` (PyTorch `swapdims`). @throws ShapeError for a dim that x does not have */
export function swapdims(x: Tensor, dim0: number, dim1: number): Tensor {
  return transpose(x, dim0, dim1);
}

/** A view in which x repeats to `shape` (PyTorch `broadcast_to`). @throws ShapeError */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return expand(x, shape);
}

/** Views of one shape, that to which all broadcast (PyTorch `broadcast_tensors`). @throws ShapeError */
export function broadcastTensors(...tensors: readonly Tensor[]): Tensor[] {
  const shape = tensors.reduce<number[]>(
    (s, t) => broadcastShapes("broadcastTensors", s, t.shape),
    [],
  );
  return tensors.map((t) => expand(t, shape));
}

/**
 * Views of at most `chunks` pieces along `dim`, all of one size but the last, which may be smaller
 * (PyTorch `chunk`). There may be fewer: five elements in four chunks are 2, 2 and 1.
 * @throws ArgumentError unless chunks is a whole number >= 1; ShapeError for a dim out of range
 */
export function chunk(x: Tensor, chunks: number, dim = 0): Tensor[] {
  const { at, size } = dimensionOf("chunk", x, dim);
  if (!Number.isInteger(chunks) || chunks < 1)
    throw new ArgumentError(`chunk: chunks ${chunks} must be a whole number >= 1.`);
  if (size === 0) requireFewPieces("chunk", chunks);
  if (size === 0) return split(x, new Array<number>(chunks).fill(0), at);
  return split(x, Math.ceil(size / chunks), at);
}

/**
 * Views of pieces along `dim` (PyTorch `tensor_split`).
 * @param where a number of pieces, of which the first are one element longer where it does not divide the
 * size; or the indices from one to the next of which pieces go, negative ones counted from the end
 * @throws ArgumentError for numbers that are not whole, or fewer than one piece; ShapeError
 */
export function tensorSplit(x: Tensor, where: number | readonly number[], dim = 0): Tensor[] {
  const { at, size } = dimensionOf("tensorSplit", x, dim);
  const list: readonly number[] = Array.isArray(where) ? where : [where];
  if (!list.every(Number.isInteger) || (typeof where === "number" && where < 1))
    throw new ArgumentError(
      `tensorSplit: ${show(list)} must be a number of pieces >= 1, or whole indices.`,
    );
  if (typeof where === "number") requireFewPieces("tensorSplit", where);
  if (typeof where === "number")
    return split(
      x,
      Array.from({ length: where }, (_, i) => Math.floor(size / where) + Number(i < size % where)),
      at,
    );
  const clip = (i: number): number => Math.min(Math.max(i < 0 ? i + size : i, 0), size);
  const bounds = [0, ...where.map(clip), size];
  const lengths = bounds.slice(1).map((end, i) => end - bounds[i]!);
  if (lengths.every((length) => length >= 0)) return split(x, lengths, at);
  return lengths.map((length, i) => narrow(x, at, bounds[i]!, Math.max(length, 0)));
}

/** Views of the elements along `dim`, without that dimension (PyTorch `unbind`). @throws ShapeError */
export function unbind(x: Tensor, dim = 0): Tensor[] {
  const { at, size } = dimensionOf("unbind", x, dim);
  requireFewPieces("unbind", size);
  return Array.from({ length: size }, (_, i) => select(x, at, i));
}

/**
 * Dimension `dim` under several sizes, of which one may be -1 and is worked out (PyTorch `unflatten`).
 * @throws ShapeError where the sizes do not make up the dimension
 * @example unflatten(zeros([2, 6]), 1, [3, -1]).shape // [2, 3, 2]
 */
export function unflatten(x: Tensor, dim: number, sizes: Shape): Tensor {
  const { at, size } = dimensionOf("unflatten", x, dim);
  const known = sizeOf(sizes.filter((d) => d !== -1));
  const wanted = sizes.map((d) => (d === -1 && known > 0 ? size / known : d));
  if (sizeOf(wanted) !== size || wanted.some((d) => !Number.isInteger(d) || d < 0))
    throw new ShapeError(
      `unflatten: sizes ${show(sizes)} do not make up dimension ${dim} of ${show(x.shape)}, which is ${size}; at most one may be -1.`,
    );
  return reshape(x, [...x.shape.slice(0, at), ...wanted, ...x.shape.slice(at + 1)]);
}

/** All elements in one dimension (PyTorch `ravel`). */
export function ravel(x: Tensor): Tensor {
  return flatten(x);
}

/** x with at least one dimension (PyTorch `atleast_1d`). */
export function atleast1d(x: Tensor): Tensor {
  return reshape(x, x.rank === 0 ? [1] : x.shape);
}

/** x with at least two dimensions; a vector becomes a row (PyTorch `atleast_2d`). */
export function atleast2d(x: Tensor): Tensor {
  return reshape(x, x.rank >= 2 ? x.shape : [1, x.size]);
}

/** x with at least three dimensions: [n] becomes [1, n, 1], [n, m] [n, m, 1] (PyTorch `atleast_3d`). */
export function atleast3d(x: Tensor): Tensor {
  return reshape(x, x.rank >= 3 ? x.shape : x.rank === 2 ? [...x.shape, 1] : [1, x.size, 1]);
}

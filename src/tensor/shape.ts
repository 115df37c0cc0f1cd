/** Shapes and strides, in elements: pure functions, no device. */
import { ShapeError } from "../errors";

export type Shape = readonly number[];

/** Largest number of dimensions of a tensor: what the strided kernels' parameters hold. */
export const maxRank = 8;

export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const d of shape) size *= d;
  return size;
}

/** Row-major strides. */
export function denseStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]!;
  }
  return strides;
}

/** True if the elements lie in row-major order without gaps; dimensions of size 1 may have any stride. */
export function isDense(shape: Shape, strides: readonly number[]): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== step) return false;
    step *= shape[i]!;
  }
  return true;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

export const show = (shape: Shape): string => `[${shape.join(", ")}]`;

/** NumPy broadcasting of two shapes. @throws ShapeError naming `op` and both shapes. */
export function broadcastShapes(op: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      throw new ShapeError(
        `${op}: shapes ${show(a)} and ${show(b)} do not broadcast (dimension ${i - rank}: ${x} against ${y}). Reshape or expand one of them.`,
      );
    out[i] = x === 1 ? y : x;
  }
  return out;
}

/** A dimension from 0 to rank - 1; negative counts from the end. @throws ShapeError. */
export function normalizeDim(op: string, dim: number, rank: number): number {
  const limit = Math.max(rank, 1);
  if (!Number.isInteger(dim) || dim < -limit || dim >= limit)
    throw new ShapeError(
      `${op}: dim ${dim} is out of range for ${rank} dimensions; valid are ${-limit} to ${limit - 1}.`,
    );
  return dim < 0 ? dim + limit : dim;
}

/** One dimension or several, from 0 up, in the order given. @throws ShapeError. */
export function dimList(op: string, dims: number | readonly number[], rank: number): number[] {
  return (Array.isArray(dims) ? dims : [dims]).map((d) => normalizeDim(op, d, rank));
}

/** Sorted distinct dimensions; undefined means all. @throws ShapeError on a repeated dimension. */
export function normalizeDims(
  op: string,
  dims: number | readonly number[] | undefined,
  rank: number,
): number[] {
  if (dims === undefined) return Array.from({ length: rank }, (_, i) => i);
  const list = dimList(op, dims, rank);
  const distinct = [...new Set(list)].sort((a, b) => a - b);
  if (distinct.length !== list.length)
    throw new ShapeError(`${op}: dims ${show(list)} name a dimension twice.`);
  return rank === 0 ? [] : distinct;
}

/** Checks that every entry is a whole number >= 0 and the rank is at most `maxRank`. */
export function checkShape(op: string, shape: Shape): void {
  if (!Array.isArray(shape))
    throw new ShapeError(`${op}: shape ${shape} must be a list of sizes, such as [2, 3].`);
  if (shape.length > maxRank)
    throw new ShapeError(`${op}: ${shape.length} dimensions; at most ${maxRank} are supported.`);
  for (const d of shape)
    if (!Number.isInteger(d) || d < 0)
      throw new ShapeError(
        `${op}: shape ${show(shape)} has an entry that is no whole number >= 0.`,
      );
}

/**
 * Merges neighbouring dimensions that every operand walks in one stride, and drops those of size 1.
 * Kernels then need fewer divisions per element. All stride lists belong to the same `shape`.
 */
export function coalesce(
  shape: Shape,
  strides: readonly (readonly number[])[],
): { shape: number[]; strides: number[][] } {
  const outShape: number[] = [];
  const outStrides: number[][] = strides.map(() => []);
  for (let i = 0; i < shape.length; i++) {
    const d = shape[i]!;
    if (d === 1) continue;
    const last = outShape.length - 1;
    const mergeable = last >= 0 && strides.every((s, k) => outStrides[k]![last] === s[i]! * d);
    if (mergeable) {
      outShape[last] = outShape[last]! * d;
      strides.forEach((s, k) => {
        outStrides[k]![last] = s[i]!;
      });
    } else {
      outShape.push(d);
      strides.forEach((s, k) => {
        outStrides[k]!.push(s[i]!);
      });
    }
  }
  if (outShape.length === 0) {
    outShape.push(1);
    for (const s of outStrides) s.push(0);
  }
  return { shape: outShape, strides: outStrides };
}

/**
 * Strides that view `shape`/`strides` as `target` without a copy, or null where only a copy can.
 * Both have the same number of elements.
 */
export function reshapeStrides(
  shape: Shape,
  strides: readonly number[],
  target: Shape,
): number[] | null {
  if (sizeOf(shape) === 0) return denseStrides(target);
  const from = coalesce(shape, [strides]);
  const out = new Array<number>(target.length).fill(0);
  let group = from.shape.length - 1;
  let left = from.shape[group]!;
  let step = from.strides[0]![group]!;
  for (let i = target.length - 1; i >= 0; i--) {
    const d = target[i]!;
    if (d === 1) {
      out[i] = step;
      continue;
    }
    if (left === 1) {
      group--;
      if (group < 0) return null;
      left = from.shape[group]!;
      step = from.strides[0]![group]!;
    }
    if (left % d !== 0) return null;
    out[i] = step;
    step *= d;
    left /= d;
  }
  return out;
}

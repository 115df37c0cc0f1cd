/** The same elements in another order along their dimensions, or several times. */
import { ArgumentError, ShapeError } from "../errors";
import { gridFor, launch, pointwiseUnaryStrided } from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { storageType, storedBytes } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import {
  checkShape,
  maxRank,
  normalizeDim,
  normalizeDims,
  type Shape,
  show,
  sizeOf,
} from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { computeType } from "./pointwise";
import type { Primitive } from "./primitive";
import { jvpOfLinear } from "./rules";
import { cat, clone, expand, flatten, identity, narrow, reshape, transpose } from "./shape";
import { bind } from "./trace";
import { walkTogether } from "./walk";

const lanes = 4;

const flipPrimitive: Primitive<{ readonly dims: readonly number[] }> = {
  name: "flip",
  formula: "y[i] = x[n - 1 - i] along dims",
  derivative: "g in reverse order along the same dims",
  saves: "nothing",
  outputs: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  run: ([x], { dims }) => {
    const y = DeviceTensor.empty(x!.device, x!.shape, x!.dtype);
    const backwards = x!.strides.map((s, i) => (dims.includes(i) ? -s : s));
    const last = dims.reduce((at, d) => at + (x!.shape[d]! - 1) * x!.strides[d]!, 0);
    const { rank, shape, strides } = walkTogether(x!.shape, [backwards, y.strides]);
    const T = storageType(x!.dtype);
    const perInvocation = shape.at(-1)! % lanes === 0 ? lanes : 1;
    const count = y.size / perInvocation;
    launch(
      x!.device,
      pointwiseUnaryStrided,
      { x: x!.binding, y: y.binding },
      {
        shape,
        // u32 wraps around, so that a stride may be negative.
        strides: strides[0]!,
        out_strides: strides[1]!,
        count,
        offset: x!.bindingOffset + last,
        out_offset: 0,
        infinity: 0,
      },
      gridFor(x!.device, count, 64),
      {
        types: { T, C: computeType(x!.dtype), R: T },
        slots: { OP: identity(x!.dtype) },
        overrides: { RANK: rank, LANES: perInvocation },
      },
    );
    return [y];
  },
  vjp: ([g], { attrs: { dims } }) => [flip(g!, dims)],
  jvp: jvpOfLinear(() => flipPrimitive),
  batch: (inputs, { attrs: { dims } }) =>
    bind(flipPrimitive, inputs, { dims: dims.map((d) => d + 1) }),
};

/**
 * x in reverse order along `dims` (PyTorch `flip`); a copy.
 * @throws ShapeError for a dim out of range or named twice
 * @example flip(tensor([1, 2, 3]), 0) // 3, 2, 1
 */
export function flip(x: Tensor, dims: number | readonly number[]): Tensor {
  const list = normalizeDims("flip", dims, x.rank);
  return bind(flipPrimitive, [x], { dims: list })[0]!;
}

function requireRank(op: string, x: Tensor, least: number): void {
  if (x.rank < least)
    throw new ShapeError(
      `${op}: x of shape ${show(x.shape)} has ${x.rank} dimensions; it takes at least ${least}.`,
    );
}

/** x in reverse order along dim 1 (PyTorch `fliplr`). @throws ShapeError below two dimensions */
export function fliplr(x: Tensor): Tensor {
  requireRank("fliplr", x, 2);
  return flip(x, 1);
}

/** x in reverse order along dim 0 (PyTorch `flipud`). @throws ShapeError for a scalar */
export function flipud(x: Tensor): Tensor {
  requireRank("flipud", x, 1);
  return flip(x, 0);
}

/**
 * x turned by `k` quarter turns in the plane of two dims, from the first towards the second (PyTorch
 * `rot90`).
 * @throws ArgumentError unless k is whole; ShapeError for dims out of range or equal
 */
export function rot90(x: Tensor, k = 1, dims: readonly [number, number] = [0, 1]): Tensor {
  requireRank("rot90", x, 2);
  if (!Number.isInteger(k)) throw new ArgumentError(`rot90: k ${k} must be a whole number.`);
  const plane = dims.map((d) => normalizeDim("rot90", d, x.rank));
  const [a, b] = plane as [number, number];
  if (a === b) throw new ShapeError(`rot90: dims ${show(dims)} name one dimension twice.`);
  const turns = ((k % 4) + 4) % 4;
  return scope(() => {
    if (turns === 0) return clone(x);
    if (turns === 2) return flip(x, [a, b]);
    return turns === 1 ? flip(transpose(x, a, b), a) : flip(transpose(x, a, b), b);
  });
}

/**
 * x moved along `dims`; what leaves at one end comes in at the other (PyTorch `roll`).
 *
 * @param shifts how far, one number for each of `dims`; negative moves towards the beginning
 * @param dims default: x as one long row
 * @throws ArgumentError unless the shifts are whole and as many as dims; ShapeError for a dim out of range
 * @example roll(tensor([1, 2, 3]), 1, 0) // 3, 1, 2
 */
export function roll(
  x: Tensor,
  shifts: number | readonly number[],
  dims?: number | readonly number[],
): Tensor {
  const by: readonly number[] = Array.isArray(shifts) ? shifts : [shifts];
  if (!by.every(Number.isInteger))
    throw new ArgumentError(`roll: shifts ${show(by)} must be whole numbers.`);
  return scope(() => {
    if (dims === undefined) {
      if (by.length !== 1)
        throw new ArgumentError(`roll: without dims it takes one shift, got ${show(by)}.`);
      return reshape(rollDim(flatten(x), by[0]!, 0), x.shape);
    }
    const list: readonly number[] = Array.isArray(dims) ? dims : [dims];
    if (list.length !== by.length)
      throw new ArgumentError(`roll: ${by.length} shifts for ${list.length} dims; give one each.`);
    if (x.rank === 0) throw new ShapeError("roll: a scalar has no dimension to roll along.");
    const rolled = list.reduce((t, d, i) => rollDim(t, by[i]!, normalizeDim("roll", d, x.rank)), x);
    return rolled === x ? clone(x) : rolled;
  });
}

function rollDim(x: Tensor, shift: number, dim: number): Tensor {
  const size = x.shape[dim]!;
  const by = size === 0 ? 0 : ((shift % size) + size) % size;
  if (by === 0) return x;
  return cat([narrow(x, dim, size - by, by), narrow(x, dim, 0, size - by)], dim);
}

function requireCounts(op: string, counts: readonly number[]): void {
  if (!Array.isArray(counts) || !counts.every((n) => Number.isInteger(n) && n >= 0))
    throw new ArgumentError(`${op}: ${show([counts].flat())} must be whole numbers >= 0.`);
}

/**
 * x several times along each dimension (PyTorch `Tensor.repeat`).
 * @param counts one for each dimension of x; more than that stand for new dimensions in front
 * @throws ArgumentError for fewer counts than dimensions, or counts that are not whole numbers >= 0
 * @example repeat(tensor([1, 2]), [2, 2]) // [[1, 2, 1, 2], [1, 2, 1, 2]]
 */
export function repeat(x: Tensor, counts: readonly number[]): Tensor {
  requireCounts("repeat", counts);
  if (counts.length < x.rank)
    throw new ArgumentError(
      `repeat: ${counts.length} counts for ${show(x.shape)}; give one for each dimension, or use tile.`,
    );
  const shape: Shape = [...new Array<number>(counts.length - x.rank).fill(1), ...x.shape];
  checkShape("repeat", shape);
  const elements = sizeOf(shape) * sizeOf(counts);
  x.device.pool.requireFits(storedBytes(x.dtype, elements), `repeat ${show(counts)} times`);
  return scope(() => {
    let y = reshape(x, shape);
    if (counts.every((n) => n === 1)) return clone(y);
    // From the last dimension on, as many at a time as the new dimensions leave room for.
    for (let end = shape.length; end > 0; ) {
      let start = end;
      let room = maxRank - shape.length;
      while (start > 0 && (counts[start - 1] === 1 || shape[start - 1] === 1 || room-- > 0))
        start--;
      if (start === end) return repeatInPlace(y, counts);
      y = repeatDims(y, counts, start, end);
      end = start;
    }
    return y;
  });
}

/** Dimensions start to end - 1, each with one of its repetitions in front where it needs one. */
function repeatDims(x: Tensor, counts: readonly number[], start: number, end: number): Tensor {
  const within = (i: number) => i >= start && i < end;
  const pieces = x.shape.map((d, i) =>
    !within(i) || counts[i] === 1 ? [d] : d === 1 ? [counts[i]!] : [counts[i]!, d],
  );
  const apart = x.shape.flatMap((d, i) => (pieces[i]!.length === 2 ? [1, d] : [d]));
  const wide = expand(reshape(x, apart), pieces.flat());
  return reshape(
    wide,
    x.shape.map((d, i) => (within(i) ? d * counts[i]! : d)),
  );
}

/** Of eight dimensions, where none can be added: one at a time, those around it merged. */
function repeatInPlace(x: Tensor, counts: readonly number[]): Tensor {
  return counts.reduce<Tensor>((y, n, d) => {
    if (n === 1) return y;
    const before = sizeOf(y.shape.slice(0, d));
    const rest = sizeOf(y.shape.slice(d));
    const wide = expand(reshape(y, [before, 1, rest]), [before, n, rest]);
    return reshape(
      wide,
      y.shape.map((size, i) => (i === d ? n * size : size)),
    );
  }, x);
}

/**
 * x several times along its last dimensions (PyTorch `tile`): like `repeat`, but missing counts are 1.
 * @throws ArgumentError for counts that are not whole numbers >= 0
 */
export function tile(x: Tensor, counts: readonly number[]): Tensor {
  requireCounts("tile", counts);
  return repeat(x, [...new Array<number>(Math.max(x.rank - counts.length, 0)).fill(1), ...counts]);
}

/**
 * Each element `count` times in a row (PyTorch `repeat_interleave` with a number).
 * @param dim default: x as one long row
 * @throws ArgumentError unless count is a whole number >= 0; ShapeError for a dim out of range
 * @example repeatInterleave(tensor([1, 2]), 2) // 1, 1, 2, 2
 */
export function repeatInterleave(x: Tensor, count: number, dim?: number): Tensor {
  requireCounts("repeatInterleave", [count]);
  return scope(() => {
    if (dim === undefined || x.rank === 0) {
      if (dim !== undefined) normalizeDim("repeatInterleave", dim, 0);
      return repeatInterleave(flatten(x), count, 0);
    }
    const at = normalizeDim("repeatInterleave", dim, x.rank);
    const before = x.shape.slice(0, at + 1);
    const after = x.shape.slice(at + 1);
    const y = merged(x, at, (t, d) => {
      const column = [...t.shape.slice(0, d + 1), 1, ...t.shape.slice(d + 1)];
      const wide = column.map((n, i) => (i === d + 1 ? count : n));
      return expand(reshape(t, column), wide);
    });
    return reshape(y, [...before.slice(0, -1), before.at(-1)! * count, ...after]);
  });
}

/** Runs `fn` on x with the dimensions before `dim` and those after it merged: [before, dim, after]. */
function merged(x: Tensor, dim: number, fn: (x: Tensor, dim: number) => Tensor): Tensor {
  if (x.rank < maxRank) return fn(x, dim);
  const size = (shape: Shape) => shape.reduce((n, d) => n * d, 1);
  const shape = [size(x.shape.slice(0, dim)), x.shape[dim]!, size(x.shape.slice(dim + 1))];
  return fn(reshape(x, shape), 1);
}

export const rearrangePrimitives = [flipPrimitive];

/** How many elements there are of a kind. */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { isFloat, requireDType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { clamp, div, ge, le, logicalAnd, mul, sub, where } from "./arithmetic";
import { full, zeros } from "./creation";
import { floor } from "./functions";
import { indexAdd } from "./indexing";
import { type ReduceOptions, sum } from "./reduce";
import { expand, flatten, narrow, to } from "./shape";

/**
 * How many elements over `dim` (default: all) are not 0, as i32 (PyTorch `count_nonzero`). NaN is not 0.
 * @param x any dtype
 * @throws ShapeError for dimensions out of range
 */
export function countNonzero(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireOptions("countNonzero", options, "dim");
  return scope(() => sum(to(x, "bool"), options));
}

function requireSize(op: string, argument: string, size: number): void {
  if (!Number.isInteger(size) || size < 1)
    throw new ArgumentError(`${op}: ${argument} ${size} must be a whole number >= 1.`);
}

export interface BincountOptions {
  /** What each element adds to its bin; the shape of x. Default: 1, and counts are i32. */
  weights?: Tensor;
}

/**
 * How often each whole number from 0 to size - 1 occurs (PyTorch `bincount`), added up in a fixed order.
 *
 * Sizes are known on the host here: `size` takes the place of PyTorch's `minlength`, and no element may
 * be as great.
 * @param x i32 or u32 [n]
 * @returns i32 [size], or the dtype of `weights`, in which it is differentiable
 * @throws DTypeError, ShapeError, ArgumentError; at the next read, IndexError for an element out of range
 * @example bincount(tensor(Int32Array.of(1, 3, 1)), 4) // 0, 2, 0, 1
 */
export function bincount(x: Tensor, size: number, options: BincountOptions = {}): Tensor {
  const { weights } = requireOptions("bincount", options, "weights");
  requireDType("bincount", "x", x.dtype, ["i32", "u32"]);
  requireSize("bincount", "size", size);
  if (x.rank !== 1)
    throw new ShapeError(`bincount: x has shape ${show(x.shape)}; it must have one dimension.`);
  if (weights && !sameShape(weights.shape, x.shape))
    throw new ShapeError(
      `bincount: weights ${show(weights.shape)} must have the shape of x, ${show(x.shape)}.`,
    );
  if (weights?.dtype === "bool")
    throw new DTypeError('bincount: weights are bool; convert with .to("i32").');
  const { device } = x;
  return scope(() => {
    const terms = weights ?? expand(full([1], 1, { dtype: "i32", device }), x.shape);
    return indexAdd(zeros([size], { dtype: terms.dtype, device }), 0, x, terms);
  });
}

export interface HistogramOptions {
  /** How many bins. Default 100. */
  bins?: number;
  /** Where the first bin begins. */
  min: number;
  /** Where the last bin ends, which includes it. */
  max: number;
}

/**
 * How many elements lie in each of `bins` equal parts of [min, max] (PyTorch `histc`); those outside, and
 * NaN, in none.
 *
 * @param x floating-point, any shape
 * @returns [bins], of the dtype of x; not differentiable
 * @throws DTypeError; ArgumentError unless min < max and both are finite
 * @example histc(tensor([1, 2, 1]), { bins: 4, min: 0, max: 3 }) // 0, 2, 1, 0
 */
export function histc(x: Tensor, { bins = 100, min, max }: HistogramOptions): Tensor {
  requireSize("histc", "bins", bins);
  if (!isFloat(x.dtype))
    throw new DTypeError(`histc: not defined for ${x.dtype}; convert with .to("f32").`);
  if (!(min < max) || !Number.isFinite(max - min))
    throw new ArgumentError(
      `histc: min ${min} and max ${max} must be finite, the first the lesser. Ranges are given on the host.`,
    );
  return scope(() => {
    const flat = to(flatten(x), "f32");
    const inside = logicalAnd(ge(flat, min), le(flat, max));
    const place = floor(mul(div(sub(flat, min), max - min), bins));
    // One bin more, for what lies in none.
    const bin = to(where(inside, clamp(place, 0, bins - 1), bins), "i32");
    return to(narrow(bincount(bin, bins + 1), 0, 0, bins), x.dtype);
  });
}

/** Lengths of vectors, and vectors of length 1. */
import { ArgumentError } from "../errors";
import { requireOptions } from "../options";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { abs, div, eq, lt, pow, square, where } from "./arithmetic";
import { likeOperand } from "./autocast";
import { countNonzero } from "./counting";
import { asFloat } from "./operand";
import { max, min, type ReduceOptions, sum } from "./reduce";
import { rootOrZero } from "./root";
import { to } from "./shape";

export interface NormOptions extends ReduceOptions {
  /** The order: any number, Infinity and -Infinity too. Default 2. */
  p?: number;
}

/**
 * The p-norm over `dim` (default: all; PyTorch `norm`): (Σ |x|^p)^(1/p); max |x| for Infinity, min |x| for
 * -Infinity, the number of elements that are not 0 for 0.
 *
 * The gradient is 0 where the norm is 0, and for elements that are 0 where the slope would be infinite.
 * @param x any shape; f16 is computed in f32, integers are taken as f32
 * @throws ArgumentError for a p that is NaN; ShapeError for dimensions out of range
 * @example norm(tensor([3, 4])) // 5
 */
export function norm(x: Tensor, options: NormOptions = {}): Tensor {
  const { p = 2, ...over } = requireOptions("norm", options, "p");
  if (typeof p !== "number" || Number.isNaN(p))
    throw new ArgumentError(`norm: p ${p} must be a number, Infinity or -Infinity.`);
  return scope(() => {
    const result = sized(to(asFloat(x), "f32"), p, over);
    return likeOperand(result, x);
  });
}

function sized(x: Tensor, p: number, over: ReduceOptions): Tensor {
  if (p === 2) return rootOrZero(sum(square(x), over));
  if (p === 1) return sum(abs(x), over);
  if (p === Number.POSITIVE_INFINITY) return max(abs(x), over);
  if (p === Number.NEGATIVE_INFINITY) return min(abs(x), over);
  if (p === 0) return to(countNonzero(x, over), "f32");
  const size = abs(x);
  // Powers are taken away from 0 only, where their slopes are finite.
  const powered = (t: Tensor, exponent: number): Tensor => {
    const zero = eq(t, 0);
    const atZero = exponent > 0 ? 0 : Number.POSITIVE_INFINITY;
    return where(zero, atZero, pow(where(zero, 1, t), exponent));
  };
  return powered(sum(powered(size, p), over), 1 / p);
}

export interface NormalizeOptions {
  /** The order of the norm. Default 2. */
  p?: number;
  /** Which dimensions hold a vector. Default 1. */
  dim?: number | readonly number[];
  /** The least that is divided by. Default 1e-12. */
  eps?: number;
}

/**
 * x / max(‖x‖, eps): vectors of length 1 along `dim` (PyTorch `nn.functional.normalize`).
 *
 * @param x floating-point
 * @returns the shape of x; a vector of zeros stays one
 * @throws ShapeError for dimensions out of range
 */
export function normalize(x: Tensor, options: NormalizeOptions = {}): Tensor {
  const { p = 2, dim = 1, eps = 1e-12 } = requireOptions("normalize", options, "p");
  return scope(() => {
    const wide = to(asFloat(x), "f32");
    const length = norm(wide, { p, dim, keepdim: true });
    const y = div(wide, where(lt(length, eps), eps, length));
    return isFloat(x.dtype) ? to(y, x.dtype) : y;
  });
}

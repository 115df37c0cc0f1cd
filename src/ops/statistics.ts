/** Spread, in two passes: deviations from a mean that is known, never E[x²] - E[x]². */
import { ArgumentError } from "../errors";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { normalizeDims, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { div, square, sub } from "./arithmetic";
import { mean, type ReduceOptions, sum } from "./reduce";
import { rootOrZero } from "./root";
import { reshape } from "./shape";

export interface VarianceOptions extends ReduceOptions {
  /** Subtracted from n in the divisor. Default 1 (Bessel), as in PyTorch. */
  correction?: number;
}

/** Variance and mean, with the reduced dimensions kept. */
function spread(op: string, x: Tensor, options: VarianceOptions): [Tensor, Tensor] {
  const { dim, correction = 1 } = requireOptions(op, options, "dim");
  const dims = normalizeDims(op, dim, x.rank);
  if (!(correction >= 0))
    throw new ArgumentError(`${op}: correction ${correction} must be a number >= 0.`);
  const n = sizeOf(dims.map((d) => x.shape[d]!));
  const center = mean(x, { dim: dims, keepdim: true });
  const total = sum(square(sub(x, center)), { dim: dims, keepdim: true });
  return [div(total, Math.max(n - correction, 0)), center];
}

/** `y`, whose reduced dimensions are kept, as the options ask for it. */
function finished(op: string, y: Tensor, { dim, keepdim }: ReduceOptions): Tensor {
  if (keepdim) return y;
  const dims = normalizeDims(op, dim, y.rank);
  return reshape(
    y,
    y.shape.filter((_, i) => !dims.includes(i)),
  );
}

/**
 * Variance over `dim` (default: all): Σ (x - mean)² / (n - correction); NaN where that divides by 0.
 *
 * @param x floating-point
 * @throws DTypeError, ShapeError; ArgumentError for a negative correction
 * @example variance(tensor([1, 2, 3])) // 1
 */
export function variance(x: Tensor, options: VarianceOptions = {}): Tensor {
  return scope(() => finished("variance", spread("variance", x, options)[0], options));
}

/**
 * Standard deviation over `dim` (default: all), the root of `variance` (PyTorch `std`). Where it is 0, so
 * is its gradient.
 *
 * @param x floating-point
 * @throws DTypeError, ShapeError; ArgumentError for a negative correction
 */
export function std(x: Tensor, options: VarianceOptions = {}): Tensor {
  return scope(() => finished("std", rootOrZero(spread("std", x, options)[0]), options));
}

/**
 * Variance and mean over `dim` (default: all) at once (PyTorch `var_mean`).
 * @throws as `variance`
 */
export function varMean(
  x: Tensor,
  options: VarianceOptions = {},
): { variance: Tensor; mean: Tensor } {
  return scope(() => {
    const [v, center] = spread("varMean", x, options);
    return {
      variance: finished("varMean", v, options),
      mean: finished("varMean", center, options),
    };
  });
}

/**
 * Standard deviation and mean over `dim` (default: all) at once (PyTorch `std_mean`).
 * @throws as `std`
 */
export function stdMean(x: Tensor, options: VarianceOptions = {}): { std: Tensor; mean: Tensor } {
  return scope(() => {
    const [v, center] = spread("stdMean", x, options);
    return {
      std: finished("stdMean", rootOrZero(v), options),
      mean: finished("stdMean", center, options),
    };
  });
}

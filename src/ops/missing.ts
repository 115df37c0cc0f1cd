/** Reductions that leave NaN out. */
import { DTypeError } from "../errors";
import { requireOptions } from "../options";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { div, logicalNot, where } from "./arithmetic";
import { countNonzero } from "./counting";
import { isnan } from "./floatClasses";
import { type ReduceOptions, sum } from "./reduce";
import { to } from "./shape";

/**
 * Sum over `dim` (default: all) of the elements that are not NaN (PyTorch `nansum`); NaN gets no gradient.
 * Integers are summed as by `sum`.
 * @throws ShapeError for dimensions out of range
 * @example nansum(tensor([1, NaN, 2])) // 3
 */
export function nansum(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireOptions("nansum", options, "dim");
  if (!isFloat(x.dtype)) return sum(x, options);
  return scope(() => sum(where(isnan(x), 0, x), options));
}

/**
 * Mean over `dim` (default: all) of the elements that are not NaN (PyTorch `nanmean`); NaN where there is
 * none.
 * @param x floating-point
 * @throws DTypeError for integers, ShapeError for dimensions out of range
 */
export function nanmean(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireOptions("nanmean", options, "dim");
  if (!isFloat(x.dtype))
    throw new DTypeError(`nanmean: not defined for ${x.dtype}; convert with .to("f32").`);
  return scope(() => {
    const missing = isnan(x);
    const count = countNonzero(logicalNot(missing), options);
    return div(sum(where(missing, 0, x), options), to(count, x.dtype));
  });
}

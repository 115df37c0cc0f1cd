/** Reductions that leave NaN out. */
import { DTypeError } from "../errors";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { div, logicalNot, where } from "./arithmetic";
import { countNonzero } from "./counting";
import { full } from "./creation";
import { argmax, type ReduceOptions, sum } from "./reduce";
import { stack, to } from "./shape";

/** Where a floating-point tensor is NaN: argmax tells by the bits, for NaN counts as greater than Infinity. */
export function isMissing(x: Tensor): Tensor {
  return scope(() => {
    const greatest = full(x.shape, Number.POSITIVE_INFINITY, { dtype: x.dtype, device: x.device });
    return to(argmax(stack([greatest, x], -1), { dim: -1 }), "bool");
  });
}

/**
 * Sum over `dim` (default: all) of the elements that are not NaN (PyTorch `nansum`); NaN gets no gradient.
 * Integers are summed as by `sum`.
 * @throws ShapeError for dimensions out of range
 * @example nansum(tensor([1, NaN, 2])) // 3
 */
export function nansum(x: Tensor, options: ReduceOptions = {}): Tensor {
  if (!isFloat(x.dtype)) return sum(x, options);
  return scope(() => sum(where(isMissing(x), 0, x), options));
}

/**
 * Mean over `dim` (default: all) of the elements that are not NaN (PyTorch `nanmean`); NaN where there is
 * none.
 * @param x floating-point
 * @throws DTypeError for integers, ShapeError for dimensions out of range
 */
export function nanmean(x: Tensor, options: ReduceOptions = {}): Tensor {
  if (!isFloat(x.dtype))
    throw new DTypeError(`nanmean: not defined for ${x.dtype}; convert with .to("f32").`);
  return scope(() => {
    const missing = isMissing(x);
    const count = countNonzero(logicalNot(missing), options);
    return div(sum(where(missing, 0, x), options), to(count, x.dtype));
  });
}

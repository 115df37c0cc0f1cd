/** Equality up to rounding. */
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { abs, add, eq, le, logicalAnd, logicalOr, mul, sub } from "./arithmetic";
import { isfinite, isnan } from "./floatClasses";
import { asFloat } from "./operand";
import { all } from "./reduce";

export interface ClosenessOptions {
  /** Allowed difference relative to the second operand. Default 1e-5. */
  rtol?: number;
  /** Allowed difference whatever the size. Default 1e-8. */
  atol?: number;
  /** Whether NaN is close to NaN. Default false. */
  equalNan?: boolean;
}

/**
 * Whether |a - b| ≤ atol + rtol · |b|, element by element with broadcasting, as bool; infinities are close to
 * themselves only.
 * @throws ShapeError unless the shapes broadcast
 */
export function isclose(a: Tensor, b: Tensor, options: ClosenessOptions = {}): Tensor {
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = requireOptions("isclose", options, "rtol");
  return scope(() => {
    const [x, y] = [asFloat(a), asFloat(b)];
    const gap = abs(sub(x, y));
    const near = logicalAnd(isfinite(gap), le(gap, add(mul(abs(y), rtol), atol)));
    const close = logicalOr(eq(a, b), near);
    return equalNan ? logicalOr(close, logicalAnd(isnan(x), isnan(y))) : close;
  });
}

/**
 * Whether all elements are close: `isclose` of every pair, as one bool.
 * @throws ShapeError unless the shapes broadcast
 */
export function allclose(a: Tensor, b: Tensor, options: ClosenessOptions = {}): Tensor {
  return scope(() => all(isclose(a, b, options)));
}

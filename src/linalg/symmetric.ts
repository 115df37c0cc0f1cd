/** Small forms that the rules of spectral operations share. */
import { abs, add, gt, mul, sub, where } from "../ops/arithmetic";
import { reciprocal } from "../ops/functions";
import { max } from "../ops/reduce";
import { stopGradient, transpose, unsqueeze } from "../ops/shape";
import type { Tensor } from "../tensor/tensor";

/** Of the last two dimensions. */
export const turn = (x: Tensor): Tensor => transpose(x, -1, -2);

/** (x + xᵀ) / 2 */
export const symmetricPart = (x: Tensor): Tensor => mul(add(x, turn(x)), 0.5);

/** x diag(s) for s [..., n]: columns times numbers. */
export const timesColumns = (x: Tensor, s: Tensor): Tensor => mul(x, unsqueeze(s, -2));

/** diag(s) x: rows times numbers. */
export const timesRows = (x: Tensor, s: Tensor): Tensor => mul(x, unsqueeze(s, -1));

/**
 * What two values of a spectrum [..., k] must differ by to count as different: the rounding of matrices
 * with so many rows, relative to the largest value. [..., 1, 1]
 */
export function resolution(values: Tensor, rows: number): Tensor {
  const largest = max(abs(stopGradient(values)), { dim: -1, keepdim: true });
  return unsqueeze(mul(largest, Math.max(rows, 8) * 2 ** -23), -1);
}

/** 1 / x where |x| > bound, else 0: finite, and so are its derivatives. */
export function reciprocalBeyond(x: Tensor, bound: Tensor): Tensor {
  const beyond = gt(abs(x), bound);
  return where(beyond, reciprocal(where(beyond, x, 1)), 0);
}

/** 1 / (s_j - s_i) at [..., i, j]; 0 on the diagonal and where the two count as equal. */
export function inverseGaps(values: Tensor): Tensor {
  const gaps = sub(unsqueeze(values, -2), unsqueeze(values, -1));
  return reciprocalBeyond(gaps, resolution(values, values.shape.at(-1)!));
}

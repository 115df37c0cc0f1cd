/** Numbers that singular values give. */
import { ArgumentError } from "../errors";
import { div, eq, gt, mul, where } from "../ops/arithmetic";
import { max, sum } from "../ops/reduce";
import { select, to } from "../ops/shape";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { requireMatrices, requireSquare } from "./batches";
import { type MatrixNormOrder, matrixNorm } from "./matrixNorm";
import { type RankOptions, relativeTolerance } from "./pinv";
import { inverse } from "./solve";
import { svdvals } from "./svd";

/**
 * How many singular values are above rounding (PyTorch `torch.linalg.matrix_rank`).
 *
 * @param A f32 [..., m, n]
 * @returns i32 [...]
 * @throws ShapeError, DTypeError; ArgumentError for an rtol below 0; at the next read, LinAlgError for NaN
 * or infinite elements
 * @example await linalg.matrixRank(tensor([[1, 2], [2, 4]])).item(); // 1
 */
export function matrixRank(A: Tensor, options: RankOptions = {}): Tensor {
  const op = "linalg.matrixRank";
  const { rtol } = requireOptions(op, options, "rtol");
  requireMatrices(op, "A", A);
  const relative = relativeTolerance(op, A, rtol);
  return scope(() => {
    const values = svdvals(A);
    if (values.shape.at(-1) === 0) return to(sum(values, { dim: -1 }), "i32");
    const bound = mul(max(values, { dim: -1, keepdim: true }), relative);
    return sum(to(gt(values, bound), "i32"), { dim: -1 });
  });
}

/**
 * The condition number ‖A‖ ‖A⁻¹‖ (PyTorch `torch.linalg.cond`): by how much solving with A may enlarge errors.
 *
 * @param A f32 [..., n, n]; for p = 2 and -2 [..., m, n]
 * @param p default 2: the largest singular value over the smallest, -2 the other way round; else the norm
 * of `matrixNorm` that it names
 * @returns [...]; Infinity for p = 2 where the smallest singular value is 0; differentiable
 * @throws ShapeError, DTypeError; ArgumentError for another p, or a matrix without elements; at the next
 * read, LinAlgError for NaN or infinite elements, and by p that are not ±2 for a singular matrix
 * @example await linalg.cond(tensor([[4, 0], [0, 2]])).item(); // 2
 */
export function cond(A: Tensor, p: MatrixNormOrder = 2): Tensor {
  const op = "linalg.cond";
  requireMatrices(op, "A", A);
  if (A.shape.slice(-2).includes(0))
    throw new ArgumentError(`${op}: a matrix without elements has no condition number.`);
  if (p !== 2 && p !== -2) {
    requireSquare(op, "A", A);
    return scope(() => mul(matrixNorm(A, p), matrixNorm(inverse(A), p)));
  }
  return scope(() => {
    const values = svdvals(A);
    const [largest, least] = [select(values, -1, 0), select(values, -1, -1)];
    if (p === -2) return div(least, largest);
    const singular = eq(least, 0);
    return where(singular, Number.POSITIVE_INFINITY, div(largest, where(singular, 1, least)));
  });
}

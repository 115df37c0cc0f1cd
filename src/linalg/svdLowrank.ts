/**
 * The largest singular values and their vectors, from products with a few random columns: Halko, Martinsson,
 * Tropp, Finding structure with randomness, 2011, algorithms 4.4 and 5.1.
 */
import { ArgumentError } from "../errors";
import { matmul } from "../ops/matmul";
import { requireOptions } from "../options";
import { normal } from "../random/continuous";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { requireMatrices } from "./batches";
import { qr } from "./qr";
import { svd } from "./svd";
import { turn } from "./symmetric";

export interface SvdLowrankOptions {
  /** How many values. Default 6, or the shorter side if that is less; a few more than are wanted is wise. */
  q?: number;
  /** Times that A Aᵀ is applied: each brings the values beyond q further down. Default 2. */
  niter?: number;
}

/**
 * The first q singular values and vectors, approximately: A ≈ U diag(S) Vᵀ (PyTorch `torch.svd_lowrank`).
 * Exact but for rounding where A has rank q or less; else the error is near singular value q + 1.
 *
 * @param A f32 [..., m, n]
 * @param key of the random columns: u32 [2]
 * @returns U [..., m, q], S [..., q] descending, V [..., n, q] (not Vᵀ). Differentiable
 * @throws ShapeError, DTypeError; ArgumentError for a q that is not from 1 to the shorter side, or a niter that
 * is no whole number >= 0; at the next read, LinAlgError for NaN or infinite elements
 * @example const { U, S, V } = linalg.svdLowrank(A, random.key(1), { q: 8 });
 */
export function svdLowrank(
  A: Tensor,
  key: Tensor,
  options: SvdLowrankOptions = {},
): { U: Tensor; S: Tensor; V: Tensor } {
  const op = "linalg.svdLowrank";
  requireOptions(op, options, "q");
  requireMatrices(op, "A", A);
  const [m, n] = A.shape.slice(-2) as [number, number];
  const { q = Math.min(6, m, n), niter = 2 } = options;
  if (!Number.isInteger(q) || q < 1 || q > Math.min(m, n))
    throw new ArgumentError(`${op}: q ${q} must be a whole number from 1 to ${Math.min(m, n)}.`);
  if (!Number.isInteger(niter) || niter < 0)
    throw new ArgumentError(`${op}: niter ${niter} must be a whole number >= 0.`);
  return scope(() => {
    const tall = m >= n;
    const [x, turned] = tall ? [A, turn(A)] : [turn(A), A];
    let range = qr(matmul(x, normal(key, [x.shape.at(-1)!, q]))).Q;
    for (let i = 0; i < niter; i++) range = qr(matmul(x, qr(matmul(turned, range)).Q)).Q;
    const { U, S, Vh } = svd(matmul(turn(range), x));
    const [left, right] = [matmul(range, U), turn(Vh)];
    return tall ? { U: left, S, V: right } : { U: right, S, V: left };
  });
}

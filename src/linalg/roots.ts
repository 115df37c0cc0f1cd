/** Roots of symmetric positive semidefinite matrices, by eigenvalues or by products. */
import { ArgumentError } from "../errors";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { requireSquare } from "./batches";
import { matrixRoot } from "./matrixRoot";
import { coupledInverseRoot, coupledRoots, requireSteps } from "./newtonSchulz";

export interface RootOptions {
  /**
   * `eigh`: by eigenvalues, exact for every condition, and the derivative by an equation of Sylvester.
   * `newton`: by matrix products alone, for well-conditioned matrices. Default `eigh`.
   */
  method?: "eigh" | "newton";
  /** Of `newton`. Default 20: eigenvalues from 1e-6 of ‖A‖_F on arrive. */
  steps?: number;
}

function check(op: string, A: Tensor, options: RootOptions) {
  const { method = "eigh", steps = 20 } = requireOptions(op, options, "method");
  requireSquare(op, "A", A);
  requireSteps(op, steps);
  if (method !== "eigh" && method !== "newton")
    throw new ArgumentError(`${op}: method ${method} must be "eigh" or "newton".`);
  return { method, steps };
}

/**
 * The square root of symmetric positive semidefinite matrices: the semidefinite X with X X = A.
 *
 * @param A f32 [..., n, n], read as (A + Aᵀ) / 2
 * @returns the shape of A. Differentiable; where A is singular, the directions of infinite slope count as 0
 * @throws ShapeError, DTypeError, ArgumentError; at the next read, LinAlgError for NaN or infinite elements
 * and, by `eigh`, for an eigenvalue that is negative beyond rounding
 * @example linalg.sqrtm(tensor([[5, 4], [4, 5]])) // [[2, 1], [1, 2]]
 */
export function sqrtm(A: Tensor, options: RootOptions = {}): Tensor {
  const op = "linalg.sqrtm";
  const { method, steps } = check(op, A, options);
  return scope(() =>
    method === "eigh" ? matrixRoot(A, { p: 2, inverse: false, op }) : coupledRoots(A, steps).root,
  );
}

/**
 * The inverse square root of symmetric positive definite matrices: `inverseRoot` with p = 2.
 *
 * @param A f32 [..., n, n], read as (A + Aᵀ) / 2
 * @returns the shape of A; differentiable
 * @throws ShapeError, DTypeError, ArgumentError; at the next read, LinAlgError for NaN or infinite elements
 * and, by `eigh`, for an eigenvalue that is not positive
 * @example linalg.inverseSqrtm(tensor([[4, 0], [0, 16]])) // [[0.5, 0], [0, 0.25]]
 */
export function inverseSqrtm(A: Tensor, options: RootOptions = {}): Tensor {
  const op = "linalg.inverseSqrtm";
  const { method, steps } = check(op, A, options);
  return scope(() =>
    method === "eigh" ? matrixRoot(A, { p: 2, inverse: true, op }) : coupledRoots(A, steps).inverse,
  );
}

/**
 * A^(-1/p) of symmetric positive definite matrices, as Shampoo takes it of its statistics with p = 4.
 *
 * Eigenvalues below n 2^-23 of the largest are rounding: add a multiple of the identity to matrices that
 * may have such.
 *
 * @param A f32 [..., n, n], read as (A + Aᵀ) / 2
 * @param p a whole number from 1 to 64
 * @returns the shape of A; differentiable
 * @throws ShapeError, DTypeError, ArgumentError; at the next read, LinAlgError for NaN or infinite elements
 * and, by `eigh`, for an eigenvalue that is not positive
 * @example linalg.inverseRoot(tensor([[16, 0], [0, 81]]), 4) // [[0.5, 0], [0, 0.333]]
 */
export function inverseRoot(A: Tensor, p: number, options: RootOptions = {}): Tensor {
  const op = "linalg.inverseRoot";
  const { method, steps } = check(op, A, options);
  if (!Number.isInteger(p) || p < 1 || p > 64)
    throw new ArgumentError(`${op}: p ${p} must be a whole number from 1 to 64.`);
  return scope(() =>
    method === "eigh" ? matrixRoot(A, { p, inverse: true, op }) : coupledInverseRoot(A, p, steps),
  );
}

/**
 * Iterations that are matrix products alone: the orthogonal factor of a matrix, and roots of symmetric ones.
 * They are differentiable step by step, and have no serial part; how many steps they need depends on the
 * condition of the matrix.
 *
 * Sources: Jordan et al., Muon, 2024; Björck, Bowie 1971; Higham, Functions of Matrices, 2008, 6.3, 7.6 and
 * 8.3; Guo, Higham 2006 for the inverse root.
 */
import { ArgumentError } from "../errors";
import { add, div, eq, mul, pow, square, sub, where } from "../ops/arithmetic";
import { sqrt } from "../ops/functions";
import { matmul } from "../ops/matmul";
import { sum } from "../ops/reduce";
import { rootOrZero } from "../ops/root";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { requireMatrices } from "./batches";
import { symmetricPart, turn } from "./symmetric";
import { identities } from "./triangular";

/** Of a polynomial a x + b x³ + c x⁵ that moves singular values towards 1. */
export type QuinticCoefficients = readonly [number, number, number];

/** Muon's: small singular values grow by 3.4 in each step, and end between 0.68 and 1.13 rather than at 1. */
const muon: QuinticCoefficients = [3.4445, -4.775, 2.0315];
/** Of Newton and Schulz: converges to 1, small values grow by 1.5 in each step. */
const cubic: QuinticCoefficients = [1.5, -0.5, 0];

/** ‖x‖_F of each matrix, [..., 1, 1]. */
const frobenius = (x: Tensor): Tensor =>
  rootOrZero(sum(square(x), { dim: [-1, -2], keepdim: true }));

/** @throws ArgumentError unless it is a whole number >= 1 */
export function requireSteps(op: string, steps: number): void {
  if (!Number.isInteger(steps) || steps < 1)
    throw new ArgumentError(`${op}: steps ${steps} must be a whole number >= 1.`);
}

export interface OrthogonalizeOptions {
  /**
   * `muon`: singular values near 1 in few steps, as the optimizer Muon takes them. `polar`: they converge to 1,
   * and the result to the orthogonal factor of the polar decomposition. Default `muon`.
   */
  mode?: "muon" | "polar";
  /**
   * Default 5 for `muon`; 30 for `polar`, which brings singular values from 1e-5 of ‖G‖_F on to 1. More
   * than it takes do no harm.
   */
  steps?: number;
  /** Of a x + b x³ + c x⁵, in each step. Default: the mode's. */
  coefficients?: QuinticCoefficients;
}

/**
 * The orthogonal matrix nearest to G, or near it: U Vᵀ of G = U diag(s) Vᵀ, by products alone. Each step is
 * X ← a X + (b X Xᵀ + c (X Xᵀ)²) X, from G / (‖G‖_F + 1e-7).
 *
 * @param G f32 [..., m, n]
 * @returns the shape of G, with orthonormal columns (rows where m < n); what is zero in G stays zero.
 * Differentiable
 * @throws ShapeError, DTypeError; ArgumentError for steps that are no whole number >= 1, or coefficients
 * that are not three finite numbers
 * @example const update = linalg.orthogonalize(gradient);
 */
export function orthogonalize(G: Tensor, options: OrthogonalizeOptions = {}): Tensor {
  const op = "linalg.orthogonalize";
  const { mode = "muon" } = requireOptions(op, options, "steps");
  if (mode !== "muon" && mode !== "polar")
    throw new ArgumentError(`${op}: mode ${mode} must be "muon" or "polar".`);
  const { steps = mode === "muon" ? 5 : 30 } = options;
  const { coefficients = mode === "muon" ? muon : cubic } = options;
  requireMatrices(op, "G", G);
  requireSteps(op, steps);
  if (coefficients.length !== 3 || !coefficients.every(Number.isFinite))
    throw new ArgumentError(
      `${op}: coefficients ${coefficients} must be three finite numbers [a, b, c].`,
    );
  const [a, b, c] = coefficients;
  return scope(() => {
    const tall = G.shape.at(-2)! > G.shape.at(-1)!;
    const wide = tall ? turn(G) : G;
    let x = div(wide, add(frobenius(wide), 1e-7));
    for (let i = 0; i < steps; i++) {
      const gram = matmul(x, turn(x));
      const inner = c === 0 ? mul(gram, b) : add(mul(gram, b), mul(matmul(gram, gram), c));
      x = add(mul(x, a), matmul(inner, x));
    }
    return tall ? turn(x) : x;
  });
}

/**
 * The square root of A and its inverse together: Y ← Y T, Z ← T Z, T = (3 I - Z Y) / 2, from A / ‖A‖_F and I.
 * Eigenvalues below 2.25^-steps ‖A‖_F have not arrived.
 */
export function coupledRoots(A: Tensor, steps: number): { root: Tensor; inverse: Tensor } {
  const one = identities(A, A.shape.at(-1)!);
  const size = frobenius(A);
  // A matrix of zeros has a root, and no inverse.
  const unit = where(eq(size, 0), 1, size);
  let root = div(symmetricPart(A), unit);
  let inverse = one;
  for (let i = 0; i < steps; i++) {
    const turning = mul(sub(mul(one, 3), matmul(inverse, root)), 0.5);
    root = matmul(root, turning);
    inverse = matmul(turning, inverse);
  }
  return { root: mul(root, sqrt(unit)), inverse: div(inverse, rootOrZero(size)) };
}

/**
 * A^(-1/p): X ← X T, M ← T^p M, T = ((p + 1) I - M) / p, from M = z A and X = z^(1/p) I with
 * z = (p + 1) / (2 ‖A‖_F). Eigenvalues below (1 + 1/p)^(-p steps) ‖A‖_F have not arrived.
 */
export function coupledInverseRoot(A: Tensor, p: number, steps: number): Tensor {
  const one = identities(A, A.shape.at(-1)!);
  const z = div((p + 1) / 2, frobenius(A));
  let m = mul(symmetricPart(A), z);
  let x = mul(one, pow(z, 1 / p));
  for (let i = 0; i < steps; i++) {
    const turning = mul(sub(mul(one, p + 1), m), 1 / p);
    x = matmul(x, turning);
    for (let k = 0; k < p; k++) m = matmul(turning, m);
  }
  return symmetricPart(x);
}

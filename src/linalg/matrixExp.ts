/**
 * The exponential of square matrices by scaling and squaring: e^A = (e^(A / 2^s))^(2^s), with s such that the
 * 1-norm of A / 2^s is at most θ = 1.46, where Taylor's polynomial of degree 12 has a relative backward error
 * below 2^-24 (Bader, Blanes, Casas, Computing the matrix exponential with an optimized Taylor polynomial
 * approximation, 2019, table 1). The polynomial is evaluated in powers of A³ (Paterson and Stockmeyer, 1973).
 * s differs by matrix and stays on the device: squarings that a matrix does not need leave it as it is.
 */
import { abs, add, gt, mul, where } from "../ops/arithmetic";
import { matmul } from "../ops/matmul";
import { max, sum } from "../ops/reduce";
import { stopGradient } from "../ops/shape";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { requireSquare } from "./batches";
import { identities } from "./triangular";

const theta = 1.46;
/** Matrices of a 1-norm up to θ 2^10, about 1,500. */
const squarings = 10;
const degree = 12;

/** 1 / k! */
const coefficients = Array.from({ length: degree + 1 }, (_, k) => {
  let product = 1;
  for (let i = 2; i <= k; i++) product *= i;
  return 1 / product;
});

/** Taylor's polynomial, as one in A³ with coefficients I, A and A². */
function polynomial(a: Tensor): Tensor {
  const one = identities(a, a.shape.at(-1)!);
  const a2 = matmul(a, a);
  const a3 = matmul(a2, a);
  const part = (k: number): Tensor =>
    add(
      add(mul(one, coefficients[k]!), mul(a, coefficients[k + 1]!)),
      mul(a2, coefficients[k + 2]!),
    );
  let value = add(part(9), mul(a3, coefficients[12]!));
  for (const k of [6, 3, 0]) value = add(part(k), matmul(a3, value));
  return value;
}

/**
 * e^A = I + A + A² / 2 + … (PyTorch `torch.linalg.matrix_exp`).
 *
 * @param A f32 [..., n, n]
 * @returns the shape of A; differentiable. NaN for matrices with a 1-norm (the greatest sum of sizes in a
 * column) above 1,495; infinite where the result leaves the range of f32
 * @throws ShapeError, DTypeError
 * @example linalg.matrixExp(tensor([[0, 1], [0, 0]])) // [[1, 1], [0, 1]]
 */
export function matrixExp(A: Tensor): Tensor {
  requireSquare("linalg.matrixExp", "A", A);
  if (A.size === 0) return scope(() => add(A, 0));
  return scope(() => {
    const columns = sum(abs(stopGradient(A)), { dim: -2, keepdim: true });
    const size = max(columns, { dim: -1, keepdim: true });
    const needed = Array.from({ length: squarings }, (_, i) => gt(size, theta * 2 ** i));
    // Powers of two: nothing is rounded.
    const scaled = needed.reduce((a, more) => where(more, mul(a, 0.5), a), A);
    const small = polynomial(where(gt(size, theta * 2 ** squarings), Number.NaN, scaled));
    return needed.reduce((power, more) => where(more, matmul(power, power), power), small);
  });
}

/**
 * Eigenvalues and eigenvectors of symmetric matrices, A = V diag(λ) Vᵀ: Householder reflections to
 * tridiagonal form, QL iteration, both sides of it by all cores (docs/eigh.md).
 *
 * Derivatives: Giles, Collected matrix derivative results, 2008, 3.1. The factors 1 / (λ_j - λ_i) are 0 where
 * the two values count as equal: for a function that does not depend on which vectors of their common
 * space are taken, what they multiply is 0 as well.
 */

import { add, mul } from "../ops/arithmetic";
import { matmul } from "../ops/matmul";
import type { Primitive, Spec } from "../ops/primitive";
import { sum } from "../ops/reduce";
import { batchOfRows } from "../ops/rules";
import { bind } from "../ops/trace";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { denseStrides, type Shape } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { requireSquare } from "./batches";
import { inverseGaps, symmetricPart, timesColumns, timesRows, turn } from "./symmetric";
import { symmetricEigen } from "./symmetricEigen";

const valuesSpec = (x: Spec): Spec => ({ shape: x.shape.slice(0, -1), dtype: "f32" });

/** Vectors that lie as padded rows [batch, rows, width], as the matrices [..., rows, n] or their transposes. */
export function unpadded(
  x: DeviceTensor,
  leading: Shape,
  n: number,
  lie: "rows" | "columns",
): DeviceTensor {
  const [, rows, width] = x.shape as [number, number, number];
  const strides = denseStrides([...leading, rows * width]).slice(0, -1);
  return lie === "rows"
    ? x.view([...leading, rows, n], [...strides, width, 1])
    : x.view([...leading, n, rows], [...strides, 1, width]);
}

const eighPrimitive: Primitive<null> = {
  name: "eigh",
  formula: "(A + Aᵀ) / 2 = V diag(λ) Vᵀ, λ ascending, V orthogonal",
  derivative: "V (diag(g_λ) + (Vᵀ g_V) ∘ F) Vᵀ, symmetric part, F_ij = 1 / (λ_j - λ_i)",
  saves: "outputs",
  outputs: ([a]) => {
    requireSquare("linalg.eigh", "A", a!);
    return [valuesSpec(a!), { shape: a!.shape, dtype: "f32" }];
  },
  run: ([a], _, [spec]) => {
    const { values, vectors } = symmetricEigen(a!, "linalg.eigh", true);
    const n = a!.shape.at(-1)!;
    const results = [
      values.view(spec!.shape, denseStrides(spec!.shape)),
      unpadded(vectors!, a!.shape.slice(0, -2), n, "columns"),
    ];
    values.dispose();
    vectors!.dispose();
    return results;
  },
  vjp: ([gValues, gVectors], { outputs: [values, vectors] }) => {
    if ((!gValues && !gVectors) || vectors!.size === 0) return [null];
    const v = vectors!;
    const turned = turn(v);
    const ofVectors =
      gVectors && matmul(mul(matmul(turned, gVectors), inverseGaps(values!)), turned);
    const ofValues = gValues && timesRows(turned, gValues);
    const inner = ofVectors && ofValues ? add(ofVectors, ofValues) : (ofVectors ?? ofValues);
    return [symmetricPart(matmul(v, inner!))];
  },
  jvp: ([t], { outputs: [values, vectors] }) => {
    if (vectors!.size === 0) return [null, null];
    const v = vectors!;
    const moved = matmul(symmetricPart(t!), v);
    const inner = mul(matmul(turn(v), moved), inverseGaps(values!));
    return [sum(mul(v, moved), { dim: -2 }), matmul(v, inner)];
  },
  batch: batchOfRows(() => eighPrimitive),
};

const eigvalshPrimitive: Primitive<null> = {
  name: "eigvalsh",
  formula: "λ of (A + Aᵀ) / 2, ascending",
  derivative: "V diag(g) Vᵀ, with the vectors of another eigh",
  saves: { inputs: [0] },
  outputs: ([a]) => {
    requireSquare("linalg.eigvalsh", "A", a!);
    return [valuesSpec(a!)];
  },
  run: ([a], _, [spec]) => {
    const { values } = symmetricEigen(a!, "linalg.eigvalsh", false);
    const result = values.view(spec!.shape, denseStrides(spec!.shape));
    values.dispose();
    return [result];
  },
  vjp: ([g], { inputs: [a] }) => {
    if (a!.size === 0) return [null];
    const { eigenvectors: v } = eigh(a!);
    return [symmetricPart(matmul(timesColumns(v, g!), turn(v)))];
  },
  jvp: ([t], { inputs: [a] }) => {
    if (a!.size === 0) return [null];
    const { eigenvectors: v } = eigh(a!);
    return [sum(mul(v, matmul(symmetricPart(t!), v)), { dim: -2 })];
  },
  batch: batchOfRows(() => eigvalshPrimitive),
};

/**
 * Eigenvalues and eigenvectors of symmetric matrices (PyTorch `torch.linalg.eigh`).
 *
 * A is read as (A + Aᵀ) / 2, where PyTorch reads its lower triangle: the same for a symmetric matrix. The
 * largest element of each eigenvector, by size, is positive. Errors are those of f32 relative to the largest
 * eigenvalue: about 3e-6 of ‖A‖ for n = 512.
 *
 * @param A f32 [..., n, n]; n up to a few thousand
 * @returns eigenvalues [..., n], ascending, and eigenvectors [..., n, n], the columns. Differentiable; for
 * eigenvalues that repeat, the gradient is that of a function of their space, not of single vectors of it.
 * Roots of matrices have a rule of their own that needs no such care: see `sqrtm`
 * @throws ShapeError, DTypeError; at the next read, LinAlgError for NaN or infinite elements, or if the
 * iteration does not end
 * @example
 * const { eigenvalues, eigenvectors } = linalg.eigh(tensor([[2, 1], [1, 2]]));
 * await eigenvalues.toArray(); // [1, 3]
 */
export function eigh(A: Tensor): { eigenvalues: Tensor; eigenvectors: Tensor } {
  requireSquare("linalg.eigh", "A", A);
  const [eigenvalues, eigenvectors] = bind(eighPrimitive, [A], null);
  return { eigenvalues: eigenvalues!, eigenvectors: eigenvectors! };
}

/**
 * Eigenvalues of symmetric matrices, ascending (PyTorch `torch.linalg.eigvalsh`), in a fraction of the time of
 * `eigh`; the gradient takes an `eigh`.
 *
 * @param A f32 [..., n, n], read as (A + Aᵀ) / 2
 * @returns [..., n]; differentiable, also where eigenvalues repeat
 * @throws ShapeError, DTypeError; at the next read, LinAlgError for NaN or infinite elements, or if the
 * iteration does not end
 * @example await linalg.eigvalsh(tensor([[2, 1], [1, 2]])).toArray(); // [1, 3]
 */
export function eigvalsh(A: Tensor): Tensor {
  requireSquare("linalg.eigvalsh", "A", A);
  return bind(eigvalshPrimitive, [A], null)[0]!;
}

export const eighPrimitives = [eighPrimitive, eigvalshPrimitive];

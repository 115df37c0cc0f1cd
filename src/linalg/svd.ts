/**
 * Singular values and vectors, A = U diag(s) Vᵀ: Householder reflections from both sides to bidiagonal form,
 * QR iteration (docs/eigh.md). U and V are orthonormal whatever the rank of A.
 *
 * Derivatives: Townsend, Differentiating the singular value decomposition, 2016. Factors 1 / (s_j² - s_i²) are 0
 * where the two values count as equal, and 1 / s where s counts as zero.
 */
import { ArgumentError } from "../errors";
import { add, mul, sub } from "../ops/arithmetic";
import { matmul } from "../ops/matmul";
import type { Primitive, Spec } from "../ops/primitive";
import { sum } from "../ops/reduce";
import { batchOfRows } from "../ops/rules";
import { squeeze, unsqueeze } from "../ops/shape";
import { bind } from "../ops/trace";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { denseStrides } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { requireMatrices } from "./batches";
import { unpadded } from "./eigh";
import { singularValues } from "./singularValues";
import { reciprocalBeyond, resolution, timesColumns, timesRows, turn } from "./symmetric";

/** [..., n] of [..., m, n]. */
const valuesSpec = ({ shape }: Spec): Spec => ({
  shape: [...shape.slice(0, -2), shape.at(-1)!],
  dtype: "f32",
});

/** 1 / (s_j² - s_i²) at [..., i, j], 0 where the two count as equal. */
function inverseSquareGaps(s: Tensor, rows: number): Tensor {
  const [across, down] = [unsqueeze(s, -2), unsqueeze(s, -1)];
  const bound = resolution(s, rows);
  return mul(
    reciprocalBeyond(sub(across, down), bound),
    reciprocalBeyond(add(across, down), bound),
  );
}

/** 1 / s, 0 where s counts as zero. */
const inverseValues = (s: Tensor, rows: number): Tensor =>
  reciprocalBeyond(s, squeeze(resolution(s, rows), -1));

/** x - U Uᵀ x: what lies outside the columns of U. */
const outside = (u: Tensor, x: Tensor): Tensor => sub(x, matmul(u, matmul(turn(u), x)));

const skew = (x: Tensor): Tensor => sub(x, turn(x));

const plus = (a: Tensor | null, b: Tensor | null): Tensor | null => (a && b ? add(a, b) : (a ?? b));

/** Matrices with at least as many rows as columns. */
const svdPrimitive: Primitive<null> = {
  name: "svd",
  formula: "A = U diag(s) Vᵀ, s >= 0 descending, U [m, n] and Vᵀ [n, n] orthonormal",
  derivative:
    "U (diag(g_s) + skew(Uᵀ g_U) ∘ F diag(s) + diag(s) skew(Vᵀ g_V) ∘ F) Vᵀ + (I - U Uᵀ) g_U diag(1/s) Vᵀ",
  saves: "outputs",
  outputs: ([a]) => {
    const [m, n] = a!.shape.slice(-2) as [number, number];
    const leading = a!.shape.slice(0, -2);
    return [
      { shape: [...leading, m, n], dtype: "f32" },
      valuesSpec(a!),
      { shape: [...leading, n, n], dtype: "f32" },
    ];
  },
  run: ([a], _, [, spec]) =>
    scope(() => {
      const { values, left, right } = singularValues(a!, "linalg.svd", true);
      const leading = a!.shape.slice(0, -2);
      const [m, n] = a!.shape.slice(-2) as [number, number];
      return [
        unpadded(left!, leading, m, "columns"),
        values.view(spec!.shape, denseStrides(spec!.shape)),
        unpadded(right!, leading, n, "rows"),
      ];
    }),
  vjp: ([gu, gs, gvh], { outputs: [u, s, vh] }) => {
    if (u!.size === 0) return [null];
    const [m, n] = u!.shape.slice(-2) as [number, number];
    const gaps = gu || gvh ? inverseSquareGaps(s!, m) : null;
    const left = gu && timesColumns(mul(skew(matmul(turn(u!), gu)), gaps!), s!);
    const right = gvh && timesRows(mul(skew(matmul(vh!, turn(gvh))), gaps!), s!);
    const turning = plus(left ?? null, right ?? null);
    const ofVectors = turning && matmul(turning, vh!);
    const ofValues = gs ? timesRows(vh!, gs) : null;
    const inner = plus(ofVectors, ofValues);
    const inside = inner && matmul(u!, inner);
    const beyond =
      gu && m > n ? matmul(timesColumns(outside(u!, gu), inverseValues(s!, m)), vh!) : null;
    return [plus(inside, beyond)];
  },
  jvp: ([t], { outputs: [u, s, vh] }) => {
    if (u!.size === 0) return [null, null, null];
    const [m, n] = u!.shape.slice(-2) as [number, number];
    const v = turn(vh!);
    const moved = matmul(t!, v);
    const p = matmul(turn(u!), moved);
    const gaps = inverseSquareGaps(s!, m);
    const turnedU = mul(add(timesColumns(p, s!), timesRows(turn(p), s!)), gaps);
    const turnedV = mul(add(timesRows(p, s!), timesColumns(turn(p), s!)), gaps);
    const inside = matmul(u!, turnedU);
    const beyond = m > n ? timesColumns(outside(u!, moved), inverseValues(s!, m)) : null;
    return [plus(inside, beyond), sum(mul(u!, moved), { dim: -2 }), turn(matmul(v, turnedV))];
  },
  batch: batchOfRows(() => svdPrimitive),
};

const svdvalsPrimitive: Primitive<null> = {
  name: "svdvals",
  formula: "the singular values of A, descending",
  derivative: "U diag(g) Vᵀ, with the vectors of another svd",
  saves: { inputs: [0] },
  outputs: ([a]) => [valuesSpec(a!)],
  run: ([a], _, [spec]) => {
    const { values } = singularValues(a!, "linalg.svdvals", false);
    const result = values.view(spec!.shape, denseStrides(spec!.shape));
    values.dispose();
    return [result];
  },
  vjp: ([g], { inputs: [a] }) => {
    if (a!.size === 0) return [null];
    const [u, , vh] = bind(svdPrimitive, [a!], null);
    return [matmul(timesColumns(u!, g!), vh!)];
  },
  jvp: ([t], { inputs: [a] }) => {
    if (a!.size === 0) return [null];
    const [u, , vh] = bind(svdPrimitive, [a!], null);
    return [sum(mul(u!, matmul(t!, turn(vh!))), { dim: -2 })];
  },
  batch: batchOfRows(() => svdvalsPrimitive),
};

const isWide = (A: Tensor): boolean => A.shape.at(-2)! < A.shape.at(-1)!;

export interface SvdOptions {
  /** Only false: k columns of U and rows of Vᵀ, k the smaller of m and n. Default false. */
  fullMatrices?: false;
}

/**
 * Singular values and vectors, A = U diag(S) Vh (PyTorch `torch.linalg.svd` with `full_matrices=False`).
 *
 * The largest element of each column of U (of each row of Vh where m < n), by size, is positive. Errors are
 * those of f32 relative to the largest singular value: about 3e-6 of ‖A‖ for n = 512; smaller values are
 * not known better than that.
 *
 * @param A f32 [..., m, n]; the shorter side up to a few thousand
 * @returns U [..., m, k], S [..., k] descending, Vh [..., k, n], k the smaller of m and n; U and Vh are
 * orthonormal also where A is not of full rank. Differentiable; where singular values repeat or are zero,
 * the gradient is that of a function of their spaces, not of single vectors
 * @throws ShapeError, DTypeError; ArgumentError for fullMatrices; at the next read, LinAlgError for NaN or
 * infinite elements, or if the iteration does not end
 * @example const { U, S, Vh } = linalg.svd(A);
 */
export function svd(A: Tensor, options: SvdOptions = {}): { U: Tensor; S: Tensor; Vh: Tensor } {
  const { fullMatrices = false } = requireOptions("linalg.svd", options, "fullMatrices");
  requireMatrices("linalg.svd", "A", A);
  if (fullMatrices)
    throw new ArgumentError(
      "linalg.svd: fullMatrices must be false. Complete U by the qr of [U, random columns].",
    );
  return scope(() => {
    const wide = isWide(A);
    const [u, s, vh] = bind(svdPrimitive, [wide ? turn(A) : A], null);
    return wide ? { U: turn(vh!), S: s!, Vh: turn(u!) } : { U: u!, S: s!, Vh: vh! };
  });
}

/**
 * Singular values, descending (PyTorch `torch.linalg.svdvals`), in a fraction of the time of `svd`; the gradient
 * takes an `svd`.
 *
 * @param A f32 [..., m, n]
 * @returns [..., k], k the smaller of m and n; differentiable, also where values repeat
 * @throws ShapeError, DTypeError; at the next read, LinAlgError for NaN or infinite elements, or if the
 * iteration does not end
 * @example await linalg.svdvals(tensor([[3, 0], [0, -4]])).toArray(); // [4, 3]
 */
export function svdvals(A: Tensor): Tensor {
  requireMatrices("linalg.svdvals", "A", A);
  return scope(() => bind(svdvalsPrimitive, [isWide(A) ? turn(A) : A], null)[0]!);
}

export const svdPrimitives = [svdPrimitive, svdvalsPrimitive];

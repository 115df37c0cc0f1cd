/**
 * Eigenvalues and singular values in f64, by the methods of Jacobi: slow, simple and accurate to the last
 * digits, and unlike those of the kernels.
 */
import type { HostArray } from "./array";

/** Rows of numbers. */
export type Rows = number[][];

const times = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
export const identity = (n: number): Rows => times(n).map((i) => times(n).map((j) => +(i === j)));
export const turned = (a: Rows, cols = a[0]?.length ?? 0): Rows =>
  times(cols).map((j) => a.map((row) => row[j]!));
export const product = (a: Rows, b: Rows): Rows =>
  a.map((row) =>
    times(b[0]?.length ?? 0).map((j) => row.reduce((s, v, k) => s + v * b[k]![j]!, 0)),
  );

/** The matrices of [..., m, n], one after another. */
export function matricesOf(x: HostArray): Rows[] {
  const [m, n] = x.shape.slice(-2) as [number, number];
  const count = x.shape.slice(0, -2).reduce((p, d) => p * d, 1);
  return times(count).map((b) =>
    times(m).map((i) => [...x.data.slice((b * m + i) * n, (b * m + i + 1) * n)]),
  );
}

export interface Eigen {
  /** Ascending. */
  readonly values: number[];
  /** The vectors as rows. */
  readonly vectors: Rows;
}

/** Of the symmetric part of a matrix, by rotations that make one pair of elements zero after another. */
export function eigen(matrix: Rows): Eigen {
  const n = matrix.length;
  const a = matrix.map((row, i) => row.map((v, j) => (v + matrix[j]![i]!) / 2));
  const v = identity(n);
  for (let sweep = 0; sweep < 60; sweep++) {
    let moved = false;
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        const apq = a[p]![q]!;
        const size = Math.sqrt(Math.abs(a[p]![p]! * a[q]![q]!));
        if (Math.abs(apq) <= 1e-17 * size || Math.abs(apq) < 1e-300) continue;
        moved = true;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * apq);
        const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        const s = t * c;
        for (let k = 0; k < n; k++) {
          const [akp, akq] = [a[k]![p]!, a[k]![q]!];
          a[k]![p] = c * akp - s * akq;
          a[k]![q] = s * akp + c * akq;
        }
        for (let k = 0; k < n; k++) {
          const [apk, aqk] = [a[p]![k]!, a[q]![k]!];
          a[p]![k] = c * apk - s * aqk;
          a[q]![k] = s * apk + c * aqk;
          const [vp, vq] = [v[p]![k]!, v[q]![k]!];
          v[p]![k] = c * vp - s * vq;
          v[q]![k] = s * vp + c * vq;
        }
        a[p]![q] = 0;
        a[q]![p] = 0;
      }
    if (!moved) break;
  }
  const order = times(n).sort((i, j) => a[i]![i]! - a[j]![j]!);
  return { values: order.map((i) => a[i]![i]!), vectors: order.map((i) => v[i]!) };
}

export interface Singular {
  /** Descending, as many as the shorter side. */
  readonly values: number[];
  /** The columns of U and of V, as rows; zeros for a singular value of zero. */
  readonly left: Rows;
  readonly right: Rows;
}

/** By rotations that make one pair of columns orthogonal after another (Hestenes). */
export function singular(matrix: Rows, cols = matrix[0]?.length ?? 0): Singular {
  if (matrix.length < cols) {
    const { values, left, right } = singular(turned(matrix, cols), matrix.length);
    return { values, left: right, right: left };
  }
  const x = turned(matrix, cols);
  const v = identity(cols);
  const dot = (a: number[], b: number[]): number => a.reduce((s, e, k) => s + e * b[k]!, 0);
  for (let sweep = 0; sweep < 60; sweep++) {
    let moved = false;
    for (let p = 0; p < cols; p++)
      for (let q = p + 1; q < cols; q++) {
        const [pp, qq, pq] = [dot(x[p]!, x[p]!), dot(x[q]!, x[q]!), dot(x[p]!, x[q]!)];
        if (Math.abs(pq) <= 1e-16 * Math.sqrt(pp * qq) || pq === 0) continue;
        moved = true;
        const theta = (qq - pp) / (2 * pq);
        const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        const s = t * c;
        for (const rows of [x, v]) {
          const [a, b] = [rows[p]!, rows[q]!];
          rows[p] = a.map((e, k) => c * e - s * b[k]!);
          rows[q] = a.map((e, k) => s * e + c * b[k]!);
        }
      }
    if (!moved) break;
  }
  const sizes = x.map((column) => Math.sqrt(dot(column, column)));
  const order = times(cols).sort((i, j) => sizes[j]! - sizes[i]!);
  return {
    values: order.map((i) => sizes[i]!),
    left: order.map((i) => x[i]!.map((e) => (sizes[i]! > 0 ? e / sizes[i]! : 0))),
    right: order.map((i) => v[i]!),
  };
}

/** Σ_k weights_k left_k right_kᵀ */
export function combined(weights: readonly number[], left: Rows, right: Rows): Rows {
  const [m, n] = [left[0]?.length ?? 0, right[0]?.length ?? 0];
  return times(m).map((i) =>
    times(n).map((j) => weights.reduce((s, w, k) => s + w * left[k]![i]! * right[k]![j]!, 0)),
  );
}

/** f(A) = V diag(f(λ)) Vᵀ of a symmetric matrix. */
export function ofSymmetric(matrix: Rows, f: (value: number) => number): Rows {
  const { values, vectors } = eigen(matrix);
  return combined(values.map(f), vectors, vectors);
}

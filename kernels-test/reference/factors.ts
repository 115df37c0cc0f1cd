/** Factors of small matrices in f64, by the textbook's loops. Matrices are arrays of rows. */
import { array, type HostArray, sizeOf } from "./array";

export type Matrix = number[][];

/** The matrices of [..., m, n], one after another. */
export function matricesOf(x: HostArray): Matrix[] {
  const [m, n] = x.shape.slice(-2) as [number, number];
  return Array.from({ length: sizeOf(x.shape.slice(0, -2)) }, (_, b) =>
    Array.from({ length: m }, (_row, i) => [...x.data.slice((b * m + i) * n, (b * m + i + 1) * n)]),
  );
}

export const arrayOf = (shape: readonly number[], parts: readonly unknown[]): HostArray =>
  array(shape, (parts as unknown[][][]).flat(3) as number[]);

export const identity = (n: number): Matrix =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_c, j) => (i === j ? 1 : 0)));

export const turned = (a: Matrix, columns = a[0]?.length ?? 0): Matrix =>
  Array.from({ length: columns }, (_, j) => a.map((row) => row[j]!));

export const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) =>
    Array.from({ length: b[0]?.length ?? 0 }, (_, j) =>
      row.reduce((sum, v, k) => sum + v * b[k]![j]!, 0),
    ),
  );

/** The lower triangular L with L Lᵀ = a, of which the lower triangle is read; null where there is none. */
export function cholesky(a: Matrix): Matrix | null {
  const n = a.length;
  const l: Matrix = a.map(() => new Array<number>(n).fill(0));
  for (let j = 0; j < n; j++)
    for (let i = j; i < n; i++) {
      let sum = a[i]![j]!;
      for (let k = 0; k < j; k++) sum -= l[i]![k]! * l[j]![k]!;
      if (i === j && !(sum > 0)) return null;
      l[i]![j] = i === j ? Math.sqrt(sum) : sum / l[j]![j]!;
    }
  return l;
}

/** P a = L U with partial pivoting, packed; rows that were exchanged, from 1; the order of the rows. */
export function lu(a: Matrix): { packed: Matrix; pivots: number[]; permutation: number[] } {
  const packed = a.map((row) => [...row]);
  const permutation = a.map((_, i) => i);
  const pivots: number[] = [];
  const steps = Math.min(a.length, a[0]?.length ?? 0);
  for (let j = 0; j < steps; j++) {
    let place = j;
    for (let i = j + 1; i < a.length; i++)
      if (Math.abs(packed[i]![j]!) > Math.abs(packed[place]![j]!)) place = i;
    pivots.push(place + 1);
    [packed[j], packed[place]] = [packed[place]!, packed[j]!];
    [permutation[j], permutation[place]] = [permutation[place]!, permutation[j]!];
    const pivot = packed[j]![j]!;
    for (let i = j + 1; i < a.length; i++) {
      const factor = pivot === 0 ? 0 : packed[i]![j]! / pivot;
      packed[i]![j] = factor;
      for (let k = j + 1; k < a[0]!.length; k++) packed[i]![k]! -= factor * packed[j]![k]!;
    }
  }
  return { packed, pivots, permutation };
}

/** a⁻¹ b by elimination. */
export function solve(a: Matrix, b: Matrix): Matrix {
  const n = a.length;
  const { packed, permutation } = lu(a);
  const x = permutation.map((i) => [...b[i]!]);
  const columns = b[0]?.length ?? 0;
  for (let c = 0; c < columns; c++) {
    for (let i = 0; i < n; i++) for (let k = 0; k < i; k++) x[i]![c]! -= packed[i]![k]! * x[k]![c]!;
    for (let i = n - 1; i >= 0; i--) {
      for (let k = i + 1; k < n; k++) x[i]![c]! -= packed[i]![k]! * x[k]![c]!;
      x[i]![c]! /= packed[i]![i]!;
    }
  }
  return x;
}

export function determinant(a: Matrix): number {
  const { packed, pivots } = lu(a);
  return packed.reduce((det, row, i) => det * row[i]! * (pivots[i] === i + 1 ? 1 : -1), 1);
}

/** Reduced, by Householder's reflections with LAPACK's signs. */
export function qr(a: Matrix): { q: Matrix; r: Matrix } {
  const m = a.length;
  const n = a[0]?.length ?? 0;
  const k = Math.min(m, n);
  const r = a.map((row) => [...row]);
  // Transposed: Qᵀ A = R.
  const q = identity(m);
  for (let j = 0; j < k; j++) {
    const below = r.slice(j + 1).reduce((sum, row) => sum + row[j]! ** 2, 0);
    if (below === 0) continue;
    const alpha = r[j]![j]!;
    const beta = -(alpha < 0 ? -1 : 1) * Math.sqrt(alpha * alpha + below);
    const v = r.map((row, i) => (i < j ? 0 : i === j ? 1 : row[j]! / (alpha - beta)));
    const tau = (beta - alpha) / beta;
    const along = (x: Matrix): number[] =>
      x[0]!.map((_, c) => tau * v.reduce((sum, y, i) => sum + (i < j ? 0 : y * x[i]![c]!), 0));
    const [ofR, ofQ] = [along(r), along(q)];
    for (let i = j; i < m; i++) {
      for (let c = 0; c < n; c++) r[i]![c]! -= v[i]! * ofR[c]!;
      for (let c = 0; c < m; c++) q[i]![c]! -= v[i]! * ofQ[c]!;
    }
  }
  return {
    q: turned(q).map((row) => row.slice(0, k)),
    r: r.slice(0, k).map((row, i) => row.map((x, j) => (j < i ? 0 : x))),
  };
}

/** Matrices that methods for eigenvalues and singular values have been known to fail on. */
import { HostRandom } from "../../src/random/hostRandom";

type Rule = (i: number, j: number, n: number) => number;

/** Symmetric, in f64; the largest element is near 1 but where the name says otherwise. */
export const symmetricFamilies: Readonly<Record<string, Rule>> = {
  "of zeros": () => 0,
  "of ones": () => 1,
  identity: (i, j) => +(i === j),
  "diagonal, unsorted, with repeated values": (i, j) => (i === j ? ((i * 7) % 11) - 4 : 0),
  "of second differences": (i, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0),
  "of Wilkinson, with pairs of close values": (i, j, n) =>
    i === j ? Math.abs(i - (n - 1) / 2) : +(Math.abs(i - j) === 1),
  "of Hilbert": (i, j) => 1 / (i + j + 1),
  "graded downwards": (i, j) => (1 + 0.3 * Math.sin(i * j + i + j)) * 10 ** (-(i + j) / 4),
  "graded upwards": (i, j, n) => (1 + 0.3 * Math.sin(i * j + i + j)) * 10 ** (-(2 * n - i - j) / 4),
  "of rank two": (i, j) => Math.sin(i + 1) * Math.sin(j + 1) + Math.cos(i) * Math.cos(j),
  "an exchange of all rows": (i, j, n) => +(i + j === n - 1),
  "of two by two blocks of ones": (i, j) => +(i >> 1 === j >> 1),
  "close to the identity": (i, j) => +(i === j) + 1e-7 * Math.cos(i * j),
  "with elements near the largest number": (i, j) => Math.cos(i * j + i + j) * 1e36,
  // Not smaller: a device may flush subnormal numbers, 1e-38 and less, to 0 in what it reads and gives.
  "with elements whose squares underflow": (i, j) => Math.cos(i * j + i + j) * 1e-32,
};

/** Row-major, rounded to f32. */
export function matrixOf(rule: Rule, n: number): Float32Array {
  return Float32Array.from({ length: n * n }, (_, k) => rule(Math.floor(k / n), k % n, n));
}

/** Uniform in [-1, 1). */
export function randomMatrix(m: number, n: number, seed: number): Float32Array {
  const random = new HostRandom(seed);
  return Float32Array.from({ length: m * n }, () => random.bits() / 2 ** 31 - 1);
}

/** ‖x‖_F of numbers that may be near the ends of f32. */
export function lengthOf(x: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * x[i]!;
  return Math.sqrt(sum);
}

interface Factors {
  /** [m, k] and [k, n], row-major. */
  readonly left: ArrayLike<number>;
  readonly values: ArrayLike<number>;
  readonly right: ArrayLike<number>;
}

/** ‖left diag(values) right - a‖_F / ‖a‖_F, in f64; without the division for a matrix of zeros. */
export function residual(a: ArrayLike<number>, { left, values, right }: Factors): number {
  const k = values.length;
  const [m, n] = [left.length / k, right.length / k];
  const difference = Float64Array.from(a as ArrayLike<number>, (v) => -v);
  for (let i = 0; i < m; i++)
    for (let p = 0; p < k; p++) {
      const factor = left[i * k + p]! * values[p]!;
      for (let j = 0; j < n; j++) difference[i * n + j]! += factor * right[p * n + j]!;
    }
  return lengthOf(difference) / (lengthOf(a) || 1);
}

/** ‖x xᵀ - I‖_F / √rows of the rows of x, in f64. */
export function departure(x: ArrayLike<number>, rows: number): number {
  const cols = x.length / rows;
  let sum = 0;
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < rows; j++) {
      let product = 0;
      for (let k = 0; k < cols; k++) product += x[i * cols + k]! * x[j * cols + k]!;
      sum += (product - +(i === j)) ** 2;
    }
  return Math.sqrt(sum / rows);
}

/** The transpose of [m, n]. */
export function turnedArray(x: ArrayLike<number>, n: number): Float64Array {
  const m = x.length / n;
  return Float64Array.from({ length: x.length }, (_, k) => x[(k % m) * n + Math.floor(k / m)]!);
}

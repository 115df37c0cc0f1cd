/** Products of matrices and rows of numbers, in f64. */
import { array, at, broadcastShape, generate, type HostArray } from "./array";

/** Of the last two dimensions, the ones before them broadcast. */
export function matmul(a: HostArray, b: HostArray): HostArray {
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))!;
  const [m, k] = a.shape.slice(-2) as [number, number];
  const n = b.shape.at(-1)!;
  const within = (x: HostArray, outer: readonly number[], i: number, j: number): number => {
    const own = x.shape.slice(0, -2);
    const index = own.map((d, p) => (d === 1 ? 0 : outer[p + outer.length - own.length]!));
    return at(x, [...index, i, j]);
  };
  return generate([...batch, m, n], (index) => {
    const outer = index.slice(0, -2);
    const [i, j] = index.slice(-2) as [number, number];
    let sum = 0;
    for (let p = 0; p < k; p++) sum += within(a, outer, i, p) * within(b, outer, p, j);
    return sum;
  });
}

/** The last two dimensions exchanged. */
export function transpose(x: HostArray): HostArray {
  const [m, n] = x.shape.slice(-2) as [number, number];
  return generate([...x.shape.slice(0, -2), n, m], (index) => {
    const [i, j] = index.slice(-2) as [number, number];
    return at(x, [...index.slice(0, -2), j, i]);
  });
}

/** Rows along the last dimension; a scalar is a row of one. */
export function rowsOf(x: HostArray): number[][] {
  const cols = x.shape.at(-1) ?? 1;
  const count = cols === 0 ? 0 : x.data.length / cols;
  return Array.from({ length: count }, (_, r) => [...x.data.slice(r * cols, (r + 1) * cols)]);
}

/** The same shape, from a rule for rows along the last dimension. */
export function byRows(
  x: HostArray,
  fn: (row: readonly number[], r: number) => readonly number[],
): HostArray {
  return array(x.shape, rowsOf(x).flatMap(fn));
}

export const total = (row: readonly number[]): number => row.reduce((a, b) => a + b, 0);

export function logSumExp(row: readonly number[]): number {
  const top = Math.max(...row);
  return top + Math.log(total(row.map((v) => Math.exp(v - top))));
}

export const softmax = (row: readonly number[]): number[] =>
  row.map((v) => Math.exp(v - logSumExp(row)));

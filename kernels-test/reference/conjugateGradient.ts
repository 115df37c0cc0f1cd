/** The method of conjugate gradients in f64, from Golub and Van Loan, Matrix Computations, algorithm 11.5.1. */
import type { Matrix } from "./factors";

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, v, i) => sum + v * b[i]!, 0);

/** The iterates of A x = b from 0 with the preconditioner diag(m), the first of them 0. */
export function cgIterates(
  A: Matrix,
  b: readonly number[],
  count: number,
  m: readonly number[] = b.map(() => 1),
): number[][] {
  let x = b.map(() => 0);
  let r = [...b];
  let p = r.map((v, i) => v * m[i]!);
  let rz = dot(r, p);
  const all = [x];
  for (let k = 0; k < count; k++) {
    const q = A.map((row) => dot(row, p));
    const alpha = rz / dot(p, q);
    x = x.map((v, i) => v + alpha * p[i]!);
    r = r.map((v, i) => v - alpha * q[i]!);
    const z = r.map((v, i) => v * m[i]!);
    const next = dot(r, z);
    p = z.map((v, i) => v + (next / rz) * p[i]!);
    rz = next;
    all.push(x);
  }
  return all;
}

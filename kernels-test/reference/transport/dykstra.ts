/**
 * LR-Dykstra in f64, with all corrections as the paper has them (Scetbon, Cuturi, Peyré, Low-rank Sinkhorn
 * factorization, 2021, algorithm 2), for a number of iterations.
 */

export interface LowRankProblem {
  /** Q over R [rows, rank]; the first `left` rows are Q's. */
  readonly e: ArrayLike<number>;
  /** Row sums [rows]. */
  readonly p: ArrayLike<number>;
  /** [rank]. */
  readonly g: ArrayLike<number>;
  readonly left: number;
  readonly alpha: number;
  readonly iterations: number;
}

export interface LowRankScales {
  readonly u: Float64Array;
  /** [2, rank]. */
  readonly v: Float64Array;
  readonly g: Float64Array;
  /** Σ |rows of the factors - p| with the u of the last iteration and the v of the one before. */
  readonly error: number;
}

export function lowRankDykstra({
  e,
  p,
  g: g0,
  left,
  alpha,
  iterations,
}: LowRankProblem): LowRankScales {
  const [rows, rank] = [p.length, g0.length];
  const side = (i: number): number => (i < left ? 0 : 1);
  const u = new Float64Array(rows);
  const v = new Float64Array(2 * rank).fill(1);
  const q = new Float64Array(2 * rank).fill(1);
  let g = Float64Array.from(g0);
  const [q31, q32] = [new Float64Array(rank).fill(1), new Float64Array(rank).fill(1)];
  let error = 0;
  for (let step = 0; step < iterations; step++) {
    error = 0;
    for (let i = 0; i < rows; i++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += e[i * rank + k]! * v[side(i) * rank + k]!;
      error += Math.abs(u[i]! * sum - p[i]!);
      u[i] = p[i]! / sum;
    }
    const bounded = g.map((w, k) => Math.max(alpha, w * q31[k]!));
    q31.forEach((c, k) => {
      q31[k] = (g[k]! * c) / bounded[k]!;
    });
    const sums = new Float64Array(2 * rank);
    for (let i = 0; i < rows; i++)
      for (let k = 0; k < rank; k++) {
        const at = side(i) * rank + k;
        sums[at] = sums[at]! + e[i * rank + k]! * u[i]!;
      }
    const product = (at: number): number => v[at]! * q[at]! * sums[at]!;
    g = bounded.map((w, k) => Math.cbrt(w * q32[k]! * product(k) * product(rank + k)));
    for (let at = 0; at < 2 * rank; at++) {
      const next = g[at % rank]! / sums[at]!;
      q[at] = (v[at]! * q[at]!) / next;
      v[at] = next;
    }
    q32.forEach((c, k) => {
      q32[k] = (bounded[k]! * c) / g[k]!;
    });
  }
  return { u, v, g, error };
}

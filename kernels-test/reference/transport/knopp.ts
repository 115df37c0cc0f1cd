/** Sinkhorn-Knopp in f64, by the scalings of rows and columns. */

export interface KnoppProblem {
  readonly n: number;
  readonly m: number;
  /** Row-major. */
  readonly logits: ArrayLike<number>;
  readonly iterations: number;
  /** Default 1. */
  readonly temperature?: number;
  /** Sums of the rows, default 1 each. */
  readonly rows?: ArrayLike<number>;
  /** Sums of the columns, default n/m each. */
  readonly cols?: ArrayLike<number>;
}

function logSumExp(values: readonly number[]): number {
  const top = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  if (top === Number.NEGATIVE_INFINITY) return top;
  return top + Math.log(values.reduce((s, v) => s + Math.exp(v - top), 0));
}

/**
 * P_ij = exp(s_ij + u_i + v_j), s the logits over the temperature, u = 0 at first; in each round
 * v_j = log c_j - log Σ_i exp(s_ij + u_i), then u_i = log r_i - log Σ_j exp(s_ij + v_j). Rows and columns that get
 * nothing, or can give nothing, are left out.
 */
export function knopp(problem: KnoppProblem): Float64Array {
  const { n, m, logits, iterations, temperature = 1 } = problem;
  const r = (i: number): number => problem.rows?.[i] ?? 1;
  const c = (j: number): number => problem.cols?.[j] ?? n / m;
  const s = (i: number, j: number): number =>
    r(i) > 0 && c(j) > 0 ? logits[i * m + j]! / temperature : Number.NEGATIVE_INFINITY;
  const indices = (count: number): number[] => Array.from({ length: count }, (_, k) => k);
  let u = indices(n).map(() => 0);
  let v: number[] = [];
  const scaling = (mass: number, total: number): number =>
    total === Number.NEGATIVE_INFINITY ? 0 : Math.log(mass) - total;
  for (let t = 0; t < iterations; t++) {
    v = indices(m).map((j) => scaling(c(j), logSumExp(u.map((ui, i) => s(i, j) + ui))));
    u = indices(n).map((i) => scaling(r(i), logSumExp(v.map((vj, j) => s(i, j) + vj))));
  }
  return Float64Array.from({ length: n * m }, (_, k) => {
    const [i, j] = [Math.floor(k / m), k % m];
    return Math.exp(s(i, j) + u[i]! + v[j]!);
  });
}

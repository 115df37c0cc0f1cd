/**
 * Entropic optimal transport in the log domain, in f64: the minimum over plans P >= 0 of
 *
 *   <P, C> + ε KL(P | a⊗b) + D_a(P 1) + D_b(Pᵀ 1),   KL(P | Q) = Σ P log(P / Q) - P + Q,
 *
 * where D of a marginal is 0 if it is the weights and infinite otherwise (balanced), ρ KL(· | a), or ρ Σ|· - a|
 * (TV). P_ij = a_i b_j exp((f_i + g_j - C_ij) / ε) with potentials that alternate
 *
 *   f_i = aprox(-ε log Σ_j b_j exp((g_j - C_ij) / ε)),
 *   aprox(s) = s (balanced), s ρ / (ρ + ε) (KL), min(ρ, max(-ρ, s)) (TV).
 *
 * Peyré and Cuturi, Computational Optimal Transport, 4.4; Séjourné et al., Sinkhorn Divergences for Unbalanced
 * Optimal Transport (2019), 3.
 */

export type MarginalPenalty = { readonly kl: number } | { readonly tv: number } | null;

export interface Problem {
  readonly a: ArrayLike<number>;
  readonly b: ArrayLike<number>;
  /** [n, m], row-major; Infinity forbids a pair. */
  readonly cost: ArrayLike<number>;
  readonly epsilon: number;
  /** Of the rows and of the columns; null is balanced, which is the default. */
  readonly penalty?: readonly [MarginalPenalty, MarginalPenalty];
  /** Largest change of a potential in units of ε at which it ends. Default 1e-13. */
  readonly tolerance?: number;
  /** Default 200,000. Fewer are no error. */
  readonly maxIterations?: number;
}

export interface Solution {
  readonly f: Float64Array;
  readonly g: Float64Array;
  /** [n, m]. */
  readonly plan: Float64Array;
  readonly iterations: number;
}

function aprox(s: number, epsilon: number, penalty: MarginalPenalty): number {
  if (penalty === null) return s;
  if ("kl" in penalty) return (s * penalty.kl) / (penalty.kl + epsilon);
  return Math.min(penalty.tv, Math.max(-penalty.tv, s));
}

/** -ε log Σ_j w_j exp((h_j - c(j)) / ε); a row without a pair that counts gets 0. */
function softmin(
  w: ArrayLike<number>,
  h: ArrayLike<number>,
  cost: (j: number) => number,
  epsilon: number,
): number {
  let largest = Number.NEGATIVE_INFINITY;
  const term = (j: number): number => Math.log(w[j]!) + (h[j]! - cost(j)) / epsilon;
  for (let j = 0; j < w.length; j++) largest = Math.max(largest, term(j));
  if (largest === Number.NEGATIVE_INFINITY) return 0;
  let sum = 0;
  for (let j = 0; j < w.length; j++) sum += Math.exp(term(j) - largest);
  return -epsilon * (largest + Math.log(sum));
}

/** f of the rows, given g of the columns. */
export function rowPotentials(problem: Problem, g: ArrayLike<number>): Float64Array {
  const { a, b, cost, epsilon, penalty = [null, null] } = problem;
  return Float64Array.from({ length: a.length }, (_, i) =>
    aprox(
      softmin(b, g, (j) => cost[i * b.length + j]!, epsilon),
      epsilon,
      penalty[0],
    ),
  );
}

/** g of the columns, given f of the rows. */
export function columnPotentials(problem: Problem, f: ArrayLike<number>): Float64Array {
  const { a, b, cost, epsilon, penalty = [null, null] } = problem;
  return Float64Array.from({ length: b.length }, (_, j) =>
    aprox(
      softmin(a, f, (i) => cost[i * b.length + j]!, epsilon),
      epsilon,
      penalty[1],
    ),
  );
}

export function planOf(
  { a, b, cost, epsilon }: Problem,
  f: ArrayLike<number>,
  g: ArrayLike<number>,
): Float64Array {
  return Float64Array.from({ length: a.length * b.length }, (_, k) => {
    const [i, j] = [Math.floor(k / b.length), k % b.length];
    const weight = a[i]! * b[j]!;
    return weight === 0 ? 0 : weight * Math.exp((f[i]! + g[j]! - cost[k]!) / epsilon);
  });
}

const change = (x: Float64Array, y: Float64Array): number =>
  x.reduce((most, v, i) => Math.max(most, Math.abs(v - y[i]!)), 0);

/** A balanced problem with b scaled to the mass of a: where sums differ by rounding, potentials would drift for ever. */
function withOneMass(problem: Problem): Problem {
  const { a, b, penalty = [null, null] } = problem;
  if (penalty[0] || penalty[1]) return problem;
  const mass = (w: ArrayLike<number>): number => Array.from(w).reduce((sum, v) => sum + v, 0);
  const ratio = mass(a) / mass(b);
  return { ...problem, b: Float64Array.from(b, (w) => w * ratio) };
}

export function sinkhorn(given: Problem): Solution {
  const problem = withOneMass(given);
  const { a, b, epsilon, tolerance = 1e-13, maxIterations = 200_000 } = problem;
  let f: Float64Array = new Float64Array(a.length);
  let g: Float64Array = new Float64Array(b.length);
  let iterations = 0;
  for (let moved = Number.POSITIVE_INFINITY; moved > tolerance && iterations < maxIterations; ) {
    const rows = rowPotentials(problem, g);
    const columns = columnPotentials(problem, rows);
    moved = Math.max(change(rows, f), change(columns, g)) / epsilon;
    [f, g] = [rows, columns];
    iterations++;
  }
  return { f, g, plan: planOf(problem, f, g), iterations };
}

/** P 1 and Pᵀ 1 of a plan [n, m]. */
export function marginals(plan: ArrayLike<number>, n: number): [Float64Array, Float64Array] {
  const m = plan.length / n;
  const rows = new Float64Array(n);
  const columns = new Float64Array(m);
  for (let k = 0; k < plan.length; k++) {
    rows[Math.floor(k / m)]! += plan[k]!;
    columns[k % m]! += plan[k]!;
  }
  return [rows, columns];
}

/** Σ|P 1 - a| + Σ|Pᵀ 1 - b|, relative to the mass. */
export function marginalError(
  plan: ArrayLike<number>,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
): number {
  const [rows, columns] = marginals(plan, a.length);
  const off = (x: Float64Array, w: ArrayLike<number>): number =>
    x.reduce((sum, v, i) => sum + Math.abs(v - w[i]!), 0);
  const mass = Array.from(a).reduce((sum, v) => sum + v, 0);
  return (off(rows, a) + off(columns, b)) / mass;
}

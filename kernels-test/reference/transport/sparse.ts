/**
 * Sparse projections onto the simplex and transport with a squared 2-norm in f64, from their definitions: Liu,
 * Puigcerver, Blondel, Sparsity-constrained optimal transport, 2023.
 */

export interface SparseProjection {
  readonly p: Float64Array;
  readonly tau: number;
  /** max ⟨y, p⟩ − ‖p‖² / 2. */
  readonly conjugate: number;
}

/** Of scores y onto { p ≥ 0, Σ p = mass, at most `most` nonzeros }: the greatest scores, of equal ones the first. */
export function projectSparse(y: ArrayLike<number>, mass: number, most: number): SparseProjection {
  const order = Array.from(y, (_, i) => i).sort((i, k) => y[k]! - y[i]! || i - k);
  const kept = order.slice(0, Math.min(most, order.length));
  let tau = y[kept[0]!]! - mass;
  let sum = 0;
  kept.forEach((i, k) => {
    sum += y[i]!;
    const next = (sum - mass) / (k + 1);
    if (y[i]! > next) tau = next;
  });
  const p = new Float64Array(y.length);
  for (const i of kept) p[i] = Math.max(y[i]! - tau, 0);
  const conjugate = p.reduce((total, v, i) => (v > 0 ? total + v * (y[i]! - v / 2) : total), 0);
  return { p, tau, conjugate };
}

export interface SparseProblem {
  readonly a: ArrayLike<number>;
  readonly b: ArrayLike<number>;
  /** [n, m], row-major. */
  readonly cost: ArrayLike<number>;
  readonly gamma: number;
  readonly most: number;
}

/** The semi-dual ⟨a, f⟩ − γ Σ_j conjugate_j at f, its slope a − P 1, and P [n, m]. */
export function semiDual(f: ArrayLike<number>, { a, b, cost, gamma, most }: SparseProblem) {
  const [n, m] = [a.length, b.length];
  const plan = new Float64Array(n * m);
  const slope = Float64Array.from(a);
  let value = 0;
  for (let i = 0; i < n; i++) value += a[i]! * f[i]!;
  for (let j = 0; j < m; j++) {
    const y = Float64Array.from({ length: n }, (_, i) => (f[i]! - cost[i * m + j]!) / gamma);
    const { p, conjugate } = projectSparse(y, b[j]!, most);
    value -= gamma * conjugate;
    p.forEach((v, i) => {
      plan[i * m + j] = v;
      slope[i]! -= v;
    });
  }
  return { value, slope, plan };
}

/**
 * The maximum of a semi-dual without kinks, with Σ f = 0, by plain ascent: its slope changes by m / γ at most per unit
 * of f. What the sums of the weights differ by is no slope.
 */
export function ascend(problem: SparseProblem, steps = 20_000) {
  const f = new Float64Array(problem.a.length);
  const step = problem.gamma / problem.b.length;
  for (let k = 0; k < steps; k++) {
    const { slope } = semiDual(f, problem);
    const mean = slope.reduce((sum, g) => sum + g, 0) / slope.length;
    slope.forEach((g, i) => {
      f[i]! += step * (g - mean);
    });
  }
  return { f, ...semiDual(f, problem) };
}

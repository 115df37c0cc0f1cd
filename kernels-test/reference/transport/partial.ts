/**
 * Entropic partial transport, in f64: the minimum of <P, C> + ε Σ P log P over P with P 1 <= a, Pᵀ 1 <= b and mass m
 * (Benamou et al., Iterative Bregman Projections for Regularized Transportation Problems, 2015, 5.3).
 *
 * By the dual: P = exp((f + g + λ - C) / ε) with f, g <= 0, and each of f, g and λ in turn at its best for the others.
 */

interface Partial {
  readonly a: ArrayLike<number>;
  readonly b: ArrayLike<number>;
  /** [n, m]. */
  readonly cost: ArrayLike<number>;
  readonly epsilon: number;
  readonly mass: number;
}

function logSumExp(count: number, term: (i: number) => number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) largest = Math.max(largest, term(i));
  if (largest === Number.NEGATIVE_INFINITY) return largest;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.exp(term(i) - largest);
  return largest + Math.log(sum);
}

/** The plan [n, m]. */
export function entropicPartial({ a, b, cost, epsilon, mass }: Partial): Float64Array {
  const [n, m] = [a.length, b.length];
  const f = new Float64Array(n);
  const g = new Float64Array(m);
  let lambda = 0;
  const score = (i: number, j: number): number => (f[i]! + g[j]! - cost[i * m + j]!) / epsilon;
  const lower = (h: Float64Array, i: number, value: number): number => {
    const moved = Math.abs(value - h[i]!);
    h[i] = value;
    return moved;
  };
  for (let moved = 1, k = 0; moved > 1e-14 * epsilon && k < 200_000; k++) {
    moved = 0;
    for (let i = 0; i < n; i++) {
      const row = logSumExp(m, (j) => score(i, j)) - f[i]! / epsilon + lambda / epsilon;
      if (a[i] === 0) f[i] = Number.NEGATIVE_INFINITY;
      else moved = Math.max(moved, lower(f, i, Math.min(0, epsilon * (Math.log(a[i]!) - row))));
    }
    for (let j = 0; j < m; j++) {
      const column = logSumExp(n, (i) => score(i, j)) - g[j]! / epsilon + lambda / epsilon;
      if (b[j] === 0) g[j] = Number.NEGATIVE_INFINITY;
      else moved = Math.max(moved, lower(g, j, Math.min(0, epsilon * (Math.log(b[j]!) - column))));
    }
    const all = logSumExp(n * m, (k) => score(Math.floor(k / m), k % m));
    lambda = epsilon * (Math.log(mass) - all);
  }
  return Float64Array.from({ length: n * m }, (_, k) =>
    Math.exp(score(Math.floor(k / m), k % m) + lambda / epsilon),
  );
}

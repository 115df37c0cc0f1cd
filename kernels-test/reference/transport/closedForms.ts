/** Entropic transport whose solution can be written down. */

/** A normal distribution on the line. */
export interface Gaussian {
  readonly mean: number;
  readonly deviation: number;
}

/**
 * Between Gaussians, cost (x - y)², regulariser ε KL(P | a⊗b); with s = ε/2 and D = √(4 A B + s²), A and B the
 * variances: the value, and the covariance of the plan (Janati et al., Entropic Optimal Transport between
 * Unbalanced Gaussian Measures has a Closed Form, 2020).
 */
export function gaussians(
  a: Gaussian,
  b: Gaussian,
  epsilon: number,
): { readonly value: number; readonly covariance: number } {
  const [A, B, s] = [a.deviation ** 2, b.deviation ** 2, epsilon / 2];
  const D = Math.sqrt(4 * A * B + s * s);
  const entropy = s * (1 - Math.log(2 * s)) + s * Math.log(D + s);
  return {
    value: (a.mean - b.mean) ** 2 + A + B - D + entropy,
    covariance: (D - s) / 2,
  };
}

interface Diracs {
  /** The masses of the two points. */
  readonly a: number;
  readonly b: number;
  /** Between them. */
  readonly cost: number;
  readonly epsilon: number;
}

/** The mass that moves, and the value, with marginals under ρ KL: log π = ((ε + ρ) log(a b) - c) / (ε + 2ρ). */
export function unbalancedDiracs(
  { a, b, cost, epsilon }: Diracs,
  rho: number,
): { readonly mass: number; readonly value: number } {
  const mass = Math.exp(((epsilon + rho) * Math.log(a * b) - cost) / (epsilon + 2 * rho));
  return { mass, value: rho * (a + b) + epsilon * a * b - (epsilon + 2 * rho) * mass };
}

/**
 * The same under ρ |· - mass| (TV). π is where c + ε log(π / ab) + ρ (sign(π - a) + sign(π - b)) changes sign: a root
 * between the masses and beyond them, or a mass itself.
 */
export function totalVariationDiracs(
  { a, b, cost, epsilon }: Diracs,
  rho: number,
): { readonly mass: number; readonly value: number } {
  const value = (p: number): number =>
    p * cost +
    epsilon * (p * Math.log(p / (a * b)) - p + a * b) +
    rho * (Math.abs(p - a) + Math.abs(p - b));
  const roots = [-2, 0, 2].map((slope) => a * b * Math.exp(-(cost + slope * rho) / epsilon));
  const mass = [...roots, a, b].reduce((best, p) => (value(p) < value(best) ? p : best));
  return { mass, value: value(mass) };
}

/**
 * The debiased Sinkhorn divergence S(a, b) = OT(a, b) - OT(a, a)/2 - OT(b, b)/2, plus ε (Σa - Σb)²/2 where mass may
 * differ (Feydy et al. 2019; Séjourné et al. 2019), of values relative to the product measure, in f64.
 */
import { type Problem, sinkhorn } from "./sinkhorn";
import { relativeValue } from "./values";

interface Divergence extends Omit<Problem, "cost"> {
  /** C of a against b, of a against a, of b against b. */
  readonly costs: readonly [ArrayLike<number>, ArrayLike<number>, ArrayLike<number>];
}

const total = (w: ArrayLike<number>): number => Array.from(w).reduce((sum, v) => sum + v, 0);

export function sinkhornDivergence({ costs, ...problem }: Divergence): number {
  const { a, b, epsilon, penalty = [null, null] } = problem;
  const value = (of: Problem): number => relativeValue(of, sinkhorn(of).plan);
  const across = value({ ...problem, cost: costs[0] });
  const left = value({ ...problem, b: a, cost: costs[1], penalty: [penalty[0], penalty[0]] });
  const right = value({ ...problem, a: b, cost: costs[2], penalty: [penalty[1], penalty[1]] });
  return across - (left + right) / 2 + (epsilon * (total(a) - total(b)) ** 2) / 2;
}

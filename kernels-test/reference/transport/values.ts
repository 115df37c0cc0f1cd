/** What a plan is worth, in f64, by both conventions of the entropy. */
import { type MarginalPenalty, marginals, type Problem } from "./sinkhorn";

const sumOf = (count: number, term: (i: number) => number): number => {
  let total = 0;
  for (let i = 0; i < count; i++) total += term(i);
  return total;
};

/** Σ p log(p / q) - p + q, with 0 log 0 = 0: not negative, and 0 only where p is q. */
export function kullbackLeibler(p: ArrayLike<number>, q: (i: number) => number): number {
  return sumOf(p.length, (i) => (p[i] === 0 ? 0 : p[i]! * Math.log(p[i]! / q(i))) - p[i]! + q(i));
}

/** Σ P log P: the regulariser of POT. */
export const negativeEntropy = (plan: ArrayLike<number>): number =>
  sumOf(plan.length, (k) => (plan[k] === 0 ? 0 : plan[k]! * Math.log(plan[k]!)));

/** <P, C>; a pair of infinite cost that carries nothing adds nothing. */
export const transportCost = (plan: ArrayLike<number>, cost: ArrayLike<number>): number =>
  sumOf(plan.length, (k) => (plan[k] === 0 ? 0 : plan[k]! * cost[k]!));

function penaltyOf(x: Float64Array, weights: ArrayLike<number>, penalty: MarginalPenalty): number {
  if (penalty === null) return 0;
  if ("kl" in penalty) return penalty.kl * kullbackLeibler(x, (i) => weights[i]!);
  return penalty.tv * sumOf(x.length, (i) => Math.abs(x[i]! - weights[i]!));
}

const penalties = (problem: Problem, plan: ArrayLike<number>): number => {
  const [rows, columns] = marginals(plan, problem.a.length);
  const [ofRows, ofColumns] = problem.penalty ?? [null, null];
  return penaltyOf(rows, problem.a, ofRows) + penaltyOf(columns, problem.b, ofColumns);
};

/** <P, C> + ε KL(P | a⊗b), and the penalties of the marginals: what OTT, GeomLoss and we call the value. */
export function relativeValue(problem: Problem, plan: ArrayLike<number>): number {
  const { a, b, cost, epsilon } = problem;
  const product = (k: number): number => a[Math.floor(k / b.length)]! * b[k % b.length]!;
  return (
    transportCost(plan, cost) + epsilon * kullbackLeibler(plan, product) + penalties(problem, plan)
  );
}

/** <P, C> + ε Σ P log P, and the penalties: what POT minimises. */
export function entropyValue(problem: Problem, plan: ArrayLike<number>): number {
  return (
    transportCost(plan, problem.cost) +
    problem.epsilon * negativeEntropy(plan) +
    penalties(problem, plan)
  );
}

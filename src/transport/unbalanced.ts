/** Unbalanced transport by its usual name: what `sinkhorn` does with penalties in the place of exact marginals. */
import { ArgumentError } from "../errors";
import { requireOptions } from "../options";
import type { Cost } from "./cost";
import type { Weights } from "./operands";
import { type Penalty, type SinkhornOptions, solvedBy } from "./sinkhorn";
import { sinkhornLoop } from "./sinkhornLoop";
import type { Transport } from "./transport";
import { unrolled } from "./unrolled";

export interface UnbalancedOptions extends Omit<SinkhornOptions, "penalty"> {
  /** Of both marginals, or of a's and b's, in units of the cost; Infinity: exact. */
  rho: number | readonly [number, number];
  /** `kl`: ρ KL(P1 | a), `tv`: ρ ‖P1 − a‖₁. Default "kl". */
  divergence?: "kl" | "tv";
}

const op = "transport.sinkhornUnbalanced";

/**
 * Transport that may leave mass behind or make some where moving it would cost more: min ⟨P, C⟩ + ε KL(P | a ⊗ b) +
 * ρ D(P1 | a) + ρ D(Pᵀ1 | b) (POT `sinkhorn_unbalanced`, there with `reg_type="kl"`; OTT `tau_a`, `tau_b`: ρ = ε τ / (1 − τ);
 * Chizat et al., Scaling algorithms for unbalanced transport, 2018). Points further apart than some 2 ρ are hardly
 * connected.
 *
 * @param a f32 [..., n]; null: 1/n each
 * @param b f32 [..., m]
 * @param cost a matrix [..., n, m], or `squaredEuclidean(x, y)` and its like
 * @throws what `sinkhorn` does; ArgumentError for a rho that is not positive or an unknown divergence
 * @example
 * const { plan } = sinkhornUnbalanced(a, b, cost, { epsilon: 0.05, rho: 1 });
 * const [left, arrived] = plan.marginals();
 */
export function sinkhornUnbalanced(
  a: Weights,
  b: Weights,
  cost: Cost,
  given: UnbalancedOptions,
): Transport {
  const { rho, divergence = "kl", ...options } = requireOptions(op, given, "rho: 1, epsilon");
  if (divergence !== "kl" && divergence !== "tv")
    throw new ArgumentError(`${op}: divergence "${divergence}" must be "kl" or "tv".`);
  const penaltyOf = (side: "a" | "b", weight: number | undefined): Penalty => {
    if (!(weight !== undefined && weight > 0))
      throw new ArgumentError(
        `${op}: rho of ${side} is ${weight}; it must be > 0, or Infinity for an exact marginal. Give { rho: 1 } or { rho: [1, 2] }.`,
      );
    if (weight === Number.POSITIVE_INFINITY) return null;
    return divergence === "kl" ? { kl: weight } : { tv: weight };
  };
  const [left, right] = typeof rho === "object" ? rho : [rho, rho];
  const penalty = { a: penaltyOf("a", left), b: penaltyOf("b", right) };
  const solve = options.differentiation === "unrolled" ? unrolled : sinkhornLoop;
  return solvedBy(solve, op, [a, b, cost], { ...options, penalty });
}

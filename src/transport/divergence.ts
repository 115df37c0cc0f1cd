/**
 * The Sinkhorn divergence: entropic transport without what its entropy adds,
 *
 *   S(a, b) = OT(a, b) − (OT(a, a) + OT(b, b)) / 2 + ε (Σa − Σb)² / 2.
 *
 * It is 0 for equal measures and positive for others, convex in each, and goes from half an MMD to OT as ε shrinks.
 * Genevay et al., Learning generative models with Sinkhorn divergences, 2018; Feydy et al., Interpolating between
 * optimal transport and MMD, 2019; Séjourné et al., Sinkhorn divergences for unbalanced optimal transport, 2019.
 *
 * Most of its three values cancels. So their duals are subtracted term by term, with f and g of OT(a, b) and those of
 * the others, p and q, as penalties make them worth: ⟨a, f − p⟩ + ⟨b, g − q⟩ − ε (P − (P_a + P_b) / 2) with P the masses
 * of the plans; products of sums of weights cancel for good.
 */
import { add, mul, sub } from "../ops/arithmetic";
import { sum } from "../ops/reduce";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { type Cost, squaredEuclidean } from "./cost";
import { atStationary } from "./envelope";
import { epsilonOf, type Weights } from "./operands";
import { selfTransport } from "./selfTransport";
import { type SinkhornOptions, solvedBy } from "./sinkhorn";
import { sinkhornLoop } from "./sinkhornLoop";
import type { Dual, Transport } from "./transport";

/** Those of `sinkhorn`; both self-terms take a side's penalty for both of theirs. */
export type DivergenceOptions = Omit<SinkhornOptions, "differentiation" | "implicit">;

export interface PointDivergenceOptions extends DivergenceOptions {
  /** Of the points; also of x among themselves, and y. Default `squaredEuclidean`. */
  cost?: (x: Tensor, y: Tensor) => Cost;
}

/** The three costs that a divergence is made of. */
export interface DivergenceCosts {
  /** Of a's points against b's, [..., n, m]. */
  readonly ab: Cost;
  /** Of a's against a's, [..., n, n], symmetric. */
  readonly aa: Cost;
  /** Of b's against b's, [..., m, m], symmetric. */
  readonly bb: Cost;
}

/**
 * The debiased Sinkhorn divergence of two weighted clouds (GeomLoss `SamplesLoss("sinkhorn")`, OTT `sinkhorn_divergence`):
 * a loss between samples, whose gradient moves x onto y. POT's `empirical_sinkhorn_divergence` takes ⟨P, C⟩ alone of
 * each plan, which is no divergence.
 *
 * Gradients are those of the envelope theorem, and flow to points and weights; to weights up to a constant.
 *
 * @param a f32 [..., n]; null: 1/n each
 * @param x f32 [..., n, d]
 * @param b f32 [..., m]
 * @param y f32 [..., m, d]; leading dimensions of all four broadcast
 * @returns f32 [...], with rounding errors of some 1e-7 of the costs
 * @throws what `sinkhorn` does
 * @example
 * const loss = (x: Tensor) => sinkhornDivergence(null, x, null, y, { epsilon: 0.05 }).sum();
 * const pull = grad(loss)(x);
 */
export function sinkhornDivergence(
  a: Weights,
  x: Tensor,
  b: Weights,
  y: Tensor,
  options: PointDivergenceOptions,
): Tensor {
  return scope(() => debiased("transport.sinkhornDivergence", a, x, b, y, options).divergence);
}

/**
 * As `sinkhornDivergence`, of costs.
 *
 * @throws what `sinkhorn` does; ShapeError for costs that do not fit the weights
 * @example sinkhornDivergenceOfCosts(a, b, { ab, aa, bb }, { epsilon: 0.05 })
 */
export function sinkhornDivergenceOfCosts(
  a: Weights,
  b: Weights,
  costs: DivergenceCosts,
  options: DivergenceOptions,
): Tensor {
  const op = "transport.sinkhornDivergenceOfCosts";
  return scope(() => debiasedOf(op, a, b, costs, options).divergence);
}

/** The divergence of clouds, with the potentials between them. */
export function debiased(
  op: string,
  a: Weights,
  x: Tensor,
  b: Weights,
  y: Tensor,
  given: PointDivergenceOptions,
): { readonly divergence: Tensor; readonly across: Transport } {
  epsilonOf(op, given);
  const { cost = squaredEuclidean, ...options } = given;
  return debiasedOf(op, a, b, { ab: cost(x, y), aa: cost(x, x), bb: cost(y, y) }, options);
}

function debiasedOf(
  op: string,
  a: Weights,
  b: Weights,
  { ab, aa, bb }: DivergenceCosts,
  options: DivergenceOptions,
): { readonly divergence: Tensor; readonly across: Transport } {
  const { epsilon, penalty, initial: _, ...rest } = options;
  const both = penalty && ("a" in penalty || "b" in penalty) ? penalty : { a: penalty, b: penalty };
  const self = (side: "a" | "b", weights: Weights, cost: Cost): Transport =>
    selfTransport(op, weights, cost, { ...rest, epsilon, penalty: both[side] ?? null });
  const across = solvedBy(sinkhornLoop, op, [a, b, ab], options);
  const parts = [across, self("a", a, aa), self("b", b, bb)].map((solved) => solved.stationary());
  // The terms of the three values cancel, so they are subtracted point by point.
  const divergence = atStationary(
    (potentials, others) => {
      let read = 0;
      const duals = parts.map(({ dual, others: own }, k) => {
        const at = read;
        read += own.length;
        return dual(potentials.slice(4 * k, 4 * k + 4), others.slice(at, read));
      });
      const [of, left, right] = duals as [Dual, Dual, Dual];
      const differences = add(
        sum(mul(of.a, sub(of.rows, left.rows)), { dim: -1 }),
        sum(mul(of.b, sub(of.columns, right.columns)), { dim: -1 }),
      );
      const masses = sub(of.mass, mul(add(left.mass, right.mass), 0.5));
      return sub(differences, mul(masses, epsilon));
    },
    parts.flatMap(({ potentials }) => potentials),
    parts.flatMap(({ others }) => others),
  );
  return { divergence, across };
}

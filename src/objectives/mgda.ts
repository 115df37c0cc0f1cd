/**
 * The multiple-gradient descent algorithm (Désidéri 2012; Sener and Koltun 2018, arXiv:1810.04650): the shortest
 * vector in the convex hull of the objectives' gradients. Going against it makes every objective smaller; it is zero
 * where no direction does.
 *
 *   w = argmin wᵀ G w  with w ≥ 0, Σ w = 1
 *
 * Solved exactly, instead of by the papers' Frank-Wolfe steps: w = y / Σ y for the least yᵀ G y / 2 - Σ y with y ≥ 0,
 * since both have the same optimality conditions ((G w)_i is least, and equal, where w_i > 0). G is divided by its
 * trace, and 1e-6 is added to its diagonal.
 */
import { add, div, mul } from "../ops/arithmetic";
import { eye, full, zeros } from "../ops/creation";
import { sum } from "../ops/reduce";
import { requireRounds } from "../ops/rounds";
import { reshape } from "../ops/shape";
import { requireOptions } from "../options";
import { minimiseAbove } from "./boundedQuadratic";
import type { GradientEstimator } from "./estimator";
import { combination, normalised } from "./manyObjectives";

export interface MgdaOptions {
  /** Rounds of the solver. Default 6; more than 8 objectives may want more. */
  rounds?: number;
}

/** Keeps gradients that cancel, or are the same, from making G singular. */
const regularisation = 1e-6;

/**
 * MGDA over a loss that is a list of objectives, [m].
 *
 * @throws ArgumentError unless rounds is a whole number from 1 to 100,000
 * @example trainStep(model, optimizer, (m, b) => stack([task(m, b), other(m, b)]), { objective: objectives.mgda() })
 */
export function mgda(options: MgdaOptions = {}): GradientEstimator {
  const { rounds = 6 } = requireOptions("mgda", options, "rounds");
  requireRounds("mgda", "rounds", rounds);
  return combination("mgda", (gram) => {
    const m = gram.shape[0]!;
    const { device } = gram;
    const g = add(normalised(gram), mul(eye(m, m, { device }), regularisation));
    const y = minimiseAbove(g, full([1, m], 1, { device }), zeros([1, m], { device }), rounds);
    return reshape(div(y, sum(y)), [m]);
  });
}

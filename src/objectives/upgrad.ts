/**
 * UPGrad (Quinton and Rey 2024, "Jacobian descent for multi-objective optimization", arXiv:2406.16232;
 * TorchJD/torchjd): the mean of the objectives' gradients, each projected onto the cone of directions that conflict
 * with no objective.
 *
 *   w = (1/m) Σ_i argmin { vᵀ G v : v ≥ e_i }
 *
 * G is divided by its trace, and 1e-4 is added to its diagonal, as in torchjd. The m problems are solved side by side
 * on the device (boundedQuadratic.ts).
 *
 * With one objective for each example (a loss without reduction) this is instance-wise risk minimisation (IWRM).
 */
import { add, mul } from "../ops/arithmetic";
import { eye, zerosLike } from "../ops/creation";
import { mean } from "../ops/reduce";
import { requireRounds } from "../ops/rounds";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { minimiseAbove } from "./boundedQuadratic";
import type { GradientEstimator } from "./estimator";
import { combination, normalised } from "./manyObjectives";
import { requirePositive } from "./scalar";

export interface UpgradOptions {
  /** Rounds of the solver. Default 6; more than 8 objectives may want more. */
  rounds?: number;
  /** Added to the diagonal of G with trace 1. Default 1e-4. */
  regularisation?: number;
}

/**
 * UPGrad over a loss that is a list of objectives, [m]: the direction conflicts with none of them, up to the
 * regularisation.
 *
 * @throws ArgumentError for rounds that are no whole number from 1 to 100,000, a regularisation that is not above 0
 * @example trainStep(model, optimizer, (m, b) => stack([task(m, b), other(m, b)]), { objective: objectives.upgrad() })
 */
export function upgrad(options: UpgradOptions = {}): GradientEstimator {
  const { rounds = 6, regularisation = 1e-4 } = requireOptions("upgrad", options, "rounds");
  requireRounds("upgrad", "rounds", rounds);
  requirePositive("upgrad", "regularisation", regularisation);
  return combination("upgrad", (gram) => {
    const m = gram.shape[0]!;
    const identity = eye(m, m, { device: gram.device });
    const g = scope(() => add(normalised(gram), mul(identity, regularisation)));
    return mean(minimiseAbove(g, zerosLike(identity), identity, rounds), { dim: 0 });
  });
}

/**
 * Flatness-aware minimisation for domain generalisation (Zhang et al. 2023, "Flatness-aware
 * minimization for domain generalization", arXiv:2307.11108): L + β [α R0 + (1 - α) R1] with
 *
 *   R0 = max over ‖e‖ ≤ ρ of L(p + e) - L(p)       zeroth-order flatness, as in SAM
 *   R1 = ρ max over ‖e‖ ≤ ρ of ‖∇L(p + e)‖         first-order flatness, as in GAM
 *
 * There is no official code. This follows the paper's text, with Hessian products as differences of gradients:
 *
 *   g0 = ∇L(p)
 *   g1 = ∇L(p + ρ ĝ0),            h0 = g1 - g0                the gradient of R0
 *   g2 = ∇L(p + ρ ĥ0)
 *   g3 = ∇L(p + ρ ĥ0 + ρ ĝ2),     h1 = g3 - g2                the gradient of R1
 *   g' = g0 + β [α h0 + (1 - α) h1]
 */
import { requireOptions } from "../options";
import { type GradientEstimator, makeEstimator } from "./estimator";
import { ascent } from "./sam";
import {
  complement,
  product,
  requireAtLeastZero,
  requirePositive,
  requireShare,
  type Scalar,
} from "./scalar";
import { minus, plus } from "./vector";

export interface FadOptions {
  /** ρ, the radius. Default 0.05. */
  rho?: Scalar;
  /** α, the share of zeroth-order flatness. Default 0.5. */
  alpha?: Scalar;
  /** β, the weight of flatness. Default 1. */
  beta?: Scalar;
}

/**
 * FAD. Four gradients a step. With α = 1 and β = 1 it is SAM.
 *
 * @throws ArgumentError for a rho that is not above 0, an alpha outside 0 to 1, a negative beta
 * @example trainStep(model, optimizer, loss, { objective: objectives.fad({ rho: 0.05 }) })
 */
export function fad(options: FadOptions = {}): GradientEstimator {
  const { rho = 0.05, alpha = 0.5, beta = 1 } = requireOptions("fad", options, "rho");
  requirePositive("fad", "rho", rho);
  requireShare("fad", "alpha", alpha);
  requireAtLeastZero("fad", "beta", beta);
  return makeEstimator("fad", (surface) => {
    const { parameters } = surface;
    const { value, gradient: g0 } = surface.gradientAt();
    const { gradient: g1 } = surface.gradientAt(ascent(parameters, g0, rho));
    const h0 = minus(g1, g0);
    const up = ascent(parameters, h0, rho);
    const { gradient: g2 } = surface.gradientAt(up);
    const { gradient: g3 } = surface.gradientAt(plus(up, ascent(parameters, g2, rho)));
    const h1 = minus(g3, g2);
    const zeroth = plus(g0, h0, product(beta, alpha));
    return { value, gradient: plus(zeroth, h1, product(beta, complement(alpha))) };
  });
}

/**
 * Gradient norm aware minimisation (Zhang et al. 2023, arXiv:2303.03108), which looks for first-order flatness, in
 * the form of the authors' code (xxgege/GAM):
 *
 *   g0 = ∇L(p)
 *   g1 = ∇L(p + ρ ĝ0)
 *   d  = ρ' (g1 - g0) / ‖g1 - g0‖       the way up of the gradient's norm
 *   g2 = ∇L(p + d)
 *   g3 = ∇L(p + d + ρ ĝ2)
 *   u  = β1 g1 + (1 - β1) g3
 *   g' = u - γ (m - (m·û) û)            with m = g0 + |1 - β0| g2
 *
 * The last line takes out a part of m that is orthogonal to u. The paper writes g + α H ∇‖g‖ with Hessian-vector
 * products; the code replaces them by g1 - g0 and g3 - g2.
 */
import { add, div } from "../ops/arithmetic";
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
import { inner, minus, plus, scaled, squaredNorm } from "./vector";

export interface GamOptions {
  /** ρ, of the steps along gradients. Default 0.02. */
  rho?: Scalar;
  /** ρ', of the step along the gradient of the norm. Default 0.2. */
  normRho?: Scalar;
  /** β0: the weight of g2 in m is 1 - β0. Default 0.5. */
  beta0?: Scalar;
  /** β1: the weight of g1; that of g3 is 1 - β1. Default 0.6. */
  beta1?: Scalar;
  /** γ, the share of the orthogonal part that is taken out. Default 0.03. */
  gamma?: Scalar;
  /** Measure distances relative to the parameters. Default false. */
  adaptive?: boolean;
}

const tiny = 1e-12;

/**
 * GAM. Four gradients a step. The defaults are the authors' for ResNets on CIFAR-100.
 *
 * @throws ArgumentError for distances that are not above 0, betas outside 0 to 1, a negative gamma
 * @example trainStep(model, optimizer, loss, { objective: objectives.gam() })
 */
export function gam(options: GamOptions = {}): GradientEstimator {
  const {
    rho = 0.02,
    normRho = 0.2,
    beta0 = 0.5,
    beta1 = 0.6,
    gamma = 0.03,
  } = requireOptions("gam", options, "rho");
  const { adaptive = false } = options;
  requirePositive("gam", "rho", rho);
  requirePositive("gam", "normRho", normRho);
  requireShare("gam", "beta0", beta0);
  requireShare("gam", "beta1", beta1);
  requireAtLeastZero("gam", "gamma", gamma);
  return makeEstimator("gam", (surface) => {
    const { parameters } = surface;
    const { value, gradient: g0 } = surface.gradientAt();
    const { gradient: g1 } = surface.gradientAt(ascent(parameters, g0, rho, adaptive));
    const up = ascent(parameters, minus(g1, g0), normRho, adaptive);
    const { gradient: g2 } = surface.gradientAt(up);
    const further = plus(up, ascent(parameters, g2, rho, adaptive));
    const { gradient: g3 } = surface.gradientAt(further);
    const combined = plus(scaled(g1, beta1), g3, complement(beta1));
    const m = plus(g0, g2, complement(beta0));
    const along = div(inner(m, combined), add(squaredNorm(combined), tiny));
    const orthogonal = minus(m, scaled(combined, along));
    return { value, gradient: plus(combined, orthogonal, product(gamma, -1)) };
  });
}

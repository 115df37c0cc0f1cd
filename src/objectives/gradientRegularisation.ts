/**
 * Gradient regularisation by finite differences (Karakida, Takase, Hayase and Osawa 2023, "Understanding gradient
 * regularization in deep learning", arXiv:2210.02720): minimise L + (γ/2) ‖∇L‖², whose gradient is g + γ H g, with
 * H g as a difference of gradients along g instead of a second backward pass:
 *
 *   forward   H g ≈ [∇L(p + ε g) - ∇L(p)] / ε              two gradients
 *   backward  H g ≈ [∇L(p) - ∇L(p - ε g)] / ε              two gradients
 *   central   H g ≈ [∇L(p + ε g) - ∇L(p - ε g)] / (2 ε)    three gradients
 *
 * On a quadratic all three are exact. They differ in what they do far from one: the paper finds that forward
 * differences with a large ε lead to flatter minima, and that SAM is such a difference along the unit gradient.
 */
import { ArgumentError } from "../errors";
import { div } from "../ops/arithmetic";
import { requireOptions } from "../options";
import { type GradientEstimator, makeEstimator } from "./estimator";
import type { LossSurface } from "./lossSurface";
import { product, requireAtLeastZero, requirePositive, type Scalar } from "./scalar";
import { minus, plus, scaled, type Vector } from "./vector";

export type DifferenceScheme = "forward" | "backward" | "central";

export interface GradientRegularisationOptions {
  /** γ, the weight of ‖∇L‖² / 2. Default 0.1. */
  gamma?: Scalar;
  /** ε, how far along the gradient. Default 0.05. */
  epsilon?: Scalar;
  /** Default "forward". */
  scheme?: DifferenceScheme;
}

/** H v by gradients at `gradient`'s point and along v. */
function hessianAlong(
  surface: LossSurface,
  gradient: Vector,
  v: Vector,
  epsilon: Scalar,
  scheme: DifferenceScheme,
): Vector {
  const step = scaled(v, epsilon);
  const back = scaled(v, product(epsilon, -1));
  const above = scheme === "backward" ? gradient : surface.gradientAt(step).gradient;
  const below = scheme === "forward" ? gradient : surface.gradientAt(back).gradient;
  const width = scheme === "central" ? product(epsilon, 2) : epsilon;
  return minus(above, below).map((d) => div(d, width));
}

/**
 * The gradient of L + (γ/2) ‖∇L‖², without a second derivative.
 *
 * @throws ArgumentError for a negative gamma, an epsilon that is not above 0, or an unknown scheme
 * @example trainStep(model, optimizer, loss, { objective: objectives.gradientRegularisation({ gamma: 0.1 }) })
 */
export function gradientRegularisation(
  options: GradientRegularisationOptions = {},
): GradientEstimator {
  const {
    gamma = 0.1,
    epsilon = 0.05,
    scheme = "forward",
  } = requireOptions("gradientRegularisation", options, "gamma");
  requireAtLeastZero("gradientRegularisation", "gamma", gamma);
  requirePositive("gradientRegularisation", "epsilon", epsilon);
  if (!["forward", "backward", "central"].includes(scheme))
    throw new ArgumentError(
      `gradientRegularisation: scheme is ${JSON.stringify(scheme)}; it takes "forward", "backward" or "central".`,
    );
  return makeEstimator("gradientRegularisation", (surface) => {
    const { value, gradient } = surface.gradientAt();
    const product = hessianAlong(surface, gradient, gradient, epsilon, scheme);
    return { value, gradient: plus(gradient, product, gamma) };
  });
}

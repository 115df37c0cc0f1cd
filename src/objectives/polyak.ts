/**
 * Polyak's step size on batches, capped (SPS_max; Loizou, Vaswani, Laradji and Lacoste-Julien 2021,
 * arXiv:2002.10542), around any rule:
 *
 *   τ = min(τ_max, max(L - L*, 0) / (c ‖g‖²))
 *
 * multiplies the optimizer's rate; with `optim.sgd` of rate 1 that is the paper's method. The form with momentum,
 * ALR-SMAG, is a rule: `optim.alrSmag`.
 */
import { div, gt, maximum, minimum, mul, sub, where } from "../ops/arithmetic";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { type GradientEstimator, makeEstimator } from "./estimator";
import { requirePositive, type Scalar } from "./scalar";
import { squaredNorm, type Vector } from "./vector";

export interface PolyakOptions {
  /** c. Default 1; the paper takes 1/2 for losses that are not convex. */
  c?: Scalar;
  /** L*, a lower bound of the loss on any batch. Default 0. */
  lowerBound?: Scalar;
  /** τ_max, the largest factor. Default 1. */
  maxFactor?: Scalar;
}

/**
 * min(τ_max, max(L - L*, 0) / (c ‖d‖²)), an f32 scalar on the device; 0 for a direction of zeros.
 * @param loss f32 scalar
 * @param direction one tensor for each parameter
 */
export function polyakFactor(loss: Tensor, direction: Vector, options: PolyakOptions = {}): Tensor {
  const { c = 1, lowerBound = 0, maxFactor = 1 } = requireOptions("polyakFactor", options, "c");
  return scope(() => {
    const gap = maximum(sub(loss, lowerBound), 0);
    const size = mul(squaredNorm(direction), c);
    return minimum(where(gt(size, 0), div(gap, size), 0), maxFactor);
  });
}

/**
 * The plain gradient, with Polyak's factor for the optimizer's rate. One gradient a step.
 *
 * @throws ArgumentError for a c or maxFactor that is not above 0
 * @example
 * const optimizer = optim.sgd(model.namedParameters(), { lr: 1 });
 * trainStep(model, optimizer, loss, { objective: objectives.stochasticPolyak({ c: 0.5 }) });
 */
export function stochasticPolyak(options: PolyakOptions = {}): GradientEstimator {
  requireOptions("stochasticPolyak", options, "c");
  requirePositive("stochasticPolyak", "c", options.c ?? 1);
  requirePositive("stochasticPolyak", "maxFactor", options.maxFactor ?? 1);
  return makeEstimator("stochasticPolyak", (surface) => {
    const { value, gradient } = surface.gradientAt();
    return { value, gradient, rateScale: polyakFactor(value, gradient, options) };
  });
}

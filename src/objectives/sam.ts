/**
 * Sharpness-aware minimisation (Foret, Kleiner, Mobahi and Neyshabur 2021, arXiv:2010.01412; davda54/sam):
 *
 *   e = ρ g / (‖g‖ + 1e-12),  g' = ∇L(p + e)
 *
 * with the norm over all parameters together. Adaptive (ASAM; Kwon et al. 2021, arXiv:2102.11600, in the form of
 * davda54/sam): e = ρ p² g / (‖ |p| g ‖ + 1e-12), which does not depend on the scale of a layer.
 */
import { abs, add, div, mul, square } from "../ops/arithmetic";
import { requireOptions } from "../options";
import type { DeviceTensor } from "../tensor/deviceTensor";
import type { Tensor } from "../tensor/tensor";
import { type GradientEstimator, makeEstimator } from "./estimator";
import { requirePositive, type Scalar } from "./scalar";
import { norm, scaled, type Vector } from "./vector";

export interface SamOptions {
  /** The distance of the second gradient. Default 0.05; 0.5 to 2 where adaptive. */
  rho?: Scalar;
  /** Measure distances relative to the parameters. Default false. */
  adaptive?: boolean;
}

/** What keeps a norm of 0 from dividing. */
const tiny = 1e-12;

/** The displacement of length ρ along `direction`. */
export function ascent(
  parameters: readonly DeviceTensor[],
  direction: Vector,
  rho: Scalar,
  adaptive = false,
): Tensor[] {
  const sizes = adaptive ? direction.map((g, i) => mul(abs(parameters[i]!), g)) : direction;
  const scale = div(rho, add(norm(sizes), tiny));
  const along = adaptive ? direction.map((g, i) => mul(square(parameters[i]!), g)) : direction;
  return scaled(along, scale);
}

/**
 * SAM: the gradient at the top of a slope of length `rho`. Two gradients a step; the reported loss is that at
 * the parameters themselves.
 *
 * @throws ArgumentError unless rho is above 0
 * @example trainStep(model, optimizer, loss, { objective: objectives.sam({ rho: 0.05 }) })
 */
export function sam(options: SamOptions = {}): GradientEstimator {
  const { rho = 0.05, adaptive = false } = requireOptions("sam", options, "rho");
  requirePositive("sam", "rho", rho);
  return makeEstimator("sam", (surface) => {
    const { value, gradient } = surface.gradientAt();
    const up = ascent(surface.parameters, gradient, rho, adaptive);
    return { value, gradient: surface.gradientAt(up).gradient };
  });
}

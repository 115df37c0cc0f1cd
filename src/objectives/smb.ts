/**
 * Stochastic model building (Birbil, Martin, Onay and Öztoprak 2021, "Bolstering stochastic gradient descent with
 * model building", arXiv:2111.07058; sibirbil/SMB). With the rate α, the gradient g and the trial step s = -α g:
 *
 *   if L(p + s) ≤ L(p) - c α ‖g‖²: take s (Armijo's test, over all parameters)
 *   else, for each tensor, with g_t = ∇L(p + s) and y = g_t - g:
 *     σ = (‖s‖ (‖y‖ + ‖g‖ / η) - yᵀs) / 2
 *     θ = (yᵀs + 2σ)² - ‖s‖² ‖y‖²
 *     c_g = -‖s‖² / (2σ)
 *     c_s = (c_g / θ) (-(yᵀs + 2σ) yᵀg + ‖y‖² sᵀg)
 *     c_y = (c_g / θ) (-(yᵀs + 2σ) sᵀg + ‖s‖² yᵀg)
 *     take c_g g + c_y y + c_s s: the least point of a model of the loss that fits both gradients
 *
 * Both sides are computed, and the device takes one; nothing is read back. A tensor whose gradient is zero stays.
 */
import { add, div, gt, le, mul, neg, square, sub, where } from "../ops/arithmetic";
import { sqrt } from "../ops/functions";
import { sum } from "../ops/reduce";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { type GradientEstimator, makeEstimator } from "./estimator";
import { requirePositive, type Scalar } from "./scalar";
import { scaled, squaredNorm } from "./vector";

export interface SmbOptions {
  /** η, from 0 to 1: how far the model's step may go. Default 0.99. */
  eta?: Scalar;
  /** c of Armijo's test. Default 0.1. */
  c?: Scalar;
}

const dot = (a: Tensor, b: Tensor): Tensor => sum(mul(a, b));

/** The model's step of one tensor. */
function modelStep(g: Tensor, trial: Tensor, s: Tensor, eta: Scalar): Tensor {
  const y = sub(trial, g);
  const [ss, yy, gg] = [dot(s, s), dot(y, y), dot(g, g)];
  const [ys, yg, sg] = [dot(y, s), dot(y, g), dot(s, g)];
  const twiceSigma = sub(mul(sqrt(ss), add(sqrt(yy), div(sqrt(gg), eta))), ys);
  const reach = add(ys, twiceSigma);
  const theta = sub(square(reach), mul(ss, yy));
  const onG = neg(div(ss, twiceSigma));
  const ratio = div(onG, theta);
  const onS = mul(ratio, sub(mul(yy, sg), mul(reach, yg)));
  const onY = mul(ratio, sub(mul(ss, yg), mul(reach, sg)));
  const step = add(add(mul(g, onG), mul(y, onY)), mul(s, onS));
  return where(gt(ss, 0), step, 0);
}

/**
 * SMB, as gradients for `optim.sgd` without momentum: with the same rate its step is SMB's. Two gradients a step.
 * Where the trial or the model is not finite, neither is the gradient, and the optimizer skips the step.
 *
 * @throws ArgumentError for an eta or c that is not above 0; at the first step, without a learning rate
 * @example
 * trainStep(model, optim.sgd(model.namedParameters(), { lr: 1 }), loss, { objective: objectives.smb() })
 */
export function smb(options: SmbOptions = {}): GradientEstimator {
  const { eta = 0.99, c = 0.1 } = requireOptions("smb", options, "eta");
  requirePositive("smb", "eta", eta);
  requirePositive("smb", "c", c);
  return makeEstimator(
    "smb",
    (surface) => {
      const { rate } = surface;
      const { value, gradient } = surface.gradientAt();
      const step = scaled(gradient, neg(rate));
      const trial = surface.gradientAt(step);
      const wanted = sub(value, mul(mul(squaredNorm(gradient), rate), c));
      const accepted = le(trial.value, wanted);
      const chosen = gradient.map((g, i) =>
        scope(() => {
          const model = modelStep(g, trial.gradient[i]!, step[i]!, eta);
          return where(accepted, g, div(neg(model), rate));
        }),
      );
      return { value, gradient: chosen };
    },
    { needsRate: true },
  );
}

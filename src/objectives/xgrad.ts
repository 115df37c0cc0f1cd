/**
 * XGrad (Guan, Li, Shi and Meng 2023, "XGrad: Boosting gradient-based optimizers with weight prediction",
 * arXiv:2305.18240; guanleics/XGrad): the gradient is taken where the parameters will be after the next s steps, if
 * each moves them as the last one did, and the step starts from where they are:
 *
 *   p̂ = p - s η Δ,   g' = ∇L(p̂)
 *
 * η Δ, the last step, is taken from the parameters themselves (p_before - p), so that it works around every rule;
 * decoupled weight decay is a part of it. The authors' code, which knows each optimizer's direction, uses the rate
 * of the coming step; the two differ where the rate changes.
 */
import { ArgumentError } from "../errors";
import { mul, sub } from "../ops/arithmetic";
import { assign } from "../ops/assign";
import { onesLike } from "../ops/creation";
import { to } from "../ops/shape";
import { requireOptions } from "../options";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { type GradientEstimator, makeEstimator } from "./estimator";
import { rememberEach, zeroBuffer } from "./remembered";
import { product, requireAtLeastZero, type Scalar } from "./scalar";

export interface XGradOptions {
  /** s, how many steps ahead. Default 1. */
  steps?: Scalar;
}

/**
 * XGrad around any optimizer. One gradient a step; a copy of the parameters is kept. The first step predicts
 * nothing. A resumed run restores `state` with the parameters.
 *
 * @param parameters those of the optimizer
 * @throws ArgumentError for negative steps, or other parameters when it is used
 * @example
 * trainStep(model, optimizer, loss, { objective: objectives.xgrad(optimizer.parameters) })
 */
export function xgrad(
  parameters: readonly DeviceTensor[],
  options: XGradOptions = {},
): GradientEstimator {
  const { steps = 1 } = requireOptions("xgrad", options, "steps");
  requireAtLeastZero("xgrad", "steps", steps);
  const first = parameters[0];
  if (!first) throw new ArgumentError("xgrad: there are no parameters to predict.");
  const before = rememberEach(parameters, "before");
  /** 0 until a step was taken. */
  const started = zeroBuffer([], first.device);
  return makeEstimator(
    "xgrad",
    (surface) => {
      const share = product(steps, started);
      const ahead = surface.parameters.map((p, i) =>
        scope(() => mul(sub(to(p, "f32"), before.list[i]!), share)),
      );
      const { value, gradient } = surface.gradientAt(ahead);
      surface.parameters.forEach((p, i) => void assign(before.list[i]!, p));
      assign(started, onesLike(started));
      return { value, gradient };
    },
    { state: { ...before.state, started } },
  );
}

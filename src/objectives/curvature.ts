/**
 * Estimates of the Hessian's diagonal from random draws, as Sophia takes them every k steps (Liu et al. 2024,
 * "Sophia: a scalable stochastic second-order optimizer for language model pre-training", arXiv:2305.14342):
 *
 * - Gauss-Newton-Bartlett: labels drawn from the model's own softmax, ĝ the gradient of the mean cross-entropy
 *   with them, ĥ = B ĝ ⊙ ĝ for B rows of logits. Its expectation is the diagonal of the Gauss-Newton matrix, so
 *   it is never negative.
 * - Hutchinson: u with independent elements of mean 0 and variance 1, ĥ = u ⊙ H u. Its expectation is the diagonal
 *   of the Hessian.
 */
import { ShapeError } from "../errors";
import { holdingBuffers } from "../nn/buffer";
import { mul, square } from "../ops/arithmetic";
import { crossEntropy } from "../ops/loss";
import { reshape, stopGradient, to } from "../ops/shape";
import { requireOptions } from "../options";
import { categorical, nextKey, normal, rademacher } from "../random/random";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { jvp } from "../transforms/jvp";
import { valueAndGradients, withValues } from "../transforms/parameters";

/**
 * The Gauss-Newton-Bartlett estimate, one f32 tensor for each parameter, in its shape. One gradient. The labels
 * are a draw of the default generator, or of `random.withKey`. Running statistics stay.
 *
 * @param logits floating-point [..., classes], from the parameters
 * @throws ShapeError for a scalar
 * @example gaussNewtonBartlett(model.parameters(), () => model.forward(input))
 */
export function gaussNewtonBartlett(
  parameters: readonly DeviceTensor[],
  logits: () => Tensor,
): Tensor[] {
  return holdingBuffers(() =>
    scope(() => {
      const { gradients, aux: rows } = valueAndGradients(parameters, () => {
        const given = to(logits(), "f32");
        const classes = given.shape.at(-1);
        if (!classes)
          throw new ShapeError(
            `gaussNewtonBartlett: the logits have shape ${show(given.shape)}; their last dimension is that of the classes.`,
          );
        const table = reshape(given, [-1, classes]);
        const { key, stream } = nextKey({ device: table.device });
        const labels = categorical(key, stopGradient(table), { stream });
        return [crossEntropy(table, labels), table.shape[0]!] as const;
      });
      return gradients.map((g) => mul(square(to(g, "f32")), rows));
    }),
  );
}

export interface HutchinsonOptions {
  /** Of u: "normal", as Sophia draws it (default), or "rademacher", ±1, which is exact for a diagonal Hessian. */
  distribution?: "normal" | "rademacher";
}

/**
 * Hutchinson's estimate, one f32 tensor for each parameter, in its shape; about the cost of two gradients. u is a
 * draw of the default generator, or of `random.withKey`. Running statistics stay.
 *
 * @param loss a scalar of the parameters
 * @throws ShapeError for a loss of more than one number
 * @example hutchinson(model.parameters(), () => crossEntropy(model.forward(input), target))
 */
export function hutchinson(
  parameters: readonly DeviceTensor[],
  loss: () => Tensor,
  options: HutchinsonOptions = {},
): Tensor[] {
  const { distribution = "normal" } = requireOptions("hutchinson", options, "distribution");
  const draw = distribution === "normal" ? normal : rademacher;
  return scope(() => {
    const directions = parameters.map(({ shape, device }) => {
      const { key, stream } = nextKey({ device });
      return draw(key, shape, { stream });
    });
    const products = hessianProduct(parameters, loss, directions);
    return directions.map((u, i) => mul(u, products[i]!));
  });
}

/**
 * The Hessian of a loss with respect to module parameters, times a vector: forward mode over reverse mode. About
 * two gradients. Running statistics stay.
 *
 * @param vector one tensor for each parameter, in its shape and dtype
 * @throws ShapeError for a loss of more than one number, or a vector that does not fit
 */
export function hessianProduct(
  parameters: readonly DeviceTensor[],
  loss: () => Tensor,
  vector: readonly Tensor[],
): Tensor[] {
  const gradient = (values: Tensor[]): Tensor[] =>
    withValues(
      parameters,
      values,
      () => valueAndGradients(parameters, () => [loss(), null] as const).gradients,
    );
  return holdingBuffers(() => scope(() => jvp(gradient, [[...parameters]], [[...vector]]).tangent));
}

/**
 * Rules for several objectives: from the gradients g_1 … g_m of the objectives, the rows of a matrix J, to one
 * combination Jᵀw. All of these rules choose w by the Gram matrix G = J Jᵀ alone, so that what they compute is
 * m by m, whatever the number of parameters.
 *
 * Every objective costs a backward pass; the forward pass is shared.
 */
import { div, gt, where } from "../ops/arithmetic";
import { diagonal } from "../ops/diagonal";
import { matmul } from "../ops/matmul";
import { sum } from "../ops/reduce";
import { cat, narrow, reshape, transpose } from "../ops/shape";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { type GradientEstimator, makeEstimator } from "./estimator";
import { meanOf } from "./lossSurface";
import type { Vector } from "./vector";

/**
 * An estimator whose gradient is a combination of those of the objectives.
 * @param weigh from the Gram matrix, f32 [m, m], to the weights, f32 [m]
 */
export function combination(title: string, weigh: (gram: Tensor) => Tensor): GradientEstimator {
  return makeEstimator(title, (surface) => {
    const { values, gradients } = surface.gradients();
    const jacobian = scope(() => rowsOf(gradients));
    const weights = scope(() => weigh(matmul(jacobian, transpose(jacobian, 0, 1))));
    const flat = scope(() => reshape(matmul(reshape(weights, [1, -1]), jacobian), [-1]));
    return { value: meanOf(values), gradient: likeVector(flat, gradients[0]!) };
  });
}

/** J, f32 [m, parameters]. */
function rowsOf(gradients: readonly Vector[]): Tensor {
  const flat = gradients.flatMap((g) => g.map((t) => reshape(t, [-1])));
  return reshape(cat(flat), [gradients.length, -1]);
}

/** The elements of `flat` in the shapes of `like`. */
function likeVector(flat: Tensor, like: Vector): Tensor[] {
  let start = 0;
  return like.map((t) => {
    const part = scope(() => reshape(narrow(flat, 0, start, t.size), t.shape));
    start += t.size;
    return part;
  });
}

/** A Gram matrix divided by its trace; zeros stay. The rules do not depend on the scale of G. */
export function normalised(gram: Tensor): Tensor {
  return scope(() => {
    const trace = sum(diagonal(gram));
    return where(gt(trace, 0), div(gram, trace), 0);
  });
}

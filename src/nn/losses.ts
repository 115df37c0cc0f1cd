/** Losses that are short formulas; the fused cross-entropy lives with the operations. */
import { ShapeError } from "../errors";
import { softplus } from "../ops/functions";
import { sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";

export type Reduction = "mean" | "sum" | "none";

export function reduceLoss(loss: Tensor, reduction: Reduction): Tensor {
  if (reduction === "none") return loss;
  return reduction === "sum" ? loss.sum() : loss.mean();
}

function requireSameShape(op: string, input: Tensor, target: Tensor): void {
  if (!sameShape(input.shape, target.shape))
    throw new ShapeError(
      `${op}: input ${show(input.shape)} and target ${show(target.shape)} must have the same shape.`,
    );
}

/** (input - target)² */
export function mseLoss(
  input: Tensor,
  target: Tensor,
  { reduction = "mean" }: { reduction?: Reduction } = {},
): Tensor {
  requireSameShape("mseLoss", input, target);
  return reduceLoss(input.sub(target).square(), reduction);
}

/**
 * Binary cross-entropy of logits: -[t · ln σ(x) + (1 - t) · ln(1 - σ(x))], without overflow as
 * softplus(x) - t · x.
 * @param weight multiplies each element's loss
 */
export function bceWithLogits(
  input: Tensor,
  target: Tensor,
  { reduction = "mean", weight }: { reduction?: Reduction; weight?: Tensor } = {},
): Tensor {
  requireSameShape("bceWithLogits", input, target);
  const loss = softplus(input).sub(target.mul(input));
  return reduceLoss(weight ? loss.mul(weight) : loss, reduction);
}

/**
 * StableMax: softmax with a function that grows linearly and falls like 1/x in place of the exponential (Prieto,
 * Barsbey, Mediano and Birdal 2025, "Grokking at the edge of numerical stability", arXiv:2501.04697):
 *
 *   s(x) = x + 1 for x ≥ 0, 1 / (1 - x) below;   stableMax(x)_i = s(x_i) / Σ_j s(x_j)
 *
 * Softmax of logits that differ by more than about 17 rounds to exactly 1 in f32, its loss to 0 and its gradient
 * with it ("softmax collapse"). StableMax needs logits that differ by 10^7 for that.
 *
 * ln s(x) is computed as log1p(x) and -log1p(-x), which keeps its digits near 0, and a difference of logarithms is
 * taken instead of the logarithm of a quotient.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { add, div, ge, neg, sub, where } from "../ops/arithmetic";
import { log, log1p } from "../ops/functions";
import { type CrossEntropyOptions, findClassDim, negativeLogLikelihood } from "../ops/loss";
import { sum } from "../ops/reduce";
import { to } from "../ops/shape";
import { requireOptions } from "../options";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { normalizeDim } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";

/** The parts of x from 0 on and below 0, with a derivative of 1 at 0 on the first. */
function signed(x: Tensor): { above: Tensor; below: Tensor } {
  const positive = ge(x, 0);
  return { above: where(positive, x, 0), below: where(positive, 0, x) };
}

function requireLogits(op: string, x: Tensor, dim: number): number {
  if (!isFloat(x.dtype))
    throw new DTypeError(
      `${op}: x has dtype ${x.dtype}; it must be floating-point. Convert with .to("f32").`,
    );
  if (x.rank === 0) throw new ShapeError(`${op}: x is a scalar; it needs a dimension of classes.`);
  return normalizeDim(op, dim, x.rank);
}

/**
 * s(x) / Σ s(x) along one dimension.
 *
 * @param x floating-point; f16 is computed in f32
 * @param dim of the classes. Default -1, the last
 * @throws ShapeError for a scalar or a dimension that is not there; DTypeError for other types
 * @example nn.functional.stableMax(tensor([1, -1])) // 0.8, 0.2
 */
export function stableMax(x: Tensor, dim = -1): Tensor {
  const at = requireLogits("stableMax", x, dim);
  return scope(() => {
    const { above, below } = signed(to(x, "f32"));
    const s = div(add(above, 1), sub(1, below));
    return to(div(s, sum(s, { dim: at, keepdim: true })), x.dtype);
  });
}

/**
 * ln stableMax(x) along one dimension.
 *
 * @param x floating-point; f16 is computed in f32
 * @param dim of the classes. Default -1, the last
 * @throws ShapeError for a scalar or a dimension that is not there; DTypeError for other types
 */
export function logStableMax(x: Tensor, dim = -1): Tensor {
  const at = requireLogits("logStableMax", x, dim);
  return scope(() => {
    const { above, below } = signed(to(x, "f32"));
    const s = div(add(above, 1), sub(1, below));
    const logarithm = sub(log1p(above), log1p(neg(below)));
    return to(sub(logarithm, log(sum(s, { dim: at, keepdim: true }))), x.dtype);
  });
}

export type StableMaxCrossEntropyOptions = CrossEntropyOptions;

/**
 * Cross-entropy under stableMax(logits): -ln stableMax(x)[target] for each row, with the options of `crossEntropy`.
 *
 * @param logits floating-point; the classes are found as in `crossEntropy`
 * @param target i32 or u32, the shape of the logits without the classes
 * @returns a scalar; with reduction "none" the target's shape
 * @throws ShapeError, DTypeError or ArgumentError for arguments that do not fit. A target that is neither
 * `ignoreIndex` nor a class raises IndexError at the next read
 * @example nn.functional.stableMaxCrossEntropy(model.forward(input), target)
 */
export function stableMaxCrossEntropy(
  logits: Tensor,
  target: Tensor,
  options: StableMaxCrossEntropyOptions = {},
): Tensor {
  const op = "stableMaxCrossEntropy";
  const {
    ignoreIndex = -100,
    labelSmoothing = 0,
    reduction = "mean",
    weight,
  } = requireOptions(op, options, "weight");
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    throw new ArgumentError(`${op}: labelSmoothing ${labelSmoothing} must be from 0 to 1.`);
  const classDim = findClassDim(op, logits, target, options.classDim);
  return scope(() =>
    negativeLogLikelihood(op, logStableMax(logits, classDim), target, {
      classDim,
      reduction,
      ignoreIndex,
      labelSmoothing,
      weight,
    }),
  );
}

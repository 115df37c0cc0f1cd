/** Losses that are short formulas; the fused cross-entropy lives with the operations. */
import { ArgumentError, ShapeError } from "../errors";
import {
  abs,
  add,
  div,
  eq,
  gt,
  lt,
  maximum,
  minimum,
  mul,
  neg,
  square,
  sub,
  where,
} from "../ops/arithmetic";
import { pairwiseDistance } from "../ops/distance";
import { exp, log, log1p, relu, softplus, sqrt } from "../ops/functions";
import { findClassDim, negativeLogLikelihood, type Reduction, reduceLoss } from "../ops/loss";
import { sum } from "../ops/reduce";
import { stopGradient } from "../ops/shape";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";

export interface LossOptions {
  /** The mean (default) or the sum of all elements' losses, or "none": each by itself. */
  reduction?: Reduction;
}

function requireSameShape(op: string, input: Tensor, ...others: Tensor[]): void {
  for (const other of others)
    if (!sameShape(input.shape, other.shape))
      throw new ShapeError(
        `${op}: input ${show(input.shape)} and target ${show(other.shape)} must have the same shape.`,
      );
}

/** A loss of an input and a target of one shape, element by element. */
function elementwise(
  op: string,
  input: Tensor,
  target: Tensor,
  options: LossOptions,
  fn: (input: Tensor, target: Tensor) => Tensor,
): Tensor {
  requireOptions(op, options, "reduction");
  requireSameShape(op, input, target);
  const { reduction = "mean" } = options;
  return scope(() => reduceLoss(op, fn(input, target), reduction));
}

/** @throws ArgumentError unless `value` is a number of at least (or, strictly, above) 0 */
function requirePositive(op: string, name: string, value: number, strictly = false): void {
  if (!(strictly ? value > 0 : value >= 0))
    throw new ArgumentError(`${op}: ${name} ${value} must be ${strictly ? ">" : ">="} 0.`);
}

/** |input - target| (PyTorch `l1_loss`). @throws ShapeError for different shapes */
export function l1Loss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return elementwise("l1Loss", input, target, options, (x, t) => abs(sub(x, t)));
}

/** (input - target)² (PyTorch `mse_loss`). @throws ShapeError for different shapes */
export function mseLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return elementwise("mseLoss", input, target, options, (x, t) => square(sub(x, t)));
}

export interface SmoothL1Options extends LossOptions {
  /** Where the square ends and the line begins. Default 1; 0 is `l1Loss`. */
  beta?: number;
}

/**
 * d² / (2 beta) for d = |input - target| below beta, d - beta / 2 from there on (PyTorch `smooth_l1_loss`;
 * Girshick 2015, arXiv:1504.08083).
 * @throws ShapeError for different shapes, ArgumentError for a negative beta
 */
export function smoothL1Loss(input: Tensor, target: Tensor, options: SmoothL1Options = {}): Tensor {
  const { beta = 1 } = options;
  requirePositive("smoothL1Loss", "beta", beta);
  return elementwise("smoothL1Loss", input, target, options, (x, t) => {
    const d = abs(sub(x, t));
    if (beta === 0) return d;
    return where(lt(d, beta), mul(square(d), 0.5 / beta), sub(d, 0.5 * beta));
  });
}

export interface HuberOptions extends LossOptions {
  /** Where the square ends and the line begins. Default 1. */
  delta?: number;
}

/**
 * d² / 2 for d = |input - target| below delta, delta (d - delta / 2) from there on (PyTorch `huber_loss`).
 * @throws ShapeError for different shapes, ArgumentError unless delta > 0
 */
export function huberLoss(input: Tensor, target: Tensor, options: HuberOptions = {}): Tensor {
  const { delta = 1 } = options;
  requirePositive("huberLoss", "delta", delta, true);
  return elementwise("huberLoss", input, target, options, (x, t) => {
    const d = abs(sub(x, t));
    return where(lt(d, delta), mul(square(d), 0.5), mul(sub(d, 0.5 * delta), delta));
  });
}

export interface NllOptions extends LossOptions {
  /** A factor for each class; f32 [classes]. A mean is divided by the factors of its rows. */
  weight?: Tensor;
  /** Rows whose target is this count neither in the loss nor in the mean. Default -100. */
  ignoreIndex?: number;
}

/**
 * -weight[t] · input[t] for the class t that each target names (PyTorch `nll_loss`).
 *
 * @param input log-probabilities, f32 [N, C], [N, C, d1, …] or [C]
 * @param target i32 or u32, the shape of input without its classes
 * @throws ShapeError, DTypeError, ArgumentError; at the next read, IndexError for a target that is no class
 */
export function nllLoss(input: Tensor, target: Tensor, options: NllOptions = {}): Tensor {
  const {
    reduction = "mean",
    ignoreIndex = -100,
    weight,
  } = requireOptions("nllLoss", options, "weight");
  const classDim = findClassDim("nllLoss", input, target, Math.min(1, input.rank - 1));
  return negativeLogLikelihood("nllLoss", input, target, {
    classDim,
    reduction,
    ignoreIndex,
    labelSmoothing: 0,
    weight,
  });
}

export interface KlDivOptions {
  /** As elsewhere; "batchmean": the sum divided by the first dimension, the divergence proper. */
  reduction?: Reduction | "batchmean";
  /** Whether target holds logarithms too. Default false. */
  logTarget?: boolean;
}

/**
 * target · (ln target - input), the Kullback-Leibler divergence of exp(input) from target (PyTorch
 * `kl_div`); 0 where target is 0.
 * @param input log-probabilities
 * @throws ShapeError for different shapes
 */
export function klDiv(input: Tensor, target: Tensor, options: KlDivOptions = {}): Tensor {
  const { reduction = "mean", logTarget = false } = requireOptions("klDiv", options, "reduction");
  requireSameShape("klDiv", input, target);
  return scope(() => {
    const each = (): Tensor => {
      if (logTarget) return mul(exp(target), sub(target, input));
      const nothing = eq(target, 0);
      const entropy = where(nothing, 0, mul(target, log(where(nothing, 1, target))));
      return sub(entropy, mul(target, input));
    };
    if (reduction !== "batchmean") return reduceLoss("klDiv", each(), reduction);
    return div(sum(each()), input.shape[0] ?? 1);
  });
}

export interface WeightedLossOptions extends LossOptions {
  /** Multiplies each element's loss; broadcast. */
  weight?: Tensor;
}

/** ln x, but -100 where x is 0, as PyTorch bounds it. */
function boundedLog(x: Tensor): Tensor {
  const zero = eq(x, 0);
  return where(zero, -100, maximum(log(where(zero, 1, x)), -100));
}

/**
 * -[t · ln x + (1 - t) · ln(1 - x)] of probabilities x (PyTorch `binary_cross_entropy`); logarithms are at
 * least -100. For logits use `bceWithLogits`, which loses no digits.
 *
 * Where x is exactly 0 or 1 the term at its bound has no gradient; PyTorch has 1e12 there.
 * @throws ShapeError for different shapes
 */
export function binaryCrossEntropy(
  input: Tensor,
  target: Tensor,
  options: WeightedLossOptions = {},
): Tensor {
  const { weight } = options;
  return elementwise("binaryCrossEntropy", input, target, options, (x, t) => {
    const one = eq(x, 1);
    const complement = where(one, -100, maximum(log1p(neg(where(one, 0, x))), -100));
    const loss = neg(add(mul(t, boundedLog(x)), mul(sub(1, t), complement)));
    return weight ? mul(loss, weight) : loss;
  });
}

export interface BceWithLogitsOptions extends WeightedLossOptions {
  /** A factor for the term of t, to weigh positive examples; broadcast. */
  posWeight?: Tensor;
}

/**
 * Binary cross-entropy of logits: -[p · t · ln σ(x) + (1 - t) · ln(1 - σ(x))], without overflow as
 * softplus(x) - t · x for p = 1 (PyTorch `binary_cross_entropy_with_logits`).
 * @throws ShapeError for different shapes
 */
export function bceWithLogits(
  input: Tensor,
  target: Tensor,
  options: BceWithLogitsOptions = {},
): Tensor {
  const { weight, posWeight } = options;
  return elementwise("bceWithLogits", input, target, options, (x, t) => {
    const loss = posWeight
      ? add(mul(sub(1, t), softplus(x)), mul(mul(posWeight, t), softplus(neg(x))))
      : sub(softplus(x), mul(t, x));
    return weight ? mul(loss, weight) : loss;
  });
}

export interface GaussianNllOptions extends LossOptions {
  /** Add the constant ln(2π) / 2. Default false. */
  full?: boolean;
  /** The least variance. Default 1e-6. */
  eps?: number;
}

/**
 * (ln v + (input - target)² / v) / 2 for the variance v, at least eps (PyTorch `gaussian_nll_loss`). The
 * bound is not differentiated, so that gradients reach variances below it.
 *
 * @param variance the shape of input, or one that broadcasts to it
 * @throws ShapeError for different shapes, ArgumentError unless eps > 0
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  options: GaussianNllOptions = {},
): Tensor {
  const { full = false, eps = 1e-6 } = options;
  requirePositive("gaussianNllLoss", "eps", eps, true);
  return elementwise("gaussianNllLoss", input, target, options, (x, t) => {
    const v = add(variance, stopGradient(relu(sub(eps, variance))));
    const loss = mul(add(log(v), div(square(sub(x, t)), v)), 0.5);
    return full ? add(loss, 0.5 * Math.log(2 * Math.PI)) : loss;
  });
}

export interface PoissonNllOptions extends LossOptions {
  /** Whether input is the logarithm of the rate. Default true. */
  logInput?: boolean;
  /** Add Stirling's formula for ln t! where t > 1. Default false. */
  full?: boolean;
  /** Added to a rate before its logarithm. Default 1e-8. */
  eps?: number;
}

/**
 * e^x - t x, or for rates x - t ln(x + eps): minus the logarithm of a Poisson probability, but for ln t!
 * (PyTorch `poisson_nll_loss`).
 * @throws ShapeError for different shapes
 */
export function poissonNllLoss(
  input: Tensor,
  target: Tensor,
  options: PoissonNllOptions = {},
): Tensor {
  const { logInput = true, full = false, eps = 1e-8 } = options;
  return elementwise("poissonNllLoss", input, target, options, (x, t) => {
    const loss = logInput ? sub(exp(x), mul(t, x)) : sub(x, mul(t, log(add(x, eps))));
    if (!full) return loss;
    const many = gt(t, 1);
    const n = where(many, t, 1);
    const stirling = add(sub(mul(n, log(n)), n), mul(log(mul(n, 2 * Math.PI)), 0.5));
    return add(loss, where(many, stirling, 0));
  });
}

export interface MarginOptions extends LossOptions {
  /** How far apart is far enough. The default is that of PyTorch's function. */
  margin?: number;
}

/**
 * x where the target is 1, max(0, margin - x) where it is -1 (PyTorch `hinge_embedding_loss`).
 * @param options margin 1 by default
 * @throws ShapeError for different shapes
 */
export function hingeEmbeddingLoss(
  input: Tensor,
  target: Tensor,
  options: MarginOptions = {},
): Tensor {
  const { margin = 1 } = options;
  return elementwise("hingeEmbeddingLoss", input, target, options, (x, t) =>
    add(where(eq(t, 1), 0, relu(sub(margin, x))), where(eq(t, -1), 0, x)),
  );
}

/**
 * ln(1 + e^(-t x)) for targets of 1 and -1, without overflow (PyTorch `soft_margin_loss`).
 * @throws ShapeError for different shapes
 */
export function softMarginLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return elementwise("softMarginLoss", input, target, options, (x, t) => softplus(neg(mul(t, x))));
}

/**
 * max(0, margin - t (first - second)): target 1 wants the first greater, -1 the second (PyTorch
 * `margin_ranking_loss`).
 * @param options margin 0 by default
 * @throws ShapeError for different shapes
 */
export function marginRankingLoss(
  first: Tensor,
  second: Tensor,
  target: Tensor,
  options: MarginOptions = {},
): Tensor {
  const { margin = 0 } = options;
  requireSameShape("marginRankingLoss", first, second);
  return elementwise("marginRankingLoss", first, target, options, (x, t) =>
    relu(sub(margin, mul(t, sub(x, second)))),
  );
}

/**
 * 1 - cos for target 1, max(0, cos - margin) for -1, of vectors along the last dimension (PyTorch
 * `cosine_embedding_loss`).
 *
 * @param first [N, width] or [width]; so is second
 * @param target [N] or a scalar
 * @param options margin 0 by default
 * @throws ShapeError for shapes that do not fit
 */
export function cosineEmbeddingLoss(
  first: Tensor,
  second: Tensor,
  target: Tensor,
  options: MarginOptions = {},
): Tensor {
  const { margin = 0, reduction = "mean" } = requireOptions(
    "cosineEmbeddingLoss",
    options,
    "margin",
  );
  requireSameShape("cosineEmbeddingLoss", first, second);
  if (!sameShape(first.shape.slice(0, -1), target.shape) || first.rank === 0)
    throw new ShapeError(
      `cosineEmbeddingLoss: target ${show(target.shape)} must have the shape of the vectors ${show(first.shape)} without the last dimension.`,
    );
  return scope(() => {
    const along = { dim: -1 };
    const product = (a: Tensor, b: Tensor): Tensor => sum(mul(a, b), along);
    const lengths = mul(add(product(first, first), 1e-12), add(product(second, second), 1e-12));
    const cosine = div(product(first, second), sqrt(lengths));
    const alike = where(eq(target, 1), sub(1, cosine), 0);
    const apart = where(eq(target, -1), relu(sub(cosine, margin)), 0);
    return reduceLoss("cosineEmbeddingLoss", add(alike, apart), reduction);
  });
}

export interface TripletMarginOptions extends MarginOptions {
  /** The order of the norm. Default 2. */
  p?: number;
  /** Added to differences. Default 1e-6. */
  eps?: number;
  /** Take the negative's distance from the positive where that is less. Default false. */
  swap?: boolean;
}

/**
 * max(0, margin + ‖anchor - positive‖ - ‖anchor - negative‖) along the last dimension (PyTorch
 * `triplet_margin_loss`).
 * @param options margin 1 by default
 * @throws ShapeError for shapes that do not broadcast
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginOptions = {},
): Tensor {
  const {
    margin = 1,
    p = 2,
    eps = 1e-6,
    swap = false,
    reduction = "mean",
  } = requireOptions("tripletMarginLoss", options, "margin");
  return scope(() => {
    const apart = (a: Tensor, b: Tensor): Tensor => pairwiseDistance(a, b, { p, eps });
    const near = apart(anchor, positive);
    const own = apart(anchor, negative);
    const far = swap ? minimum(own, apart(positive, negative)) : own;
    return reduceLoss("tripletMarginLoss", relu(add(sub(near, far), margin)), reduction);
  });
}

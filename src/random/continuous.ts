/**
 * Distributions with a density that are functions of one uniform or normal number: `loc + scale · f(u)`, so
 * that gradients flow to tensors given as parameters. u lies strictly within (0, 1), in steps of 2^-24: no
 * draw is infinite, and the tails end where a probability of 2^-25 is left.
 */

import { abs, div, lt, mul, neg, sub, where } from "../ops/arithmetic";
import { cos, log, sign, sin } from "../ops/functions";
import type { Operand } from "../ops/operand";
import type { DrawOptions } from "../ops/randomBits";
import * as draws from "../ops/randomBits";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Shape } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { checkParameter, finite, notNegative, positive, shifted } from "./parameters";

/** From 2^-25 to 1 - 2^-24. */
function inside(key: Tensor, shape: Shape, options: DrawOptions): Tensor {
  return draws.uniform(key, shape, { ...options, low: 2 ** -25, high: 1 });
}

export interface UniformOptions extends DrawOptions {
  /** Smallest value: a number, or a tensor that broadcasts to the shape. Default 0. */
  low?: Operand;
  /** Upper end, not included. Default 1. */
  high?: Operand;
}

/**
 * Numbers spread evenly over [low, high); f32, differentiable in tensor bounds. In [0, 1) they are multiples of
 * 2^-24, with the same bits on every adapter; other bounds may differ between adapters in the last place,
 * and tensor bounds may round up to `high`.
 * @throws ArgumentError unless low < high, both finite (numbers; tensors are not looked at)
 * @example uniform(key, [2, 3], { low: -1 })
 */
export function uniform(key: Tensor, shape: Shape, options: UniformOptions = {}): Tensor {
  const { low = 0, high = 1, ...rest } = requireOptions("uniform", options, "low");
  if (typeof low === "number" && typeof high === "number")
    return draws.uniform(key, shape, { ...rest, low, high });
  checkParameter("uniform", "low", low, shape, finite);
  checkParameter("uniform", "high", high, shape, finite);
  return scope(() => shifted(draws.uniform(key, shape, rest), low, sub(high, low)));
}

export interface NormalOptions extends DrawOptions {
  /** A number, or a tensor that broadcasts to the shape. Default 0. */
  mean?: Operand;
  /** Standard deviation, >= 0: a number, or a tensor that broadcasts to the shape. Default 1. */
  std?: Operand;
}

/**
 * Normally distributed numbers, by the method of Box and Muller; f32, differentiable in tensors mean and
 * std. With mean 0 and std 1 they lie within ±5.77 and within 4e-7 · max(1, |z|) of the exact transform of
 * their bits on every adapter.
 * @throws ArgumentError unless mean and std are finite and std >= 0 (numbers; tensors are not looked at)
 */
export function normal(key: Tensor, shape: Shape, options: NormalOptions = {}): Tensor {
  const { mean = 0, std = 1, ...rest } = requireOptions("normal", options, "mean");
  if (typeof mean === "number" && typeof std === "number")
    return draws.normal(key, shape, { ...rest, mean, std });
  checkParameter("normal", "mean", mean, shape, finite);
  checkParameter("normal", "std", std, shape, notNegative);
  return scope(() => shifted(draws.normal(key, shape, rest), mean, std));
}

export interface TruncatedNormalOptions extends NormalOptions {
  /** Lower end, in standard deviations from the mean. Default -2. */
  low?: number;
  /** Upper end, in standard deviations from the mean. Default 2. */
  high?: number;
}

/**
 * mean + std · z, z normally distributed given that low <= z <= high, by inversion, exact in both tails (Wichura,
 * Algorithm AS 241); f32, differentiable in tensors mean and std.
 * @throws ArgumentError unless low < high, with a probability of at least 1e-30 between them
 * @example truncatedNormal(key, [64, 64], { std: 0.02 })
 */
export function truncatedNormal(
  key: Tensor,
  shape: Shape,
  options: TruncatedNormalOptions = {},
): Tensor {
  const {
    mean = 0,
    std = 1,
    low = -2,
    high = 2,
    ...rest
  } = requireOptions("truncatedNormal", options, "mean");
  checkParameter("truncatedNormal", "mean", mean, shape, finite);
  checkParameter("truncatedNormal", "std", std, shape, notNegative);
  return scope(() =>
    shifted(draws.standardTruncatedNormal(key, shape, low, high, rest), mean, std),
  );
}

export interface ExponentialOptions extends DrawOptions {
  /** 1 / mean, > 0: a number, or a tensor that broadcasts to the shape. Default 1. */
  rate?: Operand;
}

/**
 * Exponentially distributed numbers, -ln(u) / rate; f32, differentiable in a tensor rate.
 * @throws ArgumentError unless rate is finite and > 0 (numbers; tensors are not looked at)
 */
export function exponential(key: Tensor, shape: Shape, options: ExponentialOptions = {}): Tensor {
  const { rate = 1, ...rest } = requireOptions("exponential", options, "rate");
  checkParameter("exponential", "rate", rate, shape, positive);
  return scope(() => div(neg(log(inside(key, shape, rest))), rate));
}

export interface LocationScaleOptions extends DrawOptions {
  /** The centre: a number, or a tensor that broadcasts to the shape. Default 0. */
  loc?: Operand;
  /** The width, > 0: a number, or a tensor that broadcasts to the shape. Default 1. */
  scale?: Operand;
}

/** loc + scale · `standard`(u). */
function locationScale(
  op: string,
  key: Tensor,
  shape: Shape,
  options: LocationScaleOptions,
  standard: (u: Tensor) => Tensor,
): Tensor {
  const { loc = 0, scale = 1, ...rest } = requireOptions(op, options, "loc");
  checkParameter(op, "loc", loc, shape, finite);
  checkParameter(op, "scale", scale, shape, positive);
  return scope(() => shifted(standard(inside(key, shape, rest)), loc, scale));
}

/**
 * Numbers of the Gumbel distribution, -ln(-ln u); f32, differentiable in tensors loc and scale. Added to logits,
 * they make the greatest one a draw from the softmax: see `categorical`.
 * @throws ArgumentError unless loc and scale are finite and scale > 0 (numbers; tensors are not looked at)
 */
export function gumbel(key: Tensor, shape: Shape, options: LocationScaleOptions = {}): Tensor {
  return locationScale("gumbel", key, shape, options, (u) => neg(log(neg(log(u)))));
}

/**
 * Numbers of the Laplace (two-sided exponential) distribution; f32, differentiable in tensors loc and scale.
 * @throws ArgumentError unless loc and scale are finite and scale > 0 (numbers; tensors are not looked at)
 */
export function laplace(key: Tensor, shape: Shape, options: LocationScaleOptions = {}): Tensor {
  return locationScale("laplace", key, shape, options, (u) => {
    const lower = lt(u, 0.5);
    const size = log(mul(where(lower, u, sub(1, u)), 2));
    return where(lower, size, neg(size));
  });
}

/**
 * Numbers of the logistic distribution, ln(u / (1 - u)); f32, differentiable in tensors loc and scale.
 * @throws ArgumentError unless loc and scale are finite and scale > 0 (numbers; tensors are not looked at)
 */
export function logistic(key: Tensor, shape: Shape, options: LocationScaleOptions = {}): Tensor {
  return locationScale("logistic", key, shape, options, (u) => sub(log(u), log(sub(1, u))));
}

/**
 * Numbers of the Cauchy distribution, tan(π (u - 1/2)); f32, differentiable in tensors loc and scale.
 * @throws ArgumentError unless loc and scale are finite and scale > 0 (numbers; tensors are not looked at)
 */
export function cauchy(key: Tensor, shape: Shape, options: LocationScaleOptions = {}): Tensor {
  return locationScale("cauchy", key, shape, options, (u) => {
    const centred = sub(u, 0.5);
    // The tangent through its cofunction: exact where it is large.
    const angle = mul(sub(0.5, abs(centred)), Math.PI);
    return mul(sign(centred), div(cos(angle), sin(angle)));
  });
}

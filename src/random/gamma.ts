/**
 * The gamma distribution and those made of it: beta, Dirichlet, chi-square, Student's t. What is drawn is the
 * logarithm, which stays finite where small concentrations make the number itself underflow.
 *
 * Draws are by rejection (Marsaglia and Tsang), so they do not depend smoothly on the concentration; gradients
 * with respect to it are those of the quantile (implicit reparameterisation: Figurnov, Mohamed, Mnih 2018),
 * as in PyTorch's `rsample`.
 */

import { ShapeError } from "../errors";
import { div, mul, sub } from "../ops/arithmetic";
import { exp, log, sigmoid } from "../ops/functions";
import { logGammaDraw } from "../ops/gammaDraws";
import type { Operand } from "../ops/operand";
import { checkKey, type DrawOptions, normal, split } from "../ops/randomBits";
import { softmax } from "../ops/softmax";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Shape } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { checkParameter, drawnShape, finite, positive, shifted, spread } from "./parameters";

export interface GammaOptions extends DrawOptions {
  /** 1 / scale, > 0: a number, or a tensor that broadcasts to the shape. Default 1. */
  rate?: Operand;
}

/**
 * Numbers of the gamma distribution, with density x^(concentration - 1) e^(-rate x); f32, once
 * differentiable in tensors concentration and rate. For a concentration below about 0.1 many draws are too
 * small for f32 and are 0.
 *
 * Rejection is bounded by 32 rounds, which one draw in 10^40 exceeds; it is then the mode of its proposal. A
 * tensor's elements that are not above 0 give NaN.
 *
 * @param shape default: that of the parameters together
 * @throws ArgumentError unless concentration and rate are finite and > 0 (numbers); ShapeError, DTypeError
 * @example gamma(key, 2.5, [1000], { rate: 2 })
 */
export function gamma(
  key: Tensor,
  concentration: Operand,
  shape?: Shape,
  options: GammaOptions = {},
): Tensor {
  const { rate = 1, ...rest } = requireOptions("gamma", options, "rate");
  const drawn = drawnShape("gamma", shape, [concentration, rate]);
  checkKey("gamma", key);
  checkParameter("gamma", "concentration", concentration, drawn, positive);
  checkParameter("gamma", "rate", rate, drawn, positive);
  return scope(() => {
    const y = exp(logGammaDraw(key, spread(concentration, drawn, key), rest));
    return rate === 1 ? y : div(y, rate);
  });
}

/**
 * Numbers of the chi-square distribution with `df` degrees of freedom, 2 · Gamma(df / 2); f32, once
 * differentiable in a tensor df.
 * @param shape default: that of df
 * @throws ArgumentError unless df is finite and > 0 (numbers); ShapeError, DTypeError
 */
export function chiSquare(
  key: Tensor,
  df: Operand,
  shape?: Shape,
  options: DrawOptions = {},
): Tensor {
  requireOptions("chiSquare", options, "stream");
  const drawn = drawnShape("chiSquare", shape, [df]);
  checkKey("chiSquare", key);
  checkParameter("chiSquare", "df", df, drawn, positive);
  return scope(() => mul(exp(logGammaDraw(key, mul(spread(df, drawn, key), 0.5), options)), 2));
}

/**
 * Numbers of the beta distribution, with density x^(a - 1) (1 - x)^(b - 1) on [0, 1]; f32, once differentiable in
 * tensors a and b.
 * @param shape default: that of a and b together
 * @throws ArgumentError unless a and b are finite and > 0 (numbers); ShapeError, DTypeError
 */
export function beta(
  key: Tensor,
  a: Operand,
  b: Operand,
  shape?: Shape,
  options: DrawOptions = {},
): Tensor {
  requireOptions("beta", options, "stream");
  const drawn = drawnShape("beta", shape, [a, b]);
  checkKey("beta", key);
  checkParameter("beta", "a", a, drawn, positive);
  checkParameter("beta", "b", b, drawn, positive);
  return scope(() => {
    const [forA, forB] = split(key);
    const [logA, logB] = [
      logGammaDraw(forA!, spread(a, drawn, key), options),
      logGammaDraw(forB!, spread(b, drawn, key), options),
    ];
    return sigmoid(sub(logA, logB));
  });
}

/**
 * Vectors of the Dirichlet distribution: numbers >= 0 whose sum is 1; f32, once differentiable in concentration.
 * Through logarithms, so that small concentrations give no 0 / 0.
 * @param concentration f32 [..., k], > 0
 * @param shape of the vectors drawn. Default: that of concentration without its last dimension.
 * @returns [...shape, k]
 * @throws ShapeError unless concentration has a last dimension and broadcasts to [...shape, k]; DTypeError
 */
export function dirichlet(
  key: Tensor,
  concentration: Tensor,
  shape?: Shape,
  options: DrawOptions = {},
): Tensor {
  requireOptions("dirichlet", options, "stream");
  checkKey("dirichlet", key);
  if (concentration.rank === 0)
    throw new ShapeError(
      "dirichlet: concentration is a scalar; it has one element per component, [..., k].",
    );
  const drawn = drawnShape("dirichlet", shape && [...shape, concentration.shape.at(-1)!], [
    concentration,
  ]);
  checkParameter("dirichlet", "concentration", concentration, drawn, positive);
  return scope(() => softmax(logGammaDraw(key, spread(concentration, drawn, key), options), -1));
}

export interface StudentTOptions extends DrawOptions {
  /** The centre: a number, or a tensor that broadcasts to the shape. Default 0. */
  loc?: Operand;
  /** The width, > 0: a number, or a tensor that broadcasts to the shape. Default 1. */
  scale?: Operand;
}

/**
 * Numbers of Student's t distribution with `df` degrees of freedom, z / √(χ² / df); f32, differentiable in tensors
 * loc and scale, once in df.
 * @param shape default: that of the parameters together
 * @throws ArgumentError unless df and scale are finite and > 0, and loc finite (numbers); ShapeError, DTypeError
 */
export function studentT(
  key: Tensor,
  df: Operand,
  shape?: Shape,
  options: StudentTOptions = {},
): Tensor {
  const { loc = 0, scale = 1, ...rest } = requireOptions("studentT", options, "loc");
  const drawn = drawnShape("studentT", shape, [df, loc, scale]);
  checkKey("studentT", key);
  checkParameter("studentT", "df", df, drawn, positive);
  checkParameter("studentT", "loc", loc, drawn, finite);
  checkParameter("studentT", "scale", scale, drawn, positive);
  return scope(() => {
    const [forNormal, forGamma] = split(key);
    const half = mul(spread(df, drawn, key), 0.5);
    const widening = exp(mul(sub(log(half), logGammaDraw(forGamma!, half, rest)), 0.5));
    return shifted(mul(normal(forNormal!, drawn, rest), widening), loc, scale);
  });
}

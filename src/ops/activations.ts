/** Activations beyond those of functions.ts, under PyTorch's names and with its slopes at the kinks. */
import { ArgumentError, ShapeError } from "../errors";
import * as includes from "../kernels/generated/includes";
import { constant } from "../tensor/creation";
import { scope } from "../tensor/scope";
import { normalizeDim, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import {
  abs,
  add,
  clamp,
  div,
  gt,
  le,
  logicalAnd,
  lt,
  mul,
  neg,
  square,
  sub,
  where,
} from "./arithmetic";
import { activation, elementary, exp, expm1, sigmoid, softplus, tanh } from "./functions";
import { asFloat, ofReal, ofRealPair } from "./operand";
import { binary, real, ternary, unary } from "./pointwise";
import { writtenIn } from "./pointwiseLibrary";
import { narrow, reshape } from "./shape";
import { bind } from "./trace";

const texts = [includes.pointwiseActivation];

const logSigmoidPrimitive = writtenIn(
  texts,
  unary({
    name: "logSigmoid",
    formula: "-ln(1 + e^-x)",
    derivative: "g · sigmoid(-x)",
    functions: real("op_log_sigmoid"),
    slope: (g, { x }) => mul(g, sigmoid(neg(x))),
  }),
);
const softsignPrimitive = writtenIn(
  texts,
  elementary("softsign", "x / (1 + |x|)", "g / (1 + |x|)²", (g, { x }) =>
    div(g, square(add(abs(x), 1))),
  ),
);
const mishPair = writtenIn(
  texts,
  activation("mish", "x · tanh(softplus(x))", "input", (x) => {
    const t = tanh(softplus(x));
    return add(t, mul(mul(x, sub(1, square(t))), sigmoid(x)));
  }),
);
const hardswishPair = writtenIn(
  texts,
  activation("hardswish", "x · min(max(x + 3, 0), 6) / 6", "input", (x) =>
    where(lt(x, -3), 0, where(lt(x, 3), add(div(x, 3), 0.5), 1)),
  ),
);
/** x where it is not above 0, else 0: keeps what grows from overflow where it is not taken. */
const below = (x: Tensor): Tensor => where(gt(x, 0), 0, x);
const eluPrimitive = writtenIn(
  texts,
  binary({
    name: "elu",
    formula: "a for a > 0, else b (e^a - 1)",
    derivative: "g to a > 0, else g · b e^a; g · (e^a - 1) to b where a ≤ 0",
    functions: real("op_elu"),
    slopes: (g, { a, b }) => [
      () => where(gt(a, 0), g, mul(mul(g, b), exp(below(a)))),
      () => mul(g, expm1(below(a))),
    ],
  }),
);
const preluPrimitive = writtenIn(
  texts,
  binary({
    name: "prelu",
    formula: "a for a > 0, else a · b",
    derivative: "g to a > 0, else g · b; g · a to b where a ≤ 0",
    functions: real("op_prelu"),
    slopes: (g, { a, b }) => [() => where(gt(a, 0), g, mul(g, b)), () => mul(g, below(a))],
  }),
);
/** As clamp, but nothing flows back at the bounds themselves. */
const hardtanhPrimitive = ternary({
  name: "hardtanh",
  formula: "min(max(x, low), high)",
  derivative: "g to x inside, bounds excluded; else to the bound that holds",
  functions: real("op_clamp"),
  slopes: (g, { inputs: [x, low, high] }) => [
    () => where(logicalAnd(gt(x, low), lt(x, high)), g, 0),
    () => where(gt(x, low), 0, g),
    () => where(lt(x, high), 0, g),
  ],
});

/** ln sigmoid(x), without cancellation or overflow. */
export function logSigmoid(x: Tensor): Tensor {
  return ofReal(logSigmoidPrimitive, x);
}

/** x / (1 + |x|) */
export function softsign(x: Tensor): Tensor {
  return ofReal(softsignPrimitive, x);
}

/** x · tanh(softplus(x)) (Misra 2019). */
export function mish(x: Tensor): Tensor {
  return ofReal(mishPair[0], x);
}

/** x for x > 0, else alpha (e^x - 1) (Clevert, Unterthiner and Hochreiter 2015). alpha: default 1. */
export function elu(x: Tensor, alpha = 1): Tensor {
  return ofRealPair(eluPrimitive, x, alpha);
}

/**
 * elu whose slope is continuous for every alpha (Barron 2017): x for x > 0, else alpha (e^(x / alpha) - 1).
 * @throws ArgumentError for alpha = 0
 */
export function celu(x: Tensor, alpha = 1): Tensor {
  if (alpha === 0) throw new ArgumentError("celu: alpha is 0, and x is divided by it.");
  return scope(() => (alpha === 1 ? elu(x) : mul(elu(div(x, alpha)), alpha)));
}

/** The elu that keeps mean 0 and variance 1 (Klambauer et al. 2017). */
export function selu(x: Tensor): Tensor {
  return scope(() => mul(elu(x, 1.6732632423543772), 1.0507009873554805));
}

/** x for x > 0, else negativeSlope · x (default 0.01). */
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor {
  return ofRealPair(preluPrimitive, x, negativeSlope);
}

/**
 * leakyRelu with a learned slope: one weight, or one per channel.
 * @param x channels are dimension 1; a tensor of fewer than two dimensions has one channel
 * @param weight [1] or [channels]
 * @throws ShapeError for another number of weights
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  const channels = x.shape[1] ?? 1;
  if (weight.rank > 1 || (weight.size !== 1 && weight.size !== channels))
    throw new ShapeError(
      `prelu: weight has shape ${show(weight.shape)}; for x of shape ${show(x.shape)} it takes [1] or [${channels}].`,
    );
  const after = weight.size === 1 ? 0 : Math.max(x.rank - 2, 0);
  const aligned = weight.size === 1 ? [] : [weight.size, ...new Array<number>(after).fill(1)];
  return scope(() => ofRealPair(preluPrimitive, x, reshape(weight, aligned)));
}

/**
 * x held between minVal and maxVal (defaults -1 and 1). Unlike clamp's, its slope at the bounds is 0.
 * @throws ArgumentError unless minVal < maxVal
 */
export function hardtanh(x: Tensor, minVal = -1, maxVal = 1): Tensor {
  if (!(minVal < maxVal))
    throw new ArgumentError(`hardtanh: minVal ${minVal} must be below maxVal ${maxVal}.`);
  return scope(() => {
    const real = asFloat(x);
    const bound = (value: number) => constant(real.device, value, real.dtype);
    return bind(hardtanhPrimitive, [real, bound(minVal), bound(maxVal)], null)[0]!;
  });
}

/** x held between 0 and 6; its slope at both is 0. */
export function relu6(x: Tensor): Tensor {
  return hardtanh(x, 0, 6);
}

/** relu6(x + 3) / 6: a sigmoid of three straight pieces (Howard et al. 2019). */
export function hardsigmoid(x: Tensor): Tensor {
  return scope(() => div(relu6(add(asFloat(x), 3)), 6));
}

/** x · hardsigmoid(x) (Howard et al. 2019); its slope at -3 is -1/2 and at 3 is 1. */
export function hardswish(x: Tensor): Tensor {
  return ofReal(hardswishPair[0], x);
}

/** x - tanh(x) */
export function tanhshrink(x: Tensor): Tensor {
  return scope(() => sub(asFloat(x), tanh(x)));
}

function requireThreshold(op: string, lambda: number): void {
  if (!(lambda >= 0))
    throw new ArgumentError(`${op}: lambda is ${lambda}; it must not be negative.`);
}

/**
 * x moved towards 0 by lambda (default 0.5), 0 where it would pass it.
 * @throws ArgumentError for a negative lambda
 */
export function softshrink(x: Tensor, lambda = 0.5): Tensor {
  requireThreshold("softshrink", lambda);
  return scope(() => {
    const real = asFloat(x);
    return sub(real, clamp(real, -lambda, lambda));
  });
}

/**
 * x where |x| > lambda (default 0.5), else 0.
 * @throws ArgumentError for a negative lambda
 */
export function hardshrink(x: Tensor, lambda = 0.5): Tensor {
  requireThreshold("hardshrink", lambda);
  return scope(() => {
    const real = asFloat(x);
    return where(le(abs(real), lambda), 0, real);
  });
}

/** x where x > limit, else value; NaN stays. */
export function threshold(x: Tensor, limit: number, value: number): Tensor {
  return scope(() => {
    const real = asFloat(x);
    return where(le(real, limit), value, real);
  });
}

/**
 * The first half of x along `dim` (default the last) times the sigmoid of the second (Dauphin et al. 2017).
 * @throws ShapeError for an odd size
 * @example glu(tensor([[1, 2, 0, 0]])) // [[0.5, 1]]
 */
export function glu(x: Tensor, dim = -1): Tensor {
  const d = normalizeDim("glu", dim, x.rank);
  const size = x.shape[d] ?? 1;
  if (size % 2 !== 0)
    throw new ShapeError(
      `glu: dimension ${d} of ${show(x.shape)} has an odd size; it is split in halves.`,
    );
  return scope(() => {
    const real = asFloat(x);
    const half = size / 2;
    return mul(narrow(real, d, 0, half), sigmoid(narrow(real, d, half, half)));
  });
}

// Reading a pair has no effects, which bundlers cannot know.
export const activationPrimitives = /* @__PURE__ */ (() => [
  logSigmoidPrimitive,
  softsignPrimitive,
  mishPair[0],
  mishPair[1],
  hardswishPair[0],
  hardswishPair[1],
  eluPrimitive,
  preluPrimitive,
  hardtanhPrimitive,
])();

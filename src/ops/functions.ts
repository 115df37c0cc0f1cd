/** Functions of one operand: elementary functions and activations. Integers are taken as f32. */
import { ArgumentError } from "../errors";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { add, div, mul, neg, sub } from "./arithmetic";
import { asFloat, ofReal } from "./operand";
import { binary, real, signed, unary } from "./pointwise";
import type { Primitive } from "./primitive";
import { bind } from "./trace";

/** A row for a smooth function of a real number. */
// @__NO_SIDE_EFFECTS__
export function elementary(
  name: string,
  formula: string,
  derivative: string,
  slope: Parameters<typeof unary>[0]["slope"],
  saves: "inputs" | "outputs" = "inputs",
): Primitive<null> {
  return unary({ name, formula, derivative, functions: real(`op_${name}`), slope, saves });
}

const expPrimitive = elementary("exp", "e^x", "g · y", (g, { y }) => mul(g, y), "outputs");
const logPrimitive = elementary("log", "ln x", "g / x", (g, { x }) => div(g, x));
const log1pPrimitive = elementary("log1p", "ln(1 + x)", "g / (1 + x)", (g, { x }) =>
  div(g, add(x, 1)),
);
const expm1Primitive = elementary(
  "expm1",
  "e^x - 1",
  "g · (y + 1)",
  (g, { y }) => mul(g, add(y, 1)),
  "outputs",
);
const sqrtPrimitive = elementary(
  "sqrt",
  "√x",
  "g / 2y",
  (g, { y }) => div(g, mul(y, 2)),
  "outputs",
);
const rsqrtPrimitive = elementary(
  "rsqrt",
  "1 / √x",
  "-g · y³ / 2",
  (g, { y }) => mul(mul(g, -0.5), mul(y, mul(y, y))),
  "outputs",
);
const reciprocalPrimitive = elementary(
  "reciprocal",
  "1 / x",
  "-g · y²",
  (g, { y }) => neg(mul(g, mul(y, y))),
  "outputs",
);
const sinPrimitive = elementary("sin", "sin x", "g · cos x", (g, { x }) => mul(g, cos(x)));
const cosPrimitive = elementary("cos", "cos x", "-g · sin x", (g, { x }) => neg(mul(g, sin(x))));
const erfPrimitive = elementary("erf", "2/√π ∫₀ˣ e^(-t²) dt", "g · 2/√π e^(-x²)", (g, { x }) =>
  mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
);
const softplusPrimitive = elementary("softplus", "ln(1 + e^x)", "g · sigmoid(x)", (g, { x }) =>
  mul(g, sigmoid(x)),
);
/** A row for a function that is constant between its jumps. */
// @__NO_SIDE_EFFECTS__
export function stepwise(
  name: string,
  formula: string,
  functions = real(`op_${name}`),
): Primitive<null> {
  return unary({ name, formula, functions, slope: null });
}
const signPrimitive = stepwise("sign", "-1, 0 or 1", signed("op_sign"));
const floorPrimitive = stepwise("floor", "the greatest whole number ≤ x");
const ceilPrimitive = stepwise("ceil", "the least whole number ≥ x");
const roundPrimitive = stepwise("round", "the nearest whole number, ties to even");

/**
 * Rows for an activation whose cotangent is one fused kernel of (g, v), v its input or its output. The fused
 * kernel's own derivatives come from the plain formula.
 */
// @__NO_SIDE_EFFECTS__
export function activation(
  name: string,
  formula: string,
  of: "input" | "output",
  derivative: (v: Tensor) => Tensor,
): [Primitive<null>, Primitive<null>] {
  const backward = binary({
    name: `${name}Backward`,
    formula: `g · d(${formula})/dx`,
    derivative: "through the plain formula",
    functions: real(`op_${name}_vjp`),
    slopes: { plain: (g, v) => mul(g, derivative(v)) },
  });
  const forward = unary({
    name,
    formula,
    derivative: `${name}Backward(g, ${of === "input" ? "x" : "y"})`,
    functions: real(`op_${name}`),
    saves: of === "input" ? "inputs" : "outputs",
    slope: (g, { x, y }) => bind(backward, [g, of === "input" ? x : y], null)[0]!,
  });
  return [forward, backward];
}

const tanhPair = activation("tanh", "tanh x", "output", (y) => sub(1, mul(y, y)));
const sigmoidPair = activation("sigmoid", "1 / (1 + e^-x)", "output", (y) => mul(y, sub(1, y)));
const reluPair = activation("relu", "max(x, 0)", "input", (x) =>
  mul(add(sign(x), 1), mul(sign(x), 0.5)),
);
const siluPair = activation("silu", "x · sigmoid(x)", "input", (x) => {
  const s = sigmoid(x);
  return mul(s, add(1, mul(x, sub(1, s))));
});
const geluPair = activation("gelu", "x · Φ(x)", "input", (x) => {
  const cdf = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);
  const density = mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return add(cdf, mul(x, density));
});
const geluTanhPair = activation(
  "gelu_tanh",
  "x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))",
  "input",
  (x) => {
    const scale = Math.sqrt(2 / Math.PI);
    const x2 = mul(x, x);
    const t = tanh(mul(mul(x, add(1, mul(x2, 0.044715))), scale));
    const slope = mul(add(1, mul(x2, 3 * 0.044715)), scale);
    const rising = mul(mul(x, sub(1, mul(t, t))), slope);
    return mul(add(add(t, 1), rising), 0.5);
  },
);

/** e^x */
export function exp(x: Tensor): Tensor {
  return ofReal(expPrimitive, x);
}

/** Natural logarithm. */
export function log(x: Tensor): Tensor {
  return ofReal(logPrimitive, x);
}

/** ln(1 + x), accurate near 0. */
export function log1p(x: Tensor): Tensor {
  return ofReal(log1pPrimitive, x);
}

/** e^x - 1, accurate near 0. */
export function expm1(x: Tensor): Tensor {
  return ofReal(expm1Primitive, x);
}

/** Square root. */
export function sqrt(x: Tensor): Tensor {
  return ofReal(sqrtPrimitive, x);
}

/** 1 / √x */
export function rsqrt(x: Tensor): Tensor {
  return ofReal(rsqrtPrimitive, x);
}

/** 1 / x */
export function reciprocal(x: Tensor): Tensor {
  return ofReal(reciprocalPrimitive, x);
}

/** Sine of radians; accurate to a few units in the last place for |x| up to about 1,000. */
export function sin(x: Tensor): Tensor {
  return ofReal(sinPrimitive, x);
}

/** Cosine of radians; accurate to a few units in the last place for |x| up to about 1,000. */
export function cos(x: Tensor): Tensor {
  return ofReal(cosPrimitive, x);
}

/** Hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  return ofReal(tanhPair[0], x);
}

/** Error function. */
export function erf(x: Tensor): Tensor {
  return ofReal(erfPrimitive, x);
}

/** 1 / (1 + e^-x) */
export function sigmoid(x: Tensor): Tensor {
  return ofReal(sigmoidPair[0], x);
}

/** max(x, 0); its gradient at 0 is 0. */
export function relu(x: Tensor): Tensor {
  return ofReal(reluPair[0], x);
}

/** ln(1 + e^x), without overflow. */
export function softplus(x: Tensor): Tensor {
  return ofReal(softplusPrimitive, x);
}

/** x · sigmoid(x), also called swish. */
export function silu(x: Tensor): Tensor {
  return ofReal(siluPair[0], x);
}

/**
 * Gaussian error linear unit (Hendrycks and Gimpel 2016): x · Φ(x).
 * @param approximate "none" (exact, the default) or "tanh"
 */
export function gelu(x: Tensor, approximate: "none" | "tanh" = "none"): Tensor {
  return ofReal(approximate === "tanh" ? geluTanhPair[0] : geluPair[0], x);
}

/** -1, 0 or 1. */
export function sign(x: Tensor): Tensor {
  return bind(signPrimitive, [x], null)[0]!;
}

/** The greatest whole number ≤ x. */
export function floor(x: Tensor): Tensor {
  return ofReal(floorPrimitive, x);
}

/** The least whole number ≥ x. */
export function ceil(x: Tensor): Tensor {
  return ofReal(ceilPrimitive, x);
}

/**
 * The nearest whole number, ties to even; or the nearest multiple of 10^-decimals, up to the rounding of the
 * two scalings. @throws ArgumentError unless decimals is whole
 * @example round(tensor([1.26]), 1) // 1.3
 */
export function round(x: Tensor, decimals = 0): Tensor {
  if (!Number.isInteger(decimals))
    throw new ArgumentError(`round: decimals is ${decimals}; it must be a whole number.`);
  if (decimals === 0) return ofReal(roundPrimitive, x);
  return scope(() => {
    const scale = 10 ** Math.abs(decimals);
    return decimals > 0
      ? div(ofReal(roundPrimitive, mul(asFloat(x), scale)), scale)
      : mul(ofReal(roundPrimitive, div(asFloat(x), scale)), scale);
  });
}

// Reading a pair has no effects, which bundlers cannot know.
export const functionPrimitives = /* @__PURE__ */ (() => [
  expPrimitive,
  logPrimitive,
  log1pPrimitive,
  expm1Primitive,
  sqrtPrimitive,
  rsqrtPrimitive,
  reciprocalPrimitive,
  sinPrimitive,
  cosPrimitive,
  tanhPair[0],
  tanhPair[1],
  erfPrimitive,
  sigmoidPair[0],
  sigmoidPair[1],
  reluPair[0],
  reluPair[1],
  softplusPrimitive,
  siluPair[0],
  siluPair[1],
  geluPair[0],
  geluPair[1],
  geluTanhPair[0],
  geluTanhPair[1],
  signPrimitive,
  floorPrimitive,
  ceilPrimitive,
  roundPrimitive,
])();

/** Exponentials and logarithms to other bases, and sums of exponentials in logarithms. */
import { ArgumentError } from "../errors";
import * as includes from "../kernels/generated/includes";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { clamp, div, eq, le, logicalAnd, mul, sub, where } from "./arithmetic";
import { elementary, sigmoid } from "./functions";
import { asFloat, type Operand, ofReal, ofRealPair } from "./operand";
import { binary, real } from "./pointwise";
import { writtenIn } from "./pointwiseLibrary";

const texts = [includes.pointwiseExponential];

const exp2Primitive = writtenIn(
  texts,
  elementary("exp2", "2^x", "g · y · ln 2", (g, { y }) => mul(g, mul(y, Math.LN2)), "outputs"),
);
const log2Primitive = writtenIn(
  texts,
  elementary("log2", "log₂ x", "g / (x ln 2)", (g, { x }) => div(mul(g, Math.LOG2E), x)),
);
const log10Primitive = writtenIn(
  texts,
  elementary("log10", "log₁₀ x", "g / (x ln 10)", (g, { x }) => div(mul(g, Math.LOG10E), x)),
);
const logitPrimitive = writtenIn(
  texts,
  elementary("logit", "ln(x / (1 - x))", "g / (x (1 - x))", (g, { x }) =>
    div(g, mul(x, sub(1, x))),
  ),
);
const logaddexpPrimitive = writtenIn(
  texts,
  binary({
    name: "logaddexp",
    formula: "ln(e^a + e^b)",
    derivative: "g · sigmoid(a - b) to a, g · sigmoid(b - a) to b",
    functions: real("op_logaddexp"),
    slopes: (g, { a, b }) => [() => mul(g, sigmoid(sub(a, b))), () => mul(g, sigmoid(sub(b, a)))],
  }),
);
const logaddexp2Primitive = writtenIn(
  texts,
  binary({
    name: "logaddexp2",
    formula: "log₂(2^a + 2^b)",
    derivative: "g · sigmoid((a - b) ln 2) to a, g · sigmoid((b - a) ln 2) to b",
    functions: real("op_logaddexp2"),
    slopes: (g, { a, b }) => [
      () => mul(g, sigmoid(mul(sub(a, b), Math.LN2))),
      () => mul(g, sigmoid(mul(sub(b, a), Math.LN2))),
    ],
  }),
);
const xlogyPrimitive = writtenIn(
  texts,
  binary({
    name: "xlogy",
    formula: "a ln b, 0 for a = 0",
    derivative: "g · ln b to a (0 where a = 0 and b ≤ 0), g · a / b to b",
    functions: real("op_xlogy"),
    slopes: (g, { a, b }) => [
      () => xlogy(where(logicalAnd(eq(a, 0), le(b, 0)), 0, g), b),
      // Where a = 0 nothing depends on b, at b = 0 neither.
      () => mul(g, where(eq(a, 0), 0, div(a, where(eq(a, 0), 1, b)))),
    ],
  }),
);

/** 2^x; whole powers are exact, others good to 2 ULP. */
export function exp2(x: Tensor): Tensor {
  return ofReal(exp2Primitive, x);
}

/** Logarithm to base 2; exact for powers of two, else good to 3 ULP. */
export function log2(x: Tensor): Tensor {
  return ofReal(log2Primitive, x);
}

/** Logarithm to base 10; good to 3 ULP. */
export function log10(x: Tensor): Tensor {
  return ofReal(log10Primitive, x);
}

/** ln(e^a + e^b) without overflow, with broadcasting. @throws ShapeError unless the shapes broadcast */
export function logaddexp(a: Operand, b: Operand): Tensor {
  return ofRealPair(logaddexpPrimitive, a, b);
}

/**
 * log₂(2^a + 2^b) without overflow, with broadcasting.
 * @throws ShapeError unless the shapes broadcast
 */
export function logaddexp2(a: Operand, b: Operand): Tensor {
  return ofRealPair(logaddexp2Primitive, a, b);
}

/**
 * x ln y, with broadcasting, and 0 where x is 0 unless y is NaN.
 * @throws ShapeError unless the shapes broadcast
 */
export function xlogy(x: Operand, y: Operand): Tensor {
  return ofRealPair(xlogyPrimitive, x, y);
}

/**
 * ln(x / (1 - x)), the inverse of sigmoid; NaN outside [0, 1].
 * @param eps if given, x is first held between eps and 1 - eps
 * @throws ArgumentError for an eps outside [0, 1/2]
 */
export function logit(x: Tensor, eps?: number): Tensor {
  if (eps === undefined) return ofReal(logitPrimitive, x);
  if (!(eps >= 0 && eps <= 0.5))
    throw new ArgumentError(`logit: eps is ${eps}; it must lie between 0 and 0.5.`);
  return scope(() => ofReal(logitPrimitive, clamp(asFloat(x), eps, 1 - eps)));
}

export const exponentialPrimitives = [
  exp2Primitive,
  log2Primitive,
  log10Primitive,
  logitPrimitive,
  logaddexpPrimitive,
  logaddexp2Primitive,
  xlogyPrimitive,
];

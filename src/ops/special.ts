/**
 * Special functions. One unit in the last place (ULP) is 2^-23 of an f32 result; the bounds are those that
 * the tests hold on the CPU executor. Definitions: NIST Digital Library of Mathematical Functions, chapters
 * 5, 7 and 25.
 */
import { ArgumentError } from "../errors";
import * as includes from "../kernels/generated/includes";
import type { Tensor } from "../tensor/tensor";
import { add, mul, neg, square } from "./arithmetic";
import { elementary, exp } from "./functions";
import { ofReal, ofRealPair } from "./operand";
import { binary, real } from "./pointwise";
import { writtenIn } from "./pointwiseLibrary";
import type { Primitive } from "./primitive";

const texts = [
  includes.pointwiseSpecial,
  includes.pointwiseTrigonometric,
  includes.pointwiseExponential,
  includes.pointwiseBits,
];

const erfcPrimitive = writtenIn(
  texts,
  elementary("erfc", "1 - erf(x)", "-g · 2/√π e^(-x²)", (g, { x }) =>
    mul(g, mul(exp(neg(square(x))), -2 / Math.sqrt(Math.PI))),
  ),
);
const erfinvPrimitive = writtenIn(
  texts,
  elementary(
    "erfinv",
    "erf⁻¹(x)",
    "g · √π/2 e^(y²)",
    (g, { y }) => mul(g, mul(exp(square(y)), Math.sqrt(Math.PI) / 2)),
    "outputs",
  ),
);
const lgammaPrimitive = writtenIn(
  texts,
  elementary("lgamma", "ln |Γ(x)|", "g · digamma(x)", (g, { x }) => mul(g, digamma(x))),
);
const digammaPrimitive = writtenIn(
  texts,
  elementary("digamma", "Γ'(x) / Γ(x)", "g · polygamma(1, x)", (g, { x }) =>
    mul(g, polygamma(1, x)),
  ),
);
/** By its order, an operand, the derivatives form a family that differentiation does not leave. */
const polygammaPrimitive: Primitive<null> = writtenIn(
  texts,
  binary({
    name: "polygamma",
    formula: "dᵃ/dbᵃ digamma(b) = (-1)^(a+1) a! ζ(a + 1, b)",
    derivative: "g · polygamma(a + 1, b) to b",
    functions: real("op_polygamma"),
    slopes: (g, { a, b }) => [null, () => mul(g, ofRealPair(polygammaPrimitive, add(a, 1), b))],
  }),
);

/** 1 - erf(x), without cancellation for large x: good to 6 ULP down to 1e-37. */
export function erfc(x: Tensor): Tensor {
  return ofReal(erfcPrimitive, x);
}

/** The inverse of erf, good to 4 ULP: ±infinity at ±1, NaN outside [-1, 1]. */
export function erfinv(x: Tensor): Tensor {
  return ofReal(erfinvPrimitive, x);
}

/**
 * ln |Γ(x)|. Good to 6 ULP for x > 0, near its roots 1 and 2 too; for x < 0 to 6 ULP of the greater of the
 * result and 1, since it has a root between any two poles. Infinite at 0, -1, -2, …
 */
export function lgamma(x: Tensor): Tensor {
  return ofReal(lgammaPrimitive, x);
}

/**
 * The derivative of lgamma. Good to 6 ULP for x > 0, near its root 1.4616… too; for x < 0 to 6 ULP of the
 * greatest of 1, digamma(1 - x) and π / tan(πx). NaN at -1, -2, …; -infinity at 0, +infinity at -0.
 */
export function digamma(x: Tensor): Tensor {
  return ofReal(digammaPrimitive, x);
}

/**
 * The n-th derivative of digamma, n up to 25, by Hurwitz' zeta function. Good to 6 + n ULP for x > 0; for
 * x < 0 to as much of the greatest of its three parts. From n = 29 on it overflows between the poles.
 *
 * @throws ArgumentError unless n is a whole number from 0 to 25; 0 is digamma itself
 * @example polygamma(1, tensor([1])) // π² / 6
 */
export function polygamma(n: number, x: Tensor): Tensor {
  if (!Number.isInteger(n) || n < 0 || n > 25)
    throw new ArgumentError(`polygamma: n is ${n}; it must be a whole number from 0 to 25.`);
  return n === 0 ? digamma(x) : ofRealPair(polygammaPrimitive, n, x);
}

export const specialPrimitives = [
  erfcPrimitive,
  erfinvPrimitive,
  lgammaPrimitive,
  digammaPrimitive,
  polygammaPrimitive,
];

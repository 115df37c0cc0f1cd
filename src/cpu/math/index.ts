/**
 * The mathematical functions of WGSL on four lanes of f32. They use + - * / and square roots rounded as
 * IEEE 754 says, and integer instructions, so their results have the same bits on every machine.
 * Accuracy and sources: docs/cpu-math.md.
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import * as bounds from "./bounds";
import { ldexp } from "./exponent";
import * as exponential from "./exponential";
import { roundToHalf } from "./half";
import * as hyperbolic from "./hyperbolic";
import * as interpolation from "./interpolation";
import * as inverseTrigonometric from "./inverseTrigonometric";
import { Lanes } from "./lanes";
import * as logarithm from "./logarithm";
import { pow } from "./power";
import { ceil, floor, fract, round, trunc } from "./rounding";

import * as trigonometric from "./trigonometric";

export { frexp } from "./exponent";
export { type IntegerFunction, integerFunctions, integerLaneFunctions } from "./integer";
export { type PackingFunction, packingFunctions } from "./packing";
export { modf } from "./rounding";

export type FloatFunction = (b: Builder, ...args: Value[]) => Value;

/** f(x) in lanes of f32. */
const lanes =
  (f: (lanes: Lanes, ...args: Value[]) => Value): FloatFunction =>
  (b, ...args) =>
    f(new Lanes(b, "f32x4"), ...args);

/** By the name of the WGSL function; arguments and results are f32x4. */
export const floatFunctions: Readonly<Record<string, FloatFunction>> = {
  ...(bounds as Record<string, FloatFunction>),
  ...(exponential as Record<string, FloatFunction>),
  ...(interpolation as Record<string, FloatFunction>),
  ...(hyperbolic as Record<string, FloatFunction>),
  ...(inverseTrigonometric as Record<string, FloatFunction>),
  ...(trigonometric as Record<string, FloatFunction>),
  ...(logarithm as Record<string, FloatFunction>),
  floor,
  ceil,
  trunc,
  round,
  fract,
  sqrt: lanes((f, x) => f.sqrt(x)),
  inverseSqrt: lanes((f, x) => f.div(1, f.sqrt(x))),
  quantizeToF16: roundToHalf,
  pow,
  ldexp,
  fma: lanes((f, x, y, z) => f.add(f.mul(x, y!), z!)),
  radians: lanes((f, x) => f.mul(x, Math.PI / 180)),
  degrees: lanes((f, x) => f.mul(x, 180 / Math.PI)),
};

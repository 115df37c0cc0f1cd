/** Samples of the pointwise operations beyond arithmetic: elementary and special functions, activations. */

import { pointwise } from "../reference/array";
import * as functions from "../reference/functions";
import * as special from "../reference/special";
import { whole } from "./operand";
import {
  alongSlope,
  awayFromZero,
  type Binary,
  betweenWholes,
  binarySamples,
  each,
  elementary,
  held,
  numbers,
  rounded,
  ternarySamples,
  ties,
  type Unary,
  unarySamples,
  type Value,
} from "./pointwise";
import { exact, type PrimitiveSamples, type SampleTable } from "./sample";

const { log2, log10 } = Math;

const hardswish: Value = (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6;
/** hardswish bends at -3 and 3. */
const awayFromThree: Value = (x) => x + (Math.abs(x) > 3 ? 0.1 : -0.1) * Math.sign(x);

const unaries: Record<string, Unary> = {
  exp2: { of: (x) => 2 ** x, tolerance: { relative: 1e-6, absolute: 0 } },
  log2: { of: log2, range: { low: 0.3, high: 4 }, tolerance: elementary },
  log10: { of: log10, range: { low: 0.3, high: 4 }, tolerance: elementary },
  logit: {
    of: (x) => Math.log(x / (1 - x)),
    range: { low: 0.15, high: 0.85 },
    tolerance: elementary,
  },
  tan: { of: Math.tan, range: { low: -1.2, high: 1.2 }, tolerance: elementary },
  asin: { of: Math.asin, range: { low: -0.8, high: 0.8 }, tolerance: elementary },
  acos: { of: Math.acos, range: { low: -0.8, high: 0.8 }, tolerance: elementary },
  atan: { of: Math.atan, tolerance: elementary },
  sinh: { of: Math.sinh, tolerance: elementary },
  cosh: { of: Math.cosh, tolerance: elementary },
  asinh: { of: Math.asinh, tolerance: elementary },
  acosh: { of: Math.acosh, range: { low: 1.3, high: 4 }, tolerance: elementary },
  atanh: { of: Math.atanh, range: { low: -0.7, high: 0.7 }, tolerance: elementary },
  trunc: { of: Math.trunc, away: betweenWholes, tolerance: exact },
  frac: { of: (x) => x - Math.trunc(x), away: betweenWholes, tolerance: exact },
  erfc: { of: special.erfc, range: { low: -2, high: 4 }, tolerance: elementary },
  erfinv: { of: special.erfinv, range: { low: -0.8, high: 0.8 }, tolerance: elementary },
  lgamma: { of: special.lgamma, range: { low: 0.5, high: 9 }, tolerance: elementary },
  digamma: { of: special.digamma, range: { low: 0.7, high: 9 }, tolerance: elementary },
  logSigmoid: {
    of: (x) => -functions.softplus(-x),
    range: { low: -6, high: 6 },
    tolerance: elementary,
  },
  hardswish: {
    of: hardswish,
    range: { low: -5, high: 5.3 },
    away: awayFromThree,
    tolerance: elementary,
  },
  softsign: { of: (x) => x / (1 + Math.abs(x)), away: awayFromZero, tolerance: elementary },
  mish: { of: special.mish, range: { low: -6, high: 6 }, tolerance: elementary },
  isnan: { of: (x) => Number(Number.isNaN(x)), tolerance: exact },
  isinf: { of: (x) => Number(Math.abs(x) === Number.POSITIVE_INFINITY), tolerance: exact },
  isfinite: { of: (x) => Number(Number.isFinite(x)), tolerance: exact },
  isposinf: { of: (x) => Number(x === Number.POSITIVE_INFINITY), tolerance: exact },
  isneginf: { of: (x) => Number(x === Number.NEGATIVE_INFINITY), tolerance: exact },
  signbit: { of: (x) => Number(x < 0 || Object.is(x, -0)), tolerance: exact },
};

/** Beyond the circle where angle and distance bend fast. */
const awayFromOrigin: Value = (x) => x + 0.4 * Math.sign(x);
/** Quarters apart from halves, over a divisor of about 1.5 in size: no quotient is near a whole number. */
const quarters: Value = (x) => Math.round(2 * x) / 2 + 0.25;
const aboutThreeHalves: Value = (x) => Math.sign(x) * (1.5 + 0.01 * x);
/** Whole quotients of whole numbers; 0 where the divisor is 0. */
const divided = (round: Value) => (a: number, b: number) =>
  b === 0 ? 0 : Math.trunc(round(a / b));
const modulo = (round: Value) => (a: number, b: number) =>
  b === 0 ? 0 : a - b * Math.trunc(round(a / b));
const order = { low: 0.6, high: 3.4 };

const binaries: Record<string, Binary> = {
  atan2: { of: Math.atan2, place: [awayFromOrigin, (x) => x], tolerance: elementary },
  hypot: { of: Math.hypot, place: [awayFromOrigin, (x) => x], tolerance: elementary },
  logaddexp: { of: (a, b) => Math.log(Math.exp(a) + Math.exp(b)), tolerance: elementary },
  logaddexp2: { of: (a, b) => log2(2 ** a + 2 ** b), tolerance: elementary },
  xlogy: { of: (a, b) => a * Math.log(b), right: { low: 0.4, high: 3 }, tolerance: elementary },
  polygamma: {
    of: special.polygamma,
    left: order,
    right: { low: 0.9, high: 6 },
    place: [Math.round, (x) => x],
    wrt: [1],
    tolerance: { relative: 1.2e-6, absolute: 0 },
  },
  sincDerivative: {
    of: special.sincDerivative,
    left: { low: -0.4, high: 3.4 },
    place: [(x) => Math.abs(Math.round(x)), (x) => x],
    wrt: [1],
    // Derivatives of order n are sums of terms up to πⁿ in size.
    tolerance: { relative: 1e-6, absolute: 1e-5 },
  },
  copysign: {
    of: (a, b) => Math.abs(a) * Math.sign(b),
    place: [awayFromZero, awayFromZero],
    tolerance: exact,
  },
  heaviside: {
    of: (a, b) => (a === 0 ? b : Number(a > 0)),
    place: [Math.round, (x) => x],
    wrt: [1],
    tolerance: exact,
  },
  fmod: {
    of: modulo(Math.trunc),
    place: [quarters, aboutThreeHalves],
    tolerance: rounded,
    types: numbers,
  },
  remainder: {
    of: modulo(Math.floor),
    place: [quarters, aboutThreeHalves],
    tolerance: rounded,
    types: numbers,
  },
  floorDivide: {
    of: divided(Math.floor),
    place: [quarters, aboutThreeHalves],
    tolerance: exact,
    types: numbers,
  },
  truncDivide: {
    of: divided(Math.trunc),
    place: [quarters, aboutThreeHalves],
    tolerance: exact,
    types: numbers,
  },
  elu: {
    of: (x, alpha) => (x > 0 ? x : alpha * Math.expm1(x)),
    place: [awayFromZero, (x) => x],
    tolerance: elementary,
  },
  prelu: {
    of: (x, weight) => (x > 0 ? x : weight * x),
    place: [awayFromZero, (x) => x],
    tolerance: rounded,
  },
  mishBackward: { of: alongSlope(special.mish), tolerance: { relative: 2e-6, absolute: 1e-6 } },
  hardswishBackward: {
    of: alongSlope(hardswish),
    right: { low: -5, high: 5.3 },
    place: [(x) => x, awayFromThree],
    tolerance: { relative: 2e-6, absolute: 1e-6 },
  },
  bitwiseAnd: { of: (a, b) => a & b, tolerance: exact, types: [...numbers, "bool"], floats: false },
  bitwiseOr: { of: (a, b) => a | b, tolerance: exact, types: [...numbers, "bool"], floats: false },
  bitwiseXor: { of: (a, b) => a ^ b, tolerance: exact, types: [...numbers, "bool"], floats: false },
  bitwiseLeftShift: {
    of: (a, b) => (b < 0 ? 0 : a << b),
    place: ties,
    tolerance: exact,
    types: numbers,
    floats: false,
  },
  bitwiseRightShift: {
    of: (a, b) => a >> (b < 0 ? 31 : b),
    place: ties,
    tolerance: exact,
    types: numbers,
    floats: false,
  },
};

const bitwiseNot: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x]) => [pointwise((v) => ~v, x!)],
  samples: [
    { claim: "dense", operands: [whole([3, 5], 201, { low: -9 })], attrs: null },
    {
      claim: "transposed",
      operands: [whole([4, 3], 202, { low: -9, layout: "transposed" })],
      attrs: null,
    },
    { claim: "no elements", operands: [whole([0], 203)], attrs: null },
  ],
};

export const elementwiseSamples: SampleTable = {
  ...each(unaries, unarySamples),
  ...each(binaries, binarySamples),
  addcmul: ternarySamples((a, b, c) => a + b * c),
  addcdiv: ternarySamples((a, b, c) => a + b / c, { low: 0.5, high: 2 }),
  hardtanh: held,
  bitwiseNot,
};

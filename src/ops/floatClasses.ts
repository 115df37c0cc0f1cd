/** What kind of number a floating-point value is, by its bits: NaN, infinite, finite, negative. */
import * as includes from "../kernels/generated/includes";
import { requireOptions } from "../options";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { div, eq, mul, where } from "./arithmetic";
import { type Operand, ofReal, ofRealPair } from "./operand";
import { binary, real, unary } from "./pointwise";
import { writtenIn } from "./pointwiseLibrary";
import type { Primitive } from "./primitive";
import { clone } from "./shape";

const texts = [includes.pointwiseBits];

// @__NO_SIDE_EFFECTS__
const test = (name: string, formula: string): Primitive<null> =>
  writtenIn(
    texts,
    unary({ name, formula, functions: real(`op_${name}`), result: "bool", slope: null }),
  );
const isnanPrimitive = test("isnan", "x is NaN");
const isinfPrimitive = test("isinf", "x is ±∞");
const isfinitePrimitive = test("isfinite", "x is neither NaN nor ±∞");
const isposinfPrimitive = test("isposinf", "x is ∞");
const isneginfPrimitive = test("isneginf", "x is -∞");
const signbitPrimitive = test("signbit", "the sign bit of x is set");
const copysignPrimitive = writtenIn(
  texts,
  binary({
    name: "copysign",
    formula: "|a| with the sign of b",
    derivative: "g · y / a to a, 0 where a = 0",
    functions: real("op_copysign"),
    saves: "everything",
    slopes: (g, { a, y }) => [
      () => mul(g, where(eq(a, 0), 0, div(y, where(eq(a, 0), 1, a)))),
      null,
    ],
  }),
);

/** Whether each element is NaN, as bool. */
export function isnan(x: Tensor): Tensor {
  return ofReal(isnanPrimitive, x);
}

/** Whether each element is infinite, as bool. */
export function isinf(x: Tensor): Tensor {
  return ofReal(isinfPrimitive, x);
}

/** Whether each element is neither infinite nor NaN, as bool. */
export function isfinite(x: Tensor): Tensor {
  return ofReal(isfinitePrimitive, x);
}

/** Whether each element is +infinity, as bool. */
export function isposinf(x: Tensor): Tensor {
  return ofReal(isposinfPrimitive, x);
}

/** Whether each element is -infinity, as bool. */
export function isneginf(x: Tensor): Tensor {
  return ofReal(isneginfPrimitive, x);
}

/** Whether the sign bit is set, as bool: true for -0 and for some NaN. */
export function signbit(x: Tensor): Tensor {
  return ofReal(signbitPrimitive, x);
}

/**
 * |x| with the sign of y, that of -0 too, with broadcasting; the gradient at x = 0 is 0.
 * @throws ShapeError unless the shapes broadcast
 */
export function copysign(x: Operand, y: Operand): Tensor {
  return ofRealPair(copysignPrimitive, x, y);
}

export interface NanToNumOptions {
  /** For NaN. Default 0. */
  nan?: number;
  /** For +infinity. Default: the greatest number of the dtype. */
  posinf?: number;
  /** For -infinity. Default: the least number of the dtype. */
  neginf?: number;
}

const greatest = {
  f32: (2 - 2 ** -23) * 2 ** 127,
  f16: 65504,
  bf16: (2 - 2 ** -7) * 2 ** 127,
};

/**
 * x with numbers in place of NaN and infinities; integers stay as they are. The gradient passes where x is
 * finite.
 *
 * @example nanToNum(tensor([NaN, 1, -Infinity]), { neginf: -1 }) // 0, 1, -1
 */
export function nanToNum(x: Tensor, options: NanToNumOptions = {}): Tensor {
  requireOptions("nanToNum", options, "nan");
  if (!isFloat(x.dtype)) return clone(x);
  const most = greatest[x.dtype as "f32" | "f16" | "bf16"];
  const { nan = 0, posinf = most, neginf = -most } = options;
  return scope(() => {
    const bounded = where(isposinf(x), posinf, where(isneginf(x), neginf, x));
    return where(isnan(x), nan, bounded);
  });
}

export const floatClassPrimitives = [
  isnanPrimitive,
  isinfPrimitive,
  isfinitePrimitive,
  isposinfPrimitive,
  isneginfPrimitive,
  signbitPrimitive,
  copysignPrimitive,
];

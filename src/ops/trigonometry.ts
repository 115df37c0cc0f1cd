/** Trigonometric and hyperbolic functions, their inverses, and the geometry of points in the plane. */
import * as includes from "../kernels/generated/includes";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { add, div, eq, mul, neg, square, sub, where } from "./arithmetic";
import { elementary, rsqrt } from "./functions";
import { asFloat, type Operand, ofReal, ofRealPair } from "./operand";
import { binary, real } from "./pointwise";
import { writtenIn } from "./pointwiseLibrary";
import type { Primitive } from "./primitive";

const texts = [
  includes.pointwiseTrigonometric,
  includes.pointwiseExponential,
  includes.pointwiseBits,
];

const tanPrimitive = writtenIn(
  texts,
  elementary("tan", "tan x", "g · (1 + y²)", (g, { y }) => mul(g, add(square(y), 1)), "outputs"),
);
const asinPrimitive = writtenIn(
  texts,
  elementary("asin", "arcsin x", "g / √(1 - x²)", (g, { x }) =>
    mul(g, rsqrt(mul(sub(1, x), add(x, 1)))),
  ),
);
const acosPrimitive = writtenIn(
  texts,
  elementary("acos", "arccos x", "-g / √(1 - x²)", (g, { x }) =>
    neg(mul(g, rsqrt(mul(sub(1, x), add(x, 1))))),
  ),
);
const atanPrimitive = writtenIn(
  texts,
  elementary("atan", "arctan x", "g / (1 + x²)", (g, { x }) => div(g, add(square(x), 1))),
);
const sinhPrimitive = writtenIn(
  texts,
  elementary("sinh", "(e^x - e^-x) / 2", "g · cosh x", (g, { x }) => mul(g, cosh(x))),
);
const coshPrimitive = writtenIn(
  texts,
  elementary("cosh", "(e^x + e^-x) / 2", "g · sinh x", (g, { x }) => mul(g, sinh(x))),
);
const asinhPrimitive = writtenIn(
  texts,
  elementary("asinh", "arsinh x", "g / √(x² + 1)", (g, { x }) => div(g, hypot(x, 1))),
);
const acoshPrimitive = writtenIn(
  texts,
  elementary("acosh", "arcosh x", "g / √(x² - 1)", (g, { x }) =>
    mul(g, mul(rsqrt(sub(x, 1)), rsqrt(add(x, 1)))),
  ),
);
const atanhPrimitive = writtenIn(
  texts,
  elementary("atanh", "artanh x", "g / (1 - x²)", (g, { x }) => div(g, mul(sub(1, x), add(x, 1)))),
);
/** 1 at the origin, where neither the angle nor the distance has a slope: both get 0. */
const distance = (a: Tensor, b: Tensor): Tensor => {
  const h = hypot(a, b);
  return where(eq(h, 0), 1, h);
};
const atan2Primitive = writtenIn(
  texts,
  binary({
    name: "atan2",
    formula: "the angle of the point (b, a)",
    derivative: "g · b / (a² + b²) to a, -g · a / (a² + b²) to b, 0 at the origin",
    functions: real("op_atan2"),
    slopes: (g, { a, b }) => {
      const along = (x: Tensor): Tensor => {
        const h = distance(a, b);
        return mul(g, div(div(x, h), h));
      };
      return [() => along(b), () => neg(along(a))];
    },
  }),
);
const hypotPrimitive = writtenIn(
  texts,
  binary({
    name: "hypot",
    formula: "√(a² + b²)",
    derivative: "g · a / y to a, g · b / y to b, 0 at the origin",
    functions: real("op_hypot"),
    slopes: (g, { a, b }) => [
      () => mul(g, div(a, distance(a, b))),
      () => mul(g, div(b, distance(a, b))),
    ],
  }),
);
/** The derivatives of sinc by their order: a family that differentiation does not leave. */
const sincDerivativePrimitive: Primitive<null> = writtenIn(
  texts,
  binary({
    name: "sincDerivative",
    formula: "dᵃ/dbᵃ of sin(πb) / (πb)",
    derivative: "g · sincDerivative(a + 1, b) to b",
    functions: real("op_sinc_derivative"),
    slopes: (g, { a, b }) => [
      null,
      () => mul(g, ofRealPair(sincDerivativePrimitive, add(a, 1), b)),
    ],
  }),
);

/** Tangent of radians; good to 4 ULP for |x| up to about 1,000. */
export function tan(x: Tensor): Tensor {
  return ofReal(tanPrimitive, x);
}

/** Arc sine in radians, from -π/2 to π/2; NaN outside [-1, 1]. */
export function asin(x: Tensor): Tensor {
  return ofReal(asinPrimitive, x);
}

/** Arc cosine in radians, from 0 to π; NaN outside [-1, 1]. */
export function acos(x: Tensor): Tensor {
  return ofReal(acosPrimitive, x);
}

/** Arc tangent in radians, from -π/2 to π/2. */
export function atan(x: Tensor): Tensor {
  return ofReal(atanPrimitive, x);
}

/**
 * The angle of the point (x, y) in radians, from -π to π, with broadcasting; its gradient at the origin is 0.
 * @throws ShapeError unless the shapes broadcast
 * @example atan2(tensor([1, -1]), tensor([-1, -1])) // 3π/4, -3π/4
 */
export function atan2(y: Operand, x: Operand): Tensor {
  return ofRealPair(atan2Primitive, y, x);
}

/** Hyperbolic sine. */
export function sinh(x: Tensor): Tensor {
  return ofReal(sinhPrimitive, x);
}

/** Hyperbolic cosine. */
export function cosh(x: Tensor): Tensor {
  return ofReal(coshPrimitive, x);
}

/** Inverse hyperbolic sine. */
export function asinh(x: Tensor): Tensor {
  return ofReal(asinhPrimitive, x);
}

/** Inverse hyperbolic cosine, not negative; NaN below 1. */
export function acosh(x: Tensor): Tensor {
  return ofReal(acoshPrimitive, x);
}

/** Inverse hyperbolic tangent; NaN outside [-1, 1]. */
export function atanh(x: Tensor): Tensor {
  return ofReal(atanhPrimitive, x);
}

/**
 * √(a² + b²) without overflow, with broadcasting; its gradient at the origin is 0.
 * @throws ShapeError unless the shapes broadcast
 */
export function hypot(a: Operand, b: Operand): Tensor {
  return ofRealPair(hypotPrimitive, a, b);
}

/** sin(πx) / (πx), and 1 at 0; smooth there too. */
export function sinc(x: Tensor): Tensor {
  return ofRealPair(sincDerivativePrimitive, 0, x);
}

/** Degrees as radians. */
export function deg2rad(x: Tensor): Tensor {
  return scope(() => mul(asFloat(x), Math.PI / 180));
}

/** Radians as degrees. */
export function rad2deg(x: Tensor): Tensor {
  return scope(() => mul(asFloat(x), 180 / Math.PI));
}

export const trigonometryPrimitives = [
  tanPrimitive,
  asinPrimitive,
  acosPrimitive,
  atanPrimitive,
  sinhPrimitive,
  coshPrimitive,
  asinhPrimitive,
  acoshPrimitive,
  atanhPrimitive,
  atan2Primitive,
  hypotPrimitive,
  sincDerivativePrimitive,
];

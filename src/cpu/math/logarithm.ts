/**
 * ln x and log2 x. x = 2^e m with m in [sqrt(1/2), sqrt(2)), f = m - 1 (exact):
 * ln(1 + f) = f - f^2 / 2 + f^3 p(f), after S. Moshier's Cephes library (logf, log2f), p refitted.
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import { Lanes } from "./lanes";

/** Of p for m in [sqrt(1/2), sqrt(2)]; relative error of ln m: 5.8e-9. */
const coefficients = [
  0.333333313, -0.250008196, 0.200012267, -0.166233569, 0.142017558, -0.131601855, 0.127615958,
  -0.0763451159,
];

/** Bits of sqrt(1/2). */
const rootOfHalf = 0x3f3504f3;

interface Split {
  /** As f32. */
  readonly exponent: Value;
  readonly f: Value;
  /** ln(1 + f) - f. */
  readonly tail: Value;
}

function split(b: Builder, x: Value): Split {
  const f = new Lanes(b, "f32x4");
  const i = new Lanes(b, "i32x4");
  const subnormal = f.lt(x, 2 ** -126);
  const normal = f.select(subnormal, f.mul(x, 2 ** 23), x);
  const e = i.shr(i.sub(normal, rootOfHalf), 23);
  const exponent = f.op("convert_i32x4_s", i.sub(e, i.and(subnormal, 23)));
  const m = f.sub(i.sub(normal, i.shl(e, 23)), 1);
  const z = f.mul(m, m);
  const p = f.polynomial(m, coefficients);
  return { exponent, f: m, tail: f.sub(f.mul(f.mul(m, z), p), f.mul(z, 0.5)) };
}

/** The result, where x is neither 0, negative, infinite nor NaN. */
function withSpecialCases(b: Builder, x: Value, result: Value): Value {
  const f = new Lanes(b, "f32x4");
  const finite = f.select(f.lt(x, Infinity), result, x);
  // All ones are a NaN.
  return f.select(f.eq(x, 0), -Infinity, f.or(finite, f.lt(x, 0)));
}

export function log(b: Builder, x: Value): Value {
  const f = new Lanes(b, "f32x4");
  const { exponent, f: m, tail } = split(b, x);
  // e times the first part of ln 2, of 10 bits, is exact.
  const low = f.add(tail, f.mul(exponent, -2.1219444e-4));
  return withSpecialCases(b, x, f.add(f.add(m, low), f.mul(exponent, 0.693359375)));
}

export function log2(b: Builder, x: Value): Value {
  const f = new Lanes(b, "f32x4");
  const { exponent, f: m, tail } = split(b, x);
  // log2 e = 1 + 0.4427: the products are small beside the terms added last.
  const excess = Math.LOG2E - 1;
  const low = f.add(f.add(f.mul(tail, excess), f.mul(m, excess)), tail);
  return withSpecialCases(b, x, f.add(f.add(low, m), exponent));
}

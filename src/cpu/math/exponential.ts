/**
 * e^x and 2^x. With n the nearest whole number to x / ln 2 and r = x - n ln 2, |r| <= 0.35:
 * e^x = 2^n p(r), p the polynomial of degree 6 with the least relative error.
 *
 * 2^n goes over the range of a factor (n from -150 to 128), so it is applied as two factors of half the
 * exponent. The second product is the only one that rounds, so subnormal results are rounded once.
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import { Lanes } from "./lanes";

/** 1.5 * 2^23 + 254: adding it to n leaves n + 254, twice the exponent bias and so positive, in the low bits. */
const shifter = 12582912 + 254;

/** Of (e^r - 1 - r) / r^2 for |r| <= 0.347; relative error of e^r: 4.4e-9. */
const exponentialCoefficients = [0.5, 0.166664883, 0.0416655503, 0.00837228447, 0.00140360452];

/** Of (2^r - 1 - r ln 2) / r^2: the same, times powers of ln 2. */
const powerOf2Coefficients = [
  0.240226507, 0.0555035137, 0.0096178716, 0.00133958808, 0.000155667352,
];

/** p * 2^n, n in the low bits of `shifted` = n + shifter. */
function scale(b: Builder, p: Value, shifted: Value): Value {
  const f = new Lanes(b, "f32x4");
  const i = new Lanes(b, "i32x4");
  const half = i.shrUnsigned(shifted, 1);
  const rest = i.sub(shifted, half);
  return f.mul(f.mul(p, i.shl(half, 23)), i.shl(rest, 23));
}

/** 1 + c1 r + r^2 (...), in Estrin's order. */
function series(f: Lanes, r: Value, linear: Value, c: readonly number[]): Value {
  const z = f.mul(r, r);
  const low = f.add(f.mul(r, c[1]!), c[0]!);
  const high = f.add(f.mul(r, c[3]!), c[2]!);
  const tail = f.add(low, f.mul(z, f.add(high, f.mul(z, c[4]!))));
  return f.add(f.add(f.mul(z, tail), linear), 1);
}

export function exp(b: Builder, x: Value): Value {
  const f = new Lanes(b, "f32x4");
  const bounded = f.max(f.min(x, 89), -104);
  const shifted = f.add(f.mul(bounded, Math.LOG2E), shifter);
  const n = f.sub(shifted, shifter);
  // ln 2 in two parts; n times the first, of 10 bits, is exact.
  const r = f.sub(f.sub(bounded, f.mul(n, 0.693359375)), f.mul(n, -2.1219444e-4));
  return scale(b, series(f, r, r, exponentialCoefficients), shifted);
}

export function exp2(b: Builder, x: Value): Value {
  const f = new Lanes(b, "f32x4");
  const bounded = f.max(f.min(x, 129), -151);
  const shifted = f.add(bounded, shifter);
  const r = f.sub(bounded, f.sub(shifted, shifter));
  return scale(b, series(f, r, f.mul(r, Math.LN2), powerOf2Coefficients), shifted);
}

/**
 * f32 functions by way of f64: two lanes at a time, with errors far below half a unit in the last place of
 * f32, so that only the rounding at the end counts and no cancellation needs a formula of its own.
 * The polynomials have the least relative error on their interval (Remez' exchange algorithm).
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import { Lanes } from "./lanes";

/** Picks four of the eight words of 32 bits of x and y. */
const shuffle = (b: Builder, x: Value, y: Value, words: readonly number[]): Value =>
  b.pure(
    "i8x16.shuffle",
    [x, y],
    new Uint8Array(words.flatMap((w) => [4 * w, 4 * w + 1, 4 * w + 2, 4 * w + 3])),
  );

export type Halves = readonly [low: Value, high: Value];

/** Four lanes of f32 as two times two lanes of f64. */
export function promote(b: Builder, x: Value): Halves {
  const high = shuffle(b, x, x, [2, 3, 2, 3]);
  return [b.pure("f64x2.promote_low_f32x4", [x]), b.pure("f64x2.promote_low_f32x4", [high])];
}

/** Back again, rounded to f32. */
export function demote(b: Builder, [low, high]: Halves): Value {
  const narrow = (x: Value): Value => b.pure("f32x4.demote_f64x2_zero", [x]);
  return shuffle(b, narrow(low), narrow(high), [0, 1, 4, 5]);
}

/** The low 32 bits of each 64. */
export const lowWords = (b: Builder, [low, high]: Halves): Value =>
  shuffle(b, low, high, [0, 2, 4, 6]);

/** f on lanes of f64, applied to lanes of f32. */
export function throughWide(
  b: Builder,
  f: (d: Lanes, ...args: Value[]) => Value,
  ...args: readonly Value[]
): Value {
  const d = new Lanes(b, "f64x2");
  const halves = args.map((x) => promote(b, x));
  return demote(b, [f(d, ...halves.map((h) => h[0])), f(d, ...halves.map((h) => h[1]))]);
}

/** Of 2^r for |r| <= 1/2; relative error 7.8e-13. */
const powerOf2 = [
  0.9999999999997623, 0.6931471805465141, 0.2402265069888033, 0.055504109393417496,
  0.00961812854287076, 0.0013333452062227551, 0.00015403851743303783, 1.5309737425297626e-5,
  1.3175859209786715e-6,
];

/** 1.5 * 2^52 + 1023: adding it to n leaves n + 1023, the exponent field of 2^n, in the low bits. */
const shifter = 6755399441055744 + 1023;

/** 2^x; beyond what f32 represents, some number that is rounded to infinity or 0. */
export function exp2Wide(d: Lanes, x: Value): Value {
  const bounded = d.max(d.min(x, 200), -200);
  const shifted = d.add(bounded, shifter);
  const r = d.sub(bounded, d.sub(shifted, shifter));
  return d.mul(d.polynomial(r, powerOf2), new Lanes(d.b, "i64x2").shl(shifted, 52));
}

export const expWide = (d: Lanes, x: Value): Value => exp2Wide(d, d.mul(x, Math.LOG2E));

/** Of ln((1 + s) / (1 - s)) / s in s^2, for |s| <= 3 - 2 sqrt(2); relative error 4.3e-12. */
const areaTangent = [
  2.0000000000084244, 0.6666666524038452, 0.40000385882900713, 0.2853498505296273,
  0.23617482774838786,
];

/** High words of the f64 numbers sqrt(1/2) and 2^52, at their place in 64 bits. */
const rootOfHalf = 0x3fe6a09e * 2 ** 32;
const implicitOne = 0x43300000 * 2 ** 32;

/**
 * e `ofExponent` + ln(m) `ofMantissa`, where x = 2^e m and m is in [sqrt(1/2), sqrt(2)). Infinity and NaN
 * stay; zeros give -infinity, negative numbers NaN.
 */
function logarithm(d: Lanes, x: Value, ofExponent: number, ofMantissa: number): Value {
  const i = new Lanes(d.b, "i64x2");
  // e + 1024
  const shifted = i.shrUnsigned(i.add(i.sub(x, rootOfHalf), 2 ** 62), 52);
  const e = d.sub(i.or(shifted, implicitOne), 2 ** 52 + 1024);
  const m = i.add(i.sub(x, i.shl(shifted, 52)), 2 ** 62);
  const s = d.div(d.sub(m, 1), d.add(m, 1));
  const ln = d.mul(s, d.polynomial(d.mul(s, s), areaTangent));
  const result = d.add(d.mul(e, ofExponent), d.mul(ln, ofMantissa));
  const positive = d.select(d.lt(x, Infinity), result, x);
  // All ones are a NaN.
  return d.select(d.eq(x, 0), -Infinity, d.or(positive, d.lt(x, 0)));
}

export const lnWide = (d: Lanes, x: Value): Value => logarithm(d, x, Math.LN2, 1);
export const log2Wide = (d: Lanes, x: Value): Value => logarithm(d, x, 1, Math.LOG2E);

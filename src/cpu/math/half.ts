/**
 * f16 in lanes of f32: values that f16 represents, kept as f32. Rounding is to nearest, ties to even, once;
 * from 65520 on to infinity; the subnormal numbers of f16 are exact.
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import { copySign, Lanes } from "./lanes";

/**
 * Rounds 0 <= a < 65536 (f32) to 11 bits, or to a multiple of 2^-24 if that is coarser: the last place of
 * a + 2^13 2^e is 2^(e - 10) for 2^e <= a < 2^(e + 1).
 */
function roundMagnitude(f: Lanes, a: Value): Value {
  const leading = f.and(a, Infinity);
  const magnitude = f.mul(f.max(leading, 2 ** -14), 2 ** 13);
  return f.sub(f.add(a, magnitude), magnitude);
}

/** To f16, kept as f32. */
export function roundToHalf(b: Builder, x: Value): Value {
  const f = new Lanes(b, "f32x4");
  const a = f.abs(x);
  return copySign(b, f.select(f.le(65520, a), Infinity, roundMagnitude(f, a)), x);
}

/** f32 lanes to the bits of f16, in lanes of i32. */
export function halfBits(b: Builder, x: Value): Value {
  const f = new Lanes(b, "f32x4");
  const i = new Lanes(b, "i32x4");
  // 2^-112 takes the exponent bias from 127 to 15; 65536 gets the exponent of infinity.
  const rounded = f.mul(roundMagnitude(f, f.min(f.abs(x), 65536)), 2 ** -112);
  const magnitude = i.and(i.shrUnsigned(rounded, 13), 0x7fff);
  return i.or(magnitude, i.and(i.shrUnsigned(x, 16), 0x8000));
}

/** The low 16 bits of lanes of i32, as f16, to f32. */
export function fromHalfBits(b: Builder, bits: Value): Value {
  const f = new Lanes(b, "f32x4");
  const i = new Lanes(b, "i32x4");
  const magnitude = f.mul(i.shl(i.and(bits, 0x7fff), 13), 2 ** 112);
  const withInfinity = f.or(magnitude, f.and(f.le(65536, magnitude), Infinity));
  return copySign(b, withInfinity, i.shl(bits, 16));
}

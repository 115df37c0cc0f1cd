/** Apart into fraction and exponent, and together again. */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import { Lanes } from "./lanes";
import { demote, promote } from "./wide";

/** x 2^exponent, rounded once: the product is exact in f64. `exponent` is i32x4. */
export function ldexp(b: Builder, x: Value, exponent: Value): Value {
  const i = new Lanes(b, "i32x4");
  const l = new Lanes(b, "i64x2");
  const d = new Lanes(b, "f64x2");
  // Any f32 times 2^300 is infinite, times 2^-300 it is 0.
  const bounded = i.op("max_s", i.op("min_s", exponent, 300), -300);
  const field = i.add(bounded, 1023);
  const [low, high] = promote(b, x);
  const times = (half: Value, extend: string): Value =>
    d.mul(half, l.shl(b.pure(`i64x2.${extend}`, [field]), 52));
  return demote(b, [times(low, "extend_low_i32x4_s"), times(high, "extend_high_i32x4_s")]);
}

/** x = fraction 2^exponent, |fraction| in [1/2, 1). Zeros, infinities and NaN stay, with exponent 0. */
export function frexp(b: Builder, x: Value): [fraction: Value, exponent: Value] {
  const f = new Lanes(b, "f32x4");
  const i = new Lanes(b, "i32x4");
  const a = f.abs(x);
  const subnormal = f.lt(a, 2 ** -126);
  const normal = f.select(subnormal, f.mul(x, 2 ** 24), x);
  const field = i.and(i.shrUnsigned(normal, 23), 255);
  const exponent = i.sub(i.sub(field, 126), i.and(subnormal, 24));
  const fraction = f.or(i.and(normal, 0x807fffff), 0.5);
  const splits = f.and(f.lt(0, a), f.lt(a, Infinity));
  return [f.select(splits, fraction, x), i.and(exponent, splits)];
}

/** x^y = 2^(y log2 x), in f64. Special cases as IEEE 754-2019 (9.2.1) and C define them. */
import { called } from "./called";
import { Lanes } from "./lanes";
import { exp2Wide, log2Wide, throughWide } from "./wide";

export const pow = called("pow", 2, (b, x, y) => {
  const f = new Lanes(b, "f32x4");
  const a = f.abs(x);
  const size = throughWide(b, (d, a, y) => exp2Wide(d, d.mul(y!, log2Wide(d, a!))), a, y);
  // 1^y, and (-1)^infinity, where y log2 x is NaN.
  const one = f.or(f.eq(y, 0), f.or(f.eq(x, 1), f.and(f.eq(a, 1), f.eq(f.abs(y), Infinity))));
  const whole = f.eq(y, f.op("trunc", y));
  const half = f.mul(y, 0.5);
  const odd = f.and(whole, f.ne(half, f.op("trunc", half)));
  const signed = f.or(size, f.and(f.and(x, odd), -0));
  const invalid = f.and(f.lt(x, 0), f.and(f.lt(a, Infinity), f.ne(y, f.op("trunc", y))));
  return f.select(one, 1, f.or(signed, invalid));
});

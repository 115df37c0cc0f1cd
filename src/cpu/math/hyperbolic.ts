/**
 * Hyperbolic functions and their inverses. tanh is in f32 (S. Moshier's Cephes library, tanhf, p refitted);
 * the others go through f64. Near 0 two terms of the Taylor series stand in for the formula, which cancels.
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import { called } from "./called";
import { exp } from "./exponential";
import { copySign, Lanes } from "./lanes";
import { expWide, lnWide, throughWide } from "./wide";

/** Of (tanh(a) / a - 1) / a^2 in a^2, for |a| <= 0.625; relative error of tanh: 4.6e-9. */
const tangent = [
  -0.3333328068256378, 0.13331405818462372, -0.05373651534318924, 0.02062816731631756,
  -0.005692296661436558,
];

/** Below 0.625 by a polynomial, else 1 - 2 / (e^2a + 1), a = |x|. */
export function tanh(b: Builder, x: Value): Value {
  const f = new Lanes(b, "f32x4");
  const a = f.abs(x);
  const z = f.mul(a, a);
  const small = f.add(a, f.mul(f.mul(a, z), f.polynomial(z, tangent)));
  const large = f.sub(1, f.div(2, f.add(exp(b, f.add(a, a)), 1)));
  return copySign(b, f.select(f.lt(a, 0.625), small, large), x);
}

/** `formula` in f64, or x + cubic x^3 for |x| < 2^-8; the sign is that of x. */
const odd = (name: string, cubic: number, formula: (d: Lanes, x: Value) => Value) =>
  called(name, 1, (b, x) =>
    throughWide(
      b,
      (d, x) => {
        const series = d.add(x!, d.mul(d.mul(x!, d.mul(x!, x!)), cubic));
        const value = d.select(d.lt(d.abs(x!), 2 ** -8), series, formula(d, x!));
        // Of -0 too.
        return d.or(value, d.and(x!, -0));
      },
      x,
    ),
  );

export const sinh = odd("sinh", 1 / 6, (d, x) => {
  const e = expWide(d, x);
  return d.mul(d.sub(e, d.div(1, e)), 0.5);
});

export const cosh = called("cosh", 1, (b, x) =>
  throughWide(
    b,
    (d, x) => {
      const e = expWide(d, x!);
      return d.mul(d.add(e, d.div(1, e)), 0.5);
    },
    x,
  ),
);

/** sign(x) ln(|x| + sqrt(x^2 + 1)). */
export const asinh = odd("asinh", -1 / 6, (d, x) => {
  const a = d.abs(x);
  return lnWide(d, d.add(a, d.sqrt(d.add(d.mul(a, a), 1))));
});

/** ln(x + sqrt(x^2 - 1)). */
export const acosh = called("acosh", 1, (b, x) =>
  throughWide(
    b,
    (d, x) => {
      const size = lnWide(d, d.add(x!, d.sqrt(d.sub(d.mul(x!, x!), 1))));
      return d.or(size, d.lt(x!, 1));
    },
    x,
  ),
);

/** ln((1 + x) / (1 - x)) / 2. */
export const atanh = odd("atanh", 1 / 3, (d, x) =>
  d.mul(lnWide(d, d.div(d.add(x, 1), d.sub(1, x))), 0.5),
);

/**
 * sin, cos and tan. x - n pi/2, n the nearest whole number to x 2/pi, is found in f64 with pi/2 in two parts
 * (W. Cody and W. Waite, "Software manual for the elementary functions", 1980). From 2^20 on, x is first
 * taken modulo 2 pi by the bits of 2/pi (M. Payne and R. Hanek, "Radian reduction for trigonometric
 * functions", 1983).
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import { called } from "./called";
import { Lanes } from "./lanes";
import { demote, type Halves, lowWords, promote } from "./wide";

/** 2/pi in digits of 24 bits: products with an f32 are exact in f64. */
const twoOverPi = [0xa2f983, 0x6e4e44, 0x1529fc, 0x2757d1, 0xf534dd, 0xc0db62, 0x95993c, 0x439041];

/** x modulo 2 pi, for every finite x: each digit's product with x is taken modulo 4, exactly. */
function modulo(d: Lanes, x: Value): Value {
  const turns = twoOverPi.map((digit, i) => {
    const product = d.mul(x, digit * 2 ** (-24 * (i + 1)));
    return d.sub(product, d.mul(d.op("nearest", d.mul(product, 0.25)), 4));
  });
  return d.mul(turns.reduce(d.add), Math.PI / 2);
}

/** pi/2 in two parts; n times the first, of 33 bits, is exact below 2^20. */
const quarterHigh = 1.5707963267341256;
const quarterLow = 6.077100506506192e-11;

/** 1.5 * 2^52: adding it to n leaves n in the low bits. */
const shifter = 6755399441055744;

interface Reduced {
  /** |r| <= pi/4 */
  readonly r: Value;
  /** n in the low bits. */
  readonly n: Value;
}

function reduce(d: Lanes, x: Value): Reduced {
  const n = d.add(d.mul(x, 2 / Math.PI), shifter);
  const whole = d.sub(n, shifter);
  return { r: d.sub(d.sub(x, d.mul(whole, quarterHigh)), d.mul(whole, quarterLow)), n };
}

/** x in f64, taken modulo 2 pi where it is large. */
function bounded(b: Builder, x: Value): Halves {
  const d = new Lanes(b, "f64x2");
  const f = new Lanes(b, "f32x4");
  const large = f.le(2 ** 20, f.abs(x));
  const halves = promote(b, x);
  const results = b.if(
    b.pure("v128.any_true", [large]),
    ["v128", "v128"],
    () => halves.map((h) => d.select(d.le(2 ** 20, d.abs(h)), modulo(d, h), h)),
    () => halves,
  )!;
  return [results[0]!, results[1]!];
}

/** Of (sin(r) / r - 1) / r^2 and (cos(r) - 1) / r^2 in r^2, for |r| <= pi/4; relative errors 4e-9, 1.2e-10. */
const sine = [-0.16666655242443085, 0.008332189172506332, -0.00019518283079378307];
const cosine = [-0.5, 0.04166664555668831, -0.0013887309469282627, 2.4432327336398885e-5];

/** sin(x + quarters pi/2). */
const shifted = (name: string, quarters: number) =>
  called(name, 1, (b, x) => {
    const d = new Lanes(b, "f64x2");
    const f = new Lanes(b, "f32x4");
    const i = new Lanes(b, "i32x4");
    const [low, high] = bounded(b, x).map((h) => reduce(d, h));
    const r = demote(b, [low!.r, high!.r]);
    const n = i.add(lowWords(b, [low!.n, high!.n]), quarters);
    const z = f.mul(r, r);
    const sin = f.add(r, f.mul(f.mul(r, z), f.polynomial(z, sine)));
    const cos = f.add(f.mul(z, f.polynomial(z, cosine)), 1);
    const odd = i.shr(i.shl(n, 31), 31);
    // The sum makes +0 of -0.
    const value = f.select(odd, cos, f.select(f.eq(r, 0), r, sin));
    return f.xor(value, f.and(i.shl(n, 30), -0));
  });

export const sin = shifted("sin", 0);
export const cos = shifted("cos", 1);

/** Of sin(r) / r and cos(r) in r^2, for |r| <= pi/4; relative errors 4.6e-12, 5.7e-11. */
const sineWide = [
  0.9999999999954445, -0.16666666630409047, 0.00833332868659037, -0.00019839177288744628,
  2.717142998748127e-6,
];
const cosineWide = [
  0.9999999999438635, -0.49999999571108633, 0.04166661319178308, -0.0013886527925577785,
  2.4372568745008395e-5,
];

/** sin / cos, in odd quarters -cos / sin. */
export const tan = called("tan", 1, (b, x) => {
  const d = new Lanes(b, "f64x2");
  const i = new Lanes(b, "i64x2");
  const [low, high] = bounded(b, x).map((h) => {
    const { r, n } = reduce(d, h);
    const z = d.mul(r, r);
    const sin = d.mul(r, d.polynomial(z, sineWide));
    const cos = d.polynomial(z, cosineWide);
    const even = i.eq(i.and(n, 1), 0);
    return d.div(d.select(even, sin, d.mul(cos, -1)), d.select(even, cos, sin));
  });
  return demote(b, [low!, high!]);
});

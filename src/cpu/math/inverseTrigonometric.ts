/**
 * Inverse trigonometric functions, all by the angle of a point: asin x is that of (sqrt(1 - x^2), x), acos x
 * that of (x, sqrt(1 - x^2)), atan x that of (1, x). In f64; (1 - x)(1 + x) is 1 - x^2 without cancellation.
 */
import type { Value } from "../ir/ir";
import { called } from "./called";
import type { Lanes } from "./lanes";
import { throughWide } from "./wide";

/** Of atan(t) / t in t^2, for |t| <= 1; relative error 3.8e-10. */
const arcTangent = [
  0.999999999628228, -0.3333332393523422, 0.19999604635838084, -0.14279159631146254,
  0.11054501266842554, -0.0879877257136713, 0.06716109492120444, -0.044357532661006234,
  0.022274393348481185, -0.007199404508657408, 0.001091115311856773,
];

/** The angle of (x, y), in [-pi, pi]; signed zeros and infinities as C's atan2 takes them. */
function angle(d: Lanes, y: Value, x: Value): Value {
  const ay = d.abs(y);
  const ax = d.abs(x);
  const steep = d.lt(ax, ay);
  const larger = d.select(steep, ay, ax);
  // The quotient of two zeros is taken as 0, of two infinities as 1.
  const quotient = d.div(d.select(steep, ax, ay), larger);
  const t = d.select(d.eq(ax, ay), d.and(d.lt(0, larger), 1), quotient);
  const first = d.mul(t, d.polynomial(d.mul(t, t), arcTangent));
  const upper = d.select(steep, d.sub(Math.PI / 2, first), first);
  // Whether x has the sign bit, which -0 has too.
  const left = d.lt(d.or(d.and(x, -0), 1), 0);
  const size = d.select(left, d.sub(Math.PI, upper), upper);
  return d.or(size, d.and(y, -0));
}

/** sqrt(1 - x^2); NaN beyond 1. */
const cathetus = (d: Lanes, x: Value): Value => d.sqrt(d.mul(d.sub(1, x), d.add(x, 1)));

const define = (name: string, arity: number, f: (d: Lanes, ...args: Value[]) => Value) =>
  called(name, arity, (b, ...args) => throughWide(b, f, ...args));

export const atan2 = define("atan2", 2, (d, y, x) => angle(d, y!, x!));
export const atan = define("atan", 1, (d, x) => angle(d, x!, d.constant(1)));
export const asin = define("asin", 1, (d, x) => angle(d, x!, cathetus(d, x!)));
export const acos = define("acos", 1, (d, x) => angle(d, cathetus(d, x!), x!));

/** Special functions in f64, from their defining series and recurrences. */
import { erf, softplus } from "./functions";

/** Even Bernoulli numbers B2, B4, … */
const bernoulli = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6];

/** Stirling's series from 15 on, reached by recurrence; for x < 0 by reflection. */
export function lgamma(x: number): number {
  if (x <= 0) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - lgamma(1 - x);
  let shift = 0;
  let y = x;
  for (; y < 15; y++) shift += Math.log(y);
  const tail = bernoulli.reduce((sum, b, i) => {
    const k = 2 * i + 2;
    return sum + b / (k * (k - 1) * y ** (k - 1));
  }, 0);
  return (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI) + tail - shift;
}

/** Its asymptotic series from 15 on, reached by recurrence; for x < 0 by reflection. */
export function digamma(x: number): number {
  if (x <= 0) return digamma(1 - x) - Math.PI / Math.tan(Math.PI * x);
  let shift = 0;
  let y = x;
  for (; y < 15; y++) shift += 1 / y;
  const tail = bernoulli.reduce((sum, b, i) => sum + b / ((2 * i + 2) * y ** (2 * i + 2)), 0);
  return Math.log(y) - 0.5 / y - tail - shift;
}

/** n! Σ (x + k)^-(n+1) up to sign, with the rest by the formula of Euler and Maclaurin; x > 0, or not whole. */
export function polygamma(n: number, x: number): number {
  let factorial = 1;
  for (let k = 2; k <= n; k++) factorial *= k;
  let sum = 0;
  let y = x;
  for (; y < 20 + n; y++) sum += y ** -(n + 1);
  sum += y ** -n / n + 0.5 * y ** -(n + 1);
  let rising = n + 1;
  let over = 2;
  bernoulli.forEach((b, i) => {
    const k = 2 * i + 2;
    sum += (b / over) * rising * y ** -(n + k);
    rising *= (n + k) * (n + k + 1);
    over *= (k + 1) * (k + 2);
  });
  return (n % 2 === 0 ? -1 : 1) * factorial * sum;
}

/** 1 - erf(x), beyond 3 by the continued fraction, so without cancellation. */
export function erfc(x: number): number {
  if (x < 3) return 1 - erf(x);
  let fraction = x;
  for (let n = 200; n > 0; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}

/** By Newton's method from 0; |x| < 1. */
export function erfinv(x: number): number {
  let y = 0;
  for (let i = 0; i < 100; i++)
    y -= (0.5 * Math.sqrt(Math.PI) * (erf(y) - x)) / Math.exp(-Math.min(y * y, 20));
  return y;
}

/** The n-th derivative of sin(πx) / (πx): πⁿ ∫₀¹ tⁿ cos(πxt + nπ/2) dt, by Simpson's rule. */
export function sincDerivative(n: number, x: number): number {
  const steps = 2000;
  const at = (t: number) => t ** n * Math.cos(Math.PI * x * t + (n * Math.PI) / 2);
  let sum = at(0) + at(1);
  for (let i = 1; i < steps; i++) sum += (i % 2 === 0 ? 2 : 4) * at(i / steps);
  return (Math.PI ** n * sum) / (3 * steps);
}

export const mish = (x: number): number => x * Math.tanh(softplus(x));

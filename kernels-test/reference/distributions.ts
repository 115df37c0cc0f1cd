/**
 * Exact distribution functions in f64, and how likely a sample is under one: Kolmogorov-Smirnov where there is a
 * density, Pearson's chi-square where there are counts. Series and continued fractions as in Abramowitz and
 * Stegun, 6.5, 26.2, 26.5.
 */

const lanczos = [
  676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
  -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
];

/** ln Γ(x) for x > 0. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const t = x + 6.5;
  const sum = lanczos.reduce((s, c, i) => s + c / (x + i), 0.9999999999998099);
  return Math.log(2 * Math.PI) / 2 + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** P(X < x) and P(X > x) for X of Gamma(a, 1): the smaller one to full relative precision. */
function gammaSides(a: number, x: number): readonly [below: number, above: number] {
  if (x <= 0) return [0, 1];
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; term > sum * 1e-16; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return [front * sum, 1 - front * sum];
  }
  let fraction = 0;
  for (let k = 400; k > 0; k--) fraction = (k * (k - a)) / (x + 2 * k + 1 - a - fraction);
  const above = front / (x + 1 - a - fraction);
  return [1 - above, above];
}

/** P(X < x) for X of Gamma(a, 1). */
export const gammaCdf = (a: number, x: number): number => gammaSides(a, x)[0];

/** P(Z < z) for a normal Z; to full relative precision where it is small. */
export function normalCdf(z: number): number {
  const tail = gammaSides(0.5, (z * z) / 2)[1] / 2;
  return z < 0 ? tail : 1 - tail;
}

/** P(X < x) for X of Beta(a, b). */
export function betaCdf(a: number, b: number, x: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaCdf(b, a, 1 - x);
  const front = Math.exp(
    a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b),
  );
  let fraction = 1;
  for (let m = 200; m > 0; m--) {
    const odd = (-(a + m - 1) * (a + b + m - 1) * x) / ((a + 2 * m - 2) * (a + 2 * m - 1));
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    fraction = 1 + odd / (1 + even / fraction);
  }
  return front / (a * fraction);
}

/** P(T < t) for Student's T with n degrees of freedom. */
export function studentCdf(n: number, t: number): number {
  const tail = betaCdf(n / 2, 0.5, n / (n + t * t)) / 2;
  return t < 0 ? tail : 1 - tail;
}

/** The probability of a sample at least as far from `cdf` as this one (Kolmogorov-Smirnov). */
export function kolmogorovP(sample: readonly number[], cdf: (x: number) => number): number {
  const sorted = [...sample].sort((a, b) => a - b);
  const n = sorted.length;
  let distance = 0;
  sorted.forEach((x, i) => {
    const p = cdf(x);
    distance = Math.max(distance, p - i / n, (i + 1) / n - p);
  });
  const scaled = (Math.sqrt(n) + 0.12 + 0.11 / Math.sqrt(n)) * distance;
  if (scaled < 0.2) return 1;
  let sum = 0;
  for (let k = 1; k < 100; k++) sum += (k % 2 ? 2 : -2) * Math.exp(-2 * (k * scaled) ** 2);
  return sum;
}

/** The probability of counts at least as far from the expected ones (Pearson). Each of those is >= 5. */
export function chiSquareP(counts: readonly number[], probabilities: readonly number[]): number {
  const n = counts.reduce((a, b) => a + b, 0);
  let statistic = 0;
  counts.forEach((count, i) => {
    const expected = n * probabilities[i]!;
    statistic += (count - expected) ** 2 / expected;
  });
  return gammaSides((counts.length - 1) / 2, statistic / 2)[1];
}

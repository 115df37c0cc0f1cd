/**
 * Elementary functions in f64 with the same bits in every engine. ECMAScript leaves the last bits of
 * Math.exp, log, sin, cos and pow open, and engines differ (V8's pow changed between Node 22 and 24). So
 * what the host computes for a run comes from here, made of operations that IEEE 754 rounds exactly.
 *
 * Reductions and polynomials are those of fdlibm (Sun Microsystems, 1993); its errors are below 1 ULP.
 */

const bits = new DataView(new ArrayBuffer(8));

/** 2^k for whole k from -1022 to 1023. */
function powerOfTwo(k: number): number {
  bits.setUint32(0, (k + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** c0 + c1 x + c2 x^2 + … */
function polynomial(x: number, coefficients: readonly number[]): number {
  let sum = 0;
  for (let i = coefficients.length; i-- > 0; ) sum = sum * x + coefficients[i]!;
  return sum;
}

/** ln 2 in two parts: the first has few enough bits for exact multiples. */
const ln2 = [0.6931471803691238, 1.9082149292705877e-10] as const;

const logEven = [0.3999999999940942, 0.22222198432149784, 0.15313837699209373];
const logOdd = [0.6666666666666735, 0.2857142874366239, 0.1818357216161805, 0.14798198605116586];

/** The natural logarithm of a normal number above 0: x = 2^k (1 + f) with 1 + f from √½ to √2. */
export function log(x: number): number {
  bits.setFloat64(0, x);
  const high = bits.getUint32(0);
  // This sum carries into the exponent from √2 on.
  const exponent = (high + 0x95f64) & 0x7ff00000;
  bits.setUint32(0, high - exponent + 0x3ff00000);
  const k = (exponent >>> 20) - 1023;
  const f = bits.getFloat64(0) - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const rest = z * polynomial(w, logOdd) + w * polynomial(w, logEven);
  const half = 0.5 * f * f;
  return k * ln2[0] - (half - (s * (half + rest) + k * ln2[1]) - f);
}

const expTerms = [
  0.16666666666666602, -2.7777777777015593e-3, 6.613756321437934e-5, -1.6533902205465252e-6,
  4.1381367970572385e-8,
];

/** e^x for finite x: x = k ln 2 + r, e^r = 1 + r + r c / (2 - c). */
export function exp(x: number): number {
  if (x > 710) return Number.POSITIVE_INFINITY;
  if (x < -746) return 0;
  const k = Math.floor(x / Math.LN2 + 0.5);
  const high = x - k * ln2[0];
  const low = k * ln2[1];
  const r = high - low;
  const t = r * r;
  const c = r - t * polynomial(t, expTerms);
  const value = 1 - (low - (r * c) / (2 - c) - high);
  // In two steps, because 2^k alone may leave the normal numbers.
  const first = k >> 1;
  return value * powerOfTwo(first) * powerOfTwo(k - first);
}

/** π/2 in two parts: the first has 33 bits. */
const quarter = [1.5707963267341256, 6.077100506506192e-11] as const;

const sinTerms = [
  -0.16666666666666632, 8.33333333332249e-3, -1.984126982985795e-4, 2.7557313707070068e-6,
  -2.5050760253406863e-8, 1.58969099521155e-10,
];
const cosTerms = [
  4.16666666666666e-2, -1.388888888887411e-3, 2.480158728947673e-5, -2.7557314351390663e-7,
  2.087572321298175e-9, -1.1359647557788195e-11,
];

/** The sine of x + `turns` π/2, for |x| up to 2^19. Near its zeros the error is relative to π/2. */
function sineFrom(x: number, turns: number): number {
  const n = Math.floor(x / quarter[0] + 0.5);
  const high = x - n * quarter[0];
  const low = n * quarter[1];
  const r = high - low;
  const lost = high - r - low;
  const z = r * r;
  const turn = n + turns;
  let value: number;
  if (turn & 1) {
    const half = 0.5 * z;
    const one = 1 - half;
    value = one + (1 - one - half + (z * z * polynomial(z, cosTerms) - r * lost));
  } else value = r + (z * r * polynomial(z, sinTerms) + lost * (1 - 0.5 * z));
  return turn & 2 ? -value : value;
}

export const sin = (x: number): number => sineFrom(x, 0);
export const cos = (x: number): number => sineFrom(x, 1);

/** x^n for whole n from 0 up, by squaring: its error is below n ULP. */
export function power(x: number, n: number): number {
  let result = 1;
  for (let square = x, rest = n; rest > 0; rest = Math.floor(rest / 2), square *= square)
    if (rest % 2 === 1) result *= square;
  return result;
}

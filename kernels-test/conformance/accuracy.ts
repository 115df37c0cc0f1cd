/**
 * What WGSL allows functions that round to be wrong by (WGSL, "Floating Point Accuracy"), with references
 * in f64. An error that is "inherited" from a formula is that formula's, term by term.
 */

/** Distance between neighbouring numbers of a format, at a magnitude; of subnormals, what a flush costs. */
export interface Format {
  readonly name: "f32" | "f16";
  readonly significand: number;
  readonly smallest: number;
  readonly largest: number;
}

export const f32: Format = { name: "f32", significand: 24, smallest: -126, largest: 3.4028234e38 };
export const f16: Format = { name: "f16", significand: 11, smallest: -14, largest: 65504 };

const ulp = (format: Format, x: number): number =>
  2 **
  (Math.max(Math.floor(Math.log2(Math.abs(x) || 2 ** -200)), format.smallest) -
    format.significand +
    1);

type Numbers = readonly [x: number, y: number, z: number];

export interface Accuracy {
  /** An expression of x, y, z: scalars or vectors. */
  readonly wgsl: string;
  /** Where its arguments lie; a positive range of more than three decades is drawn by magnitude. */
  readonly domain: readonly (readonly [number, number])[];
  readonly reference: (...args: Numbers) => number;
  /** The largest error allowed, absolute. */
  readonly error: (format: Format, reference: number, ...args: Numbers) => number;
}

const ulps =
  (count: number) =>
  (format: Format, reference: number): number =>
    count * ulp(format, reference);

const expError = (format: Format, x: number, reference = Math.exp(x)): number =>
  (3 + 2 * Math.abs(x)) * ulp(format, reference);

const logError = (format: Format, x: number, reference: number): number =>
  x >= 0.5 && x <= 2 ? 2 ** (format.name === "f32" ? -21 : -7) : 3 * ulp(format, reference);

const sqrtError = (format: Format, reference: number): number => (2 + 2.5) * ulp(format, reference);

/** Of sin and cos on [-π, π]. */
const trigError = (format: Format): number => (format.name === "f32" ? 2 ** -11 : 2 ** -7);

const hyperbolicError = (format: Format, reference: number, x: number): number =>
  0.5 * (expError(format, x) + expError(format, -x)) + 2 * ulp(format, reference);

const quotientError = (format: Format, a: number, aError: number, b: number, bError: number) =>
  (aError + Math.abs(a / b) * bError) / Math.abs(Math.abs(b) - bError) + 2.5 * ulp(format, a / b);

const inverseTrigError = (format: Format, reference: number): number =>
  Math.max(
    format.name === "f32" ? 6.77e-5 : 3.91e-3,
    4096 * ulp(f32, reference) + 4 * ulp(format, reference),
  );

const arctangentError = (format: Format, reference: number): number =>
  format.name === "f32" ? 4096 * ulp(format, reference) : 5 * ulp(format, reference);

/** log of a sum of about `magnitude`, which itself is off by `relative`. */
const logOfError = (format: Format, inner: number, relative: number): number =>
  logError(format, inner, Math.log(inner)) + relative + ulp(format, Math.log(inner));

const wide = [2 ** -60, 2 ** 60] as const;
const around = [-40, 40] as const;

export const roundingFunctions: readonly Accuracy[] = [
  { wgsl: "x + y", domain: [around, around], reference: (x, y) => x + y, error: ulps(0.51) },
  { wgsl: "x - y", domain: [around, around], reference: (x, y) => x - y, error: ulps(0.51) },
  { wgsl: "x * y", domain: [around, around], reference: (x, y) => x * y, error: ulps(0.51) },
  { wgsl: "x / y", domain: [around, wide], reference: (x, y) => x / y, error: ulps(2.5) },
  {
    wgsl: "fma(x, y, z)",
    domain: [around, around, around],
    reference: (x, y, z) => x * y + z,
    error: (format, r, x, y) => ulp(format, x * y) + ulp(format, r),
  },
  {
    wgsl: "mix(x, y, z)",
    domain: [around, around, [0, 1]],
    reference: (x, y, z) => x * (1 - z) + y * z,
    error: (format, _, x, y) => 4 * ulp(format, Math.abs(x) + Math.abs(y)),
  },
  { wgsl: "sqrt(x)", domain: [wide], reference: Math.sqrt, error: sqrtError },
  { wgsl: "inverseSqrt(x)", domain: [wide], reference: (x) => 1 / Math.sqrt(x), error: ulps(2) },
  {
    wgsl: "exp(x)",
    domain: [[-80, 80]],
    reference: Math.exp,
    error: (format, r, x) => expError(format, x, r),
  },
  {
    wgsl: "exp2(x)",
    domain: [[-120, 120]],
    reference: (x) => 2 ** x,
    error: (format, r, x) => expError(format, x, r),
  },
  {
    wgsl: "log(x)",
    domain: [wide],
    reference: Math.log,
    error: (format, r, x) => logError(format, x, r),
  },
  {
    wgsl: "log(x)",
    domain: [[0.5, 2]],
    reference: Math.log,
    error: (format, r, x) => logError(format, x, r),
  },
  {
    wgsl: "log2(x)",
    domain: [wide],
    reference: Math.log2,
    error: (format, r, x) => logError(format, x, r),
  },
  {
    wgsl: "log2(x)",
    domain: [[0.5, 2]],
    reference: Math.log2,
    error: (format, r, x) => logError(format, x, r),
  },
  {
    wgsl: "pow(x, y)",
    domain: [
      [0.01, 50],
      [-8, 8],
    ],
    reference: (x, y) => x ** y,
    error: (format, r, x, y) => {
      const exponent = y * Math.log2(x);
      const off = Math.abs(y) * logError(format, x, Math.log2(x)) + ulp(format, exponent);
      return expError(format, exponent, r) + Math.abs(r) * (2 ** off - 1);
    },
  },
  { wgsl: "sin(x)", domain: [[-Math.PI, Math.PI]], reference: Math.sin, error: trigError },
  { wgsl: "cos(x)", domain: [[-Math.PI, Math.PI]], reference: Math.cos, error: trigError },
  {
    wgsl: "tan(x)",
    domain: [[-1.5, 1.5]],
    reference: Math.tan,
    error: (format, _, x) =>
      quotientError(format, Math.sin(x), trigError(format), Math.cos(x), trigError(format)),
  },
  { wgsl: "asin(x)", domain: [[-1, 1]], reference: Math.asin, error: inverseTrigError },
  { wgsl: "acos(x)", domain: [[-1, 1]], reference: Math.acos, error: inverseTrigError },
  { wgsl: "atan(x)", domain: [around], reference: Math.atan, error: arctangentError },
  { wgsl: "atan(x)", domain: [wide], reference: Math.atan, error: arctangentError },
  {
    wgsl: "atan2(x, y)",
    domain: [around, [0.1, 40]],
    reference: Math.atan2,
    error: arctangentError,
  },
  {
    wgsl: "atan2(x, y)",
    domain: [around, [-40, -0.1]],
    reference: Math.atan2,
    error: arctangentError,
  },
  { wgsl: "sinh(x)", domain: [[-40, 40]], reference: Math.sinh, error: hyperbolicError },
  { wgsl: "cosh(x)", domain: [[-40, 40]], reference: Math.cosh, error: hyperbolicError },
  {
    wgsl: "tanh(x)",
    domain: [[-9, 9]],
    reference: Math.tanh,
    error: (format, r, x) =>
      Math.max(
        format.name === "f32" ? 1e-5 : 2e-3,
        quotientError(
          format,
          Math.sinh(x),
          hyperbolicError(format, Math.sinh(x), x),
          Math.cosh(x),
          hyperbolicError(format, Math.cosh(x), x),
        ) + ulp(format, r),
      ),
  },
  {
    wgsl: "asinh(x)",
    domain: [[-1000, 1000]],
    reference: Math.asinh,
    // x + sqrt(x² + 1) loses most of its digits where x is negative.
    error: (format, _, x) => {
      const inner = x + Math.sqrt(x * x + 1);
      const off = 8 * ulp(format, Math.abs(x) + 1);
      return off < inner ? logOfError(format, inner, (2 * off) / inner) : Number.POSITIVE_INFINITY;
    },
  },
  {
    wgsl: "acosh(x)",
    domain: [[1, 1000]],
    reference: Math.acosh,
    error: (format, _, x) => {
      const root = Math.sqrt(x * x - 1);
      const off = (4 * ulp(format, x * x)) / Math.max(root, 1e-3) + 8 * ulp(format, x);
      return logOfError(format, x + root, 2 * off);
    },
  },
  {
    wgsl: "atanh(x)",
    domain: [[-0.99, 0.99]],
    reference: Math.atanh,
    error: (format, _, x) => {
      const inner = (1 + x) / (1 - x);
      return logOfError(format, inner, (8 * ulp(format, 1)) / Math.min(1 + x, 1 - x));
    },
  },
  { wgsl: "degrees(x)", domain: [around], reference: (x) => (x * 180) / Math.PI, error: ulps(3) },
  { wgsl: "radians(x)", domain: [around], reference: (x) => (x * Math.PI) / 180, error: ulps(3) },
  {
    wgsl: "smoothstep(x, x + 2, z)",
    domain: [
      [-1, 1],
      [0, 1],
      [-2, 4],
    ],
    reference: (x, _, z) => {
      const t = Math.min(1, Math.max(0, (z - x) / 2));
      return t * t * (3 - 2 * t);
    },
    error: (format) => 32 * ulp(format, 1),
  },
  {
    wgsl: "fract(x)",
    domain: [around],
    reference: (x) => x - Math.floor(x),
    error: (format, _, x) => ulp(format, x) / 2 + 2 ** -format.significand,
  },
  {
    wgsl: "x % y",
    domain: [around, [0.5, 40]],
    reference: (x, y) => x - y * Math.trunc(x / y),
    // Where x / y is almost whole, either neighbour may be subtracted.
    error: (format, r, x, y) => {
      const quotient = x / y;
      const near = Math.abs(quotient - Math.round(quotient)) < 3 * ulp(format, quotient);
      return near ? Math.abs(y) + ulp(format, r) : 4 * ulp(format, x);
    },
  },
];

/** Functions of vectors that give a scalar or vector; `x` and `y` are vec3. Reference: by component. */
export const vectorFunctions: readonly {
  readonly wgsl: string;
  readonly reference: (x: readonly number[], y: readonly number[]) => readonly number[];
}[] = [
  { wgsl: "vec3f(length(x))", reference: (x) => new Array(3).fill(Math.hypot(...x)) },
  {
    wgsl: "vec3f(distance(x, y))",
    reference: (x, y) => new Array(3).fill(Math.hypot(...x.map((v, i) => v - y[i]!))),
  },
  { wgsl: "normalize(x)", reference: (x) => x.map((v) => v / Math.hypot(...x)) },
  {
    wgsl: "vec3f(dot(x, y))",
    reference: (x, y) => new Array(3).fill(x.reduce((sum, v, i) => sum + v * y[i]!, 0)),
  },
  {
    wgsl: "refract(normalize(x), normalize(y), 0.7)",
    reference: (x, y) => {
      const [i, n] = [x, y].map((v) => v.map((c) => c / Math.hypot(...v))) as [number[], number[]];
      const d = i.reduce((sum, v, k) => sum + v * n[k]!, 0);
      const k = 1 - 0.49 * (1 - d * d);
      return k < 0 ? [0, 0, 0] : i.map((v, c) => 0.7 * v - (0.7 * d + Math.sqrt(k)) * n[c]!);
    },
  },
  {
    wgsl: "reflect(x, y)",
    reference: (x, y) => {
      const d = x.reduce((sum, v, k) => sum + v * y[k]!, 0);
      return x.map((v, i) => v - 2 * d * y[i]!);
    },
  },
];

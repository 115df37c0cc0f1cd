/**
 * Initial values by PyTorch's names (`nn.init`), drawn on the host from the seeded sequence of `manualSeed`: the
 * same weights on every adapter.
 *
 *     fanIn = shape[1] · receptive field,  fanOut = shape[0] · receptive field  (the sizes from dimension 2 on)
 *
 * ```ts
 * const weight = nn.Parameter.of(nn.init.kaimingNormal([64, 32]), [64, 32]);
 * ```
 */
import { ArgumentError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { checkShape, type Shape, show, sizeOf } from "../tensor/shape";
import { normal, uniform } from "./initialisers";

/** What follows the layer. */
export type Nonlinearity =
  | "linear"
  | "sigmoid"
  | "tanh"
  | "relu"
  | "leakyRelu"
  | "selu"
  | "conv1d"
  | "conv2d"
  | "conv3d";

/**
 * The factor by which weights are widened so that values keep their variance through a nonlinearity (PyTorch
 * `calculate_gain`).
 * @param slope of leakyRelu below 0. Default 0.01.
 * @throws ArgumentError for a name that is none of these
 */
export function calculateGain(nonlinearity: Nonlinearity, slope = 0.01): number {
  switch (nonlinearity) {
    case "linear":
    case "conv1d":
    case "conv2d":
    case "conv3d":
    case "sigmoid":
      return 1;
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leakyRelu":
      return Math.sqrt(2 / (1 + slope ** 2));
    case "selu":
      return 3 / 4;
    default:
      throw new ArgumentError(
        `calculateGain: ${String(nonlinearity)} is not one of linear, sigmoid, tanh, relu, leakyRelu, selu, conv1d, conv2d, conv3d.`,
      );
  }
}

/** @throws ShapeError for fewer than two dimensions */
function fans(op: string, shape: Shape): { fanIn: number; fanOut: number } {
  checkShape(op, shape);
  if (shape.length < 2)
    throw new ShapeError(
      `${op}: shape ${show(shape)} has no fan; it takes weights of two or more dimensions, [out, in, ...].`,
    );
  const field = sizeOf(shape.slice(2));
  return { fanIn: Math.max(shape[1]! * field, 1), fanOut: Math.max(shape[0]! * field, 1) };
}

export interface XavierOptions {
  /** Factor: see calculateGain. Default 1. */
  gain?: number;
}

const xavierStd = (op: string, shape: Shape, options: XavierOptions): number => {
  const { gain = 1 } = requireOptions(op, options, "gain");
  const { fanIn, fanOut } = fans(op, shape);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
};

/**
 * Uniform within ±gain √(6 / (fanIn + fanOut)) (Glorot and Bengio 2010).
 * @throws ShapeError for fewer than two dimensions
 */
export function xavierUniform(shape: Shape, options: XavierOptions = {}): Float32Array {
  const bound = Math.sqrt(3) * xavierStd("xavierUniform", shape, options);
  return uniform(shape, -bound, bound);
}

/**
 * Normal with standard deviation gain √(2 / (fanIn + fanOut)) (Glorot and Bengio 2010).
 * @throws ShapeError for fewer than two dimensions
 */
export function xavierNormal(shape: Shape, options: XavierOptions = {}): Float32Array {
  return normal(shape, { std: xavierStd("xavierNormal", shape, options) });
}

export interface KaimingOptions {
  /** Keep the variance of the forward ("fanIn", default) or of the backward pass ("fanOut"). */
  mode?: "fanIn" | "fanOut";
  /** Default "leakyRelu" with slope 0, which is relu. */
  nonlinearity?: Nonlinearity;
  /** Of leakyRelu below 0. Default 0. */
  slope?: number;
}

function kaimingStd(op: string, shape: Shape, options: KaimingOptions): number {
  const {
    mode = "fanIn",
    nonlinearity = "leakyRelu",
    slope = 0,
  } = requireOptions(op, options, "slope");
  if (mode !== "fanIn" && mode !== "fanOut")
    throw new ArgumentError(`${op}: mode ${String(mode)} must be "fanIn" or "fanOut".`);
  return calculateGain(nonlinearity, slope) / Math.sqrt(fans(op, shape)[mode]);
}

/**
 * Uniform within ±gain √(3 / fan) (He, Zhang, Ren, Sun 2015).
 * @throws ShapeError for fewer than two dimensions; ArgumentError for another mode
 */
export function kaimingUniform(shape: Shape, options: KaimingOptions = {}): Float32Array {
  const bound = Math.sqrt(3) * kaimingStd("kaimingUniform", shape, options);
  return uniform(shape, -bound, bound);
}

/**
 * Normal with standard deviation gain / √fan (He, Zhang, Ren, Sun 2015).
 * @throws ShapeError for fewer than two dimensions; ArgumentError for another mode
 */
export function kaimingNormal(shape: Shape, options: KaimingOptions = {}): Float32Array {
  return normal(shape, { std: kaimingStd("kaimingNormal", shape, options) });
}

export interface TruncNormalOptions {
  /** Default 0. */
  mean?: number;
  /** > 0. Default 1. */
  std?: number;
  /** Least value. Default -2. */
  low?: number;
  /** Greatest value. Default 2. */
  high?: number;
}

/**
 * Normal values, drawn anew where they leave [low, high] (PyTorch `trunc_normal_`, whose ends are values too).
 * @throws ArgumentError unless std > 0 and the interval reaches within two standard deviations of the mean
 */
export function truncNormal(shape: Shape, options: TruncNormalOptions = {}): Float32Array {
  const { mean = 0, std = 1, low = -2, high = 2 } = requireOptions("truncNormal", options, "mean");
  const near = low < high && low <= mean + 2 * std && high >= mean - 2 * std;
  // Narrower than this, too few draws would fall inside.
  if (!(std > 0) || !near || (high - low) / std < 0.01)
    throw new ArgumentError(
      `truncNormal: [${low}, ${high}] must be an interval that begins or ends within 2 std ${std} of mean ${mean}, at least 0.01 std wide.`,
    );
  const values = normal(shape, { mean, std });
  let missing = [...values.keys()].filter((i) => values[i]! < low || values[i]! > high);
  while (missing.length > 0) {
    const again = normal([missing.length], { mean, std });
    missing = missing.filter((i, k) => {
      values[i] = again[k]!;
      return values[i]! < low || values[i]! > high;
    });
  }
  return values;
}

/**
 * A matrix with orthonormal rows (columns, if it is taller than wide), times gain: trailing dimensions count as
 * one. Normal vectors, made orthonormal one after another, which is uniform among all such matrices (Saxe,
 * McClelland, Ganguli 2014).
 * @throws ShapeError for fewer than two dimensions
 */
export function orthogonal(shape: Shape, options: XavierOptions = {}): Float32Array {
  const { gain = 1 } = requireOptions("orthogonal", options, "gain");
  fans("orthogonal", shape);
  const rows = shape[0]!;
  const columns = sizeOf(shape.slice(1));
  const [long, short] = rows < columns ? [columns, rows] : [rows, columns];
  const draws = normal([short, long]);
  const basis: Float64Array[] = [];
  for (let k = 0; k < short; k++) {
    const v = Float64Array.from(draws.subarray(k * long, (k + 1) * long));
    // Twice is enough: the second pass takes out what the first left by rounding.
    for (let pass = 0; pass < 2; pass++)
      for (const q of basis) {
        let along = 0;
        for (let i = 0; i < long; i++) along += q[i]! * v[i]!;
        for (let i = 0; i < long; i++) v[i]! -= along * q[i]!;
      }
    const length = Math.sqrt(v.reduce((s, x) => s + x * x, 0));
    basis.push(v.map((x) => x / length));
  }
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    return gain * (rows < columns ? basis[row]![column]! : basis[column]![row]!);
  });
}

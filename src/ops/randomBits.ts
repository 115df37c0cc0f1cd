/**
 * Random numbers as functions of a key: the same key, stream and shape give the same numbers on every
 * run and, where only integers are involved, on every adapter. A key is a tensor, so it is data: nothing
 * about it is built into a pipeline, and a compiled step draws anew when its key changes.
 */
import { exp } from "../elementary";
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { gridFor, launch, randomDraw, randomFoldIn, randomSplit } from "../kernels";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { type DType, requireDType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { checkShape, denseStrides, type Shape, sameShape, show, sizeOf } from "../tensor/shape";
import { requireTensor, type Tensor } from "../tensor/tensor";
import { clamp } from "./arithmetic";
import type { Primitive, Spec } from "./primitive";
import { withLanes } from "./rules";
import { dense, requireFewPieces, reshape, rowMajor } from "./shape";
import { bind } from "./trace";

/** Distinct draws from one key use distinct streams; element e of a stream is word e of its sequence. */
export interface DrawOptions {
  /** Whole number from 0 to 2^32 - 1. Default 0. */
  stream?: number;
}

/** @throws ShapeError or DTypeError unless `key` is a u32 tensor of shape [2]. */
export function checkKey(op: string, key: Spec): void {
  checkKeys(op, key);
  if (key.shape.length !== 1)
    throw new ShapeError(
      `${op}: a key has shape [2], this one ${show(key.shape)}. Pick one with select, or vmap over them.`,
    );
}

/** @throws ShapeError or DTypeError unless `keys` is a u32 tensor of shape [..., 2]: a key per lane. */
export function checkKeys(op: string, keys: Spec): void {
  if (keys.dtype !== "u32")
    throw new DTypeError(
      `${op}: a key has dtype u32, this one ${keys.dtype}. Make it with random.key(seed).`,
    );
  if (keys.shape.at(-1) !== 2)
    throw new ShapeError(
      `${op}: a key has shape [2], this one ${show(keys.shape)}. Make it with random.key(seed); random.split gives several.`,
    );
}

/** @throws ArgumentError unless `stream` is a u32. */
export function checkStream(op: string, stream: number): void {
  if (!Number.isInteger(stream) || stream < 0 || stream > 0xffffffff)
    throw new ArgumentError(`${op}: stream ${stream} must be a whole number from 0 to 2^32 - 1.`);
}

/** @throws ArgumentError unless p is from 0 to 1. */
export function checkProbability(op: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`${op}: p ${p} must be a number from 0 to 1.`);
}

/** How many of the 2^31 draws a Bernoulli kernel compares with count as a hit. */
export function hitsOf(p: number): number {
  return Math.round(p * 2 ** 31);
}

/** The shape over which keys [..., 2] are spread. */
export function lanesOf(keys: Spec): Shape {
  return keys.shape.slice(0, -1);
}

/**
 * @throws DTypeError or ShapeError unless each of the keys [..., 2] has elements of the parameter [..., ...shape] of
 * its own
 */
export function checkRows(
  op: string,
  name: string,
  keys: Spec,
  parameter: Spec,
  dtype: DType = "f32",
): void {
  checkKeys(op, keys);
  requireDType(op, name, parameter.dtype, [dtype]);
  const lanes = lanesOf(keys);
  if (!sameShape(parameter.shape.slice(0, lanes.length), lanes))
    throw new ShapeError(
      `${op}: ${name} of shape ${show(parameter.shape)} does not begin with the shape ${show(lanes)} of the keys.`,
    );
}

/** How shaders/include/key_rows.wgsl goes through what each of the `keys` draws: `size` elements. */
export function keyRows(keys: DeviceTensor, size: number) {
  const rows = sizeOf(lanesOf(keys));
  const RAGGED = rows > 1 && size % 4 !== 0 ? 1 : 0;
  return {
    params: { rows, per_key: RAGGED ? size : Math.ceil(size / 4), key_offset: keys.bindingOffset },
    overrides: { RAGGED },
  } as const;
}

interface DrawAttrs {
  /** Of what each key draws. */
  readonly shape: Shape;
  readonly dtype: DType;
  readonly stream: number;
  readonly bound: number;
  readonly base: number;
  readonly low: number;
  readonly width: number;
  readonly top: number;
}

type DrawFunction =
  | "draw_bits"
  | "draw_uniform"
  | "draw_bernoulli"
  | "draw_bernoulli_f32"
  | "draw_integer"
  | "draw_normal"
  | "draw_truncated";

// @__NO_SIDE_EFFECTS__
function drawing(
  name: string,
  formula: string,
  functionFor: (dtype: DType) => DrawFunction,
): Primitive<DrawAttrs> {
  const primitive: Primitive<DrawAttrs> = {
    name,
    formula,
    saves: "nothing",
    outputs: ([keys], { shape, dtype, stream }) => {
      checkKeys(name, keys!);
      checkStream(name, stream);
      checkShape(name, shape);
      return [{ shape: [...lanesOf(keys!), ...shape], dtype }];
    },
    run: ([keys], attrs, [out]) => {
      const y = DeviceTensor.empty(keys!.device, out!.shape, out!.dtype);
      const count = Math.ceil(y.size / 4);
      const { shape, stream, bound, base, low, width, top } = attrs;
      const words = rowMajor(keys!);
      const { params, overrides } = keyRows(words, sizeOf(shape));
      launch(
        y.device,
        randomDraw,
        { keys: words.binding, y: y.binding },
        { count, ...params, stream, bound, base, low, width, top },
        gridFor(y.device, count, 64),
        { slots: { OP: functionFor(out!.dtype) }, overrides },
      );
      words.dispose();
      return [y];
    },
    vjp: null,
    jvp: null,
    batch: ([keys], { attrs }) => bind(primitive, [keys!], attrs),
  };
  return primitive;
}

const bitsPrimitive = drawing("bits", "32 random bits", () => "draw_bits");
const uniformPrimitive = drawing(
  "uniform",
  "low + (bits >> 8) 2^-24 (high - low)",
  () => "draw_uniform",
);
const normalPrimitive = drawing("normal", "mean + std √(-2 ln u) cos 2πt", () => "draw_normal");
const truncatedNormalPrimitive = drawing(
  "truncatedNormal",
  "Φ⁻¹(Φ(low) + u (Φ(high) - Φ(low)))",
  () => "draw_truncated",
);
const bernoulliPrimitive = drawing("bernoulli", "(bits >> 1) < p 2^31", (dtype) =>
  dtype === "bool" ? "draw_bernoulli" : "draw_bernoulli_f32",
);
const randintPrimitive = drawing(
  "randint",
  "low + ⌊bits (high - low) / 2^32⌋",
  () => "draw_integer",
);

function draw(
  primitive: Primitive<DrawAttrs>,
  key: Tensor,
  shape: Shape,
  dtype: DType,
  options: DrawOptions,
  numbers: Partial<DrawAttrs> = {},
): Tensor {
  const { stream = 0 } = requireOptions(primitive.name, options, "stream");
  checkKey(primitive.name, key);
  const none = { bound: 0, base: 0, low: 0, width: 1, top: 0 };
  return bind(primitive, [key], { shape, dtype, stream, ...none, ...numbers })[0]!;
}

/** 32 random bits per element; u32. */
export function bits(key: Tensor, shape: Shape, options: DrawOptions = {}): Tensor {
  return draw(bitsPrimitive, key, shape, "u32", options);
}

export interface UniformOptions extends DrawOptions {
  /** Smallest value. Default 0. */
  low?: number;
  /** Upper end, not included. Default 1. */
  high?: number;
}

/** The greatest f32 less than `value`, for finite f32 values. */
function below(value: number): number {
  const float = new Float32Array([value]);
  const word = new Int32Array(float.buffer);
  if (float[0] === 0) return -(2 ** -149);
  word[0] = word[0]! + (float[0]! > 0 ? -1 : 1);
  return float[0]!;
}

/**
 * Numbers spread evenly over [low, high); f32. In [0, 1) they are multiples of 2^-24, with the same bits
 * on every adapter; other bounds may differ between adapters in the last place.
 * @throws ArgumentError unless low < high, both finite
 */
export function uniform(key: Tensor, shape: Shape, options: UniformOptions = {}): Tensor {
  const { low = 0, high = 1 } = options;
  const [from, to] = [Math.fround(low), Math.fround(high)];
  if (!(from < to) || !Number.isFinite(Math.fround(to - from)))
    throw new ArgumentError(
      `uniform: low ${low} must be less than high ${high}, and both finite in f32.`,
    );
  const numbers = { low: from, width: to - from, top: below(to) };
  return draw(uniformPrimitive, key, shape, "f32", options, numbers);
}

export interface NormalOptions extends DrawOptions {
  /** Default 0. */
  mean?: number;
  /** Standard deviation, >= 0. Default 1. */
  std?: number;
}

/**
 * Normally distributed numbers, by the method of Box and Muller; f32. With mean 0 and std 1 they lie
 * within ±5.77 and within 4e-7 · max(1, |z|) of the exact transform of their bits on every adapter.
 * @throws ArgumentError unless mean and std are finite and std >= 0
 */
export function normal(key: Tensor, shape: Shape, options: NormalOptions = {}): Tensor {
  const { mean = 0, std = 1 } = options;
  if (!Number.isFinite(mean) || !Number.isFinite(std) || std < 0)
    throw new ArgumentError(
      `normal: mean ${mean} and std ${std} must be finite numbers, and std >= 0.`,
    );
  return draw(normalPrimitive, key, shape, "f32", options, { low: mean, width: std });
}

/** P(Z > x) for a normal Z: its series around 0, its continued fraction beyond 3. Relative error < 1e-12. */
function normalTail(x: number): number {
  if (x < 0) return 1 - normalTail(-x);
  const density = exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (x > 3) {
    let fraction = 0;
    for (let k = 80; k > 0; k--) fraction = k / (x + fraction);
    return density / (x + fraction);
  }
  let term = x;
  let sum = x;
  for (let k = 3; term > 1e-17; k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 - density * sum;
}

/** Least mass between two ends that f32 tells apart in either tail. */
const leastMass = 1e-30;

/**
 * Standard normal numbers, given that they lie within [low, high]; f32. Exact in both tails.
 * @throws ArgumentError unless low < high, with a probability of at least 1e-30 between them
 */
export function standardTruncatedNormal(
  key: Tensor,
  shape: Shape,
  low: number,
  high: number,
  options: DrawOptions,
): Tensor {
  const left = normalTail(-low);
  const right = normalTail(high);
  // In one tail, the difference of the two small probabilities.
  const mass = low > 0 ? normalTail(low) - right : normalTail(-high) - left;
  if (!(low < high) || !(mass >= leastMass))
    throw new ArgumentError(
      `truncatedNormal: between low ${low} and high ${high}, in standard deviations from the mean, lies a probability of ${mass}; low must be less than high, and at least ${leastMass} between them.`,
    );
  const numbers = { low: left, width: mass, top: right };
  return scope(() =>
    clamp(draw(truncatedNormalPrimitive, key, shape, "f32", options, numbers), low, high),
  );
}

export interface BernoulliOptions extends DrawOptions {
  /** The probability of 1. Default 0.5. */
  p?: number;
  /** "bool" (default) or "f32". */
  dtype?: "bool" | "f32";
}

/**
 * 1 (true) with probability p, to the nearest 2^-31, else 0; the same bits on every adapter.
 * @throws ArgumentError unless p is from 0 to 1
 */
export function bernoulli(key: Tensor, shape: Shape, options: BernoulliOptions = {}): Tensor {
  const { p = 0.5, dtype = "bool" } = options;
  checkProbability("bernoulli", p);
  return draw(bernoulliPrimitive, key, shape, dtype, options, { bound: hitsOf(p) });
}

/**
 * Whole numbers from low to high - 1; i32. The same on every adapter. A value's probability is off by
 * less than 2^-32 (Lemire, "Fast random integer generation in an interval", 2019, without rejection).
 * @throws ArgumentError unless low < high and both are whole numbers that fit i32 (high: 2^31 at most)
 */
export function randint(
  key: Tensor,
  low: number,
  high: number,
  shape: Shape,
  options: DrawOptions = {},
): Tensor {
  const whole = Number.isInteger(low) && Number.isInteger(high);
  if (!whole || low >= high || low < -(2 ** 31) || high > 2 ** 31 || high - low > 0xffffffff)
    throw new ArgumentError(
      `randint: low ${low} must be less than high ${high}, both whole numbers from -2^31 to 2^31, at most 2^32 - 1 apart.`,
    );
  const numbers = { bound: high - low, base: low };
  return draw(randintPrimitive, key, shape, "i32", options, numbers);
}

const splitPrimitive: Primitive<{ count: number }> = {
  name: "splitKey",
  formula: "key_i = philox(key, (i, 0, 1, 0))",
  saves: "nothing",
  outputs: ([keys], { count }) => {
    checkKeys("split", keys!);
    return Array.from({ length: count }, () => ({ shape: keys!.shape, dtype: "u32" }) as const);
  },
  run: ([keys], { count: n }) => {
    const { device, shape, size } = keys!;
    const y = DeviceTensor.empty(device, [n, ...shape], "u32");
    const words = rowMajor(keys!);
    const rows = size / 2;
    const count = n * rows;
    launch(
      device,
      randomSplit,
      { keys: words.binding, y: y.binding },
      { count, rows, key_offset: words.bindingOffset },
      gridFor(device, count, 64),
    );
    words.dispose();
    const each = Array.from({ length: n }, (_, i) => y.view(shape, denseStrides(shape), size * i));
    y.dispose();
    return each;
  },
  vjp: null,
  jvp: null,
  batch: ([keys], { attrs }) => bind(splitPrimitive, [keys!], attrs),
};

/**
 * Keys whose draws are independent of each other and of the draws of `key` itself.
 * @param count how many. Default 2.
 * @throws ArgumentError unless count is a whole number >= 1
 * @example const [forWeights, forDropout] = split(key);
 */
export function split(key: Tensor, count = 2): Tensor[] {
  if (!Number.isInteger(count) || count < 1)
    throw new ArgumentError(`split: count ${count} must be a whole number >= 1.`);
  requireFewPieces("split", count);
  checkKey("split", key);
  return bind(splitPrimitive, [key], { count });
}

const foldInPrimitive: Primitive<null> = {
  name: "foldIn",
  formula: "philox(key, (number, 0, 2, 0))",
  saves: "nothing",
  outputs: ([keys, numbers]) => {
    checkKeys("foldIn", keys!);
    if (!sameShape(numbers!.shape, lanesOf(keys!)))
      throw new ShapeError(
        `foldIn: numbers of shape ${show(numbers!.shape)} beside keys of shape ${show(keys!.shape)}; each key takes one.`,
      );
    return [{ shape: keys!.shape, dtype: "u32" }];
  },
  run: ([keys, numbers]) => {
    const folded = DeviceTensor.empty(keys!.device, keys!.shape, "u32");
    const words = rowMajor(keys!);
    const list = dense(numbers!);
    const count = list.size;
    launch(
      folded.device,
      randomFoldIn,
      { keys: words.binding, number: list.binding, folded: folded.binding },
      { count, key_offset: words.bindingOffset, number_offset: list.bindingOffset },
      gridFor(folded.device, count, 64),
    );
    words.dispose();
    list.dispose();
    return [folded];
  },
  vjp: null,
  jvp: null,
  batch: (inputs, context) => bind(foldInPrimitive, withLanes(inputs, context), null),
};

/** The key that belongs to `key` and the one u32 or i32 in `number`: see random.foldIn. */
export function foldInTensor(key: Tensor, number: Tensor): Tensor {
  checkKey("foldIn", key);
  requireTensor("foldIn", number);
  if ((number.dtype !== "u32" && number.dtype !== "i32") || number.size !== 1)
    throw new ArgumentError(
      `foldIn: the number is a ${number.dtype} tensor of shape ${show(number.shape)}; it must be one u32 or i32.`,
    );
  return scope(() => bind(foldInPrimitive, [key, reshape(number, [])], null)[0]!);
}

export const randomPrimitives = [
  bitsPrimitive,
  uniformPrimitive,
  normalPrimitive,
  truncatedNormalPrimitive,
  bernoulliPrimitive,
  randintPrimitive,
  splitPrimitive,
  foldInPrimitive,
];

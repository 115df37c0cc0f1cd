/**
 * Maxima and averages over windows of up to three spatial dimensions. Both ways back gather: each element of
 * the input looks at the windows that see it, so that sums have a fixed order and need no atomics. An average
 * and its way back are linear and each other's transposes; a maximum goes back to the element it came from.
 */
import type { Device } from "../device/device";
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import {
  gridFor,
  launch,
  poolAverage,
  poolAverageBackward,
  poolMax,
  poolMaxBackward,
  poolMaxBackwardTiles,
} from "../kernels";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { type Shape, show, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { mul, pow } from "./arithmetic";
import { type PerDim, perDim } from "./convolution";
import { gather } from "./indexing";
import type { Primitive, Spec } from "./primitive";
import { batchOfRows, jvpOfLinear } from "./rules";
import { dense, reshape } from "./shape";
import { bind } from "./trace";

/** Windows over the last dimensions; one number for each of them in every list. */
export interface PoolAttrs {
  /** `adaptive` windows share out the input evenly and need only the sizes. */
  readonly kind: "regular" | "adaptive";
  /** Sizes of the input and of the result. */
  readonly size: readonly number[];
  readonly pixels: readonly number[];
  readonly window: readonly number[];
  readonly stride: readonly number[];
  readonly low: readonly number[];
  readonly dilation: readonly number[];
}

interface AverageAttrs extends PoolAttrs {
  /** What sums are divided by: a number, the places of a window with padding, or the elements it sees. */
  readonly divisor: number | "padded" | "inside";
}

const front = (values: readonly number[], fill: number): number[] => [
  ...new Array<number>(3 - values.length).fill(fill),
  ...values,
];

const leading = (shape: Shape, { size }: PoolAttrs): Shape =>
  shape.slice(0, shape.length - size.length);
const pooledShape = (shape: Shape, attrs: PoolAttrs): Shape => [
  ...leading(shape, attrs),
  ...attrs.pixels,
];
const inputShape = (shape: Shape, attrs: PoolAttrs): Shape => [
  ...leading(shape, attrs),
  ...attrs.size,
];

const params = (count: number, attrs: PoolAttrs, scale = 1) => ({
  count,
  size_row: sizeOf(attrs.size),
  pixels_row: sizeOf(attrs.pixels),
  scale,
  size: front(attrs.size, 1),
  pixels: front(attrs.pixels, 1),
  window: front(attrs.window, 1),
  stride: front(attrs.stride, 1),
  low: front(attrs.low, 0),
  dilation: front(attrs.dilation, 1),
});

/** Neighbours along the last dimension that one invocation has: on a GPU, one each reads and writes side by side. */
const segmentOf = ({ executor }: Device): 1 | 64 =>
  executor.adapter.class === "hardware" ? 1 : 64;

/** Invocations for `count` elements in lines of the last of `size`. */
const segments = (count: number, size: readonly number[], segment: number): number =>
  (count / size.at(-1)!) * Math.ceil(size.at(-1)! / segment);

/** Whether each element lies in exactly one window. */
const areTiles = ({ kind, size, pixels, window, stride, low, dilation }: PoolAttrs): boolean =>
  kind === "regular" &&
  size.every(
    (s, i) =>
      s === pixels[i]! * window[i]! &&
      stride[i] === window[i] &&
      low[i] === 0 &&
      (dilation[i] === 1 || window[i] === 1),
  );

const typesOf = (t: DeviceTensor) => ({ T: t.dtype === "f16" ? "f16" : "f32" }) as const;

/** The elements of x that the maxima came from. */
function chosen(x: Tensor, index: Tensor, { size }: PoolAttrs): Tensor {
  const rows = x.shape.slice(0, x.rank - size.length);
  const picked = gather(reshape(x, [...rows, -1]), -1, reshape(index, [...rows, -1]));
  return reshape(picked, index.shape);
}

/** Results: the maxima, and where in the flattened spatial dimensions of x they stand. */
const maxPoolPrimitive: Primitive<PoolAttrs> = {
  name: "maxPool",
  formula: "y_q = max of x over window q, and the first place it stands at",
  derivative: "to the first greatest element of each window: its g",
  saves: { outputs: [1] },
  outputs: ([x], attrs) => [
    { shape: pooledShape(x!.shape, attrs), dtype: x!.dtype },
    { shape: pooledShape(x!.shape, attrs), dtype: "i32" },
  ],
  run: ([x], attrs, [out]) => {
    const source = dense(x!);
    const y = DeviceTensor.empty(x!.device, out!.shape, out!.dtype);
    const index = DeviceTensor.empty(x!.device, out!.shape, "i32");
    const segment = segmentOf(x!.device);
    const items = segments(y.size, attrs.pixels, segment);
    launch(
      x!.device,
      poolMax,
      { x: source.binding, y: y.binding, index: index.binding },
      params(items, attrs),
      gridFor(x!.device, items, 64),
      {
        types: typesOf(y),
        slots: { TAPS: `taps_${attrs.kind}` },
        overrides: { SEGMENT: segment },
      },
    );
    source.dispose();
    return [y, index];
  },
  vjp: ([g], { outputs: [, index], attrs }) => [
    g ? bind(maxPoolBackwardPrimitive, [g, index!], attrs)[0]! : null,
  ],
  jvp: ([dx], { outputs: [, index], attrs }) => [chosen(dx!, index!, attrs), null],
  batch: batchOfRows(() => maxPoolPrimitive),
};

const maxPoolBackwardPrimitive: Primitive<PoolAttrs> = {
  name: "maxPoolBackward",
  formula: "y_s = Σ g_q over the windows q whose maximum stands at s",
  derivative: "to g_q: g_s at its place s",
  saves: { inputs: [1] },
  outputs: ([g], attrs) => [{ shape: inputShape(g!.shape, attrs), dtype: g!.dtype }],
  run: ([g, index], attrs, [out]) => {
    const [source, places] = [dense(g!), dense(index!)];
    const y = DeviceTensor.empty(g!.device, out!.shape, out!.dtype);
    const bindings = { g: source.binding, index: places.binding, y: y.binding };
    const segment = segmentOf(g!.device);
    const shared = { types: typesOf(y), overrides: { SEGMENT: segment } } as const;
    if (areTiles(attrs)) {
      const items = segments(g!.size, attrs.pixels, segment);
      const grid = gridFor(g!.device, items, 64);
      launch(g!.device, poolMaxBackwardTiles, bindings, params(items, attrs), grid, shared);
    } else {
      const items = segments(y.size, attrs.size, segment);
      const grid = gridFor(g!.device, items, 64);
      launch(g!.device, poolMaxBackward, bindings, params(items, attrs), grid, {
        ...shared,
        slots: { MET: `met_${attrs.kind}` },
      });
    }
    source.dispose();
    places.dispose();
    return [y];
  },
  vjp: ([g], { inputs: [, index], attrs }) => [chosen(g!, index!, attrs), null],
  jvp: jvpOfLinear(() => maxPoolBackwardPrimitive, [0]),
  batch: batchOfRows(() => maxPoolBackwardPrimitive),
};

const count = { padded: 1, inside: 2 } as const;

function averaged(
  x: DeviceTensor,
  out: Spec,
  attrs: AverageAttrs,
  direction: "forward" | "backward",
): DeviceTensor {
  const source = dense(x);
  const y = DeviceTensor.empty(x.device, out.shape, out.dtype);
  const { divisor, kind } = attrs;
  const constant = typeof divisor === "number";
  const options = {
    types: typesOf(y),
    overrides: { COUNT: constant ? 0 : count[divisor] },
  } as const;
  const given = params(y.size, attrs, constant ? 1 / divisor : 1);
  const grid = gridFor(x.device, y.size, 64);
  const slots = { TAPS: `taps_${kind}` } as const;
  if (direction === "forward")
    launch(x.device, poolAverage, { x: source.binding, y: y.binding }, given, grid, {
      ...options,
      slots,
    });
  else
    launch(x.device, poolAverageBackward, { g: source.binding, y: y.binding }, given, grid, {
      ...options,
      slots: { ...slots, MET: `met_${kind}` },
    });
  source.dispose();
  return y;
}

const avgPoolPrimitive: Primitive<AverageAttrs> = {
  name: "avgPool",
  formula: "y_q = Σ x over window q / divisor_q",
  derivative: "to x_s: Σ g_q / divisor_q over the windows q that see it",
  saves: "nothing",
  outputs: ([x], attrs) => [{ shape: pooledShape(x!.shape, attrs), dtype: x!.dtype }],
  run: ([x], attrs, [out]) => [averaged(x!, out!, attrs, "forward")],
  vjp: ([g], { attrs }) => bind(avgPoolBackwardPrimitive, [g!], attrs),
  jvp: jvpOfLinear(() => avgPoolPrimitive),
  batch: batchOfRows(() => avgPoolPrimitive),
};

const avgPoolBackwardPrimitive: Primitive<AverageAttrs> = {
  name: "avgPoolBackward",
  formula: "y_s = Σ g_q / divisor_q over the windows q that see s",
  derivative: "to g_q: Σ of the result's over window q / divisor_q",
  saves: "nothing",
  outputs: ([g], attrs) => [{ shape: inputShape(g!.shape, attrs), dtype: g!.dtype }],
  run: ([g], attrs, [out]) => [averaged(g!, out!, attrs, "backward")],
  vjp: ([g], { attrs }) => bind(avgPoolPrimitive, [g!], attrs),
  jvp: jvpOfLinear(() => avgPoolBackwardPrimitive),
  batch: batchOfRows(() => avgPoolBackwardPrimitive),
};

export interface PoolOptions {
  /** Distance of neighbouring windows. Default: their size. */
  stride?: PerDim;
  /** Places on both sides, at most half a window. Default 0. */
  padding?: PerDim;
  /** Keep a last window that goes beyond the padding, if it begins before it. Default false. */
  ceilMode?: boolean;
}

export interface MaxPoolOptions extends PoolOptions {
  /** Distance of neighbouring places of a window. Default 1. */
  dilation?: PerDim;
  /** Give the places of the maxima too. Default false. */
  returnIndices?: boolean;
}

export interface AvgPoolOptions extends PoolOptions {
  /** Whether zeros of the padding count as elements. Default true. */
  countIncludePad?: boolean;
  /** What every sum is divided by, in place of the number of elements. */
  divisorOverride?: number;
}

/** Maxima, and the place of each in the flattened spatial dimensions (i32). */
export interface PooledMax {
  readonly values: Tensor;
  readonly indices: Tensor;
}

function requirePoolable(op: string, x: Tensor, dims: number): void {
  if (!isFloat(x.dtype))
    throw new DTypeError(
      `${op}: x has dtype ${x.dtype}; it takes f32 or f16. Convert with .to("f32").`,
    );
  if (x.rank !== dims + 1 && x.rank !== dims + 2)
    throw new ShapeError(
      `${op}: x has shape ${show(x.shape)}; it must be [images, channels, ...size] or [channels, ...size] with ${dims} spatial ${dims > 1 ? "dimensions" : "dimension"}.`,
    );
}

/** How many windows there are (PyTorch's rule): one more with ceilMode, if it begins before the padding ends. */
function windowCount(
  size: number,
  span: number,
  stride: number,
  padding: number,
  ceilMode: boolean,
): number {
  const room = size + 2 * padding - span;
  const full = Math.floor(room / stride) + 1;
  if (!ceilMode || room % stride === 0) return full;
  return full * stride < size + padding ? full + 1 : full;
}

function regular(
  op: string,
  x: Tensor,
  dims: number,
  kernelSize: PerDim,
  options: MaxPoolOptions,
): PoolAttrs {
  requireOptions(op, options, "stride");
  requirePoolable(op, x, dims);
  const window = perDim(op, "kernelSize", kernelSize, dims, 1);
  const stride = perDim(op, "stride", options.stride ?? window, dims, 1);
  const low = perDim(op, "padding", options.padding ?? 0, dims, 0);
  const dilation = perDim(op, "dilation", options.dilation ?? 1, dims, 1);
  const wide = low.findIndex((p, i) => 2 * p > window[i]!);
  if (wide >= 0)
    throw new ArgumentError(
      `${op}: padding ${low[wide]} must be at most half of the window, which is ${window[wide]}.`,
    );
  const size = x.shape.slice(-dims);
  const pixels = size.map((s, i) => {
    const span = (window[i]! - 1) * dilation[i]! + 1;
    return windowCount(s, span, stride[i]!, low[i]!, options.ceilMode ?? false);
  });
  const attrs = { kind: "regular", size, pixels, window, stride, low, dilation } as const;
  if (pixels.some((n) => n < 1))
    throw new ShapeError(
      `${op}: windows of ${show(window)} with dilation ${show(dilation)} do not fit into x ${show(x.shape)} with padding ${show(low)}.`,
    );
  const blind = pixels.findIndex((n, i) => seesNothing(attrs, i, n));
  if (blind >= 0)
    throw new ArgumentError(
      `${op}: a window of ${window[blind]} places, ${dilation[blind]} apart, sees no element of spatial dimension ${blind}, which has ${size[blind]}. Use a smaller dilation or padding.`,
    );
  return attrs;
}

/** Whether a window jumps over all of the input: only one with dilation, and only the first or the last. */
function seesNothing(
  { size, window, stride, low, dilation }: PoolAttrs,
  i: number,
  windows: number,
) {
  const [s, step] = [size[i]!, dilation[i]!];
  return [0, windows - 1].some((q) => {
    const start = q * stride[i]! - low[i]!;
    const first = start < 0 ? start + Math.ceil(-start / step) * step : start;
    return first >= s || first > start + (window[i]! - 1) * step;
  });
}

function adaptive(
  op: string,
  x: Tensor,
  dims: number,
  outputSize: number | readonly (number | null)[],
): PoolAttrs {
  requirePoolable(op, x, dims);
  const size = x.shape.slice(-dims);
  const wanted = Array.isArray(outputSize) ? outputSize.map((n, i) => n ?? size[i]) : outputSize;
  const pixels = perDim(op, "outputSize", wanted as PerDim, dims, 1);
  if (size.includes(0))
    throw new ShapeError(
      `${op}: x ${show(x.shape)} has nothing to pool along a spatial dimension.`,
    );
  const each = (value: number) => new Array<number>(dims).fill(value);
  const unused = { window: each(1), stride: each(1), low: each(0), dilation: each(1) };
  return { kind: "adaptive", size, pixels, ...unused };
}

function maxPool(
  x: Tensor,
  attrs: PoolAttrs,
  returnIndices: boolean | undefined,
): Tensor | PooledMax {
  return scope(() => {
    const [values, indices] = bind(maxPoolPrimitive, [x], attrs) as [Tensor, Tensor];
    return returnIndices ? { values, indices } : values;
  });
}

function adaptiveMaximum(
  op: string,
  x: Tensor,
  dims: number,
  outputSize: OutputSize,
  options: AdaptiveMaxPoolOptions,
): Tensor | PooledMax {
  requireOptions(op, options, "returnIndices");
  return maxPool(x, adaptive(op, x, dims, outputSize), options.returnIndices);
}

function avgPool(
  op: string,
  x: Tensor,
  dims: number,
  kernelSize: PerDim,
  options: AvgPoolOptions,
): Tensor {
  const attrs = regular(op, x, dims, kernelSize, options);
  const { countIncludePad = true, divisorOverride } = options;
  if (divisorOverride !== undefined && !(Number.isFinite(divisorOverride) && divisorOverride !== 0))
    throw new ArgumentError(
      `${op}: divisorOverride ${divisorOverride} must be a number other than 0.`,
    );
  // Without padding and windows beyond the end, all windows are whole.
  const whole = attrs.low.every((p) => p === 0) && !options.ceilMode;
  const divisor =
    divisorOverride ?? (whole ? sizeOf(attrs.window) : countIncludePad ? "padded" : "inside");
  return bind(avgPoolPrimitive, [x], { ...attrs, divisor })[0]!;
}

type Indexed = { returnIndices: true };

/**
 * The greatest element of each window (PyTorch `functional.max_pool1d`). Padding is -infinity; NaN wins. The
 * gradient goes to the first of equal elements.
 *
 * @param x [images, channels, width] or [channels, width], f32 or f16
 * @param kernelSize elements of a window
 * @returns [images, channels, windows]; with returnIndices also the places of the maxima
 * @throws ShapeError, DTypeError where x does not fit; ArgumentError for a bad option
 * @example maxPool1d(tensor([[1, 3, 2, 0]]), 2) // [[3, 2]]
 */
export function maxPool1d(
  x: Tensor,
  kernelSize: PerDim,
  options: MaxPoolOptions & Indexed,
): PooledMax;
export function maxPool1d(x: Tensor, kernelSize: PerDim, options?: MaxPoolOptions): Tensor;
export function maxPool1d(
  x: Tensor,
  kernelSize: PerDim,
  options: MaxPoolOptions = {},
): Tensor | PooledMax {
  return maxPool(x, regular("maxPool1d", x, 1, kernelSize, options), options.returnIndices);
}

/**
 * The greatest element of each window of [images, channels, height, width], or without images (PyTorch
 * `functional.max_pool2d`); see `maxPool1d`. Places count row by row.
 * @throws ShapeError, DTypeError where x does not fit; ArgumentError for a bad option
 */
export function maxPool2d(
  x: Tensor,
  kernelSize: PerDim,
  options: MaxPoolOptions & Indexed,
): PooledMax;
export function maxPool2d(x: Tensor, kernelSize: PerDim, options?: MaxPoolOptions): Tensor;
export function maxPool2d(
  x: Tensor,
  kernelSize: PerDim,
  options: MaxPoolOptions = {},
): Tensor | PooledMax {
  return maxPool(x, regular("maxPool2d", x, 2, kernelSize, options), options.returnIndices);
}

/**
 * The greatest element of each window of [images, channels, depth, height, width], or without images
 * (PyTorch `functional.max_pool3d`); see `maxPool1d`.
 * @throws ShapeError, DTypeError where x does not fit; ArgumentError for a bad option
 */
export function maxPool3d(
  x: Tensor,
  kernelSize: PerDim,
  options: MaxPoolOptions & Indexed,
): PooledMax;
export function maxPool3d(x: Tensor, kernelSize: PerDim, options?: MaxPoolOptions): Tensor;
export function maxPool3d(
  x: Tensor,
  kernelSize: PerDim,
  options: MaxPoolOptions = {},
): Tensor | PooledMax {
  return maxPool(x, regular("maxPool3d", x, 3, kernelSize, options), options.returnIndices);
}

/**
 * The mean of each window (PyTorch `functional.avg_pool1d`).
 *
 * @param x [images, channels, width] or [channels, width], f32 or f16
 * @param kernelSize elements of a window
 * @returns [images, channels, windows]
 * @throws ShapeError, DTypeError where x does not fit; ArgumentError for a bad option
 * @example avgPool1d(tensor([[1, 3, 2, 0]]), 2) // [[2, 1]]
 */
export function avgPool1d(x: Tensor, kernelSize: PerDim, options: AvgPoolOptions = {}): Tensor {
  return avgPool("avgPool1d", x, 1, kernelSize, options);
}

/**
 * The mean of each window of [images, channels, height, width], or without images (PyTorch
 * `functional.avg_pool2d`).
 * @throws ShapeError, DTypeError where x does not fit; ArgumentError for a bad option
 */
export function avgPool2d(x: Tensor, kernelSize: PerDim, options: AvgPoolOptions = {}): Tensor {
  return avgPool("avgPool2d", x, 2, kernelSize, options);
}

/**
 * The mean of each window of [images, channels, depth, height, width], or without images (PyTorch
 * `functional.avg_pool3d`).
 * @throws ShapeError, DTypeError where x does not fit; ArgumentError for a bad option
 */
export function avgPool3d(x: Tensor, kernelSize: PerDim, options: AvgPoolOptions = {}): Tensor {
  return avgPool("avgPool3d", x, 3, kernelSize, options);
}

/** A size for each spatial dimension, one for all, or null for that of the input. */
export type OutputSize = number | readonly (number | null)[];

const adaptiveAverage = (op: string, x: Tensor, dims: number, outputSize: OutputSize): Tensor =>
  bind(avgPoolPrimitive, [x], { ...adaptive(op, x, dims, outputSize), divisor: "inside" })[0]!;

/**
 * Means over windows that share out x among `outputSize` results (PyTorch `functional.adaptive_avg_pool1d`):
 * window q goes from ⌊q size / outputSize⌋ to ⌈(q + 1) size / outputSize⌉.
 *
 * @param x [images, channels, width] or [channels, width], f32 or f16
 * @returns [images, channels, outputSize]
 * @throws ShapeError, DTypeError where x does not fit; ArgumentError for a size below 1
 */
export function adaptiveAvgPool1d(x: Tensor, outputSize: OutputSize): Tensor {
  return adaptiveAverage("adaptiveAvgPool1d", x, 1, outputSize);
}

/** `adaptiveAvgPool1d` over two dimensions (PyTorch `functional.adaptive_avg_pool2d`). */
export function adaptiveAvgPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  return adaptiveAverage("adaptiveAvgPool2d", x, 2, outputSize);
}

/** `adaptiveAvgPool1d` over three dimensions (PyTorch `functional.adaptive_avg_pool3d`). */
export function adaptiveAvgPool3d(x: Tensor, outputSize: OutputSize): Tensor {
  return adaptiveAverage("adaptiveAvgPool3d", x, 3, outputSize);
}

export interface AdaptiveMaxPoolOptions {
  /** Give the places of the maxima too. Default false. */
  returnIndices?: boolean;
}

/** Maxima over the windows of `adaptiveAvgPool1d` (PyTorch `functional.adaptive_max_pool1d`). */
export function adaptiveMaxPool1d(x: Tensor, outputSize: OutputSize, options: Indexed): PooledMax;
export function adaptiveMaxPool1d(
  x: Tensor,
  outputSize: OutputSize,
  options?: AdaptiveMaxPoolOptions,
): Tensor;
export function adaptiveMaxPool1d(
  x: Tensor,
  outputSize: OutputSize,
  options: AdaptiveMaxPoolOptions = {},
): Tensor | PooledMax {
  return adaptiveMaximum("adaptiveMaxPool1d", x, 1, outputSize, options);
}

/** `adaptiveMaxPool1d` over two dimensions (PyTorch `functional.adaptive_max_pool2d`). */
export function adaptiveMaxPool2d(x: Tensor, outputSize: OutputSize, options: Indexed): PooledMax;
export function adaptiveMaxPool2d(
  x: Tensor,
  outputSize: OutputSize,
  options?: AdaptiveMaxPoolOptions,
): Tensor;
export function adaptiveMaxPool2d(
  x: Tensor,
  outputSize: OutputSize,
  options: AdaptiveMaxPoolOptions = {},
): Tensor | PooledMax {
  return adaptiveMaximum("adaptiveMaxPool2d", x, 2, outputSize, options);
}

/** `adaptiveMaxPool1d` over three dimensions (PyTorch `functional.adaptive_max_pool3d`). */
export function adaptiveMaxPool3d(x: Tensor, outputSize: OutputSize, options: Indexed): PooledMax;
export function adaptiveMaxPool3d(
  x: Tensor,
  outputSize: OutputSize,
  options?: AdaptiveMaxPoolOptions,
): Tensor;
export function adaptiveMaxPool3d(
  x: Tensor,
  outputSize: OutputSize,
  options: AdaptiveMaxPoolOptions = {},
): Tensor | PooledMax {
  return adaptiveMaximum("adaptiveMaxPool3d", x, 3, outputSize, options);
}

export interface LpPoolOptions {
  /** Distance of neighbouring windows. Default: their size. */
  stride?: PerDim;
  /** Keep a last window that goes beyond the end. Default false. */
  ceilMode?: boolean;
}

function lpPool(
  op: string,
  x: Tensor,
  p: number,
  dims: number,
  kernelSize: PerDim,
  options: LpPoolOptions,
): Tensor {
  if (!(p > 0 && Number.isFinite(p)))
    throw new ArgumentError(`${op}: p ${p} must be a number > 0. For the maximum use maxPool.`);
  return scope(() => {
    const places = sizeOf(perDim(op, "kernelSize", kernelSize, dims, 1));
    return pow(mul(avgPool(op, pow(x, p), dims, kernelSize, options), places), 1 / p);
  });
}

/**
 * (Σ x^p)^(1/p) over each window (PyTorch `functional.lp_pool1d`, which takes x and not |x|; a window that
 * goes beyond the end counts as whole).
 * @throws ShapeError, DTypeError where x does not fit; ArgumentError for a bad p or option
 */
export function lpPool1d(
  x: Tensor,
  p: number,
  kernelSize: PerDim,
  options: LpPoolOptions = {},
): Tensor {
  return lpPool("lpPool1d", x, p, 1, kernelSize, options);
}

/** `lpPool1d` over two dimensions (PyTorch `functional.lp_pool2d`). */
export function lpPool2d(
  x: Tensor,
  p: number,
  kernelSize: PerDim,
  options: LpPoolOptions = {},
): Tensor {
  return lpPool("lpPool2d", x, p, 2, kernelSize, options);
}

export const poolingPrimitives = [
  maxPoolPrimitive,
  maxPoolBackwardPrimitive,
  avgPoolPrimitive,
  avgPoolBackwardPrimitive,
];

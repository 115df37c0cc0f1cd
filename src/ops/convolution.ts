/**
 * Convolutions over one to three spatial dimensions, as one primitive that is closed under its derivatives
 * (as XLA's ConvGeneralDilated): the cotangent of the input is a convolution of the output's with the
 * kernel flipped and its two channel dimensions exchanged, where strides and the dilation of the input
 * change places; the cotangent of the kernel is a convolution in which images and channels change places.
 * Transposed convolutions are the same primitive. What is called a convolution is a correlation, as in
 * every neural network library: the kernel is not flipped unless it says so.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { isFloat, promote } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { type Shape, sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { add } from "./arithmetic";
import type { ConvolutionAttrs } from "./convolutionGeometry";
import { convolved } from "./convolutionLaunch";
import type { Primitive, Spec } from "./primitive";
import { sum } from "./reduce";
import { expand, permute, reshape, to } from "./shape";
import { bind } from "./trace";

/** Positions from the first element to the last, with gaps of `dilation`. */
const extent = (size: number, dilation: number): number => (size - 1) * dilation + 1;

function outputSizes(x: Shape, w: Shape, attrs: ConvolutionAttrs): number[] {
  return attrs.strides.map((stride, i) => {
    const positions = extent(x[i + 3]!, attrs.dilation[i]!) + attrs.low[i]! + attrs.high[i]!;
    const room = positions - extent(w[i + 3]!, attrs.kernelDilation[i]!);
    return Math.max(Math.floor(room / stride) + 1, 0);
  });
}

/** [a, b, c, ...rest] with the first three in another order. */
const reordered = (x: Tensor, first: readonly [number, number, number]): Tensor =>
  permute(x, [...first, ...x.shape.slice(3).map((_, i) => i + 3)]);

const convolve = (
  x: Tensor,
  w: Tensor,
  bias: Tensor | null | undefined,
  attrs: ConvolutionAttrs,
): Tensor => bind(convolutionPrimitive, bias ? [x, w, bias] : [x, w], attrs)[0]!;

/** Cotangent of x, of size `size`. */
function inputCotangent(g: Tensor, w: Tensor, size: Shape, attrs: ConvolutionAttrs): Tensor {
  const taps = w.shape.slice(3);
  const pixels = g.shape.slice(3);
  const span = taps.map((k, i) => extent(k, attrs.kernelDilation[i]!) - 1);
  return convolve(g, reordered(w, [0, 2, 1]), null, {
    strides: attrs.dilation,
    dilation: attrs.strides,
    kernelDilation: attrs.kernelDilation,
    low: span.map((s, i) => s - attrs.low[i]!),
    // So many positions that the result has the size of x.
    high: size.map(
      (s, i) =>
        extent(s, attrs.dilation[i]!) - extent(pixels[i]!, attrs.strides[i]!) + attrs.low[i]!,
    ),
    flip: !attrs.flip,
  });
}

/** Cotangent of w, whose spatial sizes are `taps`. */
function kernelCotangent(x: Tensor, g: Tensor, taps: Shape, attrs: ConvolutionAttrs): Tensor {
  const { strides, dilation, kernelDilation, low } = attrs;
  const span = taps.map((k, i) => extent(k, kernelDilation[i]!));
  const from = x.shape.slice(3).map((s, i) => extent(s, dilation[i]!));
  const over = g.shape.slice(3).map((q, i) => extent(q, strides[i]!));
  const shared = { strides: kernelDilation, flip: false };
  if (!attrs.flip) {
    // [channels, groups, images, size] * [groups, outs, images, pixels]
    const y = convolve(reordered(x, [2, 1, 0]), reordered(g, [1, 2, 0]), null, {
      ...shared,
      dilation,
      kernelDilation: strides,
      low,
      high: span.map((s, i) => s + over[i]! - 1 - from[i]! - low[i]!),
    });
    return reordered(y, [1, 2, 0]);
  }
  // The taps go backwards: so they do where g is moved along x, instead of x along g.
  const y = convolve(reordered(g, [2, 1, 0]), reordered(x, [1, 2, 0]), null, {
    ...shared,
    dilation: strides,
    kernelDilation: dilation,
    low: span.map((s, i) => s - 1 - low[i]!),
    high: low.map((l, i) => l + from[i]! - over[i]!),
  });
  return reordered(y, [1, 0, 2]);
}

/** The bias as it is added to y of `rank` dimensions: [groups, outs, 1, ...]. */
const spreadBias = (bias: Tensor, rank: number): Tensor =>
  reshape(bias, [...bias.shape, ...new Array<number>(rank - 3).fill(1)]);

/**
 * x [images, groups, channels, ...size], w [groups, outs, channels, ...taps], perhaps bias [groups, outs].
 */
const convolutionPrimitive: Primitive<ConvolutionAttrs> = {
  name: "convolution",
  formula:
    "y[n, g, o, q] = Σ_c Σ_k x[n, g, c, (q·stride + k·kernelDilation − low) / dilation] w[g, o, c, k] + bias[g, o]",
  derivative:
    "to x: g convolved with w flipped, its channels exchanged; to w: x convolved with g over images; to bias: Σ g",
  saves: { inputs: [0, 1] },
  outputs: ([x, w], attrs) => [
    {
      shape: [...x!.shape.slice(0, 2), w!.shape[1]!, ...outputSizes(x!.shape, w!.shape, attrs)],
      dtype: x!.dtype,
    },
  ],
  run: ([x, w, bias], attrs, [out]) => [convolved(x!, w!, bias ?? null, out!, attrs)],
  vjp: ([g], { inputs: [x, w, bias], attrs, needs }) => {
    const size = x!.shape.slice(3);
    const taps = w!.shape.slice(3);
    const others = g!.shape.map((_, i) => i).filter((i) => i !== 1 && i !== 2);
    return [
      needs[0] ? inputCotangent(g!, w!, size, attrs) : null,
      needs[1] ? kernelCotangent(x!, g!, taps, attrs) : null,
      ...(bias ? [needs[2] ? sum(g!, { dim: others }) : null] : []),
    ];
  },
  jvp: ([dx, dw, dbias], { inputs: [x, w], outputs: [y], attrs }) => {
    if (dx && !dw) return [convolve(dx, w!, dbias, attrs)];
    if (dw) {
      const byKernel = convolve(x!, dw, dbias, attrs);
      return [dx ? add(byKernel, convolve(dx, w!, null, attrs)) : byKernel];
    }
    return [dbias ? expand(spreadBias(dbias, y!.rank), y!.shape) : null];
  },
  batch: ([x, w, bias], { attrs, batched, size }) => {
    const inside = bias && !batched[2] && !batched[1] ? bias : null;
    const y = convolutionOfLanes(x!, w!, inside, batched, size, attrs);
    if (!bias || inside) return [y];
    const lanes = batched[2] ? size : 1;
    const [groups, outs] = bias.shape.slice(-2) as [number, number];
    const ones = new Array<number>(y.rank - 4).fill(1);
    return [add(y, reshape(bias, [lanes, 1, groups, outs, ...ones]))];
  },
};

/**
 * The results of all lanes, lanes first. Lanes of x are more images; lanes of the kernel are more output
 * channels of an x that they share, and more groups if x has lanes too.
 */
function convolutionOfLanes(
  x: Tensor,
  w: Tensor,
  bias: Tensor | null,
  batched: readonly boolean[],
  lanes: number,
  attrs: ConvolutionAttrs,
): Tensor {
  if (!batched[0] && !batched[1]) {
    const y = convolve(x, w, bias, attrs);
    return expand(y, [lanes, ...y.shape]);
  }
  const rest = (t: Tensor, from: number): number[] => t.shape.map((_, i) => i).slice(from);
  if (!batched[1]) {
    const [, images, ...inner] = x.shape;
    const y = convolve(reshape(x, [lanes * images!, ...inner]), w, bias, attrs);
    return reshape(y, [lanes, images!, ...y.shape.slice(1)]);
  }
  const [, groups, outs] = w.shape as [number, number, number];
  if (!batched[0]) {
    const moved = permute(w, [1, 0, 2, ...rest(w, 3)]);
    const y = convolve(x, reshape(moved, [groups, lanes * outs, ...w.shape.slice(3)]), null, attrs);
    const apart = reshape(y, [y.shape[0]!, groups, lanes, outs, ...y.shape.slice(3)]);
    return permute(apart, [2, 0, 1, ...rest(apart, 3)]);
  }
  const moved = permute(x, [1, 0, 2, ...rest(x, 3)]);
  const y = convolve(
    reshape(moved, [x.shape[1]!, lanes * groups, ...x.shape.slice(3)]),
    reshape(w, [lanes * groups, ...w.shape.slice(2)]),
    null,
    attrs,
  );
  const apart = reshape(y, [y.shape[0]!, lanes, groups, ...y.shape.slice(2)]);
  return permute(apart, [1, 0, 2, ...rest(apart, 3)]);
}

/** One number for all spatial dimensions, or one for each. */
export type PerDim = number | readonly number[];

export interface ConvOptions {
  /** [out]; default none. */
  bias?: Tensor | null | undefined;
  /** Distance of neighbouring output pixels in x. Default 1. */
  stride?: PerDim;
  /**
   * Zeros on both sides. "valid" is none; "same" as many as give the output the size of x, which needs
   * a stride of 1 (one more behind than before where the number is odd). Default 0.
   */
  padding?: PerDim | "same" | "valid";
  /** Distance of neighbouring kernel elements. Default 1. */
  dilation?: PerDim;
  /** Groups of channels that do not see each other. Default 1. */
  groups?: number;
}

export interface ConvTransposeOptions extends Omit<ConvOptions, "padding"> {
  /** What the convolution that this turns around would be padded by: less output on both sides. Default 0. */
  padding?: PerDim;
  /** More output behind, less than the stride or the dilation. Default 0. */
  outputPadding?: PerDim;
}

/** @throws ArgumentError unless each is a whole number of at least `least`, one for all or one per dimension */
export function perDim(
  op: string,
  argument: string,
  value: PerDim,
  dims: number,
  least: number,
): number[] {
  const list = Array.isArray(value) ? value : new Array<number>(dims).fill(value as number);
  if (list.length !== dims || list.some((v) => !Number.isInteger(v) || v < least))
    throw new ArgumentError(
      `${op}: ${argument} ${JSON.stringify(value)} must be a whole number >= ${least}${dims > 1 ? `, or ${dims} of them` : ""}.`,
    );
  return list;
}

interface Operands {
  /** [images, groups, channels, ...size] */
  readonly x: Tensor;
  /** [groups, outs, channels, ...taps] */
  readonly w: Tensor;
  readonly bias: Tensor | null;
  /** Whether x came without a dimension of images. */
  readonly single: boolean;
}

/**
 * Checks the shapes and splits the channels into groups. `transposed`: the weight is [in, out / groups, ...]
 * instead of [out, in / groups, ...].
 */
function operandsOf(
  op: string,
  dims: number,
  x: Tensor,
  weight: Tensor,
  { bias, groups = 1 }: ConvOptions | ConvTransposeOptions,
  transposed: boolean,
): Operands {
  const names = transposed ? "[in, out / groups" : "[out, in / groups";
  if (!Number.isInteger(groups) || groups < 1)
    throw new ArgumentError(`${op}: groups ${groups} must be a whole number >= 1.`);
  const given: Spec[] = [x, weight, ...(bias ? [bias] : [])];
  const odd = given.find((t) => !isFloat(t.dtype));
  if (odd)
    throw new DTypeError(
      `${op}: got an operand of dtype ${odd.dtype}; it takes f32 or f16. Convert with .to("f32").`,
    );
  const single = x.rank === dims + 1;
  if ((!single && x.rank !== dims + 2) || weight.rank !== dims + 2)
    throw new ShapeError(
      `${op}: x ${show(x.shape)} and weight ${show(weight.shape)} must be [images, in, ...size] (or [in, ...size]) and ${names}, ...size], with ${dims} spatial ${dims > 1 ? "dimensions" : "dimension"} each.`,
    );
  const channels = x.shape.at(-dims - 1)!;
  const [first, second] = weight.shape as [number, number];
  const [ins, outs] = transposed ? [first, second * groups] : [second * groups, first];
  if (channels !== ins || first % groups !== 0)
    throw new ShapeError(
      `${op}: x ${show(x.shape)} has ${channels} channels, but weight ${show(weight.shape)} is ${names}, ...size] for ${groups} groups, which takes ${ins}${first % groups ? ` and needs a multiple of ${groups} in front` : ""}.`,
    );
  if (weight.shape.slice(2).includes(0))
    throw new ShapeError(`${op}: weight ${show(weight.shape)} has no elements along a dimension.`);
  if (bias && !sameShape(bias.shape, [outs]))
    throw new ShapeError(
      `${op}: bias has shape ${show(bias.shape)}; weight ${show(weight.shape)} needs [${outs}].`,
    );
  const dtype = given.map((t) => t.dtype).reduce(promote);
  const size = x.shape.slice(-dims);
  const taps = weight.shape.slice(2);
  const images = single ? 1 : x.shape[0]!;
  const grouped = reshape(to(weight, dtype), [groups, first / groups, second, ...taps]);
  return {
    x: reshape(to(x, dtype), [images, groups, channels / groups, ...size]),
    w: transposed ? reordered(grouped, [0, 2, 1]) : grouped,
    bias: bias ? reshape(to(bias, dtype), [groups, outs / groups]) : null,
    single,
  };
}

/** Groups as channels of one dimension again; without images if x had none. */
function joined(y: Tensor, single: boolean): Tensor {
  const [images, groups, outs, ...size] = y.shape as [number, number, number, ...number[]];
  return reshape(y, [...(single ? [] : [images]), groups * outs, ...size]);
}

function conv(op: string, dims: number, x: Tensor, weight: Tensor, options: ConvOptions): Tensor {
  requireOptions(op, options, "bias");
  const strides = perDim(op, "stride", options.stride ?? 1, dims, 1);
  const kernelDilation = perDim(op, "dilation", options.dilation ?? 1, dims, 1);
  const { padding = 0 } = options;
  if (padding === "same" && strides.some((s) => s !== 1))
    throw new ArgumentError(
      `${op}: padding "same" needs a stride of 1, got ${show(strides)}; give the padding as numbers.`,
    );
  return scope(() => {
    const { x: input, w, bias, single } = operandsOf(op, dims, x, weight, options, false);
    const span = kernelDilation.map((d, i) => extent(w.shape[i + 3]!, d) - 1);
    const sides =
      padding === "same"
        ? { low: span.map((s) => Math.floor(s / 2)), high: span.map((s) => Math.ceil(s / 2)) }
        : both(perDim(op, "padding", padding === "valid" ? 0 : padding, dims, 0));
    span.forEach((s, i) => {
      const room = input.shape[i + 3]! + sides.low[i]! + sides.high[i]!;
      if (s + 1 > room)
        throw new ShapeError(
          `${op}: the kernel covers ${s + 1} positions of spatial dimension ${i}, and x ${show(x.shape)} has ${room} with its padding. Pad more.`,
        );
    });
    const dilation = new Array<number>(dims).fill(1);
    const attrs = { strides, kernelDilation, dilation, ...sides, flip: false };
    return joined(convolve(input, w, bias, attrs), single);
  });
}

const both = (padding: readonly number[]) => ({ low: padding, high: padding });

function convTranspose(
  op: string,
  dims: number,
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions,
): Tensor {
  requireOptions(op, options, "bias");
  const dilation = perDim(op, "stride", options.stride ?? 1, dims, 1);
  const kernelDilation = perDim(op, "dilation", options.dilation ?? 1, dims, 1);
  const padding = perDim(op, "padding", options.padding ?? 0, dims, 0);
  const extra = perDim(op, "outputPadding", options.outputPadding ?? 0, dims, 0);
  extra.forEach((e, i) => {
    if (e >= Math.max(dilation[i]!, kernelDilation[i]!))
      throw new ArgumentError(
        `${op}: outputPadding ${e} must be less than the stride ${dilation[i]} or the dilation ${kernelDilation[i]}.`,
      );
  });
  return scope(() => {
    const { x: input, w, bias, single } = operandsOf(op, dims, x, weight, options, true);
    const span = kernelDilation.map((d, i) => extent(w.shape[i + 3]!, d) - 1);
    const attrs: ConvolutionAttrs = {
      strides: new Array<number>(dims).fill(1),
      dilation,
      kernelDilation,
      low: span.map((s, i) => s - padding[i]!),
      high: span.map((s, i) => s - padding[i]! + extra[i]!),
      flip: true,
    };
    const sizes = outputSizes(input.shape, w.shape, attrs);
    if (sizes.includes(0))
      throw new ShapeError(
        `${op}: x ${show(x.shape)} gives an output of size ${show(sizes)}. Use less padding.`,
      );
    return joined(convolve(input, w, bias, attrs), single);
  });
}

/**
 * Convolution along one dimension (PyTorch `functional.conv1d`): each output element is the sum of the
 * products of the kernel with the elements of x that it covers.
 *
 * @param x [images, in, width] or [in, width], f32 or f16
 * @param weight [out, in / groups, kernel]
 * @returns [images, out, width'], width' = ⌊(width + 2 padding − dilation (kernel − 1) − 1) / stride⌋ + 1
 * @throws ShapeError, DTypeError where the operands do not fit; ArgumentError for a bad option
 * @example conv1d(tensor([[1, 2, 3, 4]]), tensor([[[1, -1]]])) // [[-1, -1, -1]]
 */
export function conv1d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return conv("conv1d", 1, x, weight, options);
}

/**
 * Convolution over two dimensions (PyTorch `functional.conv2d`); see `conv1d`.
 * @param x [images, in, height, width] or [in, height, width]
 * @param weight [out, in / groups, kernelHeight, kernelWidth]
 * @throws ShapeError, DTypeError where the operands do not fit; ArgumentError for a bad option
 * @example conv2d(images, weight, { bias, stride: 2, padding: 1 })
 */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return conv("conv2d", 2, x, weight, options);
}

/**
 * Convolution over three dimensions (PyTorch `functional.conv3d`); see `conv1d`.
 * @param x [images, in, depth, height, width] or without images
 * @param weight [out, in / groups, ...kernel]
 * @throws ShapeError, DTypeError where the operands do not fit; ArgumentError for a bad option
 */
export function conv3d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return conv("conv3d", 3, x, weight, options);
}

/**
 * The way back of a convolution along one dimension, as an operation of its own (PyTorch
 * `functional.conv_transpose1d`): each element of x adds the kernel times itself to the output.
 *
 * @param x [images, in, width] or [in, width], f32 or f16
 * @param weight [in, out / groups, kernel]
 * @returns [images, out, width'], width' = (width − 1) stride − 2 padding + dilation (kernel − 1) +
 * outputPadding + 1
 * @throws ShapeError, DTypeError where the operands do not fit; ArgumentError for a bad option
 * @example convTranspose1d(tensor([[1, 2]]), tensor([[[1, 1]]]), { stride: 2 }) // [[1, 1, 2, 2]]
 */
export function convTranspose1d(
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions = {},
): Tensor {
  return convTranspose("convTranspose1d", 1, x, weight, options);
}

/**
 * Transposed convolution over two dimensions (PyTorch `functional.conv_transpose2d`); see `convTranspose1d`.
 * @param x [images, in, height, width] or [in, height, width]
 * @param weight [in, out / groups, kernelHeight, kernelWidth]
 * @throws ShapeError, DTypeError where the operands do not fit; ArgumentError for a bad option
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions = {},
): Tensor {
  return convTranspose("convTranspose2d", 2, x, weight, options);
}

/**
 * Transposed convolution over three dimensions (PyTorch `functional.conv_transpose3d`); see
 * `convTranspose1d`.
 * @param x [images, in, depth, height, width] or without images
 * @param weight [in, out / groups, ...kernel]
 * @throws ShapeError, DTypeError where the operands do not fit; ArgumentError for a bad option
 */
export function convTranspose3d(
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions = {},
): Tensor {
  return convTranspose("convTranspose3d", 3, x, weight, options);
}

export const convolutionPrimitives = [convolutionPrimitive];

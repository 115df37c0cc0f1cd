/** From the operands of a convolution to the dispatches of one of its kernels. */
import { convArrange, convDirect, convPacked, convRegister, gridFor, launch } from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { sizeOf } from "../tensor/shape";
import { add } from "./arithmetic";
import {
  type ConvolutionProblem,
  convolutionBlock,
  convolutionVariants,
  forcedConvolutionVariant,
  paddedChannels,
} from "./convolutionVariants";
import { matmulInto, matmulTarget } from "./matmulLaunch";
import { packedSplit, registerWorkgroup } from "./matmulVariants";
import type { Spec } from "./primitive";
import { reshape } from "./shape";

export interface ConvolutionAttrs {
  /** For each of one to three spatial dimensions: the distance of the first taps of neighbouring pixels. */
  readonly strides: readonly number[];
  /** Positions before the first element of x, and after the last; negative ones leave elements out. */
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Distance of neighbouring elements of x, with zeros between them. */
  readonly dilation: readonly number[];
  /** Distance of neighbouring taps. */
  readonly kernelDilation: readonly number[];
  /** Whether the kernel's elements are taken from the last to the first. */
  readonly flip: boolean;
}

/** One number for each of three spatial dimensions, those that are missing in front. */
type Three = readonly [number, number, number];

function three(values: readonly number[], fill: number): Three {
  return [...new Array<number>(3 - values.length).fill(fill), ...values] as unknown as Three;
}

interface Geometry {
  readonly images: number;
  readonly groups: number;
  readonly channels: number;
  readonly outs: number;
  readonly size: Three;
  readonly taps: Three;
  readonly pixels: Three;
  readonly strides: Three;
  readonly low: Three;
  readonly dilation: Three;
  readonly kernelDilation: Three;
  /** Of x and w, from their first elements on; those of w go through the taps in the order of use. */
  readonly xStrides: Three;
  readonly wStrides: Three;
  readonly wOffset: number;
}

function geometry(
  x: DeviceTensor,
  w: DeviceTensor,
  y: DeviceTensor,
  attrs: ConvolutionAttrs,
): Geometry {
  const [images, groups, channels] = x.shape as [number, number, number];
  const taps = three(w.shape.slice(3), 1);
  const along = three(w.strides.slice(3), 0);
  const turned = (stride: number): number => (attrs.flip ? -stride : stride);
  return {
    images,
    groups,
    channels,
    outs: w.shape[1]!,
    size: three(x.shape.slice(3), 1),
    taps,
    pixels: three(y.shape.slice(3), 1),
    strides: three(attrs.strides, 1),
    low: three(attrs.low, 0),
    dilation: three(attrs.dilation, 1),
    kernelDilation: three(attrs.kernelDilation, 1),
    xStrides: three(x.strides.slice(3), 0),
    wStrides: along.map(turned) as unknown as Three,
    wOffset:
      w.bindingOffset +
      (attrs.flip ? along.reduce((sum, stride, i) => sum + (taps[i]! - 1) * stride, 0) : 0),
  };
}

const isPointwise = (g: Geometry): boolean =>
  [0, 1, 2].every(
    (i) =>
      g.taps[i] === 1 &&
      g.strides[i] === 1 &&
      g.dilation[i] === 1 &&
      g.low[i] === 0 &&
      g.pixels[i] === g.size[i],
  );

/**
 * x * w + bias.
 * @param x [images, groups, channels, ...size]
 * @param w [groups, outs, channels, ...taps]
 * @param bias [groups, outs], or null for none
 * @param out [images, groups, outs, ...pixels], not empty
 */
export function convolved(
  x: DeviceTensor,
  w: DeviceTensor,
  bias: DeviceTensor | null,
  out: Spec,
  attrs: ConvolutionAttrs,
): DeviceTensor {
  const y = DeviceTensor.empty(x.device, out.shape, out.dtype);
  const g = geometry(x, w, y, attrs);
  const problem: ConvolutionProblem = {
    images: g.images,
    groups: g.groups,
    channels: g.channels,
    outs: g.outs,
    pixels: sizeOf(g.pixels),
    taps: sizeOf(g.taps),
    pointwise: isPointwise(g),
  };
  const target = matmulTarget(y.device);
  const forced = forcedConvolutionVariant.current;
  const variant =
    forced && convolutionVariants.isApplicable(forced, problem, target)
      ? forced
      : convolutionVariants.defaultChoice(problem, target);
  if (variant === "product") return product(x, w, bias, y);
  if (variant === "direct") direct(g, x, w, bias, y);
  else arranged(variant, g, x, w, bias, y);
  return y;
}

/** One product of matrices per image and group, and then the bias. */
function product(
  x: DeviceTensor,
  w: DeviceTensor,
  bias: DeviceTensor | null,
  y: DeviceTensor,
): DeviceTensor {
  const columns = reshape(x, [...x.shape.slice(0, 3), -1]) as DeviceTensor;
  const matrices = reshape(w, w.shape.slice(0, 3)) as DeviceTensor;
  const flat = y.view([...y.shape.slice(0, 3), columns.shape[3]!], y.strides.slice(0, 3).concat(1));
  matmulInto(matrices, columns, null, flat);
  for (const view of [columns, matrices, flat]) view.dispose();
  if (!bias) return y;
  const ones = new Array<number>(y.rank - 3).fill(1);
  const spread = reshape(bias, [...bias.shape, ...ones]);
  const sum = add(y, spread) as DeviceTensor;
  spread.dispose();
  y.dispose();
  return sum;
}

function direct(
  g: Geometry,
  x: DeviceTensor,
  w: DeviceTensor,
  bias: DeviceTensor | null,
  y: DeviceTensor,
): void {
  const count = (y.size / g.pixels[2]) * Math.ceil(g.pixels[2] / 4);
  launch(
    y.device,
    convDirect,
    { x: x.binding, w: w.binding, bias: (bias ?? w).binding, y: y.binding },
    {
      count,
      groups: g.groups,
      outs: g.outs,
      channels: g.channels,
      ...numbered("pixels", g.pixels),
      ...numbered("taps", g.taps),
      ...numbered("size", g.size),
      ...numbered("stride", g.strides),
      ...numbered("low", g.low),
      ...numbered("dilation", g.dilation),
      ...numbered("kernel_dilation", g.kernelDilation),
      x_offset: x.bindingOffset,
      x_image: x.strides[0]!,
      x_group: x.strides[1]!,
      x_channel: x.strides[2]!,
      ...numbered("x", g.xStrides),
      w_offset: g.wOffset,
      w_group: w.strides[0]!,
      w_out: w.strides[1]!,
      w_channel: w.strides[2]!,
      ...numbered("w", g.wStrides),
      ...biasParams(bias),
    },
    gridFor(y.device, count, 64),
    {
      types: { T: y.dtype === "f16" ? "f16" : "f32" },
      overrides: { DILATED: g.dilation.some((d) => d > 1) ? 1 : 0 },
    },
  );
}

/** name_0, name_1 and name_2. */
function numbered<N extends string>(
  name: N,
  [a, b, c]: Three,
): Record<`${N}_0` | `${N}_1` | `${N}_2`, number> {
  return { [`${name}_0`]: a, [`${name}_1`]: b, [`${name}_2`]: c } as Record<
    `${N}_0` | `${N}_1` | `${N}_2`,
    number
  >;
}

const biasParams = (bias: DeviceTensor | null) => ({
  biased: bias ? 1 : 0,
  bias_group: bias ? bias.strides[0]! : 0,
  bias_col: bias ? bias.strides[1]! : 0,
  bias_offset: bias ? bias.bindingOffset : 0,
});

/** What `arrange` writes: the sizes of [a, b, s0, s1, s2, v], and where their elements come from. */
interface Arrangement {
  readonly a: { readonly size: number; readonly stride: number };
  readonly b: { readonly size: number; readonly stride: number };
  readonly s: {
    readonly size: Three;
    readonly source: Three;
    readonly stride: Three;
    readonly low: Three;
    readonly dilation: Three;
  };
  readonly v: { readonly size: number; readonly source: number; readonly stride: number };
  readonly offset: number;
}

/** Positions of the last dimension of s that one invocation writes. */
const segment = 64;

function arrange(x: DeviceTensor, { a, b, s, v, offset }: Arrangement): DeviceTensor {
  const y = DeviceTensor.empty(x.device, [a.size, b.size, ...s.size, v.size], "f32");
  const lanes = v.size % 4 === 0 ? 4 : 1;
  const segments = Math.ceil(s.size[2] / segment);
  const count = a.size * b.size * s.size[0] * s.size[1] * segments * (v.size / lanes);
  launch(
    x.device,
    convArrange,
    { x: x.binding, y: y.binding },
    {
      count,
      size_b: b.size,
      ...numbered("size", s.size),
      size_v: v.size,
      segments,
      ...numbered("from", s.source),
      from_v: v.source,
      ...numbered("low", s.low),
      ...numbered("dilation", s.dilation),
      stride_a: a.stride,
      stride_b: b.stride,
      ...numbered("stride", s.stride),
      stride_v: v.stride,
      offset,
    },
    gridFor(x.device, count, 64),
    { types: { T: x.dtype === "f16" ? "f16" : "f32" }, overrides: { LANES: lanes } },
  );
  return y;
}

function arranged(
  variant: "packed" | "register",
  g: Geometry,
  x: DeviceTensor,
  w: DeviceTensor,
  bias: DeviceTensor | null,
  y: DeviceTensor,
): void {
  const { device } = y;
  const channels = paddedChannels(g.channels);
  const outs = Math.ceil(g.outs / 8) * 8;
  // Positions that some tap of some pixel meets.
  const met = [0, 1, 2].map(
    (i) => (g.pixels[i]! - 1) * g.strides[i]! + (g.taps[i]! - 1) * g.kernelDilation[i]! + 1,
  ) as unknown as Three;
  const input = arrange(x, {
    a: { size: g.groups, stride: x.strides[1]! },
    b: { size: g.images, stride: x.strides[0]! },
    s: { size: met, source: g.size, stride: g.xStrides, low: g.low, dilation: g.dilation },
    v: { size: channels, source: g.channels, stride: x.strides[2]! },
    offset: x.bindingOffset,
  });
  const kernel = arrange(w, {
    a: { size: g.groups, stride: w.strides[0]! },
    b: { size: g.taps[0], stride: g.wStrides[0] },
    s: {
      size: [g.taps[1], g.taps[2], channels],
      source: [g.taps[1], g.taps[2], g.channels],
      stride: [g.wStrides[1], g.wStrides[2], w.strides[2]!],
      low: [0, 0, 0],
      dilation: [1, 1, 1],
    },
    v: { size: outs, source: g.outs, stride: w.strides[1]! },
    offset: g.wOffset,
  });
  const pixels = sizeOf(g.pixels);
  const [m, n, k] = [g.images * pixels, g.outs, sizeOf(g.taps) * channels];
  const step = (by: Three): Three => [
    by[0] * met[1] * met[2] * channels,
    by[1] * met[2] * channels,
    by[2] * channels,
  ];
  const target = matmulTarget(device);
  const block = variant === "packed" ? convolutionBlock(target)! : null;
  const workgroup = target.adapter === "hardware" ? 64 : registerWorkgroup(target);
  const layout = { row: k, col: 1, aligned: true };
  const { down, across } = block
    ? packedSplit({ batch: g.groups, m, n, k, a: layout, b: layout }, block)
    : { down: Math.ceil(m / (8 * workgroup)), across: Math.ceil(n / 8) };
  const groups = down * across * g.groups;
  const bindings = {
    x: input.binding,
    x4: input.binding,
    w4: kernel.binding,
    bias: (bias ?? w).binding,
    y: y.binding,
  };
  const params = {
    rows: m,
    cols: n,
    inner: k,
    channels,
    pixels,
    pixels_1: g.pixels[1],
    pixels_2: g.pixels[2],
    taps_1: g.taps[1],
    taps_2: g.taps[2],
    image: sizeOf(met) * channels,
    x_group: g.images * sizeOf(met) * channels,
    ...numbered("pixel", step(g.strides)),
    ...numbered("tap", step(g.kernelDilation)),
    w_group: k * outs,
    w_row: outs,
    y_image: g.groups * g.outs * pixels,
    y_group: g.outs * pixels,
    ...biasParams(bias),
    groups_n: across,
    groups_product: down * across,
    groups,
  };
  const types = { T: y.dtype === "f16" ? "f16" : "f32" } as const;
  const vector = channels % 4 === 0 ? 1 : 0;
  const grid = gridFor(device, groups, 1);
  if (block)
    launch(device, convPacked, bindings, params, grid, {
      ...(pixels % 4 === 0
        ? {
            types: { ...types, V: types.T === "f16" ? "vec4h" : "vec4f" },
            slots: { PICK: "pick_all" },
          }
        : { types: { ...types, V: types.T }, slots: { PICK: "pick_lane" } }),
      overrides: {
        ROWS: block.rows,
        COLS: block.cols,
        DEPTH: block.depth,
        VECTOR_X: vector,
        LANES: pixels % 4 === 0 ? 4 : 1,
      },
    });
  else
    launch(device, convRegister, bindings, params, grid, {
      types,
      overrides: { WG: workgroup, VECTOR_X: vector },
    });
  input.dispose();
  kernel.dispose();
}

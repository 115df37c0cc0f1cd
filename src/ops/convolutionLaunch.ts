/** From the operands of a convolution to the dispatches of one of its kernels. */
import {
  convArrange,
  convDirect,
  convPacked,
  convRegister,
  convTiled,
  gridFor,
  launch,
} from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { sizeOf } from "../tensor/shape";
import { add } from "./arithmetic";
import {
  type ConvolutionAttrs,
  type Geometry,
  geometry,
  isPointwise,
  isWinogradShape,
  multiplications,
  phases,
  type Three,
} from "./convolutionGeometry";
import {
  type ConvolutionProblem,
  type ConvolutionVariant,
  convolutionBlock,
  convolutionTile,
  convolutionVariants,
  forcedConvolutionVariant,
  paddedChannels,
} from "./convolutionVariants";
import { winograd } from "./convolutionWinograd";
import { matmulInto, matmulTarget } from "./matmulLaunch";
import { packedSplit, registerWorkgroup, tileSize } from "./matmulVariants";
import type { Spec } from "./primitive";
import { reshape } from "./shape";
import { choose } from "./variants";

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
  const parts = g.dilation.some((d) => d > 1) ? phases(g) : [g];
  const apart = parts.reduce((sum, part) => sum + multiplications(part), 0);
  const problem: ConvolutionProblem = {
    images: g.images,
    groups: g.groups,
    channels: g.channels,
    outs: g.outs,
    pixels: sizeOf(g.pixels),
    taps: sizeOf(g.taps),
    pointwise: isPointwise(g),
    square: isWinogradShape(g),
    phases: parts.length,
    spared: multiplications(g) - apart,
  };
  const target = matmulTarget(y.device);
  const forced = forcedConvolutionVariant.current;
  const variant =
    forced && convolutionVariants.isApplicable(forced, problem, target)
      ? forced
      : choose(y.device, {
          family: "convolution",
          problem: Object.values(problem),
          candidates: () => convolutionVariants.candidates(problem, target),
          defaultChoice: () => convolutionVariants.defaultChoice(problem, target),
        });
  if (variant === "product") return product(x, w, bias, y);
  if (variant === "winograd") winograd(g, x, w, bias, y);
  else run(variant, convolutionVariants.isSplit(problem, variant) ? parts : [g], { x, w, bias, y });
  return y;
}

interface Operands {
  readonly x: DeviceTensor;
  readonly w: DeviceTensor;
  readonly bias: DeviceTensor | null;
  readonly y: DeviceTensor;
}

/** The parts of a convolution one after the other. */
function run(
  variant: Exclude<ConvolutionVariant, "product" | "winograd">,
  parts: readonly Geometry[],
  operands: Operands,
): void {
  const meets = (g: Geometry): boolean => sizeOf(g.taps) > 0;
  for (const part of parts)
    if (variant === "direct" || !meets(part)) direct(part, operands);
    else if (variant === "tiled") tiled(part, operands);
  if (variant === "packed" || variant === "register") {
    const rest = parts.filter(meets);
    if (rest.length > 0) arranged(variant, rest, operands);
  }
}

/** One product of matrices per image and group. A bias that all products share is added in them. */
function product(
  x: DeviceTensor,
  w: DeviceTensor,
  bias: DeviceTensor | null,
  y: DeviceTensor,
): DeviceTensor {
  const columns = reshape(x, [...x.shape.slice(0, 3), -1]) as DeviceTensor;
  const matrices = reshape(w, w.shape.slice(0, 3)) as DeviceTensor;
  const flat = y.view([...y.shape.slice(0, 3), columns.shape[3]!], y.strides.slice(0, 3).concat(1));
  const shared = bias?.shape[0] === 1;
  const rows = shared ? bias.view([bias.shape[1]!, 1], [bias.strides[1]!, 1]) : null;
  matmulInto(matrices, columns, rows, flat);
  for (const view of [columns, matrices, flat, rows]) view?.dispose();
  if (!bias || shared) return y;
  const ones = new Array<number>(y.rank - 3).fill(1);
  const spread = reshape(bias, [...bias.shape, ...ones]);
  const sum = add(y, spread) as DeviceTensor;
  spread.dispose();
  y.dispose();
  return sum;
}

function direct(g: Geometry, { x, w, bias, y }: Operands): void {
  const lines = g.images * g.groups * g.outs * g.pixels[0] * g.pixels[1];
  const count = lines * Math.ceil(g.pixels[2] / 4);
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
      ...numbered("dilation", g.dilation),
      ...placeParams(g, x, w),
      ...resultParams(g, y),
      ...biasParams(bias),
    },
    gridFor(y.device, count, 64),
    {
      types: { T: y.dtype === "f16" ? "f16" : "f32" },
      overrides: { DILATED: g.dilation.some((d) => d > 1) ? 1 : 0 },
    },
  );
}

function tiled(g: Geometry, { x, w, bias, y }: Operands): void {
  const { device } = y;
  const [rows, cols] = [g.images * sizeOf(g.pixels), g.outs];
  const tile = convolutionTile({ rows, cols, groups: g.groups }, matmulTarget(device))!;
  const across = Math.ceil(cols / tileSize(tile));
  const product = across * Math.ceil(rows / tileSize(tile));
  launch(
    device,
    convTiled,
    { x: x.binding, w: w.binding, bias: (bias ?? w).binding, y: y.binding },
    {
      rows,
      cols,
      inner: g.channels * sizeOf(g.taps),
      pixels: sizeOf(g.pixels),
      pixels_1: g.pixels[1],
      pixels_2: g.pixels[2],
      taps: sizeOf(g.taps),
      taps_1: g.taps[1],
      taps_2: g.taps[2],
      ...placeParams(g, x, w),
      ...resultParams(g, y),
      ...biasParams(bias),
      groups_n: across,
      groups_product: product,
      groups: product * g.groups,
    },
    gridFor(device, product * g.groups, 1),
    {
      types: { T: y.dtype === "f16" ? "f16" : "f32" },
      constants: { GROUPS: tile.groups },
      overrides: { SIDE: tile.side },
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

/** Where the elements of x and w lie that a pixel and a tap meet, for kernels that read them as they lie. */
const placeParams = (g: Geometry, x: DeviceTensor, w: DeviceTensor) => ({
  ...numbered("size", g.size),
  ...numbered("stride", g.strides),
  ...numbered("low", g.low),
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
});

const resultParams = (g: Geometry, y: DeviceTensor) => ({
  y_start: g.yStart,
  y_image: y.strides[0]!,
  y_group: y.strides[1]!,
  y_out: y.strides[2]!,
  ...numbered("y", g.yStrides),
});

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

/** x in the order of arranged convolutions, and the position of its first element in the padded x. */
interface Arranged {
  readonly input: DeviceTensor;
  /** Positions of each dimension, and how many of them lie before the first element of x. */
  readonly met: Three;
  readonly low: Three;
}

/** Every position that some tap of some pixel of one of the parts meets. */
function arrangedInput(parts: readonly Geometry[], x: DeviceTensor): Arranged {
  const [g] = parts as [Geometry];
  const along = (value: (i: 0 | 1 | 2) => number): Three => [value(0), value(1), value(2)];
  const low = along((i) => Math.max(...parts.map((part) => part.low[i])));
  const met = along((i) =>
    Math.max(
      ...parts.map(
        (part) =>
          (part.pixels[i] - 1) * part.strides[i] +
          (part.taps[i] - 1) * part.kernelDilation[i] +
          1 +
          (low[i] - part.low[i]),
      ),
    ),
  );
  const input = arrange(x, {
    a: { size: g.groups, stride: x.strides[1]! },
    b: { size: g.images, stride: x.strides[0]! },
    s: { size: met, source: g.size, stride: g.xStrides, low, dilation: g.dilation },
    v: { size: paddedChannels(g.channels), source: g.channels, stride: x.strides[2]! },
    offset: x.bindingOffset,
  });
  return { input, met, low };
}

function arrangedKernel(g: Geometry, w: DeviceTensor): DeviceTensor {
  const channels = paddedChannels(g.channels);
  return arrange(w, {
    a: { size: g.groups, stride: w.strides[0]! },
    b: { size: g.taps[0], stride: g.wStrides[0] },
    s: {
      size: [g.taps[1], g.taps[2], channels],
      source: [g.taps[1], g.taps[2], g.channels],
      stride: [g.wStrides[1], g.wStrides[2], w.strides[2]!],
      low: [0, 0, 0],
      dilation: [1, 1, 1],
    },
    v: { size: Math.ceil(g.outs / 8) * 8, source: g.outs, stride: w.strides[1]! },
    offset: g.wOffset,
  });
}

/** The parts have taps, and share x. */
function arranged(
  variant: "packed" | "register",
  parts: readonly Geometry[],
  operands: Operands,
): void {
  const source = arrangedInput(parts, operands.x);
  for (const part of parts) {
    const kernel = arrangedKernel(part, operands.w);
    multiplyArranged(variant, part, source, kernel, operands);
    kernel.dispose();
  }
  source.input.dispose();
}

function multiplyArranged(
  variant: "packed" | "register",
  g: Geometry,
  { input, met, low }: Arranged,
  kernel: DeviceTensor,
  { w, bias, y }: Operands,
): void {
  const { device } = y;
  const channels = paddedChannels(g.channels);
  const outs = Math.ceil(g.outs / 8) * 8;
  const pixels = sizeOf(g.pixels);
  const [m, n, k] = [g.images * pixels, g.outs, sizeOf(g.taps) * channels];
  const step = (by: Three): Three => [
    by[0] * met[1] * met[2] * channels,
    by[1] * met[2] * channels,
    by[2] * channels,
  ];
  const [start0, start1, start2] = step([low[0] - g.low[0], low[1] - g.low[1], low[2] - g.low[2]]);
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
    x_start: start0 + start1 + start2,
    image: sizeOf(met) * channels,
    x_group: g.images * sizeOf(met) * channels,
    ...numbered("pixel", step(g.strides)),
    ...numbered("tap", step(g.kernelDilation)),
    w_group: k * outs,
    w_row: outs,
    ...resultParams(g, y),
    ...biasParams(bias),
    groups_n: across,
    groups_product: down * across,
    groups,
  };
  const types = { T: y.dtype === "f16" ? "f16" : "f32" } as const;
  const vector = channels % 4 === 0 ? 1 : 0;
  const grid = gridFor(device, groups, 1);
  // Four neighbouring pixels of an image are a vec4 of y.
  const quads = pixels % 4 === 0 && pixels * g.groups * g.outs === y.strides[0];
  if (block)
    launch(device, convPacked, bindings, params, grid, {
      ...(quads
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
        LANES: quads ? 4 : 1,
      },
    });
  else
    launch(device, convRegister, bindings, params, grid, {
      types,
      overrides: { WG: workgroup, VECTOR_X: vector },
    });
}

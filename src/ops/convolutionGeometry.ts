/**
 * What the kernels of a convolution know of it: sizes, and where elements lie, always in three spatial dimensions.
 *
 * Phases: with gaps between the elements of x (`dilation` > 1: transposed convolutions, and the way back of strided
 * ones), an output pixel meets an element only with some of the taps, and these repeat along the pixels. The pixels
 * that use the same taps are a convolution without gaps, whose result lies scattered in y (sub-pixel
 * convolution: Shi et al. 2016).
 */
import type { DeviceTensor } from "../tensor/deviceTensor";
import { sizeOf } from "../tensor/shape";

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
export type Three = readonly [number, number, number];

export function three(values: readonly number[], fill: number): Three {
  return [...new Array<number>(3 - values.length).fill(fill), ...values] as unknown as Three;
}

/** A convolution, and where its operands and its result lie in memory; strides and places in elements. */
export interface Geometry {
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
  /** Of the pixels in y, and where the first lies. */
  readonly yStrides: Three;
  readonly yStart: number;
}

/** @param y dense */
export function geometry(
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
    yStrides: three(y.strides.slice(3), 0),
    yStart: 0,
    wOffset:
      w.bindingOffset +
      (attrs.flip ? along.reduce((sum, stride, i) => sum + (taps[i]! - 1) * stride, 0) : 0),
  };
}

/** One tap, which meets every element of x once. */
export const isPointwise = (g: Geometry): boolean =>
  [0, 1, 2].every(
    (i) =>
      g.taps[i] === 1 &&
      g.strides[i] === 1 &&
      g.dilation[i] === 1 &&
      g.low[i] === 0 &&
      g.pixels[i] === g.size[i],
  );

/** 3x3 taps over two dimensions, where neighbouring pixels, taps and elements are neighbours. */
export const isWinogradShape = (g: Geometry): boolean =>
  g.taps[0] === 1 &&
  g.pixels[0] === 1 &&
  g.size[0] === 1 &&
  g.low[0] === 0 &&
  [1, 2].every(
    (i) =>
      g.taps[i] === 3 && g.strides[i] === 1 && g.dilation[i] === 1 && g.kernelDilation[i] === 1,
  );

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);

/** One dimension of a convolution. */
interface Line {
  readonly pixels: number;
  readonly taps: number;
  readonly stride: number;
  readonly low: number;
  readonly dilation: number;
  readonly kernelDilation: number;
}

/** Those pixels and taps of a line that meet elements of x; `dilation` is 1. */
interface Phase extends Line {
  readonly firstPixel: number;
  readonly pixelStep: number;
  readonly firstTap: number;
  readonly tapStep: number;
}

/** Pixel q meets with tap k position q stride + k kernelDilation - low, an element if a multiple of dilation. */
function phasesOf({ pixels, taps, stride, low, dilation, kernelDilation }: Line): Phase[] {
  const pixelStep = dilation / greatestCommonDivisor(stride, dilation);
  const tapStep = dilation / greatestCommonDivisor(kernelDilation, dilation);
  const phases: Phase[] = [];
  for (let firstPixel = 0; firstPixel < Math.min(pixelStep, pixels); firstPixel++) {
    const position = (tap: number): number => firstPixel * stride + tap * kernelDilation - low;
    let firstTap = 0;
    while (firstTap < Math.min(tapStep, taps) && position(firstTap) % dilation !== 0) firstTap++;
    const meets = firstTap < Math.min(tapStep, taps);
    phases.push({
      firstPixel,
      pixelStep,
      firstTap: meets ? firstTap : 0,
      tapStep,
      pixels: Math.ceil((pixels - firstPixel) / pixelStep),
      taps: meets ? Math.ceil((taps - firstTap) / tapStep) : 0,
      stride: (stride * pixelStep) / dilation,
      low: meets ? -position(firstTap) / dilation : 0,
      dilation: 1,
      kernelDilation: (kernelDilation * tapStep) / dilation,
    });
  }
  return phases;
}

const dims = [0, 1, 2] as const;

/** Convolutions without gaps in x that together write all of y; those whose pixels meet nothing have no taps. */
export function phases(g: Geometry): Geometry[] {
  const [first, second, third] = dims.map((i) =>
    phasesOf({
      pixels: g.pixels[i],
      taps: g.taps[i],
      stride: g.strides[i],
      low: g.low[i],
      dilation: g.dilation[i],
      kernelDilation: g.kernelDilation[i],
    }),
  ) as [Phase[], Phase[], Phase[]];
  return first.flatMap((a) =>
    second.flatMap((b) =>
      third.map((c): Geometry => {
        const of = (value: (phase: Phase, i: 0 | 1 | 2) => number): Three => [
          value(a, 0),
          value(b, 1),
          value(c, 2),
        ];
        const sum = (values: Three): number => values[0] + values[1] + values[2];
        return {
          ...g,
          taps: of(({ taps }) => taps),
          pixels: of(({ pixels }) => pixels),
          strides: of(({ stride }) => stride),
          low: of(({ low }) => low),
          dilation: [1, 1, 1],
          kernelDilation: of(({ kernelDilation }) => kernelDilation),
          wStrides: of(({ tapStep }, i) => tapStep * g.wStrides[i]),
          wOffset: g.wOffset + sum(of(({ firstTap }, i) => firstTap * g.wStrides[i])),
          yStrides: of(({ pixelStep }, i) => pixelStep * g.yStrides[i]),
          yStart: g.yStart + sum(of(({ firstPixel }, i) => firstPixel * g.yStrides[i])),
        };
      }),
    ),
  );
}

/** Multiplications of an input with a kernel element, those with the zeros in the gaps included. */
export const multiplications = (g: Geometry): number =>
  g.images * g.groups * g.outs * g.channels * sizeOf(g.pixels) * sizeOf(g.taps);

/** Samples of convolutions. */
import type { ConvolutionAttrs } from "../../src/ops/convolutionGeometry";
import { at, generate, type HostArray, indices } from "../reference/array";
import { type Operand, real } from "./operand";
import type { PrimitiveSamples, Sample, SampleTable } from "./sample";

/** By the formula: each output element, each channel, each tap. */
export function convolution(
  [x, w, bias]: readonly HostArray[],
  { strides, low, high, dilation, kernelDilation, flip }: ConvolutionAttrs,
): HostArray[] {
  const [images, groups, channels, ...size] = x!.shape as [number, number, number, ...number[]];
  const [, outs, , ...taps] = w!.shape as [number, number, number, ...number[]];
  const pixels = size.map((s, i) => {
    const positions = (s - 1) * dilation[i]! + 1 + low[i]! + high[i]!;
    return Math.floor((positions - (taps[i]! - 1) * kernelDilation[i]! - 1) / strides[i]!) + 1;
  });
  const y = generate([images, groups, outs, ...pixels], ([n, g, o, ...q]) => {
    let sum = bias ? at(bias, [g!, o!]) : 0;
    for (const k of indices(taps)) {
      const place = q.map(
        (p, i) => (p * strides[i]! + k[i]! * kernelDilation[i]! - low[i]!) / dilation[i]!,
      );
      if (place.some((p, i) => !Number.isInteger(p) || p < 0 || p >= size[i]!)) continue;
      const tap = flip ? k.map((t, i) => taps[i]! - 1 - t) : k;
      for (let c = 0; c < channels; c++)
        sum += at(x!, [n!, g!, c, ...place]) * at(w!, [g!, o!, c, ...tap]);
    }
    return sum;
  });
  return [y];
}

const plain = (dims: number): ConvolutionAttrs => {
  const each = (value: number) => new Array<number>(dims).fill(value);
  return {
    strides: each(1),
    low: each(0),
    high: each(0),
    dilation: each(1),
    kernelDilation: each(1),
    flip: false,
  };
};

const of = (
  claim: string,
  operands: readonly Operand[],
  attrs: Partial<ConvolutionAttrs> = {},
): Sample => ({
  claim,
  operands,
  attrs: { ...plain(operands[0]!.value.shape.length - 3), ...attrs },
});

const convolutionSamples: PrimitiveSamples = {
  tolerance: { relative: 4e-6, absolute: 1e-5 },
  reference: convolution,
  samples: [
    of("one dimension", [real([2, 1, 3, 7], 1), real([1, 4, 3, 3], 2)]),
    of("a bias", [real([2, 1, 4, 5], 3), real([1, 5, 4, 2], 4), real([1, 5], 5)]),
    of(
      "two dimensions, padded, strided",
      [real([2, 1, 2, 5, 6], 6), real([1, 3, 2, 3, 2], 7), real([1, 3], 8, { layout: "sliced" })],
      { strides: [2, 1], low: [1, 0], high: [1, 1] },
    ),
    of("three dimensions", [real([1, 1, 2, 3, 4, 3], 9), real([1, 2, 2, 2, 3, 2], 10)], {
      low: [1, 1, 0],
      high: [0, 1, 1],
      strides: [1, 2, 1],
    }),
    of(
      "groups, a dilated kernel, transposed layouts",
      [
        real([2, 2, 2, 7, 5], 11, { layout: "transposed" }),
        real([2, 3, 2, 2, 3], 12, { layout: "transposed" }),
      ],
      { kernelDilation: [2, 1], low: [1, 2], high: [2, 0] },
    ),
    of(
      "a dilated input and a flipped kernel",
      [real([1, 1, 2, 4, 3], 13), real([1, 3, 2, 3, 2], 14, { layout: "sliced" })],
      { dilation: [2, 3], flip: true, low: [2, 1], high: [1, 2] },
    ),
    of(
      "dilations, strides and a flipped kernel of groups",
      [real([2, 2, 1, 5, 6], 15, { layout: "sliced" }), real([2, 1, 1, 2, 3], 16)],
      { dilation: [2, 1], kernelDilation: [3, 2], strides: [2, 3], low: [3, 1], flip: true },
    ),
    of("padding below zero", [real([1, 1, 1, 6, 7], 17), real([1, 2, 1, 2, 2], 18)], {
      low: [-1, -2],
      high: [-2, 1],
    }),
    of(
      "every channel by itself",
      [real([2, 6, 1, 4, 5], 19), real([6, 1, 1, 3, 3], 20), real([6, 1], 21)],
      { low: [1, 1], high: [1, 1] },
    ),
    of("a kernel of one element", [real([2, 1, 5, 4, 5], 22), real([1, 3, 5, 1, 1], 23)]),
    of("one image for all, expanded", [
      real([3, 1, 2, 4, 4], 24, { layout: "expanded" }),
      real([1, 2, 2, 2, 2], 25),
    ]),
    of("tiles and more", [real([1, 1, 4, 9, 9], 26), real([1, 9, 4, 2, 2], 27)]),
    of("no images", [real([0, 1, 2, 4], 28), real([1, 3, 2, 2], 29)]),
    of("no channels", [real([2, 1, 0, 4], 30), real([1, 3, 0, 2], 31), real([1, 3], 32)]),
    of("f16", [
      real([1, 1, 3, 5, 5], 33, { dtype: "f16" }),
      real([1, 2, 3, 3, 3], 34, { dtype: "f16" }),
    ]),
  ],
};

export const convolutionSampleTable: SampleTable = { convolution: convolutionSamples };

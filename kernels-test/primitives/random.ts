/** Samples of the random draws. Their values are held to Philox in numeric/random. */
import type { DType } from "../../src/tensor/dtype";
import { given, real, whole } from "./operand";
import { exact, type PrimitiveSamples, type SampleTable } from "./sample";

const key = given([2], [12345, 678], "u32");
const keys = given([3, 2], [12345, 678, 9, 10, 11, 12], "u32");
const numbers = { bound: 10, base: -3, low: 0.25, width: 0.5, top: 0.25 };

const draws = (dtype: DType): PrimitiveSamples => ({
  tolerance: exact,
  samples: [[3, 5], [], [0, 2], [64], [2, 1, 2, 2, 1, 3, 2, 1]].flatMap((shape) =>
    [key, keys].map((operand) => ({
      claim: `shape [${shape}] from keys of shape [${operand.value.shape}]`,
      operands: [operand],
      attrs: { shape, dtype, stream: 1, ...numbers },
    })),
  ),
});

const dropout: PrimitiveSamples = {
  tolerance: exact,
  samples: [
    { claim: "dense", operands: [real([3, 5], 1), key], attrs: { p: 0.5, stream: 0 } },
    {
      claim: "transposed",
      operands: [real([3, 4], 2, { layout: "transposed" }), key],
      attrs: { p: 0.25, stream: 3 },
    },
    {
      claim: "a mask for each of three rows",
      operands: [real([3, 5, 3], 6, { layout: "sliced" }), keys],
      attrs: { p: 0.5, stream: 0 },
    },
    { claim: "everything", operands: [real([3, 5], 3), key], attrs: { p: 1, stream: 0 } },
    { claim: "no elements", operands: [real([0], 4), key], attrs: { p: 0.5, stream: 0 } },
    { claim: "f16", operands: [real([3], 5, { dtype: "f16" }), key], attrs: { p: 0.5, stream: 0 } },
  ],
};

export const randomSamples: SampleTable = {
  bits: draws("u32"),
  uniform: draws("f32"),
  normal: draws("f32"),
  bernoulli: draws("bool"),
  randint: draws("i32"),
  dropout,
  truncatedNormal: draws("f32"),
  // Held to their distributions in numeric/distributions: draws by rejection jump between their
  // candidates, so differences do not see the slope of the quantile.
  logGammaDraw: {
    tolerance: exact,
    samples: [
      {
        claim: "above and below 1",
        operands: [key, real([3, 4], 7, { low: 0.1, high: 5 })],
        attrs: { stream: 0 },
        differentiate: false,
      },
      {
        claim: "three keys, transposed",
        operands: [keys, real([3, 5], 8, { low: 0.1, high: 90, layout: "transposed" })],
        attrs: { stream: 2 },
        differentiate: false,
      },
      { claim: "no elements", operands: [key, real([0], 9)], attrs: { stream: 0 } },
    ],
  },
  gammaSlope: {
    tolerance: exact,
    samples: [
      {
        claim: "of two layouts",
        operands: [
          real([3, 4], 7, { low: 0.1, high: 5 }),
          real([3, 4], 8, { layout: "transposed" }),
        ],
        attrs: null,
      },
      { claim: "no elements", operands: [real([0], 7), real([0], 8)], attrs: null },
    ],
  },
  poisson: {
    tolerance: exact,
    samples: [
      {
        claim: "small and great rates",
        operands: [key, real([5, 13], 7, { low: 0, high: 40 })],
        attrs: { stream: 0 },
      },
      {
        claim: "three keys, sliced",
        operands: [keys, real([3, 5], 8, { low: 0, high: 40, layout: "sliced" })],
        attrs: { stream: 2 },
      },
      { claim: "no elements", operands: [key, real([0], 9)], attrs: { stream: 0 } },
    ],
  },
  binomial: {
    tolerance: exact,
    samples: [
      {
        claim: "few and many trials",
        operands: [key, whole([5, 13], 7, { high: 200 }), real([5, 13], 8, { low: 0, high: 1 })],
        attrs: { stream: 0 },
      },
      {
        claim: "three keys, of two layouts",
        operands: [
          keys,
          whole([3, 5], 7, { high: 200, layout: "transposed" }),
          real([3, 5], 8, { low: 0, high: 1, layout: "sliced" }),
        ],
        attrs: { stream: 2 },
      },
      { claim: "no elements", operands: [key, whole([0], 7), real([0], 9)], attrs: { stream: 0 } },
    ],
  },
  splitKey: {
    tolerance: exact,
    samples: [
      { claim: "three", operands: [key], attrs: { count: 3 } },
      { claim: "two of each of three", operands: [keys], attrs: { count: 2 } },
    ],
  },
  foldIn: {
    tolerance: exact,
    samples: [
      { claim: "one", operands: [key, given([], [7], "i32")], attrs: null },
      {
        claim: "one for each of three",
        operands: [keys, given([3], [7, 8, 9], "u32", "sliced")],
        attrs: null,
      },
    ],
  },
};

/** Samples of the random draws. Their values are held to Philox in numeric/random. */
import type { DType } from "../../src/tensor/dtype";
import { given, real } from "./operand";
import { exact, type PrimitiveSamples, type SampleTable } from "./sample";

const key = given([2], [12345, 678], "u32");
const keys = given([3, 2], [12345, 678, 9, 10, 11, 12], "u32");
const numbers = { bound: 10, base: -3, low: 0.5, width: 2, top: 2.4999998 };

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

/** Samples of the random draws. Their values are held to Philox in numeric/random. */
import type { DType } from "../../src/tensor/dtype";
import { given, real } from "./operand";
import { exact, type PrimitiveSamples, type SampleTable } from "./sample";

const key = given([2], [12345, 678], "u32");
const numbers = { bound: 10, base: -3, low: 0.5, width: 2, top: 2.4999998 };

const draws = (dtype: DType): PrimitiveSamples => ({
  tolerance: exact,
  samples: [[3, 5], [], [0, 2], [2, 1, 2, 2, 1, 3, 2, 1]].map((shape) => ({
    claim: `shape [${shape}]`,
    operands: [key],
    attrs: { shape, dtype, stream: 1, ...numbers },
  })),
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
    samples: [{ claim: "three", operands: [key], attrs: { count: 3 } }],
  },
  foldIn: {
    tolerance: exact,
    samples: [{ claim: "one", operands: [key, given([], [7], "i32")], attrs: null }],
  },
};

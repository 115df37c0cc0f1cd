/** Samples of matrix products. */
import { pointwise } from "../reference/array";
import { matmul } from "../reference/matrix";
import { type Operand, real } from "./operand";
import type { PrimitiveSamples, SampleTable } from "./sample";

const tolerance = { relative: 2e-6, absolute: 3e-6 };

const of = (claim: string, ...operands: Operand[]) => ({ claim, operands, attrs: null });

const matmulSamples: PrimitiveSamples = {
  tolerance,
  reference: ([a, b]) => [matmul(a!, b!)],
  samples: [
    of("odd sizes", real([3, 5], 1), real([5, 7], 2)),
    of(
      "both transposed",
      real([5, 3], 3, { layout: "transposed" }),
      real([3, 4], 4, { layout: "transposed" }),
    ),
    of("sliced", real([3, 4], 5, { layout: "sliced" }), real([4, 2], 6, { layout: "sliced" })),
    of("batches broadcast", real([2, 1, 3, 4], 7), real([3, 4, 2], 8)),
    of("an expanded batch", real([3, 2, 4], 9, { layout: "expanded" }), real([3, 4, 2], 10)),
    of("nothing to add", real([2, 0], 11), real([0, 3], 12)),
    of("no rows", real([0, 2], 13), real([2, 3], 14)),
    of("f16", real([3, 5], 15, { dtype: "f16" }), real([5, 2], 16, { dtype: "f16" })),
  ],
};

const addmm: PrimitiveSamples = {
  tolerance,
  reference: ([a, b, bias]) => [pointwise((p, q) => p + q, matmul(a!, b!), bias!)],
  samples: [
    of("odd sizes", real([3, 5], 21), real([5, 7], 22), real([7], 23)),
    of(
      "a transposed matrix, a sliced bias",
      real([2, 3], 24),
      real([3, 4], 25, { layout: "transposed" }),
      real([4], 26, { layout: "sliced" }),
    ),
    of("nothing to multiply", real([2, 0], 27), real([0, 3], 28), real([3], 29)),
  ],
};

export const productSamples: SampleTable = { matmul: matmulSamples, addmm };

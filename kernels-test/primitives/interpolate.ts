/** Samples of resizing: a sparse matrix along one dimension. */
import { compressed, type SparseRow } from "../../src/ops/interpolate";
import { tensor } from "../../src/tensor/creation";
import { at, generate } from "../reference/array";
import { type Operand, real } from "./operand";
import { type PrimitiveSamples, primitive, type Sample, type SampleTable } from "./sample";

interface Attrs {
  readonly dim: number;
  readonly size: number;
  readonly pixels: number;
}

const rows: readonly SparseRow[] = [
  [
    [0, 0.5],
    [2, -0.25],
  ],
  [],
  [[1, 2]],
  [
    [3, 1],
    [0, 1],
    [1, -1.5],
  ],
  [[3, 0.75]],
];
const turned: readonly SparseRow[] = [0, 1, 2, 3].map((s) =>
  rows.flatMap((row, q) => row.filter(([c]) => c === s).map(([, w]) => [q, w] as const)),
);

const of = (claim: string, x: Operand, dim: number): Sample => {
  const attrs = { dim, size: 4, pixels: rows.length };
  return {
    claim,
    operands: [x],
    attrs,
    call: ([t]) =>
      primitive("resize", attrs)(t!, tensor(compressed(rows)), tensor(compressed(turned))),
  };
};

const resize: PrimitiveSamples = {
  tolerance: { relative: 1e-6, absolute: 1e-6 },
  reference: ([x], { dim, pixels }: Attrs) => {
    const axis = x!.shape.length + dim;
    const shape = x!.shape.map((d, i) => (i === axis ? pixels : d));
    return [
      generate(shape, (index) =>
        rows[index[axis]!]!.reduce((sum, [s, w]) => sum + w * at(x!, index.with(axis, s)), 0),
      ),
    ];
  },
  samples: [
    of("the last dimension", real([3, 4], 1), -1),
    of("a dimension in front", real([4, 17], 2), -2),
    of("neighbours in fours", real([2, 4, 8], 3), -2),
    of("a transposed layout", real([2, 4, 3], 4, { layout: "transposed" }), -2),
    of("a sliced layout", real([5, 4], 5, { layout: "sliced" }), -1),
    of("around a workgroup", real([13, 4], 6), -1),
    of("no rows", real([0, 4], 7), -1),
    of("f16", real([3, 4, 4], 8, { dtype: "f16" }), -2),
  ],
};

export const interpolateSamples: SampleTable = { resize };

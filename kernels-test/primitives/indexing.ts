/** Samples of reading and adding by index. */
import { array, at, generate, type HostArray, indices, position } from "../reference/array";
import { given, real, truth, whole } from "./operand";
import { exact, type PrimitiveSamples, type SampleTable } from "./sample";

const summed = { relative: 1e-6, absolute: 1e-6 };

const moved = (index: readonly number[], dim: number, to: number): number[] =>
  index.map((v, d) => (d === dim ? to : v));

/** A copy of `onto` with `src` added where `target` says. */
function added(
  onto: HostArray,
  src: HostArray,
  target: (index: number[]) => number[] | null,
): HostArray {
  const out = array(onto.shape, onto.data);
  for (const index of indices(src.shape)) {
    const to = target(index);
    if (to) out.data[position(onto.shape, to)]! += at(src, index);
  }
  return out;
}

const zeros = (shape: readonly number[]): HostArray => generate(shape, () => 0);

const square = given([2, 4], [2, 0, 2, 1, 0, 0, 1, 2], "i32");

const gather: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x, index], { dim }: { dim: number }) => [
    generate(index!.shape, (i) => at(x!, moved(i, dim, at(index!, i)))),
  ],
  samples: [
    { claim: "rows", operands: [real([3, 4], 1), square], attrs: { dim: 0, unique: false } },
    {
      claim: "columns of a transposed array, u32 indices",
      operands: [
        real([3, 4], 2, { layout: "transposed" }),
        whole([3, 5], 3, { high: 4, dtype: "u32" }),
      ],
      attrs: { dim: 1, unique: false },
    },
    {
      claim: "sliced indices",
      operands: [real([3, 4], 4), whole([2, 3], 5, { high: 4, layout: "sliced" })],
      attrs: { dim: 1, unique: false },
    },
    {
      claim: "by fours",
      operands: [real([5, 8], 6), whole([3, 8], 7, { high: 5, layout: "expanded" })],
      attrs: { dim: 0, unique: false },
    },
    {
      claim: "each element once",
      operands: [real([2, 3], 8), given([2, 3], [2, 0, 1, 1, 2, 0], "i32")],
      attrs: { dim: 1, unique: true },
    },
    { claim: "bool", operands: [truth([3, 4], 9), square], attrs: { dim: 0, unique: false } },
    {
      claim: "no indices",
      operands: [real([3, 4], 10), whole([0, 4], 11)],
      attrs: { dim: 0, unique: false },
    },
    {
      claim: "f16",
      operands: [real([3, 4], 12, { dtype: "f16" }), square],
      attrs: { dim: 0, unique: false },
    },
  ],
};

const gatherBackward: PrimitiveSamples = {
  tolerance: summed,
  reference: ([index, g], { dim, shape }: { dim: number; shape: number[] }) => [
    added(zeros(shape), g!, (i) => moved(i, dim, at(index!, i))),
  ],
  samples: [
    {
      claim: "rows, some named twice",
      operands: [square, real([2, 4], 21)],
      attrs: { dim: 0, unique: false, shape: [3, 4] },
    },
    {
      claim: "onto something larger",
      operands: [square, real([2, 4], 22, { layout: "transposed" })],
      attrs: { dim: 0, unique: false, shape: [5, 6] },
    },
    {
      claim: "each element once",
      operands: [given([2, 3], [2, 0, 1, 1, 2, 0], "i32"), real([2, 3], 23)],
      attrs: { dim: 1, unique: true, shape: [2, 3] },
    },
  ],
};

const scatterAdd: PrimitiveSamples = {
  tolerance: summed,
  reference: ([x, index, src], { dim }: { dim: number }) => [
    added(
      x!,
      generate(index!.shape, (i) => at(src!, i)),
      (i) => moved(i, dim, at(index!, i)),
    ),
  ],
  samples: [
    {
      claim: "rows, some named twice",
      operands: [real([3, 4], 31), square, real([2, 4], 32)],
      attrs: { dim: 0 },
    },
    {
      claim: "columns of views",
      operands: [
        real([3, 4], 33, { layout: "transposed" }),
        whole([3, 5], 34, { high: 4, dtype: "u32" }),
        real([3, 5], 35, { layout: "sliced" }),
      ],
      attrs: { dim: 1 },
    },
    {
      claim: "an index smaller than src",
      operands: [real([3, 4], 36), whole([1, 2], 37, { high: 3 }), real([2, 4], 38)],
      attrs: { dim: 0 },
      // The part of src that no index reads has a gradient of the index's shape only.
      differentiate: false,
    },
    {
      claim: "i32",
      operands: [whole([3, 4], 39), square, whole([2, 4], 40)],
      attrs: { dim: 0 },
    },
  ],
};

const list = given([5], [2, 0, 2, 1, 2], "i32");

const indexSelect: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x, index], { dim }: { dim: number }) => [
    generate(
      x!.shape.map((d, i) => (i === dim ? index!.shape[0]! : d)),
      (i) => at(x!, moved(i, dim, index!.data[i[dim]!]!)),
    ),
  ],
  samples: [
    { claim: "rows", operands: [real([3, 4], 41), list], attrs: { dim: 0 } },
    {
      claim: "the middle of a sliced array",
      operands: [real([2, 3, 3], 42, { layout: "sliced" }), list],
      attrs: { dim: 1 },
    },
    { claim: "no indices", operands: [real([3, 2], 43), whole([0], 44)], attrs: { dim: 0 } },
    { claim: "u32", operands: [whole([3, 2], 45, { dtype: "u32" }), list], attrs: { dim: 0 } },
  ],
};

const indexSelectBackward: PrimitiveSamples = {
  tolerance: summed,
  reference: ([index, g], { dim, size }: { dim: number; size: number }) => [
    added(zeros(g!.shape.map((d, i) => (i === dim ? size : d))), g!, (i) =>
      moved(i, dim, index!.data[i[dim]!]!),
    ),
  ],
  samples: [
    { claim: "rows", operands: [list, real([5, 4], 51)], attrs: { dim: 0, size: 4 } },
    {
      claim: "columns, transposed",
      operands: [list, real([3, 5], 52, { layout: "transposed" })],
      attrs: { dim: 1, size: 3 },
    },
  ],
};

const indexAdd: PrimitiveSamples = {
  tolerance: summed,
  reference: ([x, index, src], { dim }: { dim: number }) => [
    added(x!, src!, (i) => moved(i, dim, index!.data[i[dim]!]!)),
  ],
  samples: [
    { claim: "rows", operands: [real([3, 4], 61), list, real([5, 4], 62)], attrs: { dim: 0 } },
    {
      claim: "columns of views",
      operands: [
        real([2, 3], 63, { layout: "sliced" }),
        list,
        real([2, 5], 64, { layout: "transposed" }),
      ],
      attrs: { dim: 1 },
    },
  ],
};

const embedding: PrimitiveSamples = {
  tolerance: exact,
  reference: ([index, weight]) => {
    const width = weight!.shape[1]!;
    return [
      generate([...index!.shape, width], (i) =>
        at(weight!, [at(index!, i.slice(0, -1)), i.at(-1)!]),
      ),
    ];
  },
  samples: [
    {
      claim: "two dimensions of indices",
      operands: [whole([2, 3], 71, { high: 5 }), real([5, 4], 72)],
      attrs: { paddingIdx: undefined },
    },
    {
      claim: "one index, odd width, a transposed table",
      operands: [given([], [3], "i32"), real([5, 3], 73, { layout: "transposed" })],
      attrs: { paddingIdx: undefined },
    },
    {
      claim: "no indices",
      operands: [whole([0], 74), real([5, 3], 75)],
      attrs: { paddingIdx: undefined },
    },
  ],
};

const embeddingBackward: PrimitiveSamples = {
  tolerance: summed,
  reference: ([index, g], { paddingIdx, rows }: { paddingIdx?: number; rows: number }) => [
    added(zeros([rows, g!.shape.at(-1)!]), g!, (i) => {
      const row = at(index!, i.slice(0, -1));
      return row === paddingIdx ? null : [row, i.at(-1)!];
    }),
  ],
  samples: [
    {
      claim: "two dimensions of indices",
      operands: [whole([2, 3], 81, { high: 4 }), real([2, 3, 4], 82)],
      attrs: { paddingIdx: undefined, rows: 5 },
    },
    {
      claim: "with a padding row",
      operands: [given([4], [1, 2, 1, 0], "i32"), real([4, 3], 83, { layout: "sliced" })],
      attrs: { paddingIdx: 1, rows: 3 },
    },
  ],
};

export const indexingSamples: SampleTable = {
  gather,
  gatherBackward,
  scatterAdd,
  indexSelect,
  indexSelectBackward,
  indexAdd,
  embedding,
  embeddingBackward,
};

/** Samples of writing by index, of positions, and of searching in sorted rows. */
import {
  array,
  at,
  broadcastAt,
  broadcastShape,
  generate,
  indices,
  position,
} from "../reference/array";
import { given, real, truth, whole } from "./operand";
import { exact, type PrimitiveSamples, type SampleTable } from "./sample";

const moved = (index: readonly number[], dim: number, to: number): number[] =>
  index.map((v, d) => (d === dim ? to : v));

const square = given([2, 4], [2, 0, 2, 1, 0, 0, 1, 2], "i32");

const scatter: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x, index, src], { dim }: { dim: number }) => {
    const out = array(x!.shape, x!.data);
    for (const i of indices(index!.shape))
      out.data[position(x!.shape, moved(i, dim, at(index!, i)))] = at(src!, i);
    return [out];
  },
  samples: [
    {
      claim: "rows, some written twice",
      operands: [real([3, 4], 1), given([2, 4], [2, 0, 2, 1, 2, 0, 1, 2], "i32"), real([2, 4], 2)],
      attrs: { dim: 0 },
    },
    {
      claim: "columns of views, u32 indices",
      operands: [
        real([3, 4], 3, { layout: "transposed" }),
        whole([3, 5], 4, { high: 4, dtype: "u32" }),
        real([3, 5], 5, { layout: "sliced" }),
      ],
      attrs: { dim: 1 },
    },
    {
      claim: "a small part, by fours of indices that lie still",
      operands: [
        real([5, 3, 8], 6),
        whole([4, 2, 8], 7, { high: 5, layout: "sliced" }),
        real([4, 2, 8], 8, { layout: "expanded" }),
      ],
      attrs: { dim: 0 },
    },
    { claim: "bool", operands: [truth([3, 4], 9), square, truth([2, 4], 10)], attrs: { dim: 0 } },
    {
      claim: "nothing",
      operands: [real([3, 4], 11), whole([0, 4], 12), real([0, 4], 13)],
      attrs: { dim: 0 },
    },
    {
      claim: "f16",
      operands: [real([3, 4], 14, { dtype: "f16" }), square, real([2, 4], 15, { dtype: "f16" })],
      attrs: { dim: 0 },
    },
  ],
};

type Kind = "prod" | "amax" | "amin";
const combine: Record<Kind, (a: number, b: number) => number> = {
  prod: (a, b) => a * b,
  amax: Math.max,
  amin: Math.min,
};

const reductions = (includeSelf: boolean) =>
  (Object.keys(combine) as Kind[]).flatMap((reduce, k) => [
    {
      claim: `${reduce}, self ${includeSelf}, some elements twice`,
      operands: [real([3, 4], 21 + k), square, real([2, 4], 31 + k)],
      attrs: { dim: 0, reduce, includeSelf },
    },
    {
      claim: `${reduce}, self ${includeSelf}, columns of views`,
      operands: [
        real([3, 4], 41 + k, { layout: "transposed" }),
        whole([2, 7], 51 + k, { high: 4 }),
        real([2, 7], 61 + k, { layout: "sliced" }),
      ],
      attrs: { dim: 1, reduce, includeSelf },
    },
    {
      claim: `${reduce}, self ${includeSelf}, i32`,
      operands: [whole([5], 71 + k), whole([9], 81 + k, { high: 5 }), whole([9], 91 + k)],
      attrs: { dim: 0, reduce, includeSelf },
    },
  ]);

const scatterReduce: PrimitiveSamples = {
  tolerance: { relative: 1e-6, absolute: 1e-6 },
  reference: (
    [x, index, src],
    { dim, reduce, includeSelf }: { dim: number; reduce: Kind; includeSelf: boolean },
  ) => {
    const out = array(x!.shape, x!.data);
    const reached = new Set<number>();
    for (const i of indices(index!.shape)) {
      const to = position(x!.shape, moved(i, dim, at(index!, i)));
      const fresh = !includeSelf && !reached.has(to);
      out.data[to] = fresh ? at(src!, i) : combine[reduce](out.data[to]!, at(src!, i));
      reached.add(to);
    }
    return [out];
  },
  samples: [
    ...reductions(true),
    ...reductions(false),
    {
      claim: "a product with a 0 among the values, and with a 0 to begin with",
      operands: [
        given([4], [2, 0, 3, 1.5]),
        given([8], [0, 0, 1, 1, 2, 2, 2, 3], "i32"),
        given([8], [0, 1.5, -2, 0.5, 0, 1, 2, 3]),
      ],
      attrs: { dim: 0, reduce: "prod", includeSelf: true },
    },
    {
      claim: "nothing",
      operands: [real([3], 95), whole([0], 96), real([0], 97)],
      attrs: { dim: 0, reduce: "amax", includeSelf: false },
    },
  ],
};

const flatIndex: PrimitiveSamples = {
  tolerance: exact,
  reference: ([before, index], { size }: { size: number }) => [
    generate(broadcastShape(before!.shape, index!.shape)!, (i) => {
      const own = broadcastAt(index!, i);
      return broadcastAt(before!, i) * size + (own < 0 ? own + size : own);
    }),
  ],
  samples: [
    {
      claim: "that broadcast",
      operands: [whole([3, 1], 101), whole([4], 102, { low: -5, high: 5 })],
      attrs: { size: 5, site: "test" },
    },
    {
      claim: "of a scalar and a transposed array of u32",
      operands: [
        whole([], 103),
        whole([5, 13], 104, { high: 7, dtype: "u32", layout: "transposed" }),
      ],
      attrs: { size: 7, site: "test" },
    },
    {
      claim: "of views",
      operands: [
        whole([2, 3], 105, { layout: "sliced" }),
        whole([4, 2, 3], 106, { layout: "expanded" }),
      ],
      attrs: { size: 10, site: "test" },
    },
    {
      claim: "of none",
      operands: [whole([0], 107), whole([3, 1], 108)],
      attrs: { size: 10, site: "test" },
    },
  ],
};

const unravelIndex: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x], { shape, fillValue }: { shape: number[]; fillValue: number }) => {
    const all = [...indices(shape)];
    return [
      generate([...x!.shape, shape.length], (i) => {
        const place = all[at(x!, i.slice(0, -1))];
        return place ? place[i.at(-1)!]! : fillValue;
      }),
    ];
  },
  samples: [
    {
      claim: "in a matrix, some past the end",
      operands: [whole([9], 111, { high: 15 })],
      attrs: { shape: [3, 4], fillValue: -1 },
    },
    {
      claim: "in eight dimensions, of a view",
      operands: [whole([65], 112, { high: 48, layout: "sliced" })],
      attrs: { shape: [2, 1, 2, 2, 1, 3, 2, 1], fillValue: 0 },
    },
    {
      claim: "in a vector, two dimensions of positions",
      operands: [whole([2, 3], 113, { high: 9, layout: "transposed" })],
      attrs: { shape: [6], fillValue: 7 },
    },
  ],
};

const ascending = (values: number[]): number[] => values.sort((a, b) => a - b);
const sortedRows = (rows: number, length: number, seed: number, layout?: "transposed") => {
  const { value } = whole([rows, length], seed, { low: -9 });
  const all = Array.from({ length: rows }, (_, r) =>
    ascending([...value.data.slice(r * length, (r + 1) * length)]),
  );
  return given([rows, length], all.flat(), "f32", layout);
};

const searchsorted: PrimitiveSamples = {
  tolerance: exact,
  reference: ([bounds, x], { right }: { right: boolean }) => [
    generate(x!.shape, (i) => {
      const length = bounds!.shape.at(-1)!;
      const row = bounds!.shape.length === 1 ? 0 : position(x!.shape.slice(0, -1), i.slice(0, -1));
      const own = [...bounds!.data.slice(row * length, (row + 1) * length)];
      const value = at(x!, i);
      return own.filter((b) => b < value || (right && b === value)).length;
    }),
  ],
  samples: [false, true].flatMap((right) => [
    {
      claim: `one row for a matrix, right ${right}`,
      operands: [given([7], [-3, -1, 0, 0, 2, 2, 5]), whole([3, 5], 121, { low: -4, high: 7 })].map(
        (x) => ({ ...x, dtype: "f32" as const }),
      ),
      attrs: { right },
    },
    {
      claim: `a row each, transposed, right ${right}`,
      operands: [
        sortedRows(4, 6, 122, "transposed"),
        { ...whole([4, 17], 123, { low: -10, layout: "transposed" }), dtype: "f32" as const },
      ],
      attrs: { right },
    },
    {
      claim: `integers, right ${right}`,
      operands: [
        given([5], [-9, -1, 0, 3, 8], "i32"),
        whole([65], 124, { low: -12, high: 12, layout: "sliced" }),
      ],
      attrs: { right },
    },
    {
      claim: `no bounds, right ${right}`,
      operands: [given([0], []), real([3], 125)],
      attrs: { right },
    },
    {
      claim: `a scalar, right ${right}`,
      operands: [given([3], [1, 2, 3], "u32"), given([], [2], "u32")],
      attrs: { right },
    },
  ]),
};

export const scatterSamples: SampleTable = {
  flatIndex,
  scatter,
  scatterReduce,
  searchsorted,
  unravelIndex,
};

/** Samples of windows, diagonals and reversed order. */
import { array, at, generate, type HostArray, indices, position } from "../reference/array";
import { real, whole } from "./operand";
import { exact, type PrimitiveSamples, type SampleTable } from "./sample";

const summed = { relative: 1e-6, absolute: 1e-6 };

/** A copy of zeros of `shape` with each element of `x` added at `target`. */
function put(
  shape: readonly number[],
  x: HostArray,
  target: (index: number[]) => number[],
): HostArray {
  const out = array(shape, generate(shape, () => 0).data);
  for (const index of indices(x.shape)) out.data[position(shape, target(index))]! += at(x, index);
  return out;
}

interface WindowAttrs {
  dim: number;
  size: number;
  step: number;
  dilation: number;
}

const source =
  ({ dim, step, dilation }: WindowAttrs) =>
  (index: number[]): number[] =>
    index.slice(0, -1).map((i, d) => (d === dim ? i * step + index.at(-1)! * dilation : i));

const windows: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x], attrs: WindowAttrs) => {
    const { dim, size, step, dilation } = attrs;
    const count = (d: number) => Math.floor((d - (size - 1) * dilation - 1) / step) + 1;
    return [
      generate([...x!.shape.map((d, i) => (i === dim ? count(d) : d)), size], (index) =>
        at(x!, source(attrs)(index)),
      ),
    ];
  },
  samples: [
    {
      claim: "that overlap",
      operands: [real([7], 1)],
      attrs: { dim: 0, size: 3, step: 1, dilation: 1 },
    },
    {
      claim: "with gaps between them, of a transposed array",
      operands: [real([8, 3], 2, { layout: "transposed" })],
      attrs: { dim: 0, size: 2, step: 3, dilation: 1 },
    },
    {
      claim: "dilated, in the middle",
      operands: [real([2, 9, 2], 3, { layout: "sliced" })],
      attrs: { dim: 1, size: 3, step: 2, dilation: 2 },
    },
    {
      claim: "as long as a repeated row",
      operands: [real([3, 4], 4, { layout: "expanded" })],
      attrs: { dim: 1, size: 4, step: 1, dilation: 1 },
    },
    {
      claim: "of no rows",
      operands: [real([0, 4], 5)],
      attrs: { dim: 1, size: 2, step: 1, dilation: 1 },
    },
    {
      claim: "i32",
      operands: [whole([65], 6)],
      attrs: { dim: 0, size: 5, step: 4, dilation: 1 },
    },
  ],
};

const overlapAdd: PrimitiveSamples = {
  tolerance: summed,
  reference: ([x], attrs: WindowAttrs & { length: number }) => [
    put(
      x!.shape.slice(0, -1).map((d, i) => (i === attrs.dim ? attrs.length : d)),
      x!,
      source(attrs),
    ),
  ],
  samples: [
    {
      claim: "that overlap",
      operands: [real([5, 3], 11)],
      attrs: { dim: 0, size: 3, step: 1, dilation: 1, length: 7 },
    },
    {
      claim: "with gaps, and more behind the last",
      operands: [real([3, 2, 2], 12, { layout: "transposed" })],
      attrs: { dim: 0, size: 2, step: 3, dilation: 1, length: 10 },
    },
    {
      claim: "dilated, in the middle",
      operands: [real([2, 3, 4, 3], 13, { layout: "sliced" })],
      attrs: { dim: 1, size: 3, step: 2, dilation: 3, length: 11 },
    },
    {
      claim: "of a row repeated without a copy, to 65 elements",
      operands: [real([16, 5], 14, { layout: "expanded" })],
      attrs: { dim: 0, size: 5, step: 4, dilation: 1, length: 65 },
    },
    {
      claim: "none at all",
      operands: [real([0, 3], 15)],
      attrs: { dim: 0, size: 3, step: 1, dilation: 1, length: 2 },
    },
    {
      claim: "u32",
      operands: [whole([4, 2], 16, { dtype: "u32" })],
      attrs: { dim: 0, size: 2, step: 1, dilation: 1, length: 5 },
    },
  ],
};

interface DiagonalAttrs {
  offset: number;
  dim1: number;
  dim2: number;
}

const onDiagonal = (rank: number, { offset, dim1, dim2 }: DiagonalAttrs) => {
  const others = Array.from({ length: rank }, (_, i) => i).filter((i) => i !== dim1 && i !== dim2);
  return (index: readonly number[]): number[] => {
    const place = new Array<number>(rank);
    others.forEach((d, i) => {
      place[d] = index[i]!;
    });
    place[dim1] = index.at(-1)! + Math.max(-offset, 0);
    place[dim2] = index.at(-1)! + Math.max(offset, 0);
    return place;
  };
};

const diagonal: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x], attrs: DiagonalAttrs) => {
    const { offset, dim1, dim2 } = attrs;
    const rows = x!.shape[dim1]! - Math.max(-offset, 0);
    const columns = x!.shape[dim2]! - Math.max(offset, 0);
    const others = x!.shape.filter((_, i) => i !== dim1 && i !== dim2);
    return [
      generate([...others, Math.max(Math.min(rows, columns), 0)], (index) =>
        at(x!, onDiagonal(x!.shape.length, attrs)(index)),
      ),
    ];
  },
  samples: [
    { claim: "the main one", operands: [real([3, 4], 21)], attrs: { offset: 0, dim1: 0, dim2: 1 } },
    {
      claim: "above, in the outer dims of a transposed array",
      operands: [real([3, 2, 4], 22, { layout: "transposed" })],
      attrs: { offset: 1, dim1: 2, dim2: 0 },
    },
    {
      claim: "below, of a sliced array",
      operands: [real([2, 4, 3], 23, { layout: "sliced" })],
      attrs: { offset: -2, dim1: 1, dim2: 2 },
    },
    { claim: "outside", operands: [real([2, 3], 24)], attrs: { offset: 5, dim1: 0, dim2: 1 } },
    {
      claim: "of equal rows",
      operands: [real([3, 3], 25, { layout: "expanded" })],
      attrs: { offset: 0, dim1: 1, dim2: 0 },
    },
  ],
};

const diagEmbed: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x], attrs: DiagonalAttrs & { shape: number[] }) => [
    put(attrs.shape, x!, onDiagonal(attrs.shape.length, attrs)),
  ],
  samples: [
    {
      claim: "a vector",
      operands: [real([3], 31)],
      attrs: { offset: 0, dim1: 0, dim2: 1, shape: [3, 3] },
    },
    {
      claim: "above, of a transposed batch, rows last",
      operands: [real([2, 3], 32, { layout: "transposed" })],
      attrs: { offset: 2, dim1: 2, dim2: 0, shape: [5, 2, 5] },
    },
    {
      claim: "below, in a matrix that is no square",
      operands: [real([3], 33, { layout: "sliced" })],
      attrs: { offset: -1, dim1: 0, dim2: 1, shape: [4, 7] },
    },
    {
      claim: "i32, none",
      operands: [whole([0], 34)],
      attrs: { offset: 1, dim1: 0, dim2: 1, shape: [1, 1] },
    },
  ],
};

const flip: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x], { dims }: { dims: number[] }) => [
    generate(x!.shape, (index) =>
      at(
        x!,
        index.map((i, d) => (dims.includes(d) ? x!.shape[d]! - 1 - i : i)),
      ),
    ),
  ],
  samples: [
    { claim: "a vector", operands: [real([65], 41)], attrs: { dims: [0] } },
    {
      claim: "all dims of a transposed array",
      operands: [real([3, 4], 42, { layout: "transposed" })],
      attrs: { dims: [0, 1] },
    },
    {
      claim: "the middle of a sliced array",
      operands: [real([2, 3, 4], 43, { layout: "sliced" })],
      attrs: { dims: [1] },
    },
    {
      claim: "outer dims of repeated rows",
      operands: [real([3, 2, 4], 44, { layout: "expanded" })],
      attrs: { dims: [0, 2] },
    },
    { claim: "no dims", operands: [real([2, 2], 45)], attrs: { dims: [] } },
    { claim: "no elements", operands: [real([0, 3], 46)], attrs: { dims: [0] } },
    { claim: "u32", operands: [whole([2, 1, 5], 47, { dtype: "u32" })], attrs: { dims: [1, 2] } },
    {
      claim: "f16",
      operands: [real([3, 5], 48, { dtype: "f16" })],
      attrs: { dims: [0, 1] },
    },
  ],
};

export const windowSamples: SampleTable = { diagEmbed, diagonal, flip, overlapAdd, windows };

/** Samples of views, copies, and pieces put together. */
import type { DType } from "../../src/tensor/dtype";
import { array, at, generate } from "../reference/array";
import { given, type Layout, layouts, type Operand, real, stored, truth, whole } from "./operand";
import { exact, type PrimitiveSamples, type Sample, type SampleTable } from "./sample";

const deep = [2, 1, 2, 2, 1, 3, 2, 1];

/** The same call in every layout, and on other element types. */
function everywhere(shape: number[], attrs: unknown, claim = ""): Sample[] {
  const named = (what: string) => (claim ? `${claim}, ${what}` : what);
  return [
    ...layouts.map((layout: Layout, i) => ({
      claim: named(layout),
      operands: [real(shape, i + 1, { layout })],
      attrs,
    })),
    { claim: named("i32"), operands: [whole(shape, 5, { low: -9 })], attrs },
    { claim: named("u32"), operands: [whole(shape, 6, { dtype: "u32" })], attrs },
    { claim: named("bool"), operands: [truth(shape, 7)], attrs },
    { claim: named("f16"), operands: [real(shape, 8, { dtype: "f16" })], attrs },
  ];
}
const once = (claim: string, x: Operand, attrs: unknown): Sample => ({
  claim,
  operands: [x],
  attrs,
});

const reshape: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x], { shape }: { shape: number[] }) => [array(shape, x!.data)],
  samples: [
    ...everywhere([4, 6], { shape: [2, 3, 4] }),
    once("of eight dimensions", real(deep, 11, { layout: "sliced" }), { shape: [6, 8] }),
    once("of a scalar", real([], 12), { shape: [1, 1] }),
    once("to a scalar", real([1, 1], 13), { shape: [] }),
    once("of no elements", real([0, 3], 14), { shape: [2, 0] }),
  ],
};

const permute: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x], { dims }: { dims: number[] }) => [
    generate(
      dims.map((d) => x!.shape[d]!),
      (index) => {
        const from = new Array<number>(dims.length);
        dims.forEach((d, i) => {
          from[d] = index[i]!;
        });
        return at(x!, from);
      },
    ),
  ],
  samples: [
    ...everywhere([2, 3, 4], { dims: [1, 2, 0] }),
    once("of eight dimensions", real(deep, 21), { dims: [7, 6, 5, 4, 3, 2, 1, 0] }),
    once("of a scalar", real([], 22), { dims: [] }),
    once("of no elements", real([0, 3], 23), { dims: [1, 0] }),
  ],
};

const expand: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x], { shape }: { shape: number[] }) => [
    generate(shape, (index) => {
      const extra = shape.length - x!.shape.length;
      return at(
        x!,
        x!.shape.map((d, i) => (d === 1 ? 0 : index[i + extra]!)),
      );
    }),
  ],
  samples: [
    ...everywhere([3, 1, 2], { shape: [2, 3, 4, 2] }),
    once("of a scalar", real([], 31), { shape: [2, 3] }),
    once("to no elements", real([1, 3], 32), { shape: [0, 3] }),
    once("to eight dimensions", real([2, 1, 3], 33), { shape: [1, 2, 1, 1, 2, 2, 2, 3] }),
  ],
};

interface SliceAttrs {
  starts: number[];
  sizes: number[];
  steps: number[];
}
const stepped = { starts: [1, 0], sizes: [2, 3], steps: [1, 2] };

const slice: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x], { starts, sizes, steps }: SliceAttrs) => [
    generate(sizes, (index) =>
      at(
        x!,
        index.map((i, d) => starts[d]! + i * steps[d]!),
      ),
    ),
  ],
  samples: [
    ...everywhere([4, 6], stepped),
    once("to no elements", real([4, 6], 41), { starts: [4, 0], sizes: [0, 6], steps: [1, 1] }),
    once("of a scalar", real([], 42), { starts: [], sizes: [], steps: [] }),
    once("beyond the binding alignment", real([100, 3], 43), {
      starts: [67, 1],
      sizes: [5, 2],
      steps: [3, 1],
    }),
  ],
};

const embed: PrimitiveSamples = {
  tolerance: exact,
  reference: (
    [x],
    { starts, steps, shape, value }: SliceAttrs & { shape: number[]; value: number },
  ) => [
    generate(shape, (index) => {
      const from = index.map((i, d) => (i - starts[d]!) / steps[d]!);
      const inside = from.every((i, d) => Number.isInteger(i) && i >= 0 && i < x!.shape[d]!);
      return inside ? at(x!, from) : value;
    }),
  ],
  samples: [
    ...everywhere([2, 3], { ...stepped, shape: [4, 6], value: 0 }),
    once("around another value", real([2, 3], 51), { ...stepped, shape: [4, 6], value: -1.5 }),
    once("of no elements", real([0, 3], 52), {
      starts: [2, 0],
      sizes: [0, 3],
      steps: [1, 1],
      shape: [4, 3],
      value: 2,
    }),
    once("rows of four in rows of eight", real([3, 4], 53, { layout: "transposed" }), {
      starts: [0, 4],
      sizes: [3, 4],
      steps: [1, 1],
      shape: [5, 8],
      value: 0,
    }),
  ],
};

const cat: PrimitiveSamples = {
  tolerance: exact,
  reference: (inputs, { dim }: { dim: number }) => {
    const total = inputs.reduce((n, x) => n + x.shape[dim]!, 0);
    const shape = inputs[0]!.shape.map((d, i) => (i === dim ? total : d));
    return [
      generate(shape, (index) => {
        let rest = index[dim]!;
        const x = inputs.find((piece) => {
          if (rest < piece.shape[dim]!) return true;
          rest -= piece.shape[dim]!;
          return false;
        })!;
        return at(
          x,
          index.map((i, d) => (d === dim ? rest : i)),
        );
      }),
    ];
  },
  samples: [
    { claim: "two", operands: [real([2, 3], 61), real([4, 3], 62)], attrs: { dim: 0 } },
    {
      claim: "three views along the last dimension",
      operands: [
        real([2, 3], 63, { layout: "transposed" }),
        real([2, 4], 64, { layout: "sliced" }),
        real([2, 1], 65, { layout: "expanded" }),
      ],
      attrs: { dim: 1 },
    },
    {
      claim: "an empty one between",
      operands: [real([2, 3], 66), real([2, 0], 67), real([2, 1], 68)],
      attrs: { dim: 1 },
    },
    {
      claim: "one alone",
      operands: [real([3], 69)],
      attrs: { dim: 0 },
    },
    { claim: "i32", operands: [whole([2, 2], 70), whole([1, 2], 71)], attrs: { dim: 0 } },
    { claim: "bool", operands: [truth([3], 72), truth([4], 73)], attrs: { dim: 0 } },
    {
      claim: "f16 at odd offsets",
      operands: [74, 75].map((seed) => real([3, 3], seed, { dtype: "f16" })),
      attrs: { dim: 1 },
    },
    { claim: "nothing", operands: [real([0], 76), real([0], 77)], attrs: { dim: 0 } },
  ],
};

const split: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x], { dim, sizes }: { dim: number; sizes: number[] }) => {
    let start = 0;
    return sizes.map((size) => {
      const first = start;
      start += size;
      return generate(
        x!.shape.map((d, i) => (i === dim ? size : d)),
        (index) =>
          at(
            x!,
            index.map((i, d) => (d === dim ? i + first : i)),
          ),
      );
    });
  },
  samples: [
    ...everywhere([3, 6], { dim: 1, sizes: [2, 1, 3] }),
    once("with an empty piece at the end", real([64, 4], 81), { dim: 0, sizes: [60, 4, 0] }),
    once("of no elements", real([0, 2], 82), { dim: 0, sizes: [0, 0] }),
  ],
};

const same: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x]) => [x!],
  samples: [
    ...everywhere([3, 4], null),
    once("eight dimensions", real(deep, 91, { layout: "sliced" }), null),
    once("a scalar", real([], 92), null),
    once("no elements", real([2, 0], 93), null),
  ],
};

const clip = (low: number, high: number) => (x: number) =>
  Math.min(Math.max(Math.trunc(x), low), high);
const casts: Record<DType, (x: number) => number> = {
  f32: (x) => x,
  f16: (x) => x,
  i32: clip(-(2 ** 31), 2 ** 31 - 1),
  u32: clip(0, 2 ** 32 - 1),
  bool: (x) => Number(x !== 0),
  bf16: (x) => stored(x, "bf16"),
  i8: clip(-128, 127),
  i4: clip(-8, 7),
};
const castable: Record<string, () => Operand> = {
  f32: () => given([2, 3], [-1.5, 0, 0.25, 1.75, 2.5, 1000]),
  "f32, transposed": () => real([3, 4], 101, { layout: "transposed" }),
  f16: () => given([2, 3], [0, 0.25, 1.75, 2.5, 3, 1000], "f16"),
  i32: () => given([5], [0, 1, 2, 7, 1000], "i32"),
  u32: () => given([5], [0, 1, 2, 7, 1000], "u32"),
  bool: () => truth([5], 102),
  bf16: () => given([7], [-1.5, 0, 0.25, 1.75, 2.5, 1000, -0.5], "bf16"),
  i8: () => given([2, 5], [0, 1, -1, 127, -128, 7, -8, 8, 64, 3], "i8"),
  i4: () => given([13], [0, 1, -1, 7, -8, 3, 2, -2, 4, 5, 6, -7, -3], "i4"),
};
const to: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x], { dtype }: { dtype: DType }) => [array(x!.shape, x!.data.map(casts[dtype]))],
  samples: Object.entries(castable).flatMap(([from, make]) =>
    (Object.keys(casts) as DType[])
      // To f16 and back is exact only for values with few bits.
      .filter((dtype) => !(from.includes("transposed") && dtype === "f16"))
      // Negative integers keep their bits in u32.
      .filter((dtype) => !(["i8", "i4"].includes(from) && dtype === "u32"))
      .map((dtype) => once(`${from} to ${dtype}`, make(), { dtype })),
  ),
};

export const shapeSamples: SampleTable = {
  reshape,
  permute,
  expand,
  slice,
  embed,
  cat,
  split,
  contiguous: same,
  clone: same,
  stopGradient: same,
  to,
};

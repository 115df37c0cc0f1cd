/** Samples of running results along one dimension. */
import { at, generate, type HostArray } from "../reference/array";
import { given, type Operand, real, whole } from "./operand";
import { exact, type PrimitiveSamples, type Sample, type SampleTable } from "./sample";

interface ScanAttrs {
  dim: number;
  reverse: boolean;
}

const sample = (claim: string, x: Operand, dim: number, reverse = false): Sample => ({
  claim,
  operands: [x],
  attrs: { dim, reverse },
});

/** The elements of x's row through `index`, in the order they are gone through, up to it. */
function upTo(x: HostArray, index: readonly number[], { dim, reverse }: ScanAttrs): number[] {
  const places = Array.from({ length: x.shape[dim]! }, (_, i) => i);
  const passed = reverse
    ? places.filter((i) => i >= index[dim]!).reverse()
    : places.filter((i) => i <= index[dim]!);
  return passed.map((i) => at(x, index.with(dim, i)));
}

const running =
  (fn: (values: number[]) => number) =>
  ([x]: readonly HostArray[], attrs: ScanAttrs): HostArray[] => [
    generate(x!.shape, (index) => fn(upTo(x!, index, attrs))),
  ];

interface Range {
  low: number;
  high: number;
}

/** Rows in every layout and direction; `around` the range of long rows. */
const rows = (seed: number, around: Range): Sample[] => [
  sample("rows", real([3, 5], seed), 1),
  sample("columns, backwards", real([5, 3], seed + 1), 0, true),
  sample("the middle of a sliced array", real([2, 4, 3], seed + 2, { layout: "sliced" }), 1),
  sample("expanded, backwards", real([4, 3], seed + 3, { layout: "expanded" }), 0, true),
  sample("transposed", real([3, 4, 2], seed + 4, { layout: "transposed" }), 1),
  sample("longer than a segment", real([2, 130], seed + 5, around), 1),
  sample("a single element", real([3, 1], seed + 6), 1, true),
  sample("no elements", real([2, 0], seed + 7), 1),
  sample("no rows", real([0, 3], seed + 8), 1),
];

const integers = (seed: number): Sample[] => [
  sample("i32", whole([2, 5], seed, { low: -5 }), 1, true),
  sample("u32, sliced", whole([3, 4], seed + 1, { dtype: "u32", layout: "sliced" }), 0),
];

const cumsum: PrimitiveSamples = {
  tolerance: { relative: 1e-6, absolute: 3e-6 },
  reference: running((values) => values.reduce((a, b) => a + b, 0)),
  samples: [
    ...rows(71, { low: -0.1, high: 0.1 }),
    sample("several segments", real([2, 300], 75, { low: -0.1, high: 0.1 }), 1),
    ...integers(76),
  ],
};

const cumprod: PrimitiveSamples = {
  tolerance: { relative: 2e-5, absolute: 1e-6 },
  reference: running((values) => values.reduce((a, b) => a * b, 1)),
  samples: [
    ...rows(81, { low: 0.97, high: 1.03 }),
    sample("a zero", given([2, 4], [2, 0, 3, -1, 1, 2, 0.5, 0]), 1),
    sample("two zeros, backwards", given([5], [2, 0, 3, 0, -1]), 0, true),
    ...integers(91),
  ],
};

const logcumsumexp: PrimitiveSamples = {
  tolerance: { relative: 2e-6, absolute: 2e-6 },
  reference: running((values) => {
    const high = Math.max(...values);
    return high + Math.log(values.reduce((sum, v) => sum + Math.exp(v - high), 0));
  }),
  samples: [
    ...rows(101, { low: -3, high: 3 }),
    sample("far apart", given([2, 4], [-30, 0, 40, 39, 100, 50, 101, 100.5]), 1),
  ],
};

const pair = (claim: string, a: Operand, b: Operand, dim: number, reverse = false): Sample => ({
  claim,
  operands: [a, b],
  attrs: { dim, reverse },
});

const linearRecurrence: PrimitiveSamples = {
  tolerance: { relative: 1e-5, absolute: 5e-6 },
  reference: ([a, b], attrs: ScanAttrs) => [
    generate(b!.shape, (index) => {
      const [factors, terms] = [upTo(a!, index, attrs), upTo(b!, index, attrs)];
      return terms.reduce((y, term, i) => (i === 0 ? term : factors[i]! * y + term), 0);
    }),
  ],
  samples: [
    pair("rows", real([3, 5], 111), real([3, 5], 112), 1),
    pair("columns, backwards", real([5, 3], 113), real([5, 3], 114), 0, true),
    pair(
      "views",
      real([3, 4], 115, { layout: "transposed" }),
      real([3, 4], 116, { layout: "sliced" }),
      1,
    ),
    pair(
      "an expanded factor, backwards",
      real([3, 4], 117, { layout: "expanded" }),
      real([3, 4], 118),
      0,
      true,
    ),
    pair(
      "longer than a segment",
      real([2, 130], 119, { low: 0.9, high: 1 }),
      real([2, 130], 120),
      1,
    ),
    pair("zeros", given([4], [1, 0, 2, 0]), real([4], 121), 0),
    pair("a single element", real([2, 1], 122), real([2, 1], 123), 1),
    pair("no elements", real([2, 0], 124), real([2, 0], 125), 1),
  ],
};

const place = (claim: string, x: Operand, dim: number): Sample => ({
  claim,
  operands: [x],
  attrs: { dim },
});

const places = (isAfter: (a: number, b: number) => boolean): PrimitiveSamples => ({
  tolerance: exact,
  reference: ([x], { dim }: { dim: number }) => [
    generate(x!.shape, (index) => {
      const values = upTo(x!, index, { dim, reverse: false });
      return values.reduce((best, v, i) => (isAfter(v, values[best]!) ? i : best), 0);
    }),
  ],
  samples: [
    place("rows", real([3, 7], 131), 1),
    place("columns", real([7, 3], 132), 0),
    place("the middle of a sliced array", real([2, 5, 3], 133, { layout: "sliced" }), 1),
    place("transposed", real([3, 5], 134, { layout: "transposed" }), 0),
    place("the last of ties", given([2, 4], [1, 3, 3, 1, 2, 2, 2, 2]), 1),
    place("i32", whole([3, 5], 135, { low: -9 }), 0),
    place("u32", whole([3, 5], 136, { dtype: "u32" }), 1),
    place("f16", real([3, 5], 137, { dtype: "f16" }), 1),
    place("no rows", real([0, 3], 138), 1),
    place("no elements", real([2, 0], 139), 1),
  ],
});

export const scanSamples: SampleTable = {
  cumsum,
  cumprod,
  logcumsumexp,
  linearRecurrence,
  cumArgmax: places((a, b) => a >= b),
  cumArgmin: places((a, b) => a <= b),
};

/** Samples of the reductions. */

import type { Tolerance } from "../harness";
import { type HostArray, reduceDims } from "../reference/array";
import { given, type Operand, real, truth, whole } from "./operand";
import { exact, type PrimitiveSamples, type SampleTable } from "./sample";

const total = (values: number[]): number => values.reduce((a, b) => a + b, 0);

/** Sums of up to a few hundred numbers of size 1, in f32. */
const summed: Tolerance = { relative: 1e-6, absolute: 2e-6 };

const over = (fn: (values: number[]) => number) => {
  return ([x]: readonly HostArray[], { dims }: { dims: readonly number[] }) => [
    reduceDims(x!, dims, fn),
  ];
};

const sample = (claim: string, x: Operand, dims: readonly number[]) => ({
  claim,
  operands: [x],
  attrs: { dims },
});

const deep = [2, 1, 2, 2, 1, 3, 2, 1];

const floating = [
  sample("all of an odd size", real([3, 5], 1), [0, 1]),
  sample("rows", real([4, 7], 2), [1]),
  sample("columns", real([7, 4], 3), [0]),
  sample("the outer two of three", real([3, 4, 5], 4), [0, 2]),
  sample("rows of a transposed matrix", real([5, 3], 5, { layout: "transposed" }), [1]),
  sample("the middle of a sliced array", real([2, 5, 3], 6, { layout: "sliced" }), [1]),
  sample("eight dimensions, four of them", real(deep, 7, { layout: "sliced" }), [0, 2, 3, 6]),
  sample("eight dimensions, the others", real(deep, 8, { layout: "sliced" }), [1, 4, 5, 7]),
  sample("a scalar", real([], 9), []),
  sample("no dimension", real([2, 3], 10), []),
  sample("no results", real([0, 3], 11), [1]),
  sample("f16", real([3, 5], 12, { dtype: "f16" }), [1]),
];
/** No two equal elements: expanding makes ties, which only sums take in their stride. */
const repeated = sample("rows repeated", real([4, 5], 13, { layout: "expanded" }), [0]);
const emptied = sample("nothing to add", real([0, 3], 14), [0]);
const integers = [
  sample("i32", whole([3, 5], 15, { low: -9 }), [0]),
  sample("u32, sliced", whole([3, 5], 16, { dtype: "u32", layout: "sliced" }), [1]),
];

const truths = [
  sample("rows", truth([6, 2], 21), [1]),
  sample("columns, transposed", truth([3, 5], 22, "transposed"), [0]),
  sample("all", truth([2, 3, 4], 23), [0, 1, 2]),
  sample("nothing to look at", truth([0, 3], 24), [0]),
  sample("a scalar", truth([], 25), []),
];

const first = (better: (a: number, b: number) => boolean) => (values: number[]) =>
  values.reduce((best, v, i) => (better(v, values[best]!) ? i : best), 0);

function arg(better: (a: number, b: number) => boolean): PrimitiveSamples {
  const at = (claim: string, x: Operand, dim: number) => ({
    claim,
    operands: [x],
    attrs: { dim },
  });
  return {
    tolerance: exact,
    reference: ([x], { dim }: { dim: number }) => [reduceDims(x!, [dim], first(better))],
    samples: [
      at("rows", real([4, 7], 31), 1),
      at("columns", real([7, 4], 32), 0),
      at("the middle of a sliced array", real([2, 5, 3], 33, { layout: "sliced" }), 1),
      at("eight dimensions", real(deep, 34, { layout: "sliced" }), 5),
      at("the first of ties", given([2, 4], [1, 3, 3, 1, 2, 2, 2, 2]), 1),
      at("i32", whole([3, 5], 35, { low: -9 }), 0),
      at("u32, transposed", whole([3, 5], 36, { dtype: "u32", layout: "transposed" }), 1),
      at("bool", truth([3, 5], 37), 1),
      at("no results", real([0, 3], 38), 1),
      at("f16", real([3, 5], 39, { dtype: "f16" }), 1),
    ],
  };
}

export const reduceSamples: SampleTable = {
  sum: {
    tolerance: summed,
    reference: over(total),
    samples: [
      ...floating,
      repeated,
      emptied,
      ...integers,
      sample("bool counts", truth([6, 5], 17), [1]),
      sample("more than one chunk", real([2, 2500], 18, { low: -0.05, high: 0.05 }), [1]),
    ],
  },
  mean: {
    tolerance: summed,
    reference: over((values) => total(values) / values.length),
    samples: [
      ...floating,
      repeated,
      sample("more than one chunk", real([2, 2500], 19, { low: -0.05, high: 0.05 }), [1]),
    ],
  },
  prod: {
    tolerance: { relative: 2e-6, absolute: 2e-6 },
    reference: over((values) => values.reduce((a, b) => a * b, 1)),
    samples: [
      ...floating,
      repeated,
      emptied,
      ...integers,
      sample("bool: whether all are true", truth([6, 2], 41), [1]),
      sample("a zero, two zeros", given([2, 4], [2, 0, -3, 0.5, 0, 3, 0, 2]), [1]),
      sample("more than one chunk", real([2, 1100], 42, { low: 0.998, high: 1.002 }), [1]),
    ],
  },
  max: {
    tolerance: exact,
    reference: over((values) => Math.max(...values)),
    samples: [...floating, ...integers],
  },
  min: {
    tolerance: exact,
    reference: over((values) => Math.min(...values)),
    samples: [...floating, ...integers],
  },
  any: {
    tolerance: exact,
    reference: over((values) => Number(values.some(Boolean))),
    samples: truths,
  },
  all: {
    tolerance: exact,
    reference: over((values) => Number(values.every(Boolean))),
    samples: truths,
  },
  argmax: arg((a, b) => a > b),
  argmin: arg((a, b) => a < b),
};

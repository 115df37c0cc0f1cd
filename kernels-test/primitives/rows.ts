/** Samples of the operations on rows: softmax, loss, running sums and order. */
import { array, generate, type HostArray } from "../reference/array";
import { byRows, logSumExp, rowsOf, softmax, total } from "../reference/matrix";
import { given, type Operand, real, whole } from "./operand";
import { exact, type PrimitiveSamples, primitive, type Sample, type SampleTable } from "./sample";

const rowTolerance = { relative: 3e-6, absolute: 2e-6 };

const of = (claim: string, ...operands: Operand[]): Sample => ({ claim, operands, attrs: null });

/** Rows of odd and even lengths in every layout; some kernels read rows in vec4s. */
const rows: readonly Sample[] = [
  of("rows of five", real([3, 5], 1)),
  of("rows of eight", real([3, 8], 2)),
  of("rows of one", real([4, 1], 3)),
  of("three dimensions, transposed", real([2, 3, 4], 4, { layout: "transposed" })),
  of("sliced", real([3, 5], 5, { layout: "sliced" })),
  of("expanded", real([3, 4], 6, { layout: "expanded" })),
  of("a scalar", real([], 7)),
  of("no rows", real([0, 3], 8)),
];

const softmaxRows: PrimitiveSamples = {
  tolerance: rowTolerance,
  reference: ([x]) => [byRows(x!, softmax)],
  samples: rows,
};
const logSoftmaxRows: PrimitiveSamples = {
  tolerance: rowTolerance,
  reference: ([x]) => [byRows(x!, (row) => row.map((v) => v - logSumExp(row)))],
  samples: rows,
};
const logSumExpRows: PrimitiveSamples = {
  tolerance: rowTolerance,
  reference: ([x]) => [array(x!.shape.slice(0, -1), rowsOf(x!).map(logSumExp))],
  // Takes rows: the function users call makes one of a scalar.
  samples: rows.filter(({ operands }) => operands[0]!.value.shape.length > 0),
};

const pairs: readonly Sample[] = [
  of("rows of five", real([3, 5], 11, { low: 0.05, high: 0.5 }), real([3, 5], 12)),
  of("rows of eight", real([2, 8], 13, { low: 0.05, high: 0.5 }), real([2, 8], 14)),
  of(
    "views",
    real([3, 4], 15, { layout: "transposed", low: 0.05, high: 0.5 }),
    real([3, 4], 16, { layout: "expanded" }),
  ),
  of("no rows", real([0, 3], 17), real([0, 3], 18)),
];

const twoRows = (
  [y, g]: readonly HostArray[],
  fn: (y: readonly number[], g: readonly number[]) => number[],
): HostArray[] => {
  const other = rowsOf(g!);
  return [byRows(y!, (row, r) => fn(row, other[r]!))];
};

const softmaxBackward: PrimitiveSamples = {
  tolerance: rowTolerance,
  reference: (inputs) =>
    twoRows(inputs, (y, g) => {
      const along = total(y.map((v, i) => v * g[i]!));
      return y.map((v, i) => v * (g[i]! - along));
    }),
  samples: pairs,
};
const logSoftmaxBackward: PrimitiveSamples = {
  tolerance: rowTolerance,
  reference: (inputs) => twoRows(inputs, (y, g) => y.map((v, i) => g[i]! - Math.exp(v) * total(g))),
  samples: pairs,
};

interface LossAttrs {
  ignoreIndex: number;
  labelSmoothing: number;
  reduction: "none" | "sum" | "mean";
  description: string;
}

const loss = (reduction: LossAttrs["reduction"], labelSmoothing = 0): LossAttrs => ({
  ignoreIndex: -100,
  labelSmoothing,
  reduction,
  description: "sample",
});

const logits = (seed: number, classes = 5): Operand => real([4, classes], seed);
const target = given([4], [0, 3, -100, 4], "i32");

function lossRows(x: HostArray, t: HostArray, attrs: LossAttrs): number[] {
  return rowsOf(x).map((row, r) => {
    const wanted = t.data[r]!;
    if (wanted === attrs.ignoreIndex) return 0;
    const log = row.map((v) => v - logSumExp(row));
    const uniform = total(log) / row.length;
    return -(1 - attrs.labelSmoothing) * log[wanted]! - attrs.labelSmoothing * uniform;
  });
}
const counted = (t: HostArray, { ignoreIndex }: LossAttrs): number =>
  t.data.filter((v) => v !== ignoreIndex).length;

const lossAttrs: readonly (readonly [string, LossAttrs, Operand])[] = [
  ["mean", loss("mean"), logits(61)],
  ["sum, classes by fours", loss("sum"), logits(62, 8)],
  ["none, smoothed", loss("none", 0.2), logits(63)],
  ["mean, smoothed, sliced", loss("mean", 0.1), real([4, 5], 64, { layout: "sliced" })],
];

const crossEntropy: PrimitiveSamples = {
  tolerance: rowTolerance,
  reference: ([x, t], attrs: LossAttrs) => {
    const each = lossRows(x!, t!, attrs);
    if (attrs.reduction === "none") return [array([each.length], each)];
    const divisor = attrs.reduction === "mean" ? counted(t!, attrs) : 1;
    return [array([], [total(each) / divisor])];
  },
  samples: lossAttrs.map(([claim, attrs, x]) => ({
    claim,
    operands: [x, target],
    attrs,
    call: (inputs) => primitive("crossEntropy", attrs)(...inputs).slice(0, 1),
  })),
};

const crossEntropyBackward: PrimitiveSamples = {
  tolerance: rowTolerance,
  reference: ([x, t, g], attrs: LossAttrs) => {
    const classes = x!.shape[1]!;
    const divisor = attrs.reduction === "mean" ? counted(t!, attrs) : 1;
    return [
      byRows(x!, (row, r) => {
        const wanted = t!.data[r]!;
        const weight = wanted === attrs.ignoreIndex ? 0 : (g!.data[r] ?? g!.data[0]!) / divisor;
        return softmax(row).map((p, c) => {
          const aim =
            (c === wanted ? 1 - attrs.labelSmoothing : 0) + attrs.labelSmoothing / classes;
          return weight * (p - aim);
        });
      }),
    ];
  },
  samples: lossAttrs.map(([claim, attrs, x]) => ({
    claim,
    operands: [x, target, real(attrs.reduction === "none" ? [4] : [], 65)],
    attrs,
    call: ([l, t, g]) => {
      const [, lse, count] = primitive("crossEntropy", attrs)(l!, t!);
      const divisor = attrs.reduction === "mean" ? [count!] : [];
      return primitive("crossEntropyBackward", attrs)(g!, l!, t!, lse!, ...divisor);
    },
  })),
};

const argsort: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x], { dim, descending }: { dim: number; descending: boolean }) => [
    generate(x!.shape, (index) => {
      const length = x!.shape[dim]!;
      const value = (i: number): number => {
        const here = index.map((v, d) => (d === dim ? i : v));
        return x!.data[here.reduce((p, v, d) => p * x!.shape[d]! + v, 0)]!;
      };
      const order = Array.from({ length }, (_, i) => i);
      order.sort((a, b) => (descending ? value(b) - value(a) : value(a) - value(b)) || a - b);
      return order[index[dim]!]!;
    }),
  ],
  samples: [
    { claim: "rows", operands: [real([3, 7], 81)], attrs: { dim: 1, descending: false } },
    {
      claim: "columns of a transposed array, descending",
      operands: [real([5, 3], 82, { layout: "transposed" })],
      attrs: { dim: 0, descending: true },
    },
    {
      claim: "ties keep their order",
      operands: [given([8], [2, 1, 2, 1, 3, 1, 2, 3])],
      attrs: { dim: 0, descending: true },
    },
    {
      claim: "i32",
      operands: [whole([2, 9], 83, { low: -4, high: 5 })],
      attrs: { dim: 1, descending: false },
    },
    { claim: "no elements", operands: [real([0], 84)], attrs: { dim: 0, descending: false } },
  ],
};

export const rowSamples: SampleTable = {
  softmax: softmaxRows,
  softmaxBackward,
  logSoftmax: logSoftmaxRows,
  logSoftmaxBackward,
  logSumExp: logSumExpRows,
  crossEntropy,
  crossEntropyBackward,
  argsort,
};

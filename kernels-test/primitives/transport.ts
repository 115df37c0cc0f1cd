/** Samples of the operations on pairs of points: costs, soft minima, plans, and Sinkhorn's fixed point. */
import { add, mul, square, sub } from "../../src/ops/arithmetic";
import { sum } from "../../src/ops/reduce";
import { stopGradient, unsqueeze } from "../../src/ops/shape";
import { tensor } from "../../src/tensor/creation";
import type { Tensor } from "../../src/tensor/tensor";
import {
  type CostFunction,
  cosineCost,
  costOfRule,
  rootCost,
  squareCost,
} from "../../src/transport/cost";
import { scaleOf, unbounded } from "../../src/transport/pairs";
import { array, generate, type HostArray } from "../reference/array";
import { given, type Operand, real } from "./operand";
import { type PrimitiveSamples, primitive, type Sample, type SampleTable } from "./sample";

const tolerance = { relative: 2e-5, absolute: 2e-5 };
const epsilon = 0.7;

/** Not symmetric in its points: Σ (2 x − y)² / (1 + k). */
const skewed = costOfRule({
  name: "skewed",
  term: "(2.0 * x - y) * (2.0 * x - y) / f32(1u + k)",
  slopeX: "4.0 * (2.0 * x - y) / f32(1u + k)",
  slopeY: "-2.0 * (2.0 * x - y) / f32(1u + k)",
  plain: (x, y) => {
    const parts = Array.from({ length: x.shape.at(-1)! }, (_, k) => 1 / (1 + k));
    const apart = square(sub(mul(unsqueeze(x, -2), 2), unsqueeze(y, -3)));
    return sum(mul(apart, tensor(parts, { device: x.device })), { dim: -1 });
  },
});

type Row = ArrayLike<number>;
const total = (x: Row, term: (v: number, k: number) => number): number =>
  Array.from(x).reduce((sum, v, k) => sum + term(v, k), 0);

/** Each cost of two points, and its slope in coordinate k of the first. */
const hostCosts = new Map<
  CostFunction,
  { of(x: Row, y: Row): number; slope(x: Row, y: Row, k: number): number }
>([
  [
    squareCost,
    {
      of: (x, y) => total(x, (v, k) => (v - y[k]!) ** 2),
      slope: (x, y, k) => 2 * (x[k]! - y[k]!),
    },
  ],
  [
    rootCost,
    {
      of: (x, y) => Math.sqrt(total(x, (v, k) => (v - y[k]!) ** 2)),
      slope: (x, y, k) => (x[k]! - y[k]!) / Math.sqrt(total(x, (v, j) => (v - y[j]!) ** 2)),
    },
  ],
  [cosineCost, { of: (x, y) => 1 - total(x, (v, k) => v * y[k]!), slope: (_, y, k) => -y[k]! }],
  [
    skewed,
    {
      of: (x, y) => total(x, (v, k) => (2 * v - y[k]!) ** 2 / (1 + k)),
      slope: (x, y, k) => (4 * (2 * x[k]! - y[k]!)) / (1 + k),
    },
  ],
]);

/** Row i of matrix b of [B, n, d]. */
const row = (x: HostArray, b: number, i: number): Float64Array => {
  const [, n, d] = x.shape as [number, number, number];
  return x.data.subarray((b * n + i) * d, (b * n + i + 1) * d);
};

/** The costs [B, n, m] of points, or the matrix itself. */
function costs([x, y]: readonly HostArray[], cost: CostFunction | null): HostArray {
  if (!cost) return x!;
  const { of } = hostCosts.get(cost)!;
  const shape = [x!.shape[0]!, x!.shape[1]!, y!.shape[1]!];
  return generate(shape, ([b, i, j]) => of(row(x!, b!, i!), row(y!, b!, j!)));
}

/** 2^((f + g − c) / ε + the log weights). */
function masses(
  { f, g, a, b }: Readonly<Record<"f" | "g" | "b", HostArray>> & { readonly a?: HostArray },
  c: HostArray,
): HostArray {
  const [, n, m] = c.shape as [number, number, number];
  return generate(c.shape, ([p, i, j]) => {
    const [left, right] = [p! * n + i!, p! * m + j!];
    const exponent = (f.data[left]! + g.data[right]! - c.data[left * m + j!]!) / epsilon;
    return Math.exp(exponent) * 2 ** ((a?.data[left] ?? 0) + b.data[right]!);
  });
}

/** [B, n, m] times [B, m, k]. */
function times(p: HostArray, v: HostArray): HostArray {
  const [batch, n, m] = p.shape as [number, number, number];
  const k = v.shape[2]!;
  return generate([batch, n, k], ([b, i, c]) =>
    total(row(p, b!, i!), (w, j) => w * v.data[(b! * m + j) * k + c!]!),
  );
}

interface Attrs {
  readonly cost: CostFunction | null;
  readonly weighted?: true;
}

/** Σ_j W_ij dc(x_i, y_j) / dx_ik. */
function slopes(weights: HostArray, x: HostArray, y: HostArray, cost: CostFunction): HostArray {
  const { slope } = hostCosts.get(cost)!;
  return generate(x.shape, ([b, i, k]) =>
    total(row(weights, b!, i!), (w, j) => w * slope(row(x, b!, i!), row(y, b!, j), k!)),
  );
}

const pairs: readonly { readonly claim: string; readonly cost: CostFunction | null }[] = [
  { claim: "squared Euclidean", cost: squareCost },
  { claim: "Euclidean", cost: rootCost },
  { claim: "cosine", cost: cosineCost },
  { claim: "a cost of the caller, which is not symmetric", cost: skewed },
  { claim: "a matrix", cost: null },
];

const [batch, n, m, width] = [2, 3, 5, 2];
/** Apart, so that no two points meet, where distances have no slope. */
const pointsX = real([batch, n, width], 11, { low: -1, high: 0 });
const pointsY = real([batch, m, width], 12, { low: 0.1, high: 1, layout: "transposed" });
const matrix = real([batch, n, m], 13, { low: 0, high: 2, layout: "sliced" });
const operandsOf = (cost: CostFunction | null): Operand[] => (cost ? [pointsX, pointsY] : [matrix]);
const potential = (size: number, seed: number): Operand =>
  real([batch, size], seed, { low: -0.5, high: 0.5 });
const logWeights = (size: number, seed: number): Operand =>
  real([batch, size], seed, { low: -3, high: -1 });

const each = (
  claim: string,
  leading: readonly Operand[],
  attrs: object = {},
  only: (cost: CostFunction | null) => boolean = () => true,
): Sample[] =>
  pairs.flatMap((pair) =>
    only(pair.cost)
      ? [
          {
            claim: `${claim}${pair.claim}`,
            operands: [...leading, ...operandsOf(pair.cost)],
            attrs: { epsilon, cost: pair.cost, ...attrs },
          },
        ]
      : [],
  );

const softmin: PrimitiveSamples = {
  tolerance,
  reference: ([f, g, b, ...cost], { cost: of }: Attrs) => {
    const p = masses({ f: f!, g: g!, b: b! }, costs(cost, of));
    return [
      generate(f!.shape, ([k, i]) => {
        const mass = total(row(p, k!, i!), (w) => w);
        return f!.data[k! * f!.shape[1]! + i!]! - epsilon * Math.log(mass);
      }),
    ];
  },
  samples: each("", [potential(n, 1), potential(m, 2), logWeights(m, 3)]),
};

const apply: PrimitiveSamples = {
  tolerance,
  reference: ([f, g, a, b, v, ...cost], { cost: of, weighted }: Attrs) => {
    const c = costs(cost, of);
    const p = masses({ f: f!, g: g!, a: a!, b: b! }, c);
    const q = weighted
      ? array(
          p.shape,
          p.data.map((w, k) => w * c.data[k]!),
        )
      : p;
    return [times(q, v!)];
  },
  samples: [
    ...each("", [
      ...[potential(n, 1), potential(m, 2), logWeights(n, 3), logWeights(m, 4)],
      real([batch, m, 6], 5),
    ]),
    ...each(
      "with the cost of each pair, ",
      [
        ...[potential(n, 1), potential(m, 2), logWeights(n, 3), logWeights(m, 4)],
        real([batch, m, 1], 5),
      ],
      { weighted: true },
      (cost) => cost === skewed || cost === null,
    ),
  ],
};

const isOfPoints = (cost: CostFunction | null): boolean => cost !== null;
const pullOperands = [
  ...[potential(n, 1), potential(m, 2), logWeights(m, 4)],
  ...[real([batch, n, 2], 5), real([batch, m, 2], 6)],
];

const planPull: PrimitiveSamples = {
  tolerance,
  reference: ([f, g, b, q, v, x, y], { cost, weighted }: Attrs) => {
    const c = costs([x!, y!], cost);
    const p = masses({ f: f!, g: g!, b: b! }, c);
    const channels = q!.shape[2]!;
    const weights = generate(p.shape, ([k, i, j]) => {
      const at = (k! * n + i!) * m + j!;
      const product = total(
        row(q!, k!, i!),
        (w, ch) => w * v!.data[(k! * m + j!) * channels + ch]!,
      );
      return p.data[at]! * product * (weighted ? 1 - c.data[at]! / epsilon : 1);
    });
    return [slopes(weights, x!, y!, cost!)];
  },
  samples: [
    ...each("", pullOperands, {}, isOfPoints),
    ...each("with the cost of each pair, ", pullOperands, { weighted: true }, (c) => c === skewed),
  ],
};

const costPull: PrimitiveSamples = {
  tolerance,
  reference: ([w, x, y], { cost }: Attrs) => [slopes(w!, x!, y!, cost!)],
  samples: each("", [real([batch, n, m], 7)], {}, isOfPoints),
};

const cost: PrimitiveSamples = {
  tolerance,
  reference: ([x, y], { cost: of }: Attrs) => [costs([x!, y!], of)],
  samples: each("", [], {}, isOfPoints),
};

const weights: PrimitiveSamples = {
  tolerance: { relative: 1e-6, absolute: 1e-6 },
  reference: ([a, b]) => [
    a!,
    generate([a!.shape[0]!], ([k]) => {
      const [mass, other] = [a!, b!].map((w) => {
        const size = w.shape[1]!;
        return total(w.data.subarray(k! * size, (k! + 1) * size), (v) => v);
      });
      return Math.log2(mass! / other!);
    }),
  ],
  samples: [
    {
      claim: "of masses that differ",
      operands: [real([2, 3], 1, { low: 0.1, high: 1 }), real([2, 5], 2, { low: 0.1, high: 1 })],
      attrs: { balanced: false, caller: "weights", names: ["a", "b"] },
      call: ([a, b]) => {
        const attrs = { balanced: false, caller: "weights", names: ["a", "b"] };
        const [checked, ratio] = primitive("transportWeights", attrs)(a!, b!);
        return [checked!, stopGradient(ratio!)];
      },
      differentiate: false,
    },
  ],
};

const finitePoints: PrimitiveSamples = {
  tolerance: { relative: 0, absolute: 0 },
  reference: ([x]) => [x!],
  samples: [
    { claim: "of points", operands: [real([2, 3, 2], 1)], attrs: { caller: "points", name: "x" } },
  ],
};

const balanced = { damping: 1, bound: unbounded };
const solver = {
  ...{ epsilon, relaxation: 1, scaling: [], tolerance: 0, maxIterations: 40, checkEvery: 40 },
  ...{ strict: false, implicit: { maxIterations: 30, tolerance: 1e-6 } },
};

/** f_i + g_j, which does not depend on how the two are shifted against each other; whole, with their tails. */
function sums([f, g, , levelA, levelB]: readonly Tensor[], inputs: readonly Tensor[]): Tensor {
  const whole = (potential: Tensor, level: Tensor, log2: Tensor): Tensor =>
    add(potential, mul(stopGradient(sub(level, log2)), 1 / scaleOf(epsilon)));
  return add(
    unsqueeze(whole(f!, levelA!, inputs[2]!), -1),
    unsqueeze(whole(g!, levelB!, inputs[3]!), -2),
  );
}

/** Log weights that add up to 1 in each problem. */
const shares = (size: number, seed: number): Operand => {
  const { value } = real([batch, size], seed, { low: 0.2, high: 1 });
  const sums = Array.from({ length: batch }, (_, b) =>
    total(value.data.subarray(b * size, (b + 1) * size), (v) => v),
  );
  return given(
    [batch, size],
    value.data.map((v, k) => Math.log2(v / sums[Math.floor(k / size)]!)),
  );
};

const sinkhornSamples = (claim: string, sides: object, only: (c: CostFunction | null) => boolean) =>
  each(
    claim,
    [potential(n, 1), potential(m, 2), shares(n, 3), shares(m, 4)],
    { ...solver, a: balanced, b: balanced, ...sides },
    only,
  ).map(
    (sample): Sample => ({
      ...sample,
      call: (inputs) => [sums(primitive("transportSinkhorn", sample.attrs)(...inputs), inputs)],
      wrt: sample.operands.map((_, k) => k).slice(4),
    }),
  );

const kl = { damping: 0.6, bound: unbounded };
const sinkhorn: PrimitiveSamples = {
  tolerance,
  gradientTolerance: 5e-3,
  samples: [
    ...sinkhornSamples("", {}, (c) => c === squareCost || c === null),
    ...sinkhornSamples("with penalties, ", { a: kl, b: balanced }, (c) => c === skewed),
  ],
};

const schur: PrimitiveSamples = {
  tolerance,
  gradientTolerance: 5e-3,
  reference: ([right, d, , f, g, a, scaled, b, ...cost], { cost: of }: Attrs) => {
    const c = costs(cost, of);
    const [p, q] = [a!, scaled!].map((w) => masses({ f: f!, g: g!, a: w, b: b! }, c));
    return [
      array(
        right!.shape,
        Array.from({ length: batch }, (_, k) => {
          const of = (x: HostArray, i: number, j: number): number => row(x, k, i)[j]!;
          const system = Array.from({ length: m }, (_, i) =>
            Array.from(
              { length: m },
              (_, j) =>
                (i === j ? d!.data[k * m + i]! : 0) -
                total(Array.from({ length: n }), (_, r) => of(p!, r, i) * of(q!, r, j)),
            ),
          );
          return solved(system, [...right!.data.subarray(k * m, (k + 1) * m)]);
        }).flat(),
      ),
    ];
  },
  samples: [
    {
      claim: "squared Euclidean",
      operands: [
        real([batch, m], 21),
        given([batch, m], new Array(batch * m).fill(2)),
        given([batch, m], new Array(batch * m).fill(0.5)),
        ...[potential(n, 1), potential(m, 2), logWeights(n, 3), logWeights(n, 3), logWeights(m, 4)],
        ...[pointsX, pointsY],
      ],
      attrs: { epsilon, cost: squareCost, maxIterations: 20, tolerance: 1e-7 },
      // The log weights of rows twice, without and with a factor: moved by themselves the matrix is not symmetric.
      wrt: [0, 1, 3, 4, 7, 8, 9],
    },
  ],
};

/** x with A x = b, by elimination. */
function solved(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((r, i) => [...r, right[i]!]);
  rows.forEach((pivot, i) => {
    for (const other of rows.slice(i + 1)) {
      const factor = other[i]! / pivot[i]!;
      for (let k = i; k < other.length; k++) other[k]! -= factor * pivot[k]!;
    }
  });
  const x = right.map(() => 0);
  for (let i = rows.length - 1; i >= 0; i--)
    x[i] = (rows[i]!.at(-1)! - total(x, (v, k) => (k > i ? v * rows[i]![k]! : 0))) / rows[i]![i]!;
  return x;
}

export const transportSamples: SampleTable = {
  transportApply: apply,
  transportCost: cost,
  transportCostPull: costPull,
  transportFinitePoints: finitePoints,
  transportPlanPull: planPull,
  transportSchurSolve: schur,
  transportSinkhorn: sinkhorn,
  transportSoftmin: softmin,
  transportWeights: weights,
};

/** Samples of what solves other problems than Sinkhorn's: of a measure with itself, partial ones, barycentres. */
import { add, mul, sub } from "../../src/ops/arithmetic";
import { exp2 } from "../../src/ops/exponential";
import { stopGradient, unsqueeze } from "../../src/ops/shape";
import type { Tensor } from "../../src/tensor/tensor";
import { logHistogram } from "../../src/transport/barycenterLoop";
import { squareCost } from "../../src/transport/cost";
import { scaleOf, unbounded } from "../../src/transport/pairs";
import { generate, type HostArray } from "../reference/array";
import { barycenter } from "../reference/transport/barycenter";
import { costMatrix } from "../reference/transport/costs";
import { entropicPartial } from "../reference/transport/partial";
import { sinkhorn } from "../reference/transport/sinkhorn";
import { given, real } from "./operand";
import { type PrimitiveSamples, primitive, type SampleTable } from "./sample";

const epsilon = 0.7;
const [batch, n] = [2, 5];
const shares = given(
  [batch, n],
  [0.1, 0.2, 0.3, 0.25, 0.15, 0.4, 0.1, 0.1, 0.2, 0.2].map((w) => Math.log2(w)),
);
const points = real([batch, n, 2], 31);
const side = { damping: 1, bound: unbounded };

/** Of five points on a line. */
const symmetric = Array.from({ length: n * n }, (_, k) => ((Math.floor(k / n) - (k % n)) / 4) ** 2);

const rowOf = (x: HostArray, b: number): Float64Array => {
  const size = x.data.length / x.shape[0]!;
  return x.data.subarray(b * size, (b + 1) * size);
};

/** The potential that both sides share: the mean of the two that alternation finds. */
const self: PrimitiveSamples = {
  tolerance: { relative: 2e-5, absolute: 2e-5 },
  gradientTolerance: 5e-3,
  reference: ([f, log2A, x]) => {
    const potentials = Array.from({ length: batch }, (_, b) => {
      const a = rowOf(log2A!, b).map((w) => 2 ** w);
      const at = rowOf(x!, b);
      const cost = costMatrix("squaredEuclidean", at, at, 2);
      const found = sinkhorn({ a, b: a, cost, epsilon });
      return found.f.map((v, i) => (v + found.g[i]!) / 2);
    });
    return [generate(f!.shape, ([b, i]) => potentials[b!]![i!]!)];
  },
  samples: [
    {
      claim: "squared Euclidean",
      operands: [real([batch, n], 30, { low: -0.5, high: 0.5 }), shares, points, points],
      attrs: {
        ...{ epsilon, cost: squareCost, a: side, b: side, relaxation: 1, scaling: [] },
        ...{ tolerance: 0, maxIterations: 40, checkEvery: 40, strict: false },
        implicit: { maxIterations: 30, tolerance: 1e-6 },
      },
      wrt: [1, 2],
    },
  ].map((sample) => ({
    ...sample,
    // The points are those of both sides: apart they are another problem.
    call: ([f0, log2A, x]: readonly Tensor[]) => {
      const [f, , level] = primitive("transportSelf", sample.attrs)(f0!, log2A!, x!, x!);
      return [add(f!, mul(stopGradient(sub(level!, log2A!)), 1 / scaleOf(epsilon)))];
    },
  })),
};

/** log2 of four histograms of the same sum, exactly. */
const logHistograms = [
  ...[-1, -2, -3, -4, -4],
  ...[-4, -4, -1, -3, -2],
  ...[-3, -1, -4, -4, -2],
  ...[-2, -4, -3, -1, -4],
];

/** log2 of the barycentre, from all that it is made of. */
const middle: PrimitiveSamples = {
  tolerance: { relative: 2e-5, absolute: 2e-5 },
  gradientTolerance: 5e-3,
  reference: ([log2P, shares, cost]) => {
    const found = Array.from({ length: batch }, (_, b) =>
      barycenter({
        histograms: [2 * b, 2 * b + 1].map((k) => rowOf(log2P!, k).map((w) => 2 ** w)),
        cost: rowOf(cost!, 0),
        epsilon,
        weights: [...rowOf(shares!, b)],
      }),
    );
    return [generate([batch, n], ([b, i]) => Math.log2(found[b!]![i!]!))];
  },
  samples: [
    {
      claim: "of two histograms",
      operands: [
        given([2 * batch, n], logHistograms),
        given([batch, 2], [0.25, 0.75, 0.5, 0.5]),
        given([2 * batch, n, n], new Array(2 * batch).fill(symmetric).flat()),
      ],
      attrs: {
        ...{ epsilon, cost: null, count: 2, debiased: false, backward: 40 },
        ...{ tolerance: 0, maxIterations: 60, checkEvery: 60, strict: false },
      },
      // Histograms one by one would not keep their sums, nor shares theirs.
      wrt: [2],
    },
  ].map((sample) => ({
    ...sample,
    call: (inputs: readonly Tensor[]) => {
      const [f, d, , level, log2Q] = primitive("transportBarycenter", sample.attrs)(...inputs);
      const tails = mul(stopGradient(sub(level!, log2Q!)), 1 / scaleOf(epsilon));
      return [logHistogram(add(f!, tails), d!, inputs[1]!, epsilon)];
    },
  })),
};

/** The plan [B, n, m] from its potentials. */
const part: PrimitiveSamples = {
  tolerance: { relative: 2e-4, absolute: 2e-5 },
  gradientTolerance: 5e-3,
  reference: ([log2A, log2B, , , mass, cost]) => {
    const cols = cost!.shape[2]!;
    const plans = Array.from({ length: batch }, (_, b) =>
      entropicPartial({
        a: rowOf(log2A!, b).map((w) => 2 ** w),
        b: rowOf(log2B!, b).map((w) => 2 ** w),
        cost: rowOf(cost!, b),
        epsilon,
        mass: 2 ** mass!.data[b]!,
      }),
    );
    return [generate(cost!.shape, ([b, i, j]) => plans[b!]![i! * cols + j!]!)];
  },
  samples: [
    {
      claim: "half of the mass, or less",
      operands: [
        given([batch, n], logHistograms.slice(0, batch * n)),
        given([batch, 3], [-1, -2, -2, -3, -1, -1.5]),
        given([batch, n], new Array(batch * n).fill(0)),
        given([batch, 3], new Array(batch * 3).fill(0)),
        given([batch, 1], [-1, -1.5]),
        real([batch, n, 3], 33, { low: 0, high: 2 }),
      ],
      attrs: {
        ...{ epsilon, cost: null, backward: 60 },
        ...{ tolerance: 0, maxIterations: 100, checkEvery: 100, strict: false },
      },
      wrt: [0, 1, 4, 5],
    },
  ].map((sample) => ({
    ...sample,
    call: (inputs: readonly Tensor[]) => {
      const [f, g, lambda] = primitive("transportPartial", sample.attrs)(...inputs);
      const shifted = mul(
        sub(add(unsqueeze(f!, -1), unsqueeze(g!, -2)), inputs[5]!),
        scaleOf(epsilon),
      );
      return [exp2(add(shifted, unsqueeze(lambda!, -1)))];
    },
  })),
};

export const transportProblemSamples: SampleTable = {
  transportBarycenter: middle,
  transportPartial: part,
  transportSelf: self,
};

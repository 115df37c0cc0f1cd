/** Samples of Sinkhorn-Knopp, with and without marginals, and of its backward kernel. */
import { numericGradient } from "../numericDerivatives";
import { array, type HostArray } from "../reference/array";
import { knopp } from "../reference/transport/knopp";
import { given, type Operand, real } from "./operand";
import type { PrimitiveSamples, Sample, SampleTable } from "./sample";

interface Attrs {
  readonly iterations: number;
  readonly scale: number;
}

/** The matrices of a batch [..., n, m] and their marginals, as f64 problems; marginals come as logarithms. */
function problemsOf([x, rows, cols]: readonly (HostArray | undefined)[], attrs: Attrs) {
  const [n, m] = x!.shape.slice(-2) as [number, number];
  const count = n * m === 0 ? 0 : x!.data.length / (n * m);
  return Array.from({ length: count }, (_, b) => ({
    n,
    m,
    logits: x!.data.slice(b * n * m, (b + 1) * n * m),
    iterations: attrs.iterations,
    temperature: 1 / attrs.scale,
    ...(rows && { rows: rows.data.slice(b * n, (b + 1) * n).map(Math.exp) }),
    ...(cols && { cols: cols.data.slice(b * m, (b + 1) * m).map(Math.exp) }),
  }));
}

/** By differences of the f64 reference, in the order of the primitive's operands. */
function slopes(inputs: readonly HostArray[], attrs: Attrs): HostArray[] {
  const g = inputs.at(-1)!;
  const operands = inputs.slice(0, -1);
  const problems = problemsOf(operands, attrs);
  return operands.map((operand, which) => {
    const parts = problems.map((problem, b) => {
      const size = problem.n * problem.m;
      const per = operand.data.length / problems.length;
      return numericGradient(
        (values) => {
          const key = (["logits", "rows", "cols"] as const)[which]!;
          const moved = { ...problem, [key]: which === 0 ? values : values.map(Math.exp) };
          return knopp(moved).reduce((sum, p, k) => sum + p * g.data[b * size + k]!, 0);
        },
        operand.data.slice(b * per, (b + 1) * per),
        1e-4,
      );
    });
    return array(
      operand.shape,
      parts.flatMap((part) => [...part]),
    );
  });
}

const of = (claim: string, iterations: number, scale: number, ...operands: Operand[]): Sample => ({
  claim,
  operands,
  attrs: { iterations, scale },
});

/** Logarithms of weights that add up to 1. */
const logWeights = (shape: readonly number[], weights: readonly number[]): Operand =>
  given(
    shape,
    weights.map((w) => Math.log(w)),
  );
const rows3 = logWeights([2, 3], [0.2, 0.3, 0.5, 0.6, 0.3, 0.1]);
const cols4 = logWeights([2, 4], [0.1, 0.2, 0.3, 0.4, 0.25, 0.25, 0.4, 0.1]);

const forward: PrimitiveSamples = {
  tolerance: { relative: 5e-6, absolute: 5e-7 },
  reference: (inputs, attrs) => [
    array(
      inputs[0]!.shape,
      problemsOf(inputs, attrs).flatMap((problem) => [...knopp(problem)]),
    ),
  ],
  samples: [
    of("five of 4 x 4", 3, 1, real([5, 4, 4], 1)),
    of("wide, transposed, at a temperature", 2, 1.5, real([2, 3, 5], 2, { layout: "transposed" })),
    of("tall, sliced", 2, 0.5, real([7, 2], 3, { layout: "sliced" })),
    of("one matrix for all", 2, 1, real([3, 3, 3], 4, { layout: "expanded" })),
    of("1 x 1", 2, 1, real([2, 1, 1], 5)),
    of("no matrices", 2, 1, real([0, 4, 4], 6)),
    of("no rows", 2, 1, real([2, 0, 4], 7)),
    of("with marginals", 3, 1, real([2, 3, 4], 8), rows3, cols4),
  ],
};

const backward: PrimitiveSamples = {
  tolerance: { relative: 2e-5, absolute: 2e-6 },
  reference: slopes,
  samples: [
    of("five of 4 x 4", 3, 1, real([5, 4, 4], 11), real([5, 4, 4], 12)),
    of("wide", 2, 1.5, real([2, 3, 5], 13, { layout: "transposed" }), real([2, 3, 5], 14)),
    of("no matrices", 2, 1, real([0, 4, 4], 15), real([0, 4, 4], 16)),
    of("with marginals", 3, 1, real([2, 3, 4], 17), rows3, cols4, real([2, 3, 4], 18)),
  ],
};

export const knoppSamples: SampleTable = {
  sinkhornKnopp: forward,
  sinkhornKnoppBackward: backward,
};

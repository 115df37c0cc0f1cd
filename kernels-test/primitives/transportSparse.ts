/** Samples of sparse projections onto the simplex and of transport with a squared 2-norm. */

import { smoothOt } from "../../src/transport/sparsityConstrained";
import { array, type HostArray, sizeOf } from "../reference/array";
import { ascend, projectSparse } from "../reference/transport/sparse";
import { given, type Operand, real } from "./operand";
import { type PrimitiveSamples, primitive, type Sample, type SampleTable } from "./sample";

interface Most {
  most: number;
}

const rowsOf = (x: HostArray): Float64Array[] => {
  const n = x.shape.at(-1)!;
  return Array.from({ length: n === 0 ? 0 : sizeOf(x.shape) / n }, (_, r) =>
    Float64Array.from({ length: n }, (_, i) => x.data[r * n + i]!),
  );
};

const projected = (claim: string, y: Operand, mass: Operand, most: number): Sample => ({
  claim,
  operands: [y, mass],
  attrs: { most },
});

/** Far enough apart that differences meet no kink. */
const wide = (shape: readonly number[], seed: number, layout: "sliced" | "expanded"): Operand =>
  real(shape, seed, { low: -3, high: 3, layout });

const masses = (shape: readonly number[], seed: number): Operand =>
  real(shape, seed, { low: 0.5, high: 1.5 });

const projection: PrimitiveSamples = {
  tolerance: { relative: 2e-6, absolute: 2e-6 },
  reference: ([y, mass], { most }: Most) => {
    const found = rowsOf(y!).map((row, r) => projectSparse(row, mass!.data[r]!, most));
    const leading = y!.shape.slice(0, -1);
    return [
      array(
        y!.shape,
        found.flatMap(({ p }) => [...p]),
      ),
      array(
        leading,
        found.map(({ tau }) => tau),
      ),
      array(
        leading,
        found.map(({ conjugate }) => conjugate),
      ),
    ];
  },
  samples: [
    projected("rows of five, two kept", real([3, 5], 1), masses([3], 2), 2),
    projected("no bound", real([3, 5], 3), masses([3], 4), 5),
    projected("one kept", real([2, 7], 5), masses([2], 6), 1),
    projected(
      "three dimensions, transposed",
      real([2, 3, 6], 7, { layout: "transposed" }),
      masses([2, 3], 8),
      3,
    ),
    projected("sliced", wide([3, 8], 9, "sliced"), masses([3], 10), 3),
    projected("expanded", wide([3, 8], 41, "expanded"), masses([3], 12), 3),
    projected("a single row", real([6], 13), given([], [1]), 2),
    projected("rows of one", real([4, 1], 14), masses([4], 15), 1),
    projected("no rows", real([0, 3], 16), given([0], []), 2),
  ],
};

/** Potentials are told from each other by their differences, which Σ f = 0 settles. */
const maximum: PrimitiveSamples = {
  tolerance: { relative: 1e-4, absolute: 2e-5 },
  reference: ([a, b, cost]) => {
    const [problems, n, m] = cost!.shape as [number, number, number];
    const found = Array.from({ length: problems }, (_, k) =>
      ascend({
        a: a!.data.slice(k * n, (k + 1) * n),
        b: b!.data.slice(k * m, (k + 1) * m),
        cost: cost!.data.slice(k * n * m, (k + 1) * n * m),
        gamma: 1,
        most: n,
      }),
    );
    return [
      array(
        [problems, n],
        found.flatMap(({ f }) => [...f]),
      ),
    ];
  },
  samples: [
    {
      claim: "two problems",
      operands: [
        given([2, 3], [0.2, 0.3, 0.5, 0.4, 0.4, 0.2]),
        given([2, 4], [0.25, 0.25, 0.25, 0.25, 0.1, 0.2, 0.3, 0.4]),
        real([2, 3, 4], 21, { low: 0, high: 1 }),
      ],
      attrs: null,
      differentiate: false,
      call: (inputs) =>
        primitive("sparsityConstrainedSemiDual", {
          gamma: 1,
          most: 3,
          maxIterations: 60,
          tolerance: 1e-6,
        })(...inputs).slice(0, 1),
    },
  ],
};

/** Of a plan by its costs: the primitive itself is 0. */
const shift: PrimitiveSamples = {
  tolerance: { relative: 1e-4, absolute: 1e-5 },
  reference: ([cost]) => {
    const [n, m] = cost!.shape as [number, number];
    const uniform = (k: number) => new Float64Array(k).fill(1 / k);
    const { plan } = ascend({ a: uniform(n), b: uniform(m), cost: cost!.data, gamma: 2, most: n });
    return [array([n, m], plan)];
  },
  gradientTolerance: 2e-3,
  samples: [
    {
      claim: "a plan by its costs",
      operands: [real([3, 4], 31, { low: 0, high: 1 })],
      attrs: null,
      call: ([cost]) => [
        smoothOt(null, null, cost!, {
          gamma: 2,
          tolerance: 1e-7,
          maxIterations: 60,
        }).plan.dense(),
      ],
    },
  ],
};

export const transportSparseSamples: SampleTable = {
  projectionSparseSimplex: projection,
  sparsityConstrainedSemiDual: maximum,
  sparsityConstrainedShift: shift,
};

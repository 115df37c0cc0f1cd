/** Samples of Dykstra's algorithm for factors of low rank, stopped before its corrections have died down. */
import { array, type HostArray } from "../reference/array";
import { lowRankDykstra } from "../reference/transport/dykstra";
import { given, type Layout, real } from "./operand";
import type { Sample, SampleTable } from "./sample";

interface Attrs {
  readonly left: number;
  readonly alpha: number;
  readonly maxIterations: number;
  readonly tolerance: number;
}

function reference([e, p, log2G]: readonly HostArray[], attrs: Attrs): HostArray[] {
  const [problems, rows, rank] = e!.shape as [number, number, number];
  const found = Array.from({ length: problems }, (_, b) =>
    lowRankDykstra({
      e: e!.data.slice(b * rows * rank, (b + 1) * rows * rank),
      p: p!.data.slice(b * rows, (b + 1) * rows),
      g: log2G!.data.slice(b * rank, (b + 1) * rank).map((x) => 2 ** x),
      left: attrs.left,
      alpha: attrs.alpha,
      iterations: attrs.maxIterations,
    }),
  );
  const all = (shape: readonly number[], of: (k: (typeof found)[number]) => ArrayLike<number>) =>
    array(
      shape,
      found.flatMap((scales) => Array.from(of(scales))),
    );
  return [
    all([problems, rows], ({ u }) => u),
    all([problems, 2, rank], ({ v }) => v),
    all([problems, rank], ({ g }) => g.map(Math.log2)),
    all([problems, 4], ({ error }) => [0, attrs.maxIterations, error, 0]),
  ];
}

function of(
  claim: string,
  [problems, n, m, rank]: readonly [number, number, number, number],
  { alpha, iterations, layout = "dense" }: { alpha: number; iterations: number; layout?: Layout },
): Sample {
  const rows = n + m;
  // Both sides add up to 1, as far as f32 can.
  const weights = Array.from({ length: problems * rows }, (_, k) => {
    const i = k % rows;
    return i < n ? (1 + i) / ((n * (n + 1)) / 2) : (1 + i - n) / ((m * (m + 1)) / 2);
  });
  return {
    claim,
    operands: [
      real([problems, rows, rank], 1, { low: 0.05, high: 1, layout }),
      given([problems, rows], weights),
      real([problems, rank], 2, { low: -6, high: -1 }),
      given([problems, 2, rank], new Array<number>(problems * 2 * rank).fill(1)),
    ],
    attrs: { left: n, alpha, maxIterations: iterations, tolerance: 0 },
    differentiate: false,
  };
}

export const transportLowRankSamples: SampleTable = {
  transportDykstra: {
    tolerance: { relative: 2e-5, absolute: 2e-6 },
    reference,
    samples: [
      of("three problems of rank 2", [3, 4, 5, 2], { alpha: 1e-10, iterations: 4 }),
      of("more rows than a chunk, transposed", [1, 65, 130, 3], {
        ...{ alpha: 1e-10, iterations: 6 },
        layout: "transposed",
      }),
      of("weights held at alpha", [2, 7, 3, 4], { alpha: 0.2, iterations: 5 }),
      of("one point and rank 1", [1, 1, 1, 1], { alpha: 1e-10, iterations: 2 }),
    ],
  },
};

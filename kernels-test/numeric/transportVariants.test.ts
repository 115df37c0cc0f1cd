/**
 * Each way in which the kernels on pairs of rows and columns divide their work, against f64 from the formula: sizes that
 * fill no block, points of few and many coordinates, matrices, exponents that rise along the columns.
 */
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { currentDevice } from "../../src/device/device";
import { init } from "../../src/node";
import { scope } from "../../src/tensor/scope";
import type { Tensor } from "../../src/tensor/tensor";
import { applyPlan } from "../../src/transport/apply";
import { euclidean, type PointCost, squaredEuclidean } from "../../src/transport/index";
import type { PairAttrs } from "../../src/transport/pairs";
import { softmin } from "../../src/transport/softmin";
import {
  forcedSoftminVariant,
  type SoftminVariant,
  softminVariants,
} from "../../src/transport/softminVariants";
import { type CostName, costMatrix } from "../reference/transport/costs";
import { drawPoints, drawWeights } from "../reference/transport/drawn";
import { planOf, rowPotentials } from "../reference/transport/sinkhorn";
import { upload } from "./transportRun";

beforeAll(async () => {
  await init();
});

afterEach(() => {
  forcedSoftminVariant.current = null;
});

const batch = 2;

interface Case {
  readonly n: number;
  readonly m: number;
  readonly d: number;
  readonly cost: CostName;
  readonly epsilon: number;
}

const flat = (parts: readonly Float64Array[]): Float64Array =>
  Float64Array.from(parts.flatMap((part) => [...part]));

/** Two problems, with the potentials g of their columns and weights of which every third is 0. */
function drawn({ n, m, d, cost }: Case) {
  const problems = Array.from({ length: batch }, (_, p) => {
    const x = drawPoints(n, d, 10 + p);
    const y = drawPoints(m, d, 20 + p);
    return {
      x,
      y,
      a: drawWeights("random", n, 30 + p),
      b: drawWeights("zeros", m, 40 + p),
      f: drawPoints(n, 1, 50 + p).map((v) => v / 10),
      g: drawPoints(m, 1, 60 + p).map((v) => v / 10),
      cost: costMatrix(cost, x, y, d),
    };
  });
  return problems;
}

const log2 = (weights: Float64Array): Float64Array =>
  weights.map((w) => (w > 0 ? Math.log2(w) : -1e30));

type Problems = ReturnType<typeof drawn>;

const stacked = (
  problems: Problems,
  name: "x" | "y" | "f" | "g" | "cost",
  shape: readonly number[],
): Tensor => upload(flat(problems.map((p) => p[name])), [batch, ...shape]);

const weightsOf = (problems: Problems, name: "a" | "b", count: number): Tensor =>
  upload(flat(problems.map((p) => log2(p[name]))), [batch, count]);

const costs: Partial<Record<CostName, (x: Tensor, y: Tensor) => PointCost>> = {
  squaredEuclidean,
  euclidean,
};

/** What the operations take of a cost: points, or the matrix. */
function operandsOf(problems: Problems, { n, m, d, cost, epsilon }: Case, dense: boolean) {
  if (dense)
    return { of: [stacked(problems, "cost", [n, m])], attrs: { cost: null, epsilon } as PairAttrs };
  const [x, y] = [stacked(problems, "x", [n, d]), stacked(problems, "y", [m, d])];
  return { of: [x, y], attrs: { cost: costs[cost]!(x, y).of, epsilon } };
}

async function halfIteration(given: Case, dense: boolean): Promise<Float32Array> {
  const { n, m } = given;
  const problems = drawn(given);
  const f = scope(() => {
    const { of, attrs } = operandsOf(problems, given, dense);
    const start = stacked(problems, "f", [n]);
    return softmin([start, stacked(problems, "g", [m]), weightsOf(problems, "b", m), ...of], attrs);
  });
  const values = (await f.data()) as Float32Array;
  f.dispose();
  return values;
}

const wanted = (given: Case): Float64Array =>
  flat(drawn(given).map((p) => rowPotentials({ ...p, epsilon: given.epsilon }, p.g)));

const largest = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  Array.from(x).reduce((most, v, i) => Math.max(most, Math.abs(v - y[i]!)), 0);

const sized = (n: number, m: number, d: number, cost: CostName = "squaredEuclidean"): Case => ({
  ...{ n, m, d, cost, epsilon: 0.05 },
});

const sizes: readonly Case[] = [
  sized(1, 1, 1),
  sized(3, 257, 2),
  sized(17, 1030, 4),
  sized(65, 63, 5),
  sized(130, 255, 3, "euclidean"),
];

/** Potentials are of order 1, and f32 has 24 bits. */
const rounding = 6e-7;

describe.each(softminVariants.candidates())("variant %s", (variant: SoftminVariant) => {
  test.each(sizes)("gives the potentials of $n rows for $m columns, $d coordinates", async (of) => {
    forcedSoftminVariant.current = variant;
    const want = wanted(of);
    for (const dense of [false, true])
      expect(largest(await halfIteration(of, dense), want)).toBeLessThan(rounding);
  });

  test.each(["falls", "rises"])(
    "sums exponentials whose exponent %s by 2900 along a row",
    async (way) => {
      forcedSoftminVariant.current = variant;
      const [n, m, epsilon] = [5, 203, 1e-3];
      const cost = Float64Array.from({ length: n * m }, (_, k) => {
        const j = k % m;
        return Math.fround((2 * (way === "falls" ? j : m - 1 - j)) / m + Math.floor(k / m) / 8);
      });
      const f = scope(() =>
        softmin(
          [
            upload(new Float32Array(n), [1, n]),
            upload(new Float32Array(m), [1, m]),
            upload(new Float32Array(m).fill(-Math.log2(m)), [1, m]),
            upload(cost, [1, n, m]),
          ],
          { cost: null, epsilon },
        ),
      );
      const b = new Float64Array(m).fill(1 / m);
      const want = rowPotentials(
        { a: new Float64Array(n).fill(1), b, cost, epsilon },
        new Float64Array(m),
      );
      expect(largest((await f.data()) as Float32Array, want)).toBeLessThan(rounding);
      f.dispose();
    },
  );

  test.each([
    { channels: 1, of: sized(67, 257, 2) },
    { channels: 5, of: sized(9, 300, 5) },
  ])("applies a plan to $channels vectors", async ({ channels, of }) => {
    forcedSoftminVariant.current = variant;
    const { n, m, epsilon } = of;
    const problems = drawn(of);
    const v = drawPoints(m * channels, 1, 70);
    const want = flat(
      problems.map((p) => {
        const plan = planOf({ ...p, epsilon }, p.f, p.g);
        return Float64Array.from({ length: n * channels }, (_, k) => {
          const [i, c] = [Math.floor(k / channels), k % channels];
          let sum = 0;
          for (let j = 0; j < m; j++) sum += plan[i * m + j]! * v[j * channels + c]!;
          return sum;
        });
      }),
    );
    for (const dense of [false, true]) {
      const o = scope(() => {
        const { of: operands, attrs } = operandsOf(problems, of, dense);
        const terms = [stacked(problems, "f", [n]), stacked(problems, "g", [m])];
        const weights = [weightsOf(problems, "a", n), weightsOf(problems, "b", m)];
        const vectors = upload(flat([v, v]), [batch, m, channels]);
        return applyPlan([...terms, ...weights, vectors, ...operands], attrs);
      });
      const most = want.reduce((x, y) => Math.max(x, y), 0);
      expect(largest((await o.data()) as Float32Array, want) / most).toBeLessThan(3e-6);
      o.dispose();
    }
  });
});

test("powers of 2 are right to rounding at 4096 exponents from 0 to -12", async () => {
  const [n, m, epsilon] = [4096, 2, 1 / Math.LN2];
  const cost = Float64Array.from({ length: n * m }, (_, k) => (k % 2) * (Math.floor(k / 2) / 341));
  const f = scope(() =>
    softmin(
      [
        upload(new Float32Array(n), [1, n]),
        upload(new Float32Array(m), [1, m]),
        upload(new Float32Array(m), [1, m]),
        upload(cost, [1, n, m]),
      ],
      { cost: null, epsilon },
    ),
  );
  const exact = cost.map((c) => Math.fround(c));
  const weights = new Float64Array(m).fill(1);
  const want = rowPotentials(
    { a: new Float64Array(n), b: weights, cost: exact, epsilon },
    new Float64Array(m),
  );
  // Of potentials from -1 to 0.
  expect(largest((await f.data()) as Float32Array, want)).toBeLessThan(4.8e-7);
  f.dispose();
});

describe("the choice of a variant", () => {
  test.each([
    ["wasm", 1, 2, 5000, "row"],
    ["wasm", 1, 3, 5000, "square"],
    ["software", 1, 16, 5000, "row"],
    ["software", 1, 17, 5000, "rows"],
    ["hardware", 1, 5000, 255, "row"],
    ["hardware", 1, 5000, 256, "team"],
    ["hardware", 2, 256, 1024, "wide"],
    ["hardware", 2, 256, 1023, "team"],
    ["hardware", 2, 257, 1024, "team"],
  ] as const)(
    "on %s, %d problems of %d rows and %d columns: %s",
    (adapter, problems, rows, cols, want) => {
      expect(softminVariants.defaultChoice(adapter, { problems, rows, cols })).toBe(want);
    },
  );

  test("on both sides of its threshold this adapter finds the same potentials", async () => {
    const { class: adapter } = currentDevice().executor.adapter;
    const first = [2, 3, 16, 17].map((n) => sized(n, 40, 2));
    const chosen = first.map(({ n, m }) =>
      softminVariants.defaultChoice(adapter, { problems: batch, rows: n, cols: m }),
    );
    if (adapter !== "hardware") expect(new Set(chosen).size).toBe(2);
    for (const of of first)
      expect(largest(await halfIteration(of, false), wanted(of))).toBeLessThan(rounding);
  });
});

/** Barycentres beside POT and an f64 reference, in what theory says of them, and in their gradients. */
import { beforeAll, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import {
  type Barycenter,
  type BarycenterOptions,
  barycenter,
  costMatrix,
  freeSupportBarycenter,
  squaredEuclidean,
} from "../../src/transport/index";
import { barycenter as reference } from "../reference/transport/barycenter";
import { costMatrix as plainCosts } from "../reference/transport/costs";
import { drawPoints, drawWeights } from "../reference/transport/drawn";
import { potCases } from "../reference/transport/pot";
import { distance, total, upload, vector } from "./transportRun";

beforeAll(async () => {
  await tg.init();
});

const floats = async (t: tg.Tensor): Promise<Float32Array> => (await t.data()) as Float32Array;
const read = ({ histogram }: Barycenter): Promise<Float32Array> => floats(histogram);

const line = (n: number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => i / Math.max(1, n - 1));
const onLine = (n: number) => {
  const points = upload(line(n), [n, 1]);
  return squaredEuclidean(points, points);
};
const stacked = (histograms: readonly ArrayLike<number>[]): tg.Tensor =>
  upload(
    histograms.flatMap((h) => Array.from(h)),
    [histograms.length, histograms[0]!.length],
  );

/** A normal distribution on the points of a line, of sum 1. */
function bell(n: number, mean: number, deviation: number): Float64Array {
  const raw = line(n).map((x) => Math.exp(-(((x - mean) / deviation) ** 2) / 2));
  const all = total(raw);
  return raw.map((w) => w / all);
}

const moments = (q: ArrayLike<number>): { mean: number; deviation: number } => {
  const points = line(q.length);
  const mean = total(points.map((x, i) => x * q[i]!));
  return { mean, deviation: Math.sqrt(total(points.map((x, i) => (x - mean) ** 2 * q[i]!))) };
};

/** Σ_j exp(−c_ij / ε) q_j. */
const blurred = (q: ArrayLike<number>, epsilon: number): Float64Array => {
  const points = line(q.length);
  return points.map((x) =>
    total(points.map((y, j) => Math.exp(-((x - y) ** 2) / epsilon) * q[j]!)),
  );
};

interface Attrs {
  readonly n: number;
  readonly count: number;
  readonly seed: number;
  readonly epsilon: number;
  readonly shares: readonly number[];
}

function expectHistogram(got: ArrayLike<number>, want: Float64Array): void {
  const largest = want.reduce((most, v) => Math.max(most, v), 0);
  for (const [i, v] of want.entries()) expect(Math.abs(got[i]! - v)).toBeLessThan(1e-3 * largest);
  expect(distance(got, want) / total(want)).toBeLessThan(1e-3);
}

describe("barycentres are POT's", () => {
  test.each([
    ...potCases<Attrs>("barycenter").map((of) => ({ ...of, debiased: false })),
    ...potCases<Attrs>("debiasedBarycenter").map((of) => ({ ...of, debiased: true })),
  ])("$name", async ({ attrs, tensor: stored, debiased }) => {
    const { n, count, seed, epsilon, shares } = attrs;
    const histograms = Array.from({ length: count }, (_, k) => drawWeights("random", n, seed + k));
    const found = barycenter(stacked(histograms), onLine(n), {
      ...{ epsilon, weights: shares, debiased },
      maxIterations: debiased ? 2000 : epsilon < 0.01 ? 5000 : 1000,
      tolerance: debiased ? 0 : 1e-6,
    });
    // Debiasing inverts a blur: what the kernel hardly sees of a histogram is not settled by any number of iterations.
    const seen = (q: ArrayLike<number>) => (debiased ? blurred(q, epsilon) : Float64Array.from(q));
    expectHistogram(seen(await read(found)), seen(stored("histogram")));
    if (!debiased) expect(await found.converged.item()).toBeTruthy();
  });

  test.each(
    potCases<{ side: number; count: number; seed: number; epsilon: number }>(
      "convolutionalBarycenter",
    ),
  )("$name", async ({ attrs: { side, count, seed, epsilon }, tensor: stored }) => {
    const at = line(side);
    const points = upload(
      Array.from({ length: 2 * side * side }, (_, k) =>
        k % 2 ? at[(k >> 1) % side]! : at[Math.floor((k >> 1) / side)]!,
      ),
      [side * side, 2],
    );
    const histograms = Array.from({ length: count }, (_, k) =>
      drawWeights("random", side * side, seed + k),
    );
    const found = barycenter(stacked(histograms), squaredEuclidean(points, points), {
      epsilon,
      maxIterations: 1000,
    });
    expectHistogram(await read(found), stored("histogram"));
  });
});

describe("barycentres of clouds", () => {
  interface FreeAttrs {
    readonly sizes: readonly number[];
    readonly points: number;
    readonly d: number;
    readonly seed: number;
    readonly epsilon?: number;
  }
  const measuresOf = ({ sizes, d, seed }: FreeAttrs) =>
    sizes.map((m, k) => ({
      x: upload(drawPoints(m, d, seed + 2 * k), [m, d]),
      weights: vector(drawWeights("random", m, seed + 2 * k + 1)),
    }));

  test.each(
    potCases<FreeAttrs>("freeSupportBarycenter").filter(({ attrs }) => attrs.epsilon !== undefined),
  )("$name", async ({ attrs, tensor: stored }) => {
    const { points, d, seed, epsilon } = attrs;
    const want = stored("x");
    const from = async (start: Float64Array, steps: number) => {
      const { x, moved } = freeSupportBarycenter(measuresOf(attrs), {
        initial: upload(start, [points, d]),
        ...{ epsilon: epsilon!, steps, maxIterations: 300 },
      });
      expect(await moved.item()).toBeLessThan(1e-3);
      const found = await floats(x);
      for (const [k, v] of want.entries()) expect(found[k]).toBeCloseTo(v, 3);
    };
    await from(want, 3);
    // A large epsilon draws points together, slowly.
    if (epsilon! < 0.1) await from(drawPoints(points, d, seed + 20), 40);
  });

  test("between a cloud and its translate is the translate in between", async () => {
    const cloud = drawPoints(9, 2, 3);
    const [x, y] = [0, 0.3].map((by) =>
      upload(
        cloud.map((v) => v + by),
        [9, 2],
      ),
    );
    const options = { initial: x!, epsilon: 1e-3, steps: 2, maxIterations: 1000 };
    const middle = freeSupportBarycenter([{ x: x! }, { x: y! }], { ...options, weights: [3, 1] });
    for (const [k, v] of (await floats(middle.x)).entries())
      expect(v).toBeCloseTo(cloud[k]! + 0.075, 3);
  });

  test("starts from points of all measures where only a number is given, in batches too", async () => {
    const x = upload(drawPoints(12, 2, 4), [2, 6, 2]);
    const y = upload(drawPoints(4, 2, 5), [4, 2]).add(3);
    const options = { initial: 5, epsilon: 0.05, steps: 3, maxIterations: 50 };
    const found = freeSupportBarycenter([{ x }, { x: y.unsqueeze(0).expand([2, 4, 2]) }], options);
    expect(found.x.shape).toEqual([2, 5, 2]);
    expect(found.moved.shape).toEqual([2]);
    const alone = freeSupportBarycenter([{ x: x.select(0, 1) }, { x: y }], options);
    const together = await floats(found.x);
    for (const [k, v] of (await floats(alone.x)).entries())
      expect(together[10 + k]).toBeCloseTo(v, 4);
  });

  test("gradients are those of differences", async () => {
    const [x, y] = [drawPoints(4, 2, 6), drawPoints(5, 2, 7)];
    const other = upload(y, [5, 2]);
    const start = upload(drawPoints(3, 2, 8), [3, 2]);
    const loss = (at: tg.Tensor) =>
      freeSupportBarycenter([{ x: at }, { x: other }], {
        ...{ initial: start, epsilon: 0.5, steps: 3, maxIterations: 60 },
      })
        .x.square()
        .sum();
    const slopes = await floats(tg.grad(loss)(upload(x, [4, 2])));
    const h = 1e-2;
    for (const k of [0, 3, 6]) {
      const [up, down] = await Promise.all(
        [h, -h].map((by) =>
          loss(
            upload(
              x.map((v, j) => (j === k ? v + by : v)),
              [4, 2],
            ),
          ).item(),
        ),
      );
      expect(slopes[k]).toBeCloseTo((up! - down!) / (2 * h), 3);
    }
  });

  test("names what is wrong", () => {
    const x = upload([0, 0, 1, 1], [2, 2]);
    const options = { initial: x, epsilon: 0.1 };
    expect(() => freeSupportBarycenter([], options)).toThrow("at least one");
    expect(() => freeSupportBarycenter([{ x }], { ...options, weights: [1, 2] })).toThrow(
      "1 measures need",
    );
    expect(() => freeSupportBarycenter([{ x }], { ...options, initial: 0 })).toThrow("initial 0");
  });
});

describe("what holds of barycentres", () => {
  test("between translates of a Gaussian is the Gaussian in between", async () => {
    const [n, epsilon] = [201, 2e-3];
    const pair = stacked([bell(n, 0.3, 0.05), bell(n, 0.6, 0.05)]);
    for (const share of [0.5, 0.25]) {
      const options = { epsilon, weights: [1 - share, share], maxIterations: 1500 };
      const blurred = moments(await read(barycenter(pair, onLine(n), options)));
      const sharp = moments(
        await read(barycenter(pair, onLine(n), { ...options, debiased: true })),
      );
      expect(blurred.mean).toBeCloseTo(0.3 + 0.3 * share, 4);
      expect(sharp.mean).toBeCloseTo(0.3 + 0.3 * share, 4);
      // The entropy Σ P log P adds half of epsilon to the variance.
      expect(blurred.deviation ** 2).toBeCloseTo(0.05 ** 2 + epsilon / 2, 5);
      expect(sharp.deviation).toBeCloseTo(0.05, 4);
    }
  });

  test("a weight of 1 gives back that histogram, where nothing is blurred", async () => {
    const histograms = [drawWeights("random", 17, 1), drawWeights("random", 17, 2)];
    const found = barycenter(stacked(histograms), onLine(17), {
      ...{ epsilon: 0.003, weights: [0, 1], debiased: true, maxIterations: 1000 },
    });
    expectHistogram(await read(found), histograms[1]!);
  });

  test.each([1, 3, 16, 17, 64, 65, 255])("%d points: the f64 result", async (n) => {
    const histograms = [3, 4, 5].map((seed) => drawWeights("random", n, seed));
    const grid = line(n);
    const want = reference({
      histograms,
      cost: plainCosts("squaredEuclidean", grid, grid, 1),
      epsilon: 0.5,
    });
    const cost = costMatrix(onLine(n));
    const options = { epsilon: 0.5, maxIterations: 300 };
    expectHistogram(await read(barycenter(stacked(histograms), cost, options)), want);
  });

  test("points of its own, masses other than 1, and weights of 0", async () => {
    const [p, q] = [drawWeights("zeros", 9, 6, 3), drawWeights("random", 9, 7, 3)];
    const cost = squaredEuclidean(upload(line(5), [5, 1]), upload(line(9), [9, 1]));
    const found = barycenter(stacked([p, q]), cost, { epsilon: 0.1, maxIterations: 500 });
    const histogram = await read(found);
    expect(histogram).toHaveLength(5);
    expect(total(histogram)).toBeCloseTo(3, 4);
  });
});

describe("gradients", () => {
  const n = 5;
  const histograms = [drawWeights("random", n, 11), drawWeights("random", n, 12)];
  const grid = line(n);
  const cost = plainCosts("squaredEuclidean", grid, grid, 1);
  const probe = [0.3, -1, 0.7, 0.2, -0.5];
  const epsilon = 0.1;
  const value = (of: {
    histograms: readonly ArrayLike<number>[];
    cost: ArrayLike<number>;
    weights: readonly number[];
  }): number => total(reference({ ...of, epsilon }).map((v, i) => v * probe[i]!));

  test("of histograms, weights and costs are those of differences", async () => {
    const [dp, dw, dc] = tg.grad(
      (p: tg.Tensor, w: tg.Tensor, c: tg.Tensor) => {
        const options = { epsilon, weights: w, maxIterations: 300, backwardIterations: 60 };
        const { histogram } = barycenter(p, c, options);
        return histogram.mul(upload(probe, [n])).sum();
      },
      { argnums: [0, 1, 2] },
    )(stacked(histograms), upload([0.4, 0.6], [2]), upload(cost, [n, n])) as unknown as tg.Tensor[];
    const base: Parameters<typeof value>[0] = { histograms, cost, weights: [0.4, 0.6] };
    const h = 1e-5;
    const slope = (moved: (by: number) => typeof base): number =>
      (value(moved(h)) - value(moved(-h))) / (2 * h);
    const at = (x: ArrayLike<number>, i: number, by: number): number[] =>
      Array.from(x, (v, j) => (i === j ? v + by : v));
    const [ofP, ofW, ofC] = await Promise.all([dp!, dw!, dc!].map(floats));
    // Between masses of equal sum: against that of the first point.
    const pair = (i: number, by: number) =>
      histograms.map((p, k) => (k === 0 ? at(at(p, i, by), 0, -by) : p));
    for (const i of [1, 2, 3, 4])
      expect(ofP![i]! - ofP![0]!).toBeCloseTo(
        slope((by) => ({ ...base, histograms: pair(i, by) })),
        3,
      );
    expect(ofW![1]! - ofW![0]!).toBeCloseTo(
      slope((by) => ({ ...base, weights: [0.4 - by, 0.6 + by] })),
      3,
    );
    // The reference's costs are symmetric.
    for (const [i, j] of [
      [0, 1],
      [1, 3],
      [2, 4],
    ] as const)
      expect(ofC![i * n + j]! + ofC![j * n + i]!).toBeCloseTo(
        slope((by) => ({ ...base, cost: at(at(cost, i * n + j, by), j * n + i, by) })),
        3,
      );
  });

  test("of debiased ones agree with differences of their own", async () => {
    const options: BarycenterOptions = {
      ...{ epsilon: 0.03, debiased: true, tolerance: 0, maxIterations: 200 },
      backwardIterations: 100,
    };
    const loss = (p: tg.Tensor) =>
      barycenter(p, onLine(n), options)
        .histogram.mul(upload(probe, [n]))
        .sum();
    const slopes = await floats(tg.grad(loss)(stacked(histograms)));
    const h = 5e-3;
    const moved = (by: number) => [
      histograms[0]!.map((w, i) => w + (i === 1 ? by : i === 3 ? -by : 0)),
      histograms[1]!,
    ];
    const [up, down] = [
      await loss(stacked(moved(h))).item(),
      await loss(stacked(moved(-h))).item(),
    ];
    expect(slopes[1]! - slopes[3]!).toBeCloseTo((up - down) / (2 * h), 2);
  });
});

describe("batches, compiled functions and bad input", () => {
  test("leading dimensions broadcast, and problems stop one by one", async () => {
    const sets = [1, 2].map((s) => [drawWeights("random", 7, s), drawWeights("random", 7, s + 9)]);
    const all = upload(
      sets.flat().flatMap((h) => Array.from(h)),
      [2, 2, 7],
    );
    const options = { epsilon: 0.1, maxIterations: 300 };
    const together = barycenter(all, onLine(7), options);
    expect(together.histogram.shape).toEqual([2, 7]);
    expect(together.iterations.shape).toEqual([2]);
    const values = await read(together);
    for (const [k, set] of sets.entries()) {
      const alone = await read(barycenter(stacked(set), onLine(7), options));
      for (const [i, v] of alone.entries()) expect(values[7 * k + i]).toBeCloseTo(v, 6);
    }
  });

  test("compiled it is what it is", async () => {
    const p = stacked([drawWeights("random", 9, 1), drawWeights("random", 9, 2)]);
    const run = (h: tg.Tensor) =>
      barycenter(h, onLine(9), { epsilon: 0.1, maxIterations: 50 }).histogram;
    const compiled = tg.compile(run);
    expect(await floats(compiled(p))).toEqual(await floats(run(p)));
    compiled.dispose();
  });

  test("names what is wrong", async () => {
    const p = stacked([drawWeights("random", 4, 1), drawWeights("random", 4, 2, 2)]);
    const options = { epsilon: 0.1 };
    expect(() => barycenter(p, onLine(5), options)).toThrow("this cost needs [..., k, 5]");
    expect(() => barycenter(p, onLine(4), { epsilon: -1 })).toThrow(
      "transport.barycenter: epsilon -1",
    );
    expect(() => barycenter(p, onLine(4), { ...options, weights: [1] })).toThrow(
      "2 histograms need",
    );
    const other = squaredEuclidean(upload(line(3), [3, 1]), upload(line(4), [4, 1]));
    expect(() => barycenter(p, other, { ...options, debiased: true })).toThrow("the same points");
    await expect(read(barycenter(p, onLine(4), options))).rejects.toThrow(
      "transport.barycenter: a has mass",
    );
  });
});

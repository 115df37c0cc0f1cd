/** Sinkhorn-Newton-Sparse: its solutions, how few iterations it takes, and where it falls back. */
import { beforeAll, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import { HostRandom } from "../../src/random/hostRandom";
import type { DeviceTensor } from "../../src/tensor/deviceTensor";
import { pairsOf } from "../../src/transport/pairs";
import { listed, sparsities, survey, thresholds } from "../../src/transport/sinkhornNewtonSystem";
import { sideOf } from "../../src/transport/softmin";
import { sinkhornNewton as reference } from "../reference/transport/sinkhornNewton";

type Tensor = tg.Tensor;
type Newton = Awaited<ReturnType<typeof tg.transport.sinkhornNewton>>;
const { sinkhorn, sinkhornNewton, squaredEuclidean } = tg.transport;

beforeAll(async () => {
  await tg.init();
});

/** Numbers in [0, 1), rounded to f32. */
function random(count: number, seed: number): Float32Array {
  const source = new HostRandom(seed);
  return Float32Array.from({ length: count }, () => source.bits() / 2 ** 32);
}

interface Problem {
  readonly n: number;
  readonly m: number;
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly cost: Float64Array;
  readonly epsilon: number;
  /** Points, two coordinates each. */
  readonly x: Float32Array;
  readonly y: Float32Array;
}

const uniform = (n: number): Float64Array => new Float64Array(n).fill(1 / n);
const scaled = (w: ArrayLike<number>): Float64Array => {
  const total = Array.from(w).reduce((sum, v) => sum + v, 0);
  return Float64Array.from(w, (v) => Math.fround(v / total));
};

/** Points of the unit square, squared distances. */
function square(
  n: number,
  m: number,
  epsilon: number,
  { a = uniform(n), b = uniform(m) }: { a?: Float64Array; b?: Float64Array } = {},
): Problem {
  const [x, y] = [random(2 * n, 1), random(2 * m, 2)];
  const cost = new Float64Array(n * m);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++)
      cost[i * m + j] = (x[2 * i]! - y[2 * j]!) ** 2 + (x[2 * i + 1]! - y[2 * j + 1]!) ** 2;
  return { n, m, a, b, cost, epsilon, x, y };
}

const points = ({ x, y, n, m }: Problem): [Tensor, Tensor] => [
  tg.tensor(x, { shape: [n, 2] }),
  tg.tensor(y, { shape: [m, 2] }),
];

const weights = ({ a, b }: Problem): [Tensor, Tensor] => [
  tg.tensor(Float32Array.from(a)),
  tg.tensor(Float32Array.from(b)),
];

const solve = (
  problem: Problem,
  options: Partial<Parameters<typeof sinkhornNewton>[3]> = {},
): Promise<Newton> =>
  sinkhornNewton(...weights(problem), squaredEuclidean(...points(problem)), {
    epsilon: problem.epsilon,
    ...options,
  });

const values = async (t: Tensor): Promise<number[]> => Array.from(await t.data());

/** L1 errors of both marginals of the plan, relative to the mass. */
async function marginalErrors({ plan }: Newton, { a, b }: Problem): Promise<number> {
  const [rows, cols] = plan.marginals();
  const off = (x: number[], w: Float64Array): number =>
    x.reduce((sum, v, i) => sum + Math.abs(v - w[i]!), 0);
  const mass = a.reduce((sum, v) => sum + v, 0);
  return (off(await values(rows), a) + off(await values(cols), b)) / mass;
}

/** The greatest difference of the plan from that of the f64 solution, in units of the greatest entry. */
async function planError({ plan }: Newton, problem: Problem): Promise<number> {
  const { a, b, cost, epsilon, n, m } = problem;
  const { f, g } = reference(problem, { warmup: 20, dropped: 1e-3, tolerance: 1e-9, steps: 60 });
  const got = await values(plan.dense());
  let [worst, largest] = [0, 0];
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++) {
      const p = a[i]! * b[j]! * Math.exp((f[i]! + g[j]! - cost[i * m + j]!) / epsilon);
      largest = Math.max(largest, p);
      worst = Math.max(worst, Math.abs(p - got[i * m + j]!));
    }
  return worst / largest;
}

describe("the iteration in f64", () => {
  const problem = square(80, 80, 2e-3);
  const options = { warmup: 20, tolerance: 1e-13, steps: 30 };

  test("converges faster than linearly, with the large entries alone", () => {
    const { errors } = reference(problem, { ...options, dropped: 1e-3 });
    const last = errors.filter((e) => e > 1e-14).slice(-3);
    expect(errors.at(-1)).toBeLessThan(1e-13);
    expect(last[2]! / last[1]!).toBeLessThan(1e-2);
    expect(last[2]! / last[1]!).toBeLessThan(last[1]! / last[0]!);
  });

  test("takes as many steps with a tenth of the plan as with all of it", () => {
    const [few, all] = [1e-3, 0].map((dropped) => reference(problem, { ...options, dropped }));
    expect(Math.abs(few!.errors.length - all!.errors.length)).toBeLessThanOrEqual(1);
    expect(few!.kept[0]).toBeLessThan(0.2 * problem.n);
    expect(all!.kept[0]).toBe(problem.n);
  });
});

describe("solutions", () => {
  test.each([
    ["squares of the same size", square(96, 96, 1e-3)],
    ["n < m", square(65, 130, 2e-3)],
    ["n > m, odd", square(97, 33, 2e-3)],
    ["a larger epsilon", square(60, 70, 2e-2)],
    [
      "weights of all sizes",
      square(70, 80, 2e-3, {
        a: scaled(random(70, 3).map((v) => v ** 3 + 1e-4)),
        b: scaled(random(80, 4).map((v) => v ** 3 + 1e-4)),
      }),
    ],
  ])("%s: the plan of the f64 solution, by Newton steps", async (_, problem) => {
    const found = await solve(problem);
    const [report] = await found.report();
    expect(report!.converged).toBe(true);
    expect(found.newton[0]!.fallback).toBe(null);
    expect(found.newton[0]!.newtonSteps).toBeGreaterThan(0);
    expect(report!.marginalError).toBeLessThanOrEqual(1e-6);
    expect(await marginalErrors(found, problem)).toBeLessThan(3e-6);
    expect(await planError(found, problem)).toBeLessThan(1e-3);
  });

  test("a matrix of costs gives what its points give, and sinkhorn what both give", async () => {
    const problem = square(50, 60, 5e-3);
    const matrix = tg.tensor(Float32Array.from(problem.cost), { shape: [50, 60] });
    const byPoints = await solve(problem);
    const byMatrix = await sinkhornNewton(null, null, matrix, { epsilon: 5e-3 });
    const plain = sinkhorn(null, null, matrix, { epsilon: 5e-3, maxIterations: 5000 });
    const [p, q, s] = await Promise.all(
      [byPoints, byMatrix, plain].map(({ plan }) => values(plan.dense())),
    );
    const largest = Math.max(...s!);
    for (const other of [p!, q!])
      expect(Math.max(...other.map((v, i) => Math.abs(v - s![i]!)))).toBeLessThan(1e-3 * largest);
    const [v, w] = [await byPoints.value().item(), await plain.value().item()];
    expect(Math.abs(v - w)).toBeLessThan(1e-5 * Math.abs(w));
  });

  test("zero weights have no mass, and potentials stay finite", async () => {
    const zero = (w: Float32Array): Float64Array => scaled(w.map((v, i) => (i % 4 === 1 ? 0 : v)));
    const problem = square(61, 47, 2e-3, { a: zero(random(61, 5)), b: zero(random(47, 6)) });
    const found = await solve(problem);
    expect((await found.report())[0]!.converged).toBe(true);
    expect(await marginalErrors(found, problem)).toBeLessThan(3e-6);
    const [rows] = found.plan.marginals();
    (await values(rows)).forEach((r, i) => {
      if (i % 4 === 1) expect(r).toBe(0);
    });
    for (const potential of [found.f, found.g])
      expect((await values(potential)).every(Number.isFinite)).toBe(true);
  });

  test("forbidden pairs stay empty", async () => {
    const n = 40;
    const cost = random(n * n, 7).map((v, k) =>
      (Math.floor(k / n) + (k % n)) % 2 === 1 ? Number.POSITIVE_INFINITY : v,
    );
    const found = await sinkhornNewton(null, null, tg.tensor(cost, { shape: [n, n] }), {
      epsilon: 1e-2,
    });
    expect((await found.report())[0]!.converged).toBe(true);
    const plan = await values(found.plan.dense());
    plan.forEach((p, k) => {
      if (cost[k] === Number.POSITIVE_INFINITY) expect(p).toBe(0);
    });
    expect(plan.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
  });

  test("unnormalised weights, and one point against many", async () => {
    const many = await sinkhornNewton([5], new Array(7).fill(5 / 7), tg.ones([1, 7]), {
      epsilon: 0.1,
    });
    expect((await many.report())[0]!.converged).toBe(true);
    (await values(many.plan.dense())).forEach((p) => {
      expect(p).toBeCloseTo(5 / 7, 5);
    });
  });

  test("problems of a batch go their own ways", async () => {
    const [x, y] = points(square(90, 90, 2e-3));
    // A hundredth of the cost: the second plan is dense.
    const both = tg.stack([x, tg.mul(x, 0.1)]);
    const others = tg.stack([y, tg.mul(y, 0.1)]);
    const options = { epsilon: 2e-3, slots: 40 };
    const found = await sinkhornNewton(null, null, squaredEuclidean(both, others), options);
    const alone = await sinkhornNewton(null, null, squaredEuclidean(x, y), options);
    expect((await found.report()).map(({ converged }) => converged)).toEqual([true, true]);
    expect(found.newton.map(({ fallback }) => fallback)).toEqual([null, "dense"]);
    expect(found.newton[0]!.newtonSteps).toBeGreaterThan(1);
    const one = await values(alone.plan.dense());
    const first = (await values(found.plan.dense())).slice(0, 90 * 90);
    const largest = Math.max(...one);
    expect(Math.max(...first.map((v, i) => Math.abs(v - one[i]!)))).toBeLessThan(2e-4 * largest);
  });

  test("the same bits on every run", async () => {
    const problem = square(64, 64, 2e-3);
    const [one, two] = [await solve(problem), await solve(problem)];
    expect(await values(two.f)).toEqual(await values(one.f));
    expect(two.newton).toEqual(one.newton);
  });
});

describe("iterations", () => {
  test("at epsilon 1e-3 five times as many of Sinkhorn's are not enough", async () => {
    const problem = square(200, 200, 1e-3);
    const found = await solve(problem);
    const { converged, iterations } = (await found.report())[0]!;
    expect(converged).toBe(true);
    const { newtonSteps, sinkhornIterations } = found.newton[0]!;
    expect(iterations).toBe(newtonSteps + sinkhornIterations);
    const plain = sinkhorn(null, null, squaredEuclidean(...points(problem)), {
      epsilon: 1e-3,
      maxIterations: 5 * iterations,
    });
    const [reached] = await plain.report();
    expect(reached!.converged).toBe(false);
    expect(reached!.marginalError).toBeGreaterThan(1e-5);
  });

  test("uniform costs at epsilon 5e-3: a few steps to the floor of f32", async () => {
    const cost = tg.tensor(random(128 * 128, 8), { shape: [128, 128] });
    const found = await sinkhornNewton(null, null, cost, { epsilon: 5e-3 });
    expect((await found.report())[0]!.marginalError).toBeLessThan(1e-6);
    expect(found.newton[0]!.newtonSteps).toBeLessThanOrEqual(5);
    expect(found.newton[0]!.fallback).toBe(null);
  });
});

describe("falling back", () => {
  test.each([
    ["too few slots", square(120, 120, 5e-3), { slots: 8 }],
    ["a plan without small entries", square(256, 256, 0.1), {}],
  ])("%s: Sinkhorn, and it says so", async (_, problem, options) => {
    const found = await solve(problem, options);
    expect((await found.report())[0]!.converged).toBe(true);
    expect(found.newton[0]).toMatchObject({ newtonSteps: 0, fallback: "dense", slots: 0 });
    expect(await marginalErrors(found, problem)).toBeLessThan(3e-6);
  });

  test("a tolerance that f32 does not reach ends as not converged, with the error there is", async () => {
    const problem = square(40, 40, 1e-3);
    const found = await solve(problem, { tolerance: 0, maxIterations: 120 });
    const [report] = await found.report();
    expect(report!.converged).toBe(false);
    expect(report!.marginalError).toBeGreaterThan(0);
    expect(report!.marginalError).toBeLessThan(2e-6);
    expect(found.newton[0]!.fallback).toBe("no progress");
    expect(found.newton[0]!.sinkhornIterations).toBeGreaterThanOrEqual(120);
  });

  test("iterations that run out are told, and an error under strict", async () => {
    const problem = square(128, 128, 1e-3);
    const found = await solve(problem, { maxIterations: 22 });
    const [report] = await found.report();
    expect(report!.converged).toBe(false);
    const off = await marginalErrors(found, problem);
    expect(off / report!.marginalError).toBeGreaterThan(0.01);
    await expect(solve(problem, { maxIterations: 22, strict: true })).rejects.toThrow(
      tg.ConvergenceError,
    );
  });
});

describe("the system", () => {
  test.each([
    [1, 1],
    [3, 2],
    [64, 65],
    [37, 130],
  ])("of %i x %i: sums, masses and entries are those of the plan", async (n, m) => {
    const problem = square(n, m, 0.02);
    const { a, b, cost, epsilon } = problem;
    const [x, y] = points(problem);
    const [f, g] = [random(n, 11), random(m, 12)].map((v) => v.map((u) => 0.1 * u));
    const lane = (t: Tensor): DeviceTensor => tg.unsqueeze(t, 0) as DeviceTensor;
    const pairs = pairsOf([lane(x), lane(y)], squaredEuclidean(x, y).of);
    const side = (p: Float32Array, w: Float64Array) =>
      sideOf(lane(tg.tensor(p)), lane(tg.tensor(Float32Array.from(w, Math.log2))));
    const sides = { rows: side(f!, a), cols: side(g!, b) };
    const plan = Array.from({ length: n }, (_, i) =>
      Array.from(
        { length: m },
        (_c, j) => a[i]! * b[j]! * Math.exp((f![i]! + g![j]! - cost[i * m + j]!) / epsilon),
      ),
    );
    const { system, levels } = survey(pairs, epsilon, sides);
    const size = system.shape[2]!;
    const [diagonal, inverse, right] = [0, 1, 2].map((k) => tg.select(system, 0, k).reshape([-1]));
    const [d, inv, rhs] = await Promise.all([diagonal!, inverse!, right!].map(values));
    const cols = size - Math.ceil(m / 64) * 64;
    const sums = [
      ...plan.map((row, i) => ({ at: i, sum: row.reduce((s, v) => s + v, 0), mass: a[i]! })),
      ...Array.from({ length: m }, (_, j) => ({
        at: cols + j,
        sum: plan.reduce((s, row) => s + row[j]!, 0),
        mass: b[j]!,
      })),
    ];
    for (const { at, sum, mass } of sums) {
      expect(Math.abs(d![at]! / sum - 1)).toBeLessThan(1e-5);
      expect(Math.abs(d![at]! * inv![at]! - 1)).toBeLessThan(1e-6);
      expect(Math.abs(rhs![at]! - (mass - sum))).toBeLessThan(1e-5 * (mass + sum));
    }
    const known = new Set(sums.map(({ at }) => at));
    d!.forEach((v, at) => {
      if (!known.has(at)) expect([v, inv![at], rhs![at]]).toEqual([0, 0, 0]);
    });

    const [sparsity] = sparsities(await levels.data());
    const total = plan.flat().reduce((s, v) => s + v, 0);
    const level = 3;
    const theta = 2 ** thresholds[level]!;
    const keeps = (i: number, j: number): boolean => plan[i]![j]! >= theta * Math.min(a[i]!, b[j]!);
    const kept = plan.flatMap((row, i) => row.filter((_, j) => keeps(i, j)));
    const part = kept.reduce((s, v) => s + v, 0) / total;
    expect(Math.abs(sparsity!.captured[level]! - part)).toBeLessThan(1e-3);

    const slots = sparsity!.most[level]!;
    const { entries, lengths } = listed(pairs, epsilon, sides, [thresholds[level]!], slots);
    const words = new Float32Array(Uint32Array.from(await entries.data()).buffer);
    const places = Uint32Array.from(await entries.data());
    const counts = await values(lengths);
    expect(Math.max(...counts)).toBe(slots);
    const matrix = new Map<string, number>();
    counts.forEach((count, row) => {
      for (let k = 0; k < count; k++) {
        const to = 2 * (k * size + row);
        matrix.set(`${row},${places[to + 1]}`, words[to]!);
      }
    });
    expect(Math.abs(matrix.size / 2 - kept.length)).toBeLessThanOrEqual(2);
    for (const [place, value] of matrix) {
      const [row, col] = place.split(",").map(Number) as [number, number];
      expect(matrix.get(`${col},${row}`)).toBe(value);
      const [i, j] = [Math.min(row, col), Math.max(row, col) - cols];
      expect(Math.abs(value / plan[i]![j]! - 1)).toBeLessThan(1e-4);
    }
  });
});

describe("memory", () => {
  /** Scalars written in programs are kept for good. */
  const live = (): number => {
    const { liveBytes, byCategory } = tg.memory();
    return liveBytes - byCategory.constant;
  };

  test.each([
    ["converged", {}],
    ["fallen back", { slots: 2, maxIterations: 40 }],
    ["without progress", { tolerance: 0, maxIterations: 60 }],
    ["strict", { maxIterations: 5, strict: true }],
    ["refused", { slots: 0 }],
    ["refused by the solver", { epsilon: -1 }],
  ])("%s: all of it comes back with the result", async (_, options) => {
    const [x, y] = points(square(30, 24, 5e-3));
    const cost = squaredEuclidean(
      tg.scope(() => tg.stack([x, tg.mul(x, 0.5)])),
      tg.scope(() => tg.stack([y, tg.mul(y, 0.5)])),
    );
    const run = async (): Promise<void> => {
      try {
        const found = await sinkhornNewton(null, null, cost, { epsilon: 5e-3, ...options });
        found.dispose();
      } catch (error) {
        if (!(error instanceof tg.TilegradError)) throw error;
      }
    };
    const before = live();
    await run();
    expect(live() - before).toBe(0);
  });
});

describe("wrong arguments", () => {
  const cost = () => tg.ones([3, 4]);
  const call = (options: object) => () =>
    sinkhornNewton(null, null, cost(), { epsilon: 0.1, ...options });
  test.each([
    ["no epsilon", call({ epsilon: undefined }), /sinkhornNewton: epsilon is missing/],
    ["a negative epsilon", call({ epsilon: -1 }), /sinkhornNewton: epsilon -1 must/],
    ["half a step", call({ maxSteps: 0.5 }), /sinkhornNewton: maxSteps 0.5 must/],
    ["no slots", call({ slots: 0 }), /sinkhornNewton: slots 0 must/],
    ["all mass", call({ captured: 1 }), /sinkhornNewton: captured 1 must/],
    [
      "weights of another length",
      () => sinkhornNewton([0.5, 0.5], null, cost(), { epsilon: 0.1 }),
      /sinkhornNewton: a has 2 weights; this cost needs 3/,
    ],
    [
      "unequal sums",
      () => sinkhornNewton(tg.ones([3]), tg.ones([4]), cost(), { epsilon: 0.1 }),
      /sinkhornNewton: a has mass 3\.0+ and b 4\.0+; a balanced problem/,
    ],
  ])("%s", async (_, run, message) => {
    await expect(run()).rejects.toThrow(message);
  });
});

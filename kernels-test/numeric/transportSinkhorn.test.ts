/** Sinkhorn's iteration on the device beside POT and an f64 reference, in plans, costs and what it says of itself. */
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { Device } from "../../src/device/device";
import { init } from "../../src/node";
import { tensor } from "../../src/tensor/creation";
import { emd, type SinkhornOptions, sinkhorn, squaredEuclidean } from "../../src/transport/index";
import { costMatrix } from "../reference/transport/costs";
import { drawPoints, drawWeights } from "../reference/transport/drawn";
import { golden } from "../reference/transport/golden";
import { pairOf, potCases, type SinkhornAttrs } from "../reference/transport/pot";
import {
  marginalError,
  type Problem,
  planOf,
  sinkhorn as reference,
} from "../reference/transport/sinkhorn";
import { transportCost } from "../reference/transport/values";
import {
  centred,
  distance,
  pointsOf,
  type Solved,
  solve,
  total,
  upload,
  vector,
} from "./transportRun";

let device: Device;
beforeAll(async () => {
  device = await init();
});

/** What is promised beside POT: relative in costs, and in plans relative to their largest element and to their mass. */
const promised = { cost: 1e-4, plan: 1e-3 };

/** Costs of the size of their own rounding are 0. */
const relativeTo = (want: number): number => promised.cost * Math.max(Math.abs(want), 1e-4);

function expectPlan(plan: ArrayLike<number>, want: Float64Array): void {
  // Below it, masses are 0 in f32.
  const least = 1e-35;
  const largest = want.reduce((most, p) => Math.max(most, p), least);
  const worst = want.reduce((most, p, k) => Math.max(most, Math.abs(plan[k]! - p)), 0);
  expect(worst / largest).toBeLessThan(promised.plan);
  expect(distance(plan, want) / Math.max(total(want), least)).toBeLessThan(promised.plan);
}

const problemOf = (attrs: SinkhornAttrs): Problem & ReturnType<typeof pairOf> => ({
  ...pairOf(attrs),
  epsilon: attrs.epsilon,
  penalty: [attrs.penalty?.a ?? null, attrs.penalty?.b ?? null],
});

function expectPot(
  solved: Solved,
  problem: Problem,
  { results, tensor: stored }: ReturnType<typeof potCases<SinkhornAttrs>>[number],
): void {
  expectPlan(solved.plan, planOf(problem, stored("f"), stored("g")));
  expect(Math.abs(solved.transportCost[0]! - results["cost"]!)).toBeLessThan(
    relativeTo(results["cost"]!),
  );
  expect(Math.abs(solved.relative[0]! - results["value"]!)).toBeLessThan(
    relativeTo(results["value"]!),
  );
}

/** Enough for points in the unit cube. All that are allowed are recorded, so few are quicker. */
const enough = (epsilon: number): Partial<SinkhornOptions> =>
  epsilon < 0.01
    ? { maxIterations: 5000, relaxation: 1.5 }
    : { maxIterations: Math.min(2500, 30 / epsilon) };

describe("plans, costs and values agree with POT", () => {
  /** One point beside others converges at once: the middle of the epsilons tells nothing. */
  const telling = ({ attrs: { n, epsilon } }: { readonly attrs: SinkhornAttrs }): boolean =>
    n > 1 || epsilon === 1 || epsilon === 1e-3;
  const cases = potCases<SinkhornAttrs>("sinkhorn").filter(telling);

  test.each(cases)("$name, cost from points", async (of) => {
    const problem = problemOf(of.attrs);
    const { epsilon } = problem;
    const options = { epsilon, ...enough(epsilon) };
    const solved = await solve(problem.a, problem.b, pointsOf(of.attrs, problem), options);
    expect(solved.converged).toEqual([true]);
    expectPot(solved, problem, of);
    expect(
      solved.entropy[0]! / (of.results["cost"]! + epsilon * of.results["entropy"]!) - 1,
    ).toBeCloseTo(0, 3);
  });

  test.each(cases.filter(({ attrs: { n } }) => n > 20 && n < 100))(
    "$name, cost a matrix",
    async (of) => {
      const problem = problemOf(of.attrs);
      const { n, m } = of.attrs;
      const cost = upload(problem.cost, [n, m]);
      const solved = await solve(problem.a, problem.b, cost, {
        epsilon: problem.epsilon,
        ...enough(problem.epsilon),
      });
      expect(solved.converged).toEqual([true]);
      expectPot(solved, problem, of);
    },
  );

  test.each(potCases<SinkhornAttrs>("sinkhornUnbalanced").filter(telling))("$name", async (of) => {
    const problem = problemOf(of.attrs);
    const { epsilon, penalty } = of.attrs;
    const given = penalty as NonNullable<SinkhornOptions["penalty"]>;
    const solved = await solve(problem.a, problem.b, pointsOf(of.attrs, problem), {
      epsilon,
      penalty: given,
      maxIterations: epsilon < 0.01 ? 6000 : 600,
    });
    expect(solved.converged).toEqual([true]);
    expectPot(solved, problem, of);
    const mass = of.results["mass"]!;
    expect(Math.abs(total(solved.plan) - mass)).toBeLessThan(promised.cost * mass + 1e-35);
  });
});

/** A drawn problem and its f64 solution. */
function drawn(
  n: number,
  m: number,
  epsilon: number,
  { seed = 1, mass = 1 }: { seed?: number; mass?: number } = {},
) {
  const [x, y] = [drawPoints(n, 2, seed), drawPoints(m, 2, seed + 1)];
  const problem: Problem = {
    a: drawWeights("random", n, seed + 2, mass),
    b: drawWeights("random", m, seed + 3, mass),
    cost: costMatrix("squaredEuclidean", x, y, 2),
    epsilon,
  };
  return { x, y, problem, points: () => squaredEuclidean(upload(x, [n, 2]), upload(y, [m, 2])) };
}

describe("rows around the padding and the teams of the kernels", () => {
  test.each([
    [1, 1],
    [1, 257],
    [257, 1],
    [3, 2],
    [15, 16],
    [16, 17],
    [17, 15],
    [63, 65],
    [64, 255],
    [256, 257],
    [1, 4097],
    [4095, 3],
  ])("%d by %d: plan and potentials are those of f64", async (n, m) => {
    const { problem, points } = drawn(n, m, 0.1);
    const want = reference({ ...problem, tolerance: 1e-10 });
    const solved = await solve(problem.a, problem.b, points(), { epsilon: 0.1 });
    expectPlan(solved.plan, want.plan);
    const [ours, theirs] = [centred(solved, problem.a), centred(want, problem.a)];
    for (const side of ["f", "g"] as const)
      for (const [i, h] of theirs[side].entries()) expect(ours[side][i]).toBeCloseTo(h, 4);
  });
});

describe("weights and points of all kinds", () => {
  test("a point without weight takes nothing and changes nothing", async () => {
    const { x, problem, points } = drawn(5, 4, 0.05);
    const a = Float64Array.from(problem.a, (w, i) => (i === 2 ? 0 : w));
    const mass = total(a);
    const b = Float64Array.from(problem.b, (w) => w * mass);
    const kept = Float64Array.from([...x].filter((_, k) => Math.floor(k / 2) !== 2));
    const y = drawPoints(4, 2, 2);
    const with_ = await solve(a, b, points(), { epsilon: 0.05 });
    const without = await solve(
      a.filter((w) => w > 0),
      b,
      squaredEuclidean(upload(kept, [4, 2]), upload(y, [4, 2])),
      { epsilon: 0.05 },
    );
    expect([...with_.plan.slice(8, 12)]).toEqual([0, 0, 0, 0]);
    expect(with_.transportCost[0]).toBeCloseTo(without.transportCost[0]!, 6);
    expect(with_.f.every(Number.isFinite)).toBe(true);
  });

  test("duplicate points share what one point of their weight has", async () => {
    const y = upload([0, 0, 1, 1, 0.5, 0.2], [3, 2]);
    const twice = await solve(
      [0.2, 0.3, 0.5],
      [0.3, 0.3, 0.4],
      squaredEuclidean(upload([0.1, 0.7, 0.1, 0.7, 0.9, 0.4], [3, 2]), y),
      { epsilon: 0.1 },
    );
    const once = await solve(
      [0.5, 0.5],
      [0.3, 0.3, 0.4],
      squaredEuclidean(upload([0.1, 0.7, 0.9, 0.4], [2, 2]), y),
      { epsilon: 0.1 },
    );
    for (const j of [0, 1, 2]) {
      expect(twice.plan[j]! + twice.plan[3 + j]!).toBeCloseTo(once.plan[j]!, 6);
      expect(twice.plan[j]! * 1.5).toBeCloseTo(twice.plan[3 + j]!, 6);
    }
    expect(twice.transportCost[0]).toBeCloseTo(once.transportCost[0]!, 6);
  });

  test("all points in one place: the plan is the product of the weights, and costs nothing", async () => {
    const { problem } = drawn(7, 5, 0.1);
    const same = (n: number) => upload(new Float64Array(2 * n).fill(0.3), [n, 2]);
    const solved = await solve(problem.a, problem.b, squaredEuclidean(same(7), same(5)), {
      epsilon: 0.01,
    });
    solved.plan.forEach((p, k) => {
      expect(p).toBeCloseTo(problem.a[Math.floor(k / 5)]! * problem.b[k % 5]!, 6);
    });
    expect(solved.transportCost[0]).toBe(0);
    expect(Math.abs(solved.relative[0]!)).toBeLessThan(1e-6);
  });

  test("one point beside many pays for all of them, whatever epsilon is", async () => {
    for (const epsilon of [1, 1e-3]) {
      const { problem, points } = drawn(1, 9, epsilon);
      const solved = await solve(problem.a, problem.b, points(), { epsilon });
      const want = total(Array.from(problem.cost, (c, j) => c * problem.b[j]!));
      expect(solved.transportCost[0]).toBeCloseTo(want, 6);
      expect(solved.relative[0]).toBeCloseTo(want, 6);
      expect(solved.converged).toEqual([true]);
    }
  });

  test.each([1e-3, 1, 37, 1e4])("equal sums of %d need no normalisation", async (mass) => {
    const { problem, points } = drawn(17, 23, 0.05, { mass });
    const want = reference(problem);
    const solved = await solve(problem.a, problem.b, points(), { epsilon: 0.05 });
    expect(solved.converged).toEqual([true]);
    expectPlan(solved.plan, want.plan);
    expect(solved.transportCost[0]! / transportCost(want.plan, problem.cost)).toBeCloseTo(1, 5);
  });

  test("null is uniform, and an array is a tensor", async () => {
    const { problem, points } = drawn(6, 4, 0.1);
    const uniform = (n: number): number[] => Array.from({ length: n }, () => 1 / n);
    const [given, none] = await Promise.all([
      solve(uniform(6), uniform(4), points(), { epsilon: 0.1 }),
      solve(null, null, points(), { epsilon: 0.1 }),
    ]);
    none.plan.forEach((p, k) => {
      expect(p).toBeCloseTo(given.plan[k]!, 7);
    });
    const numbers = sinkhorn([...Array.from(problem.a)], [...Array.from(problem.b)], points(), {
      epsilon: 0.1,
    });
    const solved = await solve(problem.a, problem.b, points(), { epsilon: 0.1 });
    expect(await numbers.f.data()).toEqual(solved.f);
  });
});

describe("costs of all sizes", () => {
  test.each([1e-6, 1e-3, 1e3, 1e6])("times %d, with epsilon in proportion", async (scale) => {
    const { problem } = drawn(31, 17, 0.02);
    const want = reference(problem);
    const cost = upload(
      Float64Array.from(problem.cost, (c) => c * scale),
      [31, 17],
    );
    const solved = await solve(problem.a, problem.b, cost, { epsilon: 0.02 * scale });
    expect(solved.converged).toEqual([true]);
    expectPlan(solved.plan, want.plan);
    const paid = transportCost(want.plan, problem.cost) * scale;
    expect(solved.transportCost[0]! / paid).toBeCloseTo(1, 4);
  });

  test("of any sign: a constant is paid by all and moves nothing", async () => {
    const { problem } = drawn(9, 8, 0.1);
    const want = reference(problem);
    const cost = upload(
      Float64Array.from(problem.cost, (c) => c - 3),
      [9, 8],
    );
    const solved = await solve(problem.a, problem.b, cost, { epsilon: 0.1 });
    expectPlan(solved.plan, want.plan);
    expect(solved.transportCost[0]).toBeCloseTo(transportCost(want.plan, problem.cost) - 3, 4);
  });

  test("Infinity forbids a pair", async () => {
    const n = 6;
    const { problem } = drawn(n, n, 0.05);
    // A band: every point reaches its own and the next.
    const cost = Float64Array.from(problem.cost, (c, k) => {
      const step = ((k % n) - Math.floor(k / n) + n) % n;
      return step <= 2 ? c : Number.POSITIVE_INFINITY;
    });
    const uniform = new Float64Array(n).fill(1 / n);
    const banded: Problem = { a: uniform, b: uniform, cost, epsilon: 0.05 };
    const want = reference(banded);
    expect(marginalError(want.plan, uniform, uniform)).toBeLessThan(1e-9);
    const solved = await solve(uniform, uniform, upload(cost, [n, n]), { epsilon: 0.05 });
    expectPlan(solved.plan, want.plan);
    cost.forEach((c, k) => {
      if (c === Number.POSITIVE_INFINITY) expect(solved.plan[k]).toBe(0);
    });
    expect(solved.transportCost[0]).toBeCloseTo(transportCost(want.plan, cost), 5);
    expect(Number.isFinite(solved.relative[0]!)).toBe(true);
    expect(solved.converged).toEqual([true]);
  });
});

describe("what it says of itself", () => {
  test("the error is an upper bound of that of the plan, and of its size", async () => {
    for (const [n, epsilon, iterations] of [
      [33, 0.05, 3],
      [33, 0.01, 20],
      [129, 0.01, 50],
      [257, 0.005, 100],
    ] as const) {
      const { problem, points } = drawn(n, n, epsilon);
      const solved = await solve(problem.a, problem.b, points(), {
        epsilon,
        maxIterations: iterations,
        tolerance: 1e-9,
      });
      const measured = marginalError(solved.plan, problem.a, problem.b);
      const reported = solved.marginalError[0]!;
      expect(solved.converged).toEqual([false]);
      expect(solved.iterations).toEqual([iterations]);
      expect(measured).toBeLessThan(reported * 1.01 + 5e-7);
      expect(reported).toBeLessThan(4 * measured);
    }
  });

  test.each([
    [16, 1],
    [256, 0.1],
    [256, 0.01],
    [512, 0.02],
    [1023, 0.05],
  ])("%d points at epsilon %f reach 1e-6, as the default promises", async (n, epsilon) => {
    const { problem, points } = drawn(n, n, epsilon);
    const solved = await solve(problem.a, problem.b, points(), { epsilon });
    expect(solved.converged).toEqual([true]);
    expect(solved.marginalError[0]).toBeLessThanOrEqual(1e-6);
    expect(marginalError(solved.plan, problem.a, problem.b)).toBeLessThan(2e-6);
  });

  test("the marginals it gives are those of the plan it gives", async () => {
    const { problem, points } = drawn(65, 33, 0.02);
    const { plan, rows, columns } = await solve(problem.a, problem.b, points(), {
      epsilon: 0.02,
      maxIterations: 30,
    });
    for (let i = 0; i < 65; i++)
      expect(rows[i]).toBeCloseTo(total(plan.subarray(33 * i, 33 * i + 33)), 6);
    for (let j = 0; j < 33; j++)
      expect(columns[j]).toBeCloseTo(total(plan.filter((_, k) => k % 33 === j)), 6);
  });

  test("an iteration that ends at the limit says how far it came, and more come nearer", async () => {
    const { problem, points } = drawn(64, 64, 0.005);
    const errors: number[] = [];
    for (const maxIterations of [10, 40, 160]) {
      const solved = await solve(problem.a, problem.b, points(), {
        epsilon: 0.005,
        maxIterations,
        tolerance: 0,
      });
      expect(solved.converged).toEqual([false]);
      expect(solved.iterations).toEqual([maxIterations]);
      errors.push(solved.marginalError[0]!);
    }
    expect(errors).toEqual([...errors].sort((p, q) => q - p));
    expect(errors[2]!).toBeLessThan(errors[0]! / 10);
  });

  test("it stops at the first look that finds it done: a multiple of checkEvery", async () => {
    const { problem, points } = drawn(64, 64, 0.05);
    const counts: number[] = [];
    for (const checkEvery of [1, 10, 25]) {
      const { iterations, converged } = await solve(problem.a, problem.b, points(), {
        epsilon: 0.05,
        checkEvery,
      });
      expect(converged).toEqual([true]);
      expect(iterations[0]! % checkEvery).toBe(0);
      counts.push(iterations[0]!);
    }
    const [first, tens, rest] = counts as [number, number, number];
    expect(tens).toBe(Math.ceil(first / 10) * 10);
    expect(rest).toBe(Math.ceil(first / 25) * 25);
  });

  test("what is done does not change: more iterations give the same bits", async () => {
    const { problem, points } = drawn(64, 64, 0.05);
    const [few, many] = await Promise.all(
      [200, 2000].map((maxIterations) =>
        solve(problem.a, problem.b, points(), { epsilon: 0.05, maxIterations }),
      ),
    );
    expect(few!.converged).toEqual([true]);
    expect(many!.iterations).toEqual(few!.iterations);
    expect(many!.f).toEqual(few!.f);
    expect(many!.g).toEqual(few!.g);
  });

  test("an iteration is two dispatches, a look one more, and nothing is read", () => {
    const { problem, points } = drawn(33, 33, 0.05);
    const [a, b, cost] = [vector(problem.a), vector(problem.b), points()];
    const { counters } = device.executor;
    const run = (maxIterations: number, checkEvery: number): number => {
      const before = counters.dispatches;
      sinkhorn(a, b, cost, { epsilon: 0.05, maxIterations, checkEvery });
      return counters.dispatches - before;
    };
    // The last iteration is always looked at.
    const read = vi.spyOn(device.executor, "read");
    const base = run(20, 20);
    expect(run(120, 120) - base).toBe(200);
    expect(run(120, 10) - base).toBe(200 + 11);
    expect(read).not.toHaveBeenCalled();
    read.mockRestore();
  });
});

describe("batches", () => {
  const n = 17;
  const m = 9;
  const epsilons = [0.3, 0.3, 0.3];
  // The second is a hundred times as far apart, so its epsilon is small for it.
  const spreads = [0.3, 4, 1];
  const members = spreads.map((spread, k) => {
    const [x, y] = [10 * k, 10 * k + 1].map(
      (seed) => (of: number) => drawPoints(of, 2, seed).map((v) => v * spread),
    );
    return {
      x: x!(n),
      y: y!(m),
      a: drawWeights("random", n, 10 * k + 2),
      b: drawWeights("random", m, 10 * k + 3),
    };
  });
  const stacked = (key: "x" | "y" | "a" | "b", shape: readonly number[]) =>
    upload(
      members.flatMap((of) => [...of[key]]),
      [3, ...shape],
    );

  test("each problem of a batch is solved as it is alone, and stops by itself", async () => {
    const options = { epsilon: epsilons[0]!, checkEvery: 1 };
    const together = sinkhorn(
      stacked("a", [n]),
      stacked("b", [m]),
      squaredEuclidean(stacked("x", [n, 2]), stacked("y", [m, 2])),
      options,
    );
    expect(together.f.shape).toEqual([3, n]);
    expect(together.g.shape).toEqual([3, m]);
    expect(together.plan.dense().shape).toEqual([3, n, m]);
    expect(together.transportCost().shape).toEqual([3]);
    expect(together.marginalError.shape).toEqual([3]);
    const reports = await together.report();
    const [f, g] = [await together.f.data(), await together.g.data()];
    for (const [k, { x, y, a, b }] of members.entries()) {
      const cost = squaredEuclidean(upload(x, [n, 2]), upload(y, [m, 2]));
      const alone = await solve(a, b, cost, options);
      expect(reports[k]!.iterations).toBe(alone.iterations[0]);
      expect(reports[k]!.converged).toBe(true);
      expect(f.slice(k * n, (k + 1) * n)).toEqual(alone.f);
      expect(g.slice(k * m, (k + 1) * m)).toEqual(alone.g);
    }
    expect(new Set(reports.map(({ iterations }) => iterations)).size).toBe(3);
  });

  test("leading dimensions may be many, and weights and points broadcast against each other", async () => {
    const x = upload(
      members.flatMap((of) => [...of.x]),
      [3, 1, n, 2],
    );
    const y = upload(
      members.slice(0, 2).flatMap((of) => [...of.y]),
      [2, m, 2],
    );
    const all = sinkhorn(vector(members[0]!.a), null, squaredEuclidean(x, y), { epsilon: 1 });
    expect(all.plan.shape).toEqual([3, 2, n, m]);
    expect(all.f.shape).toEqual([3, 2, n]);
    const cost = await all.transportCost().data();
    for (const [k, of] of members.entries())
      for (const l of [0, 1]) {
        const alone = await solve(
          members[0]!.a,
          null,
          squaredEuclidean(upload(of.x, [n, 2]), upload(members[l]!.y, [m, 2])),
          { epsilon: 1 },
        );
        expect(cost[2 * k + l]).toBeCloseTo(alone.transportCost[0]!, 5);
      }
  });

  test("a batch without problems is one without results", () => {
    const none = sinkhorn(null, null, tensor(new Float32Array(0), { shape: [0, 3, 4] }), {
      epsilon: 1,
    });
    expect(none.f.shape).toEqual([0, 3]);
    expect(none.transportCost().shape).toEqual([0]);
  });
});

describe("ways to fewer iterations end at the same plan", () => {
  const epsilon = 0.005;
  const { problem, points } = drawn(65, 63, epsilon);
  const options = { epsilon, checkEvery: 1, maxIterations: 2500 };
  const run = (more: Partial<SinkhornOptions>): Promise<Solved> =>
    solve(problem.a, problem.b, points(), { ...options, ...more });

  test.each<[string, Partial<SinkhornOptions>]>([
    ["over-relaxation", { relaxation: 1.5 }],
    ["epsilon scaling", { epsilonScaling: { from: 1, decay: 0.7 } }],
  ])("%s", async (_, more) => {
    const [plain, other] = [await run({}), await run(more)];
    expect(other.converged).toEqual([true]);
    expect(distance(plain.plan, other.plan)).toBeLessThan(1e-4);
    expect(other.iterations[0]).toBeLessThan(plain.iterations[0]!);
  });

  test("the potentials of a solved problem are its start and its end", async () => {
    const plain = await run({});
    const again = await run({ initial: { f: vector(plain.f), g: vector(plain.g) } });
    expect(again.iterations[0]).toBeLessThanOrEqual(5);
    expect(distance(plain.plan, again.plan)).toBeLessThan(1e-5);
    const half = await run({ initial: { g: vector(plain.g) } });
    expect(half.iterations[0]).toBeLessThanOrEqual(5);
  });
});

describe("epsilon towards 0", () => {
  test("the cost comes down to that of exact transport", async () => {
    const { problem, points } = drawn(31, 31, 1);
    const { cost: exact } = await emd(problem.a, problem.b, Float64Array.from(problem.cost));
    const costs: number[] = [];
    for (const epsilon of [0.1, 0.01, 1e-3, 3e-4]) {
      const { transportCost: paid } = await solve(problem.a, problem.b, points(), {
        epsilon,
        ...enough(epsilon),
        tolerance: 1e-5,
      });
      costs.push(paid[0]!);
    }
    expect(costs).toEqual([...costs].sort((p, q) => q - p));
    expect(costs[3]! / exact - 1).toBeLessThan(1e-3);
    expect(costs[3]! / exact - 1).toBeGreaterThan(-1e-4);
  });

  test("the golden points cost what exact transport costs", async () => {
    const { a, b, x, y, exact } = golden;
    const cost = squaredEuclidean(upload(x, [5, 2]), upload(y, [4, 2]));
    const options = { epsilon: 1e-3, ...enough(1e-3) };
    const solved = await solve(a, b, cost, options);
    expect(solved.transportCost[0]! / exact).toBeCloseTo(1, 5);
  });
});

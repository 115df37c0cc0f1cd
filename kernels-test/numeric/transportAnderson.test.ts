/** Anderson acceleration of Sinkhorn's iteration: the same solutions in fewer iterations, and honest verdicts. */
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { ArgumentError } from "../../src/errors";
import { init, readAll } from "../../src/node";
import { forcedRowTeam } from "../../src/ops/rowTeam";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";
import { type SinkhornOptions, sinkhorn, squaredEuclidean } from "../../src/transport/index";
import { expectThrows } from "../harness";
import { drawPoints, drawWeights, type WeightKind } from "../reference/transport/drawn";
import { marginals } from "../reference/transport/sinkhorn";
import { centred, distance, type Solved, solve, upload } from "./transportRun";

beforeAll(async () => {
  await init();
});

afterEach(() => {
  forcedRowTeam.current = null;
});

interface Drawn {
  readonly n: number;
  readonly m: number;
  readonly kind?: WeightKind;
  readonly seed?: number;
}

/** Points in the unit square. */
function drawn({ n, m, kind = "random", seed = 1 }: Drawn) {
  const x = drawPoints(n, 2, seed);
  const y = drawPoints(m, 2, seed + 1);
  return {
    ...{ n, m, x, y },
    a: drawWeights(kind, n, seed + 2),
    b: drawWeights(kind, m, seed + 3),
    cost: squaredEuclidean(upload(x, [n, 2]), upload(y, [m, 2])),
  };
}

const run = ({ a, b, cost }: ReturnType<typeof drawn>, options: SinkhornOptions): Promise<Solved> =>
  solve(a, b, cost, { checkEvery: 1, ...options });

const largest = (x: readonly number[], y: readonly number[]): number =>
  x.reduce((most, v, i) => Math.max(most, Math.abs(v - y[i]!)), 0);

function expectSameSolution(
  mixed: Solved,
  plain: Solved,
  a: ArrayLike<number>,
  epsilon: number,
): void {
  const [p, q] = [centred(mixed, a), centred(plain, a)];
  expect(largest(p.f, q.f)).toBeLessThan(1e-3 * epsilon);
  expect(largest(p.g, q.g)).toBeLessThan(1e-3 * epsilon);
  expect(distance(mixed.plan, plain.plan)).toBeLessThan(2e-4);
  expect(Math.abs(mixed.relative[0]! - plain.relative[0]!)).toBeLessThan(2e-6);
}

describe("it finds what the plain iteration finds, in fewer iterations", () => {
  const cases: readonly (Drawn & { epsilon: number; fewer: number; options?: object })[] = [
    { n: 150, m: 150, kind: "uniform", epsilon: 0.1, fewer: 1.5 },
    { n: 150, m: 150, kind: "uniform", epsilon: 0.01, fewer: 3 },
    { n: 150, m: 157, epsilon: 0.01, fewer: 3 },
    { n: 129, m: 97, kind: "zeros", epsilon: 0.01, fewer: 3 },
    { n: 150, m: 157, epsilon: 1e-3, fewer: 6 },
    { n: 100, m: 121, epsilon: 0.01, fewer: 3, options: { penalty: { kl: 0.3 } } },
    { n: 100, m: 121, epsilon: 0.01, fewer: 3, options: { penalty: { b: { kl: 0.1 } } } },
    { n: 100, m: 121, epsilon: 0.03, fewer: 3, options: { penalty: { tv: 0.1 } } },
  ];
  test.each(cases)("%o", async ({ epsilon, fewer, options = {}, ...shape }) => {
    const problem = drawn(shape);
    const common = { epsilon, maxIterations: 3000, ...options };
    const plain = await run(problem, common);
    const mixed = await run(problem, { ...common, maxIterations: 500, anderson: {} });
    expect([...plain.converged, ...mixed.converged]).toEqual([true, true]);
    expect(plain.iterations[0]! / mixed.iterations[0]!).toBeGreaterThan(fewer);
    expectSameSolution(mixed, plain, problem.a, epsilon);
  });

  test.each([{ memory: 2 }, { memory: 8 }, { every: 3 }, { start: 20 }])("%o", async (anderson) => {
    const problem = drawn({ n: 100, m: 121 });
    const epsilon = 0.01;
    const plain = await run(problem, { epsilon });
    const mixed = await run(problem, { epsilon, anderson });
    expect([...plain.converged, ...mixed.converged]).toEqual([true, true]);
    expect(plain.iterations[0]! / mixed.iterations[0]!).toBeGreaterThan(2);
    expectSameSolution(mixed, plain, problem.a, epsilon);
  });

  test("from potentials that are far from all solutions", async () => {
    const problem = drawn({ n: 100, m: 121 });
    const epsilon = 0.005;
    const wild = (size: number, seed: number): Tensor =>
      upload(
        drawPoints(size, 1, seed).map((v) => 4 * v - 2),
        [size],
      );
    const mixed = await run(problem, {
      ...{ epsilon, anderson: {}, maxIterations: 400 },
      initial: { f: wild(100, 7), g: wild(121, 8) },
    });
    expect(mixed.converged).toEqual([true]);
    expectSameSolution(mixed, await run(problem, { epsilon, anderson: {} }), problem.a, epsilon);
  });

  test.each([[1, 1] as const, [1, 3] as const, [3, 1] as const])(
    "a problem of %i x %i points, which leaves nothing to mix",
    async (n, m) => {
      const options = { epsilon: 0.01, tolerance: 0, maxIterations: 8 };
      const { plan, rows, columns } = await run(drawn({ n, m }), { ...options, anderson: {} });
      const { a, b } = drawn({ n, m });
      expect(plan.every(Number.isFinite)).toBe(true);
      expect(distance(rows, a) + distance(columns, b)).toBeLessThan(1e-6);
    },
  );
});

describe("what it says of itself is true", () => {
  const sides = ({ plan }: Solved, { n, a, b }: ReturnType<typeof drawn>): [number, number] => {
    const [rows, columns] = marginals(plan, n);
    return [distance(rows, a), distance(columns, b)];
  };
  /** Of sums of a plan's entries in f32. */
  const rounding = 1e-6;

  test.each([1e-2, 1e-4, 1e-6])(
    "what has converged is within %d of its marginals",
    async (tolerance) => {
      for (const seed of [1, 11, 21])
        for (const checkEvery of [1, 7]) {
          const problem = drawn({ n: 60, m: 71, seed });
          const options = { epsilon: 0.005, tolerance, checkEvery, anderson: {} };
          const solved = await run(problem, options);
          const [rows, columns] = sides(solved, problem);
          expect(solved.converged).toEqual([true]);
          expect(solved.iterations[0]! % checkEvery).toBe(0);
          expect(rows).toBeLessThan(tolerance + rounding);
          expect(columns).toBeLessThan(rounding);
        }
    },
  );

  test("where it has to stop early, the error it names bounds that of the rows, and columns are exact", async () => {
    const problem = drawn({ n: 60, m: 71 });
    for (const maxIterations of [1, 2, 3, 4, 8, 15, 30]) {
      const solved = await run(problem, { epsilon: 0.005, maxIterations, anderson: {} });
      const [rows, columns] = sides(solved, problem);
      expect(solved.converged).toEqual([false]);
      expect(solved.iterations).toEqual([maxIterations]);
      expect(rows).toBeLessThan(solved.marginalError[0]! + rounding);
      expect(columns).toBeLessThan(rounding);
    }
  });
});

test("problems of a batch end each in its own time, with what they are alone", async () => {
  const [n, m] = [60, 71];
  const parts = [1, 11, 21].map((seed) => drawn({ n, m, seed }));
  const all = (name: "x" | "y"): number[] => parts.flatMap((part) => [...part[name]]);
  const one = parts[0]!;
  const cost = squaredEuclidean(upload(all("x"), [3, n, 2]), upload(all("y"), [3, m, 2]));
  const options = { epsilon: 0.01, checkEvery: 1, anderson: {} };
  const together = await solve(one.a, one.b, cost, options);
  const alone = [];
  for (const { cost } of parts) alone.push(await solve(one.a, one.b, cost, options));
  expect(together.iterations).toEqual(alone.map(({ iterations }) => iterations[0]));
  expect(new Set(together.iterations).size).toBeGreaterThan(1);
  for (const [k, { plan }] of alone.entries())
    expect(distance(together.plan.subarray(k * n * m, (k + 1) * n * m), plan)).toBeLessThan(1e-6);
});

test("a workgroup for each problem finds what one invocation finds", async () => {
  const problem = drawn({ n: 60, m: 201 });
  const options = { epsilon: 0.01, anderson: {} };
  forcedRowTeam.current = 1;
  const single = await run(problem, options);
  forcedRowTeam.current = 64;
  const team = await run(problem, options);
  expect([...single.converged, ...team.converged]).toEqual([true, true]);
  expect(Math.abs(single.iterations[0]! - team.iterations[0]!)).toBeLessThan(6);
  expectSameSolution(team, single, problem.a, 0.01);
});

describe("nothing is mixed", () => {
  const problem = () => drawn({ n: 33, m: 40 });
  const same = async (plain: SinkhornOptions, mixed: SinkhornOptions): Promise<boolean> => {
    const [p, q] = [await run(problem(), plain), await run(problem(), mixed)];
    return [...p.g, ...p.f].every((v, i) => v === [...q.g, ...q.f][i]);
  };

  test("before start", async () => {
    const options = { epsilon: 0.01, tolerance: 0, maxIterations: 12 };
    expect(await same(options, { ...options, anderson: { start: 12 } })).toBe(true);
    expect(await same(options, { ...options, anderson: { start: 2 } })).toBe(false);
  });

  test("before epsilon has settled", async () => {
    const scaled = { epsilon: 0.01, epsilonScaling: { from: 1, decay: 0.5 }, tolerance: 0 };
    const settled = 7;
    for (const [more, plainly] of [
      [0, true],
      [10, false],
    ] as const) {
      const options = { ...scaled, maxIterations: settled + more };
      expect(await same(options, { ...options, anderson: {} })).toBe(plainly);
    }
  });
});

test("derivatives are those of the solution, however it was found", async () => {
  const { x, y, n, m } = drawn({ n: 12, m: 15 });
  const moved = upload(y, [m, 2]);
  const slope = (options: Partial<SinkhornOptions>): Tensor =>
    grad((points: Tensor) =>
      sinkhorn(null, null, squaredEuclidean(points, moved), {
        ...{ epsilon: 0.05, tolerance: 3e-7, maxIterations: 500, ...options },
      }).transportCost(),
    )(upload(x, [n, 2]));
  const [plain, mixed] = (await readAll([slope({}), slope({ anderson: {} })])) as Float32Array[];
  expect(Math.max(...plain!.map(Math.abs))).toBeGreaterThan(1e-2);
  expect(largest([...mixed!], [...plain!])).toBeLessThan(1e-5);
});

describe("options that make no sense are named", () => {
  const cases: readonly (readonly [string, object, RegExp])[] = [
    ["a memory of 1", { anderson: { memory: 1 } }, /anderson\.memory 1 /],
    ["a memory of 9", { anderson: { memory: 9 } }, /anderson\.memory 9 /],
    ["half a memory", { anderson: { memory: 2.5 } }, /anderson\.memory 2\.5/],
    ["every 0 iterations", { anderson: { every: 0 } }, /anderson\.every 0/],
    ["a start before the first", { anderson: { start: -1 } }, /anderson\.start -1/],
    ["true", { anderson: true }, /anderson must be options/],
    ["null", { anderson: null }, /anderson must be options/],
    ["over-relaxation", { anderson: {}, relaxation: 1.5 }, /relaxation 1\.5 .* anderson/],
    ["unrolled", { anderson: {}, differentiation: "unrolled" }, /"unrolled" .*"implicit"/],
  ];
  test.each(cases)("%s", (_, options, pattern) => {
    const { cost } = drawn({ n: 3, m: 4 });
    const call = () => sinkhorn(null, null, cost, { epsilon: 1, ...options });
    expectThrows(call, ArgumentError, pattern);
  });
});

/** What holds of every entropic transport, on problems drawn at random. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { init } from "../../src/node";
import { type Cost, squaredEuclidean } from "../../src/transport/index";
import { drawPoints, drawWeights, hashed } from "../reference/transport/drawn";
import { centred, distance, solve, total, upload } from "./transportRun";

beforeAll(async () => {
  await init();
});

/** Sizes are few, so that programs and buffers are. */
const sizes = [1, 2, 5, 13, 17, 33];

interface Drawn {
  readonly n: number;
  readonly m: number;
  readonly d: number;
  readonly seed: number;
  readonly epsilon: number;
  readonly weights: "uniform" | "random" | "zeros";
}

const problems: fc.Arbitrary<Drawn> = fc.record({
  n: fc.constantFrom(...sizes),
  m: fc.constantFrom(...sizes),
  d: fc.integer({ min: 1, max: 4 }),
  seed: fc.integer({ min: 0, max: 1e6 }),
  epsilon: fc.constantFrom(0.2, 0.5, 1),
  weights: fc.constantFrom("uniform", "random", "zeros"),
});

const made = ({ n, m, d, seed, weights }: Drawn) => ({
  x: drawPoints(n, d, seed),
  y: drawPoints(m, d, seed + 1),
  a: drawWeights(weights, n, seed + 2),
  b: drawWeights(weights, m, seed + 3),
});

const between = (x: ArrayLike<number>, y: ArrayLike<number>, d: number): Cost =>
  squaredEuclidean(upload(x, [x.length / d, d]), upload(y, [y.length / d, d]));

const claim = (name: string, check: (of: Drawn) => Promise<void>, numRuns = 10): void => {
  test(name, () => fc.assert(fc.asyncProperty(problems, check), { numRuns, seed: 20_261 }));
};

/** All iterations that are allowed are recorded. */
const options = ({ epsilon }: Drawn) => ({ epsilon, maxIterations: 150 });

/** Rows of `width` in another order. */
function permuted(x: ArrayLike<number>, order: readonly number[], width: number): Float64Array {
  return Float64Array.from(
    order.flatMap((i) => Array.from({ length: width }, (_, k) => x[i * width + k]!)),
  );
}

const orderOf = (n: number, seed: number): number[] =>
  Array.from({ length: n }, (_, i) => i).sort((i, j) => hashed(i, seed) - hashed(j, seed));

describe("of every problem", () => {
  claim("OT(a, b) is OT(b, a), and the plan is transposed", async (of) => {
    const { x, y, a, b } = made(of);
    const there = await solve(a, b, between(x, y, of.d), options(of));
    const back = await solve(b, a, between(y, x, of.d), options(of));
    expect(there.converged).toEqual([true]);
    expect(back.relative[0]).toBeCloseTo(there.relative[0]!, 5);
    const turned = there.plan.map((_, k) => back.plan[(k % of.m) * of.n + Math.floor(k / of.m)]!);
    expect(distance(there.plan, turned)).toBeLessThan(2e-5);
  });

  claim("points in another order have potentials and a plan in that order", async (of) => {
    const { x, y, a, b } = made(of);
    const [rows, columns] = [orderOf(of.n, of.seed + 4), orderOf(of.m, of.seed + 5)];
    const plain = await solve(a, b, between(x, y, of.d), options(of));
    const other = await solve(
      permuted(a, rows, 1),
      permuted(b, columns, 1),
      between(permuted(x, rows, of.d), permuted(y, columns, of.d), of.d),
      options(of),
    );
    expect(other.relative[0]).toBeCloseTo(plain.relative[0]!, 5);
    const wanted = other.plan.map(
      (_, k) => plain.plan[rows[Math.floor(k / of.m)]! * of.m + columns[k % of.m]!]!,
    );
    expect(distance(other.plan, wanted)).toBeLessThan(2e-5);
  });

  claim(
    "cost and epsilon scaled alike scale potentials and value, and move nothing",
    async (of) => {
      const { x, y, a, b } = made(of);
      const plain = await solve(a, b, between(x, y, of.d), options(of));
      // By a power of 2: the same roundings, so the same bits.
      const doubled = [x, y].map((p) => p.map((v) => 2 * v));
      const other = await solve(a, b, between(doubled[0]!, doubled[1]!, of.d), {
        ...options(of),
        epsilon: 4 * of.epsilon,
      });
      expect(other.plan).toEqual(plain.plan);
      expect(other.f).toEqual(plain.f.map((v) => 4 * v));
      expect(other.relative).toEqual(plain.relative.map((v) => 4 * v));
      expect(other.iterations).toEqual(plain.iterations);
    },
  );

  claim(
    "both measures scaled scale the plan, and move no potential but by a constant",
    async (of) => {
      const { x, y, a, b } = made(of);
      const heavy = (w: Float64Array): Float64Array => w.map((v) => 5 * v);
      const plain = await solve(a, b, between(x, y, of.d), options(of));
      const other = await solve(heavy(a), heavy(b), between(x, y, of.d), options(of));
      expect(
        distance(
          other.plan.map((p) => p / 5),
          plain.plan,
        ),
      ).toBeLessThan(2e-5);
      const [ours, theirs] = [centred(other, a).f, centred(plain, a).f];
      for (const [i, f] of ours.entries()) expect(f).toBeCloseTo(theirs[i]!, 4);
    },
  );

  claim("potentials that start elsewhere end the same but for a constant", async (of) => {
    const { x, y, a, b } = made(of);
    const cost = between(x, y, of.d);
    const plain = await solve(a, b, cost, options(of));
    const other = await solve(a, b, cost, {
      ...options(of),
      initial: {
        f: upload(drawPoints(of.n, 1, of.seed + 6), [of.n]),
        g: upload(drawPoints(of.m, 1, of.seed + 7), [of.m]),
      },
    });
    const [p, q] = [centred(plain, a), centred(other, a)];
    for (const side of ["f", "g"] as const)
      for (const [i, h] of p[side].entries()) expect(q[side][i]).toBeCloseTo(h, 4);
  });

  claim("all points moved alike leave everything as it is", async (of) => {
    const { x, y, a, b } = made(of);
    const moved = (p: Float64Array): Float64Array => p.map((v, k) => v + ((k % of.d) + 1) / 2);
    const plain = await solve(a, b, between(x, y, of.d), options(of));
    const other = await solve(a, b, between(moved(x), moved(y), of.d), options(of));
    expect(other.relative[0]).toBeCloseTo(plain.relative[0]!, 5);
    expect(distance(other.plan, plain.plan)).toBeLessThan(5e-5);
  });

  claim("one side moved by t costs |t|² + 2 t · (mean of y - mean of x) more", async (of) => {
    const { x, y, a, b } = made(of);
    const t = Float64Array.from({ length: of.d }, (_, k) => 0.25 * (k + 1));
    const moved = y.map((v, k) => v + t[k % of.d]!);
    const mean = (p: Float64Array, w: Float64Array, k: number): number =>
      total(w.map((v, i) => v * p[i * of.d + k]!));
    const plain = await solve(a, b, between(x, y, of.d), options(of));
    const other = await solve(a, b, between(x, moved, of.d), options(of));
    const more = total(t.map((v, k) => v * v + 2 * v * (mean(y, b, k) - mean(x, a, k))));
    expect(Math.abs(other.relative[0]! - plain.relative[0]! - more)).toBeLessThan(
      5e-6 * (1 + Math.abs(more)),
    );
    expect(distance(other.plan, plain.plan)).toBeLessThan(1e-4);
  });

  claim("a larger epsilon pays more, and no plan pays less than the value says", async (of) => {
    const { x, y, a, b } = made(of);
    const cost = between(x, y, of.d);
    const [small, large] = [
      await solve(a, b, cost, options(of)),
      await solve(a, b, cost, { ...options(of), epsilon: 3 * of.epsilon }),
    ];
    expect(large.transportCost[0]!).toBeGreaterThan(small.transportCost[0]! - 2e-6);
    expect(large.relative[0]!).toBeGreaterThan(small.relative[0]! - 2e-6);
    const product = total(
      small.plan.map((_, k) => {
        const [i, j] = [Math.floor(k / of.m), k % of.m];
        let sum = 0;
        for (let c = 0; c < of.d; c++) sum += (x[i * of.d + c]! - y[j * of.d + c]!) ** 2;
        return a[i]! * b[j]! * sum;
      }),
    );
    expect(small.relative[0]!).toBeLessThan(product + 2e-6);
  });

  claim(
    "the debiased value is not negative, 0 of a measure and itself, and symmetric",
    async (of) => {
      const { x, y, a, b } = made(of);
      // A measure goes to itself slowly: exact enough for its value is soon.
      const value = async (
        [p, v]: readonly [Float64Array, Float64Array],
        [q, w]: readonly [Float64Array, Float64Array],
      ): Promise<number> =>
        (await solve(v, w, between(p, q, of.d), { ...options(of), tolerance: 1e-4 })).relative[0]!;
      const [left, right] = [[x, a] as const, [y, b] as const];
      const [across, itself, other] = [
        await value(left, right),
        await value(left, left),
        await value(right, right),
      ];
      const divergence = across - (itself + other) / 2;
      expect(divergence).toBeGreaterThan(-2e-5);
      // The same measure by other points: each in two halves.
      const halves = [
        Float64Array.from([...x, ...x]),
        Float64Array.from([...a, ...a], (w) => w / 2),
      ];
      const again = await value(left, halves as unknown as readonly [Float64Array, Float64Array]);
      expect(again).toBeCloseTo(itself, 4);
    },
  );

  claim("marginals are the weights, and no mass is negative", async (of) => {
    const { x, y, a, b } = made(of);
    const solved = await solve(a, b, between(x, y, of.d), options(of));
    expect(solved.converged).toEqual([true]);
    expect(distance(solved.rows, a)).toBeLessThan(3e-6);
    expect(distance(solved.columns, b)).toBeLessThan(3e-6);
    expect(solved.plan.every((p) => p >= 0)).toBe(true);
  });
});

describe("of unbalanced problems", () => {
  claim("less weight of the penalty moves less mass, and costs less", async (of) => {
    const { x, y, a, b } = made(of);
    const cost = between(x, y, of.d);
    const more = b.map((w) => 1.5 * w);
    const run = (rho: number) => solve(a, more, cost, { ...options(of), penalty: { kl: rho } });
    const [light, heavy] = [await run(0.1), await run(1)];
    expect(light.relative[0]!).toBeLessThan(heavy.relative[0]! + 2e-6);
  });

  claim("measures in one place with a penalty meet between their masses", async (of) => {
    const { a, b } = made(of);
    const here = (n: number): Float64Array => new Float64Array(n * of.d).fill(0.5);
    const solved = await solve(
      a,
      b.map((w) => 2 * w),
      between(here(of.n), here(of.m), of.d),
      {
        ...options(of),
        penalty: { kl: 20 * of.epsilon },
      },
    );
    const mass = total(solved.plan);
    expect(mass).toBeGreaterThan(1);
    expect(mass).toBeLessThan(2);
    // As of two points: ((epsilon + rho) log of both masses) / (epsilon + 2 rho).
    expect(Math.abs(mass / 2 ** (21 / 41) - 1)).toBeLessThan(1e-4);
  });

  claim(
    "the same bits on every run",
    async (of) => {
      const { x, y, a, b } = made(of);
      const run = () =>
        solve(
          a,
          b.map((w) => 1.5 * w),
          between(x, y, of.d),
          {
            ...options(of),
            penalty: { kl: 0.3 },
          },
        );
      expect(await run()).toEqual(await run());
    },
    5,
  );
});

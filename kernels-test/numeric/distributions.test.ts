import { beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors";
import { initOn } from "../../src/init";
import { mul } from "../../src/ops/arithmetic";
import { sum } from "../../src/ops/reduce";
import { select } from "../../src/ops/shape";
import { nodePlatform } from "../../src/platform/node";
import * as random from "../../src/random/random";
import { tensor } from "../../src/tensor/creation";
import { memory, setDebug } from "../../src/tensor/memory";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";
import { vmap } from "../../src/transforms/vmap";
import {
  betaCdf,
  chiSquareP,
  gammaCdf,
  kolmogorovP,
  logGamma,
  normalCdf,
  studentCdf,
} from "../reference/distributions";

beforeAll(async () => {
  await initOn(nodePlatform);
});

const read = async (t: Tensor) => [...(await t.data())];
const count = 20_000;
/** Seeds are fixed, so a test that passes once passes always; a wrong distribution gives far less. */
const leastP = 1e-4;

const between = (low: number, high: number) => (z: number) =>
  low > 0
    ? (normalCdf(-low) - normalCdf(-z)) / (normalCdf(-low) - normalCdf(-high))
    : (normalCdf(z) - normalCdf(low)) / (normalCdf(high) - normalCdf(low));

interface Continuous {
  readonly name: string;
  draw(key: Tensor): Tensor;
  cdf(x: number): number;
}

const continuous: readonly Continuous[] = [
  {
    name: "uniform",
    draw: (k) => random.uniform(k, [count], { low: -2, high: 3 }),
    cdf: (x) => (x + 2) / 5,
  },
  { name: "normal", draw: (k) => random.normal(k, [count]), cdf: normalCdf },
  ...(
    [
      [-2, 2],
      [-0.5, 4],
      [4, 5],
      [-11, -10],
      [9, 20],
      [-1e30, 1e30],
    ] as const
  ).map(([low, high]) => ({
    name: `truncatedNormal from ${low} to ${high}`,
    draw: (k: Tensor) => random.truncatedNormal(k, [count], { low, high }),
    cdf: between(low, high),
  })),
  {
    name: "exponential",
    draw: (k) => random.exponential(k, [count], { rate: 2 }),
    cdf: (x) => 1 - Math.exp(-2 * x),
  },
  {
    name: "gumbel",
    draw: (k) => random.gumbel(k, [count], { loc: 1, scale: 2 }),
    cdf: (x) => Math.exp(-Math.exp(-(x - 1) / 2)),
  },
  {
    name: "laplace",
    draw: (k) => random.laplace(k, [count], { scale: 0.5 }),
    cdf: (x) => (x < 0 ? Math.exp(2 * x) / 2 : 1 - Math.exp(-2 * x) / 2),
  },
  {
    name: "logistic",
    draw: (k) => random.logistic(k, [count]),
    cdf: (x) => 1 / (1 + Math.exp(-x)),
  },
  {
    name: "cauchy",
    draw: (k) => random.cauchy(k, [count], { loc: -1 }),
    cdf: (x) => 0.5 + Math.atan(x + 1) / Math.PI,
  },
  ...[0.2, 0.7, 1, 2.5, 30, 1000].map((alpha) => ({
    name: `gamma of concentration ${alpha}`,
    draw: (k: Tensor) => random.gamma(k, alpha, [count], { rate: 0.5 }),
    cdf: (x: number) => gammaCdf(alpha, x / 2),
  })),
  {
    name: "chiSquare",
    draw: (k) => random.chiSquare(k, 3, [count]),
    cdf: (x) => gammaCdf(1.5, x / 2),
  },
  ...(
    [
      [0.5, 0.5],
      [2, 5],
      [0.3, 40],
    ] as const
  ).map(([a, b]) => ({
    name: `beta of ${a} and ${b}`,
    draw: (k: Tensor) => random.beta(k, a, b, [count]),
    cdf: (x: number) => betaCdf(a, b, x),
  })),
  ...[1, 4.5, 100].map((df) => ({
    name: `studentT with ${df} degrees of freedom`,
    draw: (k: Tensor) => random.studentT(k, df, [count]),
    cdf: (x: number) => studentCdf(df, x),
  })),
];

describe("draws have the distribution of their name", () => {
  test("the test tells distributions apart, and the reference is one", async () => {
    const values = await read(random.normal(random.key(1), [count], { std: 1.1 }));
    expect(kolmogorovP(values, normalCdf)).toBeLessThan(1e-4);
    expect(gammaCdf(3, 2.5)).toBeCloseTo(0.45618688411667, 12);
    expect(betaCdf(2, 5, 0.3)).toBeCloseTo(0.579825, 12);
    expect(studentCdf(4.5, 1.2)).toBeCloseTo(0.8557, 3);
    expect(normalCdf(-3)).toBeCloseTo(0.0013498980316300957, 15);
  });

  test.each(continuous)("$name", async ({ draw, cdf }) => {
    const values = await read(draw(random.key(2026)));
    expect(values).toHaveLength(count);
    expect(values.every(Number.isFinite)).toBe(true);
    expect(kolmogorovP(values, cdf)).toBeGreaterThan(leastP);
  });

  /** Chi-square over the counts of which at least five are expected, and all others together. */
  function countsP(
    values: readonly number[],
    mean: number,
    deviation: number,
    mass: (k: number) => number,
  ): number {
    const low = Math.max(Math.floor(mean - 4 * deviation), 0);
    const all = Array.from({ length: Math.ceil(8 * deviation) + 1 }, (_, i) => low + i);
    const cells = all.filter((k) => mass(k) * count >= 5);
    const chances = cells.map(mass);
    const seen = cells.map((k) => values.filter((v) => v === k).length);
    const others = 1 - chances.reduce((a, b) => a + b, 0);
    if (others * count < 5) return chiSquareP(seen, chances);
    const rest = count - seen.reduce((a, b) => a + b, 0);
    return chiSquareP([...seen, rest], [...chances, others]);
  }

  test.each([0.5, 3, 9.9, 10, 25, 1000])("poisson of rate %d", async (rate) => {
    const values = await read(random.poisson(random.key(2027), rate, [count]));
    const mass = (k: number) => Math.exp(k * Math.log(rate) - rate - logGamma(k + 1));
    expect(countsP(values, rate, Math.sqrt(rate), mass)).toBeGreaterThan(leastP);
  });

  test.each([
    [12, 0.3],
    [19, 0.5],
    [40, 0.5],
    [21, 0.5],
    [1000, 0.9],
    [30, 0.96],
    [100_000, 1e-4],
    [1_000_000, 0.25],
  ])("binomial of %d trials with p = %d", async (n, p) => {
    const values = await read(random.binomial(random.key(2028), n, p, [count]));
    const mass = (k: number) =>
      Math.exp(
        logGamma(n + 1) -
          logGamma(k + 1) -
          logGamma(n - k + 1) +
          k * Math.log(p) +
          (n - k) * Math.log1p(-p),
      );
    expect(values.every((k) => k >= 0 && k <= n)).toBe(true);
    const deviation = Math.sqrt(n * p * (1 - p));
    if (deviation < 100) {
      const possible = (k: number) => (k <= n ? mass(k) : 0);
      expect(countsP(values, n * p, deviation, possible)).toBeGreaterThan(leastP);
    }
    const mean = values.reduce((a, b) => a + b, 0) / count;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / count;
    expect(Math.abs(mean - n * p)).toBeLessThan((4 * deviation) / Math.sqrt(count));
    expect(Math.abs(variance / deviation ** 2 - 1)).toBeLessThan(8 / Math.sqrt(count));
  });

  test("binomial of certain and impossible successes, and of what is out of range", async () => {
    const p = tensor([0, 1, 0.5, -0.1, 1.1, Number.NaN]);
    const values = await read(random.binomial(random.key(1), tensor(Int32Array.of(50)), p));
    expect([values[0], values[1], ...values.slice(3)]).toEqual([0, 50, -1, -1, -1]);
    expect(await read(random.binomial(random.key(1), 0, 0.5, [2]))).toEqual([0, 0]);
    expect(() => random.binomial(random.key(1), 1.5, 0.5)).toThrow(ArgumentError);
    expect(() => random.binomial(random.key(1), 3, 2)).toThrow(/binomial: p 2/);
    expect(() => random.binomial(random.key(1), tensor([3]), 0.5)).toThrow(DTypeError);
  });

  test("poisson of a great rate has its mean and variance", async () => {
    const rate = 2e6;
    const values = await read(random.poisson(random.key(3), rate, [count]));
    const mean = values.reduce((a, b) => a + b, 0) / count;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / count;
    expect(Math.abs(mean - rate)).toBeLessThan(4 * Math.sqrt(rate / count));
    expect(Math.abs(variance / rate - 1)).toBeLessThan(4 * Math.sqrt(2 / count));
  });

  const weights = [0.1, 0, 0.4, 0.2, 0.3];
  const drawn = weights.filter((w) => w > 0);
  const countsOf = (values: readonly number[]) =>
    weights.map((_, i) => values.filter((v) => v === i).length);

  test("categorical draws classes with the softmax of the logits, -Infinity never", async () => {
    const logits = tensor(weights.map((w) => Math.log(w) + 3));
    const counts = countsOf(
      await read(random.categorical(random.key(4), logits, { shape: [count] })),
    );
    expect(counts[1]).toBe(0);
    expect(
      chiSquareP(
        counts.filter((_, i) => i !== 1),
        drawn,
      ),
    ).toBeGreaterThan(leastP);
  });

  test("multinomial and choice draw with the weights, and without replacement none twice", async () => {
    const p = tensor(weights.map((w) => 7 * w));
    const key = random.key(5);
    for (const values of [
      await read(random.multinomial(key, p, count, { replacement: true })),
      await read(random.choice(key, 5, { shape: [count], p })),
    ]) {
      const counts = countsOf(values).filter((_, i) => i !== 1);
      expect(chiSquareP(counts, drawn)).toBeGreaterThan(leastP);
    }
    // The first of two without replacement has the weights; a pair (i, j) has p_i p_j / (1 - p_i).
    const rows = tensor(Array.from({ length: count / 4 }, () => weights));
    const pairs = await read(random.multinomial(key, rows, 2));
    const seen = new Map<string, number>();
    for (let i = 0; i < pairs.length; i += 2) {
      const name = `${pairs[i]},${pairs[i + 1]}`;
      seen.set(name, (seen.get(name) ?? 0) + 1);
    }
    const names: string[] = [];
    const wanted: number[] = [];
    weights.forEach((a, i) => {
      weights.forEach((b, j) => {
        if (i === j || a * b === 0) return;
        names.push(`${i},${j}`);
        wanted.push((a * b) / (1 - a));
      });
    });
    expect([...seen.keys()].sort()).toEqual([...names].sort());
    expect(
      chiSquareP(
        names.map((n) => seen.get(n)!),
        wanted,
      ),
    ).toBeGreaterThan(leastP);
  });

  test("rademacher gives -1 and 1 equally often", async () => {
    const values = await read(random.rademacher(random.key(6), [count], { dtype: "i32" }));
    const up = values.filter((v) => v === 1).length;
    expect(values.filter((v) => v === -1).length).toBe(count - up);
    expect(chiSquareP([up, count - up], [0.5, 0.5])).toBeGreaterThan(leastP);
  });

  test("dirichlet gives shares of 1 with beta marginals, also of tiny concentrations", async () => {
    const alpha = tensor([0.5, 2, 3]);
    const values = await read(random.dirichlet(random.key(7), alpha, [count]));
    const first = values.filter((_, i) => i % 3 === 0);
    expect(kolmogorovP(first, (x) => betaCdf(0.5, 5, x))).toBeGreaterThan(leastP);
    const tiny = await read(random.dirichlet(random.key(8), tensor([1e-3, 1e-3]), [100]));
    for (let i = 0; i < 200; i += 2) expect(tiny[i]! + tiny[i + 1]!).toBeCloseTo(1, 5);
  });
});

describe("parameters", () => {
  test("tensors broadcast to the shape, and give what numbers give", async () => {
    const key = random.key(9);
    const scale = tensor([[1], [2]]);
    const together = random.gumbel(key, [2, 3], { loc: tensor([0, 10, 20]), scale });
    const plain = await read(random.gumbel(key, [2, 3]));
    (await read(together)).forEach((v, i) => {
      expect(v).toBeCloseTo(10 * (i % 3) + plain[i]! * (i < 3 ? 1 : 2), 4);
    });
    const alpha = tensor([0.5, 3, 20, 0.01]);
    const gammas = await read(random.gamma(key, alpha));
    expect(gammas).toHaveLength(4);
    const same = await read(random.gamma(key, 3, [4]));
    expect(gammas[1]).toBe(same[1]);
    const p = tensor([0, 1, 0.5]);
    const coins = await read(random.bernoulli(key, [1000, 3], { p, dtype: "f32" }));
    expect(coins.filter((_, i) => i % 3 === 0).every((v) => v === 0)).toBe(true);
    expect(coins.filter((_, i) => i % 3 === 1).every((v) => v === 1)).toBe(true);
  });

  test("elements of tensors outside the range are told by NaN or -1, not by numbers", async () => {
    const bad = tensor([-1, 0, Number.NaN, 2]);
    const gammas = await read(random.gamma(random.key(1), bad));
    expect(gammas.map(Number.isNaN)).toEqual([true, true, true, false]);
    const counts = await read(random.poisson(random.key(1), bad));
    expect([counts[0], counts[1], counts[2]]).toEqual([-1, 0, -1]);
  });

  test("gradients flow to locations and scales", async () => {
    const key = random.key(10);
    const draws = await read(random.laplace(key, [50]));
    const f = (loc: Tensor, scale: Tensor) => sum(random.laplace(key, [50], { loc, scale }));
    expect(await read(grad(f)(tensor(1), tensor(2)))).toEqual([50]);
    const g = (scale: Tensor) => f(tensor(1), scale);
    const total = draws.reduce((a, b) => a + b, 0);
    expect((await read(grad(g)(tensor(2))))[0]).toBeCloseTo(total, 3);
  });

  test.each([0.05, 0.4, 1, 1.7, 6, 40, 2000])(
    "the gradient of gamma in concentration %d is that of its quantile",
    async (alpha) => {
      const key = random.key(11);
      const n = 200;
      const values = await read(random.gamma(key, alpha, [n]));
      const weights = tensor(values.map(() => 1));
      const at = tensor(values.map(() => alpha));
      const slopes = await read(grad((a: Tensor) => sum(mul(random.gamma(key, a), weights)))(at));
      values.forEach((x, i) => {
        if (x < 1e-30) return;
        const h = 1e-4 * alpha;
        const rise = (gammaCdf(alpha + h, x) - gammaCdf(alpha - h, x)) / (2 * h);
        const density = Math.exp((alpha - 1) * Math.log(x) - x - logGamma(alpha));
        // The difference quotient in f64 loses digits in the upper tail, where gammaCdf is near 1.
        const allowed = 1e-4 * Math.abs(rise / density) + 1e-11 / h / density;
        expect(Math.abs(slopes[i]! + rise / density)).toBeLessThan(allowed);
      });
    },
  );

  test("bad arguments are named", () => {
    const key = random.key(1);
    expect(() => random.gamma(key, 0)).toThrow(/gamma: concentration 0/);
    expect(() => random.gamma(key, tensor([1, 2]), [3])).toThrow(ShapeError);
    expect(() => random.normal(key, [2], { mean: tensor(Int32Array.of(1)) })).toThrow(DTypeError);
    expect(() => random.exponential(key, [2], { rate: -1 })).toThrow(/exponential: rate -1/);
    expect(() => random.laplace(key, [2], { scale: 0 })).toThrow(ArgumentError);
    expect(() => random.truncatedNormal(key, [2], { low: 1, high: 1 })).toThrow(ArgumentError);
    expect(() => random.truncatedNormal(key, [2], { low: 20, high: 30 })).toThrow(/1e-30/);
    expect(() => random.poisson(key, -1)).toThrow(ArgumentError);
    expect(() => random.categorical(key, tensor(1))).toThrow(ShapeError);
    expect(() =>
      random.categorical(
        key,
        tensor([
          [1, 2],
          [3, 4],
        ]),
        { shape: [3] },
      ),
    ).toThrow(ShapeError);
    expect(() =>
      random.categorical(key, tensor([1, 2]), { shape: [3], replacement: false }),
    ).toThrow(ArgumentError);
    expect(() => random.multinomial(key, tensor([1, 2]), 0)).toThrow(ArgumentError);
    expect(() => random.choice(key, 0)).toThrow(ArgumentError);
    expect(() => random.choice(key, 3, { p: tensor([1, 2]) })).toThrow(ShapeError);
    expect(() => random.choice(key, 3, { shape: [4], replacement: false })).toThrow(ArgumentError);
    expect(() => random.dirichlet(key, tensor(1))).toThrow(ShapeError);
    expect(() => random.gamma(tensor([1, 2]), 1)).toThrow(DTypeError);
  });
});

describe("items", () => {
  const table = () => tensor([0, 1, 2, 3, 4, 5].map((r) => [10 * r, 10 * r + 1]));

  test("permutation of a tensor moves its slices along dim and loses none", async () => {
    const key = random.key(12);
    const order = await read(random.permutation(key, 6));
    expect(await read(random.permutation(key, table()))).toEqual(
      order.flatMap((r) => [10 * r, 10 * r + 1]),
    );
    const columns = await read(random.permutation(key, table(), { dim: 1 }));
    expect([...columns].sort((a, b) => a - b)).toEqual(await read(table()));
  });

  test("choice draws slices in the shape asked for", async () => {
    const key = random.key(13);
    const rows = random.choice(key, table(), { shape: [2, 3], replacement: false });
    expect(rows.shape).toEqual([2, 3, 2]);
    const firsts = (await read(rows)).filter((_, i) => i % 2 === 0);
    expect(new Set(firsts).size).toBe(6);
    expect(random.choice(key, table(), { dim: 1 }).shape).toEqual([6]);
    expect(random.choice(key, 9).shape).toEqual([]);
  });

  test("categorical takes classes along any dim, and without replacement a leading shape", async () => {
    const key = random.key(14);
    const sure = tensor([
      [0, 90, 0],
      [90, 0, 0],
    ]);
    expect(await read(random.categorical(key, sure))).toEqual([1, 0]);
    expect(await read(random.categorical(key, sure, { dim: 0 }))).toEqual([
      1,
      0,
      expect.anything(),
    ]);
    const all = random.categorical(key, sure, { shape: [3, 2], replacement: false });
    expect(all.shape).toEqual([3, 2]);
    const values = await read(all);
    expect(values.slice(0, 2)).toEqual([1, 0]);
    expect(new Set([0, 2, 4].map((i) => values[i])).size).toBe(3);
  });
});

describe("lanes", () => {
  test("every distribution drawn for several keys at once gives what each key alone gives", async () => {
    const draws: ((key: Tensor) => Tensor)[] = [
      (k) => random.truncatedNormal(k, [5]),
      (k) => random.gamma(k, tensor([0.3, 4, 1]), [2, 3]),
      (k) => random.poisson(k, tensor([1, 50, 9]), [3]),
      (k) => random.binomial(k, 40, tensor([0.1, 0.5, 0.9])),
      (k) => random.studentT(k, 3, [5]),
      (k) => random.categorical(k, tensor([1, 2, 3]), { shape: [7] }),
      (k) => random.permutation(k, 9),
    ];
    const keys = tensor(Uint32Array.from([1, 0, 2, 0, 9, 9]), { shape: [3, 2] });
    for (const draw of draws) {
      const together = vmap(draw)(keys) as Tensor;
      for (let lane = 0; lane < 3; lane++)
        expect(await read(select(together, 0, lane))).toEqual(
          await read(draw(select(keys, 0, lane))),
        );
    }
  });

  test("nothing is left behind but the draws", () => {
    const key = random.key(15);
    const p = tensor([0.5, 0.25, 0.25]);
    const draws: (() => Tensor)[] = [
      () => random.bernoulli(key, [3], { p }),
      () => random.beta(key, p, 2),
      () => random.categorical(key, p, { shape: [2], replacement: false }),
      () => random.binomial(key, 4, p),
      () => random.cauchy(key, [3]),
      () => random.chiSquare(key, p),
      () => random.choice(key, p, { shape: [2], p }),
      () => random.dirichlet(key, p, [4]),
      () => random.exponential(key, [3], { rate: p }),
      () => random.gamma(key, p, [2, 3], { rate: 2 }),
      () => random.laplace(key, [3], { loc: p }),
      () => random.logistic(key, [3]),
      () => random.multinomial(key, p, 2),
      () => random.normal(key, [3], { std: p }),
      () => random.permutation(key, p),
      () => random.poisson(key, p),
      () => random.rademacher(key, [3]),
      () => random.studentT(key, 2, [3], { scale: p }),
      () => random.truncatedNormal(key, [3], { mean: p }),
      () => random.uniform(key, [3], { low: p, high: 2 }),
    ];
    const live = () => memory().tensors!.length;
    setDebug(true);
    try {
      for (const draw of draws) {
        draw().dispose();
        const before = live();
        draw().dispose();
        expect(live(), draw.toString()).toBe(before);
      }
    } finally {
      setDebug(false);
    }
  });
});

/** Transport by plans of low rank: POT as the oracle, the limits of rank 1 and of full rank, and what the factors are. */
import { readFileSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, ShapeError } from "../../src/errors";
import { forcedTeam } from "../../src/linalg/batches";
import * as tg from "../../src/node";
import { decodeSafetensors, toArray } from "../../src/train/safetensors";
import { checkGradient, expectClose, expectRejects, expectThrows } from "../harness";
import { costMatrix } from "../reference/transport/costs";
import { drawPoints, drawWeights, type WeightKind } from "../reference/transport/drawn";

const { transport } = tg;
type Tensor = tg.Tensor;

beforeAll(async () => {
  await tg.init();
});
afterEach(() => {
  forcedTeam.current = null;
});

/** Each step starts where the last one ended, so that few are enough in the end. */
const few = { maxIterations: 8 };

interface LowRankCase {
  readonly n: number;
  readonly m: number;
  readonly d: number;
  readonly rank: number;
  readonly seed: number;
  readonly kind: WeightKind;
  readonly unique: boolean;
  readonly epsilon: number;
}

const file = decodeSafetensors(
  readFileSync(new URL("../oracles/fixtures/transport_low_rank.safetensors", import.meta.url)),
  "transport_low_rank.safetensors",
);
const cases = Object.entries(
  JSON.parse(file.metadata["cases"]!) as Record<string, { attrs: LowRankCase }>,
).map(([name, { attrs }]) => [name, attrs] as const);
const stored = (name: string): ArrayLike<number> => {
  const t = file.tensors.get(name)!;
  return toArray(t, t.dtype) as ArrayLike<number>;
};

const f32 = (values: ArrayLike<number>, ...shape: number[]): Tensor =>
  tg.tensor(Float32Array.from(values), { shape: shape.length ? shape : [values.length] });
const read = async (t: Tensor): Promise<number[]> => [...(await t.data())];
const points = (n: number, d: number, seed: number): Tensor => f32(drawPoints(n, d, seed), n, d);

function problemOf({ n, m, d, seed, kind }: Omit<LowRankCase, "epsilon" | "rank" | "unique">) {
  return {
    a: f32(drawWeights(kind, n, 3 + 10 * seed)),
    b: f32(drawWeights(kind, m, 4 + 10 * seed)),
    cost: transport.squaredEuclidean(points(n, d, 1 + 10 * seed), points(m, d, 2 + 10 * seed)),
  };
}

describe("against POT", () => {
  test.each(cases.filter(([, { unique }]) => unique))(
    "%s: from two starts, its plan and cost",
    async (name, attrs) => {
      const { a, b, cost } = problemOf(attrs);
      const { rank, epsilon } = attrs;
      const plan = stored(`${name}/plan`);
      const most = Array.from(plan).reduce((x, y) => Math.max(x, y));
      for (const seed of [0, 1]) {
        const key = tg.random.key(seed);
        const found = transport.sinkhornLowRank(a, b, cost, { rank, epsilon, key, dykstra: few });
        const costs = [await found.transportCost().item()];
        expectClose(costs, stored(`${name}/cost`), { relative: 1e-4, absolute: 0 }, "cost");
        const near = { relative: 0, absolute: 1e-3 * most };
        expectClose(await read(found.dense()), plan, near, "plan");
        expect(await found.converged.item()).toBe(1);
      }
    },
  );

  test.each(cases.filter(([, { unique }]) => !unique))(
    "%s: from where it ends, ours does not leave",
    async (name, attrs) => {
      const { a, b, cost } = problemOf(attrs);
      const { n, m, rank, epsilon } = attrs;
      const initial = {
        Q: f32(stored(`${name}/Q`), n, rank),
        R: f32(stored(`${name}/R`), m, rank),
        g: f32(stored(`${name}/g`)),
      };
      const options = { rank, epsilon, initial, gamma: 2, maxIterations: 50, dykstra: few };
      const found = transport.sinkhornLowRank(a, b, cost, options);
      const costs = [await found.transportCost().item()];
      expectClose(costs, stored(`${name}/cost`), { relative: 1e-3, absolute: 0 }, "cost");
      expectClose(await read(found.g), stored(`${name}/g`), { relative: 1e-2, absolute: 0 }, "g");
    },
  );
});

describe("the factors", () => {
  test.each([1, 64, 256] as const)(
    "are positive and have the marginals, by teams of %i",
    async (team) => {
      forcedTeam.current = team;
      for (const [n, m, rank] of [
        [1, 3, 1],
        [3, 1, 2],
        [63, 65, 3],
        [257, 130, 7],
      ] as const) {
        const [a, b] = [drawWeights("zeros", n, 1, 3), drawWeights("random", m, 2, 3)];
        const cost = transport.squaredEuclidean(points(n, 2, 3), points(m, 2, 4));
        const options = { rank, maxIterations: 3, dykstra: { maxIterations: 60 } };
        const { Q, R, g, marginalError } = transport.sinkhornLowRank(f32(a), f32(b), cost, options);
        const r = Math.min(n, m, rank);
        expect([Q.shape, R.shape, g.shape]).toEqual([[n, r], [m, r], [r]]);
        const error = await marginalError.item();
        expect(error).toBeLessThan(1e-2);
        const near = { relative: 1e-5, absolute: 3 * (error + 2e-6) };
        expectClose(await read(Q.sum({ dim: 1 })), a, near, "Q 1");
        expectClose(await read(R.sum({ dim: 1 })), b, near, "R 1");
        const weights = await read(g);
        expectClose(await read(Q.sum({ dim: 0 })), weights, { relative: 1e-5, absolute: 1e-6 });
        expectClose(await read(R.sum({ dim: 0 })), weights, { relative: 1e-5, absolute: 1e-6 });
        expect(Math.min(...(await read(Q)), ...(await read(R)))).toBeGreaterThanOrEqual(0);
        expect(Math.min(...weights)).toBeGreaterThan(0);
      }
    },
  );

  test("of rank 1 are the product of the weights, which no other plan is", async () => {
    const [n, m] = [21, 34];
    const [a, b] = [drawWeights("random", n, 5), drawWeights("random", m, 6)];
    const cost = transport.squaredEuclidean(points(n, 3, 7), points(m, 3, 8));
    const found = transport.sinkhornLowRank(f32(a), f32(b), cost, { rank: 1, maxIterations: 3 });
    const product = Array.from(a, (w) => Array.from(b, (v) => w * v)).flat();
    expectClose(await read(found.dense()), product, { relative: 1e-5, absolute: 1e-9 });
    const C = costMatrix("squaredEuclidean", drawPoints(n, 3, 7), drawPoints(m, 3, 8), 3);
    const expected = product.reduce((sum, w, e) => sum + w * C[e]!, 0);
    expectClose([await found.transportCost().item()], [expected], { relative: 1e-5, absolute: 0 });
  });

  test("cost less with more rank, of full rank within a fifth of the exact one, and never below it", async () => {
    const n = 24;
    const [x, y] = [points(n, 2, 9), points(n, 2, 10)];
    const cost = transport.squaredEuclidean(x, y);
    const exact = await transport.emd2(null, null, transport.costMatrix(cost));
    const costs: number[] = [];
    for (const rank of [1, 2, 6, 24]) {
      const found = transport.sinkhornLowRank(null, null, cost, { rank, dykstra: few });
      costs.push(await found.transportCost().item());
    }
    expect(costs).toEqual([...costs].sort((s, t) => t - s));
    expect(costs.at(-1)!).toBeGreaterThan(exact * (1 - 1e-4));
    expect(costs.at(-1)!).toBeLessThan(exact * 1.2);
  });

  test("find r clusters that are far apart", async () => {
    const centers = [0, 10, 20];
    const cloud = (seed: number): Tensor =>
      f32(
        drawPoints(30, 1, seed).map((v, i) => v + centers[i % 3]!),
        30,
        1,
      );
    const cost = transport.squaredEuclidean(cloud(11), cloud(12));
    const found = transport.sinkhornLowRank(null, null, cost, {
      rank: 3,
      maxIterations: 100,
      dykstra: few,
    });
    const third = { relative: 1e-3, absolute: 0 };
    expectClose(await read(found.g), [1 / 3, 1 / 3, 1 / 3], third);
    // Within a cluster points are at most 1 apart.
    expect(await found.transportCost().item()).toBeLessThan(1);
  });
});

describe("a cost", () => {
  const [n, m, d] = [25, 18, 3];
  let x: Tensor;
  let y: Tensor;
  beforeAll(() => {
    x = points(n, d, 13);
    y = points(m, d, 14);
  });
  const options = { rank: 3, epsilon: 0.05, gamma: 3, maxIterations: 60, dykstra: few };
  const squared = transport.squaredEuclidean;

  test("as points, as factors and as a matrix gives one plan", async () => {
    const left = tg.cat(
      [tg.square(x).sum({ dim: 1, keepdim: true }), tg.ones([n, 1]), x.mul(-2)],
      1,
    );
    const right = tg.cat([tg.ones([m, 1]), tg.square(y).sum({ dim: 1, keepdim: true }), y], 1);
    const costs = [squared(x, y), { left, right }, transport.costMatrix(squared(x, y))];
    const plans = costs.map((cost) => transport.sinkhornLowRank(null, null, cost, options).dense());
    const first = await read(plans[0]!);
    for (const plan of plans) expectClose(await read(plan), first, { relative: 0, absolute: 1e-5 });
  });

  test("in other units, with epsilon in the same, gives the same plan", async () => {
    const found = [1e-3, 1e3].map((unit) =>
      transport.sinkhornLowRank(null, null, squared(x.mul(unit), y.mul(unit)), {
        ...options,
        epsilon: options.epsilon * unit * unit,
      }),
    );
    expectClose(await read(found[0]!.dense()), await read(found[1]!.dense()), {
      relative: 0,
      absolute: 1e-5,
    });
  });

  test("of a batch gives the plans of each, and products with them are those of the matrix", async () => {
    const both = tg.stack([x, points(n, d, 15)]);
    const initial = (k: number) => ({
      Q: tg.add(points(n, 3, 16 + k), 1).div(n * 4.5),
      R: tg.add(points(m, 3, 18 + k), 1).div(m * 4.5),
      g: f32([0.3, 0.3, 0.4]),
    });
    const wide = {
      Q: tg.stack([initial(0).Q, initial(1).Q]),
      R: tg.stack([initial(0).R, initial(1).R]),
      g: f32([0.3, 0.3, 0.4]),
    };
    const all = transport.sinkhornLowRank(null, null, squared(both, y), {
      ...options,
      initial: wide,
    });
    const dense = await read(all.dense());
    const costs = await read(all.transportCost());
    for (const k of [0, 1]) {
      const cost = squared(tg.select(both, 0, k), y);
      const one = transport.sinkhornLowRank(null, null, cost, { ...options, initial: initial(k) });
      const part = dense.slice(k * n * m, (k + 1) * n * m);
      expectClose(await read(one.dense()), part, { relative: 0, absolute: 1e-5 });
      expectClose([await one.transportCost().item()], [costs[k]!], { relative: 1e-4, absolute: 0 });
      const v = points(m, 2, 20);
      const near = { relative: 1e-5, absolute: 1e-6 };
      expectClose(await read(one.apply(v)), await read(tg.matmul(one.dense(), v)), near);
      const u = f32(drawPoints(n, 1, 21));
      const transposed = tg.matmul(tg.transpose(one.dense(), 0, 1), u.unsqueeze(1));
      expectClose(await read(one.applyTranspose(u)), await read(transposed), near);
    }
  });

  test("of 20,000 points takes memory in proportion to them", async () => {
    const many = 20_000;
    const cost = squared(points(many, 3, 22), points(many, 3, 23));
    const found = transport.sinkhornLowRank(null, null, cost, {
      rank: 5,
      maxIterations: 3,
      dykstra: { maxIterations: 5 },
    });
    expect(await found.transportCost().item()).toBeLessThan(0.51);
    expect(tg.memory().peakBytes).toBeLessThan(100e6);
  });

  test("has derivatives by its points with the plan held fixed, which are those of the minimum", async () => {
    await checkGradient(tg, {
      what: "transportCost",
      fn: ([s, t]) => {
        const cost = squared(s!, t!);
        return [
          transport
            .sinkhornLowRank(null, null, cost, { rank: 1, maxIterations: 2 })
            .transportCost(),
        ];
      },
      inputs: [points(7, 2, 24), points(5, 2, 25)],
      second: false,
    });
  });
});

describe("what cannot be solved is said", () => {
  const x = tg.tensor;
  const cost = () => transport.squaredEuclidean(x([[0], [1]]), x([[0], [2]]));
  test("at once, of what the host sees", () => {
    const solve = (options: Partial<Parameters<typeof transport.sinkhornLowRank>[3]>) => () =>
      transport.sinkhornLowRank(null, null, cost(), { rank: 2, ...options });
    expectThrows(solve({ rank: 0 }), ArgumentError, /rank 0 must be/);
    expectThrows(solve({ epsilon: -1 }), ArgumentError, /epsilon -1/);
    expectThrows(solve({ gamma: 0 }), ArgumentError, /gamma 0/);
    expectThrows(solve({ alpha: 0.5 }), ArgumentError, /alpha 0.5 must be above 0 and below/);
    expectThrows(solve({ maxIterations: 1.5 }), ArgumentError, /maxIterations 1.5/);
    const initial = { Q: x([[1]]), R: x([[1]]), g: x([1]) };
    expectThrows(solve({ initial }), ShapeError, /initial.Q has shape \[1, 1\]/);
    expectThrows(
      () => transport.sinkhornLowRank([1], null, cost(), { rank: 1 }),
      ShapeError,
      /a has shape \[1\]/,
    );
    expectThrows(
      () =>
        transport.sinkhornLowRank(null, null, { left: x([[1]]), right: x([[1, 2]]) }, { rank: 1 }),
      ShapeError,
      /factors \[1, 1\] and \[1, 2\]/,
    );
  });

  test("at the next read, of weights on the device", async () => {
    const found = transport.sinkhornLowRank([1, 1], [1, 2], cost(), { rank: 1 });
    await expectRejects(found.g.data(), ArgumentError, /sinkhornLowRank: a has mass 2.* and b 3/);
  });
});

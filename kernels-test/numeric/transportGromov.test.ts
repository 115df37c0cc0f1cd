/** Entropic Gromov-Wasserstein transport: POT as the oracle, sums over four indices, and what it must not depend on. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors";
import * as tg from "../../src/node";
import { decodeSafetensors, toArray } from "../../src/train/safetensors";
import { Distortion } from "../../src/transport/gromovLoss";
import { checkGradient, expectClose, expectRejects, expectThrows } from "../harness";
import { costMatrix } from "../reference/transport/costs";
import { drawPoints, drawWeights, type WeightKind } from "../reference/transport/drawn";
import { type DistortionName, distortion } from "../reference/transport/gromov";

const { transport } = tg;
type Tensor = tg.Tensor;

beforeAll(async () => {
  await tg.init();
});

/** How many those take that need more than 50 to come to rest. */
const steps: Readonly<Record<string, number>> = {
  "fused_33_21_square_random_0.01": 200,
  "gromov_17_31_kl_random_0.05": 100,
  "gromov_20_13_kl_uniform_0.1": 100,
  "gromov_31_17_square_random_0.02": 100,
  "gromov_65_90_square_uniform_0.02": 200,
};

interface GromovCase {
  readonly n: number;
  readonly m: number;
  readonly dims: readonly [number, number];
  readonly kind: WeightKind;
  readonly seed: number;
  readonly epsilon: number;
  readonly loss: DistortionName;
  readonly alpha: number;
}

const file = decodeSafetensors(
  readFileSync(new URL("../oracles/fixtures/transport_gromov.safetensors", import.meta.url)),
  "transport_gromov.safetensors",
);
const cases = Object.entries(
  JSON.parse(file.metadata["cases"]!) as Record<string, { attrs: GromovCase }>,
).map(([name, { attrs }]) => [name, attrs] as const);
const stored = (name: string): ArrayLike<number> => {
  const t = file.tensors.get(name)!;
  return toArray(t, t.dtype) as ArrayLike<number>;
};

const f32 = (values: ArrayLike<number>, ...shape: number[]): Tensor =>
  tg.tensor(Float32Array.from(values), { shape: shape.length ? shape : [values.length] });
const read = async (t: Tensor): Promise<number[]> => [...(await t.data())];

/** Distances within n points, [n, n]. */
const within = (points: Float64Array, d: number, shift = 0): Tensor => {
  const n = points.length / d;
  const distances = costMatrix("euclidean", points, points, d);
  return f32(
    distances.map((v) => v + shift),
    n,
    n,
  );
};

function operandsOf({ n, m, dims, kind, seed, loss }: GromovCase) {
  const [x, y] = [drawPoints(n, dims[0], 1 + 10 * seed), drawPoints(m, dims[1], 2 + 10 * seed)];
  const shift = loss === "kl" ? 0.1 : 0;
  const first = (points: Float64Array, d: number, i: number): number => points[i * d]!;
  return {
    p: f32(drawWeights(kind, n, 3 + 10 * seed)),
    q: f32(drawWeights(kind, m, 4 + 10 * seed)),
    C1: within(x, dims[0], shift),
    C2: within(y, dims[1], shift),
    M: f32(
      Float64Array.from(
        { length: n * m },
        (_, e) => (first(x, dims[0], Math.floor(e / m)) - first(y, dims[1], e % m)) ** 2,
      ),
      n,
      m,
    ),
  };
}

test.each(cases)("%s has POT's plan and loss", async (name, attrs) => {
  const { C1, C2, M, p, q } = operandsOf(attrs);
  const { alpha, epsilon, loss } = attrs;
  const options = { epsilon, loss, maxIterations: steps[name] ?? 50, innerIterations: 10 };
  const found =
    alpha === 1
      ? transport.gromovWasserstein(C1, C2, p, q, options)
      : transport.fusedGromovWasserstein(M, C1, C2, p, q, { ...options, alpha });
  const plan = stored(`${name}/plan`);
  const largest = Array.from(plan).reduce((x, y) => Math.max(x, y));
  expectClose(await read(found.plan), plan, { relative: 0, absolute: 1e-4 * largest }, "plan");
  expectClose(
    [await found.loss().item()],
    stored(`${name}/loss`),
    { relative: 2e-5, absolute: 0 },
    "loss",
  );
  expect(await found.converged.item()).toBe(1);
  expect(await found.change.item()).toBeLessThan(1e-4);
});

describe("the distortion", () => {
  const [n, m] = [5, 4];
  const T = drawWeights("random", n * m, 1);
  const asymmetric = (k: number, seed: number): Float64Array =>
    drawPoints(k * k, 1, seed).map((v) => v + 0.2);
  test.each(["square", "kl"] as const)(
    "%s is the sum over four indices, and so is its slope",
    async (loss) => {
      const [C1, C2] = [asymmetric(n, 2), asymmetric(m, 3)];
      const bent = new Distortion(f32(C1, n, n), f32(C2, m, m), loss, false);
      const plan = f32(T, n, m);
      const expected = distortion(C1, C2, T, loss);
      expectClose([await bent.of(plan).item()], [expected.value], { relative: 1e-5, absolute: 0 });
      const [p, q] = [plan.sum({ dim: 1 }), plan.sum({ dim: 0 })];
      const slope = await read(bent.slope(plan, p, q));
      expectClose(slope, expected.slope, { relative: 1e-5, absolute: 2e-6 }, "slope");
      // Of symmetric distances, both ways to the slope are the same.
      const mean = (C: Float64Array, k: number): Float64Array =>
        C.map((v, e) => (v + C[(e % k) * k + Math.floor(e / k)]!) / 2);
      const [D1, D2] = [f32(mean(C1, n), n, n), f32(mean(C2, m), m, m)];
      const both = [true, false].map((s) => new Distortion(D1, D2, loss, s).slope(plan, p, q));
      expectClose(await read(both[0]!), await read(both[1]!), { relative: 1e-5, absolute: 2e-6 });
    },
  );
});

describe("the plan", () => {
  const [n, m, d] = [19, 23, 2];
  const [x, y] = [drawPoints(n, d, 5), drawPoints(m, d, 6)];
  const [p, q] = [drawWeights("random", n, 7), drawWeights("random", m, 8)];
  const options = { epsilon: 0.03, maxIterations: 80, innerIterations: 10 };
  const solve = (from: Float64Array, to: Float64Array, a = p, b = q) =>
    transport.gromovWasserstein(within(from, d), within(to, d), f32(a), f32(b), options);

  test("does not change where a space is turned and moved", async () => {
    const [c, s] = [Math.cos(2), Math.sin(2)];
    const turned = x.map((v, e) =>
      e % 2 === 0 ? 3 + c * v - s * x[e + 1]! : s * x[e - 1]! + c * v - 1,
    );
    const [still, moved] = [solve(x, y), solve(turned, y)];
    const plan = await read(still.plan);
    expectClose(await read(moved.plan), plan, { relative: 0, absolute: 1e-4 * Math.max(...plan) });
    expectClose([await moved.loss().item()], [await still.loss().item()], {
      relative: 1e-4,
      absolute: 0,
    });
  });

  test("is reordered as points are", async () => {
    const order = Array.from({ length: n }, (_, i) => (i * 7 + 3) % n);
    const reordered = Float64Array.from(order.flatMap((i) => [x[2 * i]!, x[2 * i + 1]!]));
    const weights = Float64Array.from(order, (i) => p[i]!);
    const plan = await read(solve(x, y).plan);
    const expected = order.flatMap((i) => plan.slice(i * m, (i + 1) * m));
    expectClose(await read(solve(reordered, y, weights).plan), expected, {
      relative: 0,
      absolute: 1e-4 * Math.max(...plan),
    });
  });

  test("is turned over with its spaces", async () => {
    const [there, back] = [solve(x, y), solve(y, x, q, p)];
    const plan = await read(there.plan);
    expectClose(await read(tg.transpose(back.plan, 0, 1)), plan, {
      relative: 0,
      absolute: 1e-4 * Math.max(...plan),
    });
  });

  test("finds a space in itself, near enough from the start", async () => {
    const k = 8;
    const C = within(drawPoints(k, d, 15), d);
    const initial = tg
      .eye(k)
      .mul(0.9 / k)
      .add(0.1 / k / k);
    const options = { epsilon: 3e-4, initial, maxIterations: 40, innerIterations: 10 };
    const found = transport.gromovWasserstein(C, C, null, null, options);
    const kept = await tg.diagonal(found.plan).sum().item();
    expect(kept).toBeGreaterThan(0.99);
    expect(Math.abs(await found.loss().item())).toBeLessThan(1e-3);
  });

  test("of a batch is that of each, in which weights of any mass are shared", async () => {
    const C1 = tg.stack([within(x, d), within(drawPoints(n, d, 9), d)]);
    const mass = f32(p.map((w) => 2 * w));
    const other = f32(q.map((w) => 2 * w));
    const options = { epsilon: 0.1, maxIterations: 40 };
    const all = transport.gromovWasserstein(C1, within(y, d), mass, other, options);
    expect(all.plan.shape).toEqual([2, n, m]);
    expect(await read(all.converged)).toEqual([1, 1]);
    const values = await read(all.loss());
    for (const k of [0, 1]) {
      const one = transport.gromovWasserstein(
        tg.select(C1, 0, k),
        within(y, d),
        mass,
        other,
        options,
      );
      expectClose([await one.loss().item()], [values[k]!], { relative: 1e-5, absolute: 0 });
    }
  });

  test("with alpha 0 is Sinkhorn's, with alpha 1 that without features", async () => {
    const M = transport.squaredEuclidean(f32(x, n, d), f32(y, m, d));
    const [C1, C2] = [within(x, d), within(y, d)];
    const fused = (alpha: number) =>
      transport.fusedGromovWasserstein(M, C1, C2, f32(p), f32(q), {
        ...options,
        maxIterations: 60,
        alpha,
      });
    const sinkhorn = transport.sinkhorn(f32(p), f32(q), M, options);
    const near = { relative: 0, absolute: 1e-5 };
    expectClose(await read(fused(0).plan), await read(sinkhorn.plan.dense()), near);
    expectClose([await fused(0).value().item()], [await sinkhorn.value().item()], near);
    expectClose(await read(fused(1).plan), await read(solve(x, y).plan), near);
  });
});

test("derivatives of the value are what differences give, by distances, features and weights", async () => {
  const [n, m] = [6, 5];
  const [C1, C2] = [within(drawPoints(n, 2, 10), 2), within(drawPoints(m, 2, 11), 2)];
  const M = f32(drawPoints(n * m, 1, 12), n, m);
  const balanced = (k: number, seed: number): Tensor => f32(drawPoints(k, 1, seed));
  const even = (C: Tensor): Tensor => tg.add(C, tg.transpose(C, 0, 1)).mul(0.5);
  await checkGradient(tg, {
    what: "value",
    fn: ([c1, c2, features, s, t]) => [
      transport
        .fusedGromovWasserstein(features!, even(c1!), even(c2!), tg.softmax(s!), tg.softmax(t!), {
          epsilon: 0.2,
          alpha: 0.6,
          maxIterations: 25,
          innerIterations: 10,
        })
        .value(),
    ],
    inputs: [C1, C2, M, balanced(n, 13), balanced(m, 14)],
    tolerance: 2e-3,
    second: false,
  });
});

describe("what cannot be solved is said", () => {
  const C = tg.tensor;
  const square = () =>
    C([
      [0, 1],
      [1, 0],
    ]);
  const options = { epsilon: 0.1, maxIterations: 2 };
  test("at once, of what the host sees", () => {
    const solve =
      (
        C1: Tensor,
        p: readonly number[] | null,
        more: Partial<Parameters<typeof transport.gromovWasserstein>[4]>,
      ) =>
      () =>
        transport.gromovWasserstein(C1, square(), p, null, { ...options, ...more });
    expectThrows(solve(square(), null, { epsilon: 0 }), ArgumentError, /epsilon 0 must be/);
    expectThrows(solve(square(), null, { loss: "cubic" as "kl" }), ArgumentError, /"cubic"/);
    expectThrows(solve(square(), null, { maxIterations: 0 }), ArgumentError, /maxIterations 0/);
    expectThrows(solve(square(), null, { tolerance: -1 }), ArgumentError, /tolerance -1/);
    expectThrows(solve(C([[1, 2]]), null, {}), ShapeError, /C1 has shape \[1, 2\]/);
    expectThrows(solve(square(), [1], {}), ShapeError, /p has shape \[1\]/);
    expectThrows(solve(square(), null, { initial: C([[1]]) }), ShapeError, /initial has shape/);
    expectThrows(solve(C(Int32Array.of(1), { shape: [1, 1] }), null, {}), DTypeError, /i32/);
    expectThrows(
      () =>
        transport.fusedGromovWasserstein(square(), square(), square(), null, null, {
          ...options,
          alpha: 2,
        }),
      ArgumentError,
      /alpha 2 must be from 0 to 1/,
    );
  });

  test("at the next read, of weights on the device", async () => {
    const found = transport.gromovWasserstein(square(), square(), C([-1, 2]), null, options);
    await expectRejects(found.plan.data(), ArgumentError, /negative weight/);
  });
});

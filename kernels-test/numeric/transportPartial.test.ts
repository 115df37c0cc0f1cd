/** Partial transport beside POT, golden values and an f64 reference, in its limits and its gradients. */
import { beforeAll, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import { type PartialOptions, partialSinkhorn, sinkhorn } from "../../src/transport/index";
import { drawWeights } from "../reference/transport/drawn";
import { golden } from "../reference/transport/golden";
import { entropicPartial } from "../reference/transport/partial";
import { type PairAttrs, pairOf, potCases } from "../reference/transport/pot";
import { transportCost } from "../reference/transport/values";
import { pointsOf, total, upload, vector } from "./transportRun";

beforeAll(async () => {
  await tg.init();
});

const floats = async (t: tg.Tensor): Promise<Float32Array> => (await t.data()) as Float32Array;
const { a, b } = golden;
const cost = () => upload(golden.cost, [5, 4]);

function expectPlan(plan: ArrayLike<number>, want: ArrayLike<number>): void {
  const largest = Array.from(want).reduce((most, p) => Math.max(most, p), 0);
  Array.from(want).forEach((p, k) => {
    expect(Math.abs(plan[k]! - p)).toBeLessThan(1e-3 * largest);
  });
}

describe("entropic partial transport", () => {
  test("is POT's golden value", async () => {
    const { epsilon, mass, cost: want } = golden.partial;
    const found = partialSinkhorn(vector(a), vector(b), cost(), { epsilon, mass });
    expect((await found.transportCost.item()) / want).toBeCloseTo(1, 5);
    expect(total(await floats(found.plan.dense()))).toBeCloseTo(mass, 5);
    expect(await found.converged.item()).toBeTruthy();
  });

  test.each(potCases<PairAttrs & { epsilon: number; mass: number }>("entropicPartial"))(
    "$name",
    async ({ attrs, results, tensor: stored }) => {
      const problem = pairOf(attrs);
      const { epsilon, mass } = attrs;
      const found = partialSinkhorn(
        vector(problem.a),
        vector(problem.b),
        pointsOf(attrs, problem),
        { epsilon, mass },
      );
      expectPlan(await floats(found.plan.dense()), stored("plan"));
      expect((await found.transportCost.item()) / results["cost"]!).toBeCloseTo(1, 4);
      const [rows, columns] = await Promise.all(found.plan.marginals().map(floats));
      problem.a.forEach((w, i) => {
        expect(rows![i]!).toBeLessThan(w * (1 + 1e-4));
      });
      problem.b.forEach((w, j) => {
        expect(columns![j]!).toBeLessThan(w * (1 + 1e-4));
      });
    },
  );

  test("of all mass is balanced transport", async () => {
    const options = { epsilon: 0.2, maxIterations: 2000 };
    const all = partialSinkhorn(vector(a), vector(b), cost(), { ...options, mass: 1 });
    const balanced = sinkhorn(vector(a), vector(b), cost(), options);
    expectPlan(await floats(all.plan.dense()), await floats(balanced.plan.dense()));
  });

  test("points without mass take none, potentials are 0 where mass is left", async () => {
    const weights = drawWeights("zeros", 5, 3);
    const found = partialSinkhorn(vector(weights), vector(b), cost(), { epsilon: 0.1, mass: 0.4 });
    const plan = await floats(found.plan.dense());
    expect([...plan.slice(8, 12)]).toEqual([0, 0, 0, 0]);
    const [rows] = await Promise.all(found.plan.marginals().map(floats));
    const f = await floats(found.f);
    weights.forEach((w, i) => {
      expect(f[i]).toBeLessThanOrEqual(0);
      if (rows![i]! < w * (1 - 1e-3)) expect(f[i]).toBe(0);
    });
  });
});

describe("gradients, batches and bad input", () => {
  test("of the cost of transport are those of differences", async () => {
    const options = { epsilon: 0.3, mass: 0.5 };
    const loss = (w: tg.Tensor, c: tg.Tensor) =>
      partialSinkhorn(w, vector(b), c, { ...options, backwardIterations: 60 }).transportCost;
    const [da, dc] = tg.grad(loss, { argnums: [0, 1] })(
      vector(a),
      cost(),
    ) as unknown as tg.Tensor[];
    const value = (w: ArrayLike<number>, c: ArrayLike<number>) =>
      transportCost(entropicPartial({ ...options, a: w, b, cost: c }), c);
    const h = 1e-5;
    const at = (x: ArrayLike<number>, i: number, by: number) =>
      Array.from(x, (v, j) => (i === j ? v + by : v));
    const [ofA, ofC] = await Promise.all([da!, dc!].map(floats));
    for (const i of [0, 1, 2, 3, 4])
      expect(ofA![i]).toBeCloseTo(
        (value(at(a, i, h), golden.cost) - value(at(a, i, -h), golden.cost)) / (2 * h),
        3,
      );
    for (const k of [0, 7, 13, 19])
      expect(ofC![k]).toBeCloseTo(
        (value(a, at(golden.cost, k, h)) - value(a, at(golden.cost, k, -h))) / (2 * h),
        3,
      );
  });

  test("masses may differ in a batch; compiled it is what it is", async () => {
    const options = { epsilon: 0.2, maxIterations: 200 };
    const run = (c: tg.Tensor, m: tg.Tensor) =>
      partialSinkhorn(vector(a), vector(b), c, { ...options, mass: m }).transportCost;
    const together = run(cost(), vector([0.25, 0.75]));
    const values = await floats(together);
    for (const [k, mass] of [0.25, 0.75].entries()) {
      const alone = partialSinkhorn(vector(a), vector(b), cost(), { ...options, mass });
      expect(values[k]).toBeCloseTo(await alone.transportCost.item(), 5);
    }
    const compiled = tg.compile(run);
    expect(await floats(compiled(cost(), vector([0.25, 0.75])))).toEqual(values);
    compiled.dispose();
  });

  test("names what is wrong", async () => {
    const call = (options: Partial<PartialOptions>) =>
      partialSinkhorn(vector(a), vector(b), cost(), { epsilon: 0.1, mass: 0.5, ...options });
    expect(() => call({ mass: 0 })).toThrow("mass 0 must be a number > 0");
    expect(() => call({ epsilon: 0 })).toThrow("transport.partialSinkhorn: epsilon 0");
    await expect(call({ mass: 1.2 }).transportCost.item()).rejects.toThrow(
      "mass 1.20000 is more than a side has, 1.00000",
    );
  });
});

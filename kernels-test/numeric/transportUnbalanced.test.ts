/** Unbalanced transport by its usual name, beside golden values and closed forms. */
import { beforeAll, describe, expect, test } from "vitest";
import { init } from "../../src/node";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";
import {
  type Penalty,
  sinkhorn,
  sinkhornUnbalanced,
  type Transport,
  type UnbalancedOptions,
} from "../../src/transport/index";
import { totalVariationDiracs, unbalancedDiracs } from "../reference/transport/closedForms";
import { golden } from "../reference/transport/golden";
import { total, upload, vector } from "./transportRun";

beforeAll(async () => {
  await init();
});

const dense = async ({ plan }: Transport): Promise<Float32Array> =>
  (await plan.dense().data()) as Float32Array;

const { a, b } = golden;
const cost = () => upload(golden.cost, [5, 4]);

describe("unbalanced transport", () => {
  test.each(golden.unbalanced.relative)(
    "with KL of rho $rho is POT's",
    async ({ rho, ...want }) => {
      const { epsilon } = golden.unbalanced;
      const found = sinkhornUnbalanced(vector(a), vector(b), cost(), { epsilon, rho });
      expect(total(await dense(found)) / want.mass).toBeCloseTo(1, 5);
      expect((await found.transportCost().item()) / want.cost).toBeCloseTo(1, 5);
      expect(await found.converged.item()).toBeTruthy();
    },
  );

  test("of two points is what can be written down", async () => {
    const { rho, mass, value, ...diracs } = golden.diracs;
    const one = (options: Omit<UnbalancedOptions, "epsilon">) =>
      sinkhornUnbalanced([diracs.a], [diracs.b], upload([diracs.cost], [1, 1]), {
        epsilon: diracs.epsilon,
        ...options,
      });
    expect(unbalancedDiracs(diracs, rho).mass).toBeCloseTo(mass, 9);
    const kl = one({ rho });
    expect((await dense(kl))[0]).toBeCloseTo(mass, 6);
    expect(await kl.value().item()).toBeCloseTo(value, 6);
    for (const weight of [0.02, 0.15, 0.3, 2]) {
      const want = totalVariationDiracs(diracs, weight);
      const tv = one({ rho: weight, divergence: "tv" });
      expect((await dense(tv))[0]).toBeCloseTo(want.mass, 5);
      expect(await tv.value().item()).toBeCloseTo(want.value, 5);
    }
  });

  test.each<[string, Omit<UnbalancedOptions, "epsilon">, { a: Penalty; b: Penalty }]>([
    ["one rho", { rho: 0.3 }, { a: { kl: 0.3 }, b: { kl: 0.3 } }],
    ["two", { rho: [0.3, 2], divergence: "tv" }, { a: { tv: 0.3 }, b: { tv: 2 } }],
    ["an exact side", { rho: [Number.POSITIVE_INFINITY, 0.5] }, { a: null, b: { kl: 0.5 } }],
    ["two exact sides", { rho: Number.POSITIVE_INFINITY }, { a: null, b: null }],
  ])("%s: sinkhorn with those penalties", async (_, options, penalty) => {
    const common = { epsilon: 0.2, maxIterations: 200 };
    const named = await dense(
      sinkhornUnbalanced(vector(a), vector(b), cost(), { ...common, ...options }),
    );
    expect(named).toEqual(
      await dense(sinkhorn(vector(a), vector(b), cost(), { ...common, penalty })),
    );
  });

  // Values of the same problems in f64, by alternation on the finite pairs.
  test.each([
    ["kl", 0, 0.8938301377683704],
    ["kl", 1, 0.9429779114356235],
    ["tv", 1, 1.1065726408081915],
  ] as const)(
    "%s: a point on side %i that may go nowhere leaves its mass, at its price",
    async (divergence, side, want) => {
      const none = Number.POSITIVE_INFINITY;
      const costs = side
        ? [1, none, 3, 2, none, 3, 2, none, 0]
        : [1, 2, 3, none, none, none, 2, 1, 0];
      const a = upload(
        [1, 1, 1].map((x) => x / 3),
        [3],
      );
      const found = (a: Tensor, b: Tensor) =>
        sinkhornUnbalanced(a, b, upload(costs, [3, 3]), { epsilon: 0.1, rho: 1, divergence });
      expect(await found(a, a).converged.item()).toBeTruthy();
      expect(await found(a, a).value().item()).toBeCloseTo(want, 5);
      // More mass of that point costs ρ more, besides what ε (Σa Σb) charges for the reference.
      const value = (one: Tensor) => (side ? found(a, one) : found(one, a)).value();
      const slopes = await grad(value)(a).data();
      expect(slopes[1]).toBeCloseTo(1 + 0.1, 4);
      const plan = await dense(found(a, a));
      expect([0, 1, 2].map((k) => plan[side ? 3 * k + 1 : 3 + k])).toEqual([0, 0, 0]);
    },
  );

  test("names what is wrong", () => {
    const call = (options: object) => () =>
      sinkhornUnbalanced(null, null, cost(), { epsilon: 0.1, ...options } as UnbalancedOptions);
    expect(call({})).toThrow("rho of a is undefined");
    expect(call({ rho: [1, -1] })).toThrow("rho of b is -1");
    expect(call({ rho: 1, divergence: "l2" })).toThrow('divergence "l2"');
  });
});

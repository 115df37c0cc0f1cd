/** Unbalanced transport by its usual name, beside golden values and closed forms. */
import { beforeAll, describe, expect, test } from "vitest";
import { init } from "../../src/node";
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

  test("names what is wrong", () => {
    const call = (options: object) => () =>
      sinkhornUnbalanced(null, null, cost(), { epsilon: 0.1, ...options } as UnbalancedOptions);
    expect(call({})).toThrow("rho of a is undefined");
    expect(call({ rho: [1, -1] })).toThrow("rho of b is -1");
    expect(call({ rho: 1, divergence: "l2" })).toThrow('divergence "l2"');
  });
});

/** Exact partial transport beside POT, and in what it must refuse. */
import { describe, expect, test } from "vitest";
import { ArgumentError } from "../../src/errors";
import { emd, partialEmd } from "../../src/transport/index";
import { type PairAttrs, pairOf, potCases } from "../reference/transport/pot";
import { marginals } from "../reference/transport/sinkhorn";

describe("exact partial transport", () => {
  test.each(potCases<PairAttrs & { mass: number }>("exactPartial"))(
    "$name",
    async ({ attrs, results, tensor }) => {
      const { a, b, cost } = pairOf(attrs);
      const rows = Array.from({ length: attrs.n }, (_, i) =>
        Array.from(cost.subarray(i * attrs.m, (i + 1) * attrs.m)),
      );
      const found = await partialEmd(a, b, rows, { mass: attrs.mass });
      expect(found.cost / results["cost"]!).toBeCloseTo(1, 9);
      const plan = found.plan.dense();
      const want = tensor("plan");
      plan.forEach((p, k) => {
        expect(Math.abs(p - want[k]!)).toBeLessThan(1e-9);
      });
      const [sent, taken] = marginals(plan, attrs.n);
      expect(found.plan.mass.reduce((sum, p) => sum + p, 0)).toBeCloseTo(attrs.mass, 12);
      sent.forEach((p, i) => {
        expect(p).toBeLessThanOrEqual(a[i]! + 1e-12);
      });
      taken.forEach((p, j) => {
        expect(p).toBeLessThanOrEqual(b[j]! + 1e-12);
      });
    },
  );

  test("of all mass is exact transport", async () => {
    const cost = [
      [1, 2, 3],
      [4, 1, 0],
    ];
    const whole = await emd(null, null, cost);
    expect((await partialEmd(null, null, cost, { mass: 1 })).cost).toBeCloseTo(whole.cost, 12);
  });

  test("a mass that a side does not have, or that is no mass, is refused in words", async () => {
    const refused = (mass: number) => partialEmd([1], [2], [[3]], { mass });
    await expect(refused(1.5)).rejects.toThrow(/mass 1.5 is more than a side has: a has 1, b 2/);
    await expect(refused(0)).rejects.toThrow(ArgumentError);
    await expect(refused(Number.NaN)).rejects.toThrow(ArgumentError);
  });
});

/** The f64 references of optimal transport, against golden values, closed forms and each other. */
import { describe, expect, test } from "vitest";
import { barycenter } from "../reference/transport/barycenter";
import {
  type Gaussian,
  gaussians,
  totalVariationDiracs,
  unbalancedDiracs,
} from "../reference/transport/closedForms";
import { costMatrix } from "../reference/transport/costs";
import { sinkhornDivergence } from "../reference/transport/divergence";
import { drawPoints, drawWeights, hashed } from "../reference/transport/drawn";
import { golden } from "../reference/transport/golden";
import { entropicPartial } from "../reference/transport/partial";
import { pairOf, potCases, potVersion, type SinkhornAttrs } from "../reference/transport/pot";
import { marginalError, type Problem, planOf, sinkhorn } from "../reference/transport/sinkhorn";
import { negativeEntropy, relativeValue, transportCost } from "../reference/transport/values";

const { a, b, cost } = golden;
const total = (x: Float64Array): number => x.reduce((sum, v) => sum + v, 0);
const logged = (problem: { epsilon: number }): Float64Array =>
  cost.map((c, k) => c + problem.epsilon * Math.log(a[Math.floor(k / 4)]! * b[k % 4]!));

describe("golden values of POT", () => {
  test.each(golden.balanced)("balanced, epsilon $epsilon", ({ epsilon, cost: want, entropy }) => {
    const { plan } = sinkhorn({ a, b, cost, epsilon });
    expect(transportCost(plan, cost)).toBeCloseTo(want, 11);
    expect(negativeEntropy(plan)).toBeCloseTo(entropy, 9);
    expect(marginalError(plan, a, b)).toBeLessThan(1e-12);
  });

  test.each(golden.unbalanced.relative)("KL of rho $rho, relative", ({ rho, ...want }) => {
    const { epsilon } = golden.unbalanced;
    const { plan } = sinkhorn({ a, b, cost, epsilon, penalty: [{ kl: rho }, { kl: rho }] });
    expect(total(plan)).toBeCloseTo(want.mass, 11);
    expect(transportCost(plan, cost)).toBeCloseTo(want.cost, 11);
  });

  test.each(golden.unbalanced.entropy)("KL of rho $rho, entropy", ({ rho, ...want }) => {
    const { epsilon } = golden.unbalanced;
    const shifted = logged({ epsilon });
    const { plan } = sinkhorn({
      a,
      b,
      cost: shifted,
      epsilon,
      penalty: [{ kl: rho }, { kl: rho }],
    });
    expect(total(plan)).toBeCloseTo(want.mass, 11);
    expect(transportCost(plan, cost)).toBeCloseTo(want.cost, 11);
  });

  test("entropic partial", () => {
    const { epsilon, mass, cost: want } = golden.partial;
    const plan = entropicPartial({ a, b, cost, epsilon, mass });
    expect(transportCost(plan, cost)).toBeCloseTo(want, 10);
    expect(total(plan)).toBeCloseTo(mass, 12);
  });

  test("two by two", () => {
    const half = [0.5, 0.5];
    const { plan } = sinkhorn({ a: half, b: half, cost: [0, 1, 1, 0], epsilon: 1 });
    golden.two.forEach((want, k) => {
      expect(plan[k]).toBeCloseTo(want, 11);
    });
  });
});

describe("fixtures of POT", () => {
  const small = <C extends { attrs: { n: number; epsilon: number } }>(cases: readonly C[]): C[] =>
    cases.filter(({ attrs }) => attrs.n < 40 && attrs.epsilon >= 0.02);

  test("name the version that made them", () => {
    expect(potVersion).toBe("0.8.2");
  });

  test.each([
    ...small(potCases<SinkhornAttrs>("sinkhorn")),
    ...small(potCases<SinkhornAttrs>("sinkhornUnbalanced")),
  ])("$name", ({ attrs, results, tensor }) => {
    const { x: _, y: __, ...weighted } = pairOf(attrs);
    const { epsilon, penalty = {} } = attrs;
    const problem: Problem = {
      ...weighted,
      epsilon,
      penalty: [penalty.a ?? null, penalty.b ?? null],
    };
    const { plan } = sinkhorn(problem);
    const theirs = planOf(problem, tensor("f"), tensor("g"));
    plan.forEach((p, k) => {
      expect(p).toBeCloseTo(theirs[k]!, 8);
    });
    expect(transportCost(plan, problem.cost)).toBeCloseTo(results["cost"]!, 8);
    expect(negativeEntropy(plan)).toBeCloseTo(results["entropy"]!, 7);
    expect(relativeValue(problem, plan)).toBeCloseTo(results["value"]!, 8);
  });

  test.each(potCases<SinkhornAttrs & { mass: number }>("entropicPartial"))(
    "$name",
    ({ attrs, tensor }) => {
      const theirs = tensor("plan");
      entropicPartial({ ...attrs, ...pairOf(attrs) }).forEach((p, k) => {
        expect(p).toBeCloseTo(theirs[k]!, 7);
      });
    },
  );

  interface BarycenterAttrs {
    readonly n: number;
    readonly count: number;
    readonly seed: number;
    readonly epsilon: number;
    readonly shares: readonly number[];
  }
  test.each(
    small(potCases<BarycenterAttrs>("barycenter")) as ReturnType<typeof potCases<BarycenterAttrs>>,
  )("$name", ({ attrs: { n, count, seed, epsilon, shares }, tensor }) => {
    const grid = Float64Array.from({ length: n }, (_, i) => i / Math.max(1, n - 1));
    const histograms = Array.from({ length: count }, (_, k) => drawWeights("random", n, seed + k));
    const theirs = tensor("histogram");
    const q = barycenter({
      histograms,
      cost: costMatrix("squaredEuclidean", grid, grid, 1),
      epsilon,
      weights: shares,
    });
    q.forEach((p, k) => {
      expect(p).toBeCloseTo(theirs[k]!, 7);
    });
  });

  test.each(small(potCases<SinkhornAttrs>("sinkhornDivergence")))("$name", ({ attrs, results }) => {
    const { x, y, ...weighted } = pairOf(attrs);
    const { cost, d, epsilon } = attrs;
    const value = sinkhornDivergence({
      a: weighted.a,
      b: weighted.b,
      epsilon,
      costs: [weighted.cost, costMatrix(cost, x, x, d), costMatrix(cost, y, y, d)],
      tolerance: 1e-9,
    });
    expect(value).toBeCloseTo(results["value"]!, 7);
  });
});

describe("closed forms", () => {
  test("Gaussians have the value that was printed", () => {
    const { a: left, b: right, epsilon, value } = golden.gaussians;
    expect(gaussians(left, right, epsilon).value).toBeCloseTo(value, 12);
  });

  test("Gaussians on a fine grid have the value and covariance of the formula", () => {
    const { a: left, b: right, epsilon } = golden.gaussians;
    const count = 141;
    const grid = (at: Gaussian): { points: Float64Array; weights: Float64Array } => {
      const points = Float64Array.from(
        { length: count },
        (_, i) => at.mean + at.deviation * 14 * (i / (count - 1) - 0.5),
      );
      const raw = points.map((p) => Math.exp(-(((p - at.mean) / at.deviation) ** 2) / 2));
      return { points, weights: raw.map((w) => w / total(raw)) };
    };
    const [x, y] = [grid(left), grid(right)];
    const problem: Problem = {
      a: x.weights,
      b: y.weights,
      cost: costMatrix("squaredEuclidean", x.points, y.points, 1),
      epsilon,
    };
    const { plan } = sinkhorn(problem);
    const want = gaussians(left, right, epsilon);
    expect(relativeValue(problem, plan)).toBeCloseTo(want.value, 9);
    const covariance = plan.reduce(
      (sum, p, k) =>
        sum +
        p * (x.points[Math.floor(k / count)]! - left.mean) * (y.points[k % count]! - right.mean),
      0,
    );
    expect(covariance).toBeCloseTo(want.covariance, 9);
  });

  test("unbalanced Diracs have the mass and value that were printed, and that the iteration finds", () => {
    const { rho, mass, value, ...diracs } = golden.diracs;
    const closed = unbalancedDiracs(diracs, rho);
    expect(closed.mass).toBeCloseTo(mass, 10);
    expect(closed.value).toBeCloseTo(value, 10);
    const problem: Problem = {
      a: [diracs.a],
      b: [diracs.b],
      cost: [diracs.cost],
      epsilon: diracs.epsilon,
      penalty: [{ kl: rho }, { kl: rho }],
    };
    const { plan } = sinkhorn(problem);
    expect(plan[0]).toBeCloseTo(closed.mass, 12);
    expect(relativeValue(problem, plan)).toBeCloseTo(closed.value, 12);
  });

  test.each([0.02, 0.1, 0.15, 0.19, 0.3, 0.5, 2])("Diracs under TV of rho %f", (rho) => {
    const { a: left, b: right, cost: c, epsilon } = golden.diracs;
    const problem: Problem = {
      a: [left],
      b: [right],
      cost: [c],
      epsilon,
      penalty: [{ tv: rho }, { tv: rho }],
    };
    const closed = totalVariationDiracs(golden.diracs, rho);
    const { plan } = sinkhorn(problem);
    expect(plan[0]).toBeCloseTo(closed.mass, 10);
    expect(relativeValue(problem, plan)).toBeCloseTo(closed.value, 10);
  });
});

describe("the references agree with one another", () => {
  const drawn = (n: number, m: number, epsilon: number): Problem => ({
    a: drawWeights("random", n, 1),
    b: drawWeights("zeros", m, 2),
    cost: costMatrix("squaredEuclidean", drawPoints(n, 2, 3), drawPoints(m, 2, 4), 2),
    epsilon,
  });

  test("a large rho is balanced, for KL and for TV", () => {
    const problem = drawn(6, 9, 0.5);
    const { plan } = sinkhorn(problem);
    const tv = sinkhorn({ ...problem, penalty: [{ tv: 20 }, { tv: 20 }] });
    const kl = sinkhorn({ ...problem, penalty: [{ kl: 500 }, { kl: 500 }], tolerance: 1e-9 });
    for (let k = 0; k < plan.length; k++) {
      expect(tv.plan[k]).toBeCloseTo(plan[k]!, 11);
      expect(kl.plan[k]).toBeCloseTo(plan[k]!, 3);
    }
  });

  test("the whole mass is not partial", () => {
    const problem = drawn(5, 4, 0.2);
    const { plan } = sinkhorn(problem);
    entropicPartial({ ...problem, mass: 1 }).forEach((p, k) => {
      expect(p).toBeCloseTo(plan[k]!, 8);
    });
  });

  test("a divergence of a measure from itself is 0, of others it is not", () => {
    const [p, q] = [drawPoints(7, 2, 5), drawPoints(7, 2, 6)];
    const [pq, pp, qq] = [
      [p, q],
      [p, p],
      [q, q],
    ].map(([x, y]) => costMatrix("squaredEuclidean", x!, y!, 2));
    const w = drawWeights("random", 7, 7);
    for (const penalty of [undefined, [{ kl: 0.5 }, { kl: 0.5 }] as const]) {
      const of = { a: w, b: w, epsilon: 0.1, ...(penalty ? { penalty } : {}) };
      expect(sinkhornDivergence({ ...of, costs: [pp!, pp!, pp!] })).toBeCloseTo(0, 12);
      expect(sinkhornDivergence({ ...of, costs: [pq!, pp!, qq!] })).toBeGreaterThan(1e-3);
    }
  });

  test("no move of mass from the barycentre lowers the sum of costs", () => {
    const n = 6;
    const grid = Float64Array.from({ length: n }, (_, i) => i / (n - 1));
    const grids = costMatrix("squaredEuclidean", grid, grid, 1);
    const histograms = [drawWeights("random", n, 8), drawWeights("random", n, 9)];
    const weights = [0.3, 0.7];
    const epsilon = 0.05;
    const q = barycenter({ histograms, cost: grids, epsilon, weights });
    expect(total(q)).toBeCloseTo(1, 10);
    const of = (r: Float64Array): number =>
      histograms.reduce((sum, p, k) => {
        const { plan } = sinkhorn({ a: r, b: p, cost: grids, epsilon });
        return sum + weights[k]! * (transportCost(plan, grids) + epsilon * negativeEntropy(plan));
      }, 0);
    const least = of(q);
    for (let i = 0; i < n; i++) {
      const moved = Float64Array.from(q);
      moved[i]! += 1e-3;
      moved[(i + 1) % n]! -= 1e-3;
      expect(of(moved)).toBeGreaterThan(least);
    }
  });

  test("what is drawn is spread over the unit interval, and differs between seeds", () => {
    const values = Array.from({ length: 4096 }, (_, i) => hashed(i, 11));
    const mean = values.reduce((sum, v) => sum + v, 0) / 4096;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.02);
    expect(new Set(values).size).toBeGreaterThan(4090);
    expect(hashed(5, 11)).not.toBe(hashed(5, 12));
    expect(Math.fround(hashed(5, 11))).toBe(hashed(5, 11));
  });
});

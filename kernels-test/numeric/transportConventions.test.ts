/**
 * What the numbers of a transport mean: the value by both conventions of the entropy, P from its potentials, the units
 * of penalties; against golden values of POT and closed forms.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { init } from "../../src/node";
import { costMatrix, pointCost, sinkhorn, squaredEuclidean } from "../../src/transport/index";
import {
  type Gaussian,
  gaussians,
  totalVariationDiracs,
  unbalancedDiracs,
} from "../reference/transport/closedForms";
import { type CostName, costMatrix as costs } from "../reference/transport/costs";
import { drawPoints, drawWeights } from "../reference/transport/drawn";
import { golden } from "../reference/transport/golden";
import {
  type MarginalPenalty,
  type Problem,
  sinkhorn as reference,
} from "../reference/transport/sinkhorn";
import {
  entropyValue,
  negativeEntropy,
  relativeValue,
  transportCost,
} from "../reference/transport/values";
import { costFunctions, solve, total, upload, vector } from "./transportRun";

beforeAll(async () => {
  await init();
});

const { a, b } = golden;
const goldenPoints = () => squaredEuclidean(upload(golden.x, [5, 2]), upload(golden.y, [4, 2]));
const goldenMatrix = () => upload(golden.cost, [5, 4]);

/** Of some thousand roundings of f32. */
const single = 2e-6;

describe("golden values of POT, to f32", () => {
  test.each(golden.balanced)(
    "balanced, epsilon $epsilon: cost and sum of P log P",
    async ({ epsilon, cost, entropy }) => {
      for (const of of [goldenPoints(), goldenMatrix()]) {
        const solved = await solve(a, b, of, {
          epsilon,
          maxIterations: epsilon < 0.01 ? 5000 : 500,
          relaxation: epsilon < 0.1 ? 1.5 : 1,
        });
        expect(solved.converged).toEqual([true]);
        expect(Math.abs(solved.transportCost[0]! / cost - 1)).toBeLessThan(5e-6);
        const want = cost + epsilon * entropy;
        expect(Math.abs(solved.entropy[0]! / want - 1)).toBeLessThan(5e-6);
        // Of 20 numbers, by their sum: the plan itself.
        expect(Math.abs(negativeEntropy(solved.plan) / entropy - 1)).toBeLessThan(2e-5);
      }
    },
  );

  test("two by two: the plan", async () => {
    const cost = upload([0, 1, 1, 0], [2, 2]);
    const { plan } = await solve([0.5, 0.5], [0.5, 0.5], cost, { epsilon: 1 });
    golden.two.forEach((want, k) => {
      expect(plan[k]).toBeCloseTo(want, 6);
    });
  });

  test.each(golden.unbalanced.relative)("KL penalty of $rho: mass and cost", async (want) => {
    const { epsilon } = golden.unbalanced;
    const solved = await solve(a, b, goldenPoints(), { epsilon, penalty: { kl: want.rho } });
    expect(solved.converged).toEqual([true]);
    expect(Math.abs(total(solved.plan) / want.mass - 1)).toBeLessThan(5e-6);
    expect(Math.abs(solved.transportCost[0]! / want.cost - 1)).toBeLessThan(5e-6);
  });

  test.each(golden.unbalanced.entropy)(
    "POT's reference measure of 1 is ours with epsilon log a b in the cost, penalty $rho",
    async (want) => {
      const { epsilon } = golden.unbalanced;
      const shifted = golden.cost.map(
        (c, k) => c + epsilon * Math.log(a[Math.floor(k / 4)]! * b[k % 4]!),
      );
      const solved = await solve(a, b, upload(shifted, [5, 4]), {
        epsilon,
        penalty: { kl: want.rho },
      });
      expect(Math.abs(total(solved.plan) / want.mass - 1)).toBeLessThan(1e-5);
      expect(Math.abs(transportCost(solved.plan, golden.cost) / want.cost - 1)).toBeLessThan(1e-5);
    },
  );
});

describe("closed forms, to f32", () => {
  const count = 129;
  const grid = ({ mean, deviation }: Gaussian) => {
    const points = Float64Array.from({ length: count }, (_, i) =>
      Math.fround(mean + deviation * 12 * (i / (count - 1) - 0.5)),
    );
    const raw = points.map((p) => Math.exp(-(((p - mean) / deviation) ** 2) / 2));
    return { points, weights: raw.map((w) => w / total(raw)) };
  };

  test.each([
    [golden.gaussians.a, golden.gaussians.b, golden.gaussians.epsilon],
    [{ mean: 0.3, deviation: 0.8 }, { mean: 0.3, deviation: 0.8 }, 0.2],
    [{ mean: -1, deviation: 0.3 }, { mean: 1, deviation: 1.2 }, 2],
  ] as const)("Gaussians %o and %o at epsilon %f: value and covariance", async (p, q, epsilon) => {
    const [left, right] = [grid(p), grid(q)];
    const want = gaussians(p, q, epsilon);
    const cost = squaredEuclidean(
      upload(left.points, [count, 1]),
      upload(right.points, [count, 1]),
    );
    const solved = await solve(left.weights, right.weights, cost, { epsilon });
    expect(solved.converged).toEqual([true]);
    expect(Math.abs(solved.relative[0]! / want.value - 1)).toBeLessThan(5e-6);
    const covariance = total(
      solved.plan.map(
        (mass, k) =>
          mass *
          (left.points[Math.floor(k / count)]! - p.mean) *
          (right.points[k % count]! - q.mean),
      ),
    );
    expect(Math.abs(covariance / want.covariance - 1)).toBeLessThan(2e-5);
  });

  test.each([
    [golden.diracs, golden.diracs.rho],
    [{ a: 2, b: 0.1, cost: 3, epsilon: 0.5 }, 1],
    [{ a: 0.5, b: 0.5, cost: 0, epsilon: 0.01 }, 10],
    [{ a: 1, b: 1, cost: 100, epsilon: 1 }, 2],
  ] as const)("Diracs %o under KL of %f: mass and value", async (diracs, rho) => {
    const want = unbalancedDiracs(diracs, rho);
    const solved = await solve([diracs.a], [diracs.b], upload([diracs.cost], [1, 1]), {
      epsilon: diracs.epsilon,
      penalty: { kl: rho },
      maxIterations: 4000,
      tolerance: 1e-7,
    });
    expect(Math.abs(solved.plan[0]! - want.mass)).toBeLessThan(2e-5 * Math.max(want.mass, 1e-3));
    expect(Math.abs(solved.relative[0]! / want.value - 1)).toBeLessThan(2e-5);
  });

  test.each([0.02, 0.15, 0.19, 0.5, 2])("Diracs under TV of %f: mass and value", async (rho) => {
    const want = totalVariationDiracs(golden.diracs, rho);
    const { a: left, b: right, cost, epsilon } = golden.diracs;
    const solved = await solve([left], [right], upload([cost], [1, 1]), {
      epsilon,
      penalty: { tv: rho },
    });
    expect(Math.abs(solved.plan[0]! / want.mass - 1)).toBeLessThan(5e-6);
    expect(Math.abs(solved.relative[0]! / want.value - 1)).toBeLessThan(5e-6);
  });
});

/** A drawn problem, with a mass of its own for each side where it has penalties. */
function drawn(penalty: readonly [MarginalPenalty, MarginalPenalty] | null): Problem & {
  x: Float64Array;
  y: Float64Array;
} {
  const [x, y] = [drawPoints(13, 3, 1), drawPoints(11, 3, 2)];
  return {
    a: drawWeights("random", 13, 3, penalty ? 1.4 : 2),
    b: drawWeights("zeros", 11, 4, penalty && !penalty.includes(null) ? 0.8 : penalty ? 1.4 : 2),
    cost: costs("squaredEuclidean", x, y, 3),
    epsilon: 0.1,
    ...(penalty && { penalty }),
    x,
    y,
  };
}

describe("the value", () => {
  const kl = { kl: 0.4 };
  const tv = { tv: 0.2 };
  test.each<[string, readonly [MarginalPenalty, MarginalPenalty] | null]>([
    ["balanced, of mass 2", null],
    ["under KL", [kl, kl]],
    ["under TV", [tv, tv]],
    ["under KL of the rows alone", [kl, null]],
    ["under TV of the columns alone", [null, tv]],
    ["under one and the other", [kl, tv]],
  ])(
    "%s is <P, C> + epsilon KL(P | a b) with mass terms, and penalties; or + epsilon sum of P log P where balanced",
    async (_, penalty) => {
      const problem = drawn(penalty);
      const cost = squaredEuclidean(upload(problem.x, [13, 3]), upload(problem.y, [11, 3]));
      const solved = await solve(problem.a, problem.b, cost, {
        epsilon: problem.epsilon,
        ...(penalty && { penalty: { a: penalty[0], b: penalty[1] } }),
      });
      const { plan } = reference(problem);
      const close = (ours: ArrayLike<number>, want: number): void =>
        expect(Math.abs(ours[0]! / want - 1)).toBeLessThan(1e-5);
      close(solved.transportCost, transportCost(plan, problem.cost));
      close(solved.relative, relativeValue(problem, plan));
      if (!penalty) close(solved.entropy, entropyValue(problem, plan));
    },
  );

  test("relative to the product is the default", async () => {
    const { x, y, a: rows, b: columns } = drawn(null);
    const result = sinkhorn(
      vector(rows as Float64Array),
      vector(columns as Float64Array),
      squaredEuclidean(upload(x, [13, 3]), upload(y, [11, 3])),
      { epsilon: 0.1 },
    );
    expect(await result.value().data()).toEqual(
      await result.value({ convention: "relative" }).data(),
    );
  });

  test("between both conventions lie the entropies of the weights, for probabilities", async () => {
    const epsilon = 0.2;
    const solved = await solve(a, b, goldenPoints(), { epsilon });
    const weights = negativeEntropy(a) + negativeEntropy(b);
    expect(solved.entropy[0]! - solved.relative[0]!).toBeCloseTo(epsilon * weights, 5);
  });

  test("of solved potentials it is their mean: sum of a f + sum of b g, for probabilities", async () => {
    const solved = await solve(a, b, goldenPoints(), { epsilon: 0.05 });
    const dual =
      total(solved.f.map((f, i) => f * a[i]!)) + total(solved.g.map((g, j) => g * b[j]!));
    expect(Math.abs(solved.relative[0]! / dual - 1)).toBeLessThan(single);
  });
});

describe("the plan", () => {
  test("is a_i b_j exp((f_i + g_j - C_ij) / epsilon)", async () => {
    const epsilon = 0.1;
    const { f, g, plan } = await solve(a, b, goldenPoints(), { epsilon });
    plan.forEach((p, k) => {
      const [i, j] = [Math.floor(k / 4), k % 4];
      const want = a[i]! * b[j]! * Math.exp((f[i]! + g[j]! - golden.cost[k]!) / epsilon);
      expect(Math.abs(p / want - 1)).toBeLessThan(2e-5);
    });
  });

  test("applied is the matrix times a vector or several, both ways, from points and from a matrix", async () => {
    const [u, v] = [drawPoints(5, 3, 5), drawPoints(4, 3, 6)];
    for (const cost of [goldenPoints(), goldenMatrix()]) {
      const { plan } = sinkhorn(vector(a), vector(b), cost, { epsilon: 0.1 });
      const p = await plan.dense().data();
      const many = await plan.apply(upload(v, [4, 3])).data();
      const back = await plan.applyTranspose(upload(u, [5, 3])).data();
      const one = await plan.apply(vector(v.slice(0, 4))).data();
      for (let c = 0; c < 3; c++) {
        for (let i = 0; i < 5; i++)
          expect(many[3 * i + c]).toBeCloseTo(
            total([0, 1, 2, 3].map((j) => p[4 * i + j]! * v[3 * j + c]!)),
            6,
          );
        for (let j = 0; j < 4; j++)
          expect(back[3 * j + c]).toBeCloseTo(
            total([0, 1, 2, 3, 4].map((i) => p[4 * i + j]! * u[3 * i + c]!)),
            6,
          );
      }
      for (let i = 0; i < 5; i++)
        expect(one[i]).toBeCloseTo(total([0, 1, 2, 3].map((j) => p[4 * i + j]! * v[j]!)), 6);
    }
  });

  test("maps each point to the mean of where it goes: between Gaussians, a straight line", async () => {
    const { x, y } = golden;
    const result = sinkhorn(vector(a), vector(b), goldenPoints(), { epsilon: 0.01 });
    const images = await result.plan.apply(upload(y, [4, 2])).data();
    const { plan } = reference({ a, b, cost: golden.cost, epsilon: 0.01 });
    for (let i = 0; i < x.length / 2; i++)
      for (const c of [0, 1])
        expect(images[2 * i + c]! / a[i]!).toBeCloseTo(
          total([0, 1, 2, 3].map((j) => plan[4 * i + j]! * y[2 * j + c]!)) / a[i]!,
          4,
        );
  });
});

describe("costs of points", () => {
  const shapes = [
    [1, 1, 1],
    [3, 2, 1],
    [5, 17, 2],
    [33, 31, 7],
    [2, 5, 65],
  ] as const;
  test.each(Object.keys(costFunctions) as CostName[])(
    "%s, as a matrix, is that of f64",
    async (name) => {
      for (const [n, m, d] of shapes) {
        const [x, y] = [drawPoints(n, d, 1), drawPoints(m, d, 2)].map((p) => p.map((v) => v - 0.3));
        const matrix = costMatrix(costFunctions[name](upload(x!, [n, d]), upload(y!, [m, d])));
        expect(matrix.shape).toEqual([n, m]);
        const want = costs(name, x!, y!, d);
        (await matrix.data()).forEach((c, k) => {
          expect(Math.abs(c - want[k]!)).toBeLessThan(2e-6 * Math.max(1, want[k]!));
        });
      }
    },
  );

  test("of a point with itself they are 0", async () => {
    const x = upload(drawPoints(9, 3, 7), [9, 3]);
    for (const name of ["squaredEuclidean", "euclidean"] as const) {
      const matrix = await costMatrix(costFunctions[name](x, x)).data();
      for (let i = 0; i < 9; i++) expect(matrix[10 * i]).toBe(0);
    }
  });

  test("written in WGSL they are what they say", async () => {
    const [n, m, d] = [7, 5, 3];
    const [x, y] = [drawPoints(n, d, 1), drawPoints(m, d, 2)];
    const cost = pointCost(upload(x, [n, d]), upload(y, [m, d]), {
      name: "rootOfManhattan",
      term: "abs(x - y)",
      finish: "sqrt(sum)",
    });
    const want = Float64Array.from({ length: n * m }, (_, k) => {
      const [i, j] = [Math.floor(k / m), k % m];
      return Math.sqrt(total([0, 1, 2].map((c) => Math.abs(x[i * d + c]! - y[j * d + c]!))));
    });
    (await costMatrix(cost).data()).forEach((c, k) => {
      expect(c).toBeCloseTo(want[k]!, 6);
    });
    const [rows, columns] = [drawWeights("random", n, 3), drawWeights("random", m, 4)];
    const { plan } = reference({ a: rows, b: columns, cost: want, epsilon: 0.1 });
    (await solve(rows, columns, cost, { epsilon: 0.1 })).plan.forEach((p, k) => {
      expect(p).toBeCloseTo(plan[k]!, 6);
    });
  });

  test("that are not symmetric know which point is x", async () => {
    const [n, m] = [6, 4];
    const [x, y] = [drawPoints(n, 1, 1), drawPoints(m, 1, 2)];
    const cost = pointCost(upload(x, [n, 1]), upload(y, [m, 1]), {
      name: "uphill",
      term: "max(y - x, vec4f(0.0)) * 3.0 + max(x - y, vec4f(0.0))",
    });
    const want = Float64Array.from({ length: n * m }, (_, k) => {
      const step = y[k % m]! - x[Math.floor(k / m)]!;
      return step > 0 ? 3 * step : -step;
    });
    const { plan } = reference({
      a: new Float64Array(n).fill(1 / n),
      b: new Float64Array(m).fill(1 / m),
      cost: want,
      epsilon: 0.1,
    });
    (await solve(null, null, cost, { epsilon: 0.1 })).plan.forEach((p, k) => {
      expect(p).toBeCloseTo(plan[k]!, 6);
    });
  });
});

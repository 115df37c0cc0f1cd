/** Sparse projections onto the simplex and transport with a squared 2-norm: f64, POT, and what defines them. */
import { readFileSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors";
import { initOn } from "../../src/init";
import { mul } from "../../src/ops/arithmetic";
import { sum } from "../../src/ops/reduce";
import { forcedRowTeam, rowTeams } from "../../src/ops/rowTeam";
import { to } from "../../src/ops/shape";
import { nodePlatform } from "../../src/platform/node";
import { tensor } from "../../src/tensor/creation";
import type { Tensor } from "../../src/tensor/tensor";
import { decodeSafetensors, toArray } from "../../src/train/safetensors";
import { grad } from "../../src/transforms/grad";
import { squaredEuclidean } from "../../src/transport/cost";
import { emd } from "../../src/transport/emd";
import {
  forcedThresholdVariant,
  projectionSimplex,
  projectionSparseSimplex,
  projectRows,
  type ThresholdVariant,
} from "../../src/transport/sparseSimplex";
import { smoothOt, sparsityConstrainedOt } from "../../src/transport/sparsityConstrained";
import { expectClose, expectRejects, expectThrows } from "../harness";
import { costMatrix } from "../reference/transport/costs";
import { drawPoints, drawWeights, hashed, type WeightKind } from "../reference/transport/drawn";
import { projectSparse, semiDual } from "../reference/transport/sparse";

beforeAll(async () => {
  await initOn(nodePlatform);
});
afterEach(() => {
  forcedThresholdVariant.current = null;
  forcedRowTeam.current = null;
});

const matrix = (values: ArrayLike<number>, rows: number): Tensor =>
  tensor(Float32Array.from(values), { shape: [rows, values.length / rows] });
const vector = (values: ArrayLike<number>): Tensor => tensor(Float32Array.from(values));
const f64 = async (x: Tensor): Promise<Float64Array> => Float64Array.from(await x.data());
const sizes = [1, 3, 255, 256, 257, 4095, 4097];
const bounds = [1, 2, 5, 16, 17, 64];

interface Rows {
  readonly values: Float64Array;
  readonly mass: Float64Array;
  readonly length: number;
}

/** Three rows: spread out, close to each other, and whole numbers with many ties. */
function drawRows(length: number): Rows {
  const values = Float64Array.from({ length: 3 * length }, (_, e) => {
    const [row, u] = [Math.floor(e / length), hashed(e, 7)];
    if (row === 0) return Math.fround(8 * u - 4);
    return row === 1 ? Math.fround(20 + u / 8) : Math.floor(4 * u);
  });
  return { values, mass: Float64Array.of(1, 0.5, 2.5), length };
}

async function expectProjections({ values, mass, length }: Rows, most: number): Promise<void> {
  const { p, tau, conjugate } = projectRows(matrix(values, 3), vector(mass), most);
  const [ps, taus, conjugates] = [await f64(p), await f64(tau), await f64(conjugate)];
  for (let r = 0; r < 3; r++) {
    const expected = projectSparse(values.subarray(r * length, (r + 1) * length), mass[r]!, most);
    const own = ps.subarray(r * length, (r + 1) * length);
    const what = `row ${r} of ${length}, at most ${most}`;
    // Scores of 20 are 2e-6 apart.
    expectClose(own, expected.p, { relative: 1e-5, absolute: 4e-6 }, what);
    expectClose([taus[r]!], [expected.tau], { relative: 1e-6, absolute: 1e-6 }, what);
    expectClose([conjugates[r]!], [expected.conjugate], { relative: 2e-6, absolute: 1e-6 }, what);
    expect(own.filter((v) => v > 0).length).toBeLessThanOrEqual(most);
  }
}

describe("projections onto the simplex", () => {
  for (const variant of ["list", "search"] as ThresholdVariant[])
    test(`by ${variant} are those of f64, for rows of every length and every bound`, async () => {
      forcedThresholdVariant.current = variant;
      for (const length of sizes)
        for (const most of length > 300 ? [1, 17, 64] : bounds)
          await expectProjections(drawRows(length), most);
    });

  test("without a bound, and with one beyond what a list holds, are those of f64", async () => {
    for (const length of [3, 257, 4097])
      for (const most of [65, length]) await expectProjections(drawRows(length), most);
  });

  test("of equal scores keep the first, whichever way they are found", async () => {
    const x = tensor([1, 3, 2, 3, 3, 2, 3]);
    for (const variant of ["list", "search"] as ThresholdVariant[]) {
      forcedThresholdVariant.current = variant;
      const p = projectionSparseSimplex(x, 3, { mass: 3 });
      expect(await p.toArray()).toEqual([0, 1, 0, 1, 1, 0, 0]);
    }
  });

  test("have the same bits each time", async () => {
    const { values } = drawRows(257);
    const run = async () => projectionSparseSimplex(matrix(values, 3), 17).data();
    expect(await run()).toEqual(await run());
  });

  test("go along any dimension, with a mass for each row", async () => {
    const x = tensor([
      [0.5, 1],
      [1, 3],
      [-1, 0],
    ]);
    expect(await projectionSimplex(x, { dim: 0 }).toArray()).toEqual([
      [0.25, 0],
      [0.75, 1],
      [0, 0],
    ]);
    const masses = projectionSimplex(x, { dim: 0, mass: tensor([0, 4]) });
    expect(await masses.toArray()).toEqual([
      [0, 1],
      [0, 3],
      [0, 0],
    ]);
  });

  test("say what they cannot take", () => {
    const x = tensor([1, 2]);
    expectThrows(() => projectionSparseSimplex(x, 0), ArgumentError, /maxNonzeros 0 .*at least 1/);
    expectThrows(() => projectionSparseSimplex(x, 1.5), ArgumentError, /maxNonzeros 1.5/);
    expectThrows(() => projectionSimplex(x, { mass: -1 }), ArgumentError, /mass -1 must be/);
    expectThrows(() => projectionSimplex(x, { dim: 1 }), ShapeError, /dim/);
    expectThrows(() => projectionSimplex(to(x, "i32")), DTypeError, /i32/);
    expectThrows(
      () => projectionSimplex(tensor(new Float32Array(0), { shape: [2, 0] })),
      ShapeError,
      /at least one element/,
    );
  });
});

const file = decodeSafetensors(
  readFileSync(new URL("../oracles/fixtures/transport_sparse.safetensors", import.meta.url)),
  "transport_sparse.safetensors",
);

interface OracleCase {
  readonly attrs: {
    readonly n: number;
    readonly m: number;
    readonly weights: readonly [WeightKind, WeightKind];
    readonly seed: number;
    readonly gamma: number;
    readonly maxNonzeros?: number;
  };
  readonly results: { readonly cost: number; readonly value: number; readonly marginal: number };
}

const cases = Object.entries(JSON.parse(file.metadata["cases"]!) as Record<string, OracleCase>);

function drawProblem({ n, m, weights, seed }: OracleCase["attrs"]) {
  const [x, y] = [drawPoints(n, 2, seed), drawPoints(m, 2, seed + 1)];
  return {
    a: drawWeights(weights[0], n, seed + 2),
    b: drawWeights(weights[1], m, seed + 3),
    cost: costMatrix("squaredEuclidean", x, y, 2),
  };
}

const most = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((high, v) => Math.max(high, v), 0);

/** The nonzeros of each column of P [n, m]. */
const columnCounts = (plan: ArrayLike<number>, m: number): number[] =>
  Array.from({ length: m }, (_, j) =>
    Array.from(plan).reduce((count, v, e) => count + (e % m === j && v > 0 ? 1 : 0), 0),
  );

describe("POT 0.9 as the oracle", () => {
  for (const [name, { attrs, results }] of cases) {
    const { n, m, gamma, maxNonzeros } = attrs;
    const solvable = results.marginal < 2e-6;
    test(`${name}: ${solvable ? "the plan, its cost and value" : "the value, at a kink"}`, async () => {
      const { a, b, cost } = drawProblem(attrs);
      const operands = [vector(a), vector(b), matrix(cost, n)] as const;
      const found = maxNonzeros
        ? sparsityConstrainedOt(...operands, { gamma, maxNonzeros, maxIterations: 400 })
        : smoothOt(...operands, { gamma, maxIterations: 400 });
      const [report] = await found.report();
      const plan = await f64(found.plan.dense());
      const counts = columnCounts(plan, m);
      expect(Math.max(...counts)).toBeLessThanOrEqual(maxNonzeros ?? n);
      const value = await found.value().item();
      expect(report!.converged).toBe(solvable);
      if (solvable) {
        expect(report!.marginalError).toBeLessThanOrEqual(1e-5);
        expectClose(
          [await found.transportCost().item(), value],
          [results.cost, results.value],
          { relative: 1e-4, absolute: 0 },
          "cost and value",
        );
        const stored = file.tensors.get(`${name}/plan`);
        if (stored) {
          const expected = toArray(stored, stored.dtype) as ArrayLike<number>;
          expectClose(plan, expected, { relative: 0, absolute: 1e-3 * most(expected) }, "plan");
        }
      } else {
        // Whoever finds more of a concave function is nearer to its maximum; POT stops short of some.
        expect(value).toBeGreaterThanOrEqual(results.value * (1 - 1e-3));
        expect(value).toBeLessThanOrEqual(results.value * (1 + 1e-2));
      }
    });
  }
});

describe("sparsity-constrained transport", () => {
  const problem = drawProblem({
    n: 13,
    m: 21,
    weights: ["random", "random"],
    seed: 5,
    gamma: 1,
  });
  const operands = () => [vector(problem.a), vector(problem.b), matrix(problem.cost, 13)] as const;

  test("with as many nonzeros as rows is the problem without a bound", async () => {
    const [free, bound] = [
      smoothOt(...operands(), { gamma: 1 }),
      sparsityConstrainedOt(...operands(), { gamma: 1, maxNonzeros: 13 }),
    ];
    expect(await bound.plan.dense().data()).toEqual(await free.plan.dense().data());
  });

  test("is exact transport where gamma is small", async () => {
    const exact = await emd(problem.a, problem.b, matrix(problem.cost, 13));
    let before = Number.POSITIVE_INFINITY;
    for (const gamma of [1, 0.1, 0.01]) {
      const found = smoothOt(...operands(), { gamma, maxIterations: 2000, tolerance: 1e-4 });
      const excess = (await found.transportCost().item()) / exact.cost - 1;
      expect(excess).toBeGreaterThan(-1e-3);
      expect(excess).toBeLessThan(before);
      before = excess;
    }
    expect(before).toBeLessThan(2e-3);
  });

  test("satisfies what makes a plan optimal: max((f + g − c) / gamma, 0) where it may have mass", async () => {
    const gamma = 0.5;
    const { f, g, plan } = smoothOt(...operands(), { gamma, tolerance: 1e-6 });
    const [fs, gs, ps] = [await f64(f), await f64(g), await f64(plan.dense())];
    const expected = Float64Array.from(problem.cost, (c, e) =>
      Math.max((fs[Math.floor(e / 21)]! + gs[e % 21]! - c) / gamma, 0),
    );
    expectClose(ps, expected, { relative: 0, absolute: 2e-6 }, "plan");
    const [rows, cols] = plan.marginals();
    expectClose(await f64(rows), problem.a, { relative: 0, absolute: 2e-6 }, "rows");
    expectClose(await f64(cols), problem.b, { relative: 0, absolute: 5e-7 }, "columns");
  });

  test("finds a point of the semi-dual that no small change of one potential improves", async () => {
    const settings = { gamma: 1, most: 2 };
    const { f } = sparsityConstrainedOt(...operands(), { gamma: 1, maxNonzeros: 2 });
    const at = await f64(f);
    const here = semiDual(at, { ...problem, ...settings }).value;
    for (const change of [-0.02, 0.02])
      for (let i = 0; i < at.length; i++) {
        const moved = Float64Array.from(at);
        moved[i]! += change;
        expect(semiDual(moved, { ...problem, ...settings }).value).toBeLessThan(here + 2e-4 * here);
      }
  });

  test("is found alike by one invocation and by teams", async () => {
    const [a, b, cost] = operands();
    const options = { gamma: 0.3, maxNonzeros: 5, maxIterations: 150 };
    const alone = await f64(sparsityConstrainedOt(a, b, cost, options).plan.dense());
    for (const team of rowTeams.candidates()) {
      forcedRowTeam.current = team;
      const found = sparsityConstrainedOt(a, b, cost, options);
      expect((await found.report())[0]!.converged).toBe(true);
      const plan = await f64(found.plan.dense());
      expectClose(plan, alone, { relative: 0, absolute: 1e-3 * most(alone) }, `team ${team}`);
    }
  });

  test("lists each column's mass and where it comes from", async () => {
    const { plan } = sparsityConstrainedOt(...operands(), { gamma: 1, maxNonzeros: 2 });
    const { values, indices } = plan.columns();
    expect([values.shape, indices.shape]).toEqual([
      [21, 2],
      [21, 2],
    ]);
    const [dense, vs, is] = [await f64(plan.dense()), await f64(values), await f64(indices)];
    const rebuilt = new Float64Array(dense.length);
    vs.forEach((v, e) => {
      rebuilt[is[e]! * 21 + Math.floor(e / 2)]! += v;
    });
    expect(rebuilt).toEqual(dense);
  });

  test("applies its plan to values of the columns and of the rows", async () => {
    const { plan } = smoothOt(...operands(), { gamma: 1 });
    const dense = await f64(plan.dense());
    const v = Float64Array.from({ length: 21 }, (_, j) => hashed(j, 3));
    const u = Float64Array.from({ length: 13 }, (_, i) => hashed(i, 4));
    const pv = u.map((_, i) => v.reduce((s, w, j) => s + dense[i * 21 + j]! * w, 0));
    const pu = v.map((_, j) => u.reduce((s, w, i) => s + dense[i * 21 + j]! * w, 0));
    const close = { relative: 1e-5, absolute: 1e-7 };
    expectClose(await f64(plan.apply(vector(v))), pv, close, "P v");
    expectClose(await f64(plan.applyTranspose(vector(u))), pu, close, "P' u");
    const wide = plan.apply(matrix([...v, ...v], 21));
    expect(wide.shape).toEqual([13, 2]);
  });

  test("of a batch is what its problems are alone", async () => {
    const other = drawWeights("random", 13, 77);
    const batched = sparsityConstrainedOt(
      matrix([...problem.a, ...other], 2),
      vector(problem.b),
      matrix(problem.cost, 13),
      { gamma: 0.3, maxNonzeros: 5 },
    );
    expect(batched.plan.dense().shape).toEqual([2, 13, 21]);
    const all = await f64(batched.plan.dense());
    for (const [k, a] of [problem.a, other].entries()) {
      const alone = sparsityConstrainedOt(vector(a), vector(problem.b), matrix(problem.cost, 13), {
        gamma: 0.3,
        maxNonzeros: 5,
      });
      expect(all.subarray(k * 273, (k + 1) * 273)).toEqual(await f64(alone.plan.dense()));
    }
  });

  test("gives no mass to rows and columns of weight 0", async () => {
    const { a, b, cost } = drawProblem({
      n: 9,
      m: 8,
      weights: ["zeros", "zeros"],
      seed: 8,
      gamma: 1,
    });
    const found = smoothOt(vector(a), vector(b), matrix(cost, 9), { gamma: 0.5 });
    const plan = await f64(found.plan.dense());
    expect((await found.report())[0]!.converged).toBe(true);
    plan.forEach((v, e) => {
      if (b[e % 8] === 0) expect(v).toBe(0);
      if (a[Math.floor(e / 8)] === 0) expect(v).toBeLessThan(1e-5);
    });
  });

  test("puts nothing on forbidden pairs", async () => {
    const cost = Float64Array.from(problem.cost, (c, e) =>
      e % 4 === 0 ? Number.POSITIVE_INFINITY : c,
    );
    const found = smoothOt(null, null, matrix(cost, 13), { gamma: 1 });
    const plan = await f64(found.plan.dense());
    expect((await found.report())[0]!.converged).toBe(true);
    plan.forEach((v, e) => {
      if (e % 4 === 0) expect(v).toBe(0);
    });
    expect(await found.transportCost().item()).toBeLessThan(1);
  });

  test("is the same plan for costs and gamma of 1e6 and of 1e-6", async () => {
    const [a, b] = operands();
    const plain = await f64(smoothOt(a, b, matrix(problem.cost, 13), { gamma: 1 }).plan.dense());
    for (const scale of [1e6, 1e-6]) {
      const cost = matrix(
        problem.cost.map((c) => c * scale),
        13,
      );
      const scaled = await f64(smoothOt(a, b, cost, { gamma: scale }).plan.dense());
      expectClose(scaled, plain, { relative: 0, absolute: 1e-3 * most(plain) }, `${scale}`);
    }
  });

  test("scales with weights that do not add up to 1", async () => {
    const [, , cost] = operands();
    const plain = await f64(smoothOt(...operands(), { gamma: 1 }).plan.dense());
    const heavy = smoothOt(
      vector(problem.a.map((w) => 50 * w)),
      vector(problem.b.map((w) => 50 * w)),
      cost,
      { gamma: 1 / 50 },
    );
    expectClose(
      (await f64(heavy.plan.dense())).map((v) => v / 50),
      plain,
      { relative: 0, absolute: 1e-3 * most(plain) },
      "plan",
    );
  });

  test("takes a cost of points", async () => {
    const [x, y] = [drawPoints(6, 3, 1), drawPoints(7, 3, 2)];
    const found = smoothOt(null, null, squaredEuclidean(matrix(x, 6), matrix(y, 7)), { gamma: 1 });
    const stored = costMatrix("squaredEuclidean", x, y, 3);
    const plain = smoothOt(null, null, matrix(stored, 6), { gamma: 1 });
    expectClose(
      await f64(found.plan.dense()),
      await f64(plain.plan.dense()),
      { relative: 0, absolute: 2e-5 },
      "plan",
    );
  });

  test("has the same bits each time", async () => {
    const run = async () =>
      sparsityConstrainedOt(...operands(), { gamma: 0.1, maxNonzeros: 3 })
        .plan.dense()
        .data();
    expect(await run()).toEqual(await run());
  });

  test("says that it has not converged where it has not", async () => {
    const [short] = await smoothOt(...operands(), { gamma: 0.1, maxIterations: 3 }).report();
    expect(short!.converged).toBe(false);
    expect(short!.iterations).toBe(3);
    expect(short!.marginalError).toBeGreaterThan(1e-3);
    const found = sparsityConstrainedOt(...operands(), { gamma: 1, maxNonzeros: 1 });
    const [report] = await found.report();
    const [rows] = found.plan.marginals();
    const off = (await f64(rows)).reduce((s, v, i) => s + Math.abs(v - problem.a[i]!), 0);
    expect(report!.converged).toBe(false);
    expectClose([report!.marginalError], [off], { relative: 1e-3, absolute: 1e-6 });
  });
});

describe("derivatives of sparsity-constrained transport", () => {
  const [n, m] = [4, 6];
  const cost = Float64Array.from({ length: n * m }, (_, e) => hashed(e, 21));
  const a = Float64Array.of(0.3, 0.2, 0.4, 0.1);
  const b = Float64Array.of(0.1, 0.2, 0.25, 0.15, 0.2, 0.1);
  const settings = { gamma: 0.5, maxNonzeros: 3, tolerance: 1e-7, maxIterations: 200 };
  const weights = Float64Array.from({ length: n * m }, (_, e) => hashed(e, 22) - 0.5);
  const solved = (costs: Tensor, left = vector(a), right = vector(b)) =>
    sparsityConstrainedOt(left, right, costs, settings);
  /** Of a function of the costs along a direction, at points so far apart that f32 has digits left. */
  const difference = async (
    along: Float64Array,
    of: (costs: Tensor) => Tensor,
    h = 2 ** -9,
  ): Promise<number> => {
    const at = (s: number) =>
      of(
        matrix(
          cost.map((c, e) => c + s * along[e]!),
          n,
        ),
      ).item();
    return ((await at(h)) - (await at(-h))) / (2 * h);
  };

  test("the problem converges with columns at the bound", async () => {
    const found = solved(matrix(cost, n));
    expect((await found.report())[0]!.marginalError).toBeLessThan(1e-6);
    const counts = columnCounts(await f64(found.plan.dense()), m);
    expect(Math.max(...counts)).toBeGreaterThan(1);
  });

  test("the value's slope by the cost is the plan, by the weights the potentials", async () => {
    const value = (costs: Tensor, left: Tensor, right: Tensor) =>
      solved(costs, left, right).value();
    const slopes = grad(value, { argnums: [0, 1, 2] });
    const [byCost, byA, byB] = slopes(matrix(cost, n), vector(a), vector(b)) as Tensor[];
    const { plan, f, g } = solved(matrix(cost, n));
    const close = { relative: 0, absolute: 2e-6 };
    expectClose(await f64(byCost!), await f64(plan.dense()), close, "by the cost");
    const centred = (x: Float64Array) => x.map((v) => v - x.reduce((s, w) => s + w, 0) / x.length);
    expectClose(centred(await f64(byA!)), centred(await f64(f)), close, "by a");
    expectClose(centred(await f64(byB!)), centred(await f64(g)), close, "by b");
  });

  test("of plan and transport cost by the costs are what differences give", async () => {
    const functions = [
      (costs: Tensor) => sum(mul(solved(costs).plan.dense(), matrix(weights, n))),
      (costs: Tensor) => solved(costs).transportCost(),
      (costs: Tensor) => sum(mul(solved(costs).f, tensor([1, -2, 3, -2]))),
    ];
    for (const of of functions) {
      const slope = await f64(grad(of)(matrix(cost, n)));
      for (const seed of [31, 32]) {
        const along = Float64Array.from({ length: n * m }, (_, e) => hashed(e, seed) - 0.5);
        const expected = await difference(along, of);
        const actual = slope.reduce((s, v, e) => s + v * along[e]!, 0);
        expectClose([actual], [expected], { relative: 1e-3, absolute: 5e-4 });
      }
    }
  });
});

describe("bad input", () => {
  const square = () =>
    tensor([
      [0, 1],
      [1, 0],
    ]);
  const at = (options: object) => () =>
    smoothOt(null, null, square(), options as { gamma: number });

  test("that the host sees is refused at once, with the argument and the cure", () => {
    expectThrows(at({ gamma: 0 }), ArgumentError, /gamma 0 must be a number > 0/);
    expectThrows(at({ gamma: Number.NaN }), ArgumentError, /gamma NaN/);
    expectThrows(at({ gamma: 1, tolerance: -1 }), ArgumentError, /tolerance -1/);
    expectThrows(at({ gamma: 1, maxIterations: 0 }), ArgumentError, /maxIterations 0/);
    const bounded = (maxNonzeros: number) => () =>
      sparsityConstrainedOt(null, null, square(), { gamma: 1, maxNonzeros });
    expectThrows(bounded(0), ArgumentError, /maxNonzeros 0/);
    expectThrows(bounded(Number.NaN), ArgumentError, /maxNonzeros NaN/);
    expectThrows(
      () => smoothOt([1, 0, 0], null, square(), { gamma: 1 }),
      ShapeError,
      /a has 3 weights; this cost needs 2/,
    );
    expectThrows(
      () => smoothOt([1.5, -0.5], null, square(), { gamma: 1 }),
      ArgumentError,
      /smoothOt: a\[1\] is -0.5/,
    );
    expectThrows(
      () => smoothOt(null, tensor([1, 2, 3]), square(), { gamma: 1 }),
      ShapeError,
      /b has shape/,
    );
    expectThrows(
      () => smoothOt(null, null, tensor([1, 2]), { gamma: 1 }),
      ShapeError,
      /cost has shape \[2\]/,
    );
  });

  test("that only the device sees is an error at the next read", async () => {
    const read = (a: number[], b: number[], costs = square()) =>
      smoothOt(tensor(a), tensor(b), costs, { gamma: 1, maxIterations: 5 }).report();
    await expectRejects(read([1.5, -0.5], [0.5, 0.5]), ArgumentError, /smoothOt: a has a neg/);
    await expectRejects(read([0.5, 0.5], [Number.NaN, 1]), ArgumentError, /smoothOt: b has/);
    await expectRejects(read([0.5, 0.5], [1, 1]), ArgumentError, /equal sums/);
    await expectRejects(read([0, 0], [0, 0]), ArgumentError, /all 0/);
    const holed = tensor([
      [0, Number.NaN],
      [1, 0],
    ]);
    await expectRejects(read([0.5, 0.5], [0.5, 0.5], holed), Error, /NaN or -Infinity/);
  });
});

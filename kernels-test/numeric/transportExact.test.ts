/** Exact transport: POT and SciPy as oracles, and the conditions that make a plan optimal. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, ShapeError } from "../../src/errors";
import { initOn } from "../../src/init";
import { nodePlatform } from "../../src/platform/node";
import { tensor } from "../../src/tensor/creation";
import { decodeSafetensors, toArray } from "../../src/train/safetensors";
import { squaredEuclidean } from "../../src/transport/cost";
import { type ExactTransport, emd, emd2 } from "../../src/transport/emd";
import { expectClose, expectRejects } from "../harness";
import { drawPoints, drawWeights } from "../reference/transport/drawn";

beforeAll(async () => {
  await initOn(nodePlatform);
});

const file = decodeSafetensors(
  readFileSync(new URL("../oracles/fixtures/transport_exact.safetensors", import.meta.url)),
  "transport_exact.safetensors",
);
const casesOf = (op: string): string[] =>
  Object.entries(JSON.parse(file.metadata["cases"]!) as Record<string, { op: string }>).flatMap(
    ([name, oracle]) => (oracle.op === op ? [name] : []),
  );
const valuesOf = (name: string): Float64Array | null => {
  const t = file.tensors.get(name);
  return t ? Float64Array.from(toArray(t, t.dtype) as ArrayLike<number>) : null;
};

/** |x_i - y_j|² of points in the plane, [n, m]. */
function squaredDistances(x: Float64Array, y: Float64Array, d = 2): Float64Array {
  const [n, m] = [x.length / d, y.length / d];
  return Float64Array.from({ length: n * m }, (_, e) => {
    const [i, j] = [Math.floor(e / m), e % m];
    let sum = 0;
    for (let k = 0; k < d; k++) sum += (x[i * d + k]! - y[j * d + k]!) ** 2;
    return sum;
  });
}

const rowsOf = (values: Float64Array, m: number): number[][] =>
  Array.from({ length: values.length / m }, (_, i) => [...values.subarray(i * m, (i + 1) * m)]);

const uniform = (n: number): Float64Array => new Float64Array(n).fill(1 / n);

/**
 * What makes a plan optimal, whoever found it: its sums, f_i + g_j <= C_ij everywhere, and equality where it
 * has mass. `size` is the largest finite cost.
 */
function expectOptimal(
  { cost, plan, f, g }: ExactTransport,
  a: Float64Array,
  b: Float64Array,
  C: Float64Array,
): void {
  const [n, m] = plan.shape;
  const mass = a.reduce((x, y) => x + y, 0);
  const size = C.reduce((x, c) => (Number.isFinite(c) ? Math.max(x, Math.abs(c)) : x), 0);
  const P = plan.dense();
  const rows = Float64Array.from({ length: n }, (_, i) =>
    P.subarray(i * m, (i + 1) * m).reduce((x, y) => x + y, 0),
  );
  const columns = Float64Array.from({ length: m }, (_, j) =>
    rows.reduce((sum, _row, i) => sum + P[i * m + j]!, 0),
  );
  const rounding = { relative: 0, absolute: 1e-13 * mass };
  expectClose(rows, a, rounding, "row sums");
  expectClose(columns, b, rounding, "column sums");
  expect(plan.mass.every((x) => x > 0)).toBe(true);
  expect(plan.mass.length).toBeLessThanOrEqual(n + m - 1);
  let [worst, slack] = [0, 0];
  C.forEach((c, e) => {
    const gap = c - f[Math.floor(e / m)]! - g[e % m]!;
    worst = Math.min(worst, gap);
    if (P[e]! > 0) slack = Math.max(slack, Math.abs(gap));
  });
  expect(worst).toBeGreaterThanOrEqual(-1e-12 * size);
  expect(slack).toBeLessThanOrEqual(1e-12 * size);
  const dual =
    a.reduce((sum, w, i) => sum + w * f[i]!, 0) + b.reduce((sum, w, j) => sum + w * g[j]!, 0);
  expectClose([dual], [cost], { relative: 1e-11, absolute: 1e-12 * size * mass }, "dual value");
}

describe("against POT", () => {
  test.each(casesOf("ot.emd"))("%s has the cost of ot.emd, and is optimal", async (name) => {
    const [x, y] = [valuesOf(`${name}/x`)!, valuesOf(`${name}/y`)!];
    const C = squaredDistances(x, y);
    const a = valuesOf(`${name}/a`) ?? uniform(x.length / 2);
    const b = valuesOf(`${name}/b`) ?? uniform(y.length / 2);
    const found = await emd(a, b, C);
    const expected = valuesOf(`${name}/cost`)!;
    expectClose([found.cost], expected, { relative: 1e-12, absolute: 1e-15 }, "cost");
    const plan = valuesOf(`${name}/plan`);
    if (plan) expectClose(found.plan.dense(), plan, { relative: 1e-9, absolute: 1e-14 }, "plan");
    expectOptimal(found, a, b, C);
  });

  test("the golden problem of five by four points has the cost 1.794968496471", async () => {
    const x = Float64Array.from([0, 1, 2, 3, 4].flatMap((i) => [Math.sin(1 + i), Math.cos(2 * i)]));
    const y = Float64Array.from([0, 1, 2, 3].flatMap((j) => [0.5 + 0.3 * j, Math.sin(3 * j)]));
    const a = [1, 2, 3, 4, 5].map((k) => k / 15);
    const cost = await emd2(a, [0.4, 0.3, 0.2, 0.1], squaredDistances(x, y));
    expect(cost).toBeCloseTo(1.794968496471, 11);
  });
});

test.each(casesOf("scipy.optimize.linear_sum_assignment"))(
  "%s: equal weights give the permutation of the Hungarian method",
  async (name) => {
    const C = valuesOf(`${name}/in0`)!;
    const columns = valuesOf(`${name}/columns`)!;
    const n = columns.length;
    const { plan, cost } = await emd(null, null, rowsOf(C, n));
    expect([...plan.columns]).toEqual([...columns]);
    expect([...plan.rows]).toEqual([...plan.rows.keys()]);
    expectClose([cost * n], valuesOf(`${name}/total`)!, { relative: 1e-12, absolute: 0 }, "total");
  },
);

describe("a plan is optimal", () => {
  test.each([
    [1, 1],
    [1, 9],
    [9, 1],
    [2, 3],
    [40, 60],
    [128, 127],
  ])("with weights of any size and zeros among them, %i by %i", async (n, m) => {
    const C = squaredDistances(drawPoints(n, 2, 1), drawPoints(m, 2, 2));
    for (const mass of [1, 1e-8, 300]) {
      const a = drawWeights("zeros", n, 3, mass);
      const b = drawWeights(m > 2 ? "zeros" : "random", m, 4, mass);
      expectOptimal(await emd(a, b, C), a, b, C);
    }
  });

  test.each([1e6, 1e-6])("with costs around %f, of either sign", async (size) => {
    const [n, m] = [37, 53];
    const C = drawPoints(n * m, 1, 5).map((c) => (c - 0.5) * size);
    const [a, b] = [drawWeights("random", n, 6), drawWeights("random", m, 7)];
    expectOptimal(await emd(a, b, C), a, b, C);
  });

  test("where most costs are alike, so that most pivots move nothing", async () => {
    const n = 120;
    const C = drawPoints(n * n, 1, 8).map((c) => Math.floor(c * 3));
    expectOptimal(await emd(null, null, rowsOf(C, n)), uniform(n), uniform(n), C);
    const none = new Float64Array(n * n);
    expectOptimal(await emd(uniform(n), uniform(n), none), uniform(n), uniform(n), none);
  });

  test("with weights that span thirteen orders of magnitude", async () => {
    const a = Float64Array.from({ length: 14 }, (_, i) => 10 ** -i);
    const C = squaredDistances(drawPoints(14, 2, 9), drawPoints(14, 2, 10));
    const b = a.slice().reverse();
    expectOptimal(await emd(a, b, C), a, b, C);
  });

  test("and takes no forbidden pair", async () => {
    const [n, m] = [30, 30];
    const C = squaredDistances(drawPoints(n, 2, 11), drawPoints(m, 2, 12));
    C.forEach((_, e) => {
      if ((Math.floor(e / m) + (e % m)) % 3 !== 0) C[e] = Number.POSITIVE_INFINITY;
    });
    const found = await emd(uniform(n), uniform(m), C);
    expectOptimal(found, uniform(n), uniform(m), C);
    expect(
      found.plan.mass.every((_, k) =>
        Number.isFinite(C[found.plan.rows[k]! * m + found.plan.columns[k]!]!),
      ),
    ).toBe(true);
  });
});

test("the cost is a metric's: 0 to itself, symmetric, and under the triangle inequality", async () => {
  const sets = [13, 14, 15].map((seed) => drawPoints(25, 2, seed));
  const weights = [16, 17, 18].map((seed) => drawWeights("random", 25, seed));
  const distance = (i: number, j: number): Promise<number> =>
    emd2(weights[i]!, weights[j]!, squaredDistances(sets[i]!, sets[j]!).map(Math.sqrt));
  expect(await distance(0, 0)).toBe(0);
  const [ab, ba, bc, ac] = [
    await distance(0, 1),
    await distance(1, 0),
    await distance(1, 2),
    await distance(0, 2),
  ];
  expect(Math.abs(ab - ba)).toBeLessThan(1e-13);
  expect(ac).toBeLessThanOrEqual(ab + bc);
});

test("tensors, rows and flat arrays are the same problem", async () => {
  const rows = [
    [0.5, 1, 2],
    [3, 0.25, 1],
  ];
  const [a, b] = [
    [0.25, 0.75],
    [0.5, 0.25, 0.25],
  ];
  const flat = Float64Array.from(rows.flat());
  const results = await Promise.all([
    emd2(a, b, rows),
    emd2(tensor(a), tensor(b), tensor(rows)),
    emd2(a, null, flat).then(() => emd2(a, b, flat)),
    emd2(Float32Array.from(a), Float64Array.from(b), Float32Array.from(flat)),
  ]);
  expect(new Set(results).size).toBe(1);
});

test("a cost of points is read as the matrix it gives", async () => {
  const [x, y] = [drawPoints(9, 2, 23), drawPoints(6, 2, 24)];
  const points = (values: Float64Array) =>
    tensor(Float32Array.from(values), { shape: [values.length / 2, 2] });
  const expected = await emd2(null, uniform(6), squaredDistances(x, y));
  const found = await emd2(null, null, squaredEuclidean(points(x), points(y)));
  expectClose([found], [expected], { relative: 1e-5, absolute: 0 });
});

test("potentials are the derivatives of the cost by the weights", async () => {
  const [n, m] = [12, 15];
  const C = squaredDistances(drawPoints(n, 2, 19), drawPoints(m, 2, 20));
  const [a, b] = [drawWeights("random", n, 21), drawWeights("random", m, 22)];
  const { cost, f } = await emd(a, b, C);
  const step = 1e-7;
  const moved = a.slice();
  moved[3] = moved[3]! + step;
  moved[8] = moved[8]! - step;
  expect((await emd2(moved, b, C)) - cost).toBeCloseTo(step * (f[3]! - f[8]!), 13);
});

describe("what cannot be solved is said", () => {
  const square = [
    [0, 1],
    [1, 0],
  ];
  test.each<[string, () => Promise<unknown>, typeof ArgumentError | typeof ShapeError, RegExp]>([
    ["a negative weight", () => emd([-1, 2], null, square), ArgumentError, /a\[0\] is -1/],
    [
      "a weight that is NaN",
      () => emd(null, [1, Number.NaN], square),
      ArgumentError,
      /b\[1\] is NaN/,
    ],
    [
      "sums that differ",
      () => emd([1, 1], [1, 2], square),
      ArgumentError,
      /adds up to 2 and b to 3/,
    ],
    ["no mass", () => emd([0, 0], [0, 0], square), ArgumentError, /weights of a add up to 0/],
    ["no points", () => emd([], [1], new Float64Array(0)), ShapeError, /no points/],
    ["sizes that differ", () => emd([1], [0.5, 0.5], square), ShapeError, /a of 1 and b of 2/],
    ["a batch", () => emd(null, null, tensor([square])), ShapeError, /must be \[n, m\]/],
    ["a batch of weights", () => emd(tensor([[1, 2]]), null, square), ShapeError, /one dimension/],
    [
      "a flat cost without sides",
      () => emd(null, null, new Float64Array(4)),
      ArgumentError,
      /sides of a flat cost/,
    ],
    [
      "a cost that is NaN",
      () => emd(null, null, [[Number.NaN]]),
      ArgumentError,
      /cost\[0, 0\] is NaN/,
    ],
    [
      "pairs that leave no plan",
      () =>
        emd([0.25, 0.75], null, [
          [0, Number.POSITIVE_INFINITY],
          [Number.POSITIVE_INFINITY, 0],
        ]),
      ArgumentError,
      /forbidden pairs: 0.25 of the mass 1/,
    ],
    [
      "too few iterations",
      () => emd(null, null, square, { maxIterations: 1 }),
      ArgumentError,
      /Raise maxIterations/,
    ],
    [
      "iterations that are no number of them",
      () => emd(null, null, square, { maxIterations: 0 }),
      ArgumentError,
      /maxIterations is 0/,
    ],
  ])("%s", async (_, solve, kind, message) => {
    await expectRejects(solve(), kind, message);
  });
});

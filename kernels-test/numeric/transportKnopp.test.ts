import { afterEach, beforeAll, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import { forcedKnoppTeam, forcedKnoppWork, knoppTeams } from "../../src/transport/knoppLaunch";
import { expectClose } from "../harness";
import { numericGradient } from "../numericDerivatives";
import { type KnoppProblem, knopp } from "../reference/transport/knopp";
import { normals } from "../samples";

const { sinkhornKnopp } = tg.transport;

/** Sums of up to 64 f32 terms, 20 rounds. */
const close = { relative: 1e-5, absolute: 1e-6 };
const slope = { relative: 5e-5, absolute: 1e-5 };

let device: tg.Device;

beforeAll(async () => {
  device = await tg.init();
});
afterEach(() => {
  forcedKnoppTeam.current = null;
  forcedKnoppWork.current = null;
});

type Shape = readonly [batch: number, n: number, m: number];

/** The f64 result of each matrix of a batch. */
function reference(
  logits: Float32Array,
  [batch, n, m]: Shape,
  options: Partial<KnoppProblem> = {},
): Float64Array {
  const all = new Float64Array(logits.length);
  for (let b = 0; b < batch; b++) {
    const part = logits.slice(b * n * m, (b + 1) * n * m);
    all.set(knopp({ n, m, logits: part, iterations: 20, ...options }), b * n * m);
  }
  return all;
}

const sums = (p: ArrayLike<number>, n: number, m: number) => ({
  rows: Array.from({ length: n }, (_, i) =>
    Array.from({ length: m }, (_, j) => p[i * m + j]!).reduce((a, b) => a + b),
  ),
  cols: Array.from({ length: m }, (_, j) =>
    Array.from({ length: n }, (_, i) => p[i * m + j]!).reduce((a, b) => a + b),
  ),
});

/** The gradient of Σ w P in the first argument. */
const pulled = (x: tg.Tensor, w: tg.Tensor, options: tg.transport.SinkhornKnoppOptions = {}) =>
  tg.grad((t: tg.Tensor) => tg.sum(tg.mul(sinkhornKnopp(t, options), w)))(x);

describe.each([1, 4, 8, 16, 32, 64] as const)("a team of %d", (team) => {
  const shapes: Shape[] = [
    [1, 1, 1],
    [5, 4, 4],
    [17, 3, 4],
    [3, 1, 7],
    [3, 7, 1],
    [2, 8, 5],
    [2, 15, 16],
    [2, 31, 17],
    [1, 33, 64],
    [1, 64, 64],
  ];
  const taken = shapes.filter(([, n, m]) => knoppTeams.isApplicable(team, n, m));

  test.each(taken)("agrees with f64 on %d matrices of %d x %d", async (...shape) => {
    forcedKnoppTeam.current = team;
    const [batch, n, m] = shape;
    const x = normals(batch * n * m, n + m, 2);
    const p = await sinkhornKnopp(tg.tensor(x, { shape })).data();
    expectClose(p, reference(x, shape), close);
    for (let b = 0; b < batch; b++) {
      const { rows } = sums(p.slice(b * n * m, (b + 1) * n * m), n, m);
      expectClose(
        rows,
        rows.map(() => 1),
        { relative: 0, absolute: 1e-6 },
        "sums of rows",
      );
    }
  });

  test.each(taken.filter(([, n, m]) => n * m <= 80))(
    "has the gradient of f64 on %d matrices of %d x %d",
    async (...shape) => {
      forcedKnoppTeam.current = team;
      const [batch, n, m] = shape;
      const size = n * m;
      const x = normals(batch * size, n + m, 2);
      const w = normals(batch * size, n + m + 1);
      const options = { iterations: 6, temperature: 0.7 };
      const dx = await pulled(tg.tensor(x, { shape }), tg.tensor(w, { shape }), options).data();
      for (let b = 0; b < batch; b++) {
        const own = numericGradient(
          (logits) =>
            knopp({ n, m, logits, ...options }).reduce((s, v, k) => s + v * w[b * size + k]!, 0),
          x.slice(b * size, (b + 1) * size),
        );
        expectClose(dx.slice(b * size, (b + 1) * size), own, slope);
      }
    },
  );

  test("marginals are met, and pull back to themselves", async () => {
    forcedKnoppTeam.current = team;
    const [n, m] = [3, 4];
    const x = normals(n * m, 3);
    const w = normals(n * m, 4);
    const rows = Float32Array.of(0.2, 0.5, 0.3);
    const cols = Float32Array.of(0.1, 0.4, 0.2, 0.3);
    const of = (t: tg.Tensor, r: tg.Tensor, c: tg.Tensor) =>
      sinkhornKnopp(t, { iterations: 30, rowMarginals: r, columnMarginals: c });
    const operands = [tg.tensor(x, { shape: [n, m] }), tg.tensor(rows), tg.tensor(cols)] as const;
    const p = await of(...operands).data();
    const problem = { n, m, logits: x, iterations: 30, rows, cols };
    expectClose(p, knopp(problem), close);
    const met = sums(p, n, m);
    expectClose(met.rows, rows, { relative: 1e-6, absolute: 0 });
    expectClose(met.cols, cols, { relative: 2e-6, absolute: 0 });
    const slopes = tg.grad(
      (t: tg.Tensor, r: tg.Tensor, c: tg.Tensor) =>
        tg.sum(tg.mul(of(t, r, c), tg.tensor(w, { shape: [n, m] }))),
      { argnums: [0, 1, 2] },
    )(...operands);
    for (const [k, key] of (["logits", "rows", "cols"] as const).entries()) {
      const expected = numericGradient(
        (values) => knopp({ ...problem, [key]: values }).reduce((s, v, i) => s + v * w[i]!, 0),
        problem[key],
      );
      expectClose(await slopes[k]!.data(), expected, slope, key);
    }
  });

  test("logits of 1e4 in size lose no more than their own rounding", async () => {
    forcedKnoppTeam.current = team;
    const shape: Shape = [9, 4, 4];
    const x = normals(9 * 16, 5, 1e4);
    const p = await sinkhornKnopp(tg.tensor(x, { shape })).data();
    // An ulp of 4e4 is 2^-8; 20 rounds of two.
    expectClose(p, reference(x, shape), { relative: 0, absolute: 0.05 });
    for (let b = 0; b < 9; b++) {
      const { rows } = sums(p.slice(b * 16, (b + 1) * 16), 4, 4);
      expectClose(rows, [1, 1, 1, 1], { relative: 0, absolute: 1e-6 });
    }
    const dx = await pulled(
      tg.tensor(x, { shape }),
      tg.tensor(normals(9 * 16, 6), { shape }),
    ).data();
    expect([...dx].every(Number.isFinite)).toBe(true);
  });

  test("constants of 1e4 added to columns cost no digit", async () => {
    forcedKnoppTeam.current = team;
    const x = normals(16, 7);
    const shifted = x.map((v, k) => Math.fround(v * 2 ** -10) + [1e4, -1e4, 3000, 0][k % 4]!);
    const p = await sinkhornKnopp(tg.tensor(shifted, { shape: [4, 4] })).data();
    expectClose(p, knopp({ n: 4, m: 4, logits: shifted, iterations: 20 }), close);
  });

  test("-Infinity forbids: entries, their gradients, and whole rows stay 0", async () => {
    forcedKnoppTeam.current = team;
    const x = normals(12, 8);
    for (const k of [1, 6]) x[k] = Number.NEGATIVE_INFINITY;
    const p = await sinkhornKnopp(tg.tensor(x, { shape: [3, 4] })).data();
    expectClose(p, knopp({ n: 3, m: 4, logits: x, iterations: 20 }), close);
    const dx = await pulled(
      tg.tensor(x, { shape: [3, 4] }),
      tg.tensor(normals(12, 9), { shape: [3, 4] }),
    ).data();
    expect([p[1], p[6], dx[1], dx[6]].every((v) => v === 0)).toBe(true);
    expect([...dx].every(Number.isFinite)).toBe(true);

    x.fill(Number.NEGATIVE_INFINITY, 4, 8);
    const without = await sinkhornKnopp(tg.tensor(x, { shape: [3, 4] })).data();
    expectClose(without, knopp({ n: 3, m: 4, logits: x, iterations: 20 }), close);
    expect([...without.slice(4, 8)].every((v) => v === 0)).toBe(true);
  });

  test("a weight of 0 gives a row of zeros, and leaves the others theirs", async () => {
    forcedKnoppTeam.current = team;
    const x = normals(12, 10);
    const rows = [0.5, 0, 0.5];
    const p = await sinkhornKnopp(tg.tensor(x, { shape: [3, 4] }), { rowMarginals: rows }).data();
    const cols = [0.25, 0.25, 0.25, 0.25];
    expectClose(p, knopp({ n: 3, m: 4, logits: x, iterations: 20, rows, cols }), close);
    expect([...p.slice(4, 8)]).toEqual([0, 0, 0, 0]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("%d spoils its matrix alone", async (bad) => {
    forcedKnoppTeam.current = team;
    const x = normals(18, 11);
    x[4] = bad;
    const p = await sinkhornKnopp(tg.tensor(x, { shape: [2, 3, 3] })).data();
    expect([...p.slice(0, 9)].every(Number.isNaN)).toBe(true);
    const dx = await pulled(tg.tensor(x, { shape: [2, 3, 3] }), tg.ones([2, 3, 3])).data();
    expect([...dx.slice(0, 9)].every(Number.isNaN)).toBe(true);
    expect([...dx.slice(9)].every(Number.isFinite)).toBe(true);
    expectClose(p.slice(9), knopp({ n: 3, m: 3, logits: x.slice(9), iterations: 20 }), close);
  });

  test("where memory for the rounds is short, invocations take matrix after matrix", async () => {
    forcedKnoppTeam.current = team;
    // More than a workgroup takes at once: 64 fours, or 64 / team.
    const batch = team === 1 ? 523 : 51;
    const shape: Shape = [batch, 3, 2];
    const [x, w] = [normals(batch * 6, 12), normals(batch * 6, 13)];
    const run = async () => {
      const [t, g] = [tg.tensor(x, { shape }), tg.tensor(w, { shape })];
      return tg.readAll([sinkhornKnopp(t, { iterations: 4 }), pulled(t, g, { iterations: 4 })]);
    };
    const roomy = await run();
    forcedKnoppWork.current = 1;
    expect(await run()).toEqual(roomy);
  });
});

describe("sinkhornKnopp", () => {
  test("is doubly stochastic once it has converged", async () => {
    for (const n of [2, 4, 13, 64]) {
      const x = normals(n * n, n);
      const p = await sinkhornKnopp(tg.tensor(x, { shape: [n, n] }), { iterations: 100 }).data();
      const { rows, cols } = sums(p, n, n);
      expectClose([...rows, ...cols], new Array(2 * n).fill(1), { relative: 0, absolute: 3e-6 });
      expect([...p].every((v) => v >= 0)).toBe(true);
    }
  });

  test("moves with permutations of rows and columns", async () => {
    const n = 7;
    const x = normals(n * n, 21, 3);
    const order = [3, 0, 6, 1, 5, 2, 4];
    const other = [6, 2, 0, 5, 4, 1, 3];
    const moved = (v: Float32Array): Float32Array =>
      v.map((_, k) => v[order[Math.floor(k / n)]! * n + other[k % n]!]!);
    const of = (v: Float32Array) => sinkhornKnopp(tg.tensor(v, { shape: [n, n] })).data();
    expectClose(await of(moved(x)), moved((await of(x)) as Float32Array), close);
  });

  test("is one dispatch, and so is its gradient", () => {
    const x = tg.tensor(normals(320, 22), { shape: [20, 4, 4] });
    const count = (fn: () => void): number => {
      const before = device.executor.counters.dispatches;
      fn();
      return device.executor.counters.dispatches - before;
    };
    expect(count(() => sinkhornKnopp(x))).toBe(1);
    const w = tg.ones([20, 4, 4]);
    const p = tg.vjp((t: tg.Tensor) => sinkhornKnopp(t), x);
    expect(count(() => p.pullback(w))).toBe(1);
  });

  test("falls back to plain operations beyond 64 rows or columns", async () => {
    for (const [n, m] of [
      [65, 3],
      [5, 67],
    ] as const) {
      const x = normals(n * m, 23);
      const options = { iterations: 5 };
      const p = await sinkhornKnopp(tg.tensor(x, { shape: [n, m] }), options).data();
      expectClose(p, knopp({ n, m, logits: x, ...options }), close);
    }
    const x = normals(65 * 2, 24);
    const w = normals(65 * 2, 25);
    x[7] = Number.NEGATIVE_INFINITY;
    const dx = await pulled(tg.tensor(x, { shape: [65, 2] }), tg.tensor(w, { shape: [65, 2] }), {
      iterations: 2,
    }).data();
    expect(dx[7]).toBe(0);
    const finite = x.map((v) => (v === Number.NEGATIVE_INFINITY ? -1e9 : v));
    const expected = numericGradient(
      (logits) =>
        knopp({ n: 65, m: 2, logits, iterations: 2 }).reduce((s, v, k) => s + v * w[k]!, 0),
      finite,
    );
    expectClose(dx, expected, slope);
  });

  test("one side's marginals alone give the other equal parts", async () => {
    const x = tg.tensor(normals(12, 26), { shape: [3, 4] });
    const byRows = await sinkhornKnopp(x, { rowMarginals: [1, 2, 5], iterations: 50 }).data();
    expectClose(sums(byRows, 3, 4).cols, [2, 2, 2, 2], { relative: 1e-5, absolute: 0 });
    const byCols = await sinkhornKnopp(x, { columnMarginals: [1, 2, 5, 1] }).data();
    expectClose(sums(byCols, 3, 4).rows, [3, 3, 3], { relative: 1e-6, absolute: 0 });
  });

  test("marginals may differ from matrix to matrix", async () => {
    const x = normals(24, 27);
    const rows = [
      [1, 2, 3],
      [3, 2, 1],
    ];
    const p = await sinkhornKnopp(tg.tensor(x, { shape: [2, 3, 4] }), {
      rowMarginals: tg.tensor(rows),
    }).data();
    const cols = [1.5, 1.5, 1.5, 1.5];
    rows.forEach((r, b) => {
      const logits = x.slice(12 * b, 12 * b + 12);
      const own = knopp({ n: 3, m: 4, logits, iterations: 20, rows: r, cols });
      expectClose(p.slice(12 * b, 12 * b + 12), own, close);
    });
  });

  test("compiled and under vmap it is what it is", async () => {
    const x = tg.tensor(normals(3 * 2 * 16, 28), { shape: [3, 2, 4, 4] });
    const plain = await sinkhornKnopp(x).data();
    const lanes = tg.vmap((t: tg.Tensor) => sinkhornKnopp(t))(x);
    expect(await lanes.data()).toEqual(plain);
    const compiled = tg.compile((t: tg.Tensor) => sinkhornKnopp(t));
    expect(await compiled(x).data()).toEqual(plain);
    compiled.dispose();
    const perLane = tg.vmap(tg.grad((t: tg.Tensor) => tg.sum(tg.square(sinkhornKnopp(t)))))(x);
    const together = tg.grad((t: tg.Tensor) => tg.sum(tg.square(sinkhornKnopp(t))))(x);
    expectClose(await perLane.data(), await together.data(), { relative: 1e-6, absolute: 1e-7 });
  });

  test("f16 is computed in f32 and rounded once; bf16 too", async () => {
    const types: ("f16" | "bf16")[] = device.executor.adapter.features.includes("shader-f16")
      ? ["f16", "bf16"]
      : ["bf16"];
    for (const dtype of types) {
      const x = tg.to(tg.tensor(normals(16, 29), { shape: [4, 4] }), dtype);
      const p = sinkhornKnopp(x);
      expect(p.dtype).toBe(dtype);
      const wide = tg.to(sinkhornKnopp(tg.to(x, "f32")), dtype);
      expect(await p.data()).toEqual(await wide.data());
    }
  });

  test("learns a permutation from pairs of vectors", async () => {
    const n = 5;
    const order = [2, 4, 0, 1, 3];
    const truth = tg.tensor(
      Float32Array.from({ length: n * n }, (_, k) => +(order[Math.floor(k / n)] === k % n)),
      { shape: [n, n] },
    );
    const from = tg.tensor(normals(n * 16, 30), { shape: [n, 16] });
    const wanted = tg.matmul(truth, from);
    const step = tg.grad((t: tg.Tensor) =>
      tg.mean(tg.square(tg.sub(tg.matmul(sinkhornKnopp(t, { temperature: 0.5 }), from), wanted))),
    );
    let logits = tg.tensor(normals(n * n, 31, 0.1), { shape: [n, n] });
    for (let k = 0; k < 60; k++) logits = tg.scope(() => tg.sub(logits, tg.mul(step(logits), 10)));
    const p = sinkhornKnopp(logits, { temperature: 0.5 });
    expect([...(await tg.argmax(p, { dim: 1 }).data())]).toEqual(order);
    expect(Math.min(...(await tg.max(p, { dim: 1 }).data()))).toBeGreaterThan(0.8);
  });

  test.each([
    [[1, -1, 1], /rowMarginals has a negative weight, NaN or Infinity at position 1/],
    [[1, Number.NaN, 1], /rowMarginals has a negative weight, NaN or Infinity at position 1/],
    [[0, 0, 0], /weights rowMarginals of problem 0 are all 0/],
    [[1, 2, 3], /rowMarginals has mass 6.00000 and columnMarginals 4.00000/],
  ])("marginals %j in a tensor are an error at the next read", async (rows, message) => {
    const p = sinkhornKnopp(tg.zeros([3, 4]), {
      rowMarginals: tg.tensor(rows),
      columnMarginals: tg.ones([4]),
    });
    await expect(p.data()).rejects.toThrow(message);
  });

  test("says what is wrong with its arguments", () => {
    const x = tg.zeros([3, 4]);
    expect(() => sinkhornKnopp(tg.zeros([3]))).toThrow(/logits have shape \[3\]/);
    expect(() => sinkhornKnopp(x, { iterations: 0 })).toThrow(/iterations 0 must be/);
    expect(() => sinkhornKnopp(x, { iterations: 1.5 })).toThrow(/iterations 1.5 must be/);
    expect(() => sinkhornKnopp(x, { temperature: 0 })).toThrow(/temperature 0 must be positive/);
    expect(() => sinkhornKnopp(x, { temperature: Number.NaN })).toThrow(/temperature NaN/);
    expect(() => sinkhornKnopp(x, { rowMarginals: [1, 1] })).toThrow(
      /rowMarginals has shape \[2\]/,
    );
    expect(() => sinkhornKnopp(x, { rowMarginals: [1, -1, 1] })).toThrow(/rowMarginals\[1\] is -1/);
    expect(() => sinkhornKnopp(x, { columnMarginals: [0, 0, 0, 0] })).toThrow(/add up to 0/);
    expect(() =>
      sinkhornKnopp(x, { rowMarginals: [1, 1, 1], columnMarginals: [1, 1, 1, 1] }),
    ).toThrow(/add up to 3 and columnMarginals to 4/);
  });
});

import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { ArgumentError, DTypeError, LinAlgError, ShapeError } from "../../src/errors";
import { initOn } from "../../src/init";
import {
  cond,
  matrixNorm,
  matrixRank,
  pinv,
  svd,
  svdLowrank,
  svdvals,
} from "../../src/linalg/index";
import { condenseVariants, forcedCondenseVariant } from "../../src/linalg/spectral";
import { mul, square } from "../../src/ops/arithmetic";
import { matmul } from "../../src/ops/matmul";
import { sum } from "../../src/ops/reduce";
import { transpose } from "../../src/ops/shape";
import { nodePlatform } from "../../src/platform/node";
import { key } from "../../src/random/random";
import { tensor } from "../../src/tensor/creation";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";
import { expectClose } from "../harness";
import {
  departure,
  matrixOf,
  randomMatrix,
  residual,
  symmetricFamilies,
  turnedArray,
} from "../reference/matrixFamilies";
import { type Rows, singular } from "../reference/spectral";

let device: Device;
beforeAll(async () => {
  device = await initOn(nodePlatform);
});
afterEach(() => {
  forcedCondenseVariant.current = null;
});

const rowsOf = (x: ArrayLike<number>, m: number): Rows => {
  const n = x.length / m;
  return Array.from({ length: m }, (_, i) => Array.from({ length: n }, (_, j) => x[i * n + j]!));
};

/** What f32 leaves of a few thousand operations on each element: measured 1.5e-6 and 3e-7 at n = 100. */
const limits = { residual: 4e-6, departure: 2e-6 };

async function checkSvd(
  a: Float32Array,
  [m, n]: readonly [number, number],
  { residual: r, departure: d } = limits,
): Promise<ArrayLike<number>> {
  const { U, S, Vh } = svd(tensor(a, { shape: [m, n] }));
  const k = Math.min(m, n);
  expect([U.shape, S.shape, Vh.shape]).toEqual([[m, k], [k], [k, n]]);
  const [left, values, right] = [await U.data(), await S.data(), await Vh.data()];
  expect(residual(a, { left, values, right })).toBeLessThan(r);
  expect(departure(turnedArray(left, k), k)).toBeLessThan(d);
  expect(departure(right, k)).toBeLessThan(d);
  expect([...values]).toEqual([...values].sort((x, y) => y - x));
  expect(values.every((v) => v >= 0)).toBe(true);
  return values;
}

describe.each([...condenseVariants.candidates(), null])("svd (variant %s)", (variant) => {
  test.each(Object.entries(symmetricFamilies))("of a matrix %s gives it back", async (_, rule) => {
    forcedCondenseVariant.current = variant;
    for (const n of [5, 36]) {
      const a = matrixOf(rule, n);
      await checkSvd(a, [n, n]);
      // Its first columns alone: no longer symmetric, of every rank.
      const cols = n - 3;
      await checkSvd(
        a.filter((_, k) => k % n < cols),
        [n, cols],
      );
    }
  });

  test.each([
    [1, 1],
    [1, 5],
    [7, 1],
    [2, 2],
    [3, 2],
    [16, 17],
    [17, 16],
    [63, 20],
    [64, 64],
    [65, 65],
    [129, 66],
    [200, 3],
    [3, 200],
  ] as const)("of a random %d by %d matrix has the values that f64 gives", async (m, n) => {
    forcedCondenseVariant.current = variant;
    const a = randomMatrix(m, n, m + n);
    const values = await checkSvd(a, [m, n]);
    const wanted = singular(rowsOf(a, m)).values;
    // Each is known to within rounding of the largest.
    const absolute = 3e-6 * wanted[0]!;
    expectClose(values, wanted, { relative: 0, absolute }, "singular values");
    const alone = await svdvals(tensor(a, { shape: [m, n] })).data();
    expectClose(alone, wanted, { relative: 0, absolute }, "singular values alone");
  });

  test("of a batch is that of each matrix, whatever the others are", async () => {
    forcedCondenseVariant.current = variant;
    const n = 19;
    const all = Object.values(symmetricFamilies).map((rule) => matrixOf(rule, n));
    const batch = tensor(
      all.flatMap((a) => [...a]),
      { shape: [all.length, n, n] },
    );
    const parts = Object.values(svd(batch)) as Tensor[];
    for (const [part, together] of parts.entries()) {
      const values = await together.data();
      const size = values.length / all.length;
      for (const [b, a] of all.entries()) {
        const own = Object.values(svd(tensor(a, { shape: [n, n] })))[part] as Tensor;
        expect(values.slice(b * size, (b + 1) * size)).toEqual(await own.data());
      }
    }
  });
});

describe("svd", () => {
  test("of 512 rows is within 1e-5 of the matrix, and its vectors orthonormal to 2e-6", async () => {
    const a = randomMatrix(512, 512, 6);
    await checkSvd(a, [512, 512], { residual: 1e-5, departure: 2e-6 });
  });

  test("of rank one has one value, and vectors that are orthonormal all the same", async () => {
    const [m, n] = [9, 6];
    const a = Float32Array.from(
      { length: m * n },
      (_, k) => (Math.floor(k / n) + 1) * ((k % n) - 2),
    );
    const values = await checkSvd(a, [m, n]);
    const size = Math.sqrt(285 * 19);
    expectClose(values, [size, 0, 0, 0, 0, 0], { relative: 1e-6, absolute: 1e-6 * size });
  });

  test("of a diagonal matrix keeps its smallest values", async () => {
    const scales = [1, 1e-2, 1e-4, 1e-6];
    const values = await svdvals(
      tensor(
        scales.flatMap((s, i) => scales.map((_, j) => (i === j ? s : 0))),
        { shape: [4, 4] },
      ),
    ).data();
    // Nothing is rotated in a diagonal matrix.
    expectClose(values, scales, { relative: 1e-6, absolute: 0 });
  });

  test("of nothing is empty", () => {
    const { U, S, Vh } = svd(tensor([], { shape: [3, 0] }));
    expect([U.shape, S.shape, Vh.shape]).toEqual([[3, 0], [0], [0, 0]]);
    expect(svdvals(tensor([], { shape: [0, 4, 2] })).shape).toEqual([0, 2]);
  });

  test("of NaN or infinite elements is an error that names the matrix", async () => {
    for (const bad of [Number.NaN, Number.NEGATIVE_INFINITY]) {
      const a = tensor([
        [1, 2],
        [3, bad],
        [5, 6],
      ]);
      await expect(svd(a).U.data()).rejects.toThrow(LinAlgError);
      await expect(svdvals(a).data()).rejects.toThrow(/the matrix of shape \[3, 2\] has NaN/);
    }
  });

  test("refuses what is no matrix of f32, and full matrices", () => {
    expect(() => svd(tensor([1, 2]))).toThrow(ShapeError);
    expect(() => svdvals(tensor([[true]]))).toThrow(DTypeError);
    expect(() => svd(tensor([[1]]), { fullMatrices: true as unknown as false })).toThrow(
      ArgumentError,
    );
  });

  test("where values repeat or are zero, functions of their spaces have finite, right gradients", async () => {
    const a = tensor([
      [2, 0, 0],
      [0, 2, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    const wanted = [4, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0];
    const close = { relative: 1e-5, absolute: 1e-5 };
    const squares = grad((x: Tensor) => sum(square(svdvals(x))));
    expectClose(await squares(a).data(), wanted, close);
    const product = grad((x: Tensor) => {
      const { U, S, Vh } = svd(x);
      return sum(square(matmul(mul(U, S), Vh)));
    });
    expectClose(await product(a).data(), wanted, close);
  });

  test("gives its temporary memory back", () => {
    const x = tensor(randomMatrix(40, 30, 3), { shape: [40, 30] });
    const before = device.pool.report().liveBytes;
    for (const variant of condenseVariants.candidates()) {
      forcedCondenseVariant.current = variant;
      for (const part of Object.values(svd(transpose(x, 0, 1))) as Tensor[]) part.dispose();
      svdvals(x).dispose();
    }
    expect(device.pool.report().liveBytes).toBe(before);
  });
});

describe("svdLowrank", () => {
  test.each([
    [40, 25],
    [25, 40],
  ] as const)("of rank five gives a matrix of %d by %d back", async (m, n) => {
    const left = tensor(randomMatrix(m, 5, 1), { shape: [m, 5] });
    const right = tensor(randomMatrix(5, n, 2), { shape: [5, n] });
    const a = matmul(left, right);
    const { U, S, V } = svdLowrank(a, key(3), { q: 7 });
    expect([U.shape, S.shape, V.shape]).toEqual([[m, 7], [7], [n, 7]]);
    const factors = {
      left: await U.data(),
      values: await S.data(),
      right: await transpose(V, 0, 1).data(),
    };
    expect(residual(await a.data(), factors)).toBeLessThan(3e-6);
    const all = await svdvals(a).data();
    expectClose(factors.values, all.slice(0, 7), { relative: 1e-5, absolute: 1e-5 * all[0]! });
  });

  test("finds the first of many values, the better the more often it multiplies", async () => {
    const n = 60;
    // Singular values 1, 0.9, 0.81, … in turned bases.
    const q = svd(tensor(randomMatrix(n, n, 4), { shape: [n, n] }));
    const wanted = Float32Array.from({ length: n }, (_, i) => 0.9 ** i);
    const a = matmul(mul(q.U, tensor(wanted)), q.Vh);
    const errors = [];
    for (const niter of [0, 1, 4]) {
      const values = await svdLowrank(a, key(1), { q: 8, niter }).S.data();
      errors.push(Math.max(...values.map((v, i) => Math.abs(v - wanted[i]!))));
    }
    expect(errors[1]).toBeLessThan(errors[0]!);
    expect(errors[2]).toBeLessThan(errors[1]!);
    expect(errors[2]).toBeLessThan(0.02);
  });

  test("refuses more values than there are", () => {
    const a = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(() => svdLowrank(a, key(1), { q: 3 })).toThrow(ArgumentError);
    expect(() => svdLowrank(a, key(1), { niter: 0.5 })).toThrow(ArgumentError);
    expect(svdLowrank(a, key(1)).S.shape).toEqual([2]);
  });
});

describe("what singular values give", () => {
  test("pinv fulfils the four conditions of Penrose, also without full rank", async () => {
    for (const [m, n] of [
      [6, 4],
      [4, 6],
    ] as const) {
      const left = tensor(randomMatrix(m, 3, 1), { shape: [m, 3] });
      const right = tensor(randomMatrix(3, n, 2), { shape: [3, n] });
      const a = matmul(left, right);
      const p = pinv(a, { rtol: 1e-5 });
      const close = { relative: 2e-5, absolute: 2e-5 };
      const [ap, pa] = [matmul(a, p), matmul(p, a)];
      expectClose(await matmul(ap, a).data(), await a.data(), close);
      expectClose(await matmul(pa, p).data(), await p.data(), close);
      for (const x of [ap, pa]) {
        const data = await x.data();
        expectClose(data, turnedArray(data, x.shape[1]!), close);
      }
    }
  });

  test("pinv of zeros is zeros, of a singular matrix its gradient is finite", async () => {
    expect([...(await pinv(tensor([[0, 0, 0]])).data())]).toEqual([0, 0, 0]);
    const g = await grad((x: Tensor) => sum(pinv(x)))(
      tensor([
        [2, 0],
        [0, 0],
      ]),
    ).data();
    // dP = -P dA P + P Pᵀ dAᵀ (I - A P) + (I - P A) dAᵀ Pᵀ P with P = diag(1/2, 0).
    expectClose(g, [-0.25, 0.25, 0.25, 0], { relative: 1e-5, absolute: 1e-6 });
  });

  test("matrixRank counts, and cond divides, as NumPy does", async () => {
    const ranks = matrixRank(tensor([1, 2, 2, 4, 1, 2, 3, 4, 0, 0, 0, 0], { shape: [3, 2, 2] }));
    expect(ranks.dtype).toBe("i32");
    expect([...(await ranks.data())]).toEqual([1, 2, 0]);
    expect(
      await matrixRank(
        tensor([
          [1, 0],
          [0, 1e-3],
        ]),
        { rtol: 1e-2 },
      ).item(),
    ).toBe(1);
    const a = tensor([
      [1, 2],
      [3, 4],
    ]);
    // numpy.linalg.cond of [[1, 2], [3, 4]], for each order.
    const wanted = [
      [2, 14.933034373659256],
      [-2, 0.06696562634074495],
      ["fro", 15],
      ["nuc", 17],
      [1, 21],
      [Number.POSITIVE_INFINITY, 21],
    ] as const;
    for (const [p, value] of wanted)
      expectClose([await cond(a, p).item()], [value], { relative: 1e-5, absolute: 0 }, `cond ${p}`);
    expect(
      await cond(
        tensor([
          [1, 0],
          [0, 0],
        ]),
      ).item(),
    ).toBe(Number.POSITIVE_INFINITY);
  });

  test("matrixNorm by singular values is the largest, the smallest, and their sum", async () => {
    const a = tensor([
      [3, 0, 0],
      [0, -4, 0],
    ]);
    expect(await matrixNorm(a, 2).item()).toBeCloseTo(4, 5);
    expect(await matrixNorm(a, -2).item()).toBeCloseTo(3, 5);
    expect(await matrixNorm(a, "nuc").item()).toBeCloseTo(7, 5);
    expect(matrixNorm(a, "nuc", { keepdim: true }).shape).toEqual([1, 1]);
    // The gradient of the sum of singular values is U Vᵀ.
    const g = await grad((x: Tensor) => matrixNorm(x, "nuc"))(a).data();
    expectClose(g, [1, 0, 0, 0, -1, 0], { relative: 1e-5, absolute: 1e-6 });
  });

  test("orders, tolerances and shapes that make no sense are errors", () => {
    const a = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(() => pinv(a, { rtol: -1 })).toThrow(ArgumentError);
    expect(() => matrixRank(a, { rtol: Number.NaN })).toThrow(ArgumentError);
    expect(() => cond(a, 3 as 2)).toThrow(ArgumentError);
    expect(() => cond(tensor([[1, 2]]), 1)).toThrow(ShapeError);
    expect(() => cond(tensor([], { shape: [0, 0] }))).toThrow(ArgumentError);
    expect(() => pinv(tensor([1]))).toThrow(ShapeError);
    expect(() => matrixNorm(tensor([], { shape: [0, 2] }), 2)).toThrow(ArgumentError);
  });
});

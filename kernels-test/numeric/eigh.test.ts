import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { ArgumentError, DTypeError, LinAlgError, ShapeError } from "../../src/errors";
import { initOn } from "../../src/init";
import {
  eigh,
  eigvalsh,
  inverseRoot,
  inverseSqrtm,
  orthogonalize,
  sqrtm,
} from "../../src/linalg/index";
import { condenseVariants, forcedCondenseVariant } from "../../src/linalg/spectral";
import { add, mul, square } from "../../src/ops/arithmetic";
import { eye } from "../../src/ops/creation";
import { matmul } from "../../src/ops/matmul";
import { sum } from "../../src/ops/reduce";
import { transpose } from "../../src/ops/shape";
import { nodePlatform } from "../../src/platform/node";
import { tensor } from "../../src/tensor/creation";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";
import { expectClose } from "../harness";
import {
  departure,
  lengthOf,
  matrixOf,
  randomMatrix,
  residual,
  symmetricFamilies,
  turnedArray,
} from "../reference/matrixFamilies";
import { combined, eigen, ofSymmetric, type Rows, singular } from "../reference/spectral";

let device: Device;
beforeAll(async () => {
  device = await initOn(nodePlatform);
});
afterEach(() => {
  forcedCondenseVariant.current = null;
});

const rowsOf = (x: ArrayLike<number>, n: number): Rows =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => x[i * n + j]!));

function symmetricRandom(n: number, seed: number): Float32Array {
  const a = randomMatrix(n, n, seed);
  return a.map((_, k) => {
    const [i, j] = [Math.floor(k / n), k % n];
    return a[Math.max(i, j) * n + Math.min(i, j)]!;
  });
}

/** What f32 leaves of a few thousand operations on each element: measured 1e-6 and 2e-7 at n = 100. */
const limits = { residual: 4e-6, departure: 2e-6 };

async function checkEigh(a: Float32Array, n: number, { residual: r, departure: d } = limits) {
  const { eigenvalues, eigenvectors } = eigh(tensor(a, { shape: [n, n] }));
  const values = await eigenvalues.data();
  const vectors = await eigenvectors.data();
  const turned = turnedArray(vectors, n);
  expect(residual(a, { left: vectors, values, right: turned })).toBeLessThan(r);
  expect(departure(turned, n)).toBeLessThan(d);
  expect([...values]).toEqual([...values].sort((x, y) => x - y));
  for (let k = 0; k < n; k++) {
    const column = turned.slice(k * n, (k + 1) * n);
    const largest = column.reduce((best, v) => (Math.abs(v) > Math.abs(best) ? v : best), 0);
    expect(largest).toBeGreaterThan(0);
  }
  return values;
}

describe.each([...condenseVariants.candidates(), null])("eigh (variant %s)", (variant) => {
  test.each(Object.entries(symmetricFamilies))("of a matrix %s gives it back", async (_, rule) => {
    forcedCondenseVariant.current = variant;
    for (const n of [5, 36]) await checkEigh(matrixOf(rule, n), n);
  });

  test.each([1, 2, 3, 4, 15, 16, 17, 33, 63, 64, 65, 100])(
    "of a random matrix of %d rows has the eigenvalues that f64 gives",
    async (n) => {
      forcedCondenseVariant.current = variant;
      const a = symmetricRandom(n, n);
      const values = await checkEigh(a, n);
      const wanted = eigen(rowsOf(a, n)).values;
      // Each is known to within rounding of the largest.
      const absolute = 3e-6 * Math.max(...wanted.map(Math.abs));
      expectClose(values, wanted, { relative: 0, absolute }, "eigenvalues");
      const alone = await eigvalsh(tensor(a, { shape: [n, n] })).data();
      expectClose(alone, wanted, { relative: 0, absolute }, "eigenvalues alone");
    },
  );

  test("of a batch is that of each matrix, whatever the others are", async () => {
    forcedCondenseVariant.current = variant;
    const n = 21;
    const rules = Object.values(symmetricFamilies);
    const all = rules.map((rule) => matrixOf(rule, n));
    const batch = tensor(
      all.flatMap((a) => [...a]),
      { shape: [rules.length, n, n] },
    );
    const { eigenvalues, eigenvectors } = eigh(batch);
    const values = await eigenvalues.data();
    const vectors = await eigenvectors.data();
    for (const [b, a] of all.entries()) {
      const own = eigh(tensor(a, { shape: [n, n] }));
      expect(values.slice(b * n, (b + 1) * n)).toEqual(await own.eigenvalues.data());
      expect(vectors.slice(b * n * n, (b + 1) * n * n)).toEqual(await own.eigenvectors.data());
    }
  });
});

describe("eigh", () => {
  test("of 512 rows is within 1e-5 of the matrix, and its vectors orthonormal to 2e-6", async () => {
    await checkEigh(symmetricRandom(512, 5), 512, { residual: 1e-5, departure: 2e-6 });
  });

  test("both ways to condense a matrix give the same bits", async () => {
    const n = 45;
    const results = [];
    for (const variant of condenseVariants.candidates()) {
      forcedCondenseVariant.current = variant;
      const { eigenvalues, eigenvectors } = eigh(tensor(symmetricRandom(n, 8), { shape: [n, n] }));
      results.push([await eigenvalues.data(), await eigenvectors.data()]);
    }
    expect(results[1]).toEqual(results[0]);
  });

  test("of thousands of matrices, whose rotations take many short logs, is that of each", async () => {
    const [batch, n] = [5300, 20];
    const matrices = Array.from({ length: 8 }, (_, i) => symmetricRandom(n, i));
    const all = new Float32Array(batch * n * n);
    for (let b = 0; b < batch; b++) all.set(matrices[b % 8]!, b * n * n);
    const { eigenvalues, eigenvectors } = eigh(tensor(all, { shape: [batch, n, n] }));
    const values = await eigenvalues.data();
    const vectors = await eigenvectors.data();
    for (const b of [0, 1, 6, 2647, 5299]) {
      const own = eigh(tensor(matrices[b % 8]!, { shape: [n, n] }));
      expect(values.slice(b * n, (b + 1) * n)).toEqual(await own.eigenvalues.data());
      expect(vectors.slice(b * n * n, (b + 1) * n * n)).toEqual(await own.eigenvectors.data());
    }
  });

  test("of nothing is empty", async () => {
    const { eigenvalues, eigenvectors } = eigh(tensor([], { shape: [0, 0] }));
    expect([eigenvalues.shape, eigenvectors.shape]).toEqual([[0], [0, 0]]);
    const none = eigh(tensor([], { shape: [0, 3, 3] }));
    expect([none.eigenvalues.shape, none.eigenvectors.shape]).toEqual([
      [0, 3],
      [0, 3, 3],
    ]);
  });

  test("takes the symmetric part of what it gets", async () => {
    const values = await eigvalsh(
      tensor([
        [2, 0],
        [2, 2],
      ]),
    ).data();
    expectClose(values, [1, 3], { relative: 1e-6, absolute: 0 });
  });

  test("of NaN or infinite elements is an error that names the matrix, once", async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const a = tensor([1, 0, 0, 1, 1, bad, 0, 1], { shape: [2, 2, 2] });
      for (const find of [(x: Tensor) => eigh(x).eigenvectors, eigvalsh]) {
        const found = find(a);
        await expect(found.data()).rejects.toThrow(LinAlgError);
        const again = find(a);
        await expect(again.data()).rejects.toThrow(/matrix \[1\] of the batch.*NaN or infinite/);
        const values = await again.data();
        expect(values.slice(values.length / 2).every(Number.isFinite)).toBe(true);
      }
    }
  });

  test("refuses what is no square matrix of f32", () => {
    expect(() => eigh(tensor([1, 2]))).toThrow(ShapeError);
    expect(() => eigh(tensor([[1, 2]]))).toThrow(ShapeError);
    expect(() => eigvalsh(tensor([[1]], { dtype: "i32" }))).toThrow(DTypeError);
  });

  test("where eigenvalues repeat, functions of their space have finite, right gradients", async () => {
    const a = tensor([
      [2, 0, 0],
      [0, 2, 0],
      [0, 0, 5],
    ]);
    // The sum of the squares of the eigenvalues is that of the elements.
    const squares = grad((x: Tensor) => sum(square(eigvalsh(x))));
    const wanted = [4, 0, 0, 0, 4, 0, 0, 0, 10];
    expectClose(await squares(a).data(), wanted, { relative: 1e-5, absolute: 1e-5 });
    const throughVectors = grad((x: Tensor) => {
      const { eigenvalues, eigenvectors: v } = eigh(x);
      return sum(square(mul(v, eigenvalues)));
    });
    expectClose(await throughVectors(a).data(), wanted, { relative: 1e-5, absolute: 1e-5 });
    // The projection on the space of 2 and 2 moves only against that of 5: by 1 / (2 - 5).
    const projection = grad((x: Tensor) => {
      const { eigenvectors: v } = eigh(x);
      const pair = mul(v, tensor([1, 1, 0]));
      return sum(
        mul(
          matmul(pair, transpose(v, 0, 1)),
          tensor([0, 0, 1, 0, 0, 0, 0, 0, 0], { shape: [3, 3] }),
        ),
      );
    });
    const slope = -1 / 6;
    expectClose(await projection(a).data(), [0, 0, slope, 0, 0, 0, slope, 0, 0], {
      relative: 1e-5,
      absolute: 1e-6,
    });
  });

  test("gives its temporary memory back", () => {
    const x = tensor(symmetricRandom(40, 3), { shape: [40, 40] });
    const before = device.pool.report().liveBytes;
    for (const variant of condenseVariants.candidates()) {
      forcedCondenseVariant.current = variant;
      const { eigenvalues, eigenvectors } = eigh(x);
      eigenvalues.dispose();
      eigenvectors.dispose();
      eigvalsh(x).dispose();
    }
    expect(device.pool.report().liveBytes).toBe(before);
  });
});

/** A positive definite matrix of condition about 100 n. */
function positive(n: number, seed: number): Tensor {
  const x = tensor(randomMatrix(n, n, seed), { shape: [n, n] });
  return add(matmul(x, transpose(x, 0, 1)), mul(eye(n), 0.05 * n));
}

describe("roots of matrices", () => {
  test.each(["eigh", "newton"] as const)("by %s multiply to the matrix", async (method) => {
    for (const n of [1, 3, 40]) {
      const a = positive(n, n);
      const data = await a.data();
      const back = [
        [sqrtm(a, { method }), 2],
        [inverseSqrtm(a, { method }), -2],
        [inverseRoot(a, 4, { method, steps: 30 }), -4],
        [inverseRoot(a, 3, { method, steps: 30 }), -3],
      ] as const;
      for (const [root, p] of back) {
        const values = await root.data();
        const wanted = ofSymmetric(rowsOf(data, n), (v) => v ** (1 / p)).flat();
        const difference = lengthOf(wanted.map((v, i) => v - values[i]!));
        // Inverse roots lose digits to the condition, up to 100 here.
        expect(difference / lengthOf(wanted)).toBeLessThan(2e-5);
      }
    }
  });

  test("of a semidefinite matrix exist, of an indefinite one are an error", async () => {
    const v = [1, 2, 2];
    const a = tensor(
      v.flatMap((x) => v.map((y) => x * y)),
      { shape: [3, 3] },
    );
    const root = await sqrtm(a).data();
    expectClose(
      root,
      v.flatMap((x) => v.map((y) => (x * y) / 3)),
      { relative: 1e-5, absolute: 1e-3 },
    );
    await expect(
      sqrtm(
        tensor([
          [1, 2],
          [2, 1],
        ]),
      ).data(),
    ).rejects.toThrow(/negative eigenvalue/);
    await expect(
      inverseSqrtm(
        tensor([
          [1, 0],
          [0, 0],
        ]),
      ).data(),
    ).rejects.toThrow(LinAlgError);
  });

  test("of zeros are zeros, and their inverses not finite or an error", async () => {
    const zero = tensor([
      [0, 0],
      [0, 0],
    ]);
    for (const method of ["eigh", "newton"] as const)
      expect([...(await sqrtm(zero, { method }).data())]).toEqual([0, 0, 0, 0]);
    await expect(inverseSqrtm(zero).data()).rejects.toThrow(LinAlgError);
    const values = await inverseSqrtm(zero, { method: "newton" }).data();
    expect(values.some(Number.isFinite)).toBe(false);
  });

  test("have the gradient of Sylvester's equation where eigenvalues repeat", async () => {
    // At c I, the derivative of A^(1/2) is dA / (2 √c), of A^(-1/4) is -c^(-5/4) dA / 4.
    const weights = tensor([
      [1, 2],
      [3, 4],
    ]);
    const at = mul(eye(2), 4);
    const root = grad((x: Tensor) => sum(mul(sqrtm(x), weights)));
    const symmetric = [1, 2.5, 2.5, 4];
    expectClose(
      await root(at).data(),
      symmetric.map((v) => v / 4),
      { relative: 1e-5, absolute: 1e-6 },
    );
    const inverse = grad((x: Tensor) => sum(mul(inverseRoot(x, 4), weights)));
    expectClose(
      await inverse(at).data(),
      symmetric.map((v) => (-v * 4 ** -1.25) / 4),
      { relative: 1e-5, absolute: 1e-6 },
    );
  });

  test("by both methods have the same gradient", async () => {
    const a = positive(6, 2);
    const gradients = [];
    for (const method of ["eigh", "newton"] as const)
      gradients.push(
        await grad((x: Tensor) => sum(square(inverseRoot(x, 4, { method }))))(a).data(),
      );
    const size = lengthOf(gradients[0]!);
    expectClose(gradients[1]!, gradients[0]!, { relative: 1e-3, absolute: 1e-4 * size });
  });

  test("refuse orders and steps that are none", () => {
    expect(() => inverseRoot(eye(2), 0)).toThrow(ArgumentError);
    expect(() => inverseRoot(eye(2), 1.5)).toThrow(ArgumentError);
    expect(() => sqrtm(eye(2), { steps: 0 })).toThrow(ArgumentError);
    expect(() => sqrtm(eye(2), { method: "svd" as "eigh" })).toThrow(ArgumentError);
    expect(() => sqrtm(eye(2, 3))).toThrow(ShapeError);
  });
});

describe("orthogonalize", () => {
  const shapes = [
    [8, 8],
    [12, 5],
    [5, 12],
    [33, 64],
  ] as const;

  test.each(shapes)("of %d by %d to the end gives orthonormal rows or columns", async (m, n) => {
    const g = tensor(randomMatrix(m, n, m), { shape: [m, n] });
    const x = await orthogonalize(g, { mode: "polar", steps: 45 }).data();
    const rows = m <= n ? x : turnedArray(x, n);
    expect(departure(rows, Math.min(m, n))).toBeLessThan(2e-6);
  });

  test.each(shapes)("of %d by %d in Muon's steps follows its formula", async (m, n) => {
    const g = randomMatrix(m, n, m);
    const x = await orthogonalize(tensor(g, { shape: [m, n] })).data();
    // What the odd polynomial makes of each singular value, the vectors staying as they are.
    const { values, left, right } = singular(
      Array.from({ length: m }, (_, i) => [...g.slice(i * n, (i + 1) * n)]),
    );
    const size = lengthOf(g) + 1e-7;
    const moved = values.map((s) => {
      let v = s / size;
      for (let i = 0; i < 5; i++) v = 3.4445 * v - 4.775 * v ** 3 + 2.0315 * v ** 5;
      return v;
    });
    expectClose(x, combined(moved, left, right).flat(), { relative: 1e-4, absolute: 2e-5 });
  });

  test("of zeros is zeros, and of misuse an error", async () => {
    expect([
      ...(await orthogonalize(
        tensor([
          [0, 0],
          [0, 0],
        ]),
      ).data()),
    ]).toEqual([0, 0, 0, 0]);
    expect(() => orthogonalize(tensor([1]))).toThrow(ShapeError);
    expect(() => orthogonalize(eye(2), { steps: -1 })).toThrow(ArgumentError);
    const two = [1, 2] as unknown as [number, number, number];
    expect(() => orthogonalize(eye(2), { coefficients: two })).toThrow(ArgumentError);
  });
});

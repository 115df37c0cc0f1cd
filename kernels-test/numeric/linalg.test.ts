/** Linear algebra beyond samples: residuals, ill-conditioned and impossible matrices, teams, arguments. */
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { forcedTeam, teamFor } from "../../src/linalg/batches";
import * as tg from "../../src/node";
import { HostRandom } from "../../src/random/hostRandom";
import { array, type HostArray } from "../reference/array";
import { type Matrix, matricesOf, qr, times, turned } from "../reference/factors";

type Tensor = tg.Tensor;
const { linalg } = tg;
const epsilon = 2 ** -24;

beforeAll(async () => {
  await tg.init();
});
afterEach(() => {
  forcedTeam.current = null;
});

/** Values in [-1, 1). */
function random(shape: readonly number[], seed: number): HostArray {
  const source = new HostRandom(seed);
  const size = shape.reduce((n, d) => n * d, 1);
  return array(
    shape,
    Float32Array.from({ length: size }, () => source.bits() / 2 ** 31 - 1),
  );
}

const upload = ({ shape, data }: HostArray): Tensor =>
  tg.tensor(Float32Array.from(data), { shape: [...shape] });
const rounded = (a: Matrix): Matrix => a.map((row) => row.map(Math.fround));
const fromRows = (a: Matrix): HostArray => array([a.length, a[0]!.length], a.flat());

async function matricesFrom(t: Tensor): Promise<Matrix[]> {
  const dense = tg.scope(() => tg.contiguous(t));
  return matricesOf(array(t.shape, await dense.data()));
}
const matrixFrom = async (t: Tensor): Promise<Matrix> => (await matricesFrom(t))[0]!;

const minus = (a: Matrix, b: Matrix): Matrix => a.map((row, i) => row.map((v, j) => v - b[i]![j]!));
/** Frobenius. */
const size = (a: Matrix): number => Math.sqrt(a.flat().reduce((sum, v) => sum + v * v, 0));
const unit = (n: number): Matrix =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_c, j) => Number(i === j)));

/** A matrix with singular values from 1 down to 1 / condition, evenly in their logarithm. */
function conditioned(n: number, condition: number, seed: number): Matrix {
  const [u, v] = [seed, seed + 1].map((s) => qr(matricesOf(random([n, n], s))[0]!).q);
  const values = Array.from({ length: n }, (_, i) => condition ** (-i / Math.max(n - 1, 1)));
  const scaled = u!.map((row) => row.map((x, j) => x * values[j]!));
  return rounded(times(scaled, turned(v!)));
}

/** The same with positive eigenvalues. */
function definite(n: number, condition: number, seed: number): Matrix {
  const { q } = qr(matricesOf(random([n, n], seed))[0]!);
  const values = Array.from({ length: n }, (_, i) => condition ** (-i / Math.max(n - 1, 1)));
  return rounded(
    times(
      q.map((row) => row.map((x, j) => x * values[j]!)),
      turned(q),
    ),
  );
}

/** Around one block, two blocks, and a workgroup. */
const sizes = [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97];

describe.each([null, 64, 256] as const)("with a team of %s", (team) => {
  const own = team === null ? sizes : [3, 17, 33, 65];

  test.each(own)("A = L Lᵀ to rounding, n = %i", async (n) => {
    forcedTeam.current = team;
    const a = definite(n, n === 1 ? 1 : 1e4, n);
    const l = await matrixFrom(linalg.cholesky(upload(fromRows(a))));
    const off = size(minus(times(l, turned(l)), a)) / size(a);
    expect(off).toBeLessThanOrEqual((n + 1) * epsilon * Math.sqrt(n));
    expect(l.every((row, i) => row.every((v, j) => j <= i || v === 0))).toBe(true);
  });

  test.each(own)("P A = L U to rounding, and |l_ij| <= 1, n = %i", async (n) => {
    forcedTeam.current = team;
    for (const shape of [
      [2, n, n],
      [1, n + 5, n],
      [1, n, n + 5],
    ]) {
      const x = random(shape, n);
      const { P, L, U } = tg.scope(() => linalg.lu(upload(x)));
      const [p, l, u] = [await matricesFrom(P), await matricesFrom(L), await matricesFrom(U)];
      matricesOf(x).forEach((a, i) => {
        const off = size(minus(times(p[i]!, times(l[i]!, u[i]!)), a)) / size(a);
        expect(off).toBeLessThanOrEqual((n + 1) * epsilon * 4);
        expect(Math.max(...l[i]!.flat().map(Math.abs))).toBe(1);
      });
    }
  });

  test.each(own)("A = Q R and Qᵀ Q = I to rounding, n = %i", async (n) => {
    forcedTeam.current = team;
    for (const shape of [
      [2, n, n],
      [1, n + 5, n],
      [1, n, n + 5],
    ]) {
      const x = random(shape, n);
      const { Q, R } = tg.scope(() => linalg.qr(upload(x)));
      const [q, r] = [await matricesFrom(Q), await matricesFrom(R)];
      matricesOf(x).forEach((a, i) => {
        const k = q[i]![0]!.length;
        expect(size(minus(times(q[i]!, r[i]!), a)) / size(a)).toBeLessThanOrEqual(
          (n + 2) * epsilon * 4,
        );
        expect(size(minus(times(turned(q[i]!), q[i]!), unit(k)))).toBeLessThanOrEqual(
          (n + 2) * epsilon * 4 * Math.sqrt(k),
        );
        expect(r[i]!.every((row, y) => row.every((v, c) => c >= y || v === 0))).toBe(true);
      });
    }
  });
});

test("the team is one invocation but on GPUs, and there it grows with the rows", () => {
  expect(teamFor("software", 4096)).toBe(1);
  expect(teamFor("wasm", 4096)).toBe(1);
  expect([64, 128, 129].map((rows) => teamFor("hardware", rows))).toEqual([64, 64, 256]);
});

describe("solutions are exact for a system nearby, however ill-conditioned", () => {
  /** |b - A x| / (|A| |x|), at most a small multiple of n ε. */
  const backwardError = (a: Matrix, x: Matrix, b: Matrix): number =>
    size(minus(times(a, x), b)) / (size(a) * size(x));

  test.each([
    [40, 1e1],
    [40, 1e6],
    [40, 1e9],
    [97, 1e7],
  ])("solve, n = %i, condition %d", async (n, condition) => {
    const a = conditioned(n, condition, n);
    const b = matricesOf(random([n, 3], 7))[0]!;
    const x = await matrixFrom(linalg.solve(upload(fromRows(a)), upload(fromRows(b))));
    expect(backwardError(a, x, b)).toBeLessThanOrEqual(n * epsilon);
  });

  test("solve with pivots: without exchanges of rows it would divide by 1e-9", async () => {
    const a = [
      [1e-9, 1],
      [1, 1],
    ];
    const x = await linalg.solve(tg.tensor(a), tg.tensor([1, 2])).data();
    expect(x[0]).toBeCloseTo(1, 6);
    expect(x[1]).toBeCloseTo(1, 6);
  });

  test.each([1e1, 1e5])("choleskySolve, condition %d", async (condition) => {
    const a = definite(40, condition, 3);
    const b = matricesOf(random([40, 2], 8))[0]!;
    const x = await matrixFrom(
      linalg.choleskySolve(linalg.cholesky(upload(fromRows(a))), upload(fromRows(b))),
    );
    expect(backwardError(a, x, b)).toBeLessThanOrEqual(40 * epsilon);
  });

  test("solveTriangular", async () => {
    const { r } = qr(conditioned(70, 1e8, 5));
    const t = rounded(r);
    const b = matricesOf(random([70, 2], 9))[0]!;
    const x = await matrixFrom(
      linalg.solveTriangular(upload(fromRows(t)), upload(fromRows(b)), { upper: true }),
    );
    expect(backwardError(t, x, b)).toBeLessThanOrEqual(70 * epsilon);
  });

  test("least squares: the residual is orthogonal to the columns of A", async () => {
    const a = matricesOf(random([90, 33], 11))[0]!;
    const b = matricesOf(random([90, 2], 12))[0]!;
    const { solution, residuals } = linalg.lstsq(upload(fromRows(a)), upload(fromRows(b)));
    const x = await matrixFrom(solution);
    const left = minus(times(a, x), b);
    expect(size(times(turned(a), left)) / (size(a) * size(b))).toBeLessThan(90 * epsilon);
    const squares = turned(left).map((column) => column.reduce((sum, v) => sum + v * v, 0));
    const told = await residuals.data();
    squares.forEach((v, i) => {
      expect(Math.abs(told[i]! - v) / v).toBeLessThan(1e-4);
    });
  });

  test("512 rows: Cholesky, LU and QR leave residuals of a few ε", async () => {
    const { scores, n } = tg.scope(() => {
      const x = upload(random([512, 512], 13));
      const t = (m: Tensor) => tg.transpose(m, -1, -2);
      const a = tg.add(tg.matmul(x, t(x)), tg.eye(512));
      const l = linalg.cholesky(a);
      const { P, L, U } = linalg.lu(x);
      const { Q, R } = linalg.qr(x);
      const off = (y: Tensor, z: Tensor) => tg.div(tg.norm(tg.sub(y, z)), tg.norm(z));
      return {
        n: 512,
        scores: tg.stack([
          off(tg.matmul(l, t(l)), a),
          off(tg.matmul(P, tg.matmul(L, U)), x),
          off(tg.matmul(Q, R), x),
          off(tg.matmul(t(Q), Q), tg.eye(512)),
        ]),
      };
    });
    for (const score of await scores.data()) expect(score).toBeLessThan(n * epsilon);
  });
});

const identityPlus = (n: number, change: (a: Matrix) => void): Matrix => {
  const a = unit(n);
  change(a);
  return a;
};

describe("matrices that an operation is not defined for are errors at the next read", () => {
  const batch = (...matrices: Matrix[]): Tensor => tg.stack(matrices.map((m) => tg.tensor(m)));

  test("cholesky names the matrix, the minor and the cure, once", async () => {
    const bad = identityPlus(40, (a) => {
      a[35]![35] = -1;
    });
    const l = linalg.cholesky(batch(unit(40), bad, bad));
    await expect(l.data()).rejects.toThrow(tg.LinAlgError);
    const again = linalg.cholesky(batch(unit(40), bad));
    await expect(again.data()).rejects.toThrow(
      /linalg\.cholesky: matrix \[1\] of the batch of shape \[2, 40, 40\] is not positive definite: its leading minor of order 36 .*Add a multiple of the identity/,
    );
    expect(await tg.tensor([1]).item()).toBe(1);
  });

  test("choleskyEx tells instead, and L is 0 from that column on", async () => {
    const bad = identityPlus(40, (a) => {
      a[34]![34] = 0;
    });
    const { L, info } = linalg.choleskyEx(batch(bad, unit(40)));
    expect([...(await info.data())]).toEqual([35, 0]);
    const [l] = await matricesFrom(L);
    expect(l!.map((row, i) => row[i])).toEqual(unit(40).map((_, i) => Number(i < 34)));
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("cholesky refuses %d", async (value) => {
    const bad = identityPlus(3, (a) => {
      a[1]![1] = value;
    });
    await expect(linalg.cholesky(tg.tensor(bad)).data()).rejects.toThrow(/minor of order 2/);
  });

  test.each([
    ["solve", (a: Tensor) => linalg.solve(a, tg.ones([3]))],
    ["inverse", (a: Tensor) => linalg.inverse(a)],
    ["luFactor", (a: Tensor) => linalg.luFactor(a).LU],
    ["matrixPower", (a: Tensor) => linalg.matrixPower(a, -2)],
  ])("%s of a singular matrix", async (_name, call) => {
    const bad = tg.tensor([
      [1, 2, 3],
      [2, 4, 6],
      [0, 1, 1],
    ]);
    const result = tg.scope(() => call(bad));
    await expect(result.data()).rejects.toThrow(/is singular: pivot 3 is 0.*lstsq or pinv/);
  });

  test("solve of a matrix with NaN is an error, not NaN", async () => {
    const bad = identityPlus(3, (a) => {
      a[2]![0] = Number.NaN;
    });
    await expect(linalg.solve(tg.tensor(bad), tg.ones([3])).data()).rejects.toThrow(
      /pivot 1 is 0 or not finite/,
    );
  });

  test("solveEx and luFactorEx tell instead", async () => {
    const bad = [
      [1, 2],
      [2, 4],
    ];
    const { info } = linalg.solveEx(batch(bad, unit(2)), tg.ones([2, 2, 1]));
    expect([...(await info.data())]).toEqual([2, 0]);
    expect([...(await linalg.luFactorEx(batch(bad, unit(2))).info.data())]).toEqual([2, 0]);
  });

  test("a triangle with a 0 on its diagonal", async () => {
    const bad = identityPlus(40, (a) => {
      a[33]![33] = 0;
    });
    for (const upper of [false, true])
      await expect(
        linalg.solveTriangular(batch(unit(40), bad), tg.ones([40, 1]), { upper }).data(),
      ).rejects.toThrow(/solveTriangular: matrix \[1\] .* is singular: element 33 of its diagonal/);
  });

  test("least squares without full rank, also where rounding hides it", async () => {
    const a = matricesOf(random([6, 3], 21))[0]!;
    const bad = rounded(a.map((row) => [row[0]!, row[1]!, 0.3 * row[0]! + 0.7 * row[1]!]));
    await expect(linalg.lstsq(tg.tensor(bad), tg.ones([6, 1])).solution.data()).rejects.toThrow(
      /lstsq: the matrix of shape \[6, 3\] does not have full rank: column 3.*pinv/,
    );
  });

  test("the determinant of a singular matrix is 0, its derivative an error", async () => {
    const bad = tg.tensor([
      [1, 2],
      [2, 4],
    ]);
    expect(Math.abs(await linalg.det(bad).item())).toBe(0);
    const { sign, logabsdet } = linalg.slogdet(bad);
    expect(await sign.item()).toBe(0);
    expect(await logabsdet.item()).toBe(Number.NEGATIVE_INFINITY);
    const gradient = tg.grad((a: Tensor) => linalg.det(a))(bad);
    await expect(gradient.data()).rejects.toThrow(/linalg\.det \(its derivative\).*singular/);
  });
});

describe("known values", () => {
  test("determinants: of permutations, of diagonals beyond f32 in logarithms, of nothing", async () => {
    const exchange = tg.tensor([
      [0, 1, 0],
      [1, 0, 0],
      [0, 0, 1],
    ]);
    expect(await linalg.det(exchange).item()).toBe(-1);
    const large = tg.scope(() => tg.mul(tg.eye(70), -10));
    const { sign, logabsdet } = linalg.slogdet(large);
    expect(await sign.item()).toBe(1);
    expect(await logabsdet.item()).toBeCloseTo(70 * Math.log(10), 3);
    expect(await linalg.det(tg.zeros([0, 0])).item()).toBe(1);
    expect(await linalg.logdet(exchange).item()).toBe(Number.NaN);
  });

  test("e^A: of zeros, of a rotation by 100, of a matrix too large to be computed", async () => {
    expect([...(await linalg.matrixExp(tg.zeros([2, 2])).data())]).toEqual([1, 0, 0, 1]);
    const turn = await linalg
      .matrixExp(
        tg.tensor([
          [0, -100],
          [100, 0],
        ]),
      )
      .data();
    // The condition of the exponential is the norm of A.
    expect(Math.abs(turn[0]! - Math.cos(100))).toBeLessThan(100 * 2 ** -22);
    expect(Math.abs(turn[2]! - Math.sin(100))).toBeLessThan(100 * 2 ** -22);
    const beyond = await linalg.matrixExp(tg.scope(() => tg.mul(tg.eye(2), -2000))).data();
    expect(beyond.every(Number.isNaN)).toBe(true);
  });

  test("a matrix in a batch of different sizes of norm is squared as often as it needs", async () => {
    const diagonal = [0.001, 1, 5, 20, -300];
    const a = tg.stack(diagonal.map((v) => tg.tensor([[v]])));
    const e = await linalg.matrixExp(a).data();
    diagonal.forEach((v, i) => {
      const wanted = Math.exp(v);
      expect(Math.abs(e[i]! - wanted)).toBeLessThanOrEqual(
        (Math.abs(v) + 4) * 4 * epsilon * wanted + 1e-37,
      );
    });
  });

  test("columns of 0 and of any size have reflections", async () => {
    const x = [
      [0, 1e-30, 1e30],
      [0, 2e-30, 2e30],
      [0, -2e-30, 1e30],
    ];
    const { Q, R } = linalg.qr(tg.tensor(x));
    const [q, r] = [await matrixFrom(Q), await matrixFrom(R)];
    expect(size(minus(times(turned(q), q), unit(3)))).toBeLessThan(20 * epsilon);
    const back = times(q, r);
    for (const j of [0, 1, 2]) {
      const column = x.map((row) => [row[j]!]);
      const off = size(
        minus(
          back.map((row) => [row[j]!]),
          column,
        ),
      );
      expect(off).toBeLessThanOrEqual(20 * epsilon * size(column));
    }
  });

  test("only one triangle is read", async () => {
    const a = tg.tensor([
      [4, 99],
      [2, 5],
    ]);
    expect([...(await linalg.cholesky(a).data())]).toEqual([2, 0, 1, 2]);
    const nan = tg.tensor([
      [2, Number.NaN],
      [1, 4],
    ]);
    const x = linalg.solveTriangular(nan, tg.tensor([[2], [9]]), { upper: false });
    expect([...(await x.data())]).toEqual([1, 2]);
  });
});

describe("public functions inside transforms", () => {
  const t = (x: Tensor) => tg.transpose(x, -1, -2);
  /** Every factorisation, of one 3 x 3 matrix. */
  const f = (x: Tensor): Tensor => {
    const shifted = tg.add(x, tg.mul(tg.eye(3), 3));
    const { R } = linalg.qr(shifted);
    const terms = [
      linalg.logdet(tg.matmul(shifted, t(shifted)), { positiveDefinite: true }),
      linalg.det(shifted),
      tg.sum(linalg.solve(shifted, tg.ones([3]))),
      tg.sum(linalg.lstsq(shifted, tg.ones([3, 1])).solution),
      tg.sum(linalg.matrixExp(x)),
      tg.sum(linalg.lu(shifted).U),
      linalg.matrixNorm(R),
    ];
    return tg.sum(tg.stack(terms));
  };
  const points = (): Tensor => upload(random([4, 3, 3], 31));

  test("gradients of lanes together are those of the lanes alone", async () => {
    const x = points();
    const { together, alone } = tg.scope(() => ({
      together: tg.contiguous(tg.vmap((lane: Tensor) => tg.grad(f)(lane))(x)),
      alone: tg.stack([0, 1, 2, 3].map((i) => tg.grad(f)(tg.select(x, 0, i)))),
    }));
    const [a, b] = [await together.data(), await alone.data()];
    b.forEach((v, i) => {
      expect(Math.abs(a[i]! - v)).toBeLessThan(2e-5 * (1 + Math.abs(v)));
    });
  });

  test("forward mode through a gradient gives Hessian products as reverse mode does", async () => {
    const { forward, reverse } = tg.scope(() => {
      const x = tg.select(points(), 0, 0);
      const v = upload(random([3, 3], 32));
      return {
        forward: tg.contiguous(tg.jvp(tg.grad(f), [x], [v]).tangent),
        reverse: tg.grad((y: Tensor) => tg.sum(tg.mul(tg.grad(f)(y), v)))(x),
      };
    });
    const [a, b] = [await forward.data(), await reverse.data()];
    b.forEach((w, i) => {
      expect(Math.abs(a[i]! - w)).toBeLessThan(1e-4 * (1 + Math.abs(w)));
    });
  });
});

describe("what does not fit is refused by name", () => {
  const a = () => tg.ones([3, 3]);
  const b = () => tg.ones([2, 1]);
  test.each([
    ["a vector", () => linalg.cholesky(tg.ones([3])), tg.ShapeError, /cholesky: A has shape \[3\]/],
    ["a wide matrix", () => linalg.inverse(tg.ones([2, 3])), tg.ShapeError, /must be square/],
    [
      "integers",
      () => linalg.qr(tg.to(a(), "i32")),
      tg.DTypeError,
      /qr: A has dtype i32.*to\("f32"\)/,
    ],
    ["B of other rows", () => linalg.solve(a(), b()), tg.ShapeError, /B needs 3 rows/],
    [
      "B of other columns",
      () => linalg.solveTriangular(a(), b(), { upper: true, left: false }),
      tg.ShapeError,
      /B needs 3 columns/,
    ],
    ["the factor and B", () => linalg.choleskySolve(a(), b()), tg.ShapeError, /B needs 3 rows/],
    ["lstsq", () => linalg.lstsq(a(), b()), tg.ShapeError, /B needs 3 rows/],
    ["half a power", () => linalg.matrixPower(a(), 0.5), tg.ArgumentError, /whole number/],
    [
      "an unknown norm",
      () => linalg.matrixNorm(a(), 3 as 1),
      tg.ArgumentError,
      /ord 3 must be "fro"/,
    ],
  ] as const)("%s", (_what, call, kind, pattern) => {
    expect(() => tg.scope(call as () => Tensor)).toThrow(kind);
    expect(() => tg.scope(call as () => Tensor)).toThrow(pattern);
  });
});

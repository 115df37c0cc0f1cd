/** Conjugate gradients: solutions, how they end, preconditioners, derivatives. */
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import { forcedRowTeam } from "../../src/ops/rowTeam";
import { HostRandom } from "../../src/random/hostRandom";
import { checkGradient } from "../harness";
import { cgIterates } from "../reference/conjugateGradient";
import { type Matrix, qr, solve, times, turned } from "../reference/factors";

type Tensor = tg.Tensor;
const { linalg } = tg;

beforeAll(async () => {
  await tg.init();
});
afterEach(() => {
  forcedRowTeam.current = null;
});

/** Values in [-1, 1), rounded to f32. */
function random(count: number, seed: number): number[] {
  const source = new HostRandom(seed);
  return Array.from({ length: count }, () => Math.fround(source.bits() / 2 ** 31 - 1));
}
const randomMatrix = (n: number, seed: number): Matrix =>
  Array.from({ length: n }, (_, i) => random(n, seed * 1000 + i));

/** A symmetric matrix with these eigenvalues. */
function symmetric(values: readonly number[], seed: number): Matrix {
  const { q } = qr(randomMatrix(values.length, seed));
  const a = times(
    q.map((row) => row.map((v, j) => v * values[j]!)),
    turned(q),
  );
  return a.map((row, i) => row.map((_, j) => Math.fround((a[i]![j]! + a[j]![i]!) / 2)));
}
/** Eigenvalues from 1 down to 1 / condition. */
const spread = (n: number, condition: number): number[] =>
  Array.from({ length: n }, (_, i) => condition ** (-i / Math.max(n - 1, 1)));

const size = (v: readonly number[]): number => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
const apply = (a: Matrix, x: readonly number[]): number[] =>
  a.map((row) => row.reduce((sum, v, j) => sum + v * x[j]!, 0));
const residualOf = (a: Matrix, x: readonly number[], b: readonly number[]): number =>
  size(apply(a, x).map((v, i) => b[i]! - v));
const values = async (t: Tensor): Promise<number[]> => Array.from(await tg.contiguous(t).data());
const solved = (a: Matrix, b: readonly number[]): number[] =>
  solve(
    a,
    b.map((v) => [v]),
  ).flat();

/** By team. Each team compiles kernels of its own, which takes its time on software drivers. */
const sizes = { 1: [1, 2, 3, 31, 64, 255, 256, 257], 64: [3, 64], 256: [257] } as const;

describe.each([null, 64, 256] as const)("with a team of %s", (team) => {
  test.each(sizes[team ?? 1])("A x = b to the tolerance, and it says so, n = %i", async (n) => {
    forcedRowTeam.current = team;
    const a = symmetric(spread(n, 50), n);
    const rights = [random(n, 1), random(n, 2).map((v) => v * 1e3), random(n, 3)];
    const found = linalg.cg(tg.tensor(a), tg.tensor(rights), { tolerance: 1e-5 });
    const x = await values(found.x);
    const told = await values(found.residual);
    expect(await values(found.converged)).toEqual([1, 1, 1]);
    rights.forEach((b, i) => {
      const left = residualOf(a, x.slice(i * n, (i + 1) * n), b);
      expect(left).toBeLessThanOrEqual(1.1e-5 * size(b));
      expect(Math.abs(told[i]! - left)).toBeLessThanOrEqual(2e-6 * size(b));
    });
  });

  test("the same iterates as in f64, with and without a preconditioner", async () => {
    forcedRowTeam.current = team;
    const n = 37;
    const a = symmetric(spread(n, 30), 5);
    const b = random(n, 6);
    const m = random(n, 7).map((v) => Math.fround(1.2 + v));
    for (const preconditioner of team === 256 ? [undefined] : [undefined, m]) {
      const wanted = cgIterates(a, b, 6, preconditioner);
      for (const maxIterations of [0, 1, 2, 5, 6]) {
        const found = linalg.cg(tg.tensor(a), tg.tensor(b), {
          tolerance: 0,
          maxIterations,
          ...(preconditioner && { preconditioner: tg.tensor(preconditioner) }),
        });
        const x = await values(found.x);
        const off = size(x.map((v, i) => v - wanted[maxIterations]![i]!));
        expect(off).toBeLessThanOrEqual(2e-6 * size(wanted[6]!));
        expect(await values(found.iterations)).toEqual([maxIterations]);
        expect(await values(found.converged)).toEqual([0]);
        expect((await values(found.residual))[0]! / residualOf(a, x, b)).toBeCloseTo(1, 4);
      }
    }
  });
});

describe("how it ends", () => {
  test("with three distinct eigenvalues it takes three iterations", async () => {
    const n = 40;
    const a = symmetric(
      Array.from({ length: n }, (_, i) => [1, 3, 10][i % 3]!),
      1,
    );
    const { iterations, converged } = linalg.cg(tg.tensor(a), tg.tensor(random(n, 2)));
    expect(await values(iterations)).toEqual([3]);
    expect(await values(converged)).toEqual([1]);
  });

  test("iterations after the solution change no bit of it", async () => {
    const a = tg.tensor(symmetric(spread(20, 10), 3));
    const b = tg.tensor([random(20, 4), random(20, 5)]);
    const few = linalg.cg(a, b, { maxIterations: 25 });
    const many = linalg.cg(a, b, { maxIterations: 200 });
    expect(await values(few.converged)).toEqual([1, 1]);
    for (const key of ["x", "iterations", "residual"] as const)
      expect(await values(many[key])).toEqual(await values(few[key]));
  });

  test("each system of a batch ends by itself", async () => {
    const easy = symmetric(spread(30, 1.0001), 1);
    const hard = symmetric(spread(30, 200), 2);
    const b = random(30, 3);
    const { iterations, converged } = linalg.cg(tg.tensor([easy, hard]), tg.tensor(b));
    const [first, second] = await values(iterations);
    expect(first).toBeLessThanOrEqual(2);
    expect(second).toBeGreaterThan(15);
    expect(await values(converged)).toEqual([1, 1]);
  });

  test("b = 0 is solved by 0 at once, and a guess that solves by itself", async () => {
    const a = symmetric(spread(9, 10), 4);
    const zero = linalg.cg(tg.tensor(a), tg.zeros([9]));
    expect(await values(zero.x)).toEqual(new Array(9).fill(0));
    expect(await values(zero.converged)).toEqual([1]);
    const x0 = random(9, 5);
    const b = apply(a, x0);
    const guessed = linalg.cg(tg.tensor(a), tg.tensor(b), { x0: tg.tensor(x0) });
    expect(await values(guessed.iterations)).toEqual([0]);
    expect(await values(guessed.converged)).toEqual([1]);
    (await values(guessed.x)).forEach((v, i) => {
      expect(v).toBeCloseTo(x0[i]!, 6);
    });
  });

  test("too few iterations are told, with the residual there is", async () => {
    const a = symmetric(spread(50, 1e4), 6);
    const b = random(50, 7);
    const found = linalg.cg(tg.tensor(a), tg.tensor(b), { maxIterations: 10 });
    expect(await values(found.converged)).toEqual([0]);
    expect(await values(found.iterations)).toEqual([10]);
    const left = residualOf(a, await values(found.x), b);
    expect((await values(found.residual))[0]! / left).toBeCloseTo(1, 3);
  });

  test("a tolerance below rounding ends where rounding does, and says so", async () => {
    const a = symmetric(spread(40, 100), 8);
    const b = random(40, 9);
    const found = linalg.cg(tg.tensor(a), tg.tensor(b), { tolerance: 1e-12, maxIterations: 400 });
    expect(await values(found.converged)).toEqual([0]);
    expect((await values(found.iterations))[0]).toBeLessThan(400);
    expect(residualOf(a, await values(found.x), b) / size(b)).toBeLessThan(2e-6);
  });

  test("an indefinite A stops before the step that would go wrong", async () => {
    const a = [
      [2, 0],
      [0, -1],
    ];
    const found = linalg.cg(tg.tensor(a), tg.tensor([1, 2]));
    expect(await values(found.converged)).toEqual([0]);
    expect(await values(found.iterations)).toEqual([0]);
    expect(await values(found.x)).toEqual([0, 0]);
    expect((await values(found.residual))[0]).toBeCloseTo(Math.sqrt(5), 5);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])(
    "%d in A stops that system and no other",
    async (bad) => {
      const good = symmetric(spread(5, 3), 1);
      const worse = good.map((row) => [...row]);
      worse[2]![2] = bad;
      const found = linalg.cg(tg.tensor([worse, good]), tg.ones([2, 5]));
      expect(await values(found.converged)).toEqual([0, 1]);
      expect((await values(found.x)).slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
    },
  );

  test("a singular A with b in its range is solved", async () => {
    const a = symmetric([...spread(19, 20), 0], 10);
    const b = apply(a, random(20, 11));
    const found = linalg.cg(tg.tensor(a), tg.tensor(b));
    expect(await values(found.converged)).toEqual([1]);
    expect(residualOf(a, await values(found.x), b)).toBeLessThan(1.2e-5 * size(b));
  });

  test.each([1e-30, 1e30])("b of size %d, whose squares f32 does not hold", async (scale) => {
    const a = symmetric(spread(12, 10), 12);
    const b = random(12, 13).map((v) => v * scale);
    const found = linalg.cg(tg.tensor(a), tg.tensor(b));
    expect(await values(found.converged)).toEqual([1]);
    const wanted = solved(a, b);
    const off = size((await values(found.x)).map((v, i) => (v - wanted[i]!) / scale));
    expect(off).toBeLessThan(1e-3);
  });
});

describe("preconditioners", () => {
  const n = 60;
  const scale = Array.from({ length: n }, (_, i) => 10 ** ((4 * i) / n));
  const a = symmetric(spread(n, 5), 14).map((row, i) =>
    row.map((v, j) => Math.fround(v * Math.sqrt(scale[i]! * scale[j]!))),
  );
  const b = random(n, 15);
  const diagonal = a.map((row, i) => 1 / row[i]!);

  test("the reciprocals of the diagonal of A undo its scaling", async () => {
    const options = { maxIterations: 400 };
    const plain = linalg.cg(tg.tensor(a), tg.tensor(b), options);
    const jacobi = linalg.cg(tg.tensor(a), tg.tensor(b), {
      ...options,
      preconditioner: tg.tensor(diagonal),
    });
    const [slow, fast] = [await values(plain.iterations), await values(jacobi.iterations)];
    expect(await values(jacobi.converged)).toEqual([1]);
    expect(fast[0]! * 3).toBeLessThan(slow[0]!);
  });

  test("as a function it does the same", async () => {
    const M = tg.tensor(diagonal);
    const [one, other] = [M, (r: Tensor) => tg.mul(r, M)].map((preconditioner) =>
      linalg.cg(tg.tensor(a), tg.tensor([b, b]), { preconditioner, maxIterations: 30 }),
    );
    expect(await values(other!.iterations)).toEqual(await values(one!.iterations));
    const [x, y] = [await values(one!.x), await values(other!.x)];
    expect(size(x.map((v, i) => v - y[i]!))).toBeLessThan(1e-4 * size(x));
  });

  test("the inverse of A is the best one: a single iteration", async () => {
    const known = tg.tensor(symmetric(spread(n, 20), 16));
    const inverse = linalg.inverse(known);
    const found = linalg.cg(known, tg.tensor(b), {
      preconditioner: (r) => tg.matmul(r, inverse),
      tolerance: 1e-4,
    });
    expect(await values(found.iterations)).toEqual([1]);
    expect(await values(found.converged)).toEqual([1]);
  });
});

describe("derivatives are those of the solution", () => {
  const n = 6;
  const definite = (w: Tensor): Tensor => tg.add(tg.matmul(w, tg.transpose(w, -1, -2)), tg.eye(n));
  const options = { tolerance: 1e-6, maxIterations: 20 };
  const w = () => tg.tensor(randomMatrix(n, 21));
  const b = () => tg.tensor([random(n, 22), random(n, 23)]);

  test.each([
    ["one matrix", (a: Tensor, v: Tensor) => linalg.cg(definite(a), v, options).x],
    [
      "a function of captured tensors",
      (a: Tensor, v: Tensor) =>
        linalg.cg((p) => tg.add(tg.matmul(tg.matmul(p, a), tg.transpose(a, 0, 1)), p), v, {
          ...options,
          preconditioner: (r) => tg.mul(r, tg.exp(tg.mul(tg.sum(a), 0))),
        }).x,
    ],
  ])("%s: against differences, twice", async (what, fn) => {
    await checkGradient(tg, {
      what,
      fn: ([a, v]) => [fn(a!, v!)],
      inputs: [w(), b()],
      tolerance: 2e-3,
    });
  });

  test("a function gives the gradient that its matrix gives", async () => {
    const byMatrix = (a: Tensor, v: Tensor): Tensor =>
      tg.sum(tg.square(linalg.cg(definite(a), v, options).x));
    const byFunction = (a: Tensor, v: Tensor): Tensor => {
      const A = definite(a);
      return tg.sum(tg.square(linalg.cg((p) => tg.matmul(p, A), v, options).x));
    };
    const bySolve = (a: Tensor, v: Tensor): Tensor =>
      tg.sum(tg.square(linalg.solve(definite(a), tg.transpose(v, 0, 1))));
    const [m, f, s] = await Promise.all(
      [byMatrix, byFunction, bySolve].map((fn) => values(tg.grad(fn)(w(), b()))),
    );
    const bound = 1e-4 * size(s!);
    expect(size(m!.map((v, i) => v - s![i]!))).toBeLessThan(bound);
    expect(size(f!.map((v, i) => v - s![i]!))).toBeLessThan(bound);
  });

  test("forward mode is the transpose of reverse mode", async () => {
    const da = tg.tensor(randomMatrix(n, 24));
    const db = tg.tensor([random(n, 25), random(n, 26)]);
    const g = tg.tensor([random(n, 27), random(n, 28)]);
    for (const fn of [
      (a: Tensor, v: Tensor) => linalg.cg(definite(a), v, options).x,
      (a: Tensor, v: Tensor) => {
        const A = definite(a);
        return linalg.cg((p) => tg.matmul(p, A), v, options).x;
      },
    ]) {
      const { tangent } = tg.jvp(fn, [w(), b()], [da, db]);
      const { pullback } = tg.vjp(fn, w(), b());
      const [ga, gb] = pullback(g);
      const forward = await tg.sum(tg.mul(tangent, g)).item();
      const reverse = await tg.add(tg.sum(tg.mul(ga, da)), tg.sum(tg.mul(gb, db))).item();
      expect(Math.abs(forward - reverse)).toBeLessThan(1e-4 * (1 + Math.abs(forward)));
    }
  });

  test("lanes are more systems, with the same results and gradients", async () => {
    const ws = tg.tensor([randomMatrix(n, 31), randomMatrix(n, 32), randomMatrix(n, 33)]);
    const loss = (a: Tensor, v: Tensor): Tensor => {
      const A = definite(a);
      const one = linalg.cg(A, v, options).x;
      const two = linalg.cg((p) => tg.matmul(p, A), v, {
        ...options,
        preconditioner: (r) => tg.mul(r, 0.5),
      }).x;
      return tg.sum(tg.mul(one, two));
    };
    const right = b();
    const together = await values(tg.vmap((a: Tensor) => tg.grad(loss)(a, right))(ws));
    const apart = await Promise.all(
      [0, 1, 2].map((i) => values(tg.grad(loss)(tg.select(ws, 0, i), right))),
    );
    expect(size(together.map((v, i) => v - apart.flat()[i]!))).toBeLessThan(
      1e-4 * size(apart.flat()),
    );
  });

  test("compiled it gives the same bits", async () => {
    const fn = (a: Tensor, v: Tensor) => {
      const A = definite(a);
      const { x, iterations } = linalg.cg((p) => tg.matmul(p, A), v, options);
      return { x, iterations };
    };
    const compiled = tg.compile(fn);
    const [eager, replayed] = [fn(w(), b()), compiled(w(), b())];
    expect(await values(replayed.x)).toEqual(await values(eager.x));
    expect(await values(replayed.iterations)).toEqual(await values(eager.iterations));
  });
});

describe("wrong arguments", () => {
  const a = () => tg.eye(3);
  const b = () => tg.ones([3]);
  test.each<[string, () => unknown, RegExp]>([
    ["A that is not square", () => linalg.cg(tg.ones([3, 2]), b()), /A has shape \[3, 2\]/],
    ["b of another length", () => linalg.cg(a(), tg.ones([4])), /A \[3, 3\] and b \[4\] do not/],
    ["a scalar b", () => linalg.cg(a(), tg.tensor(1)), /b has shape \[\]/],
    ["x0 of another shape", () => linalg.cg(a(), b(), { x0: tg.ones([2, 3]) }), /x0 has shape/],
    ["a negative tolerance", () => linalg.cg(a(), b(), { tolerance: -1 }), /tolerance -1 must/],
    ["half an iteration", () => linalg.cg(a(), b(), { maxIterations: 0.5 }), /maxIterations 0.5/],
    [
      "a product of another shape",
      () => linalg.cg((v) => tg.sum(v), b()),
      /A gave shape \[\] for a vector of shape \[3\]/,
    ],
    ["integers", () => linalg.cg(a(), tg.tensor([1, 2, 3], { dtype: "i32" })), /b has dtype i32/],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(message);
  });
});

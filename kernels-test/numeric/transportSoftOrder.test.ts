import { beforeAll, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import { expectClose } from "../harness";
import { numericGradient } from "../numericDerivatives";
import * as reference from "../reference/transport/softOrder";
import { normals } from "../samples";

const { softSort, softRank, softQuantile, softTopK } = tg.transport;

/** Solved to a marginal error of 1e-6: as much of the range. */
const fine = { tolerance: 1e-6, maxIterations: 120 };
const close = { relative: 2e-5, absolute: 2e-5 };
const slope = { relative: 1e-3, absolute: 2e-4 };

beforeAll(async () => {
  await tg.init();
});

const numbers = normals(9, 3, 2, 1);
const kinds = {
  softSort: {
    ours: (x: tg.Tensor, epsilon: number) => softSort(x, { epsilon, ...fine }),
    theirs: (x: ArrayLike<number>, epsilon: number) => reference.softSort(x, epsilon),
  },
  "softSort to 5": {
    ours: (x: tg.Tensor, epsilon: number) => softSort(x, { epsilon, targets: 5, ...fine }),
    theirs: (x: ArrayLike<number>, epsilon: number) => reference.softSort(x, epsilon, 5),
  },
  softRank: {
    ours: (x: tg.Tensor, epsilon: number) => softRank(x, { epsilon, ...fine }),
    theirs: (x: ArrayLike<number>, epsilon: number) => reference.softRank(x, epsilon),
  },
  softTopK: {
    ours: (x: tg.Tensor, epsilon: number) => softTopK(x, 3, { epsilon, ...fine }),
    theirs: (x: ArrayLike<number>, epsilon: number) => reference.softTopK(x, 3, epsilon),
  },
  softQuantile: {
    ours: (x: tg.Tensor, epsilon: number) =>
      softQuantile(x, [0, 0.3, 0.5, 1], { epsilon, ...fine }),
    theirs: (x: ArrayLike<number>, epsilon: number) =>
      [0, 0.3, 0.5, 1].map((q) => reference.softQuantile(x, q, epsilon)),
  },
} as const;

describe.each(Object.entries(kinds))("%s", (_, { ours, theirs }) => {
  test.each([0.3, 0.05])("agrees with f64 at epsilon %d", async (epsilon) => {
    expectClose(await ours(tg.tensor(numbers), epsilon).data(), theirs(numbers, epsilon), close);
  });

  test("has the gradient of f64", async () => {
    const x = tg.tensor(numbers);
    const shape = tg.scope(() => ours(x, 0.1).shape);
    const w = normals(shape[0]!, 5);
    const dx = tg.grad((t: tg.Tensor) => tg.sum(tg.mul(ours(t, 0.1), tg.tensor(w))))(x);
    const expected = numericGradient(
      (at) => theirs(at, 0.1).reduce((s, v, k) => s + v * w[k]!, 0),
      numbers,
      1e-4,
    );
    expectClose(await dx.data(), expected, slope);
  });

  test("is the same for other units: it moves with shifts and scales of x, or not at all", async () => {
    const of = async (scale: number, shift: number) =>
      ours(tg.tensor(numbers.map((v) => v * scale + shift)), 0.05).data();
    const plain = await of(1, 0);
    const values = theirs === kinds.softRank.theirs || theirs === kinds.softTopK.theirs;
    for (const [scale, shift] of [
      [2 ** -12, 0],
      [1024, 2048],
    ] as const) {
      const moved = values ? plain : plain.map((v) => v * scale + shift);
      const size = values ? 1 : scale;
      expectClose(await of(scale, shift), moved, { relative: 2e-5, absolute: 2e-4 * size });
    }
  });
});

test.each([
  ["softSort", softSort],
  ["softRank", softRank],
] as const)("%s takes each row of a batch alone, along any dimension", async (_, apply) => {
  const x = normals(2 * 6 * 3, 7);
  const options = { epsilon: 0.05, maxIterations: 100 };
  const together = await apply(tg.tensor(x, { shape: [2, 6, 3] }), { ...options, dim: 1 }).data();
  for (const [b, k] of [
    [0, 0],
    [1, 2],
  ] as const) {
    const place = (i: number): number => b * 18 + i * 3 + k;
    const own = Float32Array.from({ length: 6 }, (_, i) => x[place(i)]!);
    const part = Array.from({ length: 6 }, (_, i) => together[place(i)]!);
    const alone = await apply(tg.tensor(own), options).data();
    expectClose(part, alone, { relative: 1e-5, absolute: 1e-5 });
  }
});

describe("as epsilon goes to 0", () => {
  const tiny = { epsilon: 1e-5, maxIterations: 40 };
  test.each([1, 2, 7, 64])("%d numbers are sorted, ranked and masked", async (n) => {
    const x = Float32Array.from({ length: n }, (_, k) => ((k * 37 + 11) % 101) / 10);
    const t = tg.tensor(x);
    const order = [...x].sort((a, b) => a - b);
    const allowed = { relative: 0, absolute: 0.02 };
    expectClose(await softSort(t, tiny).data(), order, allowed);
    expectClose(
      await softSort(t, { ...tiny, descending: true }).data(),
      [...order].reverse(),
      allowed,
    );
    expectClose(
      await softRank(t, tiny).data(),
      [...x].map((v) => order.indexOf(v)),
      allowed,
    );
    expectClose(
      await softRank(t, { ...tiny, descending: true }).data(),
      [...x].map((v) => n - 1 - order.indexOf(v)),
      allowed,
    );
    const k = Math.ceil(n / 3);
    expectClose(
      await softTopK(t, k, tiny).data(),
      [...x].map((v) => +(order.indexOf(v) >= n - k)),
      allowed,
    );
    expectClose(
      await softTopK(t, k, { ...tiny, largest: false }).data(),
      [...x].map((v) => +(order.indexOf(v) < k)),
      allowed,
    );
    const q = [0, 0.25, 0.5, 0.77, 1];
    expectClose(
      await softQuantile(t, q, tiny).data(),
      await tg.quantile(t, tg.tensor(q)).data(),
      allowed,
    );
  });

  test("the error falls with epsilon", async () => {
    const order = await tg.sort(tg.tensor(numbers)).values.data();
    const errors: number[] = [];
    for (const epsilon of [0.1, 0.01, 0.001, 0.0001]) {
      const sorted = await softSort(tg.tensor(numbers), { epsilon }).data();
      errors.push(Math.max(...sorted.map((v, k) => Math.abs(v - order[k]!))));
    }
    expect(errors).toEqual([...errors].sort((a, b) => b - a));
    expect(errors.at(-1)).toBeLessThan(1e-3);
  });
});

describe("whatever epsilon", () => {
  const long = { tolerance: 1e-6, maxIterations: 300 };

  test.each([1, 0.1, 0.01, 0.001])("results keep order and sums at %d", async (epsilon) => {
    const x = normals(50, 11);
    const t = tg.tensor(x);
    const sorted = await softSort(t, { epsilon, ...long }).data();
    for (let k = 1; k < 50; k++) expect(sorted[k]!).toBeGreaterThanOrEqual(sorted[k - 1]! - 1e-5);
    const mean = [...x].reduce((a, b) => a + b) / 50;
    expectClose([[...sorted].reduce((a, b) => a + b) / 50], [mean], {
      relative: 0,
      absolute: 1e-5,
    });
    const ranks = await softRank(t, { epsilon, ...long }).data();
    const ascending = [...x.keys()].sort((a, b) => x[a]! - x[b]!);
    for (let k = 1; k < 50; k++)
      expect(ranks[ascending[k]!]!).toBeGreaterThanOrEqual(ranks[ascending[k - 1]!]! - 1e-4);
    expectClose([[...ranks].reduce((a, b) => a + b)], [(50 * 49) / 2], {
      relative: 1e-5,
      absolute: 0,
    });
    const mask = await softTopK(t, 7, { epsilon, ...long }).data();
    expect([...mask].every((v) => v >= 0 && v <= 1 + 1e-6)).toBe(true);
    expectClose([[...mask].reduce((a, b) => a + b)], [7], { relative: 1e-4, absolute: 0 });
  });

  test("equal numbers have equal ranks, the mean of those they take up", async () => {
    const x = tg.tensor([2, 1, 2, 3, 2]);
    expectClose(await softRank(x, { epsilon: 1e-5 }).data(), [2, 0, 2, 4, 2], {
      relative: 0,
      absolute: 1e-3,
    });
    expectClose(await softTopK(x, 2, { epsilon: 1e-5 }).data(), [1 / 3, 0, 1 / 3, 1, 1 / 3], {
      relative: 0,
      absolute: 1e-3,
    });
    expectClose(await softSort(x, { epsilon: 1e-5 }).data(), [1, 2, 2, 2, 3], {
      relative: 0,
      absolute: 1e-3,
    });
  });

  test("numbers that all agree keep finite results and gradients", async () => {
    const x = tg.tensor([5, 5, 5, 5]);
    expectClose(await softSort(x).data(), [5, 5, 5, 5], { relative: 1e-6, absolute: 0 });
    expectClose(await softRank(x).data(), [1.5, 1.5, 1.5, 1.5], { relative: 1e-4, absolute: 0 });
    const w = tg.tensor([1, 2, 3, 4]);
    for (const fn of [softSort, softRank]) {
      const dx = await tg
        .grad((t: tg.Tensor) => tg.sum(tg.mul(fn(t), w)))(x)
        .data();
      expect([...dx].every(Number.isFinite)).toBe(true);
    }
  });

  test("without squashing epsilon is in units of the square of x", async () => {
    const x = tg.tensor([0.1, 0.9, 0.45]);
    const hard = await softSort(x, { epsilon: 1e-4, squash: false }).data();
    expectClose(hard, [0.1, 0.45, 0.9], { relative: 0, absolute: 1e-4 });
  });
});

test("compiled and under vmap they are what they are", async () => {
  const x = tg.tensor(normals(12, 13), { shape: [3, 4] });
  const options = { epsilon: 0.05, maxIterations: 60 };
  const of = (t: tg.Tensor) => softRank(t, options);
  const plain = await of(x).data();
  expectClose(await tg.vmap(of)(x).data(), plain, { relative: 1e-5, absolute: 1e-5 });
  const compiled = tg.compile(of);
  expectClose(await compiled(x).data(), plain, { relative: 1e-5, absolute: 1e-5 });
  compiled.dispose();
});

test("bf16 is computed in f32, and given back as bf16", async () => {
  const x = tg.to(tg.tensor([3, 1, 2]), "bf16");
  const ranks = softRank(x, { epsilon: 1e-4 });
  expect(ranks.dtype).toBe("bf16");
  expectClose(await ranks.data(), [2, 0, 1], { relative: 0, absolute: 0.01 });
});

test("a scatter of losses is trained to a lower quantile by its gradient", async () => {
  let x = tg.tensor(normals(20, 17));
  const at = async (): Promise<number> => (await tg.quantile(x, 0.9).data())[0]!;
  const before = await at();
  const step = tg.grad((t: tg.Tensor) => softQuantile(t, 0.9, { maxIterations: 50 }));
  for (let k = 0; k < 10; k++) x = tg.scope(() => tg.sub(x, step(x)));
  expect(await at()).toBeLessThan(before - 0.3);
});

test("they say what is wrong with their arguments", () => {
  const x = tg.tensor([1, 2, 3]);
  expect(() => softSort(tg.tensor(1))).toThrow(/softSort: x is a scalar/);
  expect(() => softRank(tg.zeros([3, 0]))).toThrow(/softRank: shape \[3, 0\] has no numbers/);
  expect(() => softSort(tg.tensor([1, 2], { dtype: "i32" }))).toThrow(/x has dtype i32/);
  expect(() => softSort(x, { epsilon: 0 })).toThrow(/softSort: epsilon 0 must be/);
  expect(() => softSort(x, { targets: 0 })).toThrow(/targets 0 must be/);
  expect(() => softSort(x, { dim: 3 })).toThrow(/dim/);
  expect(() => softTopK(x, 4)).toThrow(/k 4 must be a whole number from 1 to 3/);
  expect(() => softQuantile(x, 1.5)).toThrow(/q 1.5 must be from 0 to 1/);
  expect(() => softQuantile(x, [])).toThrow(/names no level/);
});

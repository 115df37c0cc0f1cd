/** Reductions in every variant: lengths around their chunks, accuracy, order, and nothing to reduce. */
import { ShapeError } from "../../src/errors";
import { forcedReduceVariant, type ReduceVariant, reduceVariants } from "../../src/ops/reduce";
import type { Tensor } from "../../src/tensor/tensor";
import type { Case, Tilegrad } from "../caseModules";
import { assert, expectClose, expectEqual, expectThrows } from "../harness";
import { spaced } from "../primitives/operand";

const { NaN: nan, NEGATIVE_INFINITY: least, POSITIVE_INFINITY: greatest } = Number;

/** Runs the check in each variant. */
const inEveryVariant = (name: string, check: (tg: Tilegrad) => Promise<void>): Case[] =>
  [...reduceVariants.candidates("columns"), "rows" as const].map((variant) => ({
    name: `${name} (${variant})`,
    async run(tg) {
      forcedReduceVariant.current = variant;
      try {
        await check(tg);
      } finally {
        forcedReduceVariant.current = null;
      }
    },
  }));

const total = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

/** Sums, of every other kind of operand that has columns or rows of vec4s or only nearly so, in one variant. */
async function sumsOfVectors(tg: Tilegrad, variant: ReduceVariant): Promise<number[]> {
  forcedReduceVariant.current = variant;
  try {
    const results = tg.scope(() => {
      const x = tg.tensor(spaced(40_000, -1, 1, 7));
      const rows = [1, 3, 4, 5, 1023, 1025, 2500].map((n) =>
        tg.sum(tg.reshape(tg.narrow(x, 0, 0, 12 * n), [n, 12]), { dim: 0 }),
      );
      const along = [1, 4, 5, 16, 64, 1024, 1028, 2500].flatMap((n) =>
        [1, 3, 4, 9].map((m) => tg.sum(tg.reshape(tg.narrow(x, 0, 0, m * n), [m, n]), { dim: 1 })),
      );
      const deep = tg.reshape(tg.narrow(x, 0, 0, 3 * 5 * 2 * 8), [3, 5, 2, 8]);
      return [
        ...rows,
        ...along,
        tg.sum(x),
        tg.mean(deep, { dim: 3 }),
        tg.max(deep, { dim: [2, 3] }),
        tg.min(tg.permute(deep, [2, 0, 1, 3]), { dim: 3 }),
        tg.prod(tg.narrow(tg.reshape(tg.narrow(x, 0, 0, 160), [10, 16]), 1, 4, 8), { dim: 1 }),
        tg.sum(tg.narrow(tg.reshape(tg.narrow(x, 0, 0, 160), [10, 16]), 1, 1, 8), { dim: 1 }),
        tg.sum(tg.expand(tg.reshape(tg.narrow(x, 0, 0, 16), [1, 16]), [6, 16]), { dim: 1 }),
        tg.sum(tg.to(tg.mul(deep, 9), "i32"), { dim: [2, 3] }),
        tg.sum(deep, { dim: 0 }),
        tg.mean(deep, { dim: 1 }),
        tg.max(deep, { dim: [0, 2] }),
        tg.min(tg.permute(deep, [2, 1, 0, 3]), { dim: [0, 2] }),
        // Not aligned, not neighbours, not a multiple of four.
        tg.sum(tg.reshape(tg.narrow(x, 0, 1, 80), [10, 8]), { dim: 0 }),
        tg.sum(tg.slice(tg.reshape(tg.narrow(x, 0, 0, 160), [10, 16]), { dim: 1, step: 2 }), {
          dim: 0,
        }),
        tg.sum(tg.reshape(tg.narrow(x, 0, 0, 70), [10, 7]), { dim: 0 }),
        tg.sum(tg.to(tg.mul(deep, 9), "i32"), { dim: 0 }),
      ];
    });
    const all: number[] = [];
    for (const t of results) {
      all.push(...(await t.data()));
      t.dispose();
    }
    return all;
  } finally {
    forcedReduceVariant.current = null;
  }
}

const variants: Case[] = [
  {
    name: "columns in vec4s have the bits of columns one by one",
    async run(tg) {
      expectEqual(await sumsOfVectors(tg, "columns"), await sumsOfVectors(tg, "serial"));
    },
  },
  {
    name: "rows in vec4s have the bits of rows one by one",
    async run(tg) {
      expectEqual(await sumsOfVectors(tg, "rows"), await sumsOfVectors(tg, "serial"));
    },
  },
  {
    name: "maxima and minima of vec4s let NaN through, wherever it lies",
    async run(tg) {
      for (const at of [0, 1, 2, 3, 4, 21, 35])
        for (const variant of ["rows", "columns"] as const) {
          forcedReduceVariant.current = variant;
          const values = Float32Array.from({ length: 36 }, (_, i) => (i === at ? nan : -i));
          const shape = variant === "rows" ? [1, 36] : [9, 4];
          const dim = variant === "rows" ? 1 : 0;
          const results = tg.scope(() => {
            const x = tg.tensor(values, { shape });
            return [tg.max(x, { dim }), tg.min(x, { dim })];
          });
          forcedReduceVariant.current = null;
          for (const t of results) {
            const found = Array.from(await t.data());
            expectEqual(
              found.map((v) => Number.isNaN(v)),
              found.map((_, c) => variant === "rows" || c === at % 4),
            );
            t.dispose();
          }
        }
    },
  },
  {
    name: "vec4s are taken where rows or columns consist of them",
    async run() {
      const of = reduceVariants.defaultChoice;
      expectEqual(
        [of("wasm", 9, 16, "rows"), of("software", 9, 16, "columns"), of("wasm", 9, 16, "none")],
        ["rows", "columns", "serial"],
      );
      expectEqual(
        [of("hardware", 65535, 64, "rows"), of("hardware", 65535, 63, "rows")],
        ["workgroup", "rows"],
      );
      assert(!reduceVariants.isApplicable("rows", "columns"), "rows are no columns");
    },
  },
  ...inEveryVariant("rows of every length near a power of two are summed whole", async (tg) => {
    for (const length of [1, 3, 4, 5, 63, 64, 65, 255, 256, 257, 1023, 1024, 1025, 3000]) {
      const x = spaced(2 * length, 0, 1, length);
      const sums = tg.scope(() => tg.tensor(x, { shape: [2, length] }).sum({ dim: 1 }));
      const expected = [total(x.slice(0, length)), total(x.slice(length))];
      expectClose(await sums.data(), expected, { relative: 5e-7, absolute: 0 }, `${length}`);
      sums.dispose();
    }
  }),
  ...inEveryVariant("a million numbers are summed to 1e-6", async (tg) => {
    const x = spaced(1_000_003, 0, 1, 3);
    const sum = tg.scope(() => tg.tensor(x).sum());
    expectClose([await sum.item()], [total(x)], { relative: 1e-6, absolute: 0 });
    sum.dispose();
  }),
  ...inEveryVariant("products of every length near a power of two are whole", async (tg) => {
    for (const length of [1, 3, 4, 5, 63, 64, 65, 255, 256, 257, 1023, 1024, 1025, 3000]) {
      const x = spaced(2 * length, 0.99, 1.01, length);
      const products = tg.scope(() => tg.tensor(x, { shape: [2, length] }).prod({ dim: 1 }));
      const whole = (row: Float32Array) => Array.from(row).reduce((a, b) => a * b, 1);
      const expected = [whole(x.slice(0, length)), whole(x.slice(length))];
      // A product of n rounds n times, each by at most 6e-8 of itself.
      const close = { relative: 1e-6 + length * 1.2e-8, absolute: 0 };
      expectClose(await products.data(), expected, close, `${length}`);
      products.dispose();
    }
  }),
  ...inEveryVariant("maximum, minimum and mean over any dimensions of a view", async (tg) => {
    const shape = [3, 5, 4];
    const values = spaced(60, -1, 1, 5);
    const view = tg.scope(() => tg.tensor(values, { shape }).permute([2, 0, 1]));
    const at = (k: number, i: number, j: number) => values[(i * 5 + j) * 4 + k]!;
    const group = (k: number, j: number) => [0, 1, 2].map((i) => at(k, i, j));
    const keys = [0, 1, 2, 3].flatMap((k) => [0, 1, 2, 3, 4].map((j) => [k, j] as const));
    const expected = (fn: (v: number[]) => number) => keys.map(([k, j]) => fn(group(k, j)));
    const results = tg.scope(() => [
      view.max({ dim: 1 }),
      view.min({ dim: 1 }),
      view.mean({ dim: 1 }),
    ]);
    const close = { relative: 5e-7, absolute: 1e-7 };
    expectEqual(
      await results[0]!.data(),
      expected((v) => Math.max(...v)),
    );
    expectEqual(
      await results[1]!.data(),
      expected((v) => Math.min(...v)),
    );
    expectClose(
      await results[2]!.data(),
      expected((v) => total(v) / 3),
      close,
    );
    for (const t of [...results, view]) t.dispose();
  }),
  ...inEveryVariant("integers and truth values are reduced exactly", async (tg) => {
    const values = Int32Array.from({ length: 3000 }, (_, i) => (i % 2 ? -1 : 1) * (i * 7919));
    const x = tg.tensor(values);
    expectEqual(await x.sum().item(), total(values) | 0);
    expectEqual(await x.max().item(), Math.max(...values));
    expectEqual(await x.min().item(), Math.min(...values));
    const u = tg.tensor(Uint32Array.of(4294967295, 5, 7));
    expectEqual(
      [await u.max().item(), await u.min().item(), await u.sum().item()],
      [4294967295, 5, 11],
    );
    const late = x.eq(values[2999]!);
    expectEqual([await late.any().item(), await late.all().item()], [1, 0]);
    expectEqual(await late.sum().item(), 1);
    const factors = tg.tensor(Int32Array.from({ length: 300 }, (_, i) => (i % 60 === 7 ? -3 : 1)));
    expectEqual(await factors.prod().item(), -243);
  }),
  ...inEveryVariant("NaN wins over every number, wherever it stands", async (tg) => {
    for (const place of [0, 1, 500, 1999]) {
      const values = spaced(2000, -1, 1, 9);
      values[place] = nan;
      const x = tg.tensor(values);
      for (const t of [x.max(), x.min(), x.sum(), x.mean()])
        assert(Number.isNaN(await t.item()), `NaN at ${place} was lost`);
      expectEqual([await x.argmax().item(), await x.argmin().item()], [place, place]);
    }
  }),
  ...inEveryVariant("infinities are extrema like other numbers", async (tg) => {
    const x = tg.tensor([1, least, 3, greatest]);
    expectEqual([await x.max().item(), await x.min().item()], [greatest, least]);
    const low = tg.tensor([least, least]);
    expectEqual([await low.max().item(), await low.argmax().item()], [least, 0]);
  }),
  ...inEveryVariant("the same numbers give the same bits every time", async (tg) => {
    const x = tg.tensor(spaced(20_000, -1, 1, 11), { shape: [2, 10_000] });
    const runs: Tensor[] = [0, 1, 2].map(() => x.sum({ dim: 1 }));
    const [first, ...others] = await tg.readAll(runs);
    for (const other of others) expectEqual(other, first!);
  }),
];

const edges: Case[] = [
  {
    name: "nothing to reduce: 0, false, true; no extremum",
    async run(tg) {
      const none = tg.zeros([0, 3]);
      expectEqual(await none.sum({ dim: 0 }).data(), [0, 0, 0]);
      expectEqual(await none.sum().item(), 0);
      expectEqual(await none.prod({ dim: 0 }).data(), [1, 1, 1]);
      expectEqual(await none.to("bool").any({ dim: 0 }).data(), [0, 0, 0]);
      expectEqual(await none.to("bool").all({ dim: 0 }).data(), [1, 1, 1]);
      expectEqual(none.sum({ dim: 1 }).shape, [0]);
      expectEqual(none.max({ dim: 1 }).shape, [0]);
      for (const op of ["max", "min", "argmax", "argmin"] as const)
        expectThrows(() => none[op]({ dim: 0 }), ShapeError, /no elements to choose from/);
      expectThrows(() => none.argmax(), ShapeError, /no elements to choose from/);
    },
  },
  {
    name: "a view of nothing at the end of its buffer can be reduced",
    async run(tg) {
      const [, , end] = tg.split(tg.ones([64, 4]), [60, 4, 0]);
      expectEqual(await end!.sum({ dim: 0 }).data(), [0, 0, 0, 0]);
    },
  },
  {
    name: "dim may be negative, one or several; keepdim keeps sizes of 1",
    async run(tg) {
      const x = tg.ones([2, 3, 4]);
      const shapes: [Tensor, number[]][] = [
        [x.sum(), []],
        [x.sum({ keepdim: true }), [1, 1, 1]],
        [x.sum({ dim: -1 }), [2, 3]],
        [x.sum({ dim: [0, -1], keepdim: true }), [1, 3, 1]],
        [x.sum({ dim: [2, 0] }), [3]],
        [x.argmax({ dim: -2, keepdim: true }), [2, 1, 4]],
        [x.argmax({ keepdim: true }), [1, 1, 1]],
        [x.variance({ dim: 1, keepdim: true }), [2, 1, 4]],
      ];
      for (const [t, shape] of shapes) expectEqual(t.shape, shape);
      expectThrows(() => x.sum({ dim: 3 }), ShapeError, /sum: dim 3 is out of range/);
      expectThrows(
        () => x.sum({ dim: [1, -2] }),
        ShapeError,
        /sum: dims \[1, 1\] name a dimension/,
      );
    },
  },
  {
    name: "the variance of numbers far from 0 keeps its accuracy",
    async run(tg) {
      const x = spaced(1000, 9999, 10001, 13);
      const mean = total(x) / 1000;
      const deviations = Array.from(x, (v) => (v - mean) ** 2);
      const t = tg.tensor(x);
      const close = { relative: 2e-4, absolute: 0 };
      expectClose([await t.variance().item()], [total(deviations) / 999], close);
      expectClose([await t.variance({ correction: 0 }).item()], [total(deviations) / 1000], close);
    },
  },
];

export const cases: Case[] = [...variants, ...edges];

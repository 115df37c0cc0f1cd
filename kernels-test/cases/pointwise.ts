/** Special values, element types, and numbers beside tensors. */
import type { DType } from "../../src/tensor/dtype";
import type { Tensor } from "../../src/tensor/tensor";
import type { Case, Tilegrad } from "../caseModules";
import { expectClose, expectEqual } from "../harness";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

/** Some drivers flush numbers below 2^-126 to 0. */
const flushed = { relative: 0, absolute: 2 ** -126 };
const ulps = { relative: 2 ** -21, absolute: 0 };

async function values(tg: Tilegrad, make: () => Tensor): Promise<number[]> {
  const t = tg.scope(make);
  const read = Array.from(await t.data());
  t.dispose();
  return read;
}

const saturation: Case[] = [
  {
    name: "saturating functions reach their limits and stay finite",
    async run(tg) {
      const far = () => tg.tensor([-1000, -100, -30, 30, 100, 1000]);
      const limits: [(x: Tensor) => Tensor, number[]][] = [
        [(x) => x.tanh(), [-1, -1, -1, 1, 1, 1]],
        [(x) => x.erf(), [-1, -1, -1, 1, 1, 1]],
        [(x) => x.sigmoid(), [0, 0, Math.exp(-30), 1, 1, 1]],
        [(x) => x.softplus(), [0, 0, Math.exp(-30), 30, 100, 1000]],
        [(x) => x.silu(), [0, 0, -30 * Math.exp(-30), 30, 100, 1000]],
        [(x) => x.gelu(), [0, 0, 0, 30, 100, 1000]],
        [(x) => x.gelu("tanh"), [0, 0, 0, 30, 100, 1000]],
        [(x) => x.expm1(), [-1, -1, -1, Math.expm1(30), inf, inf]],
        [(x) => x.exp(), [0, 0, Math.exp(-30), Math.exp(30), inf, inf]],
      ];
      for (const [fn, expected] of limits) {
        const got = await values(tg, () => fn(far()));
        expectClose(got, expected, { relative: 1e-5, absolute: 1e-35 }, fn.toString());
      }
    },
  },
  {
    name: "small arguments keep their relative accuracy",
    async run(tg) {
      const small = [1e-3, -1e-5, 1e-10, -1e-20, 1e-30];
      const functions: [(x: Tensor) => Tensor, (x: number) => number][] = [
        [(x) => x.tanh(), Math.tanh],
        [(x) => x.expm1(), Math.expm1],
        [(x) => x.log1p(), Math.log1p],
        [(x) => x.sin(), Math.sin],
        [(x) => x.erf(), (x) => (2 / Math.sqrt(Math.PI)) * (x - x ** 3 / 3)],
      ];
      for (const [fn, expected] of functions)
        expectClose(
          await values(tg, () => fn(tg.tensor(small))),
          small.map((v) => expected(Math.fround(v))),
          ulps,
          fn.toString(),
        );
    },
  },
  {
    name: "sine and cosine hold to 1,000 radians",
    async run(tg) {
      const far = Array.from({ length: 101 }, (_, i) => Math.fround((i - 50) * 19.97));
      const near = { relative: 0, absolute: 3e-7 };
      expectClose(await values(tg, () => tg.tensor(far).sin()), far.map(Math.sin), near, "sin");
      expectClose(await values(tg, () => tg.tensor(far).cos()), far.map(Math.cos), near, "cos");
    },
  },
  {
    name: "logarithms and roots at the ends of where they are defined, and beyond",
    async run(tg) {
      const edge = () => tg.tensor([0, 1, -1, inf, nan]);
      expectEqual(await values(tg, () => edge().log()), [-inf, 0, nan, inf, nan]);
      expectEqual(await values(tg, () => edge().sub(1).log1p()), [-inf, 0, nan, inf, nan]);
      expectEqual(await values(tg, () => edge().sqrt()), [0, 1, nan, inf, nan]);
      expectEqual(await values(tg, () => edge().rsqrt()), [inf, 1, nan, 0, nan]);
      expectEqual(await values(tg, () => edge().reciprocal()), [inf, 1, -1, 0, nan]);
      expectEqual(await values(tg, () => tg.tensor([1, 4]).div(0)), [inf, inf]);
    },
  },
];

const special: Case[] = [
  {
    name: "powers of 0, of negative numbers and to special exponents",
    async run(tg) {
      const bases = [0, 0, 0, -2, -2, -2, -2, -8, 2, 5, -1, 9];
      const exponents = [0, 2, -1, 2, 3, -3, 0.5, 1 / 3, -1, 0, 101, 0.5];
      const expected = [1, 0, inf, 4, -8, -0.125, nan, nan, 0.5, 1, -1, 3];
      const got = await values(tg, () => tg.tensor(bases).pow(tg.tensor(exponents)));
      expectClose(got, expected, { relative: 1e-6, absolute: 0 });
      for (const [exponent, of] of [
        [2, 9],
        [3, -27],
        [1, -3],
        [0, 1],
        [-1, -1 / 3],
      ])
        expectClose(
          await values(tg, () => tg.tensor([-3]).pow(exponent!)),
          [of!],
          { relative: 2 ** -22, absolute: 0 },
          `(-3)^${exponent}`,
        );
    },
  },
  {
    name: "ties are rounded to even",
    async run(tg) {
      const x = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4999, 3.7];
      expectEqual(await values(tg, () => tg.tensor(x).round()), [-2, -2, 0, 0, 2, 2, 2, 4]);
    },
  },
  {
    name: "NaN wins in maximum and minimum, on either side, and passes through clamp and relu",
    async run(tg) {
      const a = () => tg.tensor([nan, 1, nan, 2]);
      const b = () => tg.tensor([1, nan, nan, 3]);
      expectEqual(await values(tg, () => a().maximum(b())), [nan, nan, nan, 3]);
      expectEqual(await values(tg, () => a().minimum(b())), [nan, nan, nan, 2]);
      expectEqual(await values(tg, () => a().clamp(-1, 1)), [nan, 1, nan, 1]);
      expectEqual(await values(tg, () => a().relu()), [nan, 1, nan, 2]);
    },
  },
  {
    name: "NaN differs from every number and from itself, and is in no order with any",
    async run(tg) {
      const a = () => tg.tensor([nan, 1, nan, 2, inf, nan]);
      const b = () => tg.tensor([1, nan, nan, 2, inf, inf]);
      expectEqual(await values(tg, () => a().ne(b())), [1, 1, 1, 0, 0, 1]);
      expectEqual(await values(tg, () => a().eq(b())), [0, 0, 0, 1, 1, 0]);
      expectEqual(await values(tg, () => a().lt(b())), [0, 0, 0, 0, 0, 0]);
      expectEqual(await values(tg, () => a().le(b())), [0, 0, 0, 1, 1, 0]);
    },
  },
  {
    name: "infinities and NaN pass unchanged through moves and where",
    async run(tg) {
      const x = [inf, -inf, nan, 0, 1];
      expectEqual(await values(tg, () => tg.tensor(x).clone()), x);
      expectEqual(await values(tg, () => tg.tensor(x).pad([1, 0], nan)), [nan, ...x]);
      const mask = () => tg.tensor([true, false, true, false, true]);
      expectEqual(await values(tg, () => tg.where(mask(), tg.tensor(x), -inf)), [
        inf,
        -inf,
        nan,
        -inf,
        1,
      ]);
      expectEqual(await values(tg, () => tg.full([2], nan)), [nan, nan]);
      expectEqual(await values(tg, () => tg.full([2], inf)), [inf, inf]);
    },
  },
  {
    name: "the smallest numbers are kept or flushed, never more than that",
    async run(tg) {
      const tiny = [2 ** -126, 2 ** -130, 2 ** -149, -(2 ** -140)];
      expectClose(await values(tg, () => tg.tensor(tiny).mul(1)), tiny, flushed);
      expectEqual(await values(tg, () => tg.tensor(tiny)), tiny, "written and read");
    },
  },
  {
    name: "integers wrap around",
    async run(tg) {
      const top = () => tg.tensor(Int32Array.of(2147483647, -2147483648));
      expectEqual(await values(tg, () => top().add(1)), [-2147483648, -2147483647]);
      expectEqual(await values(tg, () => top().mul(2)), [-2, 0]);
      expectEqual(await values(tg, () => tg.tensor(Uint32Array.of(0, 5)).sub(1)), [4294967295, 4]);
    },
  },
];

const dtypes: readonly DType[] = ["bool", "u32", "i32", "f32"];

const types: Case[] = [
  {
    name: "two types promote to the wider of bool, u32, i32, f16, f32",
    async run(tg) {
      for (const [i, a] of dtypes.entries())
        for (const [j, b] of dtypes.entries()) {
          if (a === "bool" && b === "bool") continue;
          const wider = dtypes[Math.max(i, j)]!;
          const t = tg.scope(() =>
            tg.tensor([1, 0, 1], { dtype: a }).add(tg.tensor([1, 1, 0], { dtype: b })),
          );
          expectEqual(t.dtype, wider, `${a} + ${b}`);
          expectEqual(await t.data(), [2, 1, 1], `${a} + ${b}`);
          t.dispose();
        }
    },
  },
  {
    name: "a number takes the tensor's type, and makes it f32 where it is not whole",
    async run(tg) {
      const cases: [Tensor, DType, number[]][] = [
        [tg.tensor(Int32Array.of(1, 2)).add(1), "i32", [2, 3]],
        [tg.tensor(Int32Array.of(1, 2)).add(0.5), "f32", [1.5, 2.5]],
        [tg.tensor(Uint32Array.of(1, 2)).mul(3), "u32", [3, 6]],
        [tg.tensor([1.5]).add(1), "f32", [2.5]],
        [tg.sub(10, tg.tensor([1, 2])), "f32", [9, 8]],
        [tg.tensor([true, false]).mul(2), "i32", [2, 0]],
        [tg.tensor(Int32Array.of(7, 2)).div(2), "f32", [3.5, 1]],
        [tg.tensor(Int32Array.of(2, 3)).pow(2), "f32", [4, 9]],
        [tg.tensor(Int32Array.of(0, 1)).exp(), "f32", [1, Math.fround(Math.E)]],
        [tg.tensor([true, false]).to("i32").clamp(0.5, 2), "f32", [1, 0.5]],
      ];
      for (const [t, dtype, expected] of cases) {
        expectEqual(t.dtype, dtype, "dtype");
        expectClose(await t.data(), expected, ulps);
        t.dispose();
      }
    },
  },
  {
    name: "casts to integers truncate and saturate, to bool they ask for 0",
    async run(tg) {
      const x = () => tg.tensor([-3e9, -1.9, -0.5, 0, 0.5, 1.9, 3e9, 5e9]);
      // WGSL lets the greatest f32 that fits stand for the greatest integer.
      const saturated = { relative: 2 ** -24, absolute: 0 };
      expectClose(
        await values(tg, () => x().to("i32")),
        [-2147483648, -1, 0, 0, 0, 1, 2147483647, 2147483647],
        saturated,
      );
      expectClose(
        await values(tg, () => x().to("u32")),
        [0, 0, 0, 0, 0, 1, 3e9, 4294967295],
        saturated,
      );
      expectEqual(await values(tg, () => x().to("bool")), [1, 1, 1, 0, 1, 1, 1, 1]);
      expectEqual(await values(tg, () => tg.tensor([nan, -0, inf]).to("bool")), [1, 0, 1]);
    },
  },
  {
    name: "comparisons give bool, with every pair of orders",
    async run(tg) {
      const [a, b] = [tg.tensor([1, 2, 3]), tg.tensor([2, 2, 2])];
      const expected: [Tensor, number[]][] = [
        [a.eq(b), [0, 1, 0]],
        [a.ne(b), [1, 0, 1]],
        [a.lt(b), [1, 0, 0]],
        [a.le(b), [1, 1, 0]],
        [a.gt(b), [0, 0, 1]],
        [a.ge(b), [0, 1, 1]],
        [tg.gt(2, a), [1, 0, 0]],
        [tg.le(2, a), [0, 1, 1]],
      ];
      for (const [t, wanted] of expected) {
        expectEqual(t.dtype, "bool");
        expectEqual(await t.data(), wanted);
        t.dispose();
      }
    },
  },
  {
    name: "f16 is stored in half the bytes and computed in f32",
    async run(tg) {
      if (!tg.currentDevice().executor.adapter.features.includes("shader-f16")) return;
      const x = tg.tensor([1, 2048, 0.1, 65504], { dtype: "f16" });
      expectEqual(await x.data(), [1, 2048, 0.0999755859375, 65504]);
      const sum = tg.sum(tg.full([4096], 1, { dtype: "f16" }));
      expectEqual([sum.dtype, await sum.item()], ["f16", 4096]);
      const wide = x.add(tg.tensor([1, 1, 1, 1]));
      expectEqual(wide.dtype, "f32");
      const view = x.slice({ dim: 0, start: 1 });
      expectEqual(await view.add(view).data(), [4096, 0.199951171875, inf]);
      const gradient = tg.grad((t: Tensor) => t.mul(t).sum())(x) as Tensor;
      expectEqual(gradient.dtype, "f16");
    },
  },
];

const methods: Case[] = [
  {
    name: "every operation of a tensor is a method too, with the same result",
    async run(tg) {
      const x = tg.tensor([0.5, 0.25, 0.75]);
      const prototype = tg.Tensor.prototype as unknown as Record<string, unknown>;
      const unary = ["exp", "log", "sqrt", "tanh", "relu", "neg", "abs", "square", "sin", "erf"];
      for (const name of unary) {
        const method = prototype[name] as (this: Tensor) => Tensor;
        const fn = (tg as unknown as Record<string, (t: Tensor) => Tensor>)[name]!;
        expectEqual(await method.call(x).data(), await fn(x).data(), name);
      }
      expectEqual(await x.add(1).mul(2).sub(x).data(), [2.5, 2.25, 2.75]);
      expectEqual(await x.where(x.gt(0.4), 0).data(), [0.5, 0, 0.75]);
    },
  },
];

export const cases: Case[] = [...saturation, ...special, ...types, ...methods];

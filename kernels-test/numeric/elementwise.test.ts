/** What samples cannot say of the elementwise functions: stated bounds, special values, bad arguments. */
import { beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors";
import * as tg from "../../src/node";
import { bind } from "../../src/ops/trace";
import { primitives } from "../../src/table";
import { expectClose, expectEqual } from "../harness";
import { erf } from "../reference/functions";
import * as special from "../reference/special";

type Tensor = tg.Tensor;
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const { fround, PI } = Math;

beforeAll(async () => {
  await tg.init();
});

/** The elements of what `make` gives, which is then freed. */
async function values(make: () => Tensor): Promise<number[]> {
  const t = tg.scope(make);
  const read = Array.from(await t.data());
  t.dispose();
  return read;
}

const of = (fn: (x: Tensor) => Tensor, x: readonly number[]) => values(() => fn(tg.tensor([...x])));
const gradient = (fn: (x: Tensor) => Tensor, x: readonly number[]) =>
  values(() => tg.grad((t: Tensor) => tg.sum(fn(t)))(tg.tensor([...x])) as Tensor);
const second = (fn: (x: Tensor) => Tensor, x: readonly number[]) =>
  gradient((t) => tg.grad((u: Tensor) => tg.sum(fn(u)))(t) as Tensor, x);

/** Evenly spaced f32 numbers. */
const spread = (low: number, high: number, count = 400): number[] =>
  Array.from({ length: count }, (_, i) => fround(low + ((i + 0.5) / count) * (high - low)));

/** The greatest error in units of the last place of the value, or of `least` where that is larger. */
function worstError(
  got: readonly number[],
  expected: readonly number[],
  least: readonly number[] = [],
): number {
  return got.reduce((worst, value, i) => {
    const size = Math.max(Math.abs(expected[i]!), least[i] ?? 0, 2 ** -126);
    const error = Math.abs(value - expected[i]!) / 2 ** (Math.floor(Math.log2(size)) - 23);
    return error <= worst ? worst : error;
  }, 0);
}

describe("the bounds that the special functions state", () => {
  const positive = [
    ...spread(0.01, 12),
    ...spread(0.9, 1.1, 99),
    ...spread(1.9, 2.1, 99),
    ...spread(1.45, 1.47, 99),
    ...spread(20, 1000, 50),
  ];
  const negative = spread(-9.9, -0.1, 332);

  test("lgamma is good to 6 ULP, also around its roots", async () => {
    expect(worstError(await of(tg.lgamma, positive), positive.map(special.lgamma))).toBeLessThan(6);
    const ones = negative.map(() => 1);
    const got = await of(tg.lgamma, negative);
    expect(worstError(got, negative.map(special.lgamma), ones)).toBeLessThan(6);
  });

  test("digamma is good to 6 ULP, also around its root, and by reflection", async () => {
    const got = await of(tg.digamma, positive);
    expect(worstError(got, positive.map(special.digamma))).toBeLessThan(6);
    const parts = negative.map((x) =>
      Math.max(1, special.digamma(1 - x), Math.abs(PI / Math.tan(PI * x))),
    );
    const reflected = await of(tg.digamma, negative);
    expect(worstError(reflected, negative.map(special.digamma), parts)).toBeLessThan(6);
  });

  test("polygamma is good to 6 + n ULP for every order", async () => {
    const x = [...spread(0.2, 30), ...spread(50, 900, 20)];
    for (const n of [1, 2, 3, 7, 16, 25]) {
      const got = await of((t) => tg.polygamma(n, t), x);
      const expected = x.map((v) => special.polygamma(n, v));
      const inside = expected.map((v) => Math.abs(v) < 3e38 && Math.abs(v) > 2e-38);
      const kept = (list: readonly number[]) => list.filter((_, i) => inside[i]);
      expect(worstError(kept(got), kept(expected)), `n = ${n}`).toBeLessThan(6 + n);
    }
  });

  test("polygamma of negative numbers is good to as much of its greatest part", async () => {
    for (const n of [1, 2, 5]) {
      const got = await of((t) => tg.polygamma(n, t), negative);
      const parts = negative.map((x) =>
        Math.max(
          Math.abs(special.polygamma(n, x - Math.floor(x))),
          Math.abs(special.polygamma(n, Math.ceil(x) - x)),
        ),
      );
      const expected = negative.map((x) => special.polygamma(n, x));
      expect(worstError(got, expected, parts), `n = ${n}`).toBeLessThan(6 + n);
    }
  });

  test.each(["polygamma", "sincDerivative"])(
    "an order of %s that only the padding of a vector can hold ends soon",
    async (name) => {
      const primitive = primitives.find((p) => p.name === name)!;
      const found = await values(() => {
        const operands = [tg.tensor([1e9, 3e38, 2 ** 31, 65]), tg.tensor([3.45, 3.45, 0.2, 1.5])];
        return bind(primitive, operands, null)[0]!;
      });
      expect(found).toHaveLength(4);
    },
  );

  test("erfc is good to 6 ULP down to 1e-37", async () => {
    const x = spread(-4, 9.1);
    expect(worstError(await of(tg.erfc, x), x.map(special.erfc))).toBeLessThan(6);
  });

  test("erfinv is the inverse of erf to 4 ULP", async () => {
    // erf in f64 tells y from its neighbours up to about 4.
    const y = spread(-3.5, 3.5);
    const x = y.map((v) => fround(erf(v)));
    const inside = x.map((v) => Math.abs(v) < 0.9999);
    const kept = x.filter((_, i) => inside[i]);
    expect(worstError(await of(tg.erfinv, kept), kept.map(special.erfinv))).toBeLessThan(4);
  });

  test("powers of two and ten are exact in exp2, log2 and log10", async () => {
    const whole = spread(-126, 127, 253).map(Math.round);
    expectEqual(
      await of(tg.exp2, whole),
      whole.map((n) => 2 ** n),
    );
    expectEqual(
      await of(
        tg.log2,
        whole.map((n) => 2 ** n),
      ),
      whole,
    );
    const tens = [0, 1, 2, 3, 5, 8, 10];
    expectEqual(
      await of(
        tg.log10,
        tens.map((n) => 10 ** n),
      ),
      tens,
    );
  });
});

describe("special values", () => {
  const table: [string, (x: Tensor) => Tensor, number[], number[]][] = [
    ["asin", tg.asin, [1.5, -1.5, nan, 1], [nan, nan, nan, fround(PI / 2)]],
    ["acos", tg.acos, [1.5, -1, nan, 1], [nan, fround(PI), nan, 0]],
    ["atan", tg.atan, [inf, -inf, nan], [fround(PI / 2), -fround(PI / 2), nan]],
    ["sinh", tg.sinh, [inf, -inf, nan, 90], [inf, -inf, nan, inf]],
    ["cosh", tg.cosh, [inf, -inf, nan, 90], [inf, inf, nan, inf]],
    ["asinh", tg.asinh, [inf, -inf, nan], [inf, -inf, nan]],
    ["acosh", tg.acosh, [inf, 0.5, nan, 1], [inf, nan, nan, 0]],
    ["atanh", tg.atanh, [1, -1, 2, nan], [inf, -inf, nan, nan]],
    ["exp2", tg.exp2, [inf, -inf, nan, 129, -160], [inf, 0, nan, inf, 0]],
    ["log2", tg.log2, [inf, -inf, nan, 0, -1], [inf, nan, nan, -inf, nan]],
    ["log10", tg.log10, [inf, -inf, nan, 0, -1], [inf, nan, nan, -inf, nan]],
    ["logit", tg.logit, [0, 1, 2, -1, nan], [-inf, inf, nan, nan, nan]],
    ["erfc", tg.erfc, [inf, -inf, nan], [0, 2, nan]],
    ["erfinv", tg.erfinv, [1, -1, 2, nan, 0], [inf, -inf, nan, nan, 0]],
    ["lgamma", tg.lgamma, [inf, -inf, nan, 0, -2, 1, 2], [inf, inf, nan, inf, inf, 0, 0]],
    ["digamma", tg.digamma, [inf, nan, 0, -0, -2], [inf, nan, -inf, inf, nan]],
    ["polygamma", (x) => tg.polygamma(1, x), [inf, nan, 0, -2], [0, nan, inf, inf]],
    ["sinc", tg.sinc, [0, 1, -2, inf, nan], [1, 0, 0, 0, nan]],
    ["trunc", tg.trunc, [inf, nan, -1.5], [inf, nan, -1]],
    ["mish", tg.mish, [inf, -inf, nan, -200], [inf, 0, nan, 0]],
    ["elu", tg.elu, [inf, -inf, nan], [inf, -1, nan]],
    ["logSigmoid", tg.logSigmoid, [inf, -inf, nan], [0, -inf, nan]],
    ["hardswish", tg.hardswish, [inf, nan, -4], [inf, nan, 0]],
    ["hardshrink", tg.hardshrink, [inf, nan, 0.5], [inf, nan, 0]],
    ["softshrink", tg.softshrink, [-inf, nan, 0.5], [-inf, nan, 0]],
    ["leakyRelu", tg.leakyRelu, [inf, nan, -100], [inf, nan, -1]],
  ];
  test.each(table)("of %s", async (name, fn, x, expected) => {
    // A whole result may be missed by rounding, and sin(pi) is 0 up to rounding.
    const rounding = { relative: 2 ** -22, absolute: 1e-7 };
    expectClose(await of(fn, x), expected, rounding, name);
  });

  test("NaN passes through what squashes, counts or compares on the way", async () => {
    const fns = [tg.exp, tg.expm1, tg.tanh, tg.sigmoid, tg.softplus, tg.erf, tg.gelu, tg.silu];
    for (const fn of fns) expect((await of(fn, [nan, 0])).map(Number.isNaN)).toEqual([true, false]);
    const powers = () =>
      tg.pow(tg.tensor([nan, 2, 0, -2, nan, 1]), tg.tensor([1.5, nan, nan, nan, 0, nan]));
    expect(await values(powers)).toEqual([nan, nan, nan, nan, 1, 1]);
  });

  test("atan2 tells every quadrant and zero apart, and takes infinities", async () => {
    const y = [0, -0, 0, -0, 1, -1, inf, inf, -inf, 1, nan];
    const x = [1, 1, -1, -1, 0, 0, inf, -inf, 1, -inf, 1];
    const expected = y.map((v, i) => Math.atan2(v, x[i]!));
    const got = await values(() => tg.atan2(tg.tensor(y), tg.tensor(x)));
    expectClose(got, expected, { relative: 2 ** -22, absolute: 0 });
    expect(got.slice(0, 4).map((v) => Object.is(v, -0) || v < 0)).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  test("hypot, logaddexp and xlogy take infinities and NaN as PyTorch does", async () => {
    const pair = (fn: typeof tg.hypot, a: number[], b: number[]) =>
      values(() => fn(tg.tensor(a), tg.tensor(b)));
    expectEqual(await pair(tg.hypot, [inf, nan, 3, nan], [nan, -inf, 4, 1]), [inf, inf, 5, nan]);
    expectEqual(await pair(tg.logaddexp, [inf, -inf, -inf, nan], [1, -inf, 2, 1]), [
      inf,
      -inf,
      2,
      nan,
    ]);
    expectEqual(await pair(tg.logaddexp2, [inf, -inf, 3], [inf, 1, 3]), [inf, 1, 4]);
    expectEqual(await pair(tg.xlogy, [0, 0, 0, 1, 2], [0, -1, nan, 0, -1]), [0, 0, nan, -inf, nan]);
  });

  test("floating-point remainders are exact whatever the quotient", async () => {
    const a = [1e30, -1e30, 5.5, -5.5, 5.5, 3, -3, inf, 1, 0, -7];
    const b = [3, 7e-5, 2, 2, -2, inf, inf, 2, 0, 5, 7].map(fround);
    const given = a.map(fround);
    const python = (x: number, y: number) => {
      const rest = x % y;
      return rest !== 0 && rest < 0 !== y < 0 ? fround(rest + y) : rest;
    };
    expectEqual(
      await values(() => tg.fmod(tg.tensor(given), tg.tensor(b))),
      given.map((x, i) => x % b[i]!),
    );
    expectEqual(
      await values(() => tg.remainder(tg.tensor(given), tg.tensor(b))),
      given.map((x, i) => python(x, b[i]!)),
    );
    expectEqual(
      await values(() => tg.floorDivide(tg.tensor([7, -7, 1, -1, 0]), tg.tensor([2, 2, 0, 0, 0]))),
      [3, -4, inf, -inf, nan],
    );
  });

  test("integers divided by zero give zero, and the least one does not overflow", async () => {
    const least = -2147483648;
    const a = () => tg.tensor(Int32Array.of(7, -7, 0, least, least, -7));
    const b = () => tg.tensor(Int32Array.of(0, 0, 0, -1, 2, 2));
    expectEqual(await values(() => tg.floorDivide(a(), b())), [0, 0, 0, least, least / 2, -4]);
    expectEqual(await values(() => tg.div(a(), b(), { roundingMode: "trunc" })), [
      0,
      0,
      0,
      least,
      least / 2,
      -3,
    ]);
    expectEqual(await values(() => tg.remainder(a(), b())), [0, 0, 0, 0, 0, 1]);
    expectEqual(await values(() => tg.fmod(a(), b())), [0, 0, 0, 0, 0, -1]);
    const large = () => tg.tensor(Uint32Array.of(4000000000, 7));
    expectEqual(await values(() => tg.floorDivide(large(), 7)), [571428571, 1]);
    expectEqual(await values(() => tg.remainder(large(), tg.tensor(Uint32Array.of(7, 0)))), [3, 0]);
  });

  test("bits of all 32 places are moved and turned over", async () => {
    const u = () => tg.tensor(Uint32Array.of(0x80000001, 0xffffffff, 5));
    expectEqual(await values(() => tg.bitwiseNot(u())), [0x7ffffffe, 0, 0xfffffffa]);
    expectEqual(await values(() => tg.bitwiseXor(u(), 1)), [0x80000000, 0xfffffffe, 4]);
    expectEqual(await values(() => tg.bitwiseRightShift(u(), 31)), [1, 1, 0]);
    expectEqual(await values(() => tg.bitwiseRightShift(u(), 32)), [0, 0, 0]);
    expectEqual(
      await values(() => tg.bitwiseLeftShift(u(), 31)),
      [0x80000000, 0x80000000, 0x80000000],
    );
    const i = () => tg.tensor(Int32Array.of(-5, 5));
    expectEqual(await values(() => tg.bitwiseRightShift(i(), 40)), [-1, 0]);
    expectEqual(await values(() => tg.bitwiseLeftShift(i(), 32)), [0, 0]);
    const truth = () => tg.tensor([true, false]);
    expectEqual(await values(() => tg.bitwiseNot(truth())), [0, 1]);
    expectEqual(await values(() => tg.bitwiseAnd(truth(), 3)), [1, 0], "bool beside a number");
  });

  test("the classes of numbers are told by their bits, in f16 too", async () => {
    const x = [nan, inf, -inf, 0, -0, 1, -1];
    const f16 = tg.currentDevice().executor.adapter.features.includes("shader-f16");
    for (const dtype of f16 ? (["f32", "f16"] as const) : (["f32"] as const)) {
      const test = (fn: (t: Tensor) => Tensor) => values(() => fn(tg.tensor(x, { dtype })));
      expectEqual(await test(tg.isnan), [1, 0, 0, 0, 0, 0, 0], `isnan ${dtype}`);
      expectEqual(await test(tg.isinf), [0, 1, 1, 0, 0, 0, 0], `isinf ${dtype}`);
      expectEqual(await test(tg.isfinite), [0, 0, 0, 1, 1, 1, 1], `isfinite ${dtype}`);
      expectEqual(await test(tg.isposinf), [0, 1, 0, 0, 0, 0, 0], `isposinf ${dtype}`);
      expectEqual(await test(tg.isneginf), [0, 0, 1, 0, 0, 0, 0], `isneginf ${dtype}`);
      expectEqual((await test(tg.signbit)).slice(1), [0, 1, 0, 1, 0, 1], `signbit ${dtype}`);
      const most = dtype === "f16" ? 65504 : fround(3.4028234663852886e38);
      expectEqual(await test(tg.nanToNum), [0, most, -most, 0, 0, 1, -1], `nanToNum ${dtype}`);
    }
    expectEqual(await values(() => tg.isnan(tg.tensor(Int32Array.of(1, 2)))), [0, 0], "integers");
  });

  test("isclose holds infinities and NaN apart, unless told otherwise", async () => {
    const a = () => tg.tensor([inf, inf, nan, 1, 1]);
    const b = () => tg.tensor([inf, -inf, nan, 1.000001, 1.1]);
    expectEqual(await values(() => tg.isclose(a(), b())), [1, 0, 0, 1, 0]);
    expectEqual(await values(() => tg.isclose(a(), b(), { equalNan: true })), [1, 0, 1, 1, 0]);
    const large = Int32Array.of(2147483647, 3);
    const other = Int32Array.of(2147483646, 3);
    const exactly = { rtol: 0, atol: 0 };
    expectEqual(await values(() => tg.allclose(tg.tensor(large), tg.tensor(large), exactly)), [1]);
    expectEqual(await values(() => tg.isclose(tg.tensor(large), tg.tensor(other))), [1, 1]);
  });

  test("clamp takes one bound of any type, none is refused", async () => {
    expectEqual(await values(() => tg.tensor([-2, 0, inf]).clamp(-1)), [-1, 0, inf]);
    expectEqual(await values(() => tg.tensor([-inf, 0, 2]).clamp(undefined, 1)), [-inf, 0, 1]);
    const i = Int32Array.of(-2147483648, 5);
    expectEqual(await values(() => tg.tensor(i).clamp(undefined, 1)), [-2147483648, 1]);
    const u = Uint32Array.of(4294967295, 5);
    expectEqual(await values(() => tg.tensor(u).clamp(6)), [4294967295, 6]);
    expect(() => tg.clamp(tg.tensor([1]))).toThrow(ArgumentError);
  });

  test("round keeps the decimals it is told", async () => {
    const rounding = { relative: 2 ** -22, absolute: 0 };
    const x = [1.25, -1.35, 1234.5678];
    expectClose(await of((t) => tg.round(t, 1), x), [1.2, -1.4, 1234.6], rounding);
    expectClose(await of((t) => tg.round(t, -2), x), [0, 0, 1200], rounding);
  });
});

describe("gradients are finite where the function is smooth or its branch is not taken", () => {
  test("sinc at 0, in every order", async () => {
    expectClose(await gradient(tg.sinc, [0]), [0], { relative: 0, absolute: 0 });
    expectClose(await second(tg.sinc, [0]), [-(PI ** 2) / 3], { relative: 1e-6, absolute: 0 });
  });

  test("atan2 and hypot at the origin", async () => {
    const zero = () => tg.tensor([0]);
    expectEqual(await gradient((x) => tg.hypot(x, zero()), [0]), [0]);
    expectEqual(await gradient((x) => tg.atan2(x, zero()), [0]), [0]);
  });

  test("xlogy at 0, also where the logarithm is infinite", async () => {
    const at = (y: number) => (x: Tensor) => tg.xlogy(x, tg.tensor([y]));
    expectEqual(await gradient(at(0), [0]), [0]);
    expectClose(await gradient(at(2), [0]), [Math.LN2], { relative: 1e-6, absolute: 0 });
    expectEqual(await gradient((y) => tg.xlogy(tg.tensor([0]), y), [0]), [0]);
  });

  test("activations far out, where the branch that is not taken overflows", async () => {
    const far = [-1000, 1000];
    const cases: [(x: Tensor) => Tensor, number[]][] = [
      [tg.elu, [0, 1]],
      [tg.celu, [0, 1]],
      [tg.mish, [0, 1]],
      [tg.logSigmoid, [1, 0]],
      [tg.hardswish, [0, 1]],
      [(x) => tg.logaddexp(x, 0), [0, 1]],
    ];
    for (const [fn, expected] of cases) {
      // sigmoid is held at e^-88.
      const tiny = { relative: 1e-6, absolute: 1e-35 };
      expectClose(await gradient(fn, far), expected, tiny);
      expectClose(await second(fn, far), [0, 0], tiny);
    }
  });

  test("nanToNum passes nothing back where it replaced", async () => {
    expectEqual(await gradient(tg.nanToNum, [nan, inf, 2]), [0, 0, 1]);
  });
});

describe("misuse is refused by name", () => {
  const x = () => tg.tensor([[1, 2, 3]]);
  test("arguments out of range", () => {
    expect(() => tg.polygamma(1.5, x())).toThrow(ArgumentError);
    expect(() => tg.polygamma(-1, x())).toThrow(/polygamma: n is -1/);
    expect(() => tg.logit(x(), 0.7)).toThrow(/logit: eps is 0.7/);
    expect(() => tg.celu(x(), 0)).toThrow(ArgumentError);
    expect(() => tg.hardtanh(x(), 2, 1)).toThrow(/hardtanh/);
    expect(() => tg.softshrink(x(), -1)).toThrow(/softshrink: lambda is -1/);
    expect(() => tg.hardshrink(x(), nan)).toThrow(ArgumentError);
    expect(() => tg.round(x(), 0.5)).toThrow(ArgumentError);
    const options = { roundingMode: "up" as "floor" };
    expect(() => tg.div(x(), 2, options)).toThrow(/div: roundingMode is "up"/);
  });

  test("shapes that do not fit", () => {
    expect(() => tg.glu(x())).toThrow(ShapeError);
    expect(() => tg.prelu(x(), tg.tensor([1, 2]))).toThrow(/prelu: weight has shape \[2\]/);
    expect(() => tg.atan2(x(), tg.tensor([1, 2]))).toThrow(ShapeError);
  });

  test("types that have no meaning", () => {
    expect(() => tg.bitwiseAnd(x(), x())).toThrow(DTypeError);
    expect(() => tg.bitwiseNot(x())).toThrow(DTypeError);
    expect(() => tg.bitwiseLeftShift(tg.tensor([true]), tg.tensor([true]))).toThrow(DTypeError);
    expect(() => tg.logicalXor(x(), x())).toThrow(/logicalXor: a has dtype f32/);
  });
});

describe("the modules of the activations", () => {
  const { nn } = tg;
  test("give what the functions give, with the same options", async () => {
    const x = [-4, -1, -0.25, 0.25, 1, 4];
    const pairs: [{ forward(x: Tensor): Tensor }, (x: Tensor) => Tensor][] = [
      [new nn.ELU(0.5), (t) => tg.elu(t, 0.5)],
      [new nn.CELU(), tg.celu],
      [new nn.SELU(), tg.selu],
      [new nn.GLU(0), (t) => tg.glu(t, 0)],
      [new nn.Hardshrink(1.5), (t) => tg.hardshrink(t, 1.5)],
      [new nn.Hardsigmoid(), tg.hardsigmoid],
      [new nn.Hardswish(), tg.hardswish],
      [new nn.Hardtanh(-2, 2), (t) => tg.hardtanh(t, -2, 2)],
      [new nn.LeakyReLU(0.3), (t) => tg.leakyRelu(t, 0.3)],
      [new nn.LogSigmoid(), tg.logSigmoid],
      [new nn.LogSoftmax(0), (t) => tg.logSoftmax(t, 0)],
      [new nn.Mish(), tg.mish],
      [new nn.ReLU6(), tg.relu6],
      [new nn.Softshrink(), tg.softshrink],
      [new nn.Softsign(), tg.softsign],
      [new nn.Tanhshrink(), tg.tanhshrink],
      [new nn.Threshold(0.5, 9), (t) => tg.threshold(t, 0.5, 9)],
    ];
    for (const [module, fn] of pairs)
      expectEqual(await of((t) => module.forward(t), x), await of(fn, x), module.constructor.name);
  });

  test("PReLU learns a slope that begins at a quarter", async () => {
    const layer = new nn.PReLU(2);
    expectEqual(
      layer.namedParameters().map(([name, p]) => [name, p.shape]),
      [["weight", [2]]],
    );
    const got = await values(() => layer.forward(tg.tensor([[-4, 2]])));
    expectEqual(got, [-1, 2]);
  });
});

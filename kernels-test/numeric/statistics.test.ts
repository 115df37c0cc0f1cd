import { beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, DTypeError, IndexError, ShapeError } from "../../src/errors";
import { initOn } from "../../src/init";
import { mul, square } from "../../src/ops/arithmetic";
import { bincount, countNonzero, histc } from "../../src/ops/counting";
import { diff, trapezoid } from "../../src/ops/difference";
import { cdist, cosineSimilarity } from "../../src/ops/distance";
import { nanmean, nansum } from "../../src/ops/missing";
import { median, mode, nanmedian, quantile } from "../../src/ops/quantile";
import { prod, sum } from "../../src/ops/reduce";
import {
  segmentMax,
  segmentMean,
  segmentMin,
  segmentProd,
  segmentSum,
} from "../../src/ops/segment";
import { std, variance } from "../../src/ops/statistics";
import { norm, normalize } from "../../src/ops/vectorNorm";
import { nodePlatform } from "../../src/platform/node";
import { tensor } from "../../src/tensor/creation";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";

beforeAll(async () => {
  await initOn(nodePlatform);
});

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const read = async (t: Tensor): Promise<number[]> => [...(await t.data())];
const whole = (...values: number[]): Tensor => tensor(Int32Array.from(values));

async function expectClose(t: Tensor, wanted: readonly number[]): Promise<void> {
  const got = await read(t);
  expect(got.length).toBe(wanted.length);
  for (const [i, w] of wanted.entries()) expect(got[i], `at ${i}`).toBeCloseTo(w, 5);
}

describe("products", () => {
  test("have gradients at zeros: of one the others' product, of two nothing", async () => {
    const of = (t: Tensor) => sum(prod(t, { dim: 1 }));
    const x = tensor([
      [2, 0, 3],
      [0, 0, 5],
      [1, 2, 3],
    ]);
    expect(await read(grad(of)(x))).toEqual([0, 6, 0, 0, 0, 0, 6, 3, 2]);
  });

  test("have second derivatives at zeros", async () => {
    // d/dx of the sum over i of v_i Π_(j≠i) x_j with v = x: 3 Π for three factors, so its gradient is 3 Π_(j≠i).
    const f = (t: Tensor) => sum(mul(grad((u: Tensor) => prod(u))(t), t));
    expect(await read(grad(f)(tensor([2, 0, 3])))).toEqual([0, 18, 0]);
  });
});

describe("norms", () => {
  test("of zero vectors have the gradient 0, not NaN", async () => {
    const zero = tensor([0, 0, 0]);
    for (const p of [2, 1, 3, 1.5, 0.5, inf])
      expect(await read(grad((t: Tensor) => norm(t, { p }))(zero)), `p ${p}`).toEqual([0, 0, 0]);
    const second = grad((t: Tensor) => sum(square(grad((u: Tensor) => norm(u))(t))));
    expect(await read(second(zero))).toEqual([0, 0, 0]);
    expect(await read(normalize(zero, { dim: 0 }))).toEqual([0, 0, 0]);
  });

  test("count, add, and take extrema for p 0, 1 and the infinities", async () => {
    const x = tensor([3, 0, -4]);
    const wanted: [number, number][] = [
      [0, 2],
      [1, 7],
      [2, 5],
      [inf, 4],
      [-inf, 0],
    ];
    for (const [p, value] of wanted) expect(await norm(x, { p }).item(), `p ${p}`).toBe(value);
    expect(() => norm(x, { p: nan })).toThrow(ArgumentError);
  });

  test("distances of equal vectors are 0 with the gradient 0, directly and by a product", async () => {
    const x = tensor([
      [1, 2],
      [1, 2],
    ]);
    for (const matmul of [false, true]) {
      expect(await read(cdist(x, x, { matmul }))).toEqual([0, 0, 0, 0]);
      const g = await read(grad((t: Tensor) => sum(cdist(t, x, { matmul })))(x));
      expect(g).toEqual([0, 0, 0, 0]);
    }
    expect(() => cdist(x, tensor([[1, 2, 3]]))).toThrow(/cdist: a \[2, 2\] and b \[1, 3\]/);
    await expectClose(cosineSimilarity(x, x), [1, 1]);
  });
});

describe("spread", () => {
  test("the deviation of equal numbers is 0, and so is its gradient", async () => {
    const x = tensor([3, 3, 3]);
    expect(await std(x).item()).toBe(0);
    expect(await read(grad((t: Tensor) => std(t))(x))).toEqual([0, 0, 0]);
  });

  test("a divisor of 0 gives NaN, a negative correction is refused", async () => {
    expect(await variance(tensor([5])).item()).toBeNaN();
    expect(await variance(tensor([5]), { correction: 0 }).item()).toBe(0);
    expect(() => std(tensor([1, 2]), { correction: -1 })).toThrow(/std: correction -1/);
    expect(() => variance(whole(1, 2))).toThrow(DTypeError);
  });
});

describe("sums without NaN", () => {
  test("leave NaN out of values, counts and gradients, and nothing else", async () => {
    const x = tensor([
      [1, nan, 2],
      [nan, nan, nan],
      [inf, 1, -1],
    ]);
    expect(await read(nansum(x, { dim: 1 }))).toEqual([3, 0, inf]);
    expect(await read(nanmean(x, { dim: 1 }))).toEqual([1.5, nan, inf]);
    const row = tensor([1, nan, 2]);
    expect(await read(grad((t: Tensor) => nansum(t))(row))).toEqual([1, 0, 1]);
    expect(await read(grad((t: Tensor) => nanmean(t))(row))).toEqual([0.5, 0, 0.5]);
    expect(await nansum(whole(1, 2)).item()).toBe(3);
    expect(() => nanmean(whole(1))).toThrow(DTypeError);
  });
});

describe("order statistics", () => {
  test("the median of an even number is the lower; it alone gets the gradient", async () => {
    const x = tensor([5, 1, 4, 2]);
    expect(await median(x).item()).toBe(2);
    expect(await read(grad((t: Tensor) => median(t))(x))).toEqual([0, 0, 0, 1]);
    expect(await median(whole(7, -3, 5)).item()).toBe(5);
  });

  test("NaN makes a median and a quantile NaN; nanmedian looks at the others", async () => {
    const x = tensor([
      [3, nan, 1, 2],
      [nan, nan, nan, nan],
      [4, 3, 2, inf],
    ]);
    expect(await read(median(x, { dim: 1 }))).toEqual([nan, nan, 3]);
    expect(await read(quantile(x, 0.5, { dim: 1 }))).toEqual([nan, nan, 3.5]);
    expect(await read(nanmedian(x, { dim: 1 }))).toEqual([2, nan, 3]);
  });

  test("quantiles at ranks in between do not touch infinities beyond them", async () => {
    const x = tensor([-inf, 1, 2, inf]);
    expect(await quantile(x, 0.5).item()).toBe(1.5);
    expect(await quantile(x, 1).item()).toBe(inf);
    expect(await quantile(x, 0).item()).toBe(-inf);
  });

  test("quantiles at ranks that only the device knows equal those that the host knows", async () => {
    const x = tensor([
      [4, 1, 3, 2, 9],
      [0, -1, 5, 7, 6],
    ]);
    const ranks = [0, 0.125, 0.5, 0.875, 1];
    for (const interpolation of ["linear", "lower", "higher", "midpoint", "nearest"] as const)
      for (const options of [{ dim: 1 }, { dim: 0, keepdim: true }, {}]) {
        const known = await read(quantile(x, ranks, { ...options, interpolation }));
        expect(await read(quantile(x, tensor(ranks), { ...options, interpolation }))).toEqual(
          known,
        );
      }
    expect(quantile(x, tensor(0.5), { dim: 1, keepdim: true }).shape).toEqual([2, 1]);
    expect(quantile(x, [0.5], { dim: 1, keepdim: true }).shape).toEqual([1, 2, 1]);
    // d/dq of a linear quantile: the step between neighbours, times how many steps there are.
    const slope = grad((q: Tensor) => quantile(tensor([1, 2, 4]), q));
    expect(await read(slope(tensor(0.75)) as Tensor)).toEqual([4]);
  });

  test("the mode is the least of the most frequent, at its last place", async () => {
    const { values, indices } = mode(
      tensor([
        [2, 1, 2, 1, 3],
        [5, 4, 3, 2, 1],
      ]),
    );
    expect([await read(values), await read(indices)]).toEqual([
      [1, 1],
      [3, 4],
    ]);
  });

  test("refuse ranks outside 0 to 1, bools, integers, and nothing to choose from", () => {
    const x = tensor([1, 2]);
    expect(() => quantile(x, 1.5)).toThrow(/quantile: q 1.5 must be from 0 to 1/);
    expect(() => quantile(x, [0, nan])).toThrow(ArgumentError);
    expect(() => quantile(x, [])).toThrow(/quantile: q is an empty list/);
    expect(() => quantile(x, 0.5, { interpolation: "cubic" as "linear" })).toThrow(/cubic/);
    expect(() => quantile(whole(1, 2), 0.5)).toThrow(DTypeError);
    expect(() => quantile(x, whole(0))).toThrow(DTypeError);
    expect(() => median(tensor([true]))).toThrow(DTypeError);
    const none = tensor(new Float32Array(0), { shape: [0, 3] });
    for (const fn of [median, nanmedian, mode])
      expect(() => fn(none, { dim: 0 })).toThrow(/no elements to choose from/);
    expect(median(none, { dim: 1 }).shape).toEqual([0]);
  });
});

describe("counting", () => {
  test("NaN is not 0; bools and integers count too", async () => {
    expect(await countNonzero(tensor([0, -0, nan, 1])).item()).toBe(2);
    expect(await countNonzero(tensor([true, false, true])).item()).toBe(2);
    expect(await read(countNonzero(whole(0, 3), { keepdim: true }))).toEqual([1]);
  });

  test("a number that is no bin raises IndexError at the next read", async () => {
    await expect(read(bincount(whole(1, 4, 0), 4))).rejects.toThrow(IndexError);
    await expect(read(bincount(whole(-1), 4))).rejects.toThrow(IndexError);
    expect(await read(bincount(whole(), 2))).toEqual([0, 0]);
    expect(() => bincount(whole(1), 0)).toThrow(ArgumentError);
    expect(() => bincount(tensor([1.5]), 3)).toThrow(DTypeError);
    expect(() => bincount(whole(1, 2), 3, { weights: tensor([1]) })).toThrow(ShapeError);
  });

  test("what lies outside a histogram, and NaN, is in no bin", async () => {
    const x = tensor([nan, -inf, inf, -0.1, 0, 0.5, 1, 1.1]);
    expect(await read(histc(x, { bins: 2, min: 0, max: 1 }))).toEqual([1, 2]);
    expect(() => histc(x, { min: 1, max: 1 })).toThrow(ArgumentError);
    expect(() => histc(x, { min: 0, max: inf })).toThrow(ArgumentError);
    expect(() => histc(x, { bins: 0.5, min: 0, max: 1 })).toThrow(/histc: bins 0.5/);
  });
});

describe("differences and areas", () => {
  test("more differences than elements leave none; bools differ or not", async () => {
    expect(diff(tensor([1, 2]), { n: 3 }).shape).toEqual([0]);
    expect(await read(diff(tensor([true, true, false])))).toEqual([0, 1]);
    expect(await read(diff(tensor([1, 3]), { prepend: tensor([0]) }))).toEqual([1, 2]);
    expect(() => diff(tensor(1))).toThrow(ShapeError);
    expect(() => diff(tensor([1]), { n: -1 })).toThrow(ArgumentError);
  });

  test("an area takes places or a distance, not both", async () => {
    const y = whole(1, 2, 3);
    expect(await trapezoid(y, { x: tensor([0, 1, 3]) }).item()).toBe(6.5);
    expect(await trapezoid(tensor([5])).item()).toBe(0);
    expect(() => trapezoid(y, { x: y, dx: 1 })).toThrow(ArgumentError);
    expect(() => trapezoid(y, { x: tensor([1, 2]) })).toThrow(/must be \[3\]/);
  });
});

describe("segments", () => {
  test("without a member are 0, 1, or the extremum's other end", async () => {
    const x = tensor([1, 2, 4]);
    const ids = whole(2, 0, 2);
    expect(await read(segmentSum(x, ids, 4))).toEqual([2, 0, 5, 0]);
    expect(await read(segmentMean(x, ids, 4))).toEqual([2, 0, 2.5, 0]);
    expect(await read(segmentProd(x, ids, 4))).toEqual([2, 1, 4, 1]);
    expect(await read(segmentMax(x, ids, 4))).toEqual([2, -inf, 4, -inf]);
    expect(await read(segmentMin(x, ids, 4))).toEqual([2, inf, 1, inf]);
  });

  test("of integers are exact, without a member the integer's ends", async () => {
    const x = whole(2147483647, -2147483647, 5);
    const ids = whole(0, 0, 2);
    expect(await read(segmentMax(x, ids, 3))).toEqual([2147483647, -2147483648, 5]);
    expect(await read(segmentMin(x, ids, 3))).toEqual([-2147483647, 2147483647, 5]);
    expect(await read(segmentSum(x, ids, 3))).toEqual([0, 0, 5]);
  });

  test("many terms in many segments give the host's sums, the same bits each time", async () => {
    const n = 5000;
    const values = Float32Array.from({ length: n }, (_, i) => Math.fround(Math.sin(i)));
    const ids = Int32Array.from({ length: n }, (_, i) => (i * 7919) % 301);
    const wanted = new Float64Array(301);
    values.forEach((v, i) => {
      wanted[ids[i]!]! += v;
    });
    const first = await read(segmentSum(tensor(values), tensor(ids), 301));
    for (const [i, w] of wanted.entries()) expect(first[i]).toBeCloseTo(w, 4);
    expect(await read(segmentSum(tensor(values), tensor(ids), 301))).toEqual(first);
  });

  test("refuse ids that do not fit, and report those out of range", async () => {
    const x = tensor([1, 2]);
    expect(() => segmentSum(x, whole(0), 2)).toThrow(/segmentSum: ids of shape \[1\]/);
    expect(() => segmentSum(x, tensor([0, 1]), 2)).toThrow(DTypeError);
    expect(() => segmentMax(x, whole(0, 1), -1)).toThrow(ArgumentError);
    expect(() => segmentMean(whole(1, 2), whole(0, 1), 2)).toThrow(DTypeError);
    for (const fn of [segmentSum, segmentMax, segmentProd])
      await expect(read(fn(x, whole(0, 2), 2))).rejects.toThrow(IndexError);
  });
});

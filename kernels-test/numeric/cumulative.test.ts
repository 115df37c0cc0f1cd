import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Device, withDevice } from "../../src/device/device";
import { DTypeError, ShapeError } from "../../src/errors";
import { initOn } from "../../src/init";
import { mul } from "../../src/ops/arithmetic";
import {
  cummax,
  cummin,
  cumprod,
  cumsum,
  forcedScanVariant,
  logcumsumexp,
  scanVariants,
} from "../../src/ops/cumulative";
import { sum } from "../../src/ops/reduce";
import { permute, slice, transpose } from "../../src/ops/shape";
import { nodePlatform } from "../../src/platform/node";
import { keyFromSeed, philox4x32 } from "../../src/random/philox";
import { tensor, upload } from "../../src/tensor/creation";
import { denseStrides, sizeOf } from "../../src/tensor/shape";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";

let device: Device;
beforeAll(async () => {
  device = await initOn(nodePlatform);
});
afterEach(() => {
  forcedScanVariant.current = null;
});

const read = async (t: Tensor) => [...(await t.data())];

/** Whole numbers from -range to range. */
function draw(count: number, seed: number, range: number): number[] {
  const words = [];
  for (let block = 0; block * 4 < count; block++)
    words.push(...philox4x32(keyFromSeed(seed), [block, 0, 0, 0]));
  return words.slice(0, count).map((w) => (w % (2 * range + 1)) - range);
}

/** In f64. */
function hostCumsum(
  values: readonly number[],
  shape: readonly number[],
  dim: number,
  reverse = false,
): number[] {
  const step = denseStrides(shape)[dim]!;
  const length = shape[dim]!;
  const result = new Array<number>(values.length);
  for (let first = 0; first < values.length; first++) {
    if (Math.floor(first / step) % length !== 0) continue;
    let total = 0;
    for (let n = 0; n < length; n++) {
      const i = first + (reverse ? length - 1 - n : n) * step;
      total += values[i]!;
      result[i] = total;
    }
  }
  return result;
}

describe.each([...scanVariants.candidates(), null])("cumsum (variant %s)", (variant) => {
  test.each([1, 2, 3, 127, 128, 129, 255, 256, 257, 1009, 16_384, 16_385, 20_011])(
    "of %d whole numbers is exact, forwards and backwards",
    async (n) => {
      forcedScanVariant.current = variant;
      const values = draw(n, n, 100);
      expect(await read(cumsum(tensor(values), 0))).toEqual(hostCumsum(values, [n], 0));
      const back = cumsum(tensor(values), 0, { reverse: true });
      expect(await read(back)).toEqual(hostCumsum(values, [n], 0, true));
    },
  );

  test.each([
    [[5, 7], 0],
    [[5, 300], 1],
    [[300, 5], 0],
    [[3, 5, 2], -2],
    [[2, 3, 200, 5, 6], 2],
    [[1, 1, 9], 0],
  ] as const)("of shape %j goes along dim %d", async (shape, dim) => {
    forcedScanVariant.current = variant;
    const values = draw(sizeOf(shape), 3, 50);
    const x = upload(values, shape, { dtype: "i32" });
    const at = dim < 0 ? dim + shape.length : dim;
    const y = cumsum(x, dim);
    expect([y.dtype, y.shape]).toEqual(["i32", shape]);
    expect(await read(y)).toEqual(hostCumsum(values, shape, at));
    const back = cumsum(x, dim, { reverse: true });
    expect(await read(back)).toEqual(hostCumsum(values, shape, at, true));
  });

  test("integers wrap around", async () => {
    forcedScanVariant.current = variant;
    const n = 300;
    const unsigned = Uint32Array.from({ length: n }, () => 0x40000001);
    const wanted = Array.from(unsigned, (_, i) => (0x40000001 * (i + 1)) % 2 ** 32);
    expect(await read(cumsum(tensor(unsigned), 0))).toEqual(wanted);
    const signed = Int32Array.from(unsigned);
    expect(await read(cumsum(tensor(signed), 0))).toEqual(wanted.map((v) => v | 0));
  });

  test("views are summed where they lie", async () => {
    forcedScanVariant.current = variant;
    const values = draw(6 * 300, 5, 50);
    const x = upload(values, [6, 300], { dtype: "f32" });
    const views = [
      transpose(x, 0, 1),
      slice(slice(x, { dim: 1, start: 3, step: 2 }), { dim: 0, start: 1 }),
      permute(upload(values, [2, 3, 300], { dtype: "f32" }), [2, 0, 1]),
    ];
    for (const view of views)
      for (const dim of view.shape.keys())
        for (const reverse of [false, true])
          expect(await read(cumsum(view, dim, { reverse }))).toEqual(
            hostCumsum(await read(view), view.shape, dim, reverse),
          );
  });

  test("its error stays at the level of single additions over a million elements", async () => {
    forcedScanVariant.current = variant;
    const values = draw(1_000_003, 7, 1 << 20).map((v) => Math.fround(Math.abs(v) / 2 ** 20 + 0.1));
    const got = await cumsum(tensor(values), 0).data();
    const wanted = hostCumsum(values, [values.length], 0);
    let worst = 0;
    for (const [i, v] of wanted.entries()) worst = Math.max(worst, Math.abs(got[i]! - v) / v);
    // A plain f32 sum of this row is off by about 1e-4 at its end.
    expect(worst).toBeLessThan(1e-5);
  });
});

describe("cumsum", () => {
  test("both variants give the same bits, whatever they round", async () => {
    const values = draw(40_009 * 2, 9, 1 << 24).map((v) => Math.fround(v / 3e4));
    const sums = [];
    for (const variant of scanVariants.candidates()) {
      forcedScanVariant.current = variant;
      const x = upload(values, [2, 40_009], { dtype: "f32" });
      sums.push(await cumsum(x, 1).data(), await cumsum(x, 1, { reverse: true }).data());
    }
    expect(Buffer.from(sums[2]!.buffer).equals(Buffer.from(sums[0]!.buffer))).toBe(true);
    expect(Buffer.from(sums[3]!.buffer).equals(Buffer.from(sums[1]!.buffer))).toBe(true);
  });

  test("of more than 65,535 workgroups of rows reaches the last", async () => {
    const rows = 65_536 * 64 + 3;
    const x = upload(new Int32Array(rows * 2).fill(3), [rows, 2], { dtype: "i32" });
    const y = await cumsum(x, 1).data();
    expect(y.every((v, i) => v === (i % 2 === 0 ? 3 : 6))).toBe(true);
  });

  test("of nothing is empty, of a scalar is the scalar", async () => {
    expect(cumsum(tensor(new Float32Array(0), { shape: [0, 3] }), 0).shape).toEqual([0, 3]);
    const one = cumsum(tensor(5), 0);
    expect([one.shape, await one.item()]).toEqual([[], 5]);
  });

  test("f16 sums are carried in f32, where the adapter has it", async () => {
    if (!device.executor.adapter.features.includes("shader-f16")) {
      expect(() => tensor([1], { dtype: "f16" })).toThrow(DTypeError);
      return;
    }
    const values = new Array<number>(3000).fill(0.5);
    for (const variant of scanVariants.candidates()) {
      forcedScanVariant.current = variant;
      const got = await read(cumsum(tensor(values, { dtype: "f16" }), 0));
      // In f16, 1024 + 0.5 would be 1024 again.
      expect(got[2999]).toBe(1500);
    }
  });

  test("its gradient is the sum of all later cotangents", async () => {
    const weights = [1, 10, 100, 1000];
    const x = tensor([1, 2, 3, 4]);
    const f = (v: Tensor) => sum(mul(cumsum(v, 0), tensor(weights)));
    expect(await read(grad(f)(x))).toEqual([1111, 1110, 1100, 1000]);
    const back = (v: Tensor) => sum(mul(cumsum(v, 0, { reverse: true }), tensor(weights)));
    expect(await read(grad(back)(x))).toEqual([1, 11, 111, 1111]);
  });

  test("its gradient has a gradient", async () => {
    const x = tensor([1, 2, 3]);
    // The gradient of sum(cumsum(u) v) at any u is reverse(v), so h is the sum of reverse(v)_i v_i.
    const h = (v: Tensor) => sum(mul(grad((u: Tensor) => sum(mul(cumsum(u, 0), v)))(v), v));
    // d h / d v_j = sum over i >= j of v_i + sum over i <= j of v_i.
    expect(await read(grad(h)(x))).toEqual([7, 8, 9]);
  });

  test("refuses bools and dimensions that are not there", () => {
    expect(() => cumsum(tensor([true, false]), 0)).toThrow(DTypeError);
    expect(() => cumsum(tensor([1]), 1)).toThrow(ShapeError);
  });

  test("gives its temporary memory back", () => {
    const x = tensor(draw(5000, 1, 9));
    const before = device.pool.report().liveBytes;
    for (const variant of scanVariants.candidates()) {
      forcedScanVariant.current = variant;
      cumsum(x, 0).dispose();
    }
    expect(device.pool.report().liveBytes).toBe(before);
  });
});

/** The values so far, for each place of a row. */
const soFar = (values: readonly number[]): number[][] =>
  values.map((_, i) => values.slice(0, i + 1));

const close = (got: ArrayLike<number>, wanted: readonly number[], relative: number): void => {
  expect(got.length).toBe(wanted.length);
  for (const [i, w] of wanted.entries())
    expect(Math.abs(got[i]! - w), `at ${i}: ${got[i]}, not ${w}`).toBeLessThanOrEqual(
      relative * Math.max(Math.abs(w), 1),
    );
};

describe.each([...scanVariants.candidates(), null])("running results (variant %s)", (variant) => {
  const lengths = [1, 2, 127, 128, 129, 257, 1009, 16_384, 16_385];

  test.each(lengths)("products of %d signs and wrapping integers are exact", async (n) => {
    forcedScanVariant.current = variant;
    const signs = draw(n, n, 1).map((v) => (v === 0 ? 1 : v));
    const wanted: number[] = [];
    for (const v of signs) wanted.push((wanted.at(-1) ?? 1) * v);
    expect(await read(cumprod(tensor(signs), 0))).toEqual(wanted);
    const odd = draw(n, n + 1, 50).map((v) => 2 * v + 1);
    const wrapped: number[] = [];
    for (const v of odd) wrapped.push(Math.imul(wrapped.at(-1) ?? 1, v));
    expect(await read(cumprod(tensor(Int32Array.from(odd)), 0))).toEqual(wrapped);
  });

  test.each(lengths)("log-sum-exps of %d numbers far apart", async (n) => {
    forcedScanVariant.current = variant;
    const values = draw(n, n, 40);
    let [high, rest] = [Number.NEGATIVE_INFINITY, 0];
    const wanted = values.map((v) => {
      const above = Math.max(high, v);
      rest = rest * Math.exp(high - above) + Math.exp(v - above);
      high = above;
      return high + Math.log(rest);
    });
    // One addition rounds by 6e-8 of a result of about 40; runs of 128 bound how many follow each other.
    close(await read(logcumsumexp(tensor(values), 0)), wanted, 2e-6);
  });

  test.each([129, 1009, 16_385])(
    "gradients of products of %d factors, zeros among them",
    async (n) => {
      forcedScanVariant.current = variant;
      const values = draw(n, n, 100).map((v) => Math.fround(1 + v / 4000));
      values[n >> 1] = 0;
      const weights = draw(n, n + 2, 3);
      const got = await read(
        grad((x: Tensor) => sum(mul(cumprod(x, 0), tensor(weights))))(tensor(values)),
      );
      const before: number[] = [1];
      for (const v of values.slice(0, -1)) before.push(before.at(-1)! * v);
      const after: number[] = [];
      for (let i = n - 1; i >= 0; i--)
        after.unshift(weights[i]! + (i + 1 < n ? values[i + 1]! * after[0]! : 0));
      close(
        got,
        before.map((p, i) => p * after[i]!),
        // Some thousand roundings, of sums that partly cancel.
        2e-4,
      );
    },
  );

  test("both directions go through views where they lie", async () => {
    forcedScanVariant.current = variant;
    const x = upload(draw(2 * 3 * 150, 5, 1), [2, 3, 150], { dtype: "f32" });
    const view = permute(x, [2, 0, 1]);
    const values = await read(view);
    for (const [dim, step] of [6, 3, 1].entries())
      for (const reverse of [false, true]) {
        const length = view.shape[dim]!;
        const wanted = values.map((_, i) => {
          const at = Math.floor(i / step) % length;
          const places = Array.from({ length }, (_, k) => k).filter((k) =>
            reverse ? k >= at : k <= at,
          );
          return places.reduce((product, k) => product * values[i + (k - at) * step]!, 1) + 0;
        });
        expect((await read(cumprod(view, dim, { reverse }))).map((v) => v + 0)).toEqual(wanted);
      }
  });

  test("extrema: NaN wins from where it stands, infinities are numbers, equals give the last", async () => {
    forcedScanVariant.current = variant;
    const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
    const x = tensor([1, -inf, 1, inf, nan, 2, nan, inf]);
    const most = cummax(x, 0);
    expect(await read(most.indices)).toEqual([0, 0, 2, 3, 4, 4, 6, 6]);
    expect(await read(most.values)).toEqual([1, 1, 1, inf, nan, nan, nan, nan]);
    const least = cummin(x, 0);
    expect(await read(least.indices)).toEqual([0, 1, 1, 1, 4, 4, 6, 6]);
    expect(await read(cummax(tensor(Uint32Array.of(1, 4294967295, 5)), 0).values)).toEqual([
      1, 4294967295, 4294967295,
    ]);
  });

  test("extrema of rows of every length agree with the host's", async () => {
    forcedScanVariant.current = variant;
    for (const n of [1, 63, 64, 65, 127, 128, 129, 1000]) {
      const values = draw(n, n, 20);
      const wanted = soFar(values);
      expect(await read(cummax(tensor(values), 0).values)).toEqual(
        wanted.map((v) => Math.max(...v)),
      );
      expect(await read(cummin(tensor(values), 0).indices)).toEqual(
        wanted.map((v) => v.lastIndexOf(Math.min(...v))),
      );
    }
  });

  test("extrema of several segments in views, NaN in one of them, agree with the host's", async () => {
    forcedScanVariant.current = variant;
    const values = draw(2 * 3 * 300, 6, 1000);
    values[2 * 300 + 140] = Number.NaN;
    const view = permute(upload(values, [2, 3, 300], { dtype: "f32" }), [2, 1, 0]);
    const listed = await read(view);
    const most = await read(cummax(view, 0).indices);
    for (let column = 0; column < 6; column++) {
      const row = Array.from({ length: 300 }, (_, i) => listed[6 * i + column]!);
      let best = 0;
      for (const [i, v] of row.entries()) {
        if (Number.isNaN(v) || v >= row[best]!) best = i;
        expect(most[6 * i + column], `column ${column}, ${i}`).toBe(best);
      }
    }
  });
});

describe("running results", () => {
  test("products and log-sum-exps have the same bits in both variants", async () => {
    const factors = draw(40_009, 9, 1 << 20).map((v) => Math.fround(1 + v / 2 ** 34));
    const terms = draw(40_009, 10, 1 << 20).map((v) => Math.fround(v / 2 ** 17));
    const runs = [];
    for (const variant of scanVariants.candidates()) {
      forcedScanVariant.current = variant;
      runs.push(
        await read(cumprod(tensor(factors), 0)),
        await read(logcumsumexp(tensor(terms), 0)),
      );
    }
    expect(runs[2]).toEqual(runs[0]);
    expect(runs[3]).toEqual(runs[1]);
  });

  test("log-sum-exps begin at -Infinity and stay there until a number comes, gradients too", async () => {
    const low = Number.NEGATIVE_INFINITY;
    const x = tensor([low, low, 0, Math.log(3), low]);
    close(
      await read(logcumsumexp(x, 0)).then((v) => v.slice(2)),
      [0, Math.log(4), Math.log(4)],
      1e-6,
    );
    expect((await read(logcumsumexp(x, 0))).slice(0, 2)).toEqual([low, low]);
    const g = await read(
      grad((t: Tensor) => sum(slice(logcumsumexp(t, 0), { dim: 0, start: 2 })))(x),
    );
    close(g, [0, 0, 1 + 1 / 4 + 1 / 4, 3 / 4 + 3 / 4, 0], 1e-6);
  });

  test("of nothing is empty, of a scalar is the scalar; integers become f32 under exp", async () => {
    const none = tensor(new Float32Array(0), { shape: [0, 3] });
    for (const y of [cumprod(none, 0), logcumsumexp(none, 0), cummax(none, 0).values])
      expect(y.shape).toEqual([0, 3]);
    for (const y of [
      cumprod(tensor(5), 0),
      logcumsumexp(tensor(5), 0),
      cummin(tensor(5), 0).values,
    ])
      expect([y.shape, await y.item()]).toEqual([[], 5]);
    expect(logcumsumexp(tensor(Int32Array.of(1, 2)), 0).dtype).toBe("f32");
  });

  test("refuse bools and dimensions that are not there", () => {
    expect(() => cumprod(tensor([true, false]), 0)).toThrow(DTypeError);
    expect(() => cumprod(tensor([1]), 1)).toThrow(/cumprod: dim 1 is out of range/);
    expect(() => logcumsumexp(tensor([1]), -2)).toThrow(ShapeError);
    expect(() => cummax(tensor([1]), 1)).toThrow(/cummax: dim 1 is out of range/);
  });
});

describe("many rows", () => {
  let small: Device;
  beforeAll(async () => {
    small = await initOn(nodePlatform, {
      makeCurrent: false,
      limits: { maxWorkgroupsPerDimension: 7 },
    });
  });
  afterAll(() => small.destroy());

  test.each(scanVariants.candidates())("a folded grid covers every row (%s)", async (variant) => {
    forcedScanVariant.current = variant;
    const rows = 7 * 64 + 65;
    const values = draw(rows * 3, 41, 2);
    const row = (r: number) => values.slice(3 * r, 3 * r + 3) as [number, number, number];
    const [products, places, slopes] = withDevice(small, () => {
      const x = tensor(values, { shape: [rows, 3] });
      return [
        cumprod(x, 1),
        cummax(x, 1).indices,
        grad((t: Tensor) => sum(cumprod(t, 1)))(x),
      ] as const;
    });
    const got = [await read(products), await read(places), await read(slopes)];
    const plus0 = (list: number[]): number[] => list.map((v) => v + 0);
    for (let r = 0; r < rows; r++) {
      const [a, b, c] = row(r);
      const own = got.map((list) => plus0(list.slice(3 * r, 3 * r + 3)));
      const second = b >= a ? 1 : 0;
      expect(own).toEqual([
        plus0([a, a * b, a * b * c]),
        [0, second, c >= Math.max(a, b) ? 2 : second],
        plus0([1 + b + b * c, a + a * c, a * b]),
      ]);
    }
  });
});

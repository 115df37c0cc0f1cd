import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { DTypeError, ShapeError } from "../../src/errors";
import { initOn } from "../../src/init";
import { mul } from "../../src/ops/arithmetic";
import { cumsum, forcedScanVariant, scanVariants } from "../../src/ops/cumulative";
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

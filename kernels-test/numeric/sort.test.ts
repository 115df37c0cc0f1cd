import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { ArgumentError, ShapeError } from "../../src/errors";
import { initOn } from "../../src/init";
import { mul } from "../../src/ops/arithmetic";
import { sum } from "../../src/ops/reduce";
import { permute, slice, transpose } from "../../src/ops/shape";
import { argsort, sort, topK } from "../../src/ops/sort";
import { forcedSortVariant, sortVariants } from "../../src/ops/sortRows";
import { nodePlatform } from "../../src/platform/node";
import { keyFromSeed, philox4x32 } from "../../src/random/philox";
import { tensor, upload } from "../../src/tensor/creation";
import type { DType } from "../../src/tensor/dtype";
import { denseStrides, sizeOf } from "../../src/tensor/shape";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";

let device: Device;
beforeAll(async () => {
  device = await initOn(nodePlatform);
});
afterEach(() => {
  forcedSortVariant.current = null;
});

const read = async (t: Tensor) => [...(await t.data())];

/** Whole numbers from 0 to below - 1. */
function draw(count: number, seed: number, below: number): number[] {
  const words = [];
  for (let block = 0; block * 4 < count; block++)
    words.push(...philox4x32(keyFromSeed(seed), [block, 0, 0, 0]));
  return words.slice(0, count).map((w) => w % below);
}

/** PyTorch's order: NaN greatest, 0 and -0 equal. */
const compare = (a: number, b: number): number =>
  Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : a < b ? -1 : a > b ? 1 : 0;

/** For each row along `dim`, the places of its elements in stable order. */
function hostOrder(
  values: readonly number[],
  shape: readonly number[],
  dim: number,
  descending: boolean,
): number[] {
  const strides = denseStrides(shape);
  const [length, step] = [shape[dim]!, strides[dim]!];
  const order = new Array<number>(values.length);
  for (let first = 0; first < values.length; first++) {
    if (Math.floor(first / step) % length !== 0) continue;
    const at = (i: number) => values[first + i * step]!;
    const places = Array.from({ length }, (_, i) => i).sort(
      (a, b) => (descending ? compare(at(b), at(a)) : compare(at(a), at(b))) || a - b,
    );
    places.forEach((place, i) => {
      order[first + i * step] = place;
    });
  }
  return order;
}

/** What `order` picks, element by element along `dim`. */
function pick(
  values: readonly number[],
  shape: readonly number[],
  dim: number,
  order: readonly number[],
): number[] {
  const step = denseStrides(shape)[dim]!;
  return order.map((place, i) => {
    const own = Math.floor(i / step) % shape[dim]!;
    return values[i + (place - own) * step]!;
  });
}

async function expectSorted(
  x: Tensor,
  values: readonly number[],
  dim: number,
  descending = false,
): Promise<void> {
  const at = dim < 0 ? dim + x.rank : dim;
  const order = hostOrder(values, x.shape, at, descending);
  const sorted = sort(x, { dim, descending });
  expect(sorted.indices.dtype).toBe("i32");
  expect(sorted.values.dtype).toBe(x.dtype);
  expect(sorted.values.shape).toEqual(x.shape);
  expect(await read(sorted.indices)).toEqual(order);
  // toEqual tells -0 from 0: the elements themselves are moved, not their keys.
  expect(await read(sorted.values)).toEqual(pick(values, x.shape, at, order));
}

describe.each([...sortVariants.candidates(), null])("sort (variant %s)", (variant) => {
  test.each([1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 65, 127, 257, 511, 1009])(
    "of %d numbers is stable and complete",
    async (n) => {
      forcedSortVariant.current = variant;
      const few = draw(n, n, 7).map((v) => v - 3);
      await expectSorted(tensor(few), few, 0);
      await expectSorted(tensor(few), few, 0, true);
      const many = draw(n, n + 1, 2 ** 31).map((v) => Math.fround(v / 1e5 - 1e4));
      await expectSorted(tensor(many), many, 0);
    },
  );

  test.each([
    [[5, 7], 0],
    [[5, 7], 1],
    [[3, 5, 2], 1],
    [[2, 37, 3], -2],
    [[2, 3, 4, 5, 6], 2],
    [[1, 1, 9], 0],
  ] as const)("of shape %j along dim %d sorts each row by itself", async (shape, dim) => {
    forcedSortVariant.current = variant;
    const values = draw(sizeOf(shape), 3, 11);
    const x = upload(values, shape, { dtype: "f32" });
    await expectSorted(x, values, dim);
    await expectSorted(x, values, dim, true);
  });

  test("knows NaN as the greatest, infinities, denormals, and 0 and -0 as equal", async () => {
    forcedSortVariant.current = variant;
    const tiny = 2 ** -149;
    const odd = [
      ...[0, -0, Number.NaN, Number.POSITIVE_INFINITY, -0, 0, Number.NEGATIVE_INFINITY],
      ...[tiny, -tiny, Number.NaN, 1, -1, 3.4e38, -3.4e38].map(Math.fround),
    ];
    await expectSorted(tensor(odd), odd, 0);
    await expectSorted(tensor(odd), odd, 0, true);
    // A NaN with its sign bit set, and one with another payload.
    const bits = Uint32Array.of(0xffc00001, 0x7f800001, 0x7f7fffff, 0xff800000);
    const x = tensor(new Float32Array(bits.buffer));
    expect(await read(argsort(x))).toEqual([3, 2, 0, 1]);
    expect(await read(argsort(x, { descending: true }))).toEqual([0, 1, 2, 3]);
  });

  test("sorts integers over their whole range, and bools", async () => {
    forcedSortVariant.current = variant;
    const signed = [0, -1, 2 ** 31 - 1, -(2 ** 31), 1, -1, 5, -(2 ** 31)];
    await expectSorted(tensor(Int32Array.from(signed)), signed, 0);
    await expectSorted(tensor(Int32Array.from(signed)), signed, 0, true);
    const unsigned = [0, 0xffffffff, 2 ** 31, 1, 0xffffffff, 2 ** 31 - 1, 0];
    await expectSorted(tensor(Uint32Array.from(unsigned)), unsigned, 0);
    await expectSorted(tensor(Uint32Array.from(unsigned)), unsigned, 0, true);
    await expectSorted(tensor([true, false, true, false, false]), [1, 0, 1, 0, 0], 0);
  });

  test("sorts views where they lie", async () => {
    forcedSortVariant.current = variant;
    const values = draw(6 * 70, 5, 50);
    const x = upload(values, [6, 70], { dtype: "f32" });
    const turned = transpose(x, 0, 1);
    await expectSorted(turned, await read(turned), 0);
    const part = slice(slice(x, { dim: 1, start: 3, step: 2 }), { dim: 0, start: 1 });
    await expectSorted(part, await read(part), 1, true);
    const moved = permute(upload(values, [2, 3, 70], { dtype: "f32" }), [2, 0, 1]);
    await expectSorted(moved, await read(moved), 0);
  });
});

describe("sort", () => {
  test("of nothing is empty, of a scalar is the scalar", async () => {
    const empty = sort(tensor(new Float32Array(0), { shape: [3, 0] }));
    expect(empty.values.shape).toEqual([3, 0]);
    expect(await read(empty.indices)).toEqual([]);
    const one = sort(tensor(7));
    expect(one.values.shape).toEqual([]);
    expect([await one.values.item(), await one.indices.item()]).toEqual([7, 0]);
  });

  test("both variants give the same order where merging begins", async () => {
    const n = 3001;
    const values = draw(n, 8, 100);
    const orders = [];
    for (const variant of sortVariants.candidates()) {
      forcedSortVariant.current = variant;
      orders.push(await read(argsort(tensor(values))));
    }
    expect(orders[1]).toEqual(orders[0]);
    expect(sortVariants.defaultChoice("software", 1, n)).toBe("merge");
    expect(sortVariants.defaultChoice("software", 1, 512)).toBe("count");
    expect(sortVariants.defaultChoice("hardware", 1, 3001)).toBe("count");
    expect(sortVariants.defaultChoice("hardware", 100, 3001)).toBe("merge");
  });

  test("of a row of 300,007 numbers is stable", async () => {
    const values = draw(300_007, 9, 5000);
    const got = await argsort(upload(values, [300_007], { dtype: "i32" })).data();
    const wanted = hostOrder(values, [300_007], 0, false);
    expect(Buffer.from(got.buffer).equals(Buffer.from(Int32Array.from(wanted).buffer))).toBe(true);
  });

  test("of more than 65,535 rows sorts each", async () => {
    const shape = [65_543, 3];
    const values = draw(65_543 * 3, 10, 3);
    const got = await argsort(upload(values, shape, { dtype: "f32" })).data();
    const rows = await sort(upload(values, shape, { dtype: "f32" })).values.data();
    const wanted = hostOrder(values, shape, 1, false);
    expect([...got]).toEqual(wanted);
    expect([...rows]).toEqual(pick(values, shape, 1, wanted));
  });

  test("its gradient goes back to where the values came from", async () => {
    const values = [3, 1, 2, 1, 3, 0];
    const x = upload(values, [2, 3], { dtype: "f32" });
    const weights = upload([1, 10, 100, 2, 20, 200], [2, 3], { dtype: "f32" });
    const f = (v: Tensor) => sum(mul(sort(v, { descending: true }).values, weights));
    expect(await read(grad(f)(x))).toEqual([1, 100, 10, 20, 2, 200]);
  });

  test("its gradient has a gradient", async () => {
    const x = upload([3, 1, 2, 1, 3, 0], [2, 3], { dtype: "f32" });
    // grad is v put where the sorted elements came from, so h(v) is the sum of v[argsort(v)[i]] v[i].
    const h = (v: Tensor) => sum(mul(grad((u: Tensor) => sum(mul(sort(u).values, v)))(v), v));
    expect(await read(grad(h)(x))).toEqual([3, 5, 4, 3, 1, 4]);
  });

  test("refuses a dimension that is not there", () => {
    expect(() => sort(tensor([1]), { dim: 1 })).toThrow(ShapeError);
  });

  test("gives its temporary memory back", () => {
    const x = tensor(draw(5000, 1, 9));
    const before = device.pool.report().liveBytes;
    const { values, indices } = sort(x);
    values.dispose();
    indices.dispose();
    const top = topK(x, 3);
    top.values.dispose();
    top.indices.dispose();
    expect(device.pool.report().liveBytes).toBe(before);
  });
});

test("f16 sorts by its values, where the adapter has it", async () => {
  const dtype: DType = device.executor.adapter.features.includes("shader-f16") ? "f16" : "f32";
  const values = [1.5, -2, 65504, 2 ** -24, Number.NaN, -0, 0, -65504];
  await expectSorted(tensor(values, { dtype }), values, 0);
});

describe.each([...sortVariants.candidates(), null])("topK (variant %s)", (variant) => {
  test.each([
    [[13], 1, 0],
    [[13], 5, -1],
    [[7], 7, 0],
    [[7, 5], 3, 0],
    [[3, 5, 7], 2, -1],
    [[2, 261], 40, 1],
    [[4], 0, 0],
  ] as const)(
    "of shape %j, k = %d along %d is the beginning of the sort",
    async (shape, k, dim) => {
      forcedSortVariant.current = variant;
      const values = draw(sizeOf(shape), 6, 9);
      const at = dim < 0 ? shape.length - 1 : dim;
      for (const largest of [true, false]) {
        const x = upload(values, shape, { dtype: "f32" });
        const top = topK(x, k, { dim, largest });
        const all = sort(x, { dim, descending: largest });
        for (const part of ["values", "indices"] as const)
          expect(await read(top[part])).toEqual(
            await read(slice(all[part], { dim: at, start: 0, end: k })),
          );
        expect(top.values.shape).toEqual(shape.map((d, i) => (i === at ? k : d)));
      }
    },
  );
});

describe("topK", () => {
  test("its gradient reaches the chosen elements only", async () => {
    const x = tensor([5, 1, 4, 2, 3, 6, 0]);
    const f = (v: Tensor) => sum(mul(topK(v, 3).values, tensor([1, 10, 100])));
    expect(await read(grad(f)(x))).toEqual([10, 0, 100, 0, 0, 1, 0]);
  });

  test("of a scalar is the scalar", async () => {
    const { values, indices } = topK(tensor(4), 1);
    expect([await values.item(), await indices.item()]).toEqual([4, 0]);
  });

  test("refuses a k that is not there", () => {
    for (const k of [-1, 4, 1.5]) expect(() => topK(tensor([1, 2, 3]), k)).toThrow(ArgumentError);
  });
});

import { beforeAll, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import { keyFromSeed, philox4x32 } from "../../src/random/philox";

beforeAll(async () => {
  await tg.init();
});

type Numbers = readonly number[];

const read = async (t: tg.Tensor) => [...(await t.data())];
const i32 = (values: Numbers) => tg.tensor(Int32Array.from(values));

/** Whole numbers from 0 to below - 1. */
function draw(count: number, seed: number, below: number): number[] {
  const words = [];
  for (let block = 0; block * 4 < count; block++)
    words.push(...philox4x32(keyFromSeed(seed), [block, 0, 0, 0]));
  return words.slice(0, count).map((w) => w % below);
}

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

describe("searchsorted", () => {
  test("knows NaN as the greatest, infinities, denormals, and 0 and -0 as equal", async () => {
    const tiny = 2 ** -149;
    const bounds = tg.tensor([-inf, -1, -tiny, -0, 0, tiny, 1, inf, nan]);
    const values = tg.tensor([-inf, 0, -0, tiny, 2, inf, nan]);
    expect(await read(tg.searchsorted(bounds, values))).toEqual([0, 3, 3, 5, 7, 7, 8]);
    const right = tg.searchsorted(bounds, values, { right: true });
    expect(await read(right)).toEqual([1, 5, 5, 6, 7, 8, 9]);
  });

  test("of 65,537 values in 100,003 bounds finds each place", async () => {
    const bounds = draw(100_003, 1, 2 ** 31).sort((a, b) => a - b);
    const values = draw(65_537, 2, 2 ** 31);
    const got = await tg.searchsorted(i32(bounds), i32(values)).data();
    for (let i = 0; i < values.length; i += 37) {
      const place = got[i]!;
      expect(place === 0 || bounds[place - 1]! < values[i]!).toBe(true);
      expect(place === bounds.length || bounds[place]! >= values[i]!).toBe(true);
    }
  });

  test("compares u32 and i32 over their whole range, and numbers with integers", async () => {
    const bounds = tg.tensor(Uint32Array.of(0, 2 ** 31, 0xffffffff));
    expect(await read(tg.searchsorted(bounds, tg.tensor(Uint32Array.of(1, 0xffffffff))))).toEqual([
      1, 2,
    ]);
    expect(await read(tg.searchsorted(i32([-(2 ** 31), 0]), i32([-1])))).toEqual([1]);
    expect(await tg.searchsorted(i32([0, 1, 2]), 1.5).item()).toBe(2);
    expect(await read(tg.bucketize(i32([1, 3]), tg.tensor([0.5, 1, 2.5])))).toEqual([1, 3]);
  });

  test("of f16 is that of the same values, where the adapter has it", async () => {
    if (!tg.currentDevice().executor.adapter.features.includes("shader-f16")) {
      expect(() => tg.tensor([1], { dtype: "f16" })).toThrow(tg.DTypeError);
      return;
    }
    const bounds = tg.tensor([-2, 0.5, 65504], { dtype: "f16" });
    const values = tg.tensor([0.5, 65504, -3, 7], { dtype: "f16" });
    expect(await read(tg.searchsorted(bounds, values))).toEqual([1, 2, 0, 2]);
  });

  test("gives lanes with bounds of their own what each gives alone", async () => {
    const bounds = tg.tensor([
      [1, 2, 3],
      [2, 4, 6],
    ]);
    const x = tg.tensor([[[1, 5]], [[3, 6]]]);
    expect(
      await read(tg.vmap((b: tg.Tensor, v: tg.Tensor) => tg.searchsorted(b, v))(bounds, x)),
    ).toEqual([0, 3, 1, 2]);
    const shared = tg.vmap((b: tg.Tensor) => tg.searchsorted(b, tg.tensor([2, 5])))(bounds);
    expect(await read(shared)).toEqual([1, 3, 0, 2]);
  });

  test("refuses rows that do not go together", () => {
    expect(() => tg.searchsorted(tg.ones([2, 3]), tg.ones([3, 2]))).toThrow(tg.ShapeError);
    expect(() => tg.searchsorted(tg.tensor(1), tg.ones([2]))).toThrow(tg.ShapeError);
    expect(() => tg.searchsorted(tg.ones([2, 3]), 1)).toThrow(tg.ShapeError);
    expect(() => tg.bucketize(tg.ones([2]), tg.ones([2, 2]))).toThrow(/one dimension/);
  });
});

describe("isin", () => {
  test("NaN is among nothing, 0 and -0 are one, and nothing has no members", async () => {
    const x = tg.tensor([nan, -0, 1]);
    expect(await read(tg.isin(x, tg.tensor([nan, 0])))).toEqual([0, 1, 0]);
    expect(await read(tg.isin(x, tg.tensor([])))).toEqual([0, 0, 0]);
    expect(await read(tg.isin(x, tg.tensor([]), { invert: true }))).toEqual([1, 1, 1]);
    expect(await read(tg.isin(tg.tensor([true, false]), tg.tensor([true])))).toEqual([1, 0]);
  });
});

describe("unique", () => {
  test("of NaN counts each, of 0 and -0 one value", async () => {
    const { values, inverse, counts } = tg.unique(tg.tensor([nan, 0, 2, -0, nan]), { size: 5 });
    expect(await read(values)).toEqual([0, 2, nan, nan, 0]);
    expect(await read(inverse)).toEqual([2, 0, 1, 0, 3]);
    expect(await read(counts)).toEqual([2, 1, 1, 1, 0]);
  });

  test("leaves out values beyond the size, and inverse counts on", async () => {
    const { values, inverse, counts } = tg.unique(i32([5, 3, 9, 3]), { size: 2 });
    expect([await read(values), values.dtype]).toEqual([[3, 5], "i32"]);
    expect(await read(inverse)).toEqual([1, 0, 2, 0]);
    expect(await read(counts)).toEqual([2, 1]);
  });

  test("of nothing, of a scalar, to no size", async () => {
    const none = tg.unique(tg.tensor([]), { size: 2, fillValue: 4 });
    expect([await read(none.values), await read(none.counts)]).toEqual([
      [4, 4],
      [0, 0],
    ]);
    const one = tg.unique(tg.tensor(7), { size: 1 });
    expect([one.inverse.shape, await read(one.values)]).toEqual([[], [7]]);
    expect(tg.unique(tg.tensor([1, 2]), { size: 0 }).values.shape).toEqual([0]);
  });

  test("of 5,000 numbers is what a set of them is", async () => {
    const x = draw(5000, 3, 700);
    const wanted = [...new Set(x)].sort((a, b) => a - b);
    const { values, inverse, counts } = tg.unique(i32(x), { size: wanted.length });
    expect(await read(values)).toEqual(wanted);
    expect((await read(inverse)).map((k) => wanted[k])).toEqual(x);
    const total = await read(counts);
    expect(total).toEqual(wanted.map((v) => x.filter((u) => u === v).length));
  });

  test("sends the gradient to the first element with the value", async () => {
    const f = (x: tg.Tensor) =>
      tg.sum(tg.mul(tg.unique(x, { size: 3 }).values, tg.tensor([1, 10, 100])));
    const gradient = tg.grad(f)(tg.tensor([3, 1, 3, 1])) as tg.Tensor;
    expect(await read(gradient)).toEqual([10, 1, 0, 0]);
  });

  test("asks for a size", () => {
    expect(() => tg.unique(tg.ones([2]), {} as { size: number })).toThrow(/state how many/);
    expect(() => tg.unique(tg.ones([2]), { size: -1 })).toThrow(tg.ArgumentError);
  });
});

describe("nonzero and masks", () => {
  test("lists what holds, in order, up to the size", async () => {
    for (const n of [1, 63, 64, 65, 1025]) {
      const x = draw(n, n, 3);
      const wanted = x.flatMap((v, i) => (v ? [i] : []));
      const list = await read(tg.nonzero(i32(x), { size: n, fillValue: -1 }));
      expect(list).toEqual([...wanted, ...new Array<number>(n - wanted.length).fill(-1)]);
      const few = await read(tg.nonzero(i32(x), { size: 2, fillValue: -1 }));
      expect(few).toEqual(list.concat(-1, -1).slice(0, 2));
    }
  });

  test("NaN is not 0, -0 is; a scalar has no coordinates; nothing has no elements", async () => {
    expect(await read(tg.nonzero(tg.tensor([nan, -0, 0, 1]), { size: 2 }))).toEqual([0, 3]);
    expect(tg.nonzero(tg.tensor(1), { size: 1 }).shape).toEqual([1, 0]);
    expect(tg.argwhere(tg.ones([3]), { size: 0 }).shape).toEqual([0, 1]);
    const none = tg.nonzero(tg.zeros([0, 2]), { size: 2, fillValue: 5 });
    expect(await read(none)).toEqual([5, 5, 5, 5]);
    const empty = tg.maskedSelect(tg.zeros([0]), tg.zeros([0], { dtype: "bool" }), { size: 2 });
    expect(await read(empty)).toEqual([0, 0]);
  });

  test("a masked gradient reaches what was selected, once", async () => {
    const x = tg.tensor([1, -2, 3, -4, 5]);
    const f = (v: tg.Tensor) =>
      tg.sum(tg.mul(tg.maskedSelect(v, tg.gt(v, 0), { size: 4 }), tg.tensor([1, 10, 100, 1000])));
    expect(await read(tg.grad(f)(x) as tg.Tensor)).toEqual([1, 0, 10, 0, 100]);
    const fill = (v: tg.Tensor, value: tg.Tensor) => tg.sum(tg.maskedFill(v, tg.gt(v, 0), value));
    const [gx, gv] = tg.grad(fill, { argnums: [0, 1] })(x, tg.tensor(2)) as [tg.Tensor, tg.Tensor];
    expect([await read(gx), await gv.item()]).toEqual([[0, 1, 0, 1, 0], 3]);
  });

  test("maskedScatter reports a source that is too short", async () => {
    const x = tg.zeros([4]);
    const mask = tg.tensor([true, false, true, true]);
    expect(await read(tg.maskedScatter(x, mask, tg.tensor([1, 2, 3])))).toEqual([1, 0, 2, 3]);
    const short = tg.maskedScatter(x, mask, tg.tensor([1, 2]));
    await expect(short.data()).rejects.toThrow(/index 2 is out of range; valid are 0 to 1/);
    expect(() => tg.maskedScatter(x, mask, tg.tensor([]))).toThrow(tg.ShapeError);
    expect(() => tg.maskedScatter(x, mask, i32([1]))).toThrow(tg.DTypeError);
  });

  test("masks that are no masks, or do not fit, are refused", () => {
    const x = tg.ones([2, 3]);
    expect(() => tg.maskedFill(x, x, 0)).toThrow(tg.DTypeError);
    expect(() => tg.maskedFill(x, tg.gt(tg.ones([4, 2, 3]), 0), 0)).toThrow(/does not broadcast/);
    expect(() => tg.maskedFill(x, tg.gt(x, 0), tg.ones([3]))).toThrow(/must be a scalar/);
    expect(() => tg.maskedSelect(x, x, { size: 1 })).toThrow(tg.DTypeError);
    expect(() => tg.maskedSelect(x, tg.gt(x, 0), { size: 0.5 })).toThrow(tg.ArgumentError);
    expect(() => tg.nonzero(x, undefined as unknown as { size: number })).toThrow(/\{ size \}/);
  });
});

describe("kthvalue and msort", () => {
  test("of equal elements the k-th in order, NaN last", async () => {
    const x = tg.tensor([3, nan, 1, 3, 1]);
    const pairs = [];
    for (const k of [1, 2, 3, 4, 5]) {
      const { values, indices } = tg.kthvalue(x, k);
      pairs.push([await values.item(), await indices.item()]);
    }
    expect(pairs).toEqual([
      [1, 2],
      [1, 4],
      [3, 0],
      [3, 3],
      [nan, 1],
    ]);
    expect(await tg.kthvalue(tg.tensor(4), 1).values.item()).toBe(4);
  });

  test("refuse a k or a dimension that is not there", () => {
    for (const k of [0, 4, 1.5])
      expect(() => tg.kthvalue(tg.ones([3]), k)).toThrow(tg.ArgumentError);
    expect(() => tg.kthvalue(tg.ones([3]), 1, { dim: 1 })).toThrow(tg.ShapeError);
    expect(() => tg.msort(tg.tensor(1))).toThrow(tg.ShapeError);
  });
});

import { beforeAll, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import type { DeviceTensor } from "../../src/tensor/deviceTensor";

beforeAll(async () => {
  await tg.init();
});

type Numbers = readonly number[];

const read = async (t: tg.Tensor) => [...(await t.data())];
const i32 = (values: Numbers, shape: Numbers = [values.length]) =>
  tg.tensor(Int32Array.from(values), { shape });
const counting = (shape: Numbers) =>
  tg.reshape(
    tg.arange(
      0,
      shape.reduce((n, d) => n * d, 1),
      1,
      { dtype: "f32" },
    ),
    shape,
  );

describe("index", () => {
  test("with numbers and ranges alone is a view", () => {
    const x = counting([4, 5, 6]) as DeviceTensor;
    const y = tg.index(x, [1, { start: 1, step: 2 }, "...", null]) as DeviceTensor;
    expect(y.shape).toEqual([2, 6, 1]);
    expect(y.storage).toBe(x.storage);
    const whole = tg.index(x, []);
    whole.dispose();
    expect(x.disposed).toBe(false);
  });

  test("puts the dimensions of tensors in their place if neighbours, else in front", () => {
    const x = counting([2, 3, 4, 5]);
    const t = tg.zeros([6, 7], { dtype: "i32" });
    expect(tg.index(x, [{}, t, t]).shape).toEqual([2, 6, 7, 5]);
    expect(tg.index(x, ["...", t]).shape).toEqual([2, 3, 4, 6, 7]);
    expect(tg.index(x, [{}, t, {}, t]).shape).toEqual([6, 7, 2, 4]);
    expect(tg.index(x, [t, null, t]).shape).toEqual([6, 7, 1, 4, 5]);
    expect(tg.index(x, [t, 0, t]).shape).toEqual([6, 7, 5]);
  });

  test("counts negative indices from the end, and takes u32 as they are", async () => {
    const x = counting([5]);
    expect(await read(tg.index(x, [i32([-1, -5, 4])]))).toEqual([4, 0, 4]);
    const far = tg.index(x, [tg.tensor(Uint32Array.of(1, 0xffffffff))]);
    await expect(far.data()).rejects.toThrow(tg.IndexError);
  });

  test("reports an index outside any of its dimensions, each by its own size", async () => {
    const x = counting([2, 3]);
    for (const [first, second, message] of [
      [[0, 2], [0, 0], "index: an index tensor of shape [2] into a dimension of size 2: index 2"],
      [[0, -3], [0, 0], "index: an index tensor of shape [2] into a dimension of size 2: index -3"],
      // In row-major order the next row begins where a row ends: still no element of its row.
      [[0, 0], [0, 3], "index: an index tensor of shape [2] into a dimension of size 3: index 3"],
      [[1, 1], [0, -4], "index: an index tensor of shape [2] into a dimension of size 3: index -4"],
    ] as const) {
      const y = tg.index(x, [i32(first), i32(second)]);
      const said = await y.data().catch((error: Error) => error);
      expect(said).toBeInstanceOf(tg.IndexError);
      expect((said as Error).message).toContain(message);
      expect((await read(y))[1]).toBe(0);
    }
  });

  test("of an empty dimension reports every index", async () => {
    const y = tg.index(tg.zeros([0, 2]), [i32([0])]);
    await expect(y.data()).rejects.toThrow(tg.IndexError);
  });

  test("by no indices is empty", () => {
    expect(tg.index(counting([3, 4]), [i32([])]).shape).toEqual([0, 4]);
    expect(tg.index(counting([3, 4]), [{}, i32([], [0, 2])]).shape).toEqual([3, 0, 2]);
  });

  test("refuses what is no index, and a mask, whose size is not known", () => {
    const x = counting([2, 3]);
    const mask = tg.gt(x, 1);
    expect(() => tg.index(x, [mask])).toThrow(/nonzero\(mask, \{ size \}\)/);
    expect(() => tg.index(x, [mask])).toThrow(tg.DTypeError);
    expect(() => tg.index(x, [x])).toThrow(tg.DTypeError);
    expect(() => tg.index(x, [0.5])).toThrow(tg.ArgumentError);
    expect(() => tg.index(x, ["1" as "..."])).toThrow(tg.ArgumentError);
    expect(() => tg.index(x, [2])).toThrow(tg.ShapeError);
    expect(() => tg.index(x, [0, 0, 0])).toThrow(/3 indices for the 2 dimensions/);
    expect(() => tg.index(x, ["...", "..."])).toThrow(/may stand once/);
    expect(() => tg.index(x, [i32([0, 1]), i32([0, 1, 2])])).toThrow(/do not broadcast/);
    expect(() => tg.index(x, [{ step: 0 }])).toThrow(tg.ArgumentError);
  });

  test("reads tensors of seven dimensions", async () => {
    const x = counting([1, 2, 1, 2, 1, 2, 3]);
    const y = tg.index(x, ["...", i32([1, 0], [2, 1]), i32([2, 0, 1])]);
    expect(y.shape).toEqual([1, 2, 1, 2, 1, 2, 3]);
    expect((await read(y)).slice(0, 6)).toEqual([5, 3, 4, 2, 0, 1]);
  });

  test("of many lanes is what each lane gives", async () => {
    const x = counting([3, 4, 5]);
    const rows = i32([0, 3, -1, 1, 2, 2], [3, 2]);
    const columns = i32([4, 0]);
    const read2 = (v: tg.Tensor, i: tg.Tensor) => tg.index(v, [i, columns]);
    const together = tg.vmap(read2)(x, rows);
    const apart = tg.stack([0, 1, 2].map((k) => read2(tg.select(x, 0, k), tg.select(rows, 0, k))));
    expect(await read(together)).toEqual(await read(apart));
    const shared = tg.vmap((i: tg.Tensor) => tg.index(x, [{}, i, 1]))(rows);
    const each = tg.stack([0, 1, 2].map((k) => tg.index(x, [{}, tg.select(rows, 0, k), 1])));
    expect(await read(shared)).toEqual(await read(each));
  });
});

describe("indexPut", () => {
  test("keeps the last of several values, and adds them all if asked to", async () => {
    const x = tg.ones([4]);
    const places = i32([2, 0, -2, 2]);
    const values = tg.tensor([10, 20, 30, 40]);
    expect(await read(tg.indexPut(x, [places], values))).toEqual([20, 1, 40, 1]);
    const sum = tg.indexPut(x, [places], values, { accumulate: true });
    expect(await read(sum)).toEqual([21, 1, 81, 1]);
    expect(await read(x)).toEqual([1, 1, 1, 1]);
  });

  test("by a mask replaces or adds where it holds", async () => {
    const x = counting([2, 3]);
    const rows = tg.tensor([false, true]);
    expect(await read(tg.indexPut(x, [rows], 9))).toEqual([0, 1, 2, 9, 9, 9]);
    expect(await read(tg.indexPut(x, [rows], tg.tensor([1, 2, 3]), { accumulate: true }))).toEqual([
      0, 1, 2, 4, 6, 8,
    ]);
    const all = tg.indexPut(x, [tg.gt(x, 3)], 0);
    expect(await read(all)).toEqual([0, 1, 2, 3, 0, 0]);
    expect(() => tg.indexPut(x, [tg.tensor([true])], 1)).toThrow(/first dimensions/);
  });

  test("leaves out what an index outside its dimension names, and reports it", async () => {
    const x = tg.zeros([2, 3]);
    for (const accumulate of [false, true]) {
      const y = tg.indexPut(x, [i32([0, 1]), i32([3, 1])], 5, { accumulate });
      await expect(y.data()).rejects.toThrow(
        /indexPut: an index tensor of shape \[2\] into a dimension of size 3: index 3/,
      );
      expect(await read(y)).toEqual([0, 0, 0, 0, 5, 0]);
    }
  });

  test("refuses values that do not fit", () => {
    const x = tg.zeros([2, 3]);
    expect(() => tg.indexPut(x, [0], tg.ones([2]))).toThrow(/do not broadcast/);
    expect(() => tg.indexPut(x, [0], tg.ones([1, 1, 3]))).toThrow(tg.ShapeError);
    expect(() => tg.indexPut(x, [0], i32([1, 2, 3]))).toThrow(tg.DTypeError);
    expect(() => tg.indexPut(x, [2], 1)).toThrow(/valid are -2 to 1/);
    expect(() => tg.indexPut(x, [tg.gt(x, 0), 0], 1)).toThrow(/nonzero/);
  });

  test("of a scalar, of everything, and of nothing", async () => {
    expect(await tg.indexPut(tg.tensor(1), [], 5).item()).toBe(5);
    expect(await read(tg.indexPut(tg.zeros([2]), ["..."], 3))).toEqual([3, 3]);
    expect(await read(tg.indexPut(tg.zeros([2]), [{ end: 0 }], 3))).toEqual([0, 0]);
    expect(await read(tg.indexPut(tg.zeros([2]), [i32([])], 3))).toEqual([0, 0]);
  });
});

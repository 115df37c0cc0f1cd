/** Order, repetition, rims and windows: what the PyTorch fixtures cannot say. */
import { beforeAll, describe, expect, test } from "vitest";
import { fold, unfold } from "../../src/nn/functional";
import * as tg from "../../src/node";
import type { DeviceTensor } from "../../src/tensor/deviceTensor";

beforeAll(async () => {
  await tg.init();
});

type Numbers = readonly number[];

const read = async (t: tg.Tensor) => [...(await t.data())];
const sizeOf = (shape: Numbers) => shape.reduce((n, d) => n * d, 1);
const counting = (shape: Numbers) =>
  tg.reshape(tg.arange(0, sizeOf(shape), 1, { dtype: "f32" }), shape);

const eight = [2, 1, 2, 3, 1, 2, 1, 2];

/** Of eight dimensions, none of which merge with their neighbours. */
const tangled = () => {
  const dims = [7, 6, 5, 4, 3, 2, 1, 0];
  return tg.permute(counting(dims.map((d) => eight[d]!)), dims);
};

describe("tensors of eight dimensions", () => {
  test.each<[string, (x: tg.Tensor) => tg.Tensor, Numbers]>([
    ["flip", (x) => tg.flip(x, [0, 3, 7]), eight],
    ["roll", (x) => tg.roll(x, [1, 2], [0, 3]), eight],
    ["rot90", (x) => tg.rot90(x, 1, [3, 5]), [2, 1, 2, 2, 1, 3, 1, 2]],
    ["repeat", (x) => tg.repeat(x, [2, 1, 1, 2, 3, 1, 1, 2]), [4, 1, 2, 6, 3, 2, 1, 4]],
    ["repeatInterleave", (x) => tg.repeatInterleave(x, 2, 3), [2, 1, 2, 6, 1, 2, 1, 2]],
    ["pad", (x) => tg.pad(x, [1, 1], { mode: "circular" }), [2, 1, 2, 3, 1, 2, 1, 4]],
    ["takeAlongDim", (x) => tg.takeAlongDim(x, tg.argsort(x, { dim: 3 }), 3), eight],
    ["diagonal", (x) => tg.diagonal(x, 0, 2, 5), [2, 1, 3, 1, 1, 2, 2]],
    ["index", (x) => tg.index(x, [1, "...", { start: 1 }]), [1, 2, 3, 1, 2, 1, 1]],
    ["movedim", (x) => tg.movedim(x, 0, -1), [...eight.slice(1), 2]],
  ])("%s works on them, laid out in any way", async (_, run, shape) => {
    const y = run(tangled());
    expect(y.shape).toEqual(shape);
    expect(await read(y)).toEqual(await read(run(tg.contiguous(tangled()))));
  });

  test("repeat of them is the repeat of what they flatten to", async () => {
    const x = counting(eight);
    const y = tg.repeat(x, [2, 1, 1, 2, 1, 1, 1, 1]);
    const flat = tg.repeat(tg.reshape(x, [2, 2, 3, 4]), [2, 1, 2, 1]);
    expect(await read(y)).toEqual(await read(flat));
  });
});

test("two vmaps over tensors of five dimensions give what each lane gives", async () => {
  const shape = [2, 3, 2, 2, 3];
  const x = counting([2, 2, ...shape]);
  const programs: ((x: tg.Tensor) => tg.Tensor)[] = [
    (v) => tg.flip(v, [0, 4]),
    (v) => tg.roll(v, 1, 1),
    (v) => tg.unfold(v, 4, 2, 1),
    (v) => tg.repeat(v, [1, 1, 1, 1, 2]),
    (v) => tg.pad(v, [1, 1], { mode: "reflect" }),
    (v) => tg.diagonal(v, 0, 0, 1),
    (v) => tg.sort(v, { dim: 1, descending: true }).values,
    (v) => tg.index(v, [0, tg.tensor(Int32Array.of(2, 0)), "..."]),
    (v) => tg.maskedSelect(v, tg.gt(tg.sin(v), 0), { size: 20 }),
    (v) => tg.nonzero(tg.gt(tg.sin(v), 0), { size: 7 }),
    (v) => tg.unique(tg.round(tg.mul(tg.sin(v), 2)), { size: 6 }).counts,
    (v) => tg.searchsorted(tg.sort(tg.reshape(v, [-1])).values, tg.mul(v, 2)),
    (v) => tg.diagEmbed(tg.select(v, 0, 1), 0, 0, 1),
    (v) => tg.scatter(v, 1, tg.argsort(tg.cos(v), { dim: 1 }), v),
  ];
  for (const run of programs) {
    const together = await read(tg.vmap(tg.vmap(run))(x));
    const apart = [];
    for (const i of [0, 1])
      for (const j of [0, 1]) apart.push(...(await read(run(tg.index(x, [i, j])))));
    expect(together, String(run)).toEqual(apart);
  }
});

test("lanes on top of eight dimensions work while dimensions merge, and say so where they do not", async () => {
  const x = tg.stack([0, 1].map(() => counting([2, 1, 2, 3, 1, 2, 1])));
  const eightAndLanes = tg.vmap((v: tg.Tensor) => tg.mul(tg.unsqueeze(v, 0), 2))(x);
  expect(eightAndLanes.shape).toEqual([2, 1, 2, 1, 2, 3, 1, 2, 1]);
  expect((await read(eightAndLanes))[47]).toBe(46);
  const apart = tg.zeros([4, 4, 4, 4, 4, 4, 4, 4]);
  const every = (t: tg.Tensor, dim: number): tg.Tensor =>
    dim < 0 ? t : every(tg.slice(t, { dim, step: 2, end: 3 }), dim - 1);
  const wide = tg.vmap((v: tg.Tensor) =>
    tg.clone(tg.expand(tg.unsqueeze(v, 0), [2, 2, 2, 2, 2, 2, 2, 2])),
  );
  expect(() => wide(every(apart, 7))).toThrow(/at most 8 are supported/);
});

describe("flip", () => {
  test("reverses views, at every size around a workgroup", async () => {
    for (const n of [1, 63, 64, 65, 1000]) {
      const x = tg.slice(counting([2 * n + 1]), { dim: 0, start: 1, step: 2 });
      expect(await read(tg.flip(x, 0))).toEqual(
        Array.from({ length: n }, (_, i) => 2 * (n - 1 - i) + 1),
      );
    }
  });

  test("refuses what is no dimension", () => {
    expect(() => tg.flip(counting([2]), 1)).toThrow(tg.ShapeError);
    expect(() => tg.flip(counting([2]), [0, -1])).toThrow(/twice/);
    expect(() => tg.fliplr(counting([2]))).toThrow(/at least 2/);
    expect(() => tg.flipud(tg.tensor(1))).toThrow(/at least 1/);
    expect(() => tg.rot90(counting([2, 2]), 0.5)).toThrow(tg.ArgumentError);
    expect(() => tg.rot90(counting([2, 2]), 1, [0, 0])).toThrow(tg.ShapeError);
  });
});

test("roll, repeat and tile refuse what does not fit", () => {
  const x = counting([2, 3]);
  expect(() => tg.roll(x, 0.5, 0)).toThrow(tg.ArgumentError);
  expect(() => tg.roll(x, [1, 2], 0)).toThrow(/give one each/);
  expect(() => tg.roll(x, [1, 2])).toThrow(/one shift/);
  expect(() => tg.roll(x, 1, 2)).toThrow(tg.ShapeError);
  expect(() => tg.roll(tg.tensor(1), 1, 0)).toThrow(tg.ShapeError);
  expect(() => tg.repeat(x, [2])).toThrow(/or use tile/);
  expect(() => tg.tile(x, [-1])).toThrow(tg.ArgumentError);
  expect(() => tg.repeatInterleave(x, 1.5)).toThrow(tg.ArgumentError);
  expect(() => tg.movedim(x, [0, 1], [0])).toThrow(tg.ShapeError);
  expect(() => tg.unflatten(x, 1, [2, -1])).toThrow(/do not make up/);
  expect(() => tg.chunk(x, 0)).toThrow(tg.ArgumentError);
  expect(() => tg.tensorSplit(x, 0)).toThrow(tg.ArgumentError);
  expect(() => tg.unbind(tg.tensor(1))).toThrow(tg.ShapeError);
});

test("nothing comes of no repetitions, and nothing of nothing", async () => {
  expect(tg.repeat(counting([2, 3]), [0, 2]).shape).toEqual([0, 6]);
  expect(tg.repeatInterleave(counting([2]), 0).shape).toEqual([0]);
  expect(tg.roll(tg.zeros([0, 2]), 3, 0).shape).toEqual([0, 2]);
  expect(tg.roll(tg.zeros([0]), 3).shape).toEqual([0]);
  expect(tg.flip(tg.zeros([0]), 0).shape).toEqual([0]);
  expect(tg.chunk(tg.zeros([0, 2]), 3).map((t) => t.shape)).toEqual([
    [0, 2],
    [0, 2],
    [0, 2],
  ]);
});

describe("pad", () => {
  test("crops with negative numbers in every mode, before the rim is taken", async () => {
    const x = counting([6]);
    expect(await read(tg.pad(x, [-2, 2], { mode: "reflect" }))).toEqual([2, 3, 4, 5, 4, 3]);
    expect(await read(tg.pad(x, [1, -3], { mode: "circular" }))).toEqual([2, 0, 1, 2]);
    expect(await read(tg.pad(x, [-1, -2], { mode: "replicate" }))).toEqual([1, 2, 3]);
  });

  test("takes a number or options for the value", async () => {
    expect(await read(tg.pad(counting([1]), [1, 0], 7))).toEqual([7, 0]);
    expect(await read(tg.pad(counting([1]), [1, 0], { value: 7 }))).toEqual([7, 0]);
    expect(await read(tg.pad(tg.tensor([true]), [1, 0], { mode: "replicate" }))).toEqual([1, 1]);
  });

  test("refuses a rim that its mode cannot fill", () => {
    const x = counting([3]);
    expect(() => tg.pad(x, [3, 0], { mode: "reflect" })).toThrow(/may be 2/);
    expect(() => tg.pad(x, [4, 0], { mode: "circular" })).toThrow(/may be 3/);
    expect(() => tg.pad(tg.zeros([0]), [1, 0], { mode: "replicate" })).toThrow(/may be 0/);
    expect(() => tg.pad(x, [1, 0], { mode: "mirror" as "reflect" })).toThrow(/none of constant/);
  });
});

describe("windows", () => {
  test("are a view that takes no memory", () => {
    const x = counting([2, 100]) as DeviceTensor;
    const y = tg.unfold(x, 1, 50, 2) as DeviceTensor;
    expect([y.shape, y.storage === x.storage]).toEqual([[2, 26, 50], true]);
  });

  test("their gradient counts how many hold each element, in one order of additions", async () => {
    const x = counting([1000]);
    for (const [size, step] of [
      [5, 1],
      [64, 16],
      [3, 7],
    ] as const) {
      const gradient = tg.grad((v: tg.Tensor) => tg.sum(tg.unfold(v, 0, size, step)))(x);
      const wanted = new Array<number>(1000).fill(0);
      for (let w = 0; w * step + size <= 1000; w++)
        for (let k = 0; k < size; k++) wanted[w * step + k]!++;
      expect(await read(gradient as tg.Tensor)).toEqual(wanted);
    }
  });

  test("refuse a size or a step that does not fit", () => {
    const x = counting([4]);
    expect(() => tg.unfold(x, 0, 5, 1)).toThrow(tg.ShapeError);
    expect(() => tg.unfold(x, 0, 2, 0)).toThrow(tg.ArgumentError);
    expect(() => tg.unfold(x, 1, 2, 1)).toThrow(tg.ShapeError);
    expect(() => tg.unfold(tg.tensor(1), 0, 1, 1)).toThrow(tg.ShapeError);
  });
});

describe("patches", () => {
  test("folded back are the image times the number of patches that hold each pixel", async () => {
    const x = counting([2, 3, 6, 5]);
    const options = { padding: 1, stride: [2, 1], dilation: [1, 2] } as const;
    const back = (v: tg.Tensor) => fold(unfold(v, [3, 2], options), [6, 5], [3, 2], options);
    const counts = back(tg.onesLike(x));
    expect(await read(back(x))).toEqual(await read(tg.mul(x, counts)));
  });

  test("leave no memory behind", () => {
    const x = counting([1, 2, 4, 4]);
    const columns = unfold(x, 2, { padding: 1 });
    columns.dispose();
    const before = tg.memory().liveBytes;
    for (let i = 0; i < 2; i++) {
      const y = unfold(x, 2, { padding: 1 });
      const z = fold(y, 4, 2, { padding: 1 });
      y.dispose();
      z.dispose();
    }
    expect(tg.memory().liveBytes).toBe(before);
  });

  test("that do not fit are refused", () => {
    const x = counting([1, 2, 4, 4]);
    expect(() => unfold(x, 5)).toThrow(tg.ShapeError);
    expect(() => unfold(counting([4, 4]), 2)).toThrow(/method unfold/);
    expect(() => unfold(x, 0)).toThrow(tg.ArgumentError);
    expect(() => unfold(x, 2, { stride: 0 })).toThrow(/stride/);
    expect(() => fold(counting([1, 8, 5]), [4, 4], 2)).toThrow(/must be/);
    expect(() => fold(counting([1, 7, 9]), [4, 4], 2)).toThrow(tg.ShapeError);
  });
});

describe("grids", () => {
  test("of triangles are PyTorch's, row by row", async () => {
    expect(await tg.triuIndices(2, 3).toArray()).toEqual([
      [0, 0, 0, 1, 1],
      [0, 1, 2, 1, 2],
    ]);
    expect(await tg.trilIndices(3, 2, -1).toArray()).toEqual([
      [1, 2, 2],
      [0, 0, 1],
    ]);
    expect(tg.triuIndices(0, 3).shape).toEqual([2, 0]);
    expect(() => tg.trilIndices(1.5, 2)).toThrow(tg.ArgumentError);
  });

  test("refuse matrices, and nothing", () => {
    expect(() => tg.meshgrid([])).toThrow(tg.ArgumentError);
    expect(() => tg.meshgrid([tg.ones([2, 2])])).toThrow(tg.ShapeError);
    expect(() => tg.meshgrid([tg.ones([2])], { indexing: "yx" as "xy" })).toThrow(/neither/);
    expect(() => tg.cartesianProd()).toThrow(tg.ArgumentError);
    expect(() => tg.combinations(tg.ones([2, 2]))).toThrow(tg.ShapeError);
    expect(() => tg.combinations(tg.ones([2]), 0)).toThrow(tg.ArgumentError);
    expect(tg.combinations(tg.ones([2]), 3).shape).toEqual([0, 3]);
    expect(() => tg.vander(tg.ones([2, 2]))).toThrow(tg.ShapeError);
    expect(() => tg.blockDiag(tg.ones([1, 1, 1]))).toThrow(/is no matrix/);
    expect(() => tg.blockDiag()).toThrow(tg.ArgumentError);
    expect(() => tg.hstack([])).toThrow(/at least one/);
  });

  test("of diagonals refuse what has none", () => {
    expect(() => tg.diag(tg.tensor(1))).toThrow(tg.ShapeError);
    expect(() => tg.diag(tg.ones([1, 1, 1]))).toThrow(/diagonal or diagEmbed/);
    expect(() => tg.diagonal(tg.ones([2]))).toThrow(/Use diag/);
    expect(() => tg.diagonal(tg.ones([2, 2]), 0, 1, 1)).toThrow(/one dimension/);
    expect(() => tg.diagonal(tg.ones([2, 2]), 0.5)).toThrow(/whole/);
    expect(() => tg.diagEmbed(tg.tensor(1))).toThrow(tg.ShapeError);
  });
});

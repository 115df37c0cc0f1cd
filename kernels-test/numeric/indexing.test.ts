import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { ArgumentError, DTypeError, IndexError, ShapeError } from "../../src/errors";
import { initOn } from "../../src/init";
import { add, mul } from "../../src/ops/arithmetic";
import {
  embedding,
  gather,
  gatherUnique,
  indexAdd,
  indexSelect,
  scatterAdd,
} from "../../src/ops/indexing";
import { sum } from "../../src/ops/reduce";
import {
  forcedScatterVariant,
  type ScatterProblem,
  scatterVariants,
} from "../../src/ops/scatterLaunch";
import { contiguous, expand, permute, select, slice, transpose } from "../../src/ops/shape";
import { nodePlatform } from "../../src/platform/node";
import { keyFromSeed, philox4x32 } from "../../src/random/philox";
import { tensor, upload } from "../../src/tensor/creation";
import { denseStrides, sizeOf } from "../../src/tensor/shape";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";
import { jvp } from "../../src/transforms/jvp";
import { vjp } from "../../src/transforms/vjp";
import { vmap } from "../../src/transforms/vmap";

let device: Device;
beforeAll(async () => {
  device = await initOn(nodePlatform);
});
afterEach(() => {
  forcedScatterVariant.current = null;
});

const anyScatter: ScatterProblem = { elements: 1, terms: 1, limit: 1, lists: 1, unique: false };

type Numbers = readonly number[];

const read = async (t: Tensor) => [...(await t.data())];
const sameBits = (a: ArrayBufferView, b: ArrayBufferView) =>
  Buffer.from(a.buffer as ArrayBuffer).equals(Buffer.from(b.buffer as ArrayBuffer));

/** Whole numbers from 0 to below - 1. */
function draw(count: number, seed: number, below: number): number[] {
  const words = [];
  for (let block = 0; block * 4 < count; block++)
    words.push(...philox4x32(keyFromSeed(seed), [block, 0, 0, 0]));
  return words.slice(0, count).map((w) => w % below);
}
const whole = (count: number, seed: number) => draw(count, seed, 201).map((v) => v - 100);
const f32 = (values: Numbers, shape: Numbers) => upload(values, shape, { dtype: "f32" });
const i32 = (values: Numbers, shape: Numbers) => upload(values, shape, { dtype: "i32" });

const coordinates = (i: number, shape: Numbers): number[] =>
  denseStrides(shape).map((s, d) => Math.floor(i / s) % shape[d]!);
const offset = (at: Numbers, shape: Numbers): number =>
  denseStrides(shape).reduce((o, s, d) => o + s * at[d]!, 0);

/** For each element of the index, the element of x that it names. */
function named(shape: Numbers, dim: number, index: Numbers, indexShape: Numbers): number[] {
  return index.map((j, i) => {
    const at = coordinates(i, indexShape);
    at[dim] = j;
    return offset(at, shape);
  });
}

/** What a kernel adds to each element, in f32 and in its order: runs of 32 terms, then the runs. */
function sumsInRuns(size: number, targets: Numbers, terms: Numbers): number[] {
  const lists = Array.from({ length: size }, () => [] as number[]);
  targets.forEach((t, i) => {
    lists[t]!.push(terms[i]!);
  });
  return lists.map((list) => {
    let total = 0;
    for (let first = 0; first < list.length; first += 32) {
      const run = list.slice(first, first + 32).reduce((a, b) => Math.fround(a + b), 0);
      total = Math.fround(total + run);
    }
    return total;
  });
}

/** f linear: differences of whole numbers are exact, and equal the gradient's product with the step. */
async function expectGradient(f: (x: Tensor) => Tensor, shape: Numbers, seed: number) {
  const x = f32(whole(sizeOf(shape), seed), shape);
  const step = f32(whole(sizeOf(shape), seed + 1), shape);
  const y = f(x);
  const weights = f32(whole(y.size, seed + 2), y.shape);
  const weighted = (v: Tensor) => sum(mul(f(v), weights));
  const difference = (await weighted(add(x, step)).item()) - (await weighted(x).item());
  const gradient = grad(weighted)(x);
  expect(gradient.shape).toEqual(shape);
  expect(await sum(mul(gradient, step)).item()).toBe(difference);
  // The gradient of a linear function is itself linear in the weights, with the function as its gradient.
  const back = (w: Tensor) => sum(mul(grad((v: Tensor) => sum(mul(f(v), w)))(x), step));
  expect(await read(grad(back)(weights))).toEqual(await read(add(f(add(x, step)), mul(f(x), -1))));
}

const gatherShapes = [
  [[5], 0, [7]],
  [[5], 0, [1]],
  [[3, 5, 7], 0, [4, 5, 7]],
  [[3, 5, 7], 1, [3, 4, 7]],
  [[3, 5, 7], -1, [3, 5, 4]],
  [[5, 7], 1, [3, 2]],
  [[5, 7], 0, [9, 4]],
  [[4, 8], 0, [5, 8]],
  [[2, 3, 4, 5, 6], 2, [2, 3, 7, 5, 6]],
] as const;

describe("gather", () => {
  test.each(gatherShapes)("from %j along %d by indices %j", async (shape, dim, indexShape) => {
    const at = dim < 0 ? dim + shape.length : dim;
    const values = whole(sizeOf(shape), 1);
    const index = draw(sizeOf(indexShape), 2, shape[at]!);
    const wanted = named(shape, at, index, indexShape).map((o) => values[o]!);
    for (const dtype of ["i32", "u32"] as const) {
      const y = gather(f32(values, shape), dim, upload(index, indexShape, { dtype }));
      expect(y.shape).toEqual(indexShape);
      expect(await read(y)).toEqual(wanted);
    }
  });

  test("reads views of x by views of the index", async () => {
    const values = whole(6 * 10, 3);
    const x = transpose(f32(values, [6, 10]), 0, 1);
    const index = slice(i32(draw(4 * 12, 4, 10), [4, 12]), { dim: 1, start: 1, end: 12, step: 2 });
    const flat = await read(index);
    const wanted = named([10, 6], 0, flat, [4, 6]).map(
      (o) => values[(o % 6) * 10 + Math.floor(o / 6)],
    );
    expect(await read(gather(x, 0, index))).toEqual(wanted);
  });

  test("moves every value unchanged: NaN payloads, denormals, -0, integers, bools", async () => {
    const bits = Uint32Array.of(0x7fc12345, 1, 0x80000000, 0xff800000, 0x80000001);
    const order = i32([4, 0, 3, 1, 2], [5]);
    const moved = await gather(tensor(new Float32Array(bits.buffer)), 0, order).data();
    const wanted = [4, 0, 3, 1, 2].map((i) => bits[i]);
    expect([...new Uint32Array(moved.buffer)]).toEqual(wanted);
    expect(await read(gather(tensor(bits), 0, order))).toEqual(wanted);
    const truth = gather(tensor([true, false, false, false, true]), 0, order);
    expect([truth.dtype, await read(truth)]).toEqual(["bool", [1, 1, 0, 0, 0]]);
  });

  test("of a scalar, and by no indices", async () => {
    expect(await gather(tensor(3), 0, i32([0], [])).item()).toBe(3);
    const none = gather(f32([1, 2, 3, 4], [2, 2]), 0, i32([], [0, 2]));
    expect([none.shape, await read(none)]).toEqual([[0, 2], []]);
  });

  test("refuses indices that do not fit", () => {
    const x = f32([1, 2, 3, 4], [2, 2]);
    expect(() => gather(x, 0, i32([0], [1]))).toThrow(ShapeError);
    expect(() => gather(x, 0, i32([0, 0, 0], [1, 3]))).toThrow(/no|none but dim 0/);
    expect(() => gather(x, 2, i32([0], [1, 1]))).toThrow(ShapeError);
    expect(() => gather(x, 0, f32([0], [1, 1]))).toThrow(DTypeError);
  });
});

describe.each([...scatterVariants.candidates(anyScatter), null])(
  "scatterAdd (variant %s)",
  (variant) => {
    test.each(gatherShapes)("into %j along %d by indices %j", async (shape, dim, indexShape) => {
      forcedScatterVariant.current = variant;
      const at = dim < 0 ? dim + shape.length : dim;
      const base = whole(sizeOf(shape), 5);
      const index = draw(sizeOf(indexShape), 6, shape[at]!);
      const src = whole(sizeOf(indexShape), 7);
      const wanted = [...base];
      named(shape, at, index, indexShape).forEach((o, i) => {
        wanted[o]! += src[i]!;
      });
      const x = f32(base, shape);
      const y = scatterAdd(x, dim, i32(index, indexShape), f32(src, indexShape));
      expect(await read(y)).toEqual(wanted);
      expect(await read(x)).toEqual(base);
    });

    test("adds integers that wrap around, and uses only the part of src the index covers", async () => {
      forcedScatterVariant.current = variant;
      const x = upload([0xffffffff, 1, 2], [3], { dtype: "u32" });
      const src = upload([5, 6, 7, 999], [4], { dtype: "u32" });
      expect(await read(scatterAdd(x, 0, i32([0, 0, 2], [3]), src))).toEqual([10, 1, 9]);
    });

    test("repeated indices are added in their order, to the bit", async () => {
      forcedScatterVariant.current = variant;
      const src = draw(1000, 8, 2 ** 24).map((v) => Math.fround(v / 3e6));
      const index = draw(1000, 9, 3);
      const base = [0.1, 1e6, -3].map(Math.fround);
      const sums = sumsInRuns(3, index, src);
      const wanted = base.map((b, i) => Math.fround(b + sums[i]!));
      const y = await read(scatterAdd(f32(base, [3]), 0, i32(index, [1000]), f32(src, [1000])));
      if (device.executor.adapter.class === "software") expect(y).toEqual(wanted);
      else
        for (const [i, v] of y.entries()) expect(Math.abs(v / wanted[i]! - 1)).toBeLessThan(1e-6);
    });

    test("all indices the same, and none at all", async () => {
      forcedScatterVariant.current = variant;
      const x = f32(whole(5, 1), [5]);
      const all = scatterAdd(
        x,
        0,
        i32(new Array(517).fill(2), [517]),
        f32(new Array(517).fill(1), [517]),
      );
      const wanted = whole(5, 1);
      wanted[2]! += 517;
      expect(await read(all)).toEqual(wanted);
      const none = scatterAdd(x, 0, i32([], [0]), f32([], [0]));
      expect(await read(none)).toEqual(whole(5, 1));
    });

    test("its gradients are g, and g where the index points", async () => {
      forcedScatterVariant.current = variant;
      const index = i32(draw(3 * 9, 10, 5), [3, 9]);
      const src = f32(whole(3 * 9, 11), [3, 9]);
      await expectGradient((x) => scatterAdd(x, 1, index, mul(src, 0)), [3, 5], 12);
      const x = f32(new Array(15).fill(0), [3, 5]);
      await expectGradient((s) => scatterAdd(x, 1, index, s), [3, 9], 15);
      // src longer than the index: what is not used gets no gradient.
      await expectGradient((s) => scatterAdd(x, 1, index, s), [4, 10], 18);
    });

    test("the gradient of gather adds up repeated indices", async () => {
      forcedScatterVariant.current = variant;
      for (const [shape, dim, indexShape] of gatherShapes) {
        const index = i32(draw(sizeOf(indexShape), 19, shape.at(dim)!), indexShape);
        await expectGradient((x) => gather(x, dim, index), shape, 20);
      }
    });

    test("indexAdd and the gradients of indexSelect agree with their definitions", async () => {
      forcedScatterVariant.current = variant;
      for (const [shape, dim, n] of [
        [[5], 0, 9],
        [[3, 5, 7], 0, 4],
        [[3, 5, 7], 1, 11],
        [[3, 5, 8], 1, 40],
        [[3, 5, 7], -1, 3],
        [[2, 2, 2, 3, 4], 3, 5],
      ] as const) {
        const at = dim < 0 ? dim + shape.length : dim;
        const index = draw(n, 21, shape[at]!);
        const srcShape = shape.map((d, i) => (i === at ? n : d));
        const base = whole(sizeOf(shape), 22);
        const src = whole(sizeOf(srcShape), 23);
        const all = src.map((_, i) => index[coordinates(i, srcShape)[at]!]!);
        const targets = named(shape, at, all, srcShape);
        const x = f32(base, shape);
        const picked = indexSelect(x, dim, i32(index, [n]));
        expect(picked.shape).toEqual(srcShape);
        expect(await read(picked)).toEqual(targets.map((o) => base[o]));
        const wanted = [...base];
        targets.forEach((o, i) => {
          wanted[o]! += src[i]!;
        });
        const y = indexAdd(x, dim, i32(index, [n]), f32(src, srcShape));
        expect(await read(y)).toEqual(wanted);
        await expectGradient((v) => indexSelect(v, dim, i32(index, [n])), shape, 24);
        const zeros = f32(new Array(base.length).fill(0), shape);
        await expectGradient((s) => indexAdd(zeros, dim, i32(index, [n]), s), srcShape, 27);
      }
    });

    test("embedding's gradient adds up the rows that were read, also for views", async () => {
      forcedScatterVariant.current = variant;
      for (const [rows, width, shape] of [
        [11, 5, [7]],
        [11, 16, [3, 8]],
        [11, 5, []],
        [5, 3, [2, 2]],
        [5, 1, [40]],
        [1, 4, [6]],
        [65, 128, [12, 64]],
      ] as const) {
        const index = i32(draw(sizeOf(shape), 30, rows), shape);
        await expectGradient((w) => embedding(index, w), [rows, width], 31);
      }
      const wide = i32(draw(4 * 9, 32, 6), [4, 9]);
      await expectGradient((w) => embedding(slice(wide, { dim: 1, end: 8 }), w), [6, 3], 33);
      await expectGradient((w) => embedding(wide, transpose(w, 0, 1)), [3, 6], 36);
      const turned = (w: Tensor) => permute(embedding(wide, w), [2, 1, 0]);
      await expectGradient(turned, [6, 8], 39);
    });

    test("embedding's padding row gets no gradient, twice over", async () => {
      forcedScatterVariant.current = variant;
      const index = [0, 3, 1, 3, 2, 3];
      const f = (w: Tensor) => sum(embedding(i32(index, [6]), w, { paddingIdx: -1 }));
      const weight = f32(whole(8, 1), [4, 2]);
      expect(await read(grad(f)(weight))).toEqual([1, 1, 1, 1, 1, 1, 0, 0]);
      const h = (v: Tensor) =>
        sum(
          mul(
            grad((w: Tensor) => sum(mul(embedding(i32(index, [6]), w, { paddingIdx: 3 }), v)))(
              weight,
            ),
            weight,
          ),
        );
      const wanted = index.flatMap((j) =>
        [0, 1].map((c) => (j === 3 ? 0 : whole(8, 1)[j * 2 + c])),
      );
      expect(await read(grad(h)(f32(whole(12, 2), [6, 2])))).toEqual(wanted);
    });

    test("an index out of range is reported by name and adds nothing", async () => {
      forcedScatterVariant.current = variant;
      const ones = f32([1, 1, 1], [3]);
      for (const wrong of [5, -1, 2 ** 31 - 1, -(2 ** 31)]) {
        const y = scatterAdd(f32([0, 0, 0, 0, 0], [5]), 0, i32([1, wrong, 4], [3]), ones);
        await expect(y.data()).rejects.toThrow(IndexError);
        expect(await read(y)).toEqual([0, 1, 0, 0, 1]);
      }
      indexAdd(f32([0, 0], [2, 1]), 0, i32([7], [1]), f32([1], [1, 1]));
      await expect(device.synchronize()).rejects.toThrow(
        "indexAdd: index of shape [1] into dimension 0 of [2, 1]: index 7 is out of range; valid are 0 to 1.",
      );
      await device.synchronize();
    });
  },
);

describe("scatter variants", () => {
  test("give the same bits, whatever they round", async () => {
    const index = i32(draw(3000, 40, 17), [3000]);
    const g = f32(
      draw(3000 * 20, 41, 2 ** 24).map((v) => v / 7e6 - 1),
      [3000, 20],
    );
    const src = f32(
      draw(3000, 42, 2 ** 24).map((v) => v / 7e6 - 1),
      [3000],
    );
    const results = [];
    const variants = scatterVariants.candidates(anyScatter);
    for (const variant of variants) {
      forcedScatterVariant.current = variant;
      results.push(
        await grad((w: Tensor) => sum(mul(embedding(index, w), g)))(
          f32(new Array(340).fill(0), [17, 20]),
        ).data(),
      );
      results.push(await scatterAdd(f32(new Array(17).fill(0.1), [17]), 0, index, src).data());
    }
    for (let i = 1; i < variants.length; i++) {
      expect(sameBits(results[2 * i]!, results[0]!)).toBe(true);
      expect(sameBits(results[2 * i + 1]!, results[1]!)).toBe(true);
    }
  });

  test.each(["counted", "listed"] as const)(
    "%s adds whole rows in vec4s to the bits that scanning gives",
    async (variant) => {
      const f16 = device.executor.adapter.features.includes("shader-f16");
      for (const dtype of ["f32", "i32", "u32", ...(f16 ? (["f16"] as const) : [])] as const)
        for (const [rows, width, n] of [
          [2, 4, 9],
          [65, 64, 63],
          [3, 8, 1000],
          [97, 128, 129],
        ] as const) {
          const index = i32(draw(n, 43, rows), [n]);
          const base = upload(draw(rows * width, 44, 50), [rows, width], { dtype });
          const values = draw((n + 1) * width, 45, 999).map((v) => (dtype === "f16" ? v / 9 : v));
          const long = upload(values, [n + 1, width], { dtype });
          // A view that begins one row into its memory.
          const src = slice(long, { dim: 0, start: 1 });
          const results = [];
          for (const chosen of ["scan", variant] as const) {
            forcedScatterVariant.current = chosen;
            results.push(await indexAdd(base, 0, index, src).data());
            if (dtype === "f32")
              results.push(
                await grad((w: Tensor) => sum(mul(embedding(index, w, { paddingIdx: 1 }), src)))(
                  base,
                ).data(),
              );
          }
          const half = results.length / 2;
          for (let i = 0; i < half; i++)
            expect(sameBits(results[half + i]!, results[i]!)).toBe(true);
        }
    },
  );

  test("the gradient of a small table takes two dispatches", () => {
    const index = i32(draw(1024, 46, 96), [8, 128]);
    const g = f32(new Array(1024 * 128).fill(1), [8, 128, 128]);
    const { pullback } = vjp(
      (w: Tensor) => embedding(index, w),
      f32(draw(96 * 128, 1, 9), [96, 128]),
    );
    forcedScatterVariant.current = "counted";
    const before = device.executor.counters.dispatches;
    pullback(g);
    expect(device.executor.counters.dispatches - before).toBe(2);
  });

  test("small problems are scanned by default, others counted, permutations put", () => {
    const choose = (limit: number, width: number, terms: number, unique = false, lists = 1) =>
      scatterVariants.defaultChoice("software", {
        elements: limit * width,
        terms,
        limit,
        lists,
        unique,
      });
    expect(choose(65, 128, 768)).toBe("counted");
    expect(choose(16, 16, 64)).toBe("scan");
    expect(choose(16, 16, 65)).toBe("counted");
    expect(choose(50257, 768, 4096)).toBe("counted");
    expect(choose(50257, 768, 8)).toBe("scan");
    expect(choose(50257, 768, 4096, false, 768)).toBe("sorted");
    expect(choose(1000, 1, 1000, true)).toBe("put");
    expect(scatterVariants.isApplicable("put", anyScatter)).toBe(false);
    const huge = { ...anyScatter, limit: 2 ** 25 };
    expect(scatterVariants.candidates(huge)).toEqual(["scan", "sorted"]);
  });

  test("on a GPU every element of few looks for its terms, and sorting comes last", () => {
    const choose = (limit: number, terms: number) =>
      scatterVariants.defaultChoice("hardware", {
        elements: limit * 128,
        terms,
        limit,
        lists: 1,
        unique: false,
      });
    expect(choose(96, 1024)).toBe("scan");
    expect(choose(50257, 4096)).toBe("listed");
    expect(choose(50257, 2 ** 15)).toBe("sorted");
  });

  test.each(scatterVariants.candidates({ ...anyScatter, unique: true }))(
    "%s puts back what unique indices read",
    async (variant) => {
      forcedScatterVariant.current = variant;
      const order = [3, 1, 4, 0];
      const index = i32([...order, ...order.map((v) => 4 - v)], [2, 4]);
      await expectGradient((x) => gatherUnique(x, 1, index), [2, 5], 50);
      await expectGradient((x) => gatherUnique(transpose(x, 0, 1), 1, index), [5, 3], 53);
    },
  );

  test("give their temporary memory back", () => {
    const index = i32(draw(400, 60, 9), [400]);
    const x = f32(new Array(9).fill(0), [9]);
    const src = f32(whole(400, 61), [400]);
    const before = device.pool.report().liveBytes;
    for (const variant of scatterVariants.candidates(anyScatter)) {
      forcedScatterVariant.current = variant;
      scatterAdd(x, 0, index, src).dispose();
    }
    expect(device.pool.report().liveBytes).toBe(before);
  });
});

describe("embedding", () => {
  test("reads rows of any width by indices of any shape", async () => {
    for (const [rows, width, shape] of [
      [11, 5, [7]],
      [11, 16, [3, 8]],
      [11, 5, []],
      [70_001, 4, [65_539]],
      [5, 1, [2, 3, 4]],
      [5, 3, [0, 4]],
    ] as const) {
      const table = whole(rows * width, 70);
      const index = draw(sizeOf(shape), 71, rows);
      const y = embedding(i32(index, shape), f32(table, [rows, width]));
      expect(y.shape).toEqual([...shape, width]);
      expect(await read(y)).toEqual(index.flatMap((j) => table.slice(j * width, (j + 1) * width)));
    }
  });

  test("reads more than 65,535 workgroups of elements", async () => {
    const n = 65_536 * 64 * 4 + 4;
    const index = new Uint32Array(n / 4);
    index[n / 4 - 1] = 1;
    const y = await embedding(tensor(index), f32([1, 2, 3, 4, 5, 6, 7, 8], [2, 4])).data();
    expect([...y.slice(-8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test("an index out of range reads 0 and is reported with its value and the table", async () => {
    const weight = f32([1, 2, 3, 4, 5, 6], [3, 2]);
    const y = embedding(i32([2, 3, 0, -1], [2, 2]), weight);
    await expect(y.data()).rejects.toThrow(
      /^embedding: index of shape \[2, 2\] into 3 rows: index (3|-1) is out of range; valid are 0 to 2\./,
    );
    expect(await read(y)).toEqual([5, 6, 0, 0, 1, 2, 0, 0]);
    expect(await read(weight)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("refuses what is no table, no index, or no padding row", () => {
    const weight = f32([1, 2, 3, 4], [2, 2]);
    expect(() => embedding(i32([0], [1]), f32([1], [1]))).toThrow(ShapeError);
    expect(() => embedding(f32([0], [1]), weight)).toThrow(DTypeError);
    for (const paddingIdx of [2, -3, 0.5])
      expect(() => embedding(i32([0], [1]), weight, { paddingIdx })).toThrow(ArgumentError);
  });
});

describe("the padding row of embedding", () => {
  const tables = () => f32(whole(2 * 4 * 3, 50), [2, 4, 3]);
  const index = () => i32([0, 3, 1, 3, 3, 2], [2, 3]);
  const g = () => f32(whole(2 * 3 * 3, 51), [2, 3, 3]);
  const looked = (w: Tensor, i: Tensor) => embedding(i, w, { paddingIdx: 3 });
  const loss = (w: Tensor, i: Tensor, c: Tensor) => sum(mul(looked(w, i), c));
  const lane = (t: Tensor, k: number) => select(t, 0, k);

  test("gets no gradient in any lane, whichever transform is outside", async () => {
    const [w, i, c] = [tables(), index(), g()];
    const apart = [0, 1].map((k) => grad(loss)(lane(w, k), lane(i, k), lane(c, k)) as Tensor);
    const wanted = [...(await read(apart[0]!)), ...(await read(apart[1]!))];
    expect(wanted.slice(9, 12)).toEqual([0, 0, 0]);
    expect(await read(vmap(grad(loss))(w, i, c) as Tensor)).toEqual(wanted);
    const outside = grad((v: Tensor) => sum(vmap(loss)(v, i, c)));
    expect(await read(outside(w) as Tensor)).toEqual(wanted);
    // One index for all tables.
    const row = i32([3, 0, 3], [3]);
    const shared = vmap(grad(loss), { inDims: [0, null, 0] })(w, row, c) as Tensor;
    const each = [0, 1].map((k) => grad(loss)(lane(w, k), row, lane(c, k)) as Tensor);
    expect(await read(shared)).toEqual([...(await read(each[0]!)), ...(await read(each[1]!))]);
  });

  test("does not move in forward mode, as reverse mode says", async () => {
    const [w, i] = [lane(tables(), 0), lane(index(), 0)];
    const t = f32(whole(12, 52), [4, 3]);
    const { tangent } = jvp((v: Tensor) => looked(v, i), [w], [t]);
    expect((await read(tangent)).slice(3, 6)).toEqual([0, 0, 0]);
    const forward = await sum(mul(tangent, lane(g(), 0))).item();
    const back = grad(loss)(w, i, lane(g(), 0)) as Tensor;
    expect(await sum(mul(back, t)).item()).toBe(forward);
  });
});

test("indices that repeat without a copy are sorted once, and add up the same", async () => {
  const index = i32(draw(40, 60, 7), [1, 40, 1]);
  const spread = expand(index, [3, 40, 5]);
  const src = f32(whole(3 * 40 * 5, 61), [3, 40, 5]);
  const results = [];
  for (const [variant, by] of [
    ["scan", spread],
    ["sorted", spread],
    ["sorted", contiguous(spread)],
  ] as const) {
    forcedScatterVariant.current = variant;
    results.push(await read(scatterAdd(f32(new Array(105).fill(1), [3, 7, 5]), 1, by, src)));
  }
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
});

describe("shape rules", () => {
  test("scatterAdd, indexSelect and indexAdd refuse what does not fit", () => {
    const x = f32([1, 2, 3, 4], [2, 2]);
    const one = i32([0], [1]);
    expect(() => scatterAdd(x, 0, i32([0], [1, 1]), f32([1], [1]))).toThrow(ShapeError);
    expect(() => scatterAdd(x, 0, i32([0, 0], [1, 2]), f32([1], [1, 1]))).toThrow(ShapeError);
    expect(() => scatterAdd(x, 0, i32([0], [1, 1]), i32([1], [1, 1]))).toThrow(DTypeError);
    expect(() => scatterAdd(tensor([true]), 0, one, tensor([true]))).toThrow(DTypeError);
    expect(() => indexSelect(x, 0, i32([0], [1, 1]))).toThrow(ShapeError);
    expect(() => indexSelect(x, 2, one)).toThrow(ShapeError);
    expect(() => indexSelect(tensor(1), 0, one)).toThrow(ShapeError);
    expect(() => indexAdd(x, 0, one, f32([1], [1, 1]))).toThrow(/must be f32 \[1, 2\]/);
    expect(() => indexAdd(x, 0, one, i32([1, 2], [1, 2]))).toThrow(/must be f32 \[1, 2\]/);
  });

  test("scatterAdd of a scalar adds to it", async () => {
    expect(await scatterAdd(tensor(3), 0, i32([0], []), tensor(4)).item()).toBe(7);
  });

  test("rows of an empty table cannot be read", async () => {
    const y = embedding(i32([0], [1]), f32([], [0, 2]));
    await expect(y.data()).rejects.toThrow(IndexError);
    expect(await read(y)).toEqual([0, 0]);
  });
});

test("f16 is moved as it is and added up in f32, where the adapter has it", async () => {
  if (!device.executor.adapter.features.includes("shader-f16")) {
    expect(() => tensor([1], { dtype: "f16" })).toThrow(DTypeError);
    return;
  }
  const f16 = (values: Numbers, shape: Numbers) => upload(values, shape, { dtype: "f16" });
  const x = f16([1.5, -2, 65504, 2 ** -24, 0.5], [5]);
  expect(await read(gather(x, 0, i32([4, 2, 3], [3])))).toEqual([0.5, 65504, 2 ** -24]);
  const index = i32(new Array(3000).fill(1), [3000]);
  const halves = f16(new Array(3000).fill(0.5), [3000]);
  for (const variant of ["scan", "sorted"] as const) {
    forcedScatterVariant.current = variant;
    // In f16, 1024 + 0.5 would be 1024 again.
    expect(await read(scatterAdd(f16([0, 1, 0], [3]), 0, index, halves))).toEqual([0, 1501, 0]);
  }
  forcedScatterVariant.current = null;
  const g = grad((v: Tensor) => sum(mul(gatherUnique(v, 0, i32([3, 0, 1], [3])), 2)))(x);
  expect([g.dtype, await read(g)]).toEqual(["f16", [2, 2, 0, 2, 0]]);
});

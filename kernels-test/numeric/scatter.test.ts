import { afterEach, beforeAll, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import {
  forcedScatterVariant,
  type ScatterProblem,
  scatterVariants,
} from "../../src/ops/scatterLaunch";
import { keyFromSeed, philox4x32 } from "../../src/random/philox";

beforeAll(async () => {
  await tg.init();
});
afterEach(() => {
  forcedScatterVariant.current = null;
});

const anyScatter: ScatterProblem = { elements: 1, terms: 1, limit: 1, lists: 1, unique: false };

type Numbers = readonly number[];

const read = async (t: tg.Tensor) => [...(await t.data())];
const f32 = (values: Numbers, shape: Numbers = [values.length]) =>
  tg.tensor(Float32Array.from(values), { shape });
const i32 = (values: Numbers, shape: Numbers = [values.length]) =>
  tg.tensor(Int32Array.from(values), { shape });
const u32 = (values: Numbers) => tg.tensor(Uint32Array.from(values));

/** Whole numbers from 0 to below - 1. */
function draw(count: number, seed: number, below: number): number[] {
  const words = [];
  for (let block = 0; block * 4 < count; block++)
    words.push(...philox4x32(keyFromSeed(seed), [block, 0, 0, 0]));
  return words.slice(0, count).map((w) => w % below);
}

const kinds = {
  prod: (a: number, b: number) => Math.fround(a * b),
  amax: Math.max,
  amin: Math.min,
  sum: (a: number, b: number) => a + b,
} as const;
type Kind = keyof typeof kinds;

describe.each([...scatterVariants.candidates(anyScatter), null])("variant %s", (variant) => {
  test("scatter keeps the last of several values, and the rest of x", async () => {
    forcedScatterVariant.current = variant;
    for (const [terms, elements] of [
      [8, 5],
      [9, 5],
      [63, 40],
      [64, 40],
      [65, 40],
      [3000, 70],
    ] as const) {
      const index = draw(terms, terms, elements);
      const src = draw(terms, terms + 1, 1000);
      const wanted = new Array<number>(elements).fill(-1);
      index.forEach((j, i) => {
        wanted[j] = src[i]!;
      });
      const x = tg.full([elements], -1);
      expect(await read(tg.scatter(x, 0, i32(index), f32(src)))).toEqual(wanted);
      expect(await read(x)).toEqual(new Array(elements).fill(-1));
    }
  });

  test("scatter moves every value unchanged: NaN payloads, denormals, -0", async () => {
    forcedScatterVariant.current = variant;
    const bits = Uint32Array.of(0x7fc12345, 1, 0x80000000, 0xff800000);
    const src = tg.tensor(new Float32Array(bits.buffer));
    const moved = await tg.scatter(tg.zeros([5]), 0, i32([4, 0, 3, 1]), src).data();
    expect([...new Uint32Array(moved.buffer)]).toEqual([1, 0xff800000, 0, 0x80000000, 0x7fc12345]);
  });

  test.each(Object.keys(kinds) as Kind[])("scatterReduce %s agrees with the host", async (kind) => {
    forcedScatterVariant.current = variant;
    for (const includeSelf of [true, false]) {
      const [rows, elements, terms] = [3, 7, 33];
      const values = draw(rows * elements, 1, 3).map((v) => v + 1);
      const src = draw(rows * terms, 2, 3).map((v) => (v === 0 ? 1 : v === 1 ? 2 : 0.5));
      const index = draw(rows * terms, 3, elements - 1);
      const wanted = [...values];
      const reached = new Set<number>();
      index.forEach((j, i) => {
        const at = Math.floor(i / terms) * elements + j;
        const fresh = !includeSelf && !reached.has(at);
        wanted[at] = fresh ? src[i]! : kinds[kind](wanted[at]!, src[i]!);
        reached.add(at);
      });
      const y = tg.scatterReduce(
        f32(values, [rows, elements]),
        1,
        i32(index, [rows, terms]),
        f32(src, [rows, terms]),
        kind,
        { includeSelf },
      );
      expect(await read(y)).toEqual(wanted);
    }
  });

  test("NaN wins an extremum, of the values and of x", async () => {
    forcedScatterVariant.current = variant;
    const x = f32([1, Number.NaN, 3, -1]);
    const src = f32([5, 7, Number.NaN, Number.NEGATIVE_INFINITY, 4]);
    for (const [kind, fourth] of [
      ["amax", 4],
      ["amin", Number.NEGATIVE_INFINITY],
    ] as const) {
      const y = tg.scatterReduce(x, 0, i32([1, 2, 2, 3, 3]), src, kind);
      expect(await read(y)).toEqual([1, Number.NaN, Number.NaN, fourth]);
    }
  });

  test("integers reach over their whole range", async () => {
    forcedScatterVariant.current = variant;
    const least = -(2 ** 31);
    const y = tg.scatterReduce(i32([0, 0]), 0, i32([0, 0, 1]), i32([least, 5, least]), "amax", {
      includeSelf: false,
    });
    expect(await read(y)).toEqual([5, least]);
    const u = tg.scatterReduce(u32([7, 7]), 0, i32([0, 1]), u32([0xffffffff, 3]), "amin");
    expect(await read(u)).toEqual([7, 3]);
  });

  test("an index out of range is reported by name and writes nothing", async () => {
    forcedScatterVariant.current = variant;
    const ones = f32([9, 9, 9]);
    for (const wrong of [5, -1, 2 ** 31 - 1, -(2 ** 31)]) {
      const index = i32([1, wrong, 4]);
      for (const [name, run] of [
        ["scatter", () => tg.scatter(tg.zeros([5]), 0, index, ones)],
        ["scatterReduce", () => tg.scatterReduce(tg.zeros([5]), 0, index, ones, "amax")],
        ["scatter", () => tg.indexCopy(tg.zeros([5]), 0, index, ones)],
        ["scatter", () => tg.indexFill(tg.zeros([5]), 0, index, 9)],
      ] as const) {
        const y = run();
        const said = await y.data().catch((error: Error) => error);
        expect(said).toBeInstanceOf(tg.IndexError);
        expect((said as Error).message).toMatch(
          new RegExp(`^${name}: .*index ${wrong} is out of range; valid are 0 to 4`),
        );
        expect(await read(y)).toEqual([0, 9, 0, 0, 9]);
      }
    }
  });

  test("only the value that stays gets the gradient of scatter", async () => {
    forcedScatterVariant.current = variant;
    const index = i32([1, 0, 1, 1]);
    const weights = f32([2, 3, 5]);
    const f = (x: tg.Tensor, src: tg.Tensor) =>
      tg.sum(tg.mul(tg.scatter(x, 0, index, src), weights));
    const [gx, gs] = tg.grad(f, { argnums: [0, 1] })(tg.zeros([3]), f32([1, 2, 3, 4])) as [
      tg.Tensor,
      tg.Tensor,
    ];
    expect([await read(gx), await read(gs)]).toEqual([
      [0, 0, 5],
      [0, 2, 0, 3],
    ]);
  });

  test("tables of many lanes report the lane's own range, not the neighbour's rows", async () => {
    forcedScatterVariant.current = variant;
    const tables = f32([1, 2, 3, 4, 5, 6, 7, 8], [2, 4, 1]);
    const looked = tg.vmap((w: tg.Tensor, i: tg.Tensor) => tg.embedding(i, w));
    expect(await read(looked(tables, i32([0, 3, 1, 1], [2, 2])))).toEqual([1, 4, 6, 6]);
    const wrong = looked(tables, i32([0, 3, -1, 1], [2, 2]));
    await expect(wrong.data()).rejects.toThrow(/index -1 is out of range; valid are 0 to 3/);
  });
});

test("the default changes from looking to counting where comparisons cost more", async () => {
  const problem = (limit: number, terms: number) => ({
    elements: limit,
    terms,
    limit,
    lists: 1,
    unique: false,
  });
  expect(scatterVariants.defaultChoice("software", problem(2 ** 20, 8))).toBe("scan");
  expect(scatterVariants.defaultChoice("software", problem(128, 128))).toBe("scan");
  expect(scatterVariants.defaultChoice("software", problem(128, 129))).toBe("counted");
  const terms = 1500;
  const index = i32(draw(terms, 4, 1000));
  const src = f32(draw(terms, 5, 1 << 20));
  const results = [];
  for (const variant of [...scatterVariants.candidates(anyScatter), null]) {
    forcedScatterVariant.current = variant;
    results.push(await read(tg.scatter(tg.zeros([1000]), 0, index, src)));
    results.push(await read(tg.scatterReduce(tg.zeros([1000]), 0, index, src, "amax")));
  }
  expect(results.length).toBe(10);
  for (let i = 2; i < results.length; i += 2)
    expect(results.slice(i, i + 2)).toEqual(results.slice(0, 2));
});

test("the product's gradient is that of the other factors, also around zeros", async () => {
  const index = i32([0, 0, 1, 1, 2]);
  const f = (src: tg.Tensor) => tg.sum(tg.scatterReduce(f32([2, 3, 4]), 0, index, src, "prod"));
  const gradient = tg.grad(f)(f32([0, 5, 0, 0, 7])) as tg.Tensor;
  expect(await read(gradient)).toEqual([10, 0, 0, 0, 4]);
});

test("the mean counts x only if it is included", async () => {
  const x = f32([6, 6, 6]);
  const index = i32([0, 0, 1]);
  const src = f32([1, 2, 4]);
  expect(await read(tg.scatterReduce(x, 0, index, src, "mean"))).toEqual([3, 5, 6]);
  const without = tg.scatterReduce(x, 0, index, src, "mean", { includeSelf: false });
  expect(await read(without)).toEqual([1.5, 4, 6]);
});

test("of a scalar, and of nothing", async () => {
  expect(await tg.scatter(tg.tensor(3), 0, i32([0], []), 8).item()).toBe(8);
  expect(await read(tg.scatter(f32([1, 2]), 0, i32([]), f32([])))).toEqual([1, 2]);
  expect(await read(tg.scatterReduce(f32([1, 2]), 0, i32([]), f32([]), "mean"))).toEqual([1, 2]);
});

test("what does not fit is refused", () => {
  const x = f32([1, 2, 3, 4], [2, 2]);
  const index = i32([0, 1], [1, 2]);
  const src = f32([5, 6], [1, 2]);
  expect(() => tg.scatter(x, 2, index, src)).toThrow(tg.ShapeError);
  expect(() => tg.scatter(x, 0, i32([0]), src)).toThrow(tg.ShapeError);
  expect(() => tg.scatter(x, 1, i32([0, 0, 0], [3, 1]), 1)).toThrow(/none but dim 1/);
  expect(() => tg.scatter(x, 0, src, src)).toThrow(tg.DTypeError);
  expect(() => tg.scatter(x, 0, index, i32([5, 6], [1, 2]))).toThrow(tg.DTypeError);
  expect(() => tg.scatter(x, 0, index, f32([5], [1, 1]))).toThrow(/at least one element per index/);
  expect(() => tg.scatterReduce(x, 0, index, src, "max" as "amax")).toThrow(/none of sum, prod/);
  const whole = i32([1, 2], [1, 2]);
  expect(() => tg.scatterReduce(whole, 0, index, whole, "mean")).toThrow(tg.DTypeError);
  const truth = tg.eq(whole, 1);
  expect(() => tg.scatterReduce(truth, 0, index, truth, "amax")).toThrow(tg.DTypeError);
  expect(() => tg.indexCopy(x, 0, i32([0]), f32([1, 2]))).toThrow(/must be \[1, 2\]/);
  expect(() => tg.indexFill(x, 0, index, 1)).toThrow(/one dimension/);
  expect(() => tg.indexFill(x, 0, f32([0]), 1)).toThrow(tg.DTypeError);
  expect(() => tg.takeAlongDim(x, i32([0]), 0)).toThrow(/as many dimensions/);
});

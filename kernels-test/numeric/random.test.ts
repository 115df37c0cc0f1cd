import { beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors";
import { initOn } from "../../src/init";
import { mul } from "../../src/ops/arithmetic";
import { ones } from "../../src/ops/creation";
import { dropout } from "../../src/ops/dropout";
import { sum } from "../../src/ops/reduce";
import { contiguous, select, slice, transpose } from "../../src/ops/shape";
import { nodePlatform } from "../../src/platform/node";
import { boundedInteger, keyFromSeed, philox4x32 } from "../../src/random/philox";
import * as random from "../../src/random/random";
import { tensor, upload } from "../../src/tensor/creation";
import { scope } from "../../src/tensor/scope";
import type { Tensor } from "../../src/tensor/tensor";
import { grad, valueAndGrad } from "../../src/transforms/grad";
import { primitive } from "../primitives/sample";

let device: Device;
beforeAll(async () => {
  device = await initOn(nodePlatform);
});

const read = async (t: Tensor) => [...(await t.data())];
const keyOf = (words: readonly number[]) => upload(Uint32Array.from(words), [2]);

/** Word e % 4 of counter (e / 4, 0, 0, stream): what the device draws for element e. */
function hostBits(seed: number, count: number, stream = 0): number[] {
  const words = [];
  for (let block = 0; block * 4 < count; block++)
    words.push(...philox4x32(keyFromSeed(seed), [block, 0, 0, stream]));
  return words.slice(0, count);
}

const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const momentOf = (values: readonly number[], power: number, mean = 0) =>
  meanOf(values.map((v) => (v - mean) ** power));

/** Pearson's statistic over equally likely cells, as standard deviations from what is expected. */
function chiSquareDeviation(cells: readonly number[]): number {
  const expected = cells.reduce((a, b) => a + b, 0) / cells.length;
  const statistic = cells.reduce((s, n) => s + (n - expected) ** 2 / expected, 0);
  const freedom = cells.length - 1;
  return (statistic - freedom) / Math.sqrt(2 * freedom);
}

function histogram(values: readonly number[], cells: number, cellOf: (v: number) => number) {
  const counts = new Array<number>(cells).fill(0);
  for (const v of values) counts[cellOf(v)]!++;
  return counts;
}

describe("philox on the device", () => {
  // Random123, tests/kat_vectors, "philox4x32 10".
  test("gives Random123's published bits for the counter and key of zeros", async () => {
    const words = await read(random.bits(keyOf([0, 0]), [4]));
    expect(words).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  });

  test.each([
    [1, 0],
    [2 ** 53 - 1, 0xffffffff],
    [2 ** 32 + 12345, 7],
  ])("gives the bits of its host twin for seed %d and stream %d", async (seed, stream) => {
    const words = await read(random.bits(random.key(seed), [41, 25], { stream }));
    expect(words).toEqual(hostBits(seed, 1025, stream));
  });

  test("a draw of another length begins with the same numbers", async () => {
    const long = await read(random.bits(random.key(3), [1003]));
    for (const n of [1, 2, 3, 5, 64, 257])
      expect(await read(random.bits(random.key(3), [n]))).toEqual(long.slice(0, n));
  });

  test("more than 65,535 workgroups of elements are all drawn", async () => {
    const count = 65536 * 64 * 4 + 5;
    const words = await random.bits(random.key(11), [count]).data();
    const key = keyFromSeed(11);
    for (const e of [0, 65535 * 256, 65536 * 256, count - 2, count - 1])
      expect(words[e]).toBe(philox4x32(key, [Math.floor(e / 4), 0, 0, 0])[e % 4]);
    expect(words).toHaveLength(count);
  });

  test("a draw of no elements is empty", async () => {
    expect(await read(random.bits(random.key(1), [0, 3]))).toEqual([]);
  });

  test("a key is read wherever it lies in its tensor", async () => {
    const table = tensor(Uint32Array.from([9, 1, 9, 9, 2, 9]), { shape: [3, 2] });
    const column = select(slice(table, { dim: 0, start: 1 }), 1, 0);
    const words = await read(random.bits(column, [8]));
    expect(words).toEqual(await read(random.bits(keyOf([9, 2]), [8])));
  });
});

describe("keys", () => {
  test("split gives the keys of counters (i, 0, 1, 0)", async () => {
    const keys = random.split(random.key(42), 3);
    for (const [i, key] of keys.entries())
      expect(await read(key)).toEqual(philox4x32(keyFromSeed(42), [i, 0, 1, 0]).slice(0, 2));
    expect(keys).toHaveLength(3);
  });

  test("foldIn gives the key of counter (number, 0, 2, 0), for a number or a tensor", async () => {
    const key = random.key(42);
    for (const number of [0, 1, 0xffffffff]) {
      const wanted = philox4x32(keyFromSeed(42), [number, 0, 2, 0]).slice(0, 2);
      expect(await read(random.foldIn(key, number))).toEqual(wanted);
      const onDevice = tensor(Uint32Array.of(number), { shape: [] });
      expect(await read(random.foldIn(key, onDevice))).toEqual(wanted);
    }
  });

  test("keys from one key are distinct, and their draws uncorrelated", async () => {
    const key = random.key(5);
    const family = [...random.split(key, 200), ...[0, 1, 2].map((n) => random.foldIn(key, n))];
    const words = await Promise.all(family.map(read));
    expect(new Set(words.map((w) => w.join())).size).toBe(203);
    const [a, b] = await Promise.all(
      family.slice(0, 2).map((k) => read(random.uniform(k, [20000], { low: -1 }))),
    );
    // A product of two independent uniforms on [-1, 1) has variance 1/9.
    const correlation = meanOf(a!.map((v, i) => v * b![i]!));
    expect(Math.abs(correlation)).toBeLessThan(4 / 3 / Math.sqrt(20000));
  });

  test("what is no key is refused", () => {
    expect(() => random.bits(tensor([1, 2]), [3])).toThrow(DTypeError);
    expect(() => random.bits(tensor(Uint32Array.of(1, 2, 3)), [3])).toThrow(ShapeError);
    expect(() => random.bits(random.key(1), [3], { stream: -1 })).toThrow(ArgumentError);
    expect(() => random.key(-1)).toThrow(ArgumentError);
    expect(() => random.key(0.5)).toThrow(ArgumentError);
    expect(() => random.split(random.key(1), 0)).toThrow(ArgumentError);
    expect(() => random.foldIn(random.key(1), 2 ** 32)).toThrow(ArgumentError);
    expect(() => random.foldIn(random.key(1), tensor([1.5]))).toThrow(ArgumentError);
  });
});

describe("keys [lanes, 2]", () => {
  const seeds = [7, 2 ** 40 + 1, 9, 7];
  const table = () =>
    tensor(Uint32Array.from(seeds.flatMap((s) => keyFromSeed(s))), { shape: [seeds.length, 2] });
  const turned = () => transpose(contiguous(transpose(table(), 0, 1)), 0, 1);
  const dtypes = {
    bits: "u32",
    uniform: "f32",
    normal: "f32",
    bernoulli: "bool",
    randint: "i32",
  } as const;
  const numbers = { stream: 3, bound: 1e9, base: 0, low: 0, width: 1, top: 1 };

  test.each(Object.keys(dtypes) as (keyof typeof dtypes)[])(
    "draw %s as each key alone does, for lengths that fill blocks of four and others",
    async (name) => {
      for (const shape of [[], [3], [8], [5, 13]]) {
        const of = primitive(name, { shape, dtype: dtypes[name], ...numbers });
        for (const keys of [table(), turned()]) {
          const [together] = of(keys);
          expect(together!.shape).toEqual([seeds.length, ...shape]);
          for (const [lane, seed] of seeds.entries())
            expect(await read(select(together!, 0, lane))).toEqual(
              await read(of(random.key(seed))[0]!),
            );
        }
      }
    },
  );

  test("split and fold as each key alone does", async () => {
    const parts = primitive("splitKey", { count: 3 })(table());
    const fold = primitive("foldIn", null);
    const numbers = tensor(Int32Array.of(5, 6, 7, 8));
    const folded = fold(table(), numbers)[0]!;
    for (const [lane, seed] of seeds.entries()) {
      const alone = random.split(random.key(seed), 3);
      for (const [i, part] of parts.entries())
        expect(await read(select(part, 0, lane))).toEqual(await read(alone[i]!));
      expect(await read(select(folded, 0, lane))).toEqual(
        await read(random.foldIn(random.key(seed), 5 + lane)),
      );
    }
  });

  test.each([3, 8])("mask rows of %d as each key alone does", async (width) => {
    const drop = primitive("dropout", { p: 0.5, stream: 2 });
    const values = Float32Array.from({ length: 4 * width * 5 }, (_, i) => i + 1);
    const x = tensor(values, { shape: [4, width, 5] });
    const [together] = drop(x, table());
    for (const [lane, seed] of seeds.entries())
      expect(await read(select(together!, 0, lane))).toEqual(
        await read(dropout(select(x, 0, lane), 0.5, random.key(seed), { stream: 2 })),
      );
  });
});

describe("uniform", () => {
  test("in [0, 1) is the upper 24 bits, exactly", async () => {
    const values = await read(random.uniform(random.key(6), [999]));
    expect(values).toEqual(hostBits(6, 999).map((w) => (w >>> 8) * 2 ** -24));
  });

  test("has the mean, the variance and the even spread of its name", async () => {
    const n = 100_000;
    const values = await read(random.uniform(random.key(7), [n]));
    expect(Math.abs(meanOf(values) - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / n));
    expect(Math.abs(momentOf(values, 2, 0.5) - 1 / 12)).toBeLessThan(4 * Math.sqrt(1 / 180 / n));
    const cells = histogram(values, 256, (v) => Math.floor(v * 256));
    expect(Math.abs(chiSquareDeviation(cells))).toBeLessThan(4);
  });

  test("other bounds are kept: never below low, never high", async () => {
    for (const [low, high] of [
      [-3, 5],
      [1, 1 + 2 ** -23],
      [-1, 0],
      [2 ** 24, 2 ** 24 + 2],
      [-1e30, 1e30],
    ] as const) {
      const values = await read(random.uniform(random.key(8), [5000], { low, high }));
      expect(Math.min(...values)).toBeGreaterThanOrEqual(low);
      expect(Math.max(...values)).toBeLessThan(high);
    }
  });

  test("without a range is refused", () => {
    const key = random.key(1);
    expect(() => random.uniform(key, [2], { low: 1, high: 1 })).toThrow(ArgumentError);
    expect(() => random.uniform(key, [2], { high: Number.NaN })).toThrow(ArgumentError);
    expect(() => random.uniform(key, [2], { low: -3e38, high: 3e38 })).toThrow(ArgumentError);
  });
});

describe("normal", () => {
  /** The transform of the words in f64. */
  const exact = (seed: number, count: number) =>
    hostBits(seed, Math.ceil(count / 2) * 2)
      .map((_, i, words) => {
        const u = ((words[i - (i % 2)]! >>> 8) | 1) * 2 ** -24;
        const turn = 2 * Math.PI * (words[i - (i % 2) + 1]! >>> 8) * 2 ** -24;
        return Math.sqrt(-2 * Math.log(u)) * (i % 2 === 0 ? Math.cos(turn) : Math.sin(turn));
      })
      .slice(0, count);

  test("is the Box-Muller transform of its bits to 4e-7", async () => {
    const values = await read(random.normal(random.key(9), [200_003]));
    const wanted = exact(9, 200_003);
    const errors = values.map(
      (v, i) => Math.abs(v - wanted[i]!) / Math.max(1, Math.abs(wanted[i]!)),
    );
    expect(errors.reduce((a, b) => Math.max(a, b))).toBeLessThan(4e-7);
  });

  test("has the moments of its name", async () => {
    const n = 200_000;
    const values = await read(random.normal(random.key(10), [n]));
    expect(Math.abs(meanOf(values))).toBeLessThan(4 / Math.sqrt(n));
    expect(Math.abs(momentOf(values, 2) - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(momentOf(values, 3))).toBeLessThan(4 * Math.sqrt(15 / n));
    expect(Math.abs(momentOf(values, 4) - 3)).toBeLessThan(4 * Math.sqrt(96 / n));
    // Neighbours come from one pair; they are independent all the same.
    const product = meanOf(
      values.filter((_, i) => i % 2 === 0).map((v, i) => v * values[2 * i + 1]!),
    );
    expect(Math.abs(product)).toBeLessThan(4 / Math.sqrt(n / 2));
  });

  test("mean and std shift and scale", async () => {
    const key = random.key(12);
    const plain = await read(random.normal(key, [1000]));
    const moved = await read(random.normal(key, [1000], { mean: 3, std: 0.5 }));
    moved.forEach((v, i) => {
      expect(v).toBeCloseTo(3 + 0.5 * plain[i]!, 5);
    });
    expect(await read(random.normal(key, [3], { mean: 2, std: 0 }))).toEqual([2, 2, 2]);
    expect(() => random.normal(key, [2], { std: -1 })).toThrow(ArgumentError);
  });
});

describe("bernoulli", () => {
  test.each([0, 1e-9, 0.1, 0.5, 0.9, 1])(
    "with p = %d is an exact comparison of bits",
    async (p) => {
      const bound = Math.round(p * 2 ** 31);
      const wanted = hostBits(13, 3001).map((w) => Number(w >>> 1 < bound));
      const draw = random.bernoulli(random.key(13), [3001], { p });
      expect(draw.dtype).toBe("bool");
      expect(await read(draw)).toEqual(wanted);
      expect(await read(random.bernoulli(random.key(13), [3001], { p, dtype: "f32" }))).toEqual(
        wanted,
      );
    },
  );

  test("a probability outside 0 to 1 is refused", () => {
    for (const p of [-0.1, 1.1, Number.NaN])
      expect(() => random.bernoulli(random.key(1), [2], { p })).toThrow(ArgumentError);
  });
});

describe("randint", () => {
  test.each([
    [0, 1],
    [0, 65],
    [-7, 12],
    [-(2 ** 31), 2 ** 31 - 1],
  ])("from %d to %d is the host's bounded integer of the same bits", async (low, high) => {
    const values = await read(random.randint(random.key(14), low, high, [777]));
    expect(values).toEqual(hostBits(14, 777).map((w) => low + boundedInteger(w, high - low)));
  });

  test("spreads evenly", async () => {
    const values = await read(random.randint(random.key(15), 0, 65, [65_000]));
    expect(Math.abs(chiSquareDeviation(histogram(values, 65, (v) => v)))).toBeLessThan(4);
  });

  test("an empty or too wide range is refused", () => {
    const key = random.key(1);
    expect(() => random.randint(key, 3, 3, [2])).toThrow(ArgumentError);
    expect(() => random.randint(key, 0.5, 3, [2])).toThrow(ArgumentError);
    expect(() => random.randint(key, -(2 ** 31), 2 ** 31, [2])).toThrow(ArgumentError);
  });
});

describe("permutation", () => {
  test.each([0, 1, 2, 7, 1000, 5003])("of %d names each number once", async (n) => {
    const order = await read(random.permutation(random.key(16), n));
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
  });

  test("is the stable sort of the key's words", async () => {
    const words = hostBits(17, 999);
    const wanted = words.map((_, i) => i).sort((a, b) => words[a]! - words[b]! || a - b);
    expect(await read(random.permutation(random.key(17), 999))).toEqual(wanted);
  });

  test("puts every number everywhere equally often", async () => {
    const places = new Array<number>(25).fill(0);
    const orders = await Promise.all(
      random.split(random.key(18), 400).map((key) => read(random.permutation(key, 5))),
    );
    for (const order of orders) for (const [i, v] of order.entries()) places[v * 5 + i]!++;
    expect(Math.abs(chiSquareDeviation(places))).toBeLessThan(4);
  });
});

describe("dropout", () => {
  test("keeps x / (1 - p) where the host's bits say so, in any layout", async () => {
    const p = 0.3;
    const bound = Math.round((1 - p) * 2 ** 31);
    const mask = hostBits(19, 7 * 33, 4).map((w) => w >>> 1 < bound);
    const values = Array.from({ length: 7 * 33 }, (_, i) => Math.fround(i / 7 - 9));
    const wanted = values.map((v, i) => (mask[i] ? Math.fround(v * Math.fround(1 / 0.7)) : 0));
    const x = tensor(values, { shape: [7, 33] });
    const got = await read(dropout(x, p, random.key(19), { stream: 4 }));
    got.forEach((v, i) => {
      expect(Math.abs(v - wanted[i]!)).toBeLessThanOrEqual(Math.abs(wanted[i]!) * 2 ** -23);
    });
    const turned = transpose(x, 0, 1);
    const back = await read(dropout(turned, p, random.key(19), { stream: 4 }));
    const flat = await read(dropout(contiguous(turned), p, random.key(19), { stream: 4 }));
    expect(back).toEqual(flat);
  });

  test("its gradient is the same mask on the cotangent, twice over", async () => {
    const key = random.key(20);
    const x = tensor(Array.from({ length: 101 }, (_, i) => i - 50));
    const weights = tensor(Array.from({ length: 101 }, (_, i) => Math.fround(1 / (i + 1))));
    const f = (v: Tensor) => sum(mul(dropout(v, 0.4, key, { stream: 9 }), weights));
    const wanted = await read(dropout(weights, 0.4, key, { stream: 9 }));
    expect(await read(grad(f)(x))).toEqual(wanted);
    // The derivative of sum(w g(x)^2 / 2) through g's own gradient: dropout applied again.
    const h = (v: Tensor) => sum(grad((u: Tensor) => sum(mul(dropout(u, 0.4, key), v)))(v));
    expect(await read(grad(h)(x))).toEqual(await read(dropout(ones([101]), 0.4, key)));
  });

  test("keeps neither its input nor its mask for the backward pass", () => {
    const key = random.key(21);
    const x = ones([1000]);
    const live = () => device.pool.report().liveBytes;
    const before = live();
    let during = 0;
    valueAndGrad((v: Tensor) => {
      // The rules of mul and sum need x and nothing, so what dropout takes and gives can go.
      const total = scope(() => sum(dropout(mul(v, 2), 0.5, key)));
      during = live();
      return total;
    })(x);
    expect(during - before).toBeLessThan(1024);
  });

  test("f16 is scaled in f32, where the adapter has it", async () => {
    if (!device.executor.adapter.features.includes("shader-f16")) {
      expect(() => tensor([1], { dtype: "f16" })).toThrow(DTypeError);
      return;
    }
    const x = tensor(new Array(99).fill(3), { dtype: "f16" });
    const kept = await read(dropout(x, 0.5, random.key(22)));
    const wanted = hostBits(22, 99).map((w) => (w >>> 1 < 2 ** 30 ? 6 : 0));
    expect(kept).toEqual(wanted);
  });

  test("p = 0 changes nothing and p = 1 leaves nothing", async () => {
    const x = tensor([1, -2, 3, 4, 5]);
    expect(await read(dropout(x, 0, random.key(1)))).toEqual([1, -2, 3, 4, 5]);
    expect((await read(dropout(x, 1, random.key(1)))).map(Math.abs)).toEqual([0, 0, 0, 0, 0]);
    expect(() => dropout(x, 2, random.key(1))).toThrow(ArgumentError);
    expect(() => dropout(tensor(Int32Array.of(1)), 0.5, random.key(1))).toThrow(DTypeError);
  });
});

describe("the default generator", () => {
  test("gives one key and consecutive streams, and starts anew with the seed", async () => {
    random.manualSeed(77);
    const first = random.nextKey();
    const second = random.nextKey();
    expect([first.stream, second.stream]).toEqual([0, 1]);
    expect(await read(first.key)).toEqual(keyFromSeed(77));
    expect(random.getState()).toEqual({ seed: 77, stream: 2 });
    random.manualSeed(77);
    expect(random.nextKey().stream).toBe(0);
  });

  test("draws on from a state as it would have", async () => {
    const draw = () => {
      const { key, stream } = random.nextKey();
      return read(random.uniform(key, [5], { stream }));
    };
    random.manualSeed(78);
    await draw();
    const state = JSON.parse(JSON.stringify(random.getState()));
    const wanted = [await draw(), await draw()];
    random.manualSeed(1);
    random.setState(state);
    expect([await draw(), await draw()]).toEqual(wanted);
  });

  test("withKey draws from its key from stream 0 on and leaves the generator where it was", async () => {
    random.manualSeed(79);
    const key = random.key(123);
    const streams = random.withKey(key, () => {
      const outer = random.nextKey();
      const inner = random.withKey(random.foldIn(key, 1), () => random.nextKey());
      return [outer, inner, random.nextKey()];
    });
    expect(streams.map((s) => s.stream)).toEqual([0, 0, 1]);
    expect(streams[0]!.key).toBe(key);
    expect(random.getState()).toEqual({ seed: 79, stream: 0 });
    expect(() => random.withKey(key, async () => 1)).toThrow(ArgumentError);
    expect(() => random.withKey(key, () => expect(random.nextKey().key).not.toBe(key))).toThrow();
    expect(random.nextKey().stream).toBe(0);
  });

  test("a state that is none is refused and changes nothing", () => {
    random.manualSeed(80);
    expect(() => random.setState({ seed: -1, stream: 0 })).toThrow(ArgumentError);
    expect(() => random.setState({ seed: 1, stream: 0.5 })).toThrow(ArgumentError);
    expect(random.getState()).toEqual({ seed: 80, stream: 0 });
  });
});

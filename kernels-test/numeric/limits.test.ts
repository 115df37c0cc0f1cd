/**
 * The limits of a device: grids of more workgroups than one dimension holds, and tensors of more bytes
 * than one binding.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as tg from "../../src/node";

/** WebGPU's default for a dimension of a grid. */
const mostWorkgroups = 65_535;

/** One element per invocation, 64 invocations per workgroup: two workgroups more than fit in one dimension. */
const many = (mostWorkgroups + 2) * 64 - 57;
/** The same on a device of `fewWorkgroups`; 16 bits do not hold it. Odd as well. */
const some = 70_471;
/** The elements of the operation under test. */
let n = many;

/** Small whole numbers that follow no pattern of the grid; f32 holds their sums exactly. */
const scrambled = (i: number): number => (Math.imul(i, 0x9e3779b1) >>> 20) % 97;
/** A permutation of 0 to n - 1: n is odd, and so has no factor in common with a power of two. */
const moved = (i: number): number => (i * 1024 + 5) % n;

const numbers = (count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => scrambled(i));

/** The ends, both sides of where a grid folds, and places in between. */
function positions(count: number, most: number): number[] {
  const folds = [16, 64, 128, 256, 1024].map((perGroup) => perGroup * most);
  const marked = [0, 1, count - 1, count - 2, ...folds.flatMap((at) => [at - 1, at, at + 1])];
  const between = Array.from({ length: 500 }, (_, i) => Math.floor((i * count) / 500 + (i % 7)));
  return [...marked, ...between].filter((at) => at >= 0 && at < count);
}

let device: tg.Device;
/** One that allows fewer workgroups, for kernels whose workgroups do so much that 65,535 would take gigabytes. */
let small: tg.Device;
const fewWorkgroups = 1000;
let largest = 0;
beforeAll(async () => {
  device = await tg.init();
  small = await tg.init({
    limits: { maxWorkgroupsPerDimension: fewWorkgroups },
    makeCurrent: false,
  });
  for (const { executor } of [device, small]) {
    const dispatch = executor.dispatch.bind(executor);
    executor.dispatch = (program, bindings, params, grid) => {
      largest = Math.max(largest, grid[0] * grid[1] * grid[2]);
      dispatch(program, bindings, params, grid);
    };
  }
});
afterAll(async () => {
  await small.destroy();
  await device.destroy();
});

/** An operation of more workgroups than fit in one dimension, and what it should give at a position. */
interface Large {
  readonly run: () => tg.Tensor;
  readonly at: (position: number) => number;
  /** Relative. Default: exact. */
  readonly tolerance?: number;
  /**
   * On the device that allows few workgroups: with as many elements, for kernels whose workgroups take
   * thousands; or with fewer, for kernels that are the same programs for any number and would take long.
   */
  readonly few?: "as many elements" | "fewer elements";
}

/** Made by the first that needs them. */
const kept = new Map<string, tg.Tensor>();
function shared(name: string, make: () => tg.Tensor): tg.Tensor {
  const key = `${name}, ${n} on ${tg.currentDevice() === small ? "few" : "all"}`;
  const known = kept.get(key) ?? tg.keep(make());
  kept.set(key, known);
  return known;
}
const row = () => shared("row", () => tg.tensor(numbers(n)));
const pairs = () => shared("pairs", () => tg.tensor(numbers(2 * n), { shape: [n, 2] }));
const places = () =>
  shared("places", () => tg.tensor(Int32Array.from({ length: n }, (_, i) => moved(i))));
/** Batches of small matrices, one workgroup each at least. */
const batches = (): number => (n === many ? mostWorkgroups : fewWorkgroups) + 6;
const matrices = () =>
  shared("matrices", () => tg.tensor(numbers(6 * batches()), { shape: [batches(), 2, 3] }));

const first = (i: number): number => scrambled(2 * i);
const second = (i: number): number => scrambled(2 * i + 1);
/** Where `moved` takes something to p from. */
const origins = (): Int32Array => {
  const from = new Int32Array(n);
  for (let i = 0; i < n; i++) from[moved(i)] = i;
  return from;
};
let origin: Int32Array = new Int32Array(0);

const large: Readonly<Record<string, Large>> = {
  "a fill": { run: () => tg.full([4 * n], 3), at: () => 3 },
  "a pointwise operation": {
    run: () => tg.add(tg.full([4 * n + 1], 1), 2),
    at: () => 3,
  },
  "a pointwise operation on strided operands": {
    run: () => tg.mul(tg.select(pairs(), 1, 1), row()),
    at: (i) => second(i) * scrambled(i),
  },
  "a comparison and a choice": {
    run: () => tg.where(tg.gt(tg.select(pairs(), 1, 0), tg.select(pairs(), 1, 1)), row(), -1),
    at: (i) => (first(i) > second(i) ? scrambled(i) : -1),
  },
  "a change of dtype": { run: () => tg.to(tg.select(pairs(), 1, 0), "i32"), at: first },
  "a copy of a transpose": {
    few: "as many elements",
    run: () => tg.contiguous(tg.transpose(pairs(), 0, 1)),
    at: (p) => scrambled(p < n ? 2 * p : 2 * (p - n) + 1),
  },
  "a flip": { run: () => tg.flip(row(), 0), at: (i) => scrambled(n - 1 - i) },
  "a concatenation": {
    few: "as many elements",
    run: () => tg.cat([tg.narrow(row(), 0, 1, n - 1), row()]),
    at: (p) => scrambled(p < n - 1 ? p + 1 : p - (n - 1)),
  },
  "a padding": {
    run: () => tg.pad(row(), [3, 2], 7),
    at: (p) => (p < 3 || p >= n + 3 ? 7 : scrambled(p - 3)),
  },
  "a sum of rows": { run: () => tg.sum(pairs(), { dim: 1 }), at: (i) => first(i) + second(i) },
  "a maximum of rows": {
    run: () => tg.max(pairs(), { dim: 1 }),
    at: (i) => Math.max(first(i), second(i)),
  },
  "places of maxima": {
    run: () => tg.argmax(pairs(), { dim: 1 }),
    at: (i) => Number(second(i) > first(i)),
  },
  "running sums of rows": {
    run: () => tg.cumsum(pairs(), 1),
    at: (p) => (p % 2 ? scrambled(p - 1) + scrambled(p) : scrambled(p)),
  },
  "a selection of rows": {
    few: "fewer elements",
    run: () => tg.indexSelect(row(), 0, places()),
    at: (i) => scrambled(moved(i)),
  },
  "a gather": {
    few: "fewer elements",
    run: () => tg.gather(row(), 0, places()),
    at: (i) => scrambled(moved(i)),
  },
  "an embedding": {
    few: "fewer elements",
    run: () => tg.embedding(places(), tg.reshape(row(), [n, 1])),
    at: (i) => scrambled(moved(i)),
  },
  "a scatter": {
    few: "fewer elements",
    run: () => tg.scatter(tg.zeros([n]), 0, places(), row()),
    at: (p) => scrambled(origin[p]!),
  },
  "a scattered sum": {
    few: "fewer elements",
    run: () => tg.scatterAdd(row(), 0, places(), row()),
    at: (p) => scrambled(p) + scrambled(origin[p]!),
  },
  "a softmax of rows": {
    run: () => tg.softmax(pairs(), 1),
    at: (p) => 1 / (1 + Math.exp(scrambled(p ^ 1) - scrambled(p))),
    // Exponentials in f32 of differences up to 96, whose own error they multiply.
    tolerance: 2e-5,
  },
  "losses of rows": {
    few: "fewer elements",
    run: () =>
      tg.nn.functional.nllLoss(pairs(), tg.argmax(pairs(), { dim: 1 }), { reduction: "none" }),
    at: (i) => -Math.max(first(i), second(i)),
  },
  "a layer normalisation": {
    run: () => tg.layerNorm(pairs(), 2),
    at: (p) => Math.sign(scrambled(p) - scrambled(p ^ 1)),
    // eps moves what is close to ±1: by 2e-5 where the two differ by 1.
    tolerance: 3e-5,
  },
  "a sort of rows": {
    few: "fewer elements",
    run: () => tg.sort(pairs(), { dim: 1 }).values,
    at: (p) => (p % 2 ? Math.max : Math.min)(scrambled(p), scrambled(p ^ 1)),
  },
  "a sort of one row": {
    run: () => tg.sort(places()).values,
    at: (p) => p,
  },
  "a batch of matrix products": {
    few: "fewer elements",
    run: () => tg.matmul(matrices(), tg.transpose(matrices(), 1, 2)),
    at: (p) => {
      const [b, i, j] = [Math.floor(p / 4), Math.floor(p / 2) % 2, p % 2];
      return [0, 1, 2].reduce(
        (sum, k) => sum + scrambled(6 * b + 3 * i + k) * scrambled(6 * b + 3 * j + k),
        0,
      );
    },
  },
  "a batch of solutions": {
    run: () => {
      const a = tg.add(tg.matmul(matrices(), tg.transpose(matrices(), 1, 2)), tg.eye(2));
      return tg.matmul(a, tg.linalg.solve(a, tg.narrow(matrices(), 2, 0, 1)));
    },
    at: (p) => scrambled(6 * Math.floor(p / 2) + 3 * (p % 2)),
    // Condition numbers reach 1e4.
    tolerance: 1e-2,
  },
  "a batch of Fourier transforms": {
    few: "fewer elements",
    run: () => tg.fft.fft(pairs()).real,
    at: (p) => (p % 2 ? scrambled(p - 1) - scrambled(p) : scrambled(p) + scrambled(p + 1)),
  },
  "a convolution of each channel by itself": {
    few: "fewer elements",
    run: () => {
      const channels = tg.reshape(pairs(), [1, n, 2]);
      return tg.conv1d(channels, tg.reshape(pairs(), [n, 1, 2]), { groups: n });
    },
    at: (i) => first(i) ** 2 + second(i) ** 2,
  },
  "a pooling": {
    few: "as many elements",
    run: () => tg.maxPool1d(tg.reshape(row(), [1, 1, n]), 2, { stride: 1 }),
    at: (i) => Math.max(scrambled(i), scrambled(i + 1)),
  },
  "a search": {
    few: "fewer elements",
    run: () => tg.searchsorted(tg.arange(0, 97, 1, { dtype: "f32" }), row()),
    at: scrambled,
  },
};

describe("more workgroups than one dimension of a grid holds", () => {
  afterAll(() => {
    for (const t of kept.values()) t.dispose();
  });

  test.each(Object.entries(large))(
    "%s is right everywhere",
    async (_, { run, at, tolerance = 0, few }) => {
      largest = 0;
      n = few === "fewer elements" ? some : many;
      if (origin.length !== n) origin = origins();
      const most = few ? fewWorkgroups : mostWorkgroups;
      const y = tg.withDevice(few ? small : device, () => tg.scope(run));
      const got = await y.data();
      const wrong = positions(y.size, most).flatMap((p) => {
        const want = at(p);
        const near = Math.abs(got[p]! - want) <= tolerance * Math.max(Math.abs(want), 1e-30);
        return near ? [] : [`${p}: ${got[p]} instead of ${want}`];
      });
      y.dispose();
      expect(wrong.slice(0, 5)).toEqual([]);
      expect(largest).toBeGreaterThan(most);
    },
  );
});

describe("more bytes than one binding holds", () => {
  const limit = 65_536;
  let small: tg.Device;
  beforeAll(async () => {
    small = await tg.init({ limits: { maxBindingBytes: limit }, makeCurrent: false });
  });
  afterAll(() => small.destroy());

  /** f32 elements that are one too many. */
  const tooMany = (on: tg.Device): number => {
    const { maxBindingBytes, maxBufferBytes } = on.executor.limits;
    return Math.floor(Math.min(maxBindingBytes, maxBufferBytes) / 4) + 1;
  };
  /** A view of that many elements, which takes no memory. */
  const wide = (on: tg.Device): tg.Tensor => tg.expand(tg.ones([1], { device: on }), [tooMany(on)]);

  const refused: Readonly<Record<string, (on: tg.Device) => unknown>> = {
    "a tensor of one value": (on) => tg.zeros([tooMany(on)], { device: on }),
    "a tensor of two dimensions": (on) => tg.full([2, tooMany(on)], 1, { device: on }),
    "a range": (on) => tg.arange(0, tooMany(on), 1, { device: on }),
    "random numbers": (on) => tg.random.uniform(tg.random.key(1, { device: on }), [tooMany(on)]),
    "a pointwise result": (on) => tg.add(wide(on), 1),
    "a broadcast result": (on) =>
      tg.mul(
        tg.ones([2, 1], { device: on }),
        tg.expand(tg.ones([1], { device: on }), [tooMany(on)]),
      ),
    "a copy": (on) => tg.contiguous(wide(on)),
    "another dtype": (on) =>
      tg.to(tg.expand(tg.ones([1], { device: on, dtype: "bf16" }), [tooMany(on)]), "f32"),
    "a reduction that keeps too much": (on) =>
      tg.sum(tg.expand(tg.ones([1, 1], { device: on }), [tooMany(on), 3]), { dim: 1 }),
    "a running sum": (on) => tg.cumsum(wide(on), 0),
    "a softmax": (on) => tg.softmax(wide(on)),
    "a sort": (on) => tg.sort(wide(on)),
    "a concatenation": (on) => tg.cat([wide(on), tg.ones([1], { device: on })]),
    "a stack": (on) => tg.stack([wide(on), wide(on)]),
    "a repetition": (on) => tg.repeat(tg.ones([1], { device: on }), [tooMany(on)]),
    "a padding": (on) => tg.pad(tg.ones([1], { device: on }), [0, tooMany(on)]),
    "a selection": (on) => {
      const index = tg.expand(tg.zeros([1], { device: on, dtype: "i32" }), [tooMany(on)]);
      return tg.indexSelect(tg.ones([1], { device: on }), 0, index);
    },
    "a table of one-hot rows": (on) =>
      tg.oneHot(tg.zeros([2], { device: on, dtype: "i32" }), tooMany(on)),
    "a matrix product": (on) =>
      tg.matmul(
        tg.expand(tg.ones([1, 1], { device: on }), [tooMany(on), 1]),
        tg.ones([1, 1], { device: on }),
      ),
  };

  const sayLimit = (on: tg.Device): RegExp => {
    const { maxBindingBytes, maxBufferBytes } = on.executor.limits;
    return new RegExp(
      `needs \\d+ bytes; this device binds at most ${Math.min(maxBindingBytes, maxBufferBytes)} `,
    );
  };

  test.each(Object.entries(refused))("%s beyond it is refused with the limit", async (_, run) => {
    for (const on of [small, device]) {
      const attempt = () => tg.scope(() => void run(on));
      expect(attempt).toThrow(tg.LimitError);
      expect(attempt).toThrow(sayLimit(on));
      expect(await tg.scope(() => tg.add(tg.ones([3], { device: on }), 1)).data()).toEqual(
        Float32Array.of(2, 2, 2),
      );
    }
  });

  test("values of the host beyond it are refused", () => {
    const values = new Float32Array(tooMany(small));
    expect(() => tg.tensor(values, { device: small })).toThrow(sayLimit(small));
  });

  test("a view that repeats elements beyond it can be summed up, but not read", async () => {
    for (const on of [small, device]) {
      const view = wide(on);
      await expect(view.data()).rejects.toThrow(tg.LimitError);
      await expect(view.data()).rejects.toThrow(sayLimit(on));
      view.dispose();
    }
    const view = wide(small);
    expect(await tg.scope(() => tg.sum(view)).item()).toBe(tooMany(small));
  });

  test("a tensor that just fits is made, used and read", async () => {
    const y = tg.scope(() => tg.add(tg.full([limit / 4], 2, { device: small }), 1));
    const got = await y.data();
    expect(got.length).toBe(limit / 4);
    expect(got.every((v) => v === 3)).toBe(true);
  });

  test("sizes far beyond any device are refused at once", () => {
    for (const size of [2 ** 31, 2 ** 40, 2 ** 53]) {
      const begun = performance.now();
      expect(() => tg.zeros([size])).toThrow(tg.LimitError);
      expect(() => tg.ones([size, size])).toThrow(tg.LimitError);
      expect(performance.now() - begun).toBeLessThan(1000);
    }
  });
});

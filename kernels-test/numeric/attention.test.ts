import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Device, withDevice } from "../../src/device/device";
import type { AdapterClass } from "../../src/device/executor";
import { initOn } from "../../src/init";
import { add, mul } from "../../src/ops/arithmetic";
import {
  type AttentionOptions,
  packedAttention,
  scaledDotProductAttention,
} from "../../src/ops/attention";
import {
  type AttentionVariant,
  attentionVariants,
  forcedAttentionVariant,
} from "../../src/ops/attentionVariants";
import { matmulTarget } from "../../src/ops/matmulLaunch";
import { sum } from "../../src/ops/reduce";
import { reshape, slice, split, to, transpose } from "../../src/ops/shape";
import { nodePlatform } from "../../src/platform/node";
import { tensor } from "../../src/tensor/creation";
import type { DeviceTensor } from "../../src/tensor/deviceTensor";
import type { Shape } from "../../src/tensor/shape";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";
import { expectClose } from "../harness";
import { numericGradient, numericHessianProduct } from "../numericDerivatives";
import { normals } from "../samples";

/** Rounding of scores of size 5 in f32, carried into probabilities and then into averages. */
const forward = { relative: 2e-5, absolute: 5e-6 };
const backward = { relative: 5e-5, absolute: 2e-5 };

// Here and not in a hook, because the variants to test depend on the device.
const device = await initOn(nodePlatform);
const target = matmulTarget(device);
const bothWays = ["default", "composite"] as const;
const force = (way: (typeof bothWays)[number]): void => {
  forcedAttentionVariant.current = way === "default" ? null : way;
};
afterEach(() => {
  forcedAttentionVariant.current = null;
});

interface Sizes {
  batch: number;
  heads: number;
  queries: number;
  keys: number;
  width: number;
}

type Part = ArrayLike<number>;

/** The output, and the cotangents of q, k and v for the cotangent g of it; all [B, H, rows, D] row-major. */
function host(sizes: Sizes, q: Part, k: Part, v: Part, options: AttentionOptions = {}) {
  const { batch, heads, queries, keys, width } = sizes;
  const { causal = false, scale = 1 / Math.sqrt(width) } = options;
  const o = new Float64Array(q.length);
  const probabilities: number[][] = [];
  const dot = (a: Part, i: number, b: Part, j: number): number => {
    let total = 0;
    for (let d = 0; d < width; d++) total += a[i * width + d]! * b[j * width + d]!;
    return total;
  };
  const seen = (i: number): number => (causal ? Math.min((i % queries) + 1, keys) : keys);
  const firstKey = (i: number): number => Math.floor(i / queries) * keys;
  for (let i = 0; i < batch * heads * queries; i++) {
    const scores = Array.from({ length: seen(i) }, (_, j) => scale * dot(q, i, k, firstKey(i) + j));
    const m = scores.reduce((a, b) => Math.max(a, b));
    const total = scores.reduce((s, v) => s + Math.exp(v - m), 0);
    probabilities.push(scores.map((v) => Math.exp(v - m) / total));
    probabilities[i]!.forEach((p, j) => {
      for (let d = 0; d < width; d++)
        o[i * width + d] = o[i * width + d]! + p * v[(firstKey(i) + j) * width + d]!;
    });
  }
  const pullback = (g: Part) => {
    const dq = new Float64Array(q.length);
    const dk = new Float64Array(k.length);
    const dv = new Float64Array(v.length);
    probabilities.forEach((row, i) => {
      const delta = dot(g, i, o, i);
      row.forEach((p, index) => {
        const j = firstKey(i) + index;
        const ds = scale * p * (dot(g, i, v, j) - delta);
        for (let d = 0; d < width; d++) {
          dq[i * width + d] = dq[i * width + d]! + ds * k[j * width + d]!;
          dk[j * width + d] = dk[j * width + d]! + ds * q[i * width + d]!;
          dv[j * width + d] = dv[j * width + d]! + p * g[i * width + d]!;
        }
      });
    });
    return { dq, dk, dv };
  };
  return { o, pullback };
}

function sample(sizes: Sizes, deviation = 1) {
  const { batch, heads, queries, keys, width } = sizes;
  const qShape = [batch, heads, queries, width];
  const kShape = [batch, heads, keys, width];
  const values = (shape: Shape, seed: number) =>
    normals(
      shape.reduce((a, b) => a * b, 1),
      seed + queries * 7 + keys,
      deviation,
    );
  return {
    q: values(qShape, 1),
    k: values(kShape, 2),
    v: values(kShape, 3),
    g: values(qShape, 4),
    qShape,
    kShape,
  };
}

const problems: readonly (readonly [string, Sizes])[] = [
  ["one key", { batch: 1, heads: 1, queries: 1, keys: 1, width: 4 }],
  ["fewer keys than a step", { batch: 2, heads: 1, queries: 3, keys: 3, width: 8 }],
  ["a ragged end", { batch: 1, heads: 3, queries: 13, keys: 13, width: 16 }],
  ["GPT", { batch: 2, heads: 4, queries: 64, keys: 64, width: 32 }],
  ["a second workgroup", { batch: 1, heads: 2, queries: 67, keys: 67, width: 8 }],
  ["more queries than keys", { batch: 2, heads: 1, queries: 9, keys: 4, width: 4 }],
  ["more keys than queries", { batch: 1, heads: 2, queries: 3, keys: 71, width: 4 }],
  ["wide heads", { batch: 1, heads: 1, queries: 10, keys: 10, width: 64 }],
  ["wider heads", { batch: 1, heads: 1, queries: 6, keys: 6, width: 128 }],
  ["a width between the usual", { batch: 1, heads: 2, queries: 5, keys: 6, width: 12 }],
];
/**
 * A software driver takes up to minutes to unroll a row, and many seconds for a packed kernel: wider ones are
 * for GPUs and for the CPU executor.
 */
const slowToCompile: readonly AttentionVariant[] = ["unrolled", "packed"];
const problemsFor = (variant: AttentionVariant) =>
  slowToCompile.includes(variant) && target.adapter === "software"
    ? problems.filter(([, { width }]) => width <= 8)
    : problems;

const tested = attentionVariants.candidates(target, 32, 32);

describe.each(tested)("%s", (variant) => {
  test.each(problemsFor(variant))(
    "values and gradients agree with f64: %s",
    async (_, sizes) => {
      forcedAttentionVariant.current = variant;
      const { q, k, v, g, qShape, kShape } = sample(sizes, 1.5);
      const operands = [
        tensor(q, { shape: qShape }),
        tensor(k, { shape: kShape }),
        tensor(v, { shape: kShape }),
      ];
      const cotangent = tensor(g, { shape: qShape });
      for (const options of [{ causal: false }, { causal: true, scale: 0.3 }]) {
        const value = ([a, b, c]: Tensor[]): Tensor =>
          scaledDotProductAttention(a!, b!, c!, options);
        const expected = host(sizes, q, k, v, options);
        expectClose(await value(operands).data(), expected.o, forward);
        const [dq, dk, dv] = grad((t: Tensor[]) => sum(mul(value(t), cotangent)))(operands);
        const wanted = expected.pullback(g);
        expectClose(await dq!.data(), wanted.dq, backward);
        expectClose(await dk!.data(), wanted.dk, backward);
        expectClose(await dv!.data(), wanted.dv, backward);
      }
    },
    600_000,
  );

  test("the causal mask hides later keys altogether: changing them changes nothing", async () => {
    forcedAttentionVariant.current = variant;
    const sizes = { batch: 1, heads: 1, queries: 6, keys: 6, width: 4 };
    const { q, k, v, qShape, kShape } = sample(sizes);
    const run = async () => {
      const parts = [q, k, v].map((p, i) => tensor(p, { shape: i === 0 ? qShape : kShape }));
      const o = scaledDotProductAttention(parts[0]!, parts[1]!, parts[2]!, { causal: true });
      return (await o.data()).slice(0, 4 * 4);
    };
    const before = await run();
    k.fill(1e6, 4 * 4);
    v.fill(-1e6, 4 * 4);
    expect(await run()).toEqual(before);
  });

  test("scores of several hundred do not overflow", async () => {
    forcedAttentionVariant.current = variant;
    const sizes = { batch: 1, heads: 2, queries: 9, keys: 9, width: 4 };
    const { q, k, v, g, qShape, kShape } = sample(sizes, 20);
    const parts = [
      tensor(q, { shape: qShape }),
      tensor(k, { shape: kShape }),
      tensor(v, { shape: kShape }),
    ];
    const value = ([a, b, c]: Tensor[]): Tensor =>
      scaledDotProductAttention(a!, b!, c!, { causal: true });
    const expected = host(sizes, q, k, v, { causal: true });
    // A score of 1,000 is rounded to 6e-5, and so are the exponents of the probabilities.
    expectClose(await value(parts).data(), expected.o, { relative: 1e-3, absolute: 1e-2 });
    const cotangent = tensor(g, { shape: qShape });
    const gradients = grad((t: Tensor[]) => sum(mul(value(t), cotangent)))(parts);
    const { dv } = expected.pullback(g);
    expectClose(await gradients[2]!.data(), dv, { relative: 1e-3, absolute: 1e-2 });
    for (const t of gradients) expect([...(await t.data())].every(Number.isFinite)).toBe(true);
  });

  test("a NaN in a query or a key that is seen is not hidden", async () => {
    forcedAttentionVariant.current = variant;
    const sizes = { batch: 1, heads: 1, queries: 3, keys: 3, width: 4 };
    for (const which of [0, 1]) {
      const { q, k, v, qShape, kShape } = sample(sizes);
      [q, k][which]![5] = Number.NaN;
      const parts = [q, k, v].map((p, i) => tensor(p, { shape: i === 0 ? qShape : kShape }));
      const o = scaledDotProductAttention(parts[0]!, parts[1]!, parts[2]!, { causal: true });
      const rows = await o.data();
      expect([...rows.slice(0, 4)].every(Number.isFinite)).toBe(true);
      expect([...rows.slice(4, 8)].every(Number.isFinite)).toBe(false);
    }
  });

  test("second derivatives agree with f64", async () => {
    forcedAttentionVariant.current = variant;
    const sizes = { batch: 1, heads: 2, queries: 3, keys: 3, width: 4 };
    const size = 2 * 3 * 4;
    const shape = [1, 2, 3, 4];
    const point = normals(3 * size, 5, 0.7);
    const direction = normals(3 * size, 6);
    const parts = (v: ArrayLike<number>) =>
      [0, 1, 2].map((i) => Float32Array.from(Array.from(v).slice(i * size, (i + 1) * size)));
    const hostValue = (v: Float64Array): number => {
      const [q, k, w] = [0, 1, 2].map((i) => v.slice(i * size, (i + 1) * size));
      const { o } = host(sizes, q!, k!, w!, { causal: true });
      return o.reduce((s, y) => s + y * y, 0);
    };
    const value = ([a, b, c]: Tensor[]): Tensor => {
      const o = scaledDotProductAttention(a!, b!, c!, { causal: true });
      return sum(mul(o, o));
    };
    const tensors = (v: ArrayLike<number>) => parts(v).map((p) => tensor(p, { shape }));
    const flat = async (list: readonly Tensor[]) =>
      (await Promise.all(list.map((t) => t.data()))).flatMap((d) => [...d]);
    const first = grad(value);
    expectClose(await flat(first(tensors(point))), numericGradient(hostValue, point), backward);
    const u = tensors(direction);
    const along = grad((at: Tensor[]) =>
      first(at)
        .map((g, i) => sum(mul(g, u[i]!)))
        .reduce((a, b) => add(a, b)),
    );
    const expected = numericHessianProduct(hostValue, point, direction);
    expectClose(await flat(along(tensors(point))), expected, { relative: 1e-4, absolute: 1e-4 });
  });
});

describe("packed queries, keys and values", () => {
  const [batch, time, heads, width] = [2, 67, 3, 8];
  const sizes = { batch, heads, queries: time, keys: time, width };
  const qkv = normals(batch * time * 3 * heads * width, 11);
  const packedShape = [batch, time, 3, heads, width];
  const g = normals(batch * time * heads * width, 12);
  /** [B, T, 3, H, D] as three [B, H, T, D]. */
  const unpack = () =>
    [0, 1, 2].map((part) => {
      const out = new Float32Array(batch * heads * time * width);
      for (let b = 0; b < batch; b++)
        for (let h = 0; h < heads; h++)
          for (let t = 0; t < time; t++)
            for (let d = 0; d < width; d++)
              out[((b * heads + h) * time + t) * width + d] =
                qkv[(((b * time + t) * 3 + part) * heads + h) * width + d]!;
      return out;
    });
  const expected = () => {
    const [q, k, v] = unpack();
    return host(sizes, q!, k!, v!, { causal: true });
  };
  const rowsOf = async (x: Tensor) => (await transpose(x, 1, 2).data()) as Float32Array;

  test.each(bothWays)("%s agrees with f64, gradient included", async (way) => {
    force(way);
    const packed = tensor(qkv, { shape: packedShape });
    const value = (t: Tensor): Tensor => packedAttention(t, { causal: true });
    const o = value(packed);
    expect(o.shape).toEqual([batch, time, heads, width]);
    const { o: wanted, pullback } = expected();
    expectClose(await rowsOf(o), wanted, forward);
    const cotangent = tensor(g, { shape: o.shape });
    const dqkv = grad((t: Tensor) => sum(mul(value(t), cotangent)))(packed);
    expect(dqkv.shape).toEqual(packedShape);
    const { dq, dk, dv } = pullback(await rowsOf(cotangent));
    for (const [part, gradient] of [dq, dk, dv].entries()) {
      const own = reshape(slice(dqkv, { dim: 2, start: part, end: part + 1 }), o.shape);
      expectClose(await rowsOf(own), gradient, backward);
    }
  });

  test("is the same as attention of the three views, bit for bit", async () => {
    const packed = tensor(qkv, { shape: [batch, time, 3 * heads * width] });
    const [q, k, v] = split(packed, heads * width, -1).map((part) =>
      transpose(reshape(part, [batch, time, heads, width]), 1, 2),
    );
    const separate = scaledDotProductAttention(q!, k!, v!, { causal: true });
    const together = packedAttention(reshape(packed, packedShape), { causal: true });
    expect(await rowsOf(together)).toEqual(await separate.data());
  });

  test("the views of a packed projection are read where they are, and merging the heads is a view", () => {
    const packed = tensor(qkv, { shape: [batch, time, 3 * heads * width] });
    const before = device.executor.counters.dispatches;
    const [q, k, v] = split(packed, heads * width, -1).map((part) =>
      transpose(reshape(part, [batch, time, heads, width]), 1, 2),
    );
    const o = scaledDotProductAttention(q!, k!, v!, { causal: true });
    const merged = reshape(transpose(o, 1, 2), [batch, time, heads * width]);
    expect(device.executor.counters.dispatches - before).toBe(1);
    expect((merged as DeviceTensor).isDense).toBe(true);
  });

  test("forward and gradient of a packed projection take four dispatches of attention", () => {
    const packed = tensor(qkv, { shape: packedShape });
    const before = device.executor.counters.dispatches;
    grad((t: Tensor) => sum(packedAttention(t, { causal: true })))(packed);
    const all = device.executor.counters.dispatches - before;
    const again = device.executor.counters.dispatches;
    grad((t: Tensor) => sum(t))(packed);
    // Beside the four: the sum, the cotangent 1, and the copy of it that the sum's rule expands.
    const others = device.executor.counters.dispatches - again;
    expect(all - others).toBeLessThanOrEqual(5);
  });

  test("second derivatives of the packed form agree with f64", async () => {
    const shape = [1, 3, 3, 1, 4];
    const small = { batch: 1, heads: 1, queries: 3, keys: 3, width: 4 };
    const point = normals(36, 13, 0.7);
    const direction = normals(36, 14);
    const part = (v: Float64Array, p: number) =>
      Float64Array.from({ length: 12 }, (_, i) => v[(Math.floor(i / 4) * 3 + p) * 4 + (i % 4)]!);
    const hostValue = (v: Float64Array): number =>
      host(small, part(v, 0), part(v, 1), part(v, 2)).o.reduce((s, y) => s + y * y, 0);
    const value = (t: Tensor): Tensor => {
      const o = packedAttention(t);
      return sum(mul(o, o));
    };
    const u = tensor(direction, { shape });
    const first = grad(value);
    const second = grad((t: Tensor) => sum(mul(first(t), u)))(tensor(point, { shape }));
    const wanted = numericHessianProduct(hostValue, point, direction);
    expectClose(await second.data(), wanted, { relative: 1e-4, absolute: 1e-4 });
  });
});

describe("shapes", () => {
  const value = (shape: Shape, seed: number) =>
    tensor(
      normals(
        shape.reduce((a, b) => a * b, 1),
        seed,
      ),
      { shape },
    );

  test.each([
    ["matrices", [5, 4]],
    ["three dimensions", [3, 5, 4]],
    ["five dimensions", [2, 2, 3, 5, 4]],
  ])("%s", async (_, shape) => {
    const [q, k, v] = [1, 2, 3].map((seed) => value(shape, seed));
    const results = [];
    for (const way of bothWays) {
      force(way);
      const o = scaledDotProductAttention(q!, k!, v!, { causal: true });
      expect(o.shape).toEqual(shape);
      results.push(await o.data());
    }
    expectClose(results[0]!, results[1]!, forward);
  });

  test("keys and values shared by all heads broadcast, and their gradients add up", async () => {
    const q = value([2, 3, 5, 4], 1);
    const [k, v] = [2, 3].map((seed) => value([2, 1, 5, 4], seed));
    const results = [];
    for (const way of bothWays) {
      force(way);
      const gradients = grad((t: Tensor[]) =>
        sum(mul(scaledDotProductAttention(q, t[0]!, t[1]!), q)),
      )([k!, v!]);
      expect(gradients[0]!.shape).toEqual([2, 1, 5, 4]);
      results.push(await gradients[0]!.data());
    }
    expectClose(results[0]!, results[1]!, backward);
  });

  test("a head width that is no multiple of 4, or values of another width, take the plain composition", async () => {
    expect(attentionVariants.defaultChoice(target, 5, 5)).toBe("composite");
    expect(attentionVariants.defaultChoice(target, 8, 4)).toBe("composite");
    const sizes = { batch: 1, heads: 2, queries: 4, keys: 4, width: 5 };
    const { q, k, v, qShape, kShape } = sample(sizes);
    const o = scaledDotProductAttention(
      tensor(q, { shape: qShape }),
      tensor(k, { shape: kShape }),
      tensor(v, { shape: kShape }),
    );
    expectClose(await o.data(), host(sizes, q, k, v).o, forward);
    const wide = scaledDotProductAttention(value([5, 4], 1), value([6, 4], 2), value([6, 8], 3));
    expect(wide.shape).toEqual([5, 8]);
  });

  test("rows that are not adjacent or not aligned are copied first", async () => {
    const turned = transpose(value([4, 6], 1), 0, 1);
    const shifted = slice(value([6, 9], 2), { dim: 1, start: 1, end: 5 });
    const results = [];
    for (const way of bothWays) {
      force(way);
      results.push(await scaledDotProductAttention(turned, shifted, shifted).data());
    }
    expectClose(results[0]!, results[1]!, forward);
  });

  test("no queries give an empty result and zero gradients of keys and values", async () => {
    const q = tensor(new Float32Array(0), { shape: [1, 1, 0, 4] });
    const k = value([1, 1, 3, 4], 1);
    expect((await scaledDotProductAttention(q, k, k).data()).length).toBe(0);
    const g = grad((t: Tensor) => sum(scaledDotProductAttention(q, t, t)))(k);
    expect([...(await g.data())].every((v) => v === 0)).toBe(true);
  });

  test("what does not fit is refused with the shapes", () => {
    const x = value([2, 4], 1);
    const attend = scaledDotProductAttention;
    expect(() => attend(x, value([2, 8], 1), x)).toThrow(/equally long.*k \[2, 8\]/);
    expect(() => attend(x, x, value([3, 4], 1))).toThrow(/equally many rows.*v \[3, 4\]/);
    expect(() => attend(x, tensor(new Float32Array(0), { shape: [0, 4] }), x)).toThrow(
      /equally many rows, at least one/,
    );
    expect(() => attend(value([2, 3, 4], 1), value([5, 3, 4], 1), value([5, 3, 4], 1))).toThrow(
      /agree or broadcast/,
    );
    expect(() => attend(tensor([1]), x, x)).toThrow(/at least matrices/);
    expect(() => attend(x, x, x, { scale: Number.NaN })).toThrow(/scale NaN/);
    expect(() => packedAttention(value([2, 3, 4], 1))).toThrow(/\[batch, time, 3, heads, width\]/);
  });

  test("f16 is computed in f32", async () => {
    if (!device.executor.adapter.features.includes("shader-f16")) {
      expect(() => to(value([1], 1), "f16")).toThrow(/shader-f16/);
      return;
    }
    const x = value([3, 4], 1);
    const o = scaledDotProductAttention(to(x, "f16"), to(x, "f16"), to(x, "f16"));
    expect(o.dtype).toBe("f16");
    const wide = await scaledDotProductAttention(x, x, x).data();
    expectClose(await o.data(), wide, { relative: 5e-3, absolute: 2e-3 });
  });
});

describe("many workgroups", () => {
  let small: Device;
  beforeAll(async () => {
    small = await initOn(nodePlatform, {
      makeCurrent: false,
      limits: { maxWorkgroupsPerDimension: 21 },
    });
  });
  afterAll(() => small.destroy());

  test("a folded grid covers every head and row", async () => {
    const sizes = { batch: 3, heads: 5, queries: 66, keys: 66, width: 4 };
    const { q, k, v, g, qShape } = sample(sizes);
    const [o, gradients] = withDevice(small, () => {
      const parts = [q, k, v].map((p) => tensor(p, { shape: qShape }));
      const cotangent = tensor(g, { shape: qShape });
      const value = ([a, b, c]: Tensor[]): Tensor =>
        scaledDotProductAttention(a!, b!, c!, { causal: true });
      return [value(parts), grad((t: Tensor[]) => sum(mul(value(t), cotangent)))(parts)] as const;
    });
    const expected = host(sizes, q, k, v, { causal: true });
    expectClose(await o.data(), expected.o, forward);
    const { dq, dk, dv } = expected.pullback(g);
    for (const [i, wanted] of [dq, dk, dv].entries())
      expectClose(await gradients[i]!.data(), wanted, backward);
  });
});

test("a GPU gets registers, a software driver subgroups or loops, the CPU executor packed tiles", () => {
  const choose = (adapter: AdapterClass, subgroupSize: number) =>
    attentionVariants.defaultChoice({ ...target, adapter, subgroupSize }, 32, 32);
  expect(choose("wasm", 4)).toBe("packed");
  expect(choose("hardware", 32)).toBe("unrolled");
  expect(choose("software", 8)).toBe("subgroup");
  expect(choose("software", 4)).toBe("subgroup");
  expect(choose("software", 0)).toBe("rolled");
});

test("memory is linear in time: no matrix of scores is ever live", () => {
  const [time, width] = [512, 8];
  const x = tensor(normals(3 * time * width, 1), { shape: [1, time, 3, 1, width] });
  device.pool.resetPeak();
  const before = device.pool.report().liveBytes;
  grad((t: Tensor) => sum(packedAttention(t, { causal: true })))(x);
  const used = device.pool.report().peakBytes - before;
  expect(used).toBeLessThan(time * time * 4 * 0.2);
});

test("the gradients are the same bits every time", async () => {
  const x = tensor(normals(2 * 67 * 3 * 2 * 16, 2), { shape: [2, 67, 3, 2, 16] });
  const run = () => grad((t: Tensor) => sum(mul(packedAttention(t, { causal: true }), 0.5)))(x);
  expect(await run().data()).toEqual(await run().data());
});

/** Masks, dropout and shared key heads in every variant of attention, against f64. */
import { afterEach, describe, expect, test } from "vitest";
import { initOn } from "../../src/init";
import { mul } from "../../src/ops/arithmetic";
import {
  type HeadsOptions,
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
import { expand, reshape, slice, transpose } from "../../src/ops/shape";
import { nodePlatform } from "../../src/platform/node";
import { HostRandom } from "../../src/random/hostRandom";
import { keyFromSeed, philox4x32 } from "../../src/random/philox";
import { key as keyOf } from "../../src/random/random";
import { tensor } from "../../src/tensor/creation";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";
import { expectClose } from "../harness";
import { normals } from "../samples";

/** Rounding of scores of size 5 in f32, carried into probabilities, averages and products. */
const forward = { relative: 2e-5, absolute: 5e-6 };
const backward = { relative: 5e-5, absolute: 2e-5 };

const target = matmulTarget(await initOn(nodePlatform));
/** Packed kernels with masks or dropout take software drivers minutes to compile, which never choose them. */
const tested = attentionVariants
  .candidates(target, 8, 8)
  .filter((variant) => variant !== "packed" || target.adapter === "wasm");
afterEach(() => {
  forcedAttentionVariant.current = null;
});

interface Sizes {
  batch: number;
  heads: number;
  /** Query heads for each key head. */
  group: number;
  queries: number;
  keys: number;
  width: number;
}

/** What is added to the score, -Infinity where it is hidden, and what its probability is multiplied by. */
interface Weights {
  bias(b: number, h: number, i: number, j: number): number;
  factor(b: number, h: number, i: number, j: number): number;
}

type Part = ArrayLike<number>;

/** Output and cotangents in f64; q and g [B, H, T, D], k and v [B, H / group, S, D]. */
function host(sizes: Sizes, scale: number, weights: Weights, q: Part, k: Part, v: Part, g: Part) {
  const { batch, heads, group, queries, keys, width } = sizes;
  const [o, dq] = [new Float64Array(q.length), new Float64Array(q.length)];
  const [dk, dv] = [new Float64Array(k.length), new Float64Array(k.length)];
  const each = (fn: (d: number) => void): void => {
    for (let d = 0; d < width; d++) fn(d);
  };
  const dot = (a: Part, i: number, b: Part, j: number): number => {
    let total = 0;
    each((d) => {
      total += a[i * width + d]! * b[j * width + d]!;
    });
    return total;
  };
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < queries; i++) {
        const row = (b * heads + h) * queries + i;
        const first = ((b * heads + h) / group) | 0;
        const columns = Array.from({ length: keys }, (_, j) => first * keys + j);
        const scores = columns.map(
          (at, j) => scale * dot(q, row, k, at) + weights.bias(b, h, i, j),
        );
        const most = Math.max(...scores);
        const exps = scores.map((s) => (s === Number.NEGATIVE_INFINITY ? 0 : Math.exp(s - most)));
        const total = exps.reduce((x, y) => x + y, 0) || 1;
        const p = exps.map((e) => e / total);
        const z = columns.map((_, j) => weights.factor(b, h, i, j));
        columns.forEach((at, j) => {
          each((d) => {
            o[row * width + d]! += p[j]! * z[j]! * v[at * width + d]!;
          });
        });
        const delta = dot(g, row, o, row);
        columns.forEach((at, j) => {
          const ds = scale * p[j]! * (z[j]! * dot(g, row, v, at) - delta);
          each((d) => {
            dq[row * width + d]! += ds * k[at * width + d]!;
            dk[at * width + d]! += ds * q[row * width + d]!;
            dv[at * width + d]! += p[j]! * z[j]! * g[row * width + d]!;
          });
        });
      }
  return { o, dq, dk, dv };
}

const none = { bias: () => 0, factor: () => 1 };
const seed = 77;
/** The factors of shaders/include/attention_dropout.wgsl. */
function factors(p: number, stream: number, heads: number): Weights["factor"] {
  return (b, h, i, j) => {
    const counter = [Math.floor(j / 4), i, (0x80000000 + b * heads + h) >>> 0, stream] as const;
    const word = philox4x32(keyFromSeed(seed), counter)[j % 4]!;
    return word >>> 1 < Math.round((1 - p) * 2 ** 31) ? 1 / (1 - p) : 0;
  };
}

const random = (count: number, of: number): number[] => {
  const source = new HostRandom(of);
  return Array.from({ length: count }, () => source.bits() / 2 ** 32);
};

interface Feature {
  readonly claim: string;
  options(sizes: Sizes): HeadsOptions;
  weights(sizes: Sizes): Weights;
}

const hidden = Number.NEGATIVE_INFINITY;
/** True for two of three; the second query sees nothing. */
const truths = (count: number, keys: number, queries: number, of: number): boolean[] =>
  random(count, of).map((u, n) => u < 0.67 && Math.floor(n / keys) % queries !== 1);

const features: readonly Feature[] = [
  {
    claim: "a bool mask for all heads",
    options: ({ queries, keys }) => ({
      attnMask: tensor(truths(queries * keys, keys, queries, 1).map(Number), {
        shape: [queries, keys],
        dtype: "bool",
      }),
    }),
    weights: ({ queries, keys }) => {
      const seen = truths(queries * keys, keys, queries, 1);
      return { ...none, bias: (_b, _h, i, j) => (seen[i * keys + j] ? 0 : hidden) };
    },
  },
  {
    claim: "a bool mask of keys for each batch, under the causal one",
    options: ({ batch, keys }) => ({
      causal: true,
      attnMask: tensor(truths(batch * keys, keys, 9, 2).map(Number), {
        shape: [batch, 1, 1, keys],
        dtype: "bool",
      }),
    }),
    weights: ({ batch, keys }) => {
      const seen = truths(batch * keys, keys, 9, 2);
      return { ...none, bias: (b, _h, i, j) => (seen[b * keys + j] && j <= i ? 0 : hidden) };
    },
  },
  {
    claim: "a mask of floats for each head, with -Infinity, transposed in memory",
    options: ({ heads, queries, keys }) => ({
      scale: 0.3,
      attnMask: transpose(
        tensor(floatMask(heads, keys, queries), { shape: [heads, keys, queries] }),
        1,
        2,
      ),
    }),
    weights: ({ heads, queries, keys }) => {
      const mask = floatMask(heads, keys, queries);
      return { ...none, bias: (_b, h, i, j) => mask[(h * keys + j) * queries + i]! };
    },
  },
  {
    claim: "dropout",
    options: () => ({ dropoutP: 0.3, key: keyOf(seed), stream: 5 }),
    weights: ({ heads }) => ({ ...none, factor: factors(0.3, 5, heads) }),
  },
  {
    claim: "everything at once",
    options: ({ batch, heads, queries, keys }) => ({
      causal: true,
      scale: 0.4,
      dropoutP: 0.25,
      key: keyOf(seed),
      attnMask: tensor(normals(batch * heads * queries * keys, 9), {
        shape: [batch, heads, queries, keys],
      }),
    }),
    weights: ({ heads, queries, keys, batch }) => {
      const mask = normals(batch * heads * queries * keys, 9);
      return {
        bias: (b, h, i, j) => (j <= i ? mask[((b * heads + h) * queries + i) * keys + j]! : hidden),
        factor: factors(0.25, 0, heads),
      };
    },
  },
  { claim: "nothing but shared key heads", options: () => ({}), weights: () => none },
];

function floatMask(heads: number, keys: number, queries: number): number[] {
  const off = random(heads * keys * queries, 8);
  return [...normals(heads * keys * queries, 7)].map((v, n) => (off[n]! < 0.2 ? hidden : v));
}

const problems: readonly (readonly [string, Sizes])[] = [
  ["few", { batch: 2, heads: 2, group: 1, queries: 3, keys: 5, width: 4 }],
  ["shared", { batch: 2, heads: 4, group: 2, queries: 13, keys: 10, width: 8 }],
  ["more than a workgroup", { batch: 1, heads: 3, group: 3, queries: 67, keys: 66, width: 4 }],
];

/** A software driver takes many seconds to compile unrolled kernels: one shape there. */
const problemsFor = (variant: AttentionVariant) =>
  variant === "unrolled" && target.adapter === "software" ? problems.slice(0, 1) : problems;

describe.each(tested)("%s", (variant) => {
  test.each(
    features.flatMap((feature) =>
      problemsFor(variant).map(([name, sizes]) => [feature.claim, name, feature, sizes] as const),
    ),
  )(
    "values and gradients agree with f64: %s, %s",
    async (_, __, feature, sizes) => {
      forcedAttentionVariant.current = variant;
      const { batch, heads, group, queries, keys, width } = sizes;
      const qShape = [batch, heads, queries, width];
      const kShape = [batch, heads / group, keys, width];
      const [q, g] = [1, 4].map((of) => normals(batch * heads * queries * width, of, 1.2));
      const [k, v] = [2, 3].map((of) => normals((batch * heads * keys * width) / group, of, 1.2));
      const options = { ...feature.options(sizes), enableGqa: group > 1 };
      const value = ([a, b, c]: Tensor[]): Tensor => scaledDotProductAttention(a!, b!, c!, options);
      const operands = [
        tensor(q!, { shape: qShape }),
        tensor(k!, { shape: kShape }),
        tensor(v!, { shape: kShape }),
      ];
      const scale = options.scale ?? 1 / Math.sqrt(width);
      const wanted = host(sizes, scale, feature.weights(sizes), q!, k!, v!, g!);
      expectClose(await value(operands).data(), wanted.o, forward);
      const cotangent = tensor(g!, { shape: qShape });
      const [dq, dk, dv] = grad((t: Tensor[]) => sum(mul(value(t), cotangent)))(operands);
      expectClose(await dq!.data(), wanted.dq, backward);
      expectClose(await dk!.data(), wanted.dk, backward);
      expectClose(await dv!.data(), wanted.dv, backward);
    },
    600_000,
  );

  test("the gradient of a mask of floats agrees with differences, and flows where it broadcast", async () => {
    forcedAttentionVariant.current = variant;
    const x = tensor(normals(2 * 3 * 5 * 4, 3), { shape: [2, 3, 5, 4] });
    const start = normals(3 * 5, 5);
    const value = (m: Tensor): Tensor =>
      sum(mul(scaledDotProductAttention(x, x, x, { attnMask: m }), x));
    const shape = [3, 1, 5];
    const gradient = grad(value)(tensor(start, { shape }));
    expect(gradient.shape).toEqual(shape);
    const h = 1 / 64;
    const slopes = await Promise.all(
      [...start].map(async (_, n) => {
        const moved = (by: number) => start.map((v, i) => (i === n ? v + by : v));
        const [up, down] = await Promise.all(
          [h, -h].map(async (by) => (await value(tensor(moved(by), { shape })).data())[0]!),
        );
        return (up! - down!) / (2 * h);
      }),
    );
    // f32 sums of 120 terms, divided by 2 h; and the differences' own h².
    expectClose(await gradient.data(), slopes, { relative: 2e-3, absolute: 2e-3 });
  });

  test("packed attention takes the same mask and draws the same dropout, bit for bit", async () => {
    forcedAttentionVariant.current = variant;
    const [batch, time, heads, width] = [2, 11, 3, 8];
    const packed = tensor(normals(batch * time * 3 * heads * width, 1), {
      shape: [batch, time, 3, heads, width],
    });
    const parts = [0, 1, 2].map((p) =>
      transpose(
        reshape(slice(packed, { dim: 2, start: p, end: p + 1 }), [batch, time, heads, width]),
        1,
        2,
      ),
    );
    const attnMask = tensor(truths(time * time, time, time, 6).map(Number), {
      shape: [time, time],
      dtype: "bool",
    });
    const options = { attnMask, dropoutP: 0.5, key: keyOf(1), causal: true };
    const together = packedAttention(packed, options);
    const apart = scaledDotProductAttention(parts[0]!, parts[1]!, parts[2]!, options);
    expect(await transpose(together, 1, 2).data()).toEqual(await apart.data());
  });
});

test("a mask of any strides is read where it lies: one dispatch", () => {
  const x = tensor(normals(2 * 2 * 6 * 4, 1), { shape: [2, 2, 6, 4] });
  const mask = expand(transpose(tensor(new Float32Array(36), { shape: [6, 6] }), 0, 1), [2, 6, 6]);
  const before = x.device.executor.counters.dispatches;
  scaledDotProductAttention(x, x, x, { attnMask: mask });
  expect(x.device.executor.counters.dispatches - before).toBe(1);
});

test("shared key heads are not repeated: a forward call is one dispatch, the gradient three", () => {
  const q = tensor(normals(4 * 6 * 4, 1), { shape: [1, 4, 6, 4] });
  const k = tensor(normals(2 * 6 * 4, 2), { shape: [1, 2, 6, 4] });
  const { counters } = q.device.executor;
  const dispatches = (fn: () => void): number => {
    const before = counters.dispatches;
    fn();
    return counters.dispatches - before;
  };
  const attend = (t: Tensor): Tensor => scaledDotProductAttention(q, t, t, { enableGqa: true });
  expect(dispatches(() => attend(k))).toBe(1);
  const others = dispatches(() => grad((t: Tensor) => sum(t))(q));
  // k and v are one tensor here: their cotangents are added up, and the sum's cotangent is copied.
  expect(dispatches(() => grad((t: Tensor) => sum(attend(t)))(k)) - others).toBeLessThanOrEqual(6);
});

test("memory is linear in time with a mask, dropout and shared heads too", () => {
  const [time, width] = [512, 8];
  const q = tensor(normals(2 * time * width, 1), { shape: [1, 2, time, width] });
  const k = tensor(normals(time * width, 2), { shape: [1, 1, time, width] });
  const attnMask = tensor(new Float32Array(time).fill(1), { shape: [time], dtype: "bool" });
  const options = { attnMask, dropoutP: 0.1, key: keyOf(1), enableGqa: true };
  const { pool } = q.device;
  pool.resetPeak();
  const before = pool.report().liveBytes;
  grad((t: Tensor[]) => sum(scaledDotProductAttention(t[0]!, t[1]!, t[1]!, options)))([q, k]);
  // One head's scores would take time² · 4 bytes.
  expect(pool.report().peakBytes - before).toBeLessThan(time * time * 4 * 0.2);
});

test("dropout keeps as many as it says, and scales them: the mean of ones stays 1", async () => {
  const rows = 512;
  const x = tensor(new Float32Array(rows * 4), { shape: [1, 1, rows, 4] });
  const ones = tensor(new Float32Array(rows * 4).fill(1), { shape: [1, 1, rows, 4] });
  const options = { dropoutP: 0.25, key: keyOf(3) };
  const o = await scaledDotProductAttention(x, x, ones, options).data();
  const mean = [...o].reduce((a, b) => a + b, 0) / o.length;
  // The mean of 2^18 draws of 0 or 4/3: its deviation is 0.0011.
  expect(Math.abs(mean - 1)).toBeLessThan(0.005);
  const again = await scaledDotProductAttention(x, x, ones, options).data();
  expect(again).toEqual(o);
  const other = await scaledDotProductAttention(x, x, ones, { ...options, stream: 1 }).data();
  expect(other).not.toEqual(o);
  const all = await scaledDotProductAttention(x, x, ones, { ...options, dropoutP: 1 }).data();
  expect([...all].every((v) => v === 0)).toBe(true);
});

test("a query that sees no key gives zeros", async () => {
  const x = tensor(normals(3 * 4, 1), { shape: [3, 4] });
  const bools = tensor([1, 1, 1, 0, 0, 0, 1, 0, 1], { shape: [3, 3], dtype: "bool" });
  for (const attnMask of [
    bools,
    tensor([0, 0, 0, hidden, hidden, -1e35, 0, 0, 0], { shape: [3, 3] }),
  ])
    for (const variant of [null, "composite"] as const) {
      forcedAttentionVariant.current = variant;
      const o = await scaledDotProductAttention(x, x, x, { attnMask }).data();
      expect([...o.slice(4, 8)]).toEqual([0, 0, 0, 0]);
      expect([...o].every(Number.isFinite)).toBe(true);
    }
});

test("what does not fit is refused, with the cure", () => {
  const x = tensor(normals(2 * 3 * 4, 1), { shape: [2, 3, 4] });
  const wide = tensor(normals(4 * 3 * 4, 1), { shape: [4, 3, 4] });
  const attend = (options: HeadsOptions) => () => scaledDotProductAttention(x, x, x, options);
  const mask = (shape: number[], dtype: "f32" | "i32" = "f32") =>
    tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), { shape, dtype });
  expect(attend({ attnMask: mask([3, 2]) })).toThrow(/attnMask has shape \[3, 2\].*\[2, 3, 3\]/);
  expect(attend({ attnMask: mask([1, 2, 3, 3]) })).toThrow(/broadcast to \[2, 3, 3\]/);
  expect(attend({ attnMask: mask([3, 3], "i32") })).toThrow(/attnMask has dtype i32.*to\("bool"\)/);
  expect(attend({ dropoutP: 0.5 })).toThrow(/needs a key.*random\.key/);
  expect(attend({ dropoutP: 1.5, key: keyOf(1) })).toThrow(/from 0 to 1/);
  expect(attend({ dropoutP: 0.5, key: mask([2]) })).toThrow(/key has dtype u32/);
  expect(attend({ dropoutP: 0.5, key: keyOf(1), stream: -1 })).toThrow(/stream -1/);
  const grouped = (q: Tensor, k: Tensor) => () =>
    scaledDotProductAttention(q, k, k, { enableGqa: true });
  expect(grouped(tensor(normals(12, 1), { shape: [3, 4] }), x)).toThrow(/dimension of heads/);
  expect(grouped(tensor(normals(36, 1), { shape: [3, 3, 4] }), x)).toThrow(/multiple of those/);
  expect(() => scaledDotProductAttention(wide, x, x)).toThrow(/agree or broadcast/);
});

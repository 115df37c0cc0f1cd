import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { startTiming } from "../../src/device/timing";
import { initOn } from "../../src/init";
import { add, mul, square } from "../../src/ops/arithmetic";
import { linear, matmul } from "../../src/ops/matmul";
import { matmulTarget } from "../../src/ops/matmulLaunch";
import {
  forcedMatmulVariant,
  type MatmulVariant,
  matmulVariants,
} from "../../src/ops/matmulVariants";
import { sum } from "../../src/ops/reduce";
import { expand, narrow, slice, to, transpose } from "../../src/ops/shape";
import { nodePlatform } from "../../src/platform/node";
import { tensor } from "../../src/tensor/creation";
import type { DType } from "../../src/tensor/dtype";
import { scope } from "../../src/tensor/scope";
import { type Shape, sizeOf } from "../../src/tensor/shape";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";
import { expectClose } from "../harness";
import { numericGradient, numericHessianProduct } from "../numericDerivatives";
import { normals } from "../samples";

let device: Device;
let variants: readonly MatmulVariant[];

beforeAll(async () => {
  device = await initOn(nodePlatform);
  variants = matmulVariants.candidates(matmulTarget(device));
});
afterEach(() => {
  forcedMatmulVariant.current = null;
  forcedMatmulVariant.ofParts = null;
});

interface Reference {
  readonly values: Float64Array;
  /** Σ_k |a_ik b_kj|, what rounding errors are proportional to. */
  readonly sizes: Float64Array;
}

/** One product in f64: a [m, k], b [k, n], both row-major from an offset. */
function addReference(
  a: ArrayLike<number>,
  aFrom: number,
  b: ArrayLike<number>,
  bFrom: number,
  [m, n, k]: readonly [number, number, number],
  out: Reference,
  outFrom: number,
): void {
  for (let i = 0; i < m; i++)
    for (let p = 0; p < k; p++) {
      const x = a[aFrom + i * k + p]!;
      for (let j = 0; j < n; j++) {
        const product = x * b[bFrom + p * n + j]!;
        out.values[outFrom + i * n + j]! += product;
        out.sizes[outFrom + i * n + j]! += Math.abs(product);
      }
    }
}

function reference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  dims: readonly [number, number, number],
  batch: readonly (readonly [number, number])[] = [[0, 0]],
): Reference {
  const [m, n, k] = dims;
  const out = {
    values: new Float64Array(batch.length * m * n),
    sizes: new Float64Array(batch.length * m * n),
  };
  batch.forEach(([x, y], i) => {
    addReference(a, x * m * k, b, y * k * n, dims, out, i * m * n);
  });
  return out;
}

/**
 * Any order of k products and sums in f32 errs by at most k · 2^-24 times the sum of their sizes (Higham,
 * Accuracy and Stability of Numerical Algorithms, section 3.1); storing an f16 adds half a unit of its last
 * place.
 */
function expectProduct(
  actual: ArrayLike<number>,
  expected: Reference,
  k: number,
  dtype: DType = "f32",
) {
  expect(actual.length).toBe(expected.values.length);
  const rounding = dtype === "f16" ? 2 ** -11 : 0;
  for (let i = 0; i < actual.length; i++) {
    const allowed =
      (k + 1) * 2 ** -24 * expected.sizes[i]! + rounding * Math.abs(expected.values[i]!) + 1e-30;
    if (!(Math.abs(actual[i]! - expected.values[i]!) <= allowed))
      throw new Error(
        `${JSON.stringify(forcedMatmulVariant.current)}: element ${i} is ${actual[i]}, expected ${expected.values[i]} within ${allowed}`,
      );
  }
}

function transposedValues(x: Float32Array, rows: number, cols: number): Float32Array {
  const size = rows * cols;
  return x.map((_, i) => {
    const rest = i % size;
    return x[i - rest + (rest % rows) * cols + Math.floor(rest / rows)]!;
  });
}

/** A tensor of this shape and these values whose last two dimensions lie in memory the other way round. */
function laidOut(x: Float32Array, shape: Shape, turned: boolean, dtype: DType = "f32"): Tensor {
  if (!turned) return tensor(x, { shape, dtype });
  const [rows, cols] = shape.slice(-2) as [number, number];
  const stored = tensor(transposedValues(x, rows, cols), {
    shape: [...shape.slice(0, -2), cols, rows],
    dtype,
  });
  return transpose(stored, -1, -2);
}

const sizes = [1, 3, 4, 5, 17, 63, 64, 65, 130] as const;
const layouts = [
  { a: false, b: false },
  { a: true, b: false },
  { a: false, b: true },
  { a: true, b: true },
] as const;

/** Every pair of rows and columns, each row size with every depth. */
const shapes = sizes.flatMap((m, i) =>
  sizes.map((n, j) => [m, n, sizes[(i + j) % sizes.length]!] as const),
);

test("every variant is a candidate on this adapter unless it cannot run there", () => {
  const { class: adapter, features } = device.executor.adapter;
  const kernels = new Set(variants.map(({ kernel }) => kernel));
  expect([...kernels].filter((kernel) => kernel !== "subgroup")).toEqual([
    "register",
    "tiled",
    ...(adapter === "hardware" ? [] : ["packed"]),
    "skinny",
    "vector",
    "split",
  ]);
  if (adapter !== "hardware") expect(kernels.has("subgroup")).toBe(features.includes("subgroups"));
});

const kernels = ["subgroup", "register", "tiled", "packed", "skinny", "vector", "split"] as const;

describe.each(kernels)("%s", (kernel) => {
  test.each(layouts)(
    "multiplies sizes around every tile's edge (a transposed: $a, b transposed: $b)",
    async (turned) => {
      for (const [index, dims] of shapes.entries()) {
        const [m, n, k] = dims;
        const a = normals(m * k, 2 * index + 1);
        const b = normals(k * n, 2 * index + 2);
        const expected = reference(a, b, dims);
        const x = laidOut(a, [m, k], turned.a);
        const y = laidOut(b, [k, n], turned.b);
        // A workgroup per element is for few elements; thousands would only take time.
        const many = m * n > 500;
        const tested = variants.filter(
          (v) => v.kernel === kernel && !(many && v.kernel === "vector" && v.lanes === 64),
        );
        for (const variant of tested) {
          forcedMatmulVariant.current = variant;
          const c = matmul(x, y);
          expectProduct(await c.data(), expected, k);
          c.dispose();
        }
        x.dispose();
        y.dispose();
      }
    },
  );
});

describe("every variant", () => {
  test.each([
    ["both batched", [3, 5, 6], [3, 6, 9]],
    ["left broadcast", [1, 5, 6], [4, 6, 9]],
    ["right missing", [2, 3, 5, 6], [3, 6, 9]],
    ["both broadcast", [2, 1, 5, 8], [3, 8, 12]],
    ["four of four", [2, 3, 20, 8], [2, 3, 8, 12]],
  ] as const)("broadcasts batches: %s", async (_, aShape, bShape) => {
    const [m, k] = aShape.slice(-2) as [number, number];
    const n = bShape.at(-1)!;
    const a = normals(sizeOf(aShape), 21);
    const b = normals(sizeOf(bShape), 22);
    const rank = Math.max(aShape.length, bShape.length) - 2;
    const sizeAt = (shape: Shape, d: number) => shape[shape.length - 2 - rank + d] ?? 1;
    let pairs: [number, number][] = [[0, 0]];
    for (let d = 0; d < rank; d++) {
      const [s, t] = [sizeAt(aShape, d), sizeAt(bShape, d)];
      pairs = pairs.flatMap(([x, y]) =>
        Array.from({ length: Math.max(s, t) }, (_, i): [number, number] => [
          x * s + (s > 1 ? i : 0),
          y * t + (t > 1 ? i : 0),
        ]),
      );
    }
    const expected = reference(a, b, [m, n, k], pairs);
    for (const turned of layouts)
      for (const variant of variants) {
        forcedMatmulVariant.current = variant;
        const c = scope(() => matmul(laidOut(a, aShape, turned.a), laidOut(b, bShape, turned.b)));
        expectProduct(await c.data(), expected, k);
        c.dispose();
      }
  });

  test("takes slices that begin anywhere, with steps, and expanded operands", async () => {
    const wide = normals(40 * 40, 31);
    const x = tensor(wide, { shape: [40, 40] });
    const at = (i: number, j: number) => wide[i * 40 + j]!;
    const pick = (rows: number, cols: number, of: (i: number, j: number) => number) =>
      Float32Array.from({ length: rows * cols }, (_, i) => of(Math.floor(i / cols), i % cols));
    const cases: [Tensor, Float32Array, Tensor, Float32Array, [number, number, number]][] = [
      [
        narrow(narrow(x, 0, 3, 20), 1, 5, 21),
        pick(20, 21, (i, j) => at(i + 3, j + 5)),
        narrow(narrow(x, 0, 7, 21), 1, 1, 18),
        pick(21, 18, (i, j) => at(i + 7, j + 1)),
        [20, 18, 21],
      ],
      [
        slice(x, { dim: 1, start: 1, step: 2 }),
        pick(40, 20, (i, j) => at(i, 1 + 2 * j)),
        slice(x, { dim: 0, step: 2 }),
        pick(20, 40, (i, j) => at(2 * i, j)),
        [40, 40, 20],
      ],
      [
        slice(slice(x, { dim: 1, step: 3 }), { dim: 0, step: 2 }),
        pick(20, 14, (i, j) => at(2 * i, 3 * j)),
        expand(narrow(narrow(x, 0, 2, 1), 1, 9, 1), [14, 33]),
        pick(14, 33, () => at(2, 9)),
        [20, 33, 14],
      ],
    ];
    for (const [a, aValues, b, bValues, dims] of cases) {
      const expected = reference(aValues, bValues, dims);
      for (const variant of variants) {
        forcedMatmulVariant.current = variant;
        expectProduct(await matmul(a, b).data(), expected, dims[2]);
      }
    }
  });

  test("folds its workgroups into two dimensions where one is too small", async () => {
    const batch = 150;
    const a = normals(batch * 2, 41);
    const b = normals(batch * 2, 42);
    const pairs = Array.from({ length: batch }, (_, i) => [i, i] as const);
    const expected = reference(a, b, [1, 1, 2], pairs);
    const limited = await initOn(nodePlatform, {
      limits: { maxWorkgroupsPerDimension: 20 },
      makeCurrent: false,
    });
    const x = tensor(a, { shape: [batch, 1, 2], device: limited });
    const y = tensor(b, { shape: [batch, 2, 1], device: limited });
    for (const variant of variants) {
      forcedMatmulVariant.current = variant;
      expectProduct(await matmul(x, y).data(), expected, 2);
    }
    await limited.destroy();
  });

  test("adds a bias along the columns, dense or not", async () => {
    const [m, n, k] = [37, 43, 9];
    const values = normals(3 * n, 53);
    const biases = [
      { bias: tensor(values.subarray(0, n)), at: (j: number) => values[j]! },
      {
        bias: slice(tensor(values), { dim: 0, start: 2, step: 3 }),
        at: (j: number) => values[2 + 3 * j]!,
      },
      { bias: expand(tensor(values.subarray(5, 6)), [n]), at: () => values[5]! },
    ];
    const a = normals(m * k, 54);
    const b = normals(n * k, 55);
    const product = reference(a, transposedValues(b, n, k), [m, n, k]);
    for (const { bias, at } of biases) {
      const expected = {
        values: product.values.map((v, i) => v + at(i % n)),
        sizes: product.sizes.map((v, i) => v + Math.abs(at(i % n))),
      };
      for (const variant of variants) {
        forcedMatmulVariant.current = variant;
        const x = tensor(a, { shape: [m, k] });
        expectProduct(await linear(x, tensor(b, { shape: [n, k] }), bias).data(), expected, k + 1);
      }
    }
  });

  test("gives zeros where there is nothing to add up", async () => {
    for (const variant of variants) {
      forcedMatmulVariant.current = variant;
      const c = matmul(
        tensor(new Float32Array(0), { shape: [5, 0] }),
        tensor(new Float32Array(0), { shape: [0, 6] }),
      );
      expect(Array.from(await c.data())).toEqual(new Array(30).fill(0));
    }
  });

  test("gives the same bits on each run", async () => {
    const x = tensor(normals(70 * 300, 51), { shape: [70, 300] });
    const y = tensor(normals(300 * 40, 52), { shape: [300, 40] });
    for (const variant of variants) {
      forcedMatmulVariant.current = variant;
      const first = await matmul(x, y).data();
      expect(await matmul(x, y).data()).toEqual(first);
    }
  });

  test("adds up f16 in f32", async () => {
    if (!device.executor.adapter.features.includes("shader-f16")) {
      await expect(async () => tensor([1], { dtype: "f16" })).rejects.toThrow(/shader-f16/);
      return;
    }
    const dims = [36, 20, 260] as const;
    const [m, n, k] = dims;
    // Two of the four layouts: half-precision pipelines are many, and slow to compile.
    for (const turned of [layouts[0], layouts[3]]) {
      const x = laidOut(normals(m * k, 61), [m, k], turned.a, "f16");
      const y = laidOut(normals(k * n, 62), [k, n], turned.b, "f16");
      const expected = reference(await x.data(), await y.data(), dims);
      for (const variant of variants) {
        forcedMatmulVariant.current = variant;
        const c = matmul(x, y);
        expect(c.dtype).toBe("f16");
        expectProduct(await c.data(), expected, k, "f16");
      }
    }
  });
});

describe("sums in parts", () => {
  test("are right where the parts are computed by each variant", async () => {
    for (const [m, n, k] of [
      [5, 7, 16],
      [65, 63, 130],
      [12, 20, 257],
    ] as const) {
      const a = normals(2 * m * k, 45);
      const b = normals(2 * k * n, 46);
      const pairs = [[0, 0] as const, [1, 1] as const];
      const expected = reference(a, b, [m, n, k], pairs);
      for (const turned of layouts)
        for (const part of variants) {
          if (part.kernel === "split" || (part.kernel === "vector" && part.lanes === 64)) continue;
          forcedMatmulVariant.current = { kernel: "split", parts: 4 };
          forcedMatmulVariant.ofParts = part;
          const c = scope(() =>
            matmul(laidOut(a, [2, m, k], turned.a), laidOut(b, [2, k, n], turned.b)),
          );
          expectProduct(await c.data(), expected, k);
          c.dispose();
        }
    }
  });
});

test("no variant copies a transposed operand or a batch of such", async () => {
  const [m, n, k] = [20, 24, 16];
  for (const batch of [[], [3]])
    for (const turned of layouts) {
      const x = laidOut(normals(sizeOf(batch) * m * k, 47), [...batch, m, k], turned.a);
      const y = laidOut(normals(sizeOf(batch) * k * n, 48), [...batch, k, n], turned.b);
      for (const variant of variants) {
        forcedMatmulVariant.current = variant;
        const stop = startTiming(device.executor);
        matmul(x, y).dispose();
        const names = (await stop()).map(({ name }) => name);
        expect(names.filter((name) => !name.startsWith("matmul/"))).toEqual([]);
        expect(names).toHaveLength(variant.kernel === "split" ? 2 : 1);
      }
    }
});

describe("the chosen variant", () => {
  test("agrees with f64 for random shapes, batches and layouts", async () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 80 }));
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(size, size, size),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(...layouts),
        fc.integer({ min: 0, max: variants.length }),
        async (dims, batch, turned, which) => {
          const [m, n, k] = dims;
          forcedMatmulVariant.current = variants[which] ?? null;
          const a = normals(batch * m * k, 71);
          const b = normals(batch * k * n, 72);
          const c = scope(() =>
            matmul(laidOut(a, [batch, m, k], turned.a), laidOut(b, [batch, k, n], turned.b)),
          );
          const pairs = Array.from({ length: batch }, (_, i) => [i, i] as const);
          expectProduct(await c.data(), reference(a, b, dims, pairs), k);
          c.dispose();
        },
      ),
      { seed: 20, numRuns: 60 },
    );
  });

  // Where the choice changes on software drivers: few elements or many, short sums or long,
  // operands as they lie or copied.
  test.each([
    [1, 1, 1023],
    [1, 1, 1024],
    [4, 4, 1024],
    [4, 5, 1024],
    [1, 39, 65],
    [1, 41, 65],
    [41, 1, 65],
    [6, 6, 20],
    [7, 6, 20],
    [7, 128, 128],
    [8, 128, 128],
    [768, 65, 128],
    [128, 128, 768],
    [4, 70, 33],
    [5, 70, 33],
    [1, 9, 2050],
    [2, 9, 2050],
    [70, 1, 257],
    [48, 48, 2047],
    [48, 48, 2049],
    [255, 64, 257],
    [256, 64, 256],
  ] as const)("agrees with f64 at %i x %i x %i", async (m, n, k) => {
    const a = normals(m * k, 81);
    const b = normals(k * n, 82);
    const expected = reference(a, b, [m, n, k]);
    for (const turned of layouts) {
      const c = matmul(laidOut(a, [m, k], turned.a), laidOut(b, [k, n], turned.b));
      expectProduct(await c.data(), expected, k);
    }
  });
});

describe("matmul", () => {
  test("multiplies more matrices than a dimension has workgroups", async () => {
    const batch = 65_600;
    const a = normals(batch * 2, 43);
    const b = normals(batch * 2, 44);
    const pairs = Array.from({ length: batch }, (_, i) => [i, i] as const);
    forcedMatmulVariant.current = { kernel: "register", along: "n" };
    const x = tensor(a, { shape: [batch, 1, 2] });
    const c = matmul(x, tensor(b, { shape: [batch, 2, 1] }));
    expectProduct(await c.data(), reference(a, b, [1, 1, 2], pairs), 2);
  });

  test("takes vectors as rows and columns", async () => {
    const m = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const batched = tensor([
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8],
      ],
    ]);
    expect(await matmul(tensor([1, 2, 3]), tensor([4, 5, 6])).toArray()).toBe(32);
    expect(await matmul(m, tensor([1, 1, 2])).toArray()).toEqual([9, 21]);
    expect(await matmul(tensor([1, 2]), m).toArray()).toEqual([9, 12, 15]);
    expect(await matmul(batched, tensor([1, 10])).toArray()).toEqual([
      [21, 43],
      [65, 87],
    ]);
    expect(await matmul(tensor([1, 10]), batched).toArray()).toEqual([
      [31, 42],
      [75, 86],
    ]);
  });

  test("widens integers to the floating-point operand", async () => {
    const c = matmul(tensor(Int32Array.of(1, 2), { shape: [1, 2] }), tensor([[0.5], [0.25]]));
    expect(await c.toArray()).toEqual([[1]]);
  });

  test("names both shapes where they do not fit", () => {
    const of = (shape: Shape) => tensor(new Float32Array(sizeOf(shape)), { shape });
    expect(() => matmul(of([2, 3]), of([4, 5]))).toThrow(
      /\[2, 3\] and \[4, 5\].*3 columns against 4 rows/,
    );
    expect(() => matmul(of([3]), of([2, 4, 5]))).toThrow(/\[3\] and \[2, 4, 5\]/);
    expect(() => matmul(of([2, 3]), of([2]))).toThrow(/\[2, 3\] and \[2\]/);
    expect(() => matmul(of([2, 3, 4]), of([5, 4, 3]))).toThrow(/broadcast/);
    expect(() => matmul(of([]), of([2]))).toThrow(/Use mul/);
    expect(() => linear(of([2, 3]), of([5, 4]))).toThrow(/x \[2, 3\], weight \[5, 4\] do not fit/);
    expect(() => linear(of([2, 3]), of([5, 3]), of([4]))).toThrow(/bias \[4\]/);
  });

  test("refuses two integer operands with the cure", () => {
    const i = tensor(Int32Array.of(1), { shape: [1, 1] });
    expect(() => matmul(i, i)).toThrow(/i32.*\.to\("f32"\)/);
  });

  test("adds the bias to each row", async () => {
    const x = tensor([[[1, 2]], [[3, 4]]]);
    const weight = tensor([
      [1, 0],
      [0, 1],
      [1, 1],
    ]);
    expect(await linear(x, weight, tensor([10, 20, 30])).toArray()).toEqual([
      [[11, 22, 33]],
      [[13, 24, 37]],
    ]);
    expect(await linear(tensor([1, 2]), weight).toArray()).toEqual([1, 2, 3]);
  });
});

/** Rounding of two products and a sum, on values of size 1 to 10. */
const first = { relative: 2e-5, absolute: 2e-5 };
const second = { relative: 1e-4, absolute: 1e-4 };

describe("derivatives", () => {
  const shapePairs = [
    [[4], [4]],
    [[3, 4], [4]],
    [[4], [4, 5]],
    [
      [3, 4],
      [4, 5],
    ],
    [
      [2, 3, 4],
      [4, 5],
    ],
    [
      [2, 3, 4],
      [2, 4, 5],
    ],
    [
      [3, 4],
      [2, 4, 5],
    ],
    [
      [2, 1, 3, 4],
      [3, 4, 2],
    ],
  ] as const;

  /** Σ w (a b)² in f64, where a and b come one after the other in `packed`. */
  function hostLoss(
    packed: Float64Array,
    aShape: Shape,
    bShape: Shape,
    weights: Float32Array,
  ): number {
    const a = packed.subarray(0, sizeOf(aShape));
    const b = packed.subarray(sizeOf(aShape));
    const [as, bs] = [
      aShape.length === 1 ? [1, ...aShape] : aShape,
      bShape.length === 1 ? [...bShape, 1] : bShape,
    ];
    const [m, k, n] = [as.at(-2)!, as.at(-1)!, bs.at(-1)!];
    const rank = Math.max(as.length, bs.length) - 2;
    const size = (s: readonly number[], d: number) => s[s.length - 2 - rank + d] ?? 1;
    let pairs: [number, number][] = [[0, 0]];
    for (let d = 0; d < rank; d++) {
      const [s, t] = [size(as, d), size(bs, d)];
      pairs = pairs.flatMap(([x, y]) =>
        Array.from({ length: Math.max(s, t) }, (_, i): [number, number] => [
          x * s + (s > 1 ? i : 0),
          y * t + (t > 1 ? i : 0),
        ]),
      );
    }
    const { values } = reference(a, b, [m, n, k], pairs);
    return values.reduce((total, v, i) => total + weights[i]! * v * v, 0);
  }

  test.each(shapePairs)(
    "of %j times %j agree with differences of f64, first and second",
    async (aShape, bShape) => {
      const a = normals(sizeOf(aShape), 91);
      const b = normals(sizeOf(bShape), 92);
      const direction = normals(a.length + b.length, 93);
      const shape = matmul(tensor(a, { shape: aShape }), tensor(b, { shape: bShape })).shape;
      const weights = normals(sizeOf(shape), 94);
      const w = tensor(weights, { shape });
      type Pair = { a: Tensor; b: Tensor };
      const loss = (p: Pair) => sum(mul(w, square(matmul(p.a, p.b))));
      const inputs = { a: tensor(a, { shape: aShape }), b: tensor(b, { shape: bShape }) };
      const da = tensor(direction.subarray(0, a.length), { shape: aShape });
      const db = tensor(direction.subarray(a.length), { shape: bShape });
      const along = (p: Pair) => {
        const g = grad(loss)(p) as Pair;
        return add(sum(mul(g.a, da)), sum(mul(g.b, db)));
      };
      const packed = Float64Array.from([...a, ...b]);
      const host = (x: Float64Array) => hostLoss(x, aShape, bShape, weights);
      const read = async (p: Pair) => [...(await p.a.data()), ...(await p.b.data())];
      expectClose(await read(grad(loss)(inputs) as Pair), numericGradient(host, packed), first);
      expectClose(
        await read(grad(along)(inputs) as Pair),
        numericHessianProduct(host, packed, direction),
        second,
      );
    },
  );

  test("of linear agree with differences of f64, first and second", async () => {
    const [rows, inputs, outputs] = [4, 3, 5];
    const sizesOf = [rows * inputs, outputs * inputs, outputs];
    const weights = normals(rows * outputs, 95);
    const w = tensor(weights, { shape: [2, 2, outputs] });
    const cut = (all: Float32Array | Float64Array): (Float32Array | Float64Array)[] => {
      let end = 0;
      return sizesOf.map((size) => {
        end += size;
        return all.subarray(end - size, end);
      });
    };
    const host = (packed: Float64Array): number => {
      const [x, weight, bias] = cut(packed) as [Float64Array, Float64Array, Float64Array];
      let total = 0;
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < outputs; j++) {
          let y = bias[j]!;
          for (let p = 0; p < inputs; p++) y += x[i * inputs + p]! * weight[j * inputs + p]!;
          total += weights[i * outputs + j]! * y * y;
        }
      return total;
    };
    const tensorsOf = (all: Float32Array) => {
      const [x, weight, bias] = cut(all) as [Float32Array, Float32Array, Float32Array];
      return {
        x: tensor(x, { shape: [2, 2, inputs] }),
        weight: tensor(weight, { shape: [outputs, inputs] }),
        bias: tensor(bias),
      };
    };
    const values = normals(sizesOf[0]! + sizesOf[1]! + sizesOf[2]!, 96);
    const direction = normals(values.length, 97);
    type Inputs = ReturnType<typeof tensorsOf>;
    const loss = (p: Inputs) => sum(mul(w, square(linear(p.x, p.weight, p.bias))));
    const d = tensorsOf(direction);
    const along = (p: Inputs) => {
      const g = grad(loss)(p);
      return add(add(sum(mul(g.x, d.x)), sum(mul(g.weight, d.weight))), sum(mul(g.bias, d.bias)));
    };
    const read = async (g: Inputs) => [
      ...(await g.x.data()),
      ...(await g.weight.data()),
      ...(await g.bias.data()),
    ];
    expectClose(await read(grad(loss)(tensorsOf(values))), numericGradient(host, values), first);
    expectClose(
      await read(grad(along)(tensorsOf(values))),
      numericHessianProduct(host, values, direction),
      second,
    );
  });

  test("of a matrix shared by a batch need one product, not one per batch", async () => {
    const x = tensor(normals(8 * 4 * 5, 97), { shape: [8, 4, 5] });
    const weight = tensor(normals(30, 98), { shape: [5, 6] });
    const before = device.executor.counters.dispatches;
    matmul(x, weight);
    expect(device.executor.counters.dispatches - before).toBe(1);
    const g = grad((v: Tensor) => sum(matmul(x, v)))(weight);
    const [columns] = [await sum(to(x, "f32"), { dim: [0, 1] }).data()];
    expectClose(
      await g.data(),
      Float64Array.from({ length: 30 }, (_, i) => columns[Math.floor(i / 6)]!),
      first,
    );
  });
});

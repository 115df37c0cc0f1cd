import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Device, withDevice } from "../../src/device/device";
import { initOn } from "../../src/init";
import { mul, sub } from "../../src/ops/arithmetic";
import { sum } from "../../src/ops/reduce";
import { forcedRowTeam, rowTeams } from "../../src/ops/rowTeam";
import { to, transpose } from "../../src/ops/shape";
import {
  forcedSoftmaxVariant,
  logSoftmax,
  logSumExp,
  softmax,
  softmaxVariants,
} from "../../src/ops/softmax";
import { nodePlatform } from "../../src/platform/node";
import { tensor } from "../../src/tensor/creation";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";
import { expectClose } from "../harness";
import { numericGradient, numericHessianProduct } from "../numericDerivatives";
import { normals } from "../samples";

/** WGSL allows exp an error of 3 + 2|x| ulp; differences of up to 10 take that to about 3e-6. */
const forward = { relative: 1e-5, absolute: 1e-7 };
/** Scores that differ by 100 add 2 · 100 ulp to each exponential. */
const extreme = { relative: 5e-5, absolute: 1e-6 };
const backward = { relative: 2e-5, absolute: 2e-6 };

beforeAll(async () => {
  await initOn(nodePlatform);
});
afterEach(() => {
  forcedRowTeam.current = null;
  forcedSoftmaxVariant.current = null;
});

function host(kind: "softmax" | "logSoftmax", x: ArrayLike<number>, cols: number): Float64Array {
  const out = new Float64Array(x.length);
  for (let r = 0; r < x.length; r += cols) {
    const row = Array.from({ length: cols }, (_, c) => x[r + c]!);
    const m = row.reduce((a, b) => Math.max(a, b));
    const total = row.reduce((s, v) => s + Math.exp(v - m), 0);
    row.forEach((v, c) => {
      out[r + c] = kind === "softmax" ? Math.exp(v - m) / total : v - m - Math.log(total);
    });
  }
  return out;
}

function hostLogSumExp(x: ArrayLike<number>, cols: number): Float64Array {
  return Float64Array.from({ length: x.length / cols }, (_, r) => {
    const row = Array.from({ length: cols }, (_, c) => x[r * cols + c]!);
    const m = row.reduce((a, b) => Math.max(a, b));
    return m + Math.log(row.reduce((s, v) => s + Math.exp(v - m), 0));
  });
}

const operations = { softmax, logSoftmax };
const kinds = ["softmax", "logSoftmax"] as const;

describe.each(rowTeams.candidates())("a team of %d per row", (team) => {
  test.each([
    [1, 1],
    [5, 3],
    [64, 4],
    [65, 65],
    [3, 1000],
    [2, 4097],
  ])("agrees with f64 on %d rows of %d", async (rows, cols) => {
    forcedRowTeam.current = team;
    const x = normals(rows * cols, rows + cols, 3);
    for (const kind of kinds) {
      const y = operations[kind](tensor(x, { shape: [rows, cols] }));
      expectClose(await y.data(), host(kind, x, cols), forward);
    }
    const lse = logSumExp(tensor(x, { shape: [rows, cols] }), { dim: -1 });
    expectClose(await lse.data(), hostLogSumExp(x, cols), forward);
  });

  test("scores of 1e30, masks of -1e30 and distances of 200 neither overflow nor lose the rest", async () => {
    forcedRowTeam.current = team;
    const x = [
      [1e30, 0, -1e30, 5],
      [-1e30, 1, 2, -1e30],
      [-100, 100, 99, -100],
      [-1e30, -1e30, -1e30, -1e30],
    ];
    const flat = Float32Array.from(x.flat());
    for (const kind of kinds)
      expectClose(await operations[kind](tensor(x)).data(), host(kind, flat, 4), extreme);
    expectClose(await logSumExp(tensor(x), { dim: 1 }).data(), hostLogSumExp(flat, 4), extreme);
  });

  test("-Infinity gives a probability of 0", async () => {
    forcedRowTeam.current = team;
    const y = await softmax(tensor([Number.NEGATIVE_INFINITY, 0, Math.log(3)])).data();
    expectClose(y, [0, 0.25, 0.75], forward);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("%d in a row is not hidden", async (bad) => {
    forcedRowTeam.current = team;
    const x = tensor([
      [1, bad, 2, 3],
      [1, 2, 3, 4],
    ]);
    for (const kind of kinds) {
      const y = await operations[kind](x).data();
      expect([...y.slice(0, 4)].every(Number.isFinite)).toBe(false);
      expect([...y.slice(4)].every(Number.isFinite)).toBe(true);
    }
    const lse = await logSumExp(x, { dim: 1 }).data();
    expect(Number.isFinite(lse[0])).toBe(false);
    expect(Number.isFinite(lse[1])).toBe(true);
  });

  test.each([
    [7, 5],
    [3, 64],
    [2, 257],
  ])("the gradient agrees with f64 on %d rows of %d", async (rows, cols) => {
    forcedRowTeam.current = team;
    const x = normals(rows * cols, 3 * rows + cols, 2);
    const weights = normals(rows * cols, 4 * rows + cols);
    const w = tensor(weights, { shape: [rows, cols] });
    for (const kind of kinds) {
      const g = grad((t: Tensor) => sum(mul(operations[kind](t), w)))(
        tensor(x, { shape: [rows, cols] }),
      );
      const y = host(kind, x, cols);
      const expected = new Float64Array(x.length);
      for (let r = 0; r < x.length; r += cols) {
        let along = 0;
        for (let c = r; c < r + cols; c++)
          along += kind === "softmax" ? weights[c]! * y[c]! : weights[c]!;
        for (let c = r; c < r + cols; c++)
          expected[c] =
            kind === "softmax"
              ? y[c]! * (weights[c]! - along)
              : weights[c]! - Math.exp(y[c]!) * along;
      }
      expectClose(await g.data(), expected, backward);
    }
  });
});

test("a longer team leaves the values of a shorter one within rounding", async () => {
  const x = tensor(normals(4 * 1000, 1), { shape: [4, 1000] });
  const results = [];
  for (const team of rowTeams.candidates()) {
    forcedRowTeam.current = team;
    results.push(await softmax(x).data());
  }
  expectClose(results[1]!, results[0]!, { relative: 2e-6, absolute: 0 });
  expectClose(results[2]!, results[0]!, { relative: 2e-6, absolute: 0 });
});

describe("any dimension", () => {
  test.each([0, 1, 2, -1, -2])("dim %d", async (dim) => {
    const shape = [3, 4, 5];
    const at = dim < 0 ? dim + 3 : dim;
    const x = tensor(normals(60, 5), { shape });
    const moved = await transpose(x, at, 2).data();
    for (const kind of kinds) {
      const rows = host(kind, moved, shape[at]!);
      const y = transpose(operations[kind](x, dim), at, 2);
      expectClose(await y.data(), rows, forward);
    }
    const lse = logSumExp(x, { dim });
    expect(lse.shape).toEqual(shape.filter((_, i) => i !== at));
  });

  test("logSumExp over several dimensions, kept or not, and over all", async () => {
    const values = normals(24, 6);
    const x = tensor(values, { shape: [2, 3, 4] });
    const kept = logSumExp(x, { dim: [1, 2], keepdim: true });
    expect(kept.shape).toEqual([2, 1, 1]);
    expectClose(await kept.data(), hostLogSumExp(values, 12), forward);
    expectClose(await logSumExp(x).data(), hostLogSumExp(values, 24), forward);
  });

  test("a scalar is a row of one", async () => {
    expect(await softmax(tensor(5)).item()).toBe(1);
    expect(await logSoftmax(tensor(5)).item()).toBe(0);
  });

  test("a dimension out of range is refused by name", () => {
    expect(() => softmax(tensor([1, 2]), 1)).toThrow(/softmax: dim 1 is out of range/);
  });
});

test("f16 is computed in f32", async () => {
  const device = await initOn(nodePlatform);
  if (!device.executor.adapter.features.includes("shader-f16")) {
    expect(() => to(tensor([1]), "f16")).toThrow(/shader-f16/);
    return;
  }
  const x = Float32Array.from([1, 2, 3, 4]);
  const y = softmax(to(tensor(x), "f16"));
  expect(y.dtype).toBe("f16");
  expectClose(await y.data(), host("softmax", x, 4), { relative: 1e-3, absolute: 0 });
});

test("the gradient of logSumExp is the softmax", async () => {
  const x = normals(12, 8);
  const g = grad((t: Tensor) => sum(logSumExp(t, { dim: 1 })))(tensor(x, { shape: [3, 4] }));
  expectClose(await g.data(), host("softmax", x, 4), forward);
});

describe("second derivatives", () => {
  test.each(["softmax", "logSoftmax", "logSumExp"] as const)("of %s", async (name) => {
    const [rows, cols] = [2, 5];
    const [x, u, w] = [1, 2, 3].map((seed) => normals(rows * cols, seed)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const hostValue = (v: Float64Array): number =>
      (name === "logSumExp" ? hostLogSumExp(v, cols) : host(name, v, cols)).reduce(
        (s, y, i) => s + w[i]! * y * y,
        0,
      );
    const value = (t: Tensor): Tensor => {
      const y = name === "logSumExp" ? logSumExp(t, { dim: 1 }) : operations[name](t);
      return sum(mul(mul(y, y), tensor(w.slice(0, y.size), { shape: y.shape })));
    };
    const point = tensor(x, { shape: [rows, cols] });
    const first = grad(value);
    expectClose(await first(point).data(), numericGradient(hostValue, x), backward);
    const direction = tensor(u, { shape: [rows, cols] });
    const second = grad((t: Tensor) => sum(mul(first(t), direction)))(point);
    expectClose(await second.data(), numericHessianProduct(hostValue, x, u), {
      relative: 1e-4,
      absolute: 2e-5,
    });
  });
});

describe("many rows", () => {
  let small: Device;
  beforeAll(async () => {
    small = await initOn(nodePlatform, {
      makeCurrent: false,
      limits: { maxWorkgroupsPerDimension: 7 },
    });
  });
  afterAll(() => small.destroy());

  test.each([1, 64] as const)("a folded grid covers every row, team %d", async (team) => {
    forcedRowTeam.current = team;
    const rows = team === 1 ? 7 * 64 + 65 : 33;
    const x = normals(rows * 3, 9);
    const y = withDevice(small, () => softmax(tensor(x, { shape: [rows, 3] })));
    expectClose(await y.data(), host("softmax", x, 3), forward);
  });

  test("70,000 rows with a workgroup each", async () => {
    forcedRowTeam.current = 64;
    const x = normals(70_000 * 2, 10);
    const y = softmax(tensor(x, { shape: [70_000, 2] }));
    expectClose(await y.data(), host("softmax", x, 2), forward);
  });
});

test("adding a constant to a row leaves its softmax as it is", async () => {
  const x = tensor([1, 2, 3]);
  expectClose(await softmax(sub(x, 4096)).data(), await softmax(x).data(), forward);
});

describe("exponentials that are kept", () => {
  test.each(rowTeams.candidates())(
    "give what those give that are computed twice, by a team of %d",
    async (team) => {
      forcedRowTeam.current = team;
      for (const [rows, cols] of [
        [1, 1],
        [5, 3],
        [64, 4],
        [65, 65],
        [3, 1000],
      ] as const) {
        const x = tensor(normals(rows * cols, 4), { shape: [rows, cols] });
        const [kept, twice] = softmaxVariants.candidates().map((variant) => {
          forcedSoftmaxVariant.current = variant;
          return [softmax(x), logSoftmax(x)] as const;
        });
        expect(await kept![0].data()).toEqual(await twice![0].data());
        expect(await kept![1].data()).toEqual(await twice![1].data());
        for (const t of [x, ...kept!, ...twice!]) t.dispose();
      }
    },
  );

  test("are those of the CPU executor, and of no logarithm", () => {
    expect(softmaxVariants.defaultChoice("wasm")).toBe("keep");
    expect(softmaxVariants.defaultChoice("software")).toBe("recompute");
    expect(softmaxVariants.defaultChoice("hardware")).toBe("recompute");
    expect(softmaxVariants.isApplicable("keep", "logSoftmax")).toBe(false);
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Device, withDevice } from "../../src/device/device";
import { initOn } from "../../src/init";
import { add, mul } from "../../src/ops/arithmetic";
import { layerNorm, rmsNorm } from "../../src/ops/norm";
import { forcedParameterStages, parameterStages } from "../../src/ops/normParameters";
import { sum } from "../../src/ops/reduce";
import { forcedRowTeam, rowTeams } from "../../src/ops/rowTeam";
import { select, to, transpose } from "../../src/ops/shape";
import { nodePlatform } from "../../src/platform/node";
import { tensor } from "../../src/tensor/creation";
import type { Shape } from "../../src/tensor/shape";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";
import { expectClose } from "../harness";
import { numericGradient, numericHessianProduct } from "../numericDerivatives";
import { normals } from "../samples";

const forward = { relative: 1e-5, absolute: 3e-6 };
const backward = { relative: 2e-5, absolute: 1e-5 };
/** Sums down `rows` rows of products of size 1, in f32. */
const summed = (rows: number) => ({ relative: 2e-5, absolute: 1e-6 * Math.sqrt(rows) + 2e-6 });

let device: Device;
beforeAll(async () => {
  device = await initOn(nodePlatform);
});
afterEach(() => {
  forcedRowTeam.current = null;
  forcedParameterStages.current = null;
});

interface Operands {
  x: ArrayLike<number>;
  weight?: ArrayLike<number> | undefined;
  bias?: ArrayLike<number> | undefined;
}

/** y, and the cotangents of x, weight and bias for the cotangent g of y. */
function host(centered: boolean, { x, weight, bias }: Operands, cols: number, eps: number) {
  const y = new Float64Array(x.length);
  const normalized = new Float64Array(x.length);
  const rstd = new Float64Array(x.length / cols);
  rstd.forEach((_, r) => {
    const row = Array.from({ length: cols }, (_, c) => x[r * cols + c]!);
    const mean = centered ? row.reduce((a, b) => a + b, 0) / cols : 0;
    const variance = row.reduce((s, v) => s + (v - mean) ** 2, 0) / cols;
    rstd[r] = 1 / Math.sqrt(variance + eps);
    row.forEach((v, c) => {
      const n = (v - mean) * rstd[r]!;
      normalized[r * cols + c] = n;
      y[r * cols + c] = n * (weight?.[c] ?? 1) + (bias?.[c] ?? 0);
    });
  });
  const pullback = (g: ArrayLike<number>) => {
    const dx = new Float64Array(x.length);
    const dweight = new Float64Array(cols);
    const dbias = new Float64Array(cols);
    rstd.forEach((scale, r) => {
      let plain = 0;
      let along = 0;
      for (let c = 0; c < cols; c++) {
        const at = r * cols + c;
        const h = g[at]! * (weight?.[c] ?? 1);
        plain += h / cols;
        along += (h * normalized[at]!) / cols;
        dweight[c] = dweight[c]! + g[at]! * normalized[at]!;
        dbias[c] = dbias[c]! + g[at]!;
      }
      for (let c = 0; c < cols; c++) {
        const at = r * cols + c;
        const h = g[at]! * (weight?.[c] ?? 1);
        dx[at] = scale * (h - (centered ? plain : 0) - normalized[at]! * along);
      }
    });
    return { dx, dweight, dbias };
  };
  return { y, pullback };
}

const norms = {
  layerNorm: (x: Tensor, shape: Shape, w?: Tensor | null, b?: Tensor | null) =>
    layerNorm(x, shape, w, b),
  rmsNorm: (x: Tensor, shape: Shape, w?: Tensor | null) => rmsNorm(x, shape, w, 1e-5),
};
const names = ["layerNorm", "rmsNorm"] as const;

describe.each(rowTeams.candidates())("a team of %d per row", (team) => {
  test.each([
    [1, 3],
    [70, 4],
    [5, 65],
    [3, 128],
    [2, 1000],
    [2, 4097],
  ])("values and gradients agree with f64 on %d rows of %d", async (rows, cols) => {
    forcedRowTeam.current = team;
    const x = normals(rows * cols, rows * cols, 2, 0.5);
    const weight = normals(cols, 1, 0.3, 1);
    const bias = normals(cols, 2);
    const g = normals(rows * cols, 3);
    const shape = [rows, cols];
    for (const name of names) {
      const expected = host(
        name === "layerNorm",
        { x, weight, bias: name === "layerNorm" ? bias : undefined },
        cols,
        1e-5,
      );
      const operands = { x: tensor(x, { shape }), weight: tensor(weight), bias: tensor(bias) };
      const value = (t: typeof operands): Tensor => norms[name](t.x, [cols], t.weight, t.bias);
      expectClose(await value(operands).data(), expected.y, forward);
      const cotangent = tensor(g, { shape });
      const gradients = grad((t: typeof operands) => sum(mul(value(t), cotangent)))(operands);
      const { dx, dweight, dbias } = expected.pullback(g);
      expectClose(await gradients.x.data(), dx, backward);
      expectClose(await gradients.weight.data(), dweight, summed(rows));
      if (name === "layerNorm") expectClose(await gradients.bias.data(), dbias, summed(rows));
    }
  });

  test("rows of one element give the bias, and no gradient to x", async () => {
    forcedRowTeam.current = team;
    const x = tensor([[3], [-2]]);
    const y = layerNorm(x, 1, tensor([2]), tensor([0.5]));
    expect([...(await y.data())]).toEqual([0.5, 0.5]);
    const g = grad((t: Tensor) => sum(layerNorm(t, 1)))(x);
    expect([...(await g.data())].map(Math.abs)).toEqual([0, 0]);
  });

  test("a mean of 1,000 costs no accuracy of the deviations", async () => {
    forcedRowTeam.current = team;
    const x = normals(3 * 1000, 7, 1, 1000);
    const y = layerNorm(tensor(x, { shape: [3, 1000] }), 1000);
    expectClose(await y.data(), host(true, { x }, 1000, 1e-5).y, forward);
  });

  test("values of 1e15, of 1e-15, and rows without spread stay finite", async () => {
    forcedRowTeam.current = team;
    for (const scale of [1e15, 1e-15, 0]) {
      const x = normals(2 * 64, 8).map((v) => v * scale);
      for (const name of names) {
        const y = norms[name](tensor(x, { shape: [2, 64] }), [64]);
        expectClose(await y.data(), host(name === "layerNorm", { x }, 64, 1e-5).y, forward);
      }
    }
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("%d in a row is not hidden", async (bad) => {
    forcedRowTeam.current = team;
    const x = tensor([
      [1, bad, 2, 3],
      [1, 2, 3, 4],
    ]);
    for (const name of names) {
      const y = await norms[name](x, [4]).data();
      expect([...y.slice(0, 4)].every(Number.isFinite)).toBe(false);
      expect([...y.slice(4)].every(Number.isFinite)).toBe(true);
    }
  });
});

describe("parameters", () => {
  const [rows, cols] = [6, 5];
  const x = normals(rows * cols, 11);
  const weight = normals(cols, 12);
  const bias = normals(cols, 13);
  const g = normals(rows * cols, 14);

  test.each([
    ["neither", false, false],
    ["weight", true, false],
    ["bias", false, true],
    ["both", true, true],
  ])("given %s", async (_, hasWeight, hasBias) => {
    const given = { ...(hasWeight && { weight }), ...(hasBias && { bias }) };
    const expected = host(true, { x, ...given }, cols, 1e-5);
    const operands = {
      x: tensor(x, { shape: [rows, cols] }),
      ...(hasWeight && { weight: tensor(weight) }),
      ...(hasBias && { bias: tensor(bias) }),
    };
    const value = (t: typeof operands): Tensor => layerNorm(t.x, cols, t.weight, t.bias);
    expectClose(await value(operands).data(), expected.y, forward);
    const cotangent = tensor(g, { shape: [rows, cols] });
    const gradients = grad((t: typeof operands) => sum(mul(value(t), cotangent)))(operands);
    const { dx, dweight, dbias } = expected.pullback(g);
    expectClose(await gradients.x.data(), dx, backward);
    if (gradients.weight) expectClose(await gradients.weight.data(), dweight, summed(rows));
    if (gradients.bias) expectClose(await gradients.bias.data(), dbias, summed(rows));
  });

  test.each(parameterStages.candidates())(
    "in %i stages, only the gradients that are asked for are computed",
    async (stages) => {
      forcedParameterStages.current = stages;
      const at = tensor(x, { shape: [rows, cols] });
      const before = device.executor.counters.dispatches;
      grad((w: Tensor) => sum(layerNorm(at, cols, w)))(tensor(weight));
      const parametersOnly = device.executor.counters.dispatches - before;
      grad((t: Tensor) => sum(layerNorm(t, cols, tensor(weight))))(at);
      const inputOnly = device.executor.counters.dispatches - before - parametersOnly;
      expect(parametersOnly - inputOnly).toBe(stages - 1);
    },
  );

  test.each([
    [1, 3],
    [63, 5],
    [65, 128],
    [700, 12],
  ])("of %i rows of %i have the same gradients in one stage and in two", async (many, wide) => {
    const at = tensor(normals(many * wide, 17), { shape: [many, wide] });
    const parameters = { weight: tensor(normals(wide, 18)), bias: tensor(normals(wide, 19)) };
    const gradients = () =>
      grad((p: typeof parameters) => sum(mul(layerNorm(at, wide, p.weight, p.bias), at)))(
        parameters,
      );
    const given = {
      x: (await at.data()) as Float32Array,
      weight: (await parameters.weight.data()) as Float32Array,
    };
    const expected = host(true, given, wide, 1e-5).pullback(given.x);
    const found = [];
    for (const stages of parameterStages.candidates()) {
      forcedParameterStages.current = stages;
      const { weight: dweight, bias: dbias } = gradients();
      found.push([await dweight.data(), await dbias.data()]);
      expectClose(await dweight.data(), expected.dweight, summed(many));
      expectClose(await dbias.data(), expected.dbias, summed(many));
    }
    if (device.executor.adapter.class !== "hardware") expect(found[0]).toEqual(found[1]);
  });

  test("few rows are summed in one stage, except on a GPU", () => {
    expect(parameterStages.defaultChoice("wasm", 1024, 128)).toBe(1);
    expect(parameterStages.defaultChoice("software", 2048, 128)).toBe(1);
    expect(parameterStages.defaultChoice("software", 2049, 128)).toBe(2);
    expect(parameterStages.defaultChoice("hardware", 6, 5)).toBe(2);
  });

  test("a weight that is a slice in the middle of a buffer is read from its place", async () => {
    const table = tensor(normals(3 * 8, 15), { shape: [3, 8] });
    const w = select(transpose(table, 0, 1), 1, 1);
    const values = await w.data();
    const at = normals(16, 16);
    const y = layerNorm(tensor(at, { shape: [2, 8] }), 8, w);
    expectClose(await y.data(), host(true, { x: at, weight: values }, 8, 1e-5).y, forward);
  });
});

describe("shapes", () => {
  test("several normalized dimensions are one row", async () => {
    const x = normals(2 * 3 * 4, 21);
    const weight = normals(12, 22);
    const w = tensor(weight, { shape: [3, 4] });
    const at = tensor(x, { shape: [2, 3, 4] });
    const y = layerNorm(at, [3, 4], w);
    expect(y.shape).toEqual([2, 3, 4]);
    expectClose(await y.data(), host(true, { x, weight }, 12, 1e-5).y, forward);
    const g = grad((v: Tensor) => sum(layerNorm(at, [3, 4], v)))(w);
    expect(g.shape).toEqual([3, 4]);
  });

  test("a transposed x is read in its own order", async () => {
    const x = tensor(normals(30, 23), { shape: [5, 6] });
    const turned = transpose(x, 0, 1);
    const values = await turned.data();
    expectClose(await layerNorm(turned, 5).data(), host(true, { x: values }, 5, 1e-5).y, forward);
  });

  test("no rows give an empty result and zero gradients of the parameters", async () => {
    const x = tensor(new Float32Array(0), { shape: [0, 4] });
    expect((await layerNorm(x, 4).data()).length).toBe(0);
    const g = grad((w: Tensor) => sum(layerNorm(x, 4, w)))(tensor([1, 1, 1, 1]));
    expect([...(await g.data())]).toEqual([0, 0, 0, 0]);
  });

  test("what does not fit is refused with both shapes", () => {
    const x = tensor([[1, 2, 3]]);
    expect(() => layerNorm(x, 2)).toThrow(/normalizedShape \[2\].*\[1, 3\]/);
    expect(() => layerNorm(x, 3, tensor([1, 2]))).toThrow(/weight has shape \[2\]/);
    expect(() => layerNorm(x, 3, null, tensor([1]))).toThrow(/bias has shape \[1\]/);
    expect(() => layerNorm(x, 3, null, null, -1)).toThrow(/eps -1/);
    expect(() => rmsNorm(x, [])).toThrow(/normalizedShape \[\]/);
  });

  test("f16 is computed in f32", async () => {
    if (!device.executor.adapter.features.includes("shader-f16")) {
      expect(() => to(tensor([1]), "f16")).toThrow(/shader-f16/);
      return;
    }
    const x = Float32Array.from([1, 2, 3, 4]);
    const y = layerNorm(to(tensor(x), "f16"), 4);
    expect(y.dtype).toBe("f16");
    expectClose(await y.data(), host(true, { x }, 4, 1e-5).y, { relative: 1e-3, absolute: 0 });
  });
});

describe("second derivatives", () => {
  test.each(names)("of %s, with respect to x, weight and bias together", async (name) => {
    const [rows, cols] = [3, 4];
    const centered = name === "layerNorm";
    const sizes = [rows * cols, cols, ...(centered ? [cols] : [])];
    const total = sizes.reduce((a, b) => a + b, 0);
    const point = normals(total, 31, 0.7, 0.4);
    const direction = normals(total, 32);
    const scale = normals(rows * cols, 33);
    const split = (v: ArrayLike<number>) => {
      const all = Array.from(v);
      const starts = [0, sizes[0]!, sizes[0]! + cols];
      return sizes.map((n, i) => all.slice(starts[i], starts[i]! + n));
    };
    const hostValue = (v: Float64Array): number => {
      const [x, weight, bias] = split(v);
      const { y } = host(centered, { x: x!, weight, bias }, cols, 1e-5);
      return y.reduce((s, value, i) => s + scale[i]! * value * value, 0);
    };
    const tensors = (v: ArrayLike<number>): Tensor[] =>
      split(v).map((values, i) =>
        tensor(Float32Array.from(values), { shape: i === 0 ? [rows, cols] : [cols] }),
      );
    const s = tensor(scale, { shape: [rows, cols] });
    const value = ([x, w, b]: Tensor[]): Tensor => {
      const y = norms[name](x!, [cols], w, b);
      return sum(mul(s, mul(y, y)));
    };
    const flat = async (parts: readonly Tensor[]): Promise<number[]> =>
      (await Promise.all(parts.map((t) => t.data()))).flatMap((d) => [...d]);
    const first = grad(value);
    expectClose(await flat(first(tensors(point))), numericGradient(hostValue, point), {
      relative: 2e-5,
      absolute: 3e-5,
    });
    const u = tensors(direction);
    const along = grad((at: Tensor[]) =>
      first(at)
        .map((g, i) => sum(mul(g, u[i]!)))
        .reduce((a, b) => add(a, b)),
    );
    const expected = numericHessianProduct(hostValue, point, direction, 3e-4);
    expectClose(await flat(along(tensors(point))), expected, { relative: 2e-4, absolute: 3e-4 });
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
    const x = normals(rows * 3, 41);
    const gradient = withDevice(small, () =>
      grad((t: Tensor) => sum(mul(layerNorm(t, 3), t)))(tensor(x, { shape: [rows, 3] })),
    );
    const { y, pullback } = host(true, { x }, 3, 1e-5);
    const { dx } = pullback(x);
    expectClose(
      await gradient.data(),
      dx.map((v, i) => v + y[i]!),
      { relative: 2e-4, absolute: 1e-4 },
    );
  });

  test("70,000 rows with a workgroup each, and their sums down the columns", async () => {
    forcedRowTeam.current = 64;
    const rows = 70_000;
    const x = normals(rows * 2, 42);
    const w = tensor([1, 1]);
    const at = tensor(x, { shape: [rows, 2] });
    const g = grad((v: Tensor) => sum(mul(layerNorm(at, 2, v), at)))(w);
    const { dweight } = host(true, { x }, 2, 1e-5).pullback(x);
    expectClose(await g.data(), dweight, { relative: 1e-5, absolute: 1e-2 });
  });
});

test("the gradients are the same bits every time", async () => {
  const x = tensor(normals(768 * 128, 51), { shape: [768, 128] });
  const w = tensor(normals(128, 52));
  const run = () => grad((v: Tensor) => sum(mul(layerNorm(x, 128, v), x)))(w);
  expect(await run().data()).toEqual(await run().data());
});

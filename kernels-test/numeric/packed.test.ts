import { beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { initOn } from "../../src/init";
import { abs, add, div, mul } from "../../src/ops/arithmetic";
import { arange, full, zerosLike } from "../../src/ops/creation";
import { exp, round } from "../../src/ops/functions";
import { matmul } from "../../src/ops/matmul";
import { max, sum } from "../../src/ops/reduce";
import { clone, contiguous, permute, reshape, slice, to } from "../../src/ops/shape";
import { nodePlatform } from "../../src/platform/node";
import { tensor } from "../../src/tensor/creation";
import { fromBrainBits, type PackedDType, toBrainBits } from "../../src/tensor/dtype";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";
import { jvp } from "../../src/transforms/jvp";
import { vmap } from "../../src/transforms/vmap";
import { spaced } from "../primitives/operand";

let device: Device;
beforeAll(async () => {
  device = await initOn(nodePlatform);
});

const read = async (t: Tensor) => [...(await t.data())];
const rounded = (x: number) => fromBrainBits(toBrainBits(x));
const reals = (count: number, seed: number) => spaced(count, -2, 2, seed);
const brain = (values: ArrayLike<number>, shape: readonly number[]) =>
  tensor(Float32Array.from(values), { shape, dtype: "bf16" });

describe("packed storage", () => {
  test.each([
    ["bf16", 2],
    ["i8", 1],
    ["i4", 0.5],
  ] as const)("%s takes %d bytes an element", (dtype, size) => {
    const before = device.pool.report().liveBytes;
    const x = full([64, 1024], 3, { dtype });
    expect(device.pool.report().liveBytes - before).toBe(65536 * size);
    x.dispose();
  });

  test.each([1, 2, 3, 7, 8, 9, 63, 64, 65, 1001])(
    "%d elements come back as they went in, through the host and through the device",
    async (n) => {
      const values = Float32Array.from(reals(n, n), (v) => rounded(v * 8));
      const whole = values.map((v) => Math.round(v / 2) || 0);
      expect(await read(brain(values, [n]))).toEqual([...values]);
      expect(await read(to(tensor(values), "bf16"))).toEqual([...values]);
      expect(await read(to(brain(values, [n]), "f32"))).toEqual([...values]);
      for (const dtype of ["i8", "i4"] as const) {
        const kept = [...whole].map((v) => (dtype === "i4" ? Math.max(Math.min(v, 7), -8) : v));
        const packed = to(tensor(Int32Array.from(whole)), dtype);
        expect(packed.dtype).toBe(dtype);
        expect(await read(packed)).toEqual(kept);
        expect(await read(to(packed, "f32"))).toEqual(kept);
        expect(await read(tensor(Int8Array.from(kept), { dtype }))).toEqual(kept);
      }
    },
  );

  test("rounding is to nearest, ties to even, and NaN and infinity stay what they are", async () => {
    const values = [
      1 + 2 ** -8,
      1 + 3 * 2 ** -8,
      1 + 2 ** -8 + 2 ** -16,
      3.4e38,
      -1e39,
      Number.NaN,
      -0,
    ];
    const got = await read(to(tensor(values), "bf16"));
    expect(got).toEqual([
      1,
      1 + 2 ** -6,
      1 + 2 ** -7,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
      -0,
    ]);
  });

  test("floats become integers towards zero, saturated", async () => {
    const x = tensor([1.9, -1.9, 300, -300, 7.5, -0.5]);
    expect(await read(to(x, "i8"))).toEqual([1, -1, 127, -128, 7, 0]);
    expect(await read(to(x, "i4"))).toEqual([1, -1, 7, -8, 7, 0]);
  });

  test("views and copies of every layout keep the values", async () => {
    const values = Float32Array.from(reals(60, 3), rounded);
    const x = brain(values, [3, 4, 5]);
    const wide = tensor(values, { shape: [3, 4, 5] });
    const turn = (t: Tensor) => permute(slice(t, { dim: 1, start: 1, step: 2 }), [2, 0, 1]);
    expect(turn(x).dtype).toBe("bf16");
    expect(await read(turn(x))).toEqual(await read(contiguous(turn(wide))));
    expect(reshape(x, [20, 3]).dtype).toBe("bf16");
    expect(await read(clone(x))).toEqual([...values]);
    expect(await read(zerosLike(x))).toEqual(new Array(60).fill(0));
    expect(await read(arange(0, 5, 1, { dtype: "bf16" }))).toEqual([0, 1, 2, 3, 4]);
    const bytes = tensor(Int8Array.of(1, 2, 3, 4));
    expect(bytes.dtype).toBe("i8");
    expect(clone(bytes).dtype).toBe("i8");
  });

  test("a tensor without elements stays one", async () => {
    for (const dtype of ["bf16", "i8", "i4"] satisfies PackedDType[]) {
      const x = full([0, 3], 1, { dtype });
      expect(await read(x)).toEqual([]);
      expect(await read(to(x, "f32"))).toEqual([]);
      expect(to(add(x, x), "f32").shape).toEqual([0, 3]);
    }
  });
});

describe("arithmetic", () => {
  test("on bf16 is that of f32, rounded once", async () => {
    const a = Float32Array.from(reals(99, 4), rounded);
    const b = Float32Array.from(reals(99, 5), rounded);
    const y = mul(brain(a, [99]), brain(b, [99]));
    expect(y.dtype).toBe("bf16");
    expect(await read(y)).toEqual([...a].map((v, i) => rounded(v * b[i]!)));
    const wide = await read(exp(tensor(a)));
    expect(await read(exp(brain(a, [99])))).toEqual(wide.map(rounded));
  });

  test("of bf16 with f32 is f32, of i8 and i4 is i32", async () => {
    const x = brain([1, 2, 3], [3]);
    expect(add(x, tensor([0.1, 0.2, 0.3])).dtype).toBe("f32");
    expect(add(x, tensor(Int32Array.of(1, 2, 3))).dtype).toBe("bf16");
    const bytes = tensor([100, 100, -100], { dtype: "i8" });
    const total = add(bytes, bytes);
    expect(total.dtype).toBe("i32");
    expect(await read(total)).toEqual([200, 200, -200]);
    expect(await read(add(bytes, 1000))).toEqual([1100, 1100, 900]);
    expect(await read(mul(bytes, 0.5))).toEqual([50, 50, -50]);
    expect(await read(add(tensor([7, -8], { dtype: "i4" }), bytes.size))).toEqual([10, -5]);
  });

  test("a product of bf16 matrices is the f32 product of the rounded ones, rounded", async () => {
    const a = reals(7 * 33, 6);
    const b = reals(33 * 9, 7);
    const low = matmul(brain(a, [7, 33]), brain(b, [33, 9]));
    expect(low.dtype).toBe("bf16");
    const wide = matmul(
      tensor(a.map(rounded), { shape: [7, 33] }),
      tensor(b.map(rounded), { shape: [33, 9] }),
    );
    expect(await read(low)).toEqual((await read(wide)).map(rounded));
  });
});

test("weights in eight bits with a scale per row are off by half a step at most", async () => {
  const w = tensor(reals(5 * 40, 12), { shape: [5, 40] });
  const scale = div(max(abs(w), { dim: 1, keepdim: true }), 127);
  const stored = to(round(div(w, scale)), "i8");
  const again = mul(stored, scale);
  expect(again.dtype).toBe("f32");
  const steps = await read(scale);
  const wide = await read(w);
  (await read(again)).forEach((v, i) => {
    expect(Math.abs(v - wide[i]!)).toBeLessThanOrEqual(0.5001 * steps[Math.floor(i / 40)]!);
  });
});

describe("transforms", () => {
  const x = () => brain(reals(12, 8), [3, 4]);

  test("the gradient of a bf16 leaf is bf16", async () => {
    const g = grad((v: Tensor) => sum(mul(v, v)))(x());
    expect(g.dtype).toBe("bf16");
    expect(await read(g)).toEqual((await read(x())).map((v) => 2 * v));
    const throughWide = grad((v: Tensor) => sum(exp(to(v, "f32"))))(x());
    expect(throughWide.dtype).toBe("bf16");
    const wide = await read(exp(to(x(), "f32")));
    expect(await read(throughWide)).toEqual(wide.map(rounded));
  });

  test("tangents and lanes of bf16 are bf16", async () => {
    const f = (v: Tensor) => mul(v, v);
    const { value: y, tangent: dy } = jvp(f, [x()], [x()]);
    expect([y.dtype, dy.dtype]).toEqual(["bf16", "bf16"]);
    const lanes = vmap((v: Tensor) => sum(mul(v, v)))(x()) as Tensor;
    expect(lanes.dtype).toBe("bf16");
    const alone = await read(sum(mul(x(), x()), { dim: 1 }));
    expect(await read(lanes)).toEqual(alone);
    const products = vmap((v: Tensor) => matmul(v, brain(reals(8, 9), [4, 2])))(x()) as Tensor;
    expect(products.dtype).toBe("bf16");
  });
});

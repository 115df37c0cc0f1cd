import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Device, withDevice } from "../../src/device/device";
import { ArgumentError, DTypeError, IndexError, ShapeError } from "../../src/errors";
import { initOn } from "../../src/init";
import { mul } from "../../src/ops/arithmetic";
import { type CrossEntropyOptions, crossEntropy } from "../../src/ops/loss";
import { matmul } from "../../src/ops/matmul";
import { sum } from "../../src/ops/reduce";
import { forcedRowTeam, rowTeams } from "../../src/ops/rowTeam";
import { permute, reshape, select, to, transpose } from "../../src/ops/shape";
import { nodePlatform } from "../../src/platform/node";
import { tensor } from "../../src/tensor/creation";
import type { Tensor } from "../../src/tensor/tensor";
import { grad, valueAndGrad } from "../../src/transforms/grad";
import { vmap } from "../../src/transforms/vmap";
import { expectClose } from "../harness";
import { numericHessianProduct } from "../numericDerivatives";
import { normals, wholeNumbers } from "../samples";

/** WGSL allows exp an error of 3 + 2|x| ulp and log one of 3. */
const forward = { relative: 1e-5, absolute: 1e-6 };
const backward = { relative: 2e-5, absolute: 1e-6 };

let device: Device;
beforeAll(async () => {
  device = await initOn(nodePlatform);
});
afterEach(() => {
  forcedRowTeam.current = null;
});

const i32 = (values: ArrayLike<number>): Tensor => tensor(Int32Array.from(values));

/** Each row's loss, its gradient, and how many rows count. */
function host(x: ArrayLike<number>, target: ArrayLike<number>, options: CrossEntropyOptions = {}) {
  const { ignoreIndex = -100, labelSmoothing = 0 } = options;
  const cols = x.length / target.length;
  const loss = new Float64Array(target.length);
  const dx = new Float64Array(x.length);
  let count = 0;
  loss.forEach((_, r) => {
    if (target[r] === ignoreIndex) return;
    count++;
    const row = Array.from({ length: cols }, (_, c) => x[r * cols + c]!);
    const m = row.reduce((a, b) => Math.max(a, b));
    const lse = m + Math.log(row.reduce((s, v) => s + Math.exp(v - m), 0));
    row.forEach((v, c) => {
      const wanted = (c === target[r] ? 1 - labelSmoothing : 0) + labelSmoothing / cols;
      loss[r] = loss[r]! + wanted * (lse - v);
      dx[r * cols + c] = Math.exp(v - lse) - wanted;
    });
  });
  return { loss, dx, count, total: loss.reduce((a, b) => a + b, 0) };
}

describe.each(rowTeams.candidates())("a team of %d per row", (team) => {
  test.each([
    [1, 1],
    [7, 3],
    [70, 65],
    [5, 128],
    [3, 1000],
    [2, 4097],
  ])("values and gradients agree with f64 on %d rows of %d classes", async (rows, cols) => {
    forcedRowTeam.current = team;
    const x = normals(rows * cols, rows * cols, 3);
    const target = wholeNumbers(rows, cols, 1);
    if (rows > 1) target[1] = -100;
    const logits = tensor(x, { shape: [rows, cols] });
    const g = normals(rows, 2);
    for (const labelSmoothing of [0, 0.1]) {
      const { loss, dx, count, total } = host(x, target, { labelSmoothing });
      const by = (scale: (r: number) => number) =>
        dx.map((v, i) => v * scale(Math.floor(i / cols)));
      const mean = valueAndGrad((t: Tensor) => crossEntropy(t, i32(target), { labelSmoothing }));
      expectClose([await mean(logits).value.item()], [total / count], forward);
      expectClose(
        await mean(logits).grad.data(),
        by(() => 1 / count),
        backward,
      );
      const added = (t: Tensor) =>
        crossEntropy(t, i32(target), { labelSmoothing, reduction: "sum" });
      expectClose([await added(logits).item()], [total], forward);
      expectClose(await grad(added)(logits).data(), dx, backward);
      const each = (t: Tensor) =>
        crossEntropy(t, i32(target), { labelSmoothing, reduction: "none" });
      expectClose(await each(logits).data(), loss, forward);
      const weighted = grad((t: Tensor) => sum(mul(each(t), tensor(g))))(logits);
      expectClose(
        await weighted.data(),
        by((r) => g[r]!),
        backward,
      );
    }
  });

  test("logits of 1e30, masks of -1e30 and distances of 20,000 neither overflow nor hide the target", async () => {
    forcedRowTeam.current = team;
    const x = [
      [1e30, 0, -1e30, 5],
      [-1e30, 1, 2, -1e30],
      [100, -100, 99, 3],
      [1e4, -1e4, 9999, 0],
    ];
    const target = [0, 2, 1, 1];
    const flat = Float32Array.from(x.flat());
    const { loss, dx } = host(flat, target);
    const each = (t: Tensor) => crossEntropy(t, i32(target), { reduction: "none" });
    const tolerance = { relative: 5e-5, absolute: 1e-6 };
    expectClose(await each(tensor(x)).data(), loss, tolerance);
    expectClose(await grad((t: Tensor) => sum(each(t)))(tensor(x)).data(), dx, tolerance);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("a logit of %d is not hidden", async (bad) => {
    forcedRowTeam.current = team;
    const x = tensor([
      [1, bad, 2, 3],
      [1, 2, 3, 4],
    ]);
    const { value, grad: g } = valueAndGrad((t: Tensor) => crossEntropy(t, i32([0, 1])))(x);
    expect(Number.isFinite(await value.item())).toBe(false);
    const gradient = await g.data();
    expect([...gradient.slice(0, 4)].every(Number.isFinite)).toBe(false);
    expect([...gradient.slice(4)].every(Number.isFinite)).toBe(true);
  });

  test("the mean over many rows keeps its accuracy", async () => {
    forcedRowTeam.current = team;
    // A workgroup per row is slow on the software drivers.
    const rows = team === 1 ? 100_001 : 4001;
    const x = normals(rows * 2, 3);
    const target = wholeNumbers(rows, 2, 4);
    const { total } = host(x, target);
    const loss = crossEntropy(tensor(x, { shape: [rows, 2] }), i32(target));
    expectClose([await loss.item()], [total / rows], { relative: 2e-6, absolute: 0 });
  });
});

describe("ignored rows", () => {
  const x = normals(4 * 5, 5);
  const logits = tensor.bind(null, x, { shape: [4, 5] });

  test("add nothing to the mean, which divides by the others", async () => {
    const { total } = host(x, [1, -100, 3, -100]);
    expectClose(
      [await crossEntropy(logits(), i32([1, -100, 3, -100])).item()],
      [total / 2],
      forward,
    );
  });

  test("ignoreIndex may be a class", async () => {
    const { total } = host(x, [0, 1, 0, 3], { ignoreIndex: 0 });
    const loss = crossEntropy(logits(), i32([0, 1, 0, 3]), { ignoreIndex: 0 });
    expectClose([await loss.item()], [total / 2], forward);
  });

  test("a mean of none is NaN, a sum of none is 0", async () => {
    const target = i32([-100, -100, -100, -100]);
    expect(await crossEntropy(logits(), target).item()).toBeNaN();
    expect(await crossEntropy(logits(), target, { reduction: "sum" }).item()).toBe(0);
  });

  test("the count is taken on the device: nothing is read back", () => {
    const before = device.executor.counters.submits;
    grad((t: Tensor) => crossEntropy(t, i32([1, -100, 3, 0])))(logits());
    expect(device.executor.counters.submits).toBe(before);
  });
});

describe("a target out of range", () => {
  test.each([5, -1, 2 ** 31 - 1])(
    "%d is named with shape and classes at the next read",
    async (bad) => {
      for (const team of rowTeams.candidates()) {
        forcedRowTeam.current = team;
        const loss = crossEntropy(tensor(normals(20, 6), { shape: [4, 5] }), i32([1, 2, bad, 0]));
        const error = await loss.item().catch((e: unknown) => e);
        expect(error).toBeInstanceOf(IndexError);
        expect(String(error)).toContain("crossEntropy: target of shape [4] for 5 classes");
        expect(String(error)).toContain(`index ${bad} is out of range; valid are 0 to 4`);
      }
      const good = crossEntropy(tensor([[0, 0]]), i32([1]));
      expect(await good.item()).toBeCloseTo(Math.LN2, 6);
    },
  );
});

describe("where the classes are", () => {
  const x = normals(2 * 3 * 5, 7);
  const target = wholeNumbers(10, 3, 8);

  test("[N, C, d] with [N, d], as in PyTorch", async () => {
    const logits = tensor(x, { shape: [2, 3, 5] });
    const moved = await transpose(logits, 1, 2).data();
    const { loss, dx, total } = host(moved, target);
    const of = (t: Tensor, reduction: "mean" | "none") =>
      crossEntropy(t, reshape(i32(target), [2, 5]), { reduction });
    expect(of(logits, "none").shape).toEqual([2, 5]);
    expectClose(await of(logits, "none").data(), loss, forward);
    expectClose([await of(logits, "mean").item()], [total / 10], forward);
    const g = grad((t: Tensor) => of(t, "mean"))(logits);
    expect(g.shape).toEqual([2, 3, 5]);
    expectClose(
      await transpose(g, 1, 2).data(),
      dx.map((v) => v / 10),
      backward,
    );
  });

  test("[N, C, d1, d2] with [N, d1, d2]", async () => {
    const values = normals(2 * 3 * 4 * 5, 9);
    const classes = wholeNumbers(40, 3, 10);
    const logits = tensor(values, { shape: [2, 3, 4, 5] });
    const moved = await permute(logits, [0, 2, 3, 1]).data();
    const loss = crossEntropy(logits, reshape(i32(classes), [2, 4, 5]));
    expectClose([await loss.item()], [host(moved, classes).total / 40], forward);
  });

  test("[B, T, C] with [B, T]: the last dimension, where only that fits", async () => {
    const logits = tensor(x, { shape: [2, 5, 3] });
    const loss = crossEntropy(logits, reshape(i32(target), [2, 5]));
    expectClose([await loss.item()], [host(x, target).total / 10], forward);
  });

  test("where both fit, classDim decides, and without it nothing is guessed", async () => {
    const square = tensor(normals(2 * 3 * 3, 11), { shape: [2, 3, 3] });
    const classes = reshape(i32(wholeNumbers(6, 3, 12)), [2, 3]);
    expect(() => crossEntropy(square, classes)).toThrow(ArgumentError);
    expect(() => crossEntropy(square, classes)).toThrow(/Say which with classDim/);
    const last = await crossEntropy(square, classes, { classDim: -1 }).item();
    const second = await crossEntropy(transpose(square, 1, 2), classes, { classDim: 1 }).item();
    expect(second).toBe(last);
  });

  test("[C] with a scalar is one row", async () => {
    const loss = crossEntropy(tensor([1, 2, 3]), tensor(Int32Array.of(2), { shape: [] }));
    expectClose([await loss.item()], [host([1, 2, 3], [2]).total], forward);
  });

  test("shapes that do not fit are refused with both", () => {
    const logits = tensor(x, { shape: [2, 3, 5] });
    expect(() => crossEntropy(logits, i32([0, 1]))).toThrow(ShapeError);
    expect(() => crossEntropy(logits, i32([0, 1]))).toThrow(/\[2, 3, 5\].*\[2\]/);
    expect(() => crossEntropy(logits, reshape(i32(target), [2, 5]), { classDim: 2 })).toThrow(
      /classDim 2.*\[2, 3\], not \[2, 5\]/,
    );
  });
});

describe("arguments", () => {
  const logits = () => tensor([[1, 2]]);
  test("targets are i32 or u32", async () => {
    const u32 = crossEntropy(logits(), tensor(Uint32Array.of(1)));
    expect(await u32.item()).toBe(await crossEntropy(logits(), i32([1])).item());
    expect(() => crossEntropy(logits(), tensor([1]))).toThrow(DTypeError);
  });

  test("options out of range are refused", () => {
    const bad = (options: object) => () => crossEntropy(logits(), i32([0]), options);
    expect(bad({ labelSmoothing: 1.5 })).toThrow(/labelSmoothing 1.5/);
    expect(bad({ ignoreIndex: 0.5 })).toThrow(/ignoreIndex 0.5/);
    expect(bad({ reduction: "max" })).toThrow(/reduction "max"/);
  });

  test("logits that are a transposed view are read in their own order", async () => {
    const turned = transpose(tensor(normals(12, 13), { shape: [3, 4] }), 0, 1);
    const values = await turned.data();
    const target = [0, 2, 1, 1];
    const loss = crossEntropy(turned, i32(target));
    expectClose([await loss.item()], [host(values, target).total / 4], forward);
  });

  test("f16 logits are computed in f32", async () => {
    if (!device.executor.adapter.features.includes("shader-f16")) {
      expect(() => to(tensor([1]), "f16")).toThrow(/shader-f16/);
      return;
    }
    const loss = crossEntropy(to(tensor([[1, 2, 3]]), "f16"), i32([1]));
    expect(loss.dtype).toBe("f16");
    expectClose([await loss.item()], [host([1, 2, 3], [1]).total], { relative: 1e-3, absolute: 0 });
  });
});

describe("second derivatives", () => {
  test.each(["mean", "sum", "none"] as const)("with reduction %s", async (reduction) => {
    const [rows, cols] = [4, 5];
    const target = [3, -100, 0, 4];
    const options = { reduction, labelSmoothing: 0.1 } as const;
    const x = normals(rows * cols, 21);
    const u = normals(rows * cols, 22);
    // The square makes the gradient depend on the loss too, hence on the cotangent of the backward kernel.
    const hostValue = (v: Float64Array): number => {
      const { loss, total, count } = host(v, target, options);
      if (reduction === "none") return loss.reduce((s, l) => s + l * l, 0);
      return (reduction === "mean" ? total / count : total) ** 2;
    };
    const value = (t: Tensor): Tensor => {
      const loss = crossEntropy(t, i32(target), options);
      return sum(mul(loss, loss));
    };
    const shape = [rows, cols];
    const direction = tensor(u, { shape });
    const first = grad(value);
    const second = grad((t: Tensor) => sum(mul(first(t), direction)))(tensor(x, { shape }));
    const expected = numericHessianProduct(hostValue, x, u);
    expectClose(await second.data(), expected, { relative: 1e-4, absolute: 1e-4 });
  });

  test("third derivatives follow the same formula", async () => {
    const x = tensor([[0.3, -0.2, 0.5]]);
    const value = (t: Tensor): Tensor => crossEntropy(t, i32([1]));
    const once = grad(value);
    const twice = grad((t: Tensor) => sum(mul(once(t), t)));
    const thrice = grad((t: Tensor) => sum(mul(twice(t), t)))(x);
    expect([...(await thrice.data())].every(Number.isFinite)).toBe(true);
  });
});

describe("weights and soft targets", () => {
  const logits = () => tensor(normals(15, 51), { shape: [5, 3] });
  const target = [2, 0, -100, 1, 2];

  test("weights of 1 and one-hot probabilities give what class indices give", async () => {
    const ones = tensor([1, 1, 1]);
    for (const options of [{}, { labelSmoothing: 0.2 }, { reduction: "sum" }] as const) {
      const plain = await crossEntropy(logits(), i32(target), options).item();
      const weighted = crossEntropy(logits(), i32(target), { ...options, weight: ones });
      expectClose([await weighted.item()], [plain], forward);
    }
    const kept = [2, 0, 1, 1, 2];
    const hot = tensor(
      kept.flatMap((t) => [0, 1, 2].map((c) => Number(c === t))),
      { shape: [5, 3] },
    );
    const soft = await crossEntropy(logits(), hot).item();
    expectClose([soft], [await crossEntropy(logits(), i32(kept)).item()], forward);
  });

  test("a weighted mean is divided by the weights of its rows", async () => {
    const weight = [0.5, 2, 3];
    const { loss } = host(normals(15, 51), target);
    const factors = target.map((t) => weight[t] ?? 0);
    const total = factors.reduce((sum, f, r) => sum + f * loss[r]!, 0);
    const mean = crossEntropy(logits(), i32(target), { weight: tensor(weight) });
    expectClose([await mean.item()], [total / factors.reduce((a, b) => a + b)], forward);
  });

  test("soft targets have their classes in the second dimension, or where classDim says", async () => {
    const x = normals(24, 52);
    const p = normals(24, 53).map(Math.abs);
    const second = crossEntropy(tensor(x, { shape: [2, 3, 4] }), tensor(p, { shape: [2, 3, 4] }));
    const moved = (v: Float32Array) => permute(tensor(v, { shape: [2, 3, 4] }), [0, 2, 1]);
    const last = crossEntropy(moved(x), moved(p), { classDim: 2 });
    expectClose([await last.item()], [await second.item()], forward);
  });

  test("what does not fit is refused, a target that is no class reported", async () => {
    expect(() => crossEntropy(logits(), i32(target), { weight: tensor([1, 2]) })).toThrow(
      /weight has shape \[2\]; for 3 classes/,
    );
    expect(() => crossEntropy(logits(), i32(target), { weight: i32([1, 2, 3]) })).toThrow(
      DTypeError,
    );
    expect(() => crossEntropy(logits(), tensor([[1, 2]]))).toThrow(DTypeError);
    const outside = crossEntropy(logits(), i32([0, 1, 3, 0, 0]), { weight: tensor([1, 1, 1]) });
    await expect(outside.item()).rejects.toThrow(IndexError);
  });
});

describe("in lanes", () => {
  test("gradients per sample are those of the samples by themselves", async () => {
    const x = tensor(normals(6 * 4, 61), { shape: [6, 4] });
    const target = i32([2, 0, -100, 1, 2, 2]);
    const weights = tensor(normals(4 * 3, 62), { shape: [4, 3] });
    const of = (w: Tensor, row: Tensor, t: Tensor) =>
      crossEntropy(matmul(reshape(row, [1, 4]), w), reshape(t, [1]), { reduction: "sum" });
    const each = await vmap(grad(of), { inDims: [null, 0, 0] })(weights, x, target).data();
    for (let r = 0; r < 6; r++) {
      const alone = await grad(of)(weights, select(x, 0, r), select(target, 0, r)).data();
      expectClose(each.slice(r * 12, (r + 1) * 12), alone, backward);
    }
  });

  test("means divide by the count of their own lane; a lane of ignored rows alone is NaN", async () => {
    const x = normals(3 * 2 * 3, 63);
    const target = [0, 2, 1, -100, -100, -100];
    const lanes = vmap((l: Tensor, t: Tensor) => crossEntropy(l, t))(
      tensor(x, { shape: [3, 2, 3] }),
      reshape(i32(target), [3, 2]),
    );
    const { loss } = host(x, target);
    const got = await lanes.data();
    expectClose(got.slice(0, 2), [(loss[0]! + loss[1]!) / 2, loss[2]!], forward);
    expect(got[2]).toBeNaN();
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
    const x = normals(rows * 3, 31);
    const target = wholeNumbers(rows, 3, 32);
    const { dx, total } = host(x, target);
    const { value, grad: g } = withDevice(small, () =>
      valueAndGrad((t: Tensor) => crossEntropy(t, i32(target)))(tensor(x, { shape: [rows, 3] })),
    );
    expectClose([await value.item()], [total / rows], forward);
    expectClose(
      await g.data(),
      dx.map((v) => v / rows),
      backward,
    );
  });
});

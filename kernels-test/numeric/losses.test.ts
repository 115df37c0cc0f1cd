import { beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { ArgumentError, IndexError, ShapeError } from "../../src/errors";
import { initOn } from "../../src/init";
import * as losses from "../../src/nn/losses";
import { crossEntropy } from "../../src/ops/loss";
import { nodePlatform } from "../../src/platform/node";
import { tensor } from "../../src/tensor/creation";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";

let device: Device;
beforeAll(async () => {
  device = await initOn(nodePlatform);
});

const read = async (t: Tensor): Promise<number[]> => [...(await t.data())];
const none = { reduction: "none" } as const;

describe("losses", () => {
  test("of certain probabilities are bounded by 100, and their gradients are finite", async () => {
    const x = tensor([0, 1, 0, 1]);
    const target = tensor([0, 1, 1, 0]);
    const loss = await read(losses.binaryCrossEntropy(x, target, none));
    expect(loss.map(Math.abs)).toEqual([0, 0, 100, 100]);
    const g = await read(grad((t: Tensor) => losses.binaryCrossEntropy(t, target))(x));
    expect(g.every(Number.isFinite), `${g}`).toBe(true);
  });

  test("a weight for positive examples does not make large logits overflow", async () => {
    const x = tensor([-200, 200, 200, -200]);
    const options = { ...none, posWeight: tensor([3]) };
    const loss = losses.bceWithLogits(x, tensor([1, 1, 0, 0]), options);
    expect(await read(loss)).toEqual([600, 0, 200, 0]);
  });

  test("a divergence takes probabilities of 0", async () => {
    const log = tensor([-1, -2]);
    const target = tensor([0, 1]);
    expect(await read(losses.klDiv(log, target, none))).toEqual([0, 2]);
    const g = await read(grad((t: Tensor) => losses.klDiv(log, t, { reduction: "sum" }))(target));
    expect(g.every(Number.isFinite), `${g}`).toBe(true);
  });

  test("a variance below its bound still gets a gradient", async () => {
    const [x, t] = [tensor([1]), tensor([1])];
    const slope = grad((v: Tensor) => losses.gaussianNllLoss(x, t, v, { eps: 0.5 }))(tensor([0]));
    // d/dv of (ln v) / 2 at the bound.
    expect(await read(slope)).toEqual([1]);
  });

  test("Huber's and the smooth L1 loss are continuous where the square meets the line", async () => {
    const x = tensor([1.5, Math.fround(1.5 - 1e-6)]);
    const zero = tensor([0, 0]);
    for (const loss of [
      await read(losses.huberLoss(x, zero, { delta: 1.5, ...none })),
      await read(losses.smoothL1Loss(x, zero, { beta: 1.5, ...none })),
    ])
      expect(Math.abs(loss[0]! - loss[1]!)).toBeLessThan(4e-6);
    expect(await read(losses.smoothL1Loss(x, zero, { beta: 0, ...none }))).toEqual(await read(x));
  });

  test("a class that is ignored counts neither in a sum nor in a mean", async () => {
    const x = tensor([
      [-1, -2],
      [-3, -4],
    ]);
    const target = tensor(Int32Array.of(1, -100));
    expect(await losses.nllLoss(x, target).item()).toBe(2);
    expect(await read(losses.nllLoss(x, target, none))).toEqual([2, 0]);
    const outside = losses.nllLoss(x, tensor(Int32Array.of(1, 2)));
    await expect(outside.item()).rejects.toThrow(IndexError);
  });

  test("leave nothing behind but their result", () => {
    const x = tensor([[0.25, 0.5]]);
    const t = tensor([[1, -1]]);
    const one = tensor([1]);
    const two = tensor([1, 2]);
    const index = tensor(Int32Array.of(1));
    const calls: (() => Tensor)[] = [
      () => losses.l1Loss(x, t),
      () => losses.mseLoss(x, t, none),
      () => losses.smoothL1Loss(x, t),
      () => losses.huberLoss(x, t, { reduction: "sum" }),
      () => losses.nllLoss(x, index, { weight: two }),
      () => losses.klDiv(x, t, { reduction: "batchmean" }),
      () => losses.binaryCrossEntropy(x, x, { weight: one }),
      () => losses.bceWithLogits(x, x, { posWeight: one }),
      () => losses.gaussianNllLoss(x, t, x, { full: true }),
      () => losses.poissonNllLoss(x, x, { full: true }),
      () => losses.hingeEmbeddingLoss(x, t),
      () => losses.softMarginLoss(x, t, none),
      () => losses.marginRankingLoss(x, x, t),
      () => losses.cosineEmbeddingLoss(x, x, one),
      () => losses.tripletMarginLoss(x, t, x, { swap: true }),
      () => crossEntropy(x, index, { weight: two, labelSmoothing: 0.1 }),
      () => crossEntropy(x, x, none),
    ];
    for (const call of calls) {
      // The device keeps the constants of the first.
      call().dispose();
      const before = device.pool.report().liveBytes;
      call().dispose();
      expect(device.pool.report().liveBytes, `${call}`).toBe(before);
    }
  });

  test("refuse shapes that differ and options out of range, with the cure", () => {
    const [x, y] = [tensor([1, 2]), tensor([1])];
    for (const [name, loss] of Object.entries(losses).filter(([key]) => /Loss$|klDiv/.test(key))) {
      if (name === "nllLoss" || name === "tripletMarginLoss") continue;
      const call = loss as (...operands: Tensor[]) => Tensor;
      const others = Array.from({ length: loss.length - 1 }, () => y);
      expect(() => call(x, ...others), name).toThrow(ShapeError);
      expect(() => call(x, ...others), name).toThrow(new RegExp(`^${name}: `));
    }
    expect(() => losses.l1Loss(x, x, { reduction: "max" as "sum" })).toThrow(
      /l1Loss: reduction "max"/,
    );
    expect(() => losses.huberLoss(x, x, { delta: 0 })).toThrow(ArgumentError);
    expect(() => losses.smoothL1Loss(x, x, { beta: -1 })).toThrow(ArgumentError);
    expect(() => losses.gaussianNllLoss(x, x, x, { eps: 0 })).toThrow(ArgumentError);
  });
});

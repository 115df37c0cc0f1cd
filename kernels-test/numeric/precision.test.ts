import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { ArgumentError, DTypeError } from "../../src/errors";
import * as tg from "../../src/node";
import {
  autocast,
  Checkpoint,
  data,
  init,
  manualSeed,
  nn,
  optim,
  type Tensor,
  type TrainStepOptions,
  tensor,
  trainStep,
} from "../../src/node";
import { add, mul } from "../../src/ops/arithmetic";
import { loweredPrimitives, raisedPrimitives } from "../../src/ops/autocast";
import { exp } from "../../src/ops/functions";
import { linear, matmul } from "../../src/ops/matmul";
import { layerNorm } from "../../src/ops/norm";
import { sum } from "../../src/ops/reduce";
import { to } from "../../src/ops/shape";
import { softmax } from "../../src/ops/softmax";
import { primitives } from "../../src/table";
import { fromBrainBits, toBrainBits, toHalfBits } from "../../src/tensor/dtype";
import { memory, setDebug } from "../../src/tensor/memory";
import { scope } from "../../src/tensor/scope";
import { encodeSafetensors, fromArray } from "../../src/train/safetensors";
import { grad } from "../../src/transforms/grad";
import { valueAndGradients } from "../../src/transforms/parameters";
import { vmap } from "../../src/transforms/vmap";
import { calls } from "../memoryCalls/index";
import { type Operands, operands } from "../memoryCalls/operands";
import { spaced } from "../primitives/operand";

let device: Device;
beforeAll(async () => {
  device = await init();
});

const open: { dispose(): void }[] = [];
afterEach(() => {
  for (const thing of open.splice(0).reverse()) thing.dispose();
});

const read = async (t: Tensor) => [...(await t.data())];
const rounded = (x: number) => fromBrainBits(toBrainBits(x));
const matrix = (rows: number, columns: number, seed: number, place = (x: number) => x) =>
  tensor(spaced(rows * columns, -2, 2, seed).map(place), { shape: [rows, columns] });
const offersF16 = () => device.executor.adapter.features.includes("shader-f16");

describe("autocast", () => {
  test("its lists name primitives, and none twice", () => {
    const names = new Set(primitives.map((p) => p.name));
    const listed = [...loweredPrimitives, ...raisedPrimitives];
    expect(listed.filter((name) => !names.has(name))).toEqual([]);
    expect(new Set(listed).size).toBe(listed.length);
  });

  test("products are those of the rounded operands, rounded; without it they are f32", async () => {
    const [a, b] = [matrix(5, 33, 1), matrix(33, 7, 2)];
    const low = autocast(() => matmul(a, b));
    expect(low.dtype).toBe("bf16");
    const wide = matmul(matrix(5, 33, 1, rounded), matrix(33, 7, 2, rounded));
    expect(await read(low)).toEqual((await read(wide)).map(rounded));
    expect(matmul(a, b).dtype).toBe("f32");
    const bias = tensor(spaced(7, -1, 1, 3));
    const weight = matrix(7, 33, 4);
    expect(autocast(() => linear(a, weight, bias)).dtype).toBe("bf16");
  });

  test("what needs range is computed in f32 and gives it, whatever comes in", async () => {
    const x = to(matrix(3, 8, 5), "bf16");
    autocast(() => {
      for (const y of [
        exp(x),
        softmax(x),
        sum(x),
        layerNorm(x, 8),
        nn.functional.crossEntropy(x, tensor(Int32Array.of(1, 2, 3))),
      ])
        expect(y.dtype).toBe("f32");
      expect(add(x, x).dtype).toBe("bf16");
      expect(mul(x, matrix(3, 8, 6)).dtype).toBe("f32");
    });
    expect([exp(x), softmax(x), sum(x), layerNorm(x, 8)].map((y) => y.dtype)).toEqual(
      new Array(4).fill("bf16"),
    );
    const wide = await read(autocast(() => softmax(x)));
    expect(await read(softmax(to(x, "f32")))).toEqual(wide);
  });

  test("ends with its function, also when that throws, and can be off inside", () => {
    const a = matrix(2, 2, 7);
    autocast(() => {
      expect(autocast(() => matmul(a, a), { enabled: false }).dtype).toBe("f32");
      expect(matmul(a, a).dtype).toBe("bf16");
    });
    expect(() =>
      autocast(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(matmul(a, a).dtype).toBe("f32");
    expect(() => autocast(async () => 1)).toThrow(ArgumentError);
    expect(() => autocast(() => 1, { dtype: "f32" as "bf16" })).toThrow(DTypeError);
    if (!offersF16()) expect(() => autocast(() => 1, { dtype: "f16" })).toThrow(DTypeError);
  });

  test("gradients of f32 values are f32, close to those without it, and lanes have the same types", async () => {
    const [a, b] = [matrix(6, 40, 8), matrix(40, 5, 9)];
    const f = (v: Tensor) => sum(exp(mul(matmul(v, b), 0.05)));
    const plain = await read(grad(f)(a));
    const mixed = grad((v: Tensor) => autocast(() => f(v)))(a);
    expect(mixed.dtype).toBe("f32");
    const size = Math.max(...plain.map(Math.abs));
    // Two roundings to 8 bits of each factor.
    (await read(mixed)).forEach((g, i) => {
      expect(Math.abs(g - plain[i]!)).toBeLessThan(4 * 2 ** -8 * size);
    });
    const rows = vmap((row: Tensor) => autocast(() => matmul(row, b)))(a) as Tensor;
    expect(rows.dtype).toBe("bf16");
    expect(await read(rows)).toEqual(await read(autocast(() => matmul(a, b))));
  });

  test("leaves nothing behind but results", () => {
    const [a, b] = [matrix(3, 4, 10), matrix(4, 3, 11)];
    const calls = [
      () => matmul(a, b),
      () => exp(a),
      () => softmax(a),
      () => to(a, "bf16"),
      () => to(a, "i4"),
    ];
    setDebug(true);
    try {
      for (const call of calls) {
        autocast(call).dispose();
        const before = memory().tensors!.length;
        autocast(call).dispose();
        expect(memory().tensors!.length, call.toString()).toBe(before);
      }
    } finally {
      setDebug(false);
    }
  });
});

describe("every operation", () => {
  test("takes bf16 where it takes f32, and works under autocast", () => {
    const wide = operands(tg);
    const low = Object.fromEntries(
      Object.entries(wide as unknown as Record<string, Tensor>).map(([name, t]) => [
        name,
        t.dtype === "f32" ? to(t, "bf16") : t,
      ]),
    ) as unknown as Operands;
    const refused: string[] = [];
    scope(() => {
      for (const [name, forms] of Object.entries(calls))
        for (const call of forms) {
          const attempt = (how: string, fn: () => unknown): void => {
            try {
              fn();
            } catch (error) {
              refused.push(`${name}, ${how}: ${String(error)}`);
            }
          };
          attempt("bf16", () => call(tg, low));
          attempt("autocast", () => autocast(() => call(tg, wide)));
          attempt("autocast of bf16", () => autocast(() => call(tg, low)));
          if (offersF16())
            attempt("autocast to f16", () => autocast(() => call(tg, wide), { dtype: "f16" }));
        }
    });
    // Its q says where, and is no datum.
    expect(refused.filter((text) => !/^quantile.*q has dtype bf16/.test(text))).toEqual([]);
  });
});

describe("checkpoints", () => {
  test("in BF16, F16 and I8 are read into f32 parameters", async () => {
    const model = new nn.Linear(3, 2);
    open.push(model);
    const values = [1.5, -2, 0.5, 3, -0.25, 8];
    const bits = (fn: (x: number) => number) => Uint16Array.from(values, fn);
    const weights = {
      BF16: fromArray("BF16", [2, 3], bits(toBrainBits)),
      F16: fromArray("F16", [2, 3], bits(toHalfBits)),
    };
    for (const weight of Object.values(weights)) {
      const bias = fromArray("I8", [2], Int8Array.of(-7, 5));
      const bytes = encodeSafetensors(Object.entries({ weight, bias }));
      new Checkpoint(bytes, "test").restoreModel(model);
      const [w, b] = await Promise.all(model.parameters().map(read));
      expect([w, b]).toEqual([values, [-7, 5]]);
    }
  });
});

/** One parameter, with its loss sum(w · x) and so the gradient x. */
function oneParameter(options: optim.GradScalerOptions = {}) {
  const w = nn.Parameter.of([1, 2, 3], [3]);
  const optimizer = optim.sgd([w], { lr: 0.125, momentum: 0.9 });
  const scaler = new optim.GradScaler(optimizer, options);
  open.push(optimizer);
  const step = (x: number[]) =>
    scope(() => {
      const { gradients } = valueAndGradients(optimizer.parameters, () => [
        scaler.scale(sum(mul(optimizer.parameters[0]!, tensor(x)))),
        null,
      ]);
      optimizer.step(gradients);
    });
  return { optimizer, scaler, step, weights: () => read(optimizer.parameters[0]!) };
}

describe("GradScaler", () => {
  test("a scale that is a power of two changes no bit of the training", async () => {
    const scaled = oneParameter({ initial: 2 ** 20, interval: 3 });
    const plain = oneParameter({ initial: 1, growth: 1 });
    for (let i = 1; i < 9; i++) {
      scaled.step([0.1 * i, -0.3, 1e-3]);
      plain.step([0.1 * i, -0.3, 1e-3]);
    }
    expect(await scaled.weights()).toEqual(await plain.weights());
    expect(await scaled.scaler.state()).toEqual({ scale: 2 ** 22, streak: 2 });
    expect(await scaled.scaler.current.item()).toBe(2 ** 22);
  });

  test("overflows halve the scale and skip the step, until it fits; then it grows again", async () => {
    const { optimizer, scaler, step, weights } = oneParameter({ initial: 2 ** 100, interval: 4 });
    const before = await weights();
    // 2^31 · 2^100 overflows f32, as does 2^99 and up to 2^97.
    for (let i = 0; i < 3; i++) step([2 ** 31, 1, 1]);
    expect(await weights()).toEqual(before);
    expect(await scaler.state()).toEqual({ scale: 2 ** 97, streak: 0 });
    expect(await optimizer.sync()).toBe(3);
    step([2 ** 31, 1, 1]);
    expect(await scaler.state()).toEqual({ scale: 2 ** 96, streak: 0 });
    for (let i = 0; i < 4; i++) step([2 ** 31, 1, 1]);
    expect(await scaler.state()).toEqual({ scale: 2 ** 97, streak: 0 });
    expect((await weights())[1]).toBeLessThan(2);
    step([Number.NaN, 1, 1]);
    expect(await scaler.state()).toEqual({ scale: 2 ** 96, streak: 0 });
  });

  test("goes on from a state as it would have", async () => {
    const first = oneParameter({ initial: 2 ** 10, interval: 5 });
    for (let i = 0; i < 3; i++) first.step([1, 2, 3]);
    const state = JSON.parse(JSON.stringify(await first.scaler.state()));
    const second = oneParameter({ interval: 5 });
    second.scaler.loadState(state);
    for (const { step } of [first, second]) for (let i = 0; i < 4; i++) step([1, 2, 3]);
    expect(await second.scaler.state()).toEqual(await first.scaler.state());
    expect(await first.scaler.state()).toEqual({ scale: 2 ** 11, streak: 2 });
  });

  test("bad options, and an optimizer that does not skip, are refused", () => {
    const { optimizer, scaler } = oneParameter();
    expect(() => new optim.GradScaler(optimizer, { backoff: 1 })).toThrow(/backoff 1/);
    expect(() => new optim.GradScaler(optimizer, { growth: 0.5 })).toThrow(ArgumentError);
    expect(() => new optim.GradScaler(optimizer, { initial: 0 })).toThrow(ArgumentError);
    expect(() => new optim.GradScaler(optimizer, { interval: 0.5 })).toThrow(ArgumentError);
    expect(() => scaler.loadState({ scale: 0, streak: 0 })).toThrow(ArgumentError);
    const bold = optim.sgd([nn.Parameter.of([1], [1])], { skipNonFinite: false });
    open.push(bold);
    expect(() => new optim.GradScaler(bold)).toThrow(/skipNonFinite/);
  });
});

describe("trainStep with mixed precision", () => {
  const text = data.fromString("the quick brown fox jumps over the lazy dog. ".repeat(40));
  const lossOf = (model: nn.GPT, { input, target }: { input: Tensor; target: Tensor }): Tensor =>
    nn.functional.crossEntropy(
      model.forward(input).reshape([-1, text.vocab]),
      target.reshape([-1]),
    );

  function run(options: TrainStepOptions = {}) {
    manualSeed(1);
    const model = new nn.GPT({ vocab: text.vocab, context: 8, layers: 1, heads: 2, width: 16 });
    const optimizer = optim.adamw(model.namedParameters(), { lr: 1e-2 });
    const step = trainStep<nn.GPT, data.TextBatch>(model, optimizer, lossOf, options);
    const batches = text.loader({ context: 8, batch: 8, seed: 1 });
    open.push(model, optimizer);
    return {
      optimizer,
      train: async (steps: number) => {
        const losses: Promise<number>[] = [];
        for (let i = 0; i < steps; i++) losses.push(step(batches.next()).loss.item());
        return Promise.all(losses);
      },
    };
  }

  test("in bf16 a GPT learns as in f32", async () => {
    const plain = await run().train(40);
    const mixed = await run({ precision: { autocast: "bf16" } }).train(40);
    expect(mixed[0]).not.toBe(plain[0]);
    // The logits carry two to three digits.
    expect(Math.abs(mixed[0]! / plain[0]! - 1)).toBeLessThan(0.01);
    expect(mixed.at(-1)!).toBeLessThan(0.6 * mixed[0]!);
    expect(Math.abs(mixed.at(-1)! / plain.at(-1)! - 1)).toBeLessThan(0.1);
  });

  test("in f16 a scale that overflows at first comes down, and the loss with it", async () => {
    if (!offersF16()) {
      await expect(run({ precision: { autocast: "f16" } }).train(1)).rejects.toThrow(DTypeError);
      return;
    }
    const initial = 2 ** 30;
    const { optimizer, train } = run({ precision: { autocast: "f16", lossScale: { initial } } });
    const losses = await train(50);
    const skipped = await optimizer.sync();
    expect(skipped).toBeGreaterThan(3);
    expect(skipped).toBeLessThan(25);
    expect((await optimizer.readLossScale()).scale).toBe(initial / 2 ** skipped);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses.at(-1)!).toBeLessThan(0.7 * losses[0]!);
  });
});

/** Bad data, kernels that do not compile, commands that are refused: typed errors, and a state to go on from. */
import { afterEach, describe, expect, test } from "vitest";
import { launch, pointwiseUnary } from "../../src/kernels";
import type { AnyKernel } from "../../src/kernels/kernel";
import * as tg from "../../src/node";
import type { DeviceTensor } from "../../src/tensor/deviceTensor";
import { buildGPT, type GPTBatch, type GPTParts, weightBits } from "./faultTraining";

const open: { destroy(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.destroy();
});
async function opened(): Promise<tg.Device> {
  const device = await tg.init();
  open.push(device);
  return device;
}
function built(): GPTParts {
  tg.manualSeed(1);
  return buildGPT();
}

async function undisturbed(steps: number): Promise<number[][]> {
  await opened();
  const { model, step, batches } = built();
  for (let i = 0; i < steps; i++) step(batches.next());
  return weightBits(model);
}

/** The run's batches, each of which passes through `change` first. */
const changed = (
  { batches }: GPTParts,
  change: (batch: GPTBatch, number: number) => GPTBatch,
): tg.BatchSource<GPTBatch> => ({
  get cursor() {
    return batches.cursor;
  },
  set cursor(at: number) {
    batches.cursor = at;
  },
  next() {
    const number = batches.cursor;
    return change(batches.next(), number);
  },
});

describe("a data source that throws", () => {
  test("ends the run with its own error and the state of the last finished step, from which it goes on", async () => {
    const wanted = await undisturbed(12);
    const atSeven = await undisturbed(7);
    await opened();
    const parts = built();
    let broken = true;
    const batches = changed(parts, (batch, number) => {
      if (broken && number === 7) throw new RangeError("the disk went away");
      return batch;
    });
    const trainer = new tg.Trainer<GPTBatch>({ ...parts, batches, steps: 12 });
    await expect(trainer.run()).rejects.toThrow(new RangeError("the disk went away"));
    expect(parts.step.count).toBe(7);
    expect(await weightBits(parts.model)).toEqual(atSeven);
    broken = false;
    expect(await trainer.run()).toMatchObject({ reason: "finished", steps: 12 });
    expect(await weightBits(parts.model)).toEqual(wanted);
  });

  test("is no reason for a supervisor to restart; a callback that throws neither", async () => {
    const faults = new Set(["disk", "page"]);
    const trainer = new tg.SupervisedTrainer<GPTBatch, tg.nn.GPT>({
      init: tg.init,
      build: () => {
        const parts = built();
        const batches = changed(parts, (batch, number) => {
          if (number === 7 && faults.delete("disk")) throw new RangeError("the disk went away");
          return batch;
        });
        return { ...parts, batches };
      },
      steps: 12,
      snapshotEvery: 5,
      onEvaluation: () => {
        if (faults.delete("page")) throw new TypeError("the page is gone");
      },
    });
    open.push(trainer);
    await expect(trainer.run()).rejects.toThrow(RangeError);
    expect(trainer.snapshot!.step).toBe(5);
    await expect(trainer.run()).rejects.toThrow(TypeError);
    expect(trainer.restarts).toBe(0);
    expect(trainer.parts.step.count).toBe(12);
    expect(await weightBits(trainer.parts.model)).toEqual(await undisturbed(12));
  });

  test("that gives a token beyond the vocabulary is an IndexError that names it", async () => {
    await opened();
    const parts = built();
    const batches = changed(parts, (batch, number) => {
      if (number === 3) batch.input.values[0] = 10_000;
      return batch;
    });
    const trainer = new tg.Trainer<GPTBatch>({ ...parts, batches, steps: 12, logEvery: 1 });
    await expect(trainer.run()).rejects.toThrow(/index 10000 is out of range/);
  });
});

/** A linear model of rows, of which some are not numbers. */
function regression(spoilt: (number: number) => boolean) {
  tg.manualSeed(1);
  const model = new tg.nn.Linear(4, 1);
  const optimizer = tg.optim.adamw(model.namedParameters(), { lr: 1e-2, clipGradNorm: 1 });
  const step = tg.trainStep(model, optimizer, (m, { input, target }) =>
    m.forward(input).sub(target).square().mean(),
  );
  const batches: tg.BatchSource<tg.Batch> = {
    cursor: 0,
    next() {
      const number = this.cursor++;
      const row = (i: number): number => Math.sin(number * 32 + i);
      const values = Float32Array.from({ length: 32 }, (_, i) => row(i));
      if (spoilt(number)) values[5] = Number.NaN;
      return {
        input: { values, shape: [8, 4] },
        target: { values: new Float32Array(8).map((_, i) => row(4 * i)), shape: [8, 1] },
      };
    },
  };
  return { model, optimizer, step, batches };
}

describe("NaN in the data", () => {
  test("is a DivergenceError that names the step, and the weights are those before it", async () => {
    await opened();
    const good = regression(() => false);
    for (let i = 0; i < 5; i++) good.step(good.batches.next());
    const before = await weightBits(good.model);
    const parts = regression((number) => number === 5);
    const trainer = new tg.Trainer({ ...parts, steps: 20, logEvery: 1 });
    const error = await trainer.run().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(tg.DivergenceError);
    expect(String(error)).toMatch(/The training loss is NaN after step 6/);
    expect(await weightBits(parts.model)).toEqual(before);
  });

  test("between two readings skips its steps, which are counted, and the run goes on with finite weights", async () => {
    await opened();
    const parts = regression((number) => number === 5 || number === 6);
    await new tg.Trainer({ ...parts, steps: 20, logEvery: 10 }).run();
    const state = await parts.optimizer.state();
    expect(state.scalars.skipped).toBe(2);
    const [weight] = await tg.readAll(parts.model.parameters());
    expect([...(weight as Float32Array)].every(Number.isFinite)).toBe(true);
  });

  test("leaves a supervised trainer's snapshot from before it, which a run on clean data goes on from", async () => {
    const run = (spoilt: (number: number) => boolean, from?: tg.Checkpoint) => {
      const trainer = new tg.SupervisedTrainer<tg.Batch, tg.nn.Linear>({
        init: tg.init,
        build: () => regression(spoilt),
        steps: 12,
        logEvery: 1,
        snapshotEvery: 4,
        ...(from && { from }),
      });
      open.push(trainer);
      return trainer;
    };
    const spoilt = run((number) => number === 9);
    await expect(spoilt.run()).rejects.toThrow(tg.DivergenceError);
    expect(spoilt.restarts).toBe(0);
    expect(spoilt.snapshot!.step).toBe(8);
    const clean = run(() => false, new tg.Checkpoint(spoilt.snapshot!.bytes, "the snapshot"));
    await clean.run();
    const whole = run(() => false);
    await whole.run();
    expect(await weightBits(clean.parts.model)).toEqual(await weightBits(whole.parts.model));
  });
});

describe("what the device refuses in mid-training", () => {
  const wrong: Readonly<Record<string, Partial<AnyKernel> & { readonly bytes?: number }>> = {
    "a shader that does not compile": { name: "mine/text", source: "not WGSL" },
    "a binding that is too large for its buffer": { name: "mine/range", bytes: 1 << 20 },
  };
  test.each(Object.entries(wrong))(
    "%s is a DeviceValidationError with the kernel's name; another device and the snapshot are intact",
    async (_, { bytes, ...change }) => {
      const bystander = await opened();
      const x = tg.ones([8]);
      const trainer = new tg.SupervisedTrainer<GPTBatch, tg.nn.GPT>({
        init: tg.init,
        build: built,
        steps: 12,
        logEvery: 1,
        snapshotEvery: 4,
        onStep: ({ step }) => {
          if (step !== 6 || trainer.restarts > 0) return;
          const [from, to] = [tg.ones([4]), tg.ones([4])] as [DeviceTensor, DeviceTensor];
          const kernel: AnyKernel = { ...(pointwiseUnary as AnyKernel), ...change };
          const bindings = {
            x: { ...from.binding, ...(bytes && { bytes }) },
            y: to.binding,
          };
          launch(trainer.device!, kernel, bindings, { count: 1, infinity: 0 }, [1, 1, 1], {});
        },
      });
      open.push(trainer);
      const error = await trainer.run().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(tg.DeviceValidationError);
      expect(String(error)).toContain(`kernel ${change.name}`);
      expect(trainer.restarts).toBe(0);
      expect(await x.add(1).sum().item()).toBe(16);
      expect(bystander.executor.failure).toBeNull();

      const resumed = new tg.SupervisedTrainer<GPTBatch, tg.nn.GPT>({
        init: tg.init,
        build: built,
        steps: 12,
        from: new tg.Checkpoint(trainer.snapshot!.bytes, "the snapshot"),
      });
      open.push(resumed);
      expect(trainer.snapshot!.step).toBe(4);
      await resumed.run();
      expect(await weightBits(resumed.parts.model)).toEqual(await undisturbed(12));
    },
  );
});

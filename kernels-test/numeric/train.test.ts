import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { TextBatch } from "../../src/data/text";
import type { Device } from "../../src/device/device";
import { startTiming } from "../../src/device/timing";
import { CheckpointError, DivergenceError, ShapeError } from "../../src/errors";
import {
  Checkpoint,
  data,
  evaluate,
  init,
  manualSeed,
  memory,
  nn,
  optim,
  saveCheckpoint,
  type Tensor,
  Trainer,
  trainStep,
} from "../../src/node";
import type { OptimizerOptions } from "../../src/optim/optimizerOptions";
import { nodeFiles } from "../../src/platform/nodeFiles";

let device: Device;
beforeAll(async () => {
  device = await init();
});
afterAll(() => device.destroy());

const text = data.fromString("the quick brown fox jumps over the lazy dog. ".repeat(40));
const shape = { context: 8, batch: 4 };
const config = { vocab: text.vocab, context: 8, layers: 2, heads: 2, width: 16, dropout: 0.1 };

const open: { dispose(): void }[] = [];
afterEach(() => {
  for (const thing of open.splice(0).reverse()) thing.dispose();
});

const lossOf = (model: nn.GPT, { input, target }: { input: Tensor; target: Tensor }): Tensor =>
  nn.functional.crossEntropy(model.forward(input).reshape([-1, text.vocab]), target.reshape([-1]));

/** A model, its optimizer, its step and its batches; `lr` may be a schedule. */
function run(options: OptimizerOptions = {}, gpt = config) {
  manualSeed(1);
  const model = new nn.GPT(gpt);
  const lr = optim.schedule.warmupCosine({ peak: 1e-2, warmup: 5, total: 50 });
  const optimizer = optim.adamw(model.namedParameters(), { lr, clipGradNorm: 1, ...options });
  const step = trainStep<nn.GPT, TextBatch>(model, optimizer, lossOf, { seed: 1 });
  const batches = text.loader({ ...shape, seed: 1 });
  open.push(model, optimizer);
  return { model, optimizer, step, batches };
}

/** Takes steps up to `until` and gives their losses. */
async function train({ step, batches }: ReturnType<typeof run>, until: number): Promise<number[]> {
  const losses: Promise<number>[] = [];
  batches.cursor = step.count;
  while (step.count < until) losses.push(step(batches.next()).loss.item());
  return Promise.all(losses);
}

const weightsOf = async (model: nn.GPT): Promise<number[][]> =>
  Promise.all(model.parameters().map(async (p) => [...(await p.data())]));

describe("a training step", () => {
  test("is one submit, three optimizer dispatches and no read", async () => {
    const { step, batches } = run();
    for (let i = 0; i < 3; i++) step(batches.next());
    await device.synchronize();
    const before = { ...device.executor.counters };
    const stop = startTiming(device.executor);
    for (let i = 0; i < 5; i++) step(batches.next());
    expect(device.executor.counters.submits - before.submits).toBe(5);
    const timings = await stop();
    const dispatches = device.executor.counters.dispatches - before.dispatches;
    expect(timings).toHaveLength(dispatches);
    expect(dispatches % 5).toBe(0);
    expect(timings.filter(({ name }) => name.startsWith("optim/"))).toHaveLength(5 * 3);
  });

  test("refuses a loss that is not one number, and leaves the parameters as they were", async () => {
    const { model, optimizer, batches } = run();
    const before = await weightsOf(model);
    const step = trainStep<nn.GPT, TextBatch>(model, optimizer, (m, { input }) => m.forward(input));
    expect(() => step(batches.next())).toThrow(ShapeError);
    expect(await weightsOf(model)).toEqual(before);
    expect(model.parameters().every((p) => p.standIn === null)).toBe(true);
  });

  test("uses no more memory after 300 steps than after 10", async () => {
    const session = run();
    await train(session, 10);
    const early = memory(device);
    for (let i = 0; i < 290; i++) {
      session.step(session.batches.next());
      await device.executor.throttle(2);
    }
    await device.synchronize();
    const late = memory(device);
    expect(late.liveBytes).toBe(early.liveBytes);
    expect(late.liveBuffers).toBe(early.liveBuffers);
    expect(late.pooledBytes).toBe(early.pooledBytes);
  });
});

describe("determinism", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "tilegrad-train-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("the same seed gives the same 50 losses, bit for bit, dropout included", async () => {
    const first = await train(run(), 50);
    expect(await train(run(), 50)).toEqual(first);
    expect(first.at(-1)!).toBeLessThan(first[0]! * 0.8);
  });

  test("a run stopped at step 25 and resumed has the losses and weights of one that was not", async () => {
    const whole = run();
    const losses = await train(whole, 50);
    const half = run();
    const before = await train(half, 25);
    const file = path.join(folder, "model.safetensors");
    const { model, optimizer, step } = half;
    await saveCheckpoint(nodeFiles, file, { model, optimizer, run: { step: step.count } });

    const resumed = run();
    resumed.model.parameters()[0]!.device.executor.clear(resumed.model.parameters()[0]!.binding);
    const checkpoint = await Checkpoint.read(nodeFiles, file);
    checkpoint.restoreModel(resumed.model);
    checkpoint.restoreOptimizer(resumed.optimizer);
    resumed.step.count = (checkpoint.run as { step: number }).step;
    const after = await train(resumed, 50);
    expect([...before, ...after]).toEqual(losses);
    expect(await weightsOf(resumed.model)).toEqual(await weightsOf(whole.model));
    expect(await readdir(folder)).toEqual(["model.safetensors"]);
  });

  test("a checkpoint that does not fit is refused with what differs, and changes nothing", async () => {
    const { model, optimizer } = run();
    const file = path.join(folder, "model.safetensors");
    await saveCheckpoint(nodeFiles, file, { model, optimizer });
    const other = run({}, { ...config, layers: 1 });
    const before = await weightsOf(other.model);
    const checkpoint = await Checkpoint.read(nodeFiles, file);
    expect(() => checkpoint.restoreModel(other.model)).toThrow(
      /model\.safetensors: .*unexpected: transformer\.h\.1/,
    );
    expect(() => checkpoint.restoreOptimizer(other.optimizer)).toThrow(CheckpointError);
    expect(await weightsOf(other.model)).toEqual(before);

    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, bytes.length - 100));
    await expect(Checkpoint.read(nodeFiles, file)).rejects.toThrow(CheckpointError);
    await saveCheckpoint(nodeFiles, file, { model });
    const plain = await Checkpoint.read(nodeFiles, file);
    expect(() => plain.restoreOptimizer(optimizer)).toThrow(/holds a model but no optimizer state/);
  });
});

describe("the trainer", () => {
  test("reports losses and evaluations at their steps, and stops at the last", async () => {
    const { model, optimizer, step, batches } = run();
    const held = text.validationBatches({ ...shape, batches: 2 });
    const steps: number[] = [];
    const evaluations: { step: number; valLoss: number; best: boolean }[] = [];
    const result = await new Trainer<TextBatch>({
      step,
      optimizer,
      batches,
      steps: 25,
      evalEvery: 10,
      logEvery: 7,
      evaluate: () => evaluate(model, held, lossOf),
      onStep: (report) => void steps.push(report.step),
      onEvaluation: (report) => void evaluations.push(report),
    }).run();
    expect(steps).toEqual([1, 7, 10, 14, 20, 21, 25]);
    expect(evaluations.map((e) => e.step)).toEqual([10, 20, 25]);
    expect(evaluations[0]!.best).toBe(true);
    expect(result).toMatchObject({ reason: "finished", steps: 25 });
    expect(result.valLoss).toBe(evaluations.at(-1)!.valLoss);
    expect(model.training).toBe(true);
  });

  test("stops early once the validation loss has not fallen for `patience` evaluations", async () => {
    const { optimizer, step, batches } = run();
    const losses = [3, 2, 2.5, 2.1, 1, 1];
    const result = await new Trainer<TextBatch>({
      step,
      optimizer,
      batches,
      steps: 20,
      evalEvery: 1,
      patience: 2,
      evaluate: async () => losses.shift()!,
    }).run();
    expect(result).toMatchObject({ reason: "early-stop", steps: 4, valLoss: 2.1 });
  });

  test("finishes the step in progress when it is aborted, and goes on from there", async () => {
    const { optimizer, step, batches } = run();
    const controller = new AbortController();
    const options = { step, optimizer, batches, steps: 12, logEvery: 1 };
    const stopped = await new Trainer<TextBatch>({
      ...options,
      signal: controller.signal,
      onStep: (report) => {
        if (report.step === 5) controller.abort();
      },
    }).run();
    expect(stopped).toMatchObject({ reason: "aborted", steps: 5 });
    expect(await new Trainer<TextBatch>(options).run()).toMatchObject({
      reason: "finished",
      steps: 12,
    });
  });

  test("a learning rate that diverges is an error that says so, at the step where it shows", async () => {
    const { optimizer, step, batches } = run({ lr: 1e30 });
    const trainer = new Trainer<TextBatch>({ step, optimizer, batches, steps: 20, logEvery: 1 });
    await expect(trainer.run()).rejects.toThrow(DivergenceError);
    expect(step.count).toBeLessThan(20);
  });
});

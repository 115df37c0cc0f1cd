/** Memory runs out: the error says what takes it and what helps, and everything is as it was. */
import { afterEach, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import { buildGPT, type GPTBatch, weightBits } from "./faultTraining";

const open: tg.Device[] = [];
afterEach(async () => {
  for (const device of open.splice(0)) await device.destroy();
});
async function limited(memoryLimit: number): Promise<tg.Device> {
  const device = await tg.init({ memoryLimit });
  open.push(device);
  return device;
}

function caught(run: () => unknown): tg.OutOfMemoryError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(tg.OutOfMemoryError);
    return error as tg.OutOfMemoryError;
  }
  throw new Error("nothing was thrown");
}

describe("a memory limit", () => {
  test("refuses what is beyond it with the report, leaves tensors as they were, and room freed is room again", async () => {
    const device = await limited(1 << 20);
    const kept = tg.arange(0, 65_536, 1);
    const before = tg.memory(device);
    const { message, memory } = caught(() => tg.zeros([262_144]));
    expect(message).toMatch(
      /no memory for f32 tensor \[262144\] \(1048576 bytes\): \d+ of 1048576 bytes are in use\. Dispose/,
    );
    expect(memory).toMatchObject({ liveBytes: before.liveBytes, byCategory: { tensor: 262_144 } });
    expect(tg.memory(device).liveBytes).toBe(before.liveBytes);
    expect(device.executor.failure).toBeNull();
    expect(await kept.sum().item()).toBe((65_535 * 65_536) / 2);
    kept.dispose();
    expect(await tg.ones([196_608]).sum().item()).toBe(196_608);
  });

  test("counts what is kept for reuse, and gives that back before it refuses", async () => {
    const device = await limited(1 << 20);
    tg.zeros([131_072]).dispose();
    expect(tg.memory(device).pooledBytes).toBeGreaterThanOrEqual(524_288);
    const large = tg.ones([196_608]);
    expect(tg.memory(device).pooledBytes).toBe(0);
    expect(await large.sum().item()).toBe(196_608);
  });

  test("that is none is refused", async () => {
    await expect(tg.init({ memoryLimit: 0 })).rejects.toThrow(/memoryLimit is 0; it takes bytes/);
  });
});

describe("the cheapest way out", () => {
  const gib = 2 ** 20;
  const byCategory = {
    parameter: gib,
    gradient: gib,
    optimizer: 2 * gib,
    tensor: gib,
    plan: 3 * gib,
  };
  const advise = async (used: Record<string, number>, missing: number): Promise<string> => {
    const { memoryAdvice } = await import("../../src/device/memoryAdvice");
    const report = { liveBytes: 0, peakBytes: 0, pooledBytes: 0, liveBuffers: 0, byCategory: used };
    return memoryAdvice(report, missing);
  };
  test.each([
    ["8-bit state where that frees enough", byCategory, gib, /state: "8bit" frees about 1551892\./],
    [
      "updates per layer",
      { ...byCategory, optimizer: 0 },
      gib,
      /optim\.perLayer frees about 1048576\./,
    ],
    ["recomputed layers where states free too little", byCategory, 2 * gib, /checkpoint\(\) frees/],
    [
      "what frees most where nothing is enough",
      byCategory,
      9 * gib,
      /checkpoint\(\) frees about 2097152\./,
    ],
    ["none where there is nothing to free", {}, 1, /^$/],
    [
      "none of 8-bit state where states are small already",
      { parameter: 8, optimizer: 4, tensor: 2 },
      1,
      /checkpoint\(\) frees about 1\./,
    ],
  ])("is %s", async (_, used, missing, says) => {
    expect(await advise(used, missing)).toMatch(says);
  });
});

test.each([true, false])(
  "a training step that does not fit (compiled: %s) changes no weight and leaks nothing, and the step is taken once there is room",
  async (compile) => {
    const build = () => {
      tg.manualSeed(1);
      return buildGPT({}, { compile });
    };
    const free = await tg.init();
    open.push(free);
    const want = build();
    for (let i = 0; i < 3; i++) want.step(want.batches.next());
    const wanted = await weightBits(want.model);

    // Room for weights, gradients and states, and for the optimizer's kernels, but not for what lies beside it.
    const device = await limited(3 << 20);
    const { model, optimizer, step, batches } = build();
    const ballast: tg.Tensor[] = [];
    const fill = (): void => {
      for (let size = 1 << 18; size >= 64; size /= 2)
        try {
          for (;;) ballast.push(tg.zeros([size]));
        } catch (error) {
          expect(error).toBeInstanceOf(tg.OutOfMemoryError);
        }
    };
    step(batches.next());
    await device.synchronize();
    const weights = await weightBits(model);
    if (compile) step.dispose();
    fill();
    const { liveBytes } = tg.memory(device);
    const cursor = batches.cursor;
    const { memory } = caught(() => step(batches.next()));
    expect(memory!.byCategory["optimizer"]).toBeGreaterThan(0);
    expect(tg.memory(device).liveBytes).toBeLessThanOrEqual(liveBytes);
    expect(await weightBits(model)).toEqual(weights);
    expect(step.count).toBe(1);
    expect(optimizer.stepCount).toBe(1);

    for (const tensor of ballast) tensor.dispose();
    batches.cursor = cursor;
    for (let i = 0; i < 2; i++) step(batches.next());
    expect(await weightBits(model)).toEqual(wanted);
  },
);

test("a trainer that runs out of memory throws the typed error, and its supervisor restarts nothing", async () => {
  const ballast: tg.Tensor[] = [];
  const trainer = new tg.SupervisedTrainer<GPTBatch, tg.nn.GPT>({
    init: () => tg.init({ memoryLimit: 3 << 20 }),
    build: () => buildGPT(),
    steps: 20,
    logEvery: 1,
    snapshotEvery: 4,
    onStep: ({ step }) => {
      if (step === 6) ballast.push(tg.zeros([1 << 20]));
    },
  });
  await expect(trainer.run()).rejects.toThrow(tg.OutOfMemoryError);
  expect(trainer.restarts).toBe(0);
  expect(trainer.parts.step.count).toBe(6);
  expect(await trainer.run()).toMatchObject({ reason: "finished", steps: 20 });
  await trainer.destroy();
});

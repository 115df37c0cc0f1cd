/** Trainers side by side, disposal in the middle of a read, and long runs. */
import { afterEach, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import { nodePlatform } from "../../src/platform/node";
import { buildGPT, type GPTBatch, type GPTParts, weightBits } from "./faultTraining";

const open: tg.Device[] = [];
afterEach(async () => {
  for (const device of open.splice(0)) await device.destroy();
});
async function opened(): Promise<tg.Device> {
  const device = await tg.init();
  open.push(device);
  return device;
}

const steps = 15;
function seeded(seed: number): GPTParts {
  tg.manualSeed(seed);
  return buildGPT({}, { seed });
}
async function trained(parts: GPTParts): Promise<{ losses: number[]; weights: number[][] }> {
  const losses: number[] = [];
  await new tg.Trainer<GPTBatch>({
    ...parts,
    steps,
    logEvery: 1,
    evalEvery: 5,
    onStep: ({ loss }) => void losses.push(loss),
  }).run();
  return { losses, weights: await weightBits(parts.model) };
}

describe("two trainers in one process", () => {
  test.each(["one device", "a device each"])(
    "on %s, interleaved, have the bits of each alone",
    async (on) => {
      await opened();
      const alone = [await trained(seeded(1)), await trained(seeded(2))];
      expect(alone[0]!.weights).not.toEqual(alone[1]!.weights);
      await opened();
      const first = seeded(1);
      if (on === "a device each") await opened();
      const second = seeded(2);
      expect(await Promise.all([trained(first), trained(second)])).toEqual(alone);
    },
  );

  test("one of which loses its device, leave the other alone", async () => {
    await opened();
    const alone = await trained(seeded(1));
    await opened();
    const other = seeded(1);
    const supervised = new tg.SupervisedTrainer<GPTBatch, tg.nn.GPT>({
      init: tg.init,
      build: () => seeded(2),
      steps,
      logEvery: 1,
      onStep: ({ step }) => {
        if (step === 6) supervised.device!.executor.lose();
      },
    });
    const [theirs] = await Promise.all([trained(other), supervised.run()]);
    expect(supervised.restarts).toBe(1);
    expect(theirs).toEqual(alone);
    await supervised.destroy();
  });
});

describe("disposal during a pending read", () => {
  test("of the tensor that is read: the read has its values, whoever gets its memory next", async () => {
    await opened();
    for (let round = 0; round < 20; round++) {
      const x = tg.full([3000], round);
      const reading = x.data();
      x.dispose();
      const next = tg.full([3000], -1);
      expect(new Set(await reading)).toEqual(new Set([round]));
      next.dispose();
    }
  });

  test("of model, optimizer and step: the losses arrive, and nothing stays behind", async () => {
    const device = await opened();
    const { liveBytes } = tg.memory(device);
    const { model, optimizer, step, batches } = seeded(1);
    const reading = [0, 1, 2].map(() => step(batches.next()).loss.item());
    step.dispose();
    optimizer.dispose();
    model.dispose();
    expect((await Promise.all(reading)).every(Number.isFinite)).toBe(true);
    expect(tg.memory(device).liveBytes).toBe(liveBytes);
  });
});

type Samples = readonly (readonly [step: number, bytes: number])[];

/** What the floor of the last third lies above that of the first, in bytes: garbage and pools only add to a floor. */
function risen(samples: Samples): number {
  const third = Math.floor(samples.length / 3);
  const floor = (of: Samples): number => Math.min(...of.map(([, bytes]) => bytes));
  return floor(samples.slice(-third)) - floor(samples.slice(0, third));
}

test("a day's worth of steps takes no more memory than its first thousands, on the device and in the process", async () => {
  const device = await opened();
  const total = device.executor.kind === "cpu" ? 20_000 : 6000;
  tg.manualSeed(1);
  const model = new tg.nn.Linear(4, 2);
  const optimizer = tg.optim.adamw(model.namedParameters(), { lr: 1e-3, clipGradNorm: 1 });
  const step = tg.trainStep(model, optimizer, (m, { input, target }) =>
    m.forward(input).sub(target).square().mean(),
  );
  const batch: tg.Batch = {
    input: { values: new Float32Array(8).fill(0.5), shape: [2, 4] },
    target: { values: new Float32Array(4).fill(1), shape: [2, 2] },
  };
  const onDevice: [live: number, buffers: number, pooled: number][] = [];
  const heap: [number, number][] = [];
  const resident: [number, number][] = [];
  await new tg.Trainer<tg.Batch>({
    step,
    optimizer,
    batches: { cursor: 0, next: () => batch },
    steps: total,
    logEvery: total / 20,
    onStep: ({ step: done }) => {
      // The engine's own code and caches are complete by then.
      if (done < total / 3) return;
      nodePlatform.collectGarbage();
      const { liveBytes, liveBuffers, pooledBytes } = tg.memory(device);
      onDevice.push([liveBytes, liveBuffers, pooledBytes]);
      const { heapUsed, rss } = process.memoryUsage();
      heap.push([done, heapUsed]);
      resident.push([done, rss]);
    },
  }).run();
  expect(onDevice.length).toBeGreaterThanOrEqual(13);
  expect(new Set(onDevice.map(String)).size).toBe(1);
  // Of 2,500 steps at least between the thirds; a tensor or bind group kept for each takes hundreds of bytes.
  expect(risen(heap)).toBeLessThan(2500 * 100);
  // Allocators keep pages in steps of megabytes.
  expect(risen(resident)).toBeLessThan(24 * 2 ** 20);
});

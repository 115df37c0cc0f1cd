/** Damaged checkpoints: refused with the model and the optimizer as they were, or restored as they say. */
import { beforeAll, expect, test } from "vitest";
import { CheckpointError } from "../../src/errors";
import { type Device, init, nn, optim, readAll } from "../../src/node";
import { HostRandom } from "../../src/random/hostRandom";
import { Checkpoint, encodeCheckpoint } from "../../src/train/checkpoint";
import { decodeSafetensors, encodeSafetensors, fromArray } from "../../src/train/safetensors";
import { mutated } from "../mutation";

let device: Device;
beforeAll(async () => {
  device = await init({ executor: "cpu", threads: 0, cache: false });
  return () => device.destroy();
});

const makeRun = () => {
  const model = new nn.Linear(3, 2);
  return { model, optimizer: optim.adamw(model.namedParameters(), { lr: 0.1 }), run: { step: 3 } };
};

/** All that restoring may change, as bits. */
async function bitsOf({ model, optimizer }: ReturnType<typeof makeRun>): Promise<string> {
  const { tensors, scalars } = await optimizer.state();
  const values = await readAll([...Object.values(model.stateDict()), ...Object.values(tensors)]);
  const bits = values.map((array) => Buffer.from(array.buffer as ArrayBuffer).toString("hex"));
  return `${bits.join()} ${JSON.stringify(scalars)}`;
}

const refusal = (restore: () => void): CheckpointError | null => {
  try {
    restore();
    return null;
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  }
};

test("2,000 damaged checkpoints change nothing where they are refused", async () => {
  const random = new HostRandom(7);
  const saved = makeRun();
  const whole = await encodeCheckpoint(saved);
  const alone = await encodeCheckpoint({ model: saved.model });
  const target = makeRun();
  let before = await bitsOf(target);
  let refused = 0;
  for (let i = 0; i < 2000; i++) {
    const bytes = mutated([whole, alone], random);
    let checkpoint: Checkpoint | null = null;
    const unreadable = refusal(() => {
      checkpoint = new Checkpoint(bytes, "fuzzed");
    });
    const read = checkpoint as Checkpoint | null;
    if (!read) {
      expect(unreadable!.message).toMatch(/^fuzzed cannot be read as safetensors: /);
      refused++;
      continue;
    }
    refusal(() => void read.run);
    const noModel = refusal(() => read.restoreModel(target.model));
    if (noModel) expect(await bitsOf(target)).toBe(before);
    before = await bitsOf(target);
    const noOptimizer = refusal(() => read.restoreOptimizer(target.optimizer));
    if (noOptimizer) {
      expect(await bitsOf(target)).toBe(before);
      refused++;
    }
    before = await bitsOf(target);
  }
  expect(refused).toBeGreaterThan(500);
  expect(refused).toBeLessThan(2000);
});

test("a checkpoint restores the bits that it was made of", async () => {
  const saved = makeRun();
  const target = makeRun();
  const checkpoint = new Checkpoint(await encodeCheckpoint(saved), "whole");
  checkpoint.restoreModel(target.model);
  checkpoint.restoreOptimizer(target.optimizer);
  expect(await bitsOf(target)).toBe(await bitsOf(saved));
});

test("a tensor named as what every object has is unexpected, as any other", async () => {
  const { model } = makeRun();
  const { tensors } = decodeSafetensors(await encodeCheckpoint({ model }), "whole");
  for (const name of ["toString", "constructor", "__proto__"]) {
    const extra = [name, fromArray("F32", [1], Float32Array.of(1))] as const;
    const read = new Checkpoint(encodeSafetensors([...tensors, extra]), "fuzzed");
    expect(() => read.restoreModel(model), name).toThrow(`unexpected: ${name}`);
  }
});

test("a whole number that no tensor holds is refused, and not wrapped into another", async () => {
  const { model } = makeRun();
  const { tensors } = decodeSafetensors(await encodeCheckpoint({ model }), "whole");
  const bias = fromArray("I64", [2], BigInt64Array.of(1n, 1n + (1n << 40n)));
  const read = new Checkpoint(
    encodeSafetensors(
      [...tensors].map(([name, tensor]) => [name, name === "bias" ? bias : tensor]),
    ),
    "fuzzed",
  );
  expect(() => read.restoreModel(model)).toThrow(
    /^fuzzed: bias holds the whole number 1099511627777, which is beyond 32 bits/,
  );
});

/** Checkpoints that runs go on from: the same bits, the same things, or a refusal that says what differs. */
import { mkdtemp, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import type { TextBatch } from "../../src/data/text";
import type { Device } from "../../src/device/device";
import { ArgumentError, CheckpointError } from "../../src/errors";
import {
  Checkpoint,
  CheckpointFolder,
  data,
  encodeCheckpoint,
  init,
  manualSeed,
  nn,
  nodeFiles,
  optim,
  type Tensor,
  trainStep,
} from "../../src/node";
import type { OptimizerOptions } from "../../src/optim/optimizerOptions";
import { libraryVersion } from "../../src/train/fingerprint";
import {
  decodeSafetensors,
  encodeSafetensors,
  fromArray,
  toArray,
} from "../../src/train/safetensors";

let device: Device;
beforeAll(async () => {
  device = await init();
});
afterAll(() => device.destroy());

const text = data.fromString("the quick brown fox jumps over the lazy dog. ".repeat(40));
const config = { vocab: text.vocab, context: 8, layers: 1, heads: 2, width: 16, dropout: 0.1 };
const lossOf = (model: nn.GPT, { input, target }: { input: Tensor; target: Tensor }): Tensor =>
  nn.functional.crossEntropy(model.forward(input), target, { classDim: -1 });

const open: { dispose(): void }[] = [];
afterEach(() => {
  for (const thing of open.splice(0).reverse()) thing.dispose();
});
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "tilegrad-checkpoint-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function run(options: OptimizerOptions = {}, gpt: nn.GPTConfig = config) {
  manualSeed(1);
  const model = new nn.GPT(gpt);
  const lr = optim.schedule.warmupCosine({ peak: 1e-2, warmup: 5, total: 50 });
  const optimizer = optim.adamw(model.namedParameters(), { lr, clipGradNorm: 1, ...options });
  const step = trainStep<nn.GPT, TextBatch>(model, optimizer, lossOf, { seed: 1 });
  const batches = text.loader({ context: 8, batch: 4, seed: 1 });
  open.push(model, optimizer);
  return { model, optimizer, step, batches };
}

function train({ step, batches }: ReturnType<typeof run>, until: number): void {
  batches.cursor = step.count;
  while (step.count < until) step(batches.next()).loss.dispose();
}

describe("a run that goes on from the last of its checkpoints", () => {
  test.each<[string, OptimizerOptions]>([
    ["AdamW", {}],
    ["AdamW with states of 8 bits", { state: optim.eightBit({ minSize: 256 }) }],
    ["AdamW in GaLore's subspace", { subspace: optim.galore({ rank: 4, every: 5 }) }],
  ])("ends with the bits of one that never stopped: %s", async (_, options) => {
    const whole = run(options);
    train(whole, 24);
    const expected = await encodeCheckpoint({ ...whole, run: { step: 24 } });

    const first = run(options);
    const checkpoints = new CheckpointFolder(nodeFiles, folder, { keep: 2 });
    for (const step of [4, 8, 12]) {
      train(first, step);
      await checkpoints.save(step, { ...first, run: { step } });
    }
    expect((await checkpoints.list()).map(({ step }) => step)).toEqual([8, 12]);

    const resumed = run(options);
    train(resumed, 3);
    const latest = await new CheckpointFolder(nodeFiles, folder).latest();
    expect(latest!.checkpoint.restore(resumed)).toEqual([]);
    resumed.step.count = latest!.step;
    train(resumed, 24);
    expect(await encodeCheckpoint({ ...resumed, run: { step: 24 } })).toEqual(expected);
  });
});

describe("states of 8 bits", () => {
  test("take as many in the file, and load from files that have 64 for each word of codes", async () => {
    const state = optim.eightBit({ minSize: 256 });
    const whole = run({ state });
    train(whole, 2);
    const bytes = await encodeCheckpoint(whole);
    const { tensors, metadata } = decodeSafetensors(bytes, "it");
    const codes = [...tensors].filter(([, { dtype }]) => dtype === "I32");
    const { size } = whole.model.parameters()[0]!;
    expect(codes.length).toBeGreaterThan(0);
    expect([...tensors.values()].map(({ dtype }) => dtype)).not.toContain("I64");
    expect(Math.max(...codes.map(([, { data }]) => data.length))).toBeLessThan(4 * size);
    const older = [...tensors].map(([key, tensor]) => {
      if (tensor.dtype !== "I32") return [key, tensor] as const;
      const words = Uint32Array.from(toArray(tensor, "I32"));
      // Codes of numbers below 0 have the highest bit.
      return [key, fromArray("I64", tensor.shape, BigInt64Array.from(words, BigInt))] as const;
    });
    for (const saved of [bytes, encodeSafetensors(older, metadata)]) {
      const other = run({ state });
      new Checkpoint(saved, "it").restore(other);
      expect(await encodeCheckpoint(other)).toEqual(bytes);
    }
  });
});

describe("the newest checkpoint", () => {
  test("is found behind damaged ones, which are named", async () => {
    const { model } = run();
    const checkpoints = new CheckpointFolder(nodeFiles, `${folder}/below`);
    expect(await checkpoints.latest()).toBeNull();
    for (const step of [1, 2, 3]) await checkpoints.save(step, { model, run: { step } });
    const [, second, third] = await checkpoints.list();
    await truncate(third!.path, (await stat(third!.path)).size - 1);
    await truncate(second!.path, 0);
    const latest = await checkpoints.latest();
    expect(latest!.checkpoint.run).toEqual({ step: 1 });
    expect(latest!.damaged.map(({ step }) => step)).toEqual([3, 2]);
    expect(latest!.damaged[0]!.reason).toMatch(/step-000003\.safetensors .*truncated/);
    await checkpoints.save(2, { model });
    expect((await checkpoints.list()).map(({ step }) => step)).toEqual([1, 2]);
    for (const { path } of await checkpoints.list()) await truncate(path, 5);
    await expect(checkpoints.latest()).rejects.toThrow(CheckpointError);
  });

  test("of another run is not written over, and other files are left alone", async () => {
    const { model } = run();
    await new CheckpointFolder(nodeFiles, folder).save(9, { model });
    await nodeFiles.append(`${folder}/step-1.safetensors`, "no checkpoint");
    const other = new CheckpointFolder(nodeFiles, folder, { keep: 1 });
    await expect(other.save(0, { model })).rejects.toThrow(ArgumentError);
    await other.save(10, { model });
    expect(await nodeFiles.list(folder)).toEqual(["step-000010.safetensors", "step-1.safetensors"]);
    expect(() => new CheckpointFolder(nodeFiles, folder, { keep: 0 })).toThrow(/keep is 0/);
    expect(() => other.save(-1, { model })).toThrow(/step is -1/);
  });
});

describe("a checkpoint that belongs to another run", () => {
  const configuration = { text: "abc", batch: 4 };

  /** As another version would have written it. */
  function ofVersion(version: string, bytes: Uint8Array): Uint8Array {
    const { tensors, metadata } = decodeSafetensors(bytes, "it");
    const key = "tilegrad.fingerprint";
    const saved = { ...JSON.parse(metadata[key]!), version };
    return encodeSafetensors(tensors, { ...metadata, [key]: JSON.stringify(saved) });
  }

  test("is refused with everything that differs, and changes nothing", async () => {
    const { model, optimizer } = run();
    const bytes = await encodeCheckpoint({ model, optimizer, configuration });
    const checkpoint = new Checkpoint(ofVersion("0.0.9", bytes), "it");
    const other = run({}, { ...config, context: 9, bias: false });
    const before = await encodeCheckpoint(other);
    const restore = () =>
      checkpoint.restore({ ...other, configuration: { text: "abd", batch: 4, seed: 1 } });
    expect(restore).toThrow(CheckpointError);
    for (const part of [
      'tilegrad\'s version was "0.0.9" and is "0.1.0"',
      "transformer.wpe.weight was f32 [8, 16] and is f32 [9, 16]",
      "transformer.h.0.attn.c_attn.bias is only in the checkpoint",
      'text was "abc" and is "abd"',
      "seed was null and is 1",
    ])
      expect(restore).toThrow(part);
    expect(() => checkpoint.restore(other, { force: true })).toThrow(CheckpointError);
    expect(await encodeCheckpoint(other)).toEqual(before);
  });

  test("is gone on from where that is forced, and says so ever after", async () => {
    const { model, optimizer } = run();
    const bytes = await encodeCheckpoint({ model, optimizer, configuration });
    const checkpoint = new Checkpoint(ofVersion("0.0.9", bytes), "it");
    const other = run();
    const now = { ...other, configuration: { ...configuration, text: "abd" } };
    const forced = checkpoint.restore(now, { force: true });
    const differences = [
      'tilegrad\'s version was "0.0.9" and is "0.1.0"',
      'text was "abc" and is "abd"',
    ];
    expect(forced).toEqual([{ file: "it", differences }]);
    const next = new Checkpoint(await encodeCheckpoint({ ...now, forced }), "next");
    expect(next.restore(now)).toEqual(forced);
  });

  test("is refused where the optimizer is another, forced or not, before the model is changed", async () => {
    const { model, optimizer } = run();
    const checkpoint = new Checkpoint(await encodeCheckpoint({ model, optimizer }), "it");
    const { model: same } = run();
    const lion = optim.lion(same.namedParameters(), {});
    open.push(lion);
    const other = { model: same, optimizer: lion };
    same
      .parameters()[0]!
      .assign({ values: new Float32Array(config.vocab * 16), shape: [config.vocab, 16] });
    const before = await encodeCheckpoint(other);
    for (const force of [false, true])
      expect(() => checkpoint.restore(other, { force })).toThrow(
        /it: .*has rule "adamw", this optimizer "lion"/,
      );
    expect(await encodeCheckpoint(other)).toEqual(before);
  });

  test.each<[string, OptimizerOptions & { betas?: readonly [number, number] }, string]>([
    ["betas", { betas: [0.9, 0.95] }, "hyperParameters.betas was [0.9,0.999] and is [0.9,0.95]"],
    ["weight decays", { weightDecay: 0.5 }, "groups.0.weightDecay was 0.01 and is 0.5"],
    ["kinds of decay", { decoupledWeightDecay: false }, 'decay was "decoupled" and is "l2"'],
    ["clipping", { clipGradNorm: 2 }, "clipGradNorm was 1 and is 2"],
    ["seeds", { seed: 3 }, "seed was 0 and is 3"],
    ["options of a transform", { transforms: [optim.lookahead({ alpha: 0.25 })] }, "alpha was 0.5"],
  ])("is refused where the optimizer has other %s, unless forced", async (what, options, told) => {
    const transforms = what.includes("transform") ? [optim.lookahead()] : [];
    const saved = run({ transforms });
    train(saved, 1);
    const checkpoint = new Checkpoint(await encodeCheckpoint(saved), "it");
    const other = run({ transforms, ...options });
    const before = await encodeCheckpoint(other);
    const restore = () => checkpoint.restore(other);
    expect(restore).toThrow(CheckpointError);
    expect(restore).toThrow(`it does not belong to this run: optimizer.`);
    expect(restore).toThrow(told);
    expect(await encodeCheckpoint(other)).toEqual(before);
    const [forced, ...more] = checkpoint.restore(other, { force: true });
    expect(more).toEqual([]);
    expect(forced!.differences).toHaveLength(1);
    expect(forced!.differences[0]).toContain(told);
    // It goes on with its own.
    const next = new Checkpoint(await encodeCheckpoint(other), "next");
    expect(next.restore(run({ transforms, ...options }))).toEqual([]);
  });

  test("but for its rate belongs to the run, and brings its rate", async () => {
    const saved = run();
    saved.optimizer.learningRate = 0.125;
    const other = run({ lr: 0.5 });
    const checkpoint = new Checkpoint(await encodeCheckpoint(saved), "it");
    expect(checkpoint.restore(other)).toEqual([]);
    expect(other.optimizer.learningRate).toBe(0.125);
  });

  test("is refused where the optimizers of layers have other options, which are told once", async () => {
    const { model } = run();
    const named = model.namedParameters();
    const layers = optim.perLayer(named, (layer) => optim.adamw(layer));
    const saved = new Checkpoint(await encodeCheckpoint({ model, optimizer: layers }), "it");
    layers.dispose();
    const others = optim.perLayer(named, (layer) => optim.adamw(layer, { eps: 1e-6 }));
    open.push(others);
    expect(() => saved.restore({ model, optimizer: others })).toThrow(
      "it does not belong to this run: optimizer.hyperParameters.eps was 1e-8 and is 0.000001. Make",
    );
  });

  test.each([
    ["tilegrad.fingerprint", "5"],
    ["tilegrad.fingerprint", '{"version":"0.1.0","model":{"a":1},"configuration":{}}'],
    ["tilegrad.forced", '[{"file":1}]'],
  ])("is damaged where %s is %s", async (key, value) => {
    const { model } = run();
    const { tensors, metadata } = decodeSafetensors(await encodeCheckpoint({ model }), "it");
    const damaged = encodeSafetensors(tensors, { ...metadata, [key]: value });
    const restore = () => new Checkpoint(damaged, "it").restore({ model });
    expect(restore).toThrow(CheckpointError);
    expect(restore).toThrow(new RegExp(`${key}.*damaged`));
  });

  test("is refused where updates are per layer and their rule is another, before the model is changed", async () => {
    const { model } = run();
    const layers = optim.perLayer(model.namedParameters(), (layer) => optim.adamw(layer));
    const saved = await encodeCheckpoint({ model, optimizer: layers });
    model
      .parameters()[0]!
      .assign({ values: new Float32Array(config.vocab * 16), shape: [config.vocab, 16] });
    layers.dispose();
    const others = optim.perLayer(model.namedParameters(), (layer) => optim.lion(layer));
    open.push(others);
    const other = { model, optimizer: others };
    const before = await encodeCheckpoint(other);
    expect(() => new Checkpoint(saved, "it").restore(other)).toThrow(
      /it: loadState: the checkpoint has \S*exp_avg/,
    );
    expect(await encodeCheckpoint(other)).toEqual(before);
  });

  test("tells versions apart by package.json's", () => {
    expect(libraryVersion).toBe(packageJson.version);
  });
});

import { describe, expect, test } from "vitest";
import { kernelTimes } from "../../src/cli/kernelTimes";
import { modelConfig, recipe } from "../../src/cli/recipe";
import { restoredRun, type SavedRun } from "../../src/cli/savedRun";
import { StepMeter } from "../../src/cli/stepMeter";
import { promptFrom, type TrainingText } from "../../src/cli/trainingText";
import { scheduleOf } from "../../src/cli/trainOptions";
import { CharTokenizer } from "../../src/data/charTokenizer";
import { fromString } from "../../src/data/text";
import type { Executor } from "../../src/device/executor";
import { CheckpointError } from "../../src/errors";
import type { Tensor } from "../../src/tensor/tensor";
import { Checkpoint } from "../../src/train/checkpoint";
import { encodeSafetensors } from "../../src/train/safetensors";
import { options } from "./exampleRun";

describe("StepMeter", () => {
  function meter(tokensPerStep = 100, step = 0) {
    const clock = { now: 5000 };
    const counters = { dispatches: 7, submits: 3, copies: 0, programs: 0 };
    const executor = { counters } as unknown as Executor;
    return {
      clock,
      counters,
      made: new StepMeter(executor, tokensPerStep, step, () => clock.now),
    };
  }

  test("the total leaves out the first stretch, in which kernels are compiled", () => {
    const { clock, made } = meter();
    clock.now += 10_000;
    expect(made.mark(1)).toBe(10);
    expect(made.tokensPerSecond).toBe(10);
    clock.now += 1000;
    expect(made.mark(11)).toBe(1000);
    expect(made.tokensPerSecond).toBe(1000);
    expect(made.seconds).toBe(11);
  });

  test("time aside is left out, and so is a stretch that something slows down", async () => {
    const { clock, made } = meter(100, 40);
    made.mark(41);
    clock.now += 1000;
    await made.aside(async () => {
      clock.now += 500;
    });
    expect(made.mark(51)).toBe(1000);
    made.skipStretch();
    clock.now += 5000;
    expect(made.mark(52)).toBe(20);
    expect(made.tokensPerSecond).toBe(1000);
  });

  test("what is dispatched between steps is not counted as theirs", () => {
    const { counters, made } = meter();
    const plain = Object.assign(
      () => {
        counters.dispatches += 20;
        counters.submits++;
        return { loss: {} as Tensor };
      },
      { count: 0, plans: [], scaler: null, warmup: async () => null, dispose: () => {} },
    );
    const step = made.counting<null>(plain);
    for (let i = 0; i < 3; i++) {
      step(null);
      counters.dispatches += 1000;
      counters.submits += 5;
    }
    step.count = 3;
    expect(plain.count).toBe(3);
    expect(made.perStep).toEqual({ dispatches: 20, submits: 1 });
  });
});

test("kernel times are means over the steps, the longest first", () => {
  const timing = (name: string, nanoseconds: number) => ({ name, nanoseconds });
  const timings = [timing("a", 1e6), timing("b", 3e6), timing("b", 5e6), timing("a", 1e6)];
  expect(kernelTimes(timings, 2)).toEqual([
    { kernel: "b", dispatches: 1, milliseconds: 4 },
    { kernel: "a", dispatches: 1, milliseconds: 1 },
  ]);
});

describe("promptFrom", () => {
  const of = (text: string): TrainingText => ({
    dataset: fromString(text),
    fingerprint: { characters: text.length, sha256: "" },
  });

  test("is a whole line of the validation part, not one cut by the split", () => {
    const lines = Array.from({ length: 100 }, (_, i) => `  line number ${i} of them`);
    const prompt = promptFrom(of(lines.join("\n")), 64);
    expect(prompt).toMatch(/^line number 9\d of them$/);
  });

  test("is at most half the context, and something even where no line is long", () => {
    expect(
      promptFrom(of("a long line without an end ".repeat(40).concat("\n", "b".repeat(60))), 8),
    ).toHaveLength(4);
    expect(promptFrom(of("x\ny\n".repeat(100)), 64)).toHaveLength(1);
  });
});

describe("restoredRun", () => {
  const tokenizer = CharTokenizer.fromText("abc");
  const saved: SavedRun = {
    format: 1,
    version: "0.1.0",
    config: options.config,
    model: modelConfig(options.config, tokenizer.vocab),
    tokenizer: tokenizer.toJSON(),
    step: 25,
    seed: options.config.seed,
    schedule: scheduleOf(options.config).toJSON(),
    text: { characters: 3, sha256: "" },
  };
  const read = (run: unknown) =>
    restoredRun(
      new Checkpoint(
        encodeSafetensors([], { "tilegrad.run": JSON.stringify(run) }),
        "runs/a/model.safetensors",
      ),
    );

  test("gives back what was saved, with the tokenizer built", () => {
    const run = read(saved);
    expect(run).toMatchObject({ step: 25, config: options.config, model: saved.model });
    expect(run.tokenizer.decode([0, 2])).toBe("ac");
  });

  test.each([
    [{ ...saved, format: 2 }, /format 2; .* reads format 1/],
    [{ ...saved, step: -1 }, /done -1 steps/],
    [{ ...saved, config: { ...saved.config, batch: "8" } }, /no usable configuration \(batch/],
    [{ ...saved, tokenizer: { kind: "words" } }, /tokenizer/],
    [{ ...saved, model: { ...saved.model, vocab: 4 } }, /4 tokens, its tokenizer 3/],
    [null, /holds no run/],
  ])("refuses what was altered or is of another version (%#)", (run, message) => {
    expect(() => read(run)).toThrow(CheckpointError);
    expect(() => read(run)).toThrow(message);
  });
});

test("what no flag says is told for each update rule", () => {
  const { config } = options;
  expect(recipe(config)).toMatchObject({ "weight decay": "0.1, on matrices only" });
  expect(recipe({ ...config, optimizer: "sgd" })["update rule"]).toMatch(/momentum 0\.9/);
  expect(recipe({ ...config, steps: 100_000 })["learning rate"]).toMatch(/over 100 steps/);
});

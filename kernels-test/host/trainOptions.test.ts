import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/cli/exitCodes";
import { parseSampleOptions } from "../../src/cli/sampleOptions";
import {
  type FlagTexts,
  parseTrainOptions,
  resumedConfig,
  START_DEFAULTS,
  scheduleOf,
  TRAIN_GPT_DEFAULTS,
  trainConfigFromJSON,
} from "../../src/cli/trainOptions";
import { CheckpointError } from "../../src/errors";

const now = Date.UTC(2026, 0, 31, 23, 59, 58);
const gpt = (flags: FlagTexts) => parseTrainOptions(flags, TRAIN_GPT_DEFAULTS, now);

describe("parseTrainOptions", () => {
  test("without flags but a text, train gpt is nanoGPT's configuration for a laptop", () => {
    const { config, given, out, resume, json } = gpt({ text: "a.txt" });
    expect(config).toEqual({
      text: "a.txt",
      layers: 4,
      heads: 4,
      width: 128,
      context: 64,
      batch: 12,
      steps: 2000,
      lr: 1e-3,
      optimizer: "adamw",
      schedule: "cosine",
      seed: 1,
      evalEvery: 250,
    });
    expect([...given]).toEqual(["text"]);
    expect(out).toBe("runs/gpt-20260131-235958");
    expect([resume, json]).toEqual([null, false]);
  });

  test("a long run is validated, and so saved, at least every thousand steps", () => {
    expect(gpt({ text: "t", steps: "400" }).config.evalEvery).toBe(50);
    expect(gpt({ text: "t", steps: "100000" }).config.evalEvery).toBe(1000);
    expect(gpt({ text: "t", steps: "3" }).config.evalEvery).toBe(1);
  });

  test("every flag of the command reaches the options", () => {
    const { config, out, keep, json } = gpt({
      text: "t",
      layers: "2",
      heads: "3",
      width: "48",
      context: "32",
      batch: "5",
      steps: "70",
      lr: "2.5e-4",
      optimizer: "lion",
      schedule: "wsd",
      seed: "0",
      evalEvery: "7",
      out: "here",
      keep: "5",
      json: true,
    });
    expect(config).toEqual({
      text: "t",
      layers: 2,
      heads: 3,
      width: 48,
      context: 32,
      batch: 5,
      steps: 70,
      lr: 2.5e-4,
      optimizer: "lion",
      schedule: "wsd",
      seed: 0,
      evalEvery: 7,
    });
    expect([out, keep, json]).toEqual(["here", 5, true]);
  });

  test("start has a text of its own, and defaults that fit together", () => {
    const { config, out } = parseTrainOptions({}, START_DEFAULTS, now);
    expect(config.text).toBeNull();
    expect(config.width % config.heads).toBe(0);
    expect(out).toBe("runs/start-20260131-235958");
    expect(parseTrainOptions({ text: "a.txt" }, START_DEFAULTS, now).config.text).toBe("a.txt");
  });

  test("defaults that depend on other settings follow them", () => {
    expect(gpt({ text: "t", optimizer: "lion" }).config.lr).toBe(3e-4);
    expect(gpt({ text: "t", optimizer: "sgd" }).config.lr).toBe(0.1);
    expect(gpt({ text: "t", steps: "80" }).config.evalEvery).toBe(10);
    expect(gpt({ text: "t", steps: "1" }).config.evalEvery).toBe(1);
  });

  test("a resumed run needs no text and writes where it was", () => {
    const { config, out, resume } = gpt({ resume: "runs/a" });
    expect(config.text).toBeNull();
    expect([resume, out]).toEqual(["runs/a", "runs/a"]);
    expect(gpt({ resume: "runs/a", out: "runs/b" }).out).toBe("runs/b");
  });

  test.each([
    [{}, /--text FILE is missing/],
    [{ text: "t", steps: "0" }, /^--steps must be a whole number from 1 up, got "0"$/],
    [{ text: "t", steps: "-5" }, /--steps .* got "-5"/],
    [{ text: "t", steps: "1e3" }, /--steps .* got "1e3"/],
    [{ text: "t", steps: "2.5" }, /--steps .* got "2.5"/],
    [{ text: "t", steps: "" }, /--steps .* got ""/],
    [{ text: "t", steps: "99999999999999999999" }, /--steps .* got "9{20}"/],
    [{ text: "t", batch: "many" }, /--batch .* got "many"/],
    [{ text: "t", lr: "0" }, /^--lr must be a number above 0, got "0"$/],
    [{ text: "t", lr: "-1e-3" }, /--lr .* got "-1e-3"/],
    [{ text: "t", lr: "NaN" }, /--lr .* got "NaN"/],
    [{ text: "t", lr: "Infinity" }, /--lr .* got "Infinity"/],
    [{ text: "t", lr: "1e999" }, /--lr .* got "1e999"/],
    [{ text: "t", lr: "0x1" }, /--lr .* got "0x1"/],
    [{ text: "t", lr: "1,5" }, /--lr .* got "1,5"/],
    [{ text: "t", optimizer: "adam" }, /--optimizer must be one of adamw, lion, sgd, got "adam"/],
    [{ text: "t", seed: "-1" }, /--seed must be a whole number from 0 up/],
    [
      { text: "t", width: "100", heads: "3" },
      /--width 100 is not a multiple of --heads 3; .*--width 99/,
    ],
    [{ text: "t", width: "2", heads: "4" }, /for example --width 4/],
    [{ text: "" }, /--text must name a path/],
    [{ text: "t", out: "" }, /--out must name a path/],
  ] as [FlagTexts, RegExp][])("%j is a usage error that names the flag", (flags, message) => {
    expect(() => gpt(flags)).toThrow(UsageError);
    expect(() => gpt(flags)).toThrow(message);
  });
});

describe("resumedConfig", () => {
  const saved = gpt({ text: "a.txt", layers: "2", steps: "100", lr: "0.5" }).config;

  test("without flags it is the checkpoint's, whatever the defaults are", () => {
    expect(resumedConfig(saved, gpt({ resume: "r" }))).toEqual(saved);
  });

  test("more steps, another rate or a moved text are taken over", () => {
    const options = gpt({ resume: "r", steps: "300", lr: "0.25", text: "moved/a.txt" });
    expect(resumedConfig(saved, options)).toEqual({
      ...saved,
      steps: 300,
      lr: 0.25,
      text: "moved/a.txt",
    });
  });

  test("another architecture is refused with both values and the cure", () => {
    const options = gpt({ resume: "runs/a", layers: "6" });
    expect(() => resumedConfig(saved, options)).toThrow(UsageError);
    expect(() => resumedConfig(saved, options)).toThrow(
      /--layers is 6, but the run in runs\/a was trained with 2; leave --layers away/,
    );
    expect(resumedConfig(saved, gpt({ resume: "r", layers: "2" }))).toEqual(saved);
  });
});

describe("trainConfigFromJSON", () => {
  const config = gpt({ text: "a.txt" }).config;

  test("gives back what JSON holds", () => {
    expect(trainConfigFromJSON(JSON.parse(JSON.stringify(config)), "m")).toEqual(config);
    const own = { ...config, text: null };
    expect(trainConfigFromJSON(JSON.parse(JSON.stringify(own)), "m")).toEqual(own);
    const small = { ...config, lr: 1.5e-7 };
    expect(trainConfigFromJSON(JSON.parse(JSON.stringify(small)), "m")).toEqual(small);
  });

  test("a run from before there was a choice of schedules has the cosine", () => {
    const { schedule: _, ...older } = { ...config };
    expect(trainConfigFromJSON(older, "m")).toEqual(config);
    expect(() => trainConfigFromJSON({ ...config, schedule: "fast" }, "m")).toThrow(
      /schedule: --schedule must be one of cosine, linear, wsd, constant, got "fast"/,
    );
  });

  test.each([
    [null, /m\.safetensors .*\(text: it is undefined\)/],
    [{ ...config, layers: 0 }, /layers: --layers must be/],
    [{ ...config, lr: "fast" }, /lr: it is "fast"/],
    [{ ...config, optimizer: "magic" }, /optimizer: --optimizer must be one of/],
    [{ ...config, seed: undefined }, /seed: it is undefined/],
  ])("refuses %j as a checkpoint error", (json, message) => {
    expect(() => trainConfigFromJSON(json, "m.safetensors")).toThrow(CheckpointError);
    expect(() => trainConfigFromJSON(json, "m.safetensors")).toThrow(message);
  });
});

test("scheduleOf warms up for a twentieth of the steps, at most 100, and ends at a tenth", () => {
  const long = scheduleOf({ ...gpt({ text: "t" }).config, steps: 4000 });
  expect(long.toJSON()).toEqual({
    kind: "warmupCosine",
    peak: 1e-3,
    warmup: 100,
    total: 4000,
    final: 1e-4,
  });
  expect(scheduleOf({ ...gpt({ text: "t" }).config, steps: 1 })(0)).toBe(1e-3);
});

test.each([
  ["linear", { 2000: 0.55e-3, 4000: 1e-4 }],
  ["wsd", { 3200: 1e-3, 3400: 0.5e-3, 4000: 0 }],
  ["constant", { 4000: 1e-3 }],
])("--schedule %s warms up like the cosine, and goes on as the recipe says", (schedule, rates) => {
  const { config } = gpt({ text: "t", schedule, steps: "4000" });
  const [rate, cosine] = [scheduleOf(config), scheduleOf({ ...config, schedule: "cosine" })];
  for (let step = 0; step <= 100; step++) expect(rate(step)).toBe(cosine(step));
  for (const [step, expected] of Object.entries(rates))
    expect(Math.abs(rate(Number(step)) / 1e-3 - expected / 1e-3)).toBeLessThan(0.02);
});

describe("parseSampleOptions", () => {
  test("defaults hold where a flag is missing", () => {
    expect(parseSampleOptions("runs/a", { topK: "5", prompt: "" })).toEqual({
      run: "runs/a",
      prompt: "",
      length: 500,
      temperature: 0.8,
      topK: 5,
      topP: 1,
      seed: 1,
      device: { adapter: null, threads: null },
      json: false,
    });
  });

  test.each([
    [{ temperature: "0" }, /--temperature must be a number above 0/],
    [{ topP: "1.1" }, /--top-p must be a number above 0 and up to 1/],
    [{ topK: "0" }, /--top-k .* from 1 up/],
    [{ length: "x" }, /--length/],
  ])("%j is a usage error", (flags, message) => {
    expect(() => parseSampleOptions("r", flags)).toThrow(UsageError);
    expect(() => parseSampleOptions("r", flags)).toThrow(message);
  });
});

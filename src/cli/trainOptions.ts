/**
 * The options of `tilegrad train gpt` and `tilegrad start`: one table of flags, from which the help, the
 * parser, the report's configuration table and the rules for resuming are made.
 */

import { CheckpointError } from "../errors";
import { type Schedule, warmup, warmupCosine, warmupLinear, wsd } from "../optim/schedule";
import { type DeviceFlagTexts, type DeviceOptions, parseDeviceOptions } from "./deviceFlags";
import { UsageError } from "./exitCodes";
import { choiceFlag, countFlag, type Flag, numberFlag, POSITIVE, pathFlag } from "./flagValues";

export const OPTIMIZERS = ["adamw", "lion", "sgd"] as const;
export type OptimizerName = (typeof OPTIMIZERS)[number];

export const SCHEDULES = ["cosine", "linear", "wsd", "constant"] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

/** What is trained and how: all that decides the numbers of a run. Plain JSON; the checkpoint holds it. */
export interface TrainConfig {
  /** Path of a UTF-8 text; null for tilegrad's own source text. */
  text: string | null;
  layers: number;
  heads: number;
  /** Length of the residual stream; a multiple of `heads`. */
  width: number;
  /** Tokens a window. */
  context: number;
  /** Windows a step. */
  batch: number;
  /** Steps in all, those before a resume among them. */
  steps: number;
  /** Peak learning rate. */
  lr: number;
  optimizer: OptimizerName;
  /** How the rate goes on after its warm-up: see `scheduleOf`. */
  schedule: ScheduleName;
  /** Whole number from 0 to 2^53 - 1: initial weights, batches, dropout, samples. */
  seed: number;
  /** Steps from one validation to the next. */
  evalEvery: number;
}

export interface TrainOptions {
  config: TrainConfig;
  /** The settings that stood on the command line; the others are defaults. */
  given: ReadonlySet<keyof TrainConfig>;
  /** Folder of the run's files. */
  out: string;
  /** Folder of the run to go on with, if any. */
  resume: string | null;
  /** How many of the newest checkpoints stay. */
  keep: number;
  /** Resume though the version, the text or the optimizer's options are others than the checkpoint's. */
  force: boolean;
  device: DeviceOptions;
  /** Print one JSON object a line on standard output, and nothing else there. */
  json: boolean;
}

/** Flag texts by camelCase name, as the command line had them. */
export type FlagTexts = Readonly<
  Partial<Record<keyof TrainConfig | "out" | "resume" | "keep", string>> & {
    json?: boolean;
    force?: boolean;
  }
> &
  DeviceFlagTexts;

/** One row a setting: its flag, and what a resumed run may do with it. */
export const TRAIN_SETTINGS: {
  readonly [K in keyof TrainConfig]: Flag<TrainConfig[K]> & {
    /** `fixed` settings belong to the checkpoint; a resumed run may not change them. */
    resume: "fixed" | "free";
  };
} = {
  text: {
    ...pathFlag("--text", "<file>", "UTF-8 text to learn; the first 90 % train, the rest validate"),
    resume: "free",
  },
  layers: { ...countFlag("--layers", "transformer blocks"), resume: "fixed" },
  heads: { ...countFlag("--heads", "attention heads a block"), resume: "fixed" },
  width: {
    ...countFlag("--width", "length of the residual stream, a multiple of --heads"),
    resume: "fixed",
  },
  context: { ...countFlag("--context", "characters the model sees at once"), resume: "fixed" },
  batch: { ...countFlag("--batch", "windows a step"), resume: "fixed" },
  steps: { ...countFlag("--steps", "training steps in all"), resume: "free" },
  lr: { ...numberFlag("--lr", "peak learning rate", POSITIVE), resume: "free" },
  optimizer: { ...choiceFlag("--optimizer", "update rule", OPTIMIZERS), resume: "fixed" },
  schedule: {
    ...choiceFlag("--schedule", "how the rate goes on after its warm-up", SCHEDULES),
    resume: "free",
  },
  seed: { ...countFlag("--seed", "seed of weights, batches and samples", 0), resume: "fixed" },
  evalEvery: { ...countFlag("--eval-every", "steps between validations"), resume: "free" },
};

export const OUT_FLAG = pathFlag("--out", "<dir>", "folder of the run's files");
export const RESUME_FLAG = pathFlag("--resume", "<dir>", "go on with the run in this folder");
export const KEEP_FLAG = countFlag("--keep", "newest checkpoints that stay in the folder");
export const DEFAULT_KEEP = 3;

/** The names of all settings, in the order of the help. */
export const SETTING_NAMES = Object.keys(TRAIN_SETTINGS) as (keyof TrainConfig)[];

/** Defaults of a command; what depends on other settings is worked out from them. */
export interface TrainDefaults
  extends Omit<TrainConfig, "text" | "lr" | "optimizer" | "schedule" | "evalEvery"> {
  /** First part of the default run folder's name. */
  run: string;
  /** Whether tilegrad's own source text is the default text. */
  ownText: boolean;
  /** Peak learning rate by update rule. */
  rates: Readonly<Record<OptimizerName, number>>;
}

/** Signs, unlike Adam's quotients, are never small, so Lion wants a lower rate; plain SGD a higher one. */
const RATES: Readonly<Record<OptimizerName, number>> = { adamw: 1e-3, lion: 3e-4, sgd: 1e-1 };

/** `tilegrad train gpt`: nanoGPT's configuration for a laptop's CPU. */
export const TRAIN_GPT_DEFAULTS: TrainDefaults = {
  run: "gpt",
  ownText: false,
  rates: RATES,
  layers: 4,
  heads: 4,
  width: 128,
  context: 64,
  batch: 12,
  steps: 2000,
  seed: 1,
};

/**
 * `tilegrad start`: a demonstration of one to two minutes on two cores without a GPU. In so little time a
 * small model that takes many large steps learns more than a larger one.
 */
export const START_DEFAULTS: TrainDefaults = {
  run: "start",
  ownText: true,
  rates: { ...RATES, adamw: 4e-3 },
  layers: 2,
  heads: 4,
  width: 64,
  context: 64,
  batch: 8,
  steps: 5000,
  seed: 1,
};

/** Steps that a run which is killed may lose, unless --eval-every says otherwise. */
const LONGEST_EVAL_EVERY = 1000;

/** One order of keys, so that a run and its resumed twin write the same bytes. */
function inOrder(config: TrainConfig): TrainConfig {
  return Object.fromEntries(
    SETTING_NAMES.map((name) => [name, config[name]]),
  ) as unknown as TrainConfig;
}

/**
 * The options that a command line means.
 * @param now milliseconds since 1970, for the default folder's name
 * @throws UsageError
 */
export function parseTrainOptions(
  flags: FlagTexts,
  defaults: TrainDefaults,
  now: number,
): TrainOptions {
  const given = new Map<keyof TrainConfig, unknown>();
  for (const name of SETTING_NAMES) {
    const text = flags[name];
    if (text !== undefined) given.set(name, TRAIN_SETTINGS[name].parse(text));
  }
  const resume = flags.resume === undefined ? null : RESUME_FLAG.parse(flags.resume);
  if (!given.has("text") && !defaults.ownText && resume === null) {
    throw new UsageError(
      "--text FILE is missing: name a UTF-8 text to learn (`tilegrad start` has one of its own)",
    );
  }
  const chosen = Object.fromEntries(given) as Partial<TrainConfig>;
  const { run, ownText: _, rates, ...sizes } = defaults;
  const optimizer = chosen.optimizer ?? "adamw";
  const steps = chosen.steps ?? sizes.steps;
  const config = inOrder({
    text: null,
    ...sizes,
    optimizer,
    lr: rates[optimizer],
    schedule: "cosine",
    evalEvery: Math.max(1, Math.min(Math.round(steps / 8), LONGEST_EVAL_EVERY)),
    ...chosen,
  });
  requireWholeHeads(config);
  const out =
    flags.out === undefined ? (resume ?? defaultFolder(run, now)) : OUT_FLAG.parse(flags.out);
  const device = parseDeviceOptions(flags);
  const keep = flags.keep === undefined ? DEFAULT_KEEP : KEEP_FLAG.parse(flags.keep);
  const { force = false, json = false } = flags;
  if (force && resume === null)
    throw new UsageError("--force says how to resume: name the run with --resume DIR");
  return { config, given: new Set(given.keys()), out, resume, keep, force, device, json };
}

/**
 * The configuration of a resumed run: the checkpoint's, with the changes that stood on the command line.
 * @throws UsageError for a change that the checkpoint's weights or batches cannot follow
 */
export function resumedConfig(saved: TrainConfig, options: TrainOptions): TrainConfig {
  const changes: Partial<TrainConfig> = {};
  for (const name of options.given) {
    const wanted = options.config[name];
    const { resume, name: flag } = TRAIN_SETTINGS[name];
    if (resume === "fixed" && wanted !== saved[name]) {
      throw new UsageError(
        `${flag} is ${wanted}, but the run in ${options.resume} was trained with ${saved[name]}; ` +
          `leave ${flag} away to go on with it, or start a new run without --resume`,
      );
    }
    Object.assign(changes, { [name]: wanted });
  }
  return { ...saved, ...changes };
}

/**
 * The configuration that a checkpoint holds.
 * @param file the checkpoint's path, for messages
 * @throws CheckpointError when a setting is missing or out of range
 */
export function trainConfigFromJSON(json: unknown, file: string): TrainConfig {
  const record = (typeof json === "object" && json !== null ? json : {}) as Record<string, unknown>;
  const settings = SETTING_NAMES.map((name) => {
    // Runs from before there was a choice have no schedule among their settings; theirs was the cosine.
    const value = name === "schedule" ? (record[name] ?? "cosine") : record[name];
    if (name === "text" && value === null) return [name, null];
    const wantsText = name === "text" || name === "optimizer" || name === "schedule";
    try {
      if (typeof value !== (wantsText ? "string" : "number")) {
        throw new UsageError(`it is ${JSON.stringify(value)}`);
      }
      return [name, TRAIN_SETTINGS[name].parse(String(value))];
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw new CheckpointError(
        `${file} holds no usable configuration (${name}: ${error.message}); it was not written by tilegrad train`,
      );
    }
  });
  return Object.fromEntries(settings) as TrainConfig;
}

/** Steps over which `wsd` falls: the last fifth. */
const decaySteps = ({ steps }: TrainConfig): number => Math.max(1, Math.round(steps / 5));

/**
 * Warm-up, then half a cosine or a straight line down to a tenth of the peak; the peak, and down to 0 over the last
 * fifth (`wsd`); or the peak.
 */
export function scheduleOf(config: TrainConfig): Schedule {
  const { lr, steps } = config;
  const decay = { peak: lr, warmup: warmupSteps(config), total: steps, final: lr / 10 };
  switch (config.schedule) {
    case "cosine":
      return warmupCosine(decay);
    case "linear":
      return warmupLinear(decay);
    case "wsd":
      return wsd({ ...decay, decay: decaySteps(config), shape: "1-sqrt", final: 0 });
    case "constant":
      return warmup(lr, { steps: decay.warmup });
  }
}

/** The schedule after its warm-up, for people. */
export function scheduleText(config: TrainConfig): string {
  const texts: Readonly<Record<ScheduleName, string>> = {
    cosine: "a cosine to a tenth",
    linear: "a straight line to a tenth",
    wsd: `the peak, and down to 0 over the last ${decaySteps(config)} steps`,
    constant: "the peak",
  };
  return texts[config.schedule];
}

/** A twentieth of the steps, at most 100. */
export function warmupSteps({ steps }: Pick<TrainConfig, "steps">): number {
  return Math.min(100, Math.floor(steps / 20));
}

function requireWholeHeads({ width, heads }: TrainConfig): void {
  if (width % heads === 0) return;
  const nearest = Math.max(1, Math.round(width / heads)) * heads;
  throw new UsageError(
    `--width ${width} is not a multiple of --heads ${heads}; for example --width ${nearest}`,
  );
}

/** runs/gpt-20260131-235959, in UTC. */
export function defaultFolder(run: string, now: number): string {
  const [date, time] = new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, "").split("T");
  return `runs/${run}-${date}-${time}`;
}

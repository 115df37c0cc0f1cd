/** The options of `tilegrad sample DIR`. */

import { type DeviceFlagTexts, type DeviceOptions, parseDeviceOptions } from "./deviceFlags";
import { countFlag, type Flag, type Interval, numberFlag, POSITIVE, textFlag } from "./flagValues";

export interface SampleOptions {
  /** Folder of a run, with its checkpoints. */
  run: string;
  /** Text to continue; null to begin with a line break. */
  prompt: string | null;
  /** Characters to write. */
  length: number;
  /** Divides the logits, > 0: below 1 is more predictable, above 1 more adventurous. */
  temperature: number;
  /** Draw from the k most likely tokens only; null for all. */
  topK: number | null;
  /** Draw from the most likely tokens that together have this probability, in (0, 1]; 1 for all. */
  topP: number;
  seed: number;
  device: DeviceOptions;
  /** Print one JSON object with the text instead of the text. */
  json: boolean;
}

type SampleSettings = Omit<SampleOptions, "run" | "device" | "json">;

const PROBABILITY: Interval = {
  allowed: "above 0 and up to 1",
  contains: (value) => value > 0 && value <= 1,
};

/** One row a setting. */
export const SAMPLE_FLAGS: {
  readonly [K in keyof SampleSettings]: Flag<NonNullable<SampleSettings[K]>>;
} = {
  prompt: textFlag("--prompt", "text to continue"),
  length: countFlag("--length", "characters to write"),
  temperature: numberFlag("--temperature", "below 1: safer, above 1: wilder", POSITIVE),
  topK: countFlag("--top-k", "draw from the k most likely characters only"),
  topP: numberFlag("--top-p", "draw from the likeliest characters of this total", PROBABILITY),
  seed: countFlag("--seed", "the same seed writes the same text", 0),
};

/** What holds when a flag is not given. */
export const SAMPLE_DEFAULTS: SampleSettings = {
  prompt: null,
  length: 500,
  temperature: 0.8,
  topK: null,
  topP: 1,
  seed: 1,
};

/** Flag texts by camelCase name. */
export type SampleFlagTexts = Readonly<
  Partial<Record<keyof SampleSettings, string>> & { json?: boolean }
> &
  DeviceFlagTexts;

/**
 * The options that a command line means.
 * @throws UsageError
 */
export function parseSampleOptions(run: string, flags: SampleFlagTexts): SampleOptions {
  const given = (Object.keys(SAMPLE_FLAGS) as (keyof SampleSettings)[])
    .filter((name) => flags[name] !== undefined)
    .map((name) => [name, SAMPLE_FLAGS[name].parse(flags[name]!)]);
  const settings = { ...SAMPLE_DEFAULTS, ...Object.fromEntries(given) };
  return { run, ...settings, device: parseDeviceOptions(flags), json: flags.json === true };
}

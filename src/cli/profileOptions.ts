/** The options of `tilegrad profile -- COMMAND`. */

import { UsageError } from "./exitCodes";
import { countFlag, type Flag } from "./flagValues";
import { defaultFolder, OUT_FLAG } from "./trainOptions";

export interface ProfileCommandOptions {
  /** What follows `--`: the words of another command. */
  command: readonly string[];
  /** Timed runs of what is profiled: training steps, or texts. */
  steps: number;
  /** Runs before them. */
  warmup: number;
  /** Folder of the files. */
  out: string;
  /** Measure the roofline again, whatever is kept. */
  measureRoofline: boolean;
  /** Print one JSON object instead of the table. */
  json: boolean;
}

export const PROFILE_DEFAULTS = { steps: 5, warmup: 2 };

export const PROFILE_FLAGS: { readonly [K in "steps" | "warmup"]: Flag<number> } & {
  readonly out: Flag<string>;
} = {
  steps: countFlag("--steps", "timed steps, of which the table shows the mean"),
  warmup: countFlag("--warmup", "steps before them; the first compiles", 0),
  out: { ...OUT_FLAG, help: "folder of profile.json, trace.json and profile.html" },
};

/** Flag texts by camelCase name. */
export type ProfileFlagTexts = Readonly<
  Partial<Record<keyof typeof PROFILE_FLAGS, string>> & {
    json?: boolean;
    measureRoofline?: boolean;
  }
>;

/**
 * The options that a command line means.
 * @param now milliseconds since 1970, for the default folder's name
 * @throws UsageError
 */
export function parseProfileOptions(
  command: readonly string[],
  { steps, warmup, out, json = false, measureRoofline = false }: ProfileFlagTexts,
  now: number,
): ProfileCommandOptions {
  if (command.length === 0)
    throw new UsageError("profile what? Try: tilegrad profile -- train gpt --text FILE");
  return {
    command,
    steps: steps === undefined ? PROFILE_DEFAULTS.steps : PROFILE_FLAGS.steps.parse(steps),
    warmup: warmup === undefined ? PROFILE_DEFAULTS.warmup : PROFILE_FLAGS.warmup.parse(warmup),
    out: out === undefined ? defaultFolder("profile", now) : PROFILE_FLAGS.out.parse(out),
    measureRoofline,
    json,
  };
}

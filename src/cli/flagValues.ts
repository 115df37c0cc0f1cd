/** From the text after a flag to a checked value. Every error names the flag and what it takes. */

import { UsageError } from "./exitCodes";

/** A flag that takes a value. `T` is what `parse` makes of it. */
export interface Flag<T> {
  /** As on the command line: `--eval-every`. */
  name: string;
  /** What stands for the value in the help: `<n>`. */
  placeholder: string;
  help: string;
  /** @throws UsageError */
  parse(text: string): T;
}

/** A whole number of at least `least`, in digits. */
export function countFlag(name: string, help: string, least = 1): Flag<number> {
  const parse = (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new UsageError(
        `${name} must be a whole number from ${least} up, got ${JSON.stringify(text)}`,
      );
    }
    return value;
  };
  return { name, placeholder: "<n>", help, parse };
}

/** Where a number must lie; `allowed` completes "must be a number …". */
export interface Interval {
  allowed: string;
  contains(value: number): boolean;
}

export const POSITIVE: Interval = { allowed: "above 0", contains: (value) => value > 0 };

/** A decimal number in an interval. */
export function numberFlag(name: string, help: string, interval: Interval): Flag<number> {
  const parse = (text: string): number => {
    const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text);
    const value = decimal ? Number(text) : Number.NaN;
    if (!Number.isFinite(value) || !interval.contains(value)) {
      throw new UsageError(
        `${name} must be a number ${interval.allowed}, got ${JSON.stringify(text)}`,
      );
    }
    return value;
  };
  return { name, placeholder: "<x>", help, parse };
}

/** One of a few words. */
export function choiceFlag<T extends string>(
  name: string,
  help: string,
  choices: readonly T[],
): Flag<T> {
  const parse = (text: string): T => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) {
      throw new UsageError(
        `${name} must be one of ${choices.join(", ")}, got ${JSON.stringify(text)}`,
      );
    }
    return choice;
  };
  return { name, placeholder: `<${choices.join("|")}>`, help, parse };
}

/** A file or folder. */
export function pathFlag(name: string, placeholder: string, help: string): Flag<string> {
  const parse = (text: string): string => {
    if (text === "") throw new UsageError(`${name} must name a path, got ""`);
    return text;
  };
  return { name, placeholder, help, parse };
}

/** Any text. */
export function textFlag(name: string, help: string): Flag<string> {
  return { name, placeholder: "<text>", help, parse: (text) => text };
}

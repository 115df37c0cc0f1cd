/** Gives many inputs to a parser, and holds it to its errors, a time and an amount of memory. */
import { expect } from "vitest";

/** For one input, however large; a parser takes microseconds, and the machine may be busy. */
const mostMilliseconds = 3000;
/** Beside the bytes of the input: what a parser may ask for at once. */
const mostExtraBytes = 8 << 20;

/** An input, how it is parsed, and what holds of the result. */
export type Attempt<T> = readonly [
  input: Uint8Array,
  parse: () => T,
  check: (result: Awaited<T>) => void,
];

export interface Outcome {
  readonly accepted: number;
  readonly refused: number;
}

type ErrorType = abstract new (...args: never) => Error;

const measuredArrays = ["Uint8Array", "Int32Array", "Float32Array", "Float64Array"] as const;

/** Runs `parse` and tells the largest typed array that it asked for by a length, in bytes. */
function largestAsked<T>(parse: () => T): { result: () => T; largest: number } {
  let largest = 0;
  const originals = measuredArrays.map((name) => [name, globalThis[name]] as const);
  for (const [name, Original] of originals)
    Object.assign(globalThis, {
      [name]: new Proxy(Original, {
        construct(target, args: readonly unknown[]) {
          const [length] = args;
          if (typeof length === "number")
            largest = Math.max(largest, length * Original.BYTES_PER_ELEMENT);
          return Reflect.construct(target, args) as object;
        },
      }),
    });
  try {
    const value = parse();
    return { result: () => value, largest };
  } catch (error) {
    return {
      result: () => {
        throw error;
      },
      largest,
    };
  } finally {
    for (const [name, Original] of originals) Object.assign(globalThis, { [name]: Original });
  }
}

/** An input in words, with which a failure can be had again. */
const inWords = (input: Uint8Array): string =>
  Buffer.from(input.subarray(0, 2000)).toString("latin1");

function requireOurs(error: unknown, ours: ErrorType, input: Uint8Array): void {
  if (error instanceof ours) return;
  throw new Error(`${String(error)} came of ${inWords(input)}`, { cause: error });
}

function requireQuick(started: number, input: Uint8Array): void {
  const taken = performance.now() - started;
  if (taken > mostMilliseconds) throw new Error(`${taken} ms were taken by ${inWords(input)}`);
}

/** @param ours what the parser may throw */
export function fuzz<T>(count: number, ours: ErrorType, attempt: () => Attempt<T>): Outcome {
  let accepted = 0;
  for (let i = 0; i < count; i++) {
    const [input, parse, check] = attempt();
    const started = performance.now();
    const { result, largest } = largestAsked(parse);
    requireQuick(started, input);
    expect(largest).toBeLessThanOrEqual(input.length + mostExtraBytes);
    let value: T;
    try {
      value = result();
    } catch (error) {
      requireOurs(error, ours, input);
      continue;
    }
    check(value as Awaited<T>);
    accepted++;
  }
  return { accepted, refused: count - accepted };
}

/** `fuzz` for a parser that waits; what it allocates is for `check` to bound. */
export async function fuzzAsync<T>(
  count: number,
  ours: ErrorType,
  attempt: () => Attempt<Promise<T>>,
): Promise<Outcome> {
  let accepted = 0;
  for (let i = 0; i < count; i++) {
    const [input, parse, check] = attempt();
    const started = performance.now();
    let value: Awaited<T>;
    try {
      value = await parse();
    } catch (error) {
      requireOurs(error, ours, input);
      requireQuick(started, input);
      continue;
    }
    requireQuick(started, input);
    check(value as Awaited<Promise<T>>);
    accepted++;
  }
  return { accepted, refused: count - accepted };
}

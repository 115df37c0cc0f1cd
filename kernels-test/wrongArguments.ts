/**
 * Wrong arguments for every operation: the calls of the leak tests with other tensors, and with other
 * values in place of their numbers, options and names.
 */

import type { Device } from "../src/device/device";
import { TilegradError } from "../src/errors";
import { HostRandom } from "../src/random/hostRandom";
import type { DType } from "../src/tensor/dtype";
import type { Tensor } from "../src/tensor/tensor";
import type { Tilegrad } from "./caseModules";
import { fftCalls } from "./memoryCalls/fft";
import { functionalCalls } from "./memoryCalls/functional";
import { calls } from "./memoryCalls/index";
import { linalgCalls } from "./memoryCalls/linalg";
import { type Call, operands } from "./memoryCalls/operands";
import { randomCalls } from "./memoryCalls/random";
import { transportCalls } from "./memoryCalls/transport";

/** Calls of every operation, by the name users write after `tg.`. */
export const callsByName: ReadonlyMap<string, readonly Call[]> = new Map(
  Object.entries({
    "": calls,
    "fft.": fftCalls,
    "linalg.": linalgCalls,
    "nn.functional.": functionalCalls,
    "random.": randomCalls,
    "transport.": transportCalls,
  }).flatMap(([space, known]) =>
    Object.keys(known)
      .sort()
      .map((name) => [space + name, known[name]!]),
  ),
);

const shapes: readonly (readonly number[])[] = [
  [],
  [0],
  [1],
  [3],
  [3, 4],
  [3, 3],
  [2, 0, 3],
  [4, 3, 2],
  [2, 1, 3, 4],
  [1, 1, 1, 2, 1, 1, 1, 1],
];
const dtypes: readonly DType[] = ["f32", "f32", "f32", "i32", "u32", "bool", "f16", "bf16", "i8"];

/** In place of a number. */
const values: readonly unknown[] = [
  Number.NaN,
  -1,
  0,
  1,
  2.5,
  -7,
  3,
  8,
  2 ** 31,
  2 ** 32 + 1,
  2 ** 53,
  -(2 ** 31) - 1,
  Number.POSITIVE_INFINITY,
  null,
  undefined,
  "3",
];

const pick = <T>(random: HostRandom, from: readonly T[]): T => from[random.bits() % from.length]!;

/** A tensor that has little to do with what is expected. */
function anyTensor(tg: Tilegrad, elsewhere: Device, random: HostRandom): Tensor {
  const kind = random.bits() % 12;
  const shape = pick(random, shapes);
  const dtype = pick(random, dtypes);
  if (kind === 0) {
    const gone = tg.zeros(shape, { dtype });
    gone.dispose();
    return gone;
  }
  if (kind === 1) return tg.zeros(shape, { dtype, device: elsewhere });
  const filled = tg.full(shape, pick(random, [0, 1, 3, 77, -1, Number.NaN]), { dtype });
  return kind === 2 && filled.rank > 1 ? tg.transpose(filled, 0, -1) : filled;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** The same argument with one of its numbers or names, at any depth, replaced. */
function withOtherValue(value: unknown, random: HostRandom): unknown {
  if (typeof value === "number") return pick(random, values);
  if (typeof value === "string") return pick(random, ["nonsense", "", 3, null]);
  if (Array.isArray(value)) {
    if (value.length === 0 || random.bits() % 6 === 0)
      return pick(random, [[], [...value, 1], value.slice(1), [-1, ...value]]);
    const at = random.bits() % value.length;
    return value.map((item, i) => (i === at ? withOtherValue(item, random) : item));
  }
  if (isRecord(value)) {
    const keys = Object.keys(value);
    if (keys.length === 0) return value;
    const key = pick(random, keys);
    return { ...value, [key]: withOtherValue(value[key], random) };
  }
  return value;
}

/** The library, whose function `name` is called by `through`. */
function calling(
  tg: Tilegrad,
  name: string,
  through: (run: (...args: unknown[]) => unknown, args: readonly unknown[]) => unknown,
): Tilegrad {
  const [head, ...rest] = name.split(".");
  const replaced = (object: object, key: string, deeper: readonly string[]): object =>
    new Proxy(object, {
      get(target, property) {
        const value = Reflect.get(target, property);
        if (property !== key) return value;
        const [next, ...further] = deeper;
        if (next !== undefined) return replaced(value, next, further);
        return (...args: unknown[]) => through(value, args);
      },
    });
  return replaced(tg, head!, rest) as Tilegrad;
}

/** The library, whose function `name` gets one argument changed. */
const disturbed = (tg: Tilegrad, name: string, random: HostRandom, note: Note): Tilegrad =>
  calling(tg, name, (run, args) => {
    const at = random.bits() % Math.max(args.length, 1);
    const changed = args.map((arg, i) => (i === at ? withOtherValue(arg, random) : arg));
    note(changed);
    return run(...changed);
  });

/** The same on every run, another one for every operation. */
const seedOf = (name: string): number =>
  [...name].reduce((hash, letter) => (31 * hash + letter.charCodeAt(0)) % 0xffff_ffff, 7);

/** Hears which arguments are tried, before they are. */
type Note = (args: readonly unknown[]) => void;

/** What was thrown that is not ours, or null. */
function attempt(tg: Tilegrad, run: () => unknown): string | null {
  try {
    tg.scope(() => {
      run();
    });
    return null;
  } catch (error) {
    if (error instanceof TilegradError) return null;
    return String((error as Error).stack ?? error);
  }
}

/** Calls of `name` with other tensors: what was thrown that is not one of our errors. */
export function failuresOfTensors(
  tg: Tilegrad,
  elsewhere: Device,
  name: string,
  rounds: number,
): string[] {
  const random = new HostRandom(seedOf(name));
  const failures: string[] = [];
  for (const call of callsByName.get(name)!)
    for (let round = 0; round < rounds; round++) {
      const failure = attempt(tg, () => {
        const given = operands(tg);
        const keys = Object.keys(given) as (keyof typeof given)[];
        const changed = round % 3 === 0 ? keys : [pick(random, keys), pick(random, keys)];
        for (const key of changed) given[key] = anyTensor(tg, elsewhere, random);
        return call(tg, given);
      });
      if (failure) failures.push(failure);
    }
  return failures;
}

/** Calls of `name` with other numbers, options and names: what was thrown that is not one of our errors. */
export function failuresOfValues(
  tg: Tilegrad,
  name: string,
  rounds: number,
  note: Note = () => undefined,
): string[] {
  const random = new HostRandom(seedOf(name));
  const failures: string[] = [];
  const given = operands(tg);
  for (const call of callsByName.get(name)!)
    for (let round = 0; round < rounds; round++) {
      let last: readonly unknown[] = [];
      const library = disturbed(tg, name, random, (args) => {
        last = args;
        note(args);
      });
      const failure = attempt(tg, () => call(library, given));
      if (failure) failures.push(`${name}(${last.map(shown).join(", ")}): ${failure}`);
    }
  for (const t of Object.values(given)) t.dispose();
  return failures;
}

/** For people: tensors by their shape. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  if (isRecord(value))
    return `{${Object.entries(value)
      .map(([key, item]) => `${key}: ${shown(item)}`)
      .join(", ")}}`;
  if (typeof value === "string") return `"${value}"`;
  if (typeof value === "object" && value !== null && "shape" in value)
    return `Tensor[${value.shape}]`;
  return String(value);
}

/**
 * What a checkpoint and the run that goes on from it must have in common: the library's version, the model's tensors
 * (names, shapes, types), and whatever else the program names, such as its data. What of the optimizer has to be the
 * same stands with the optimizer's state: its rule, state formats and subspaces, and its options but for rates.
 */
import type { Module } from "../nn/module";
import { show } from "../tensor/shape";

/** The version of this library: package.json's. */
export const libraryVersion = "0.1.0";

/** What a program adds of its own: data, batch size, seed. Compared entry by entry. */
export type Configuration = Readonly<Record<string, string | number | boolean | null>>;

/** As checkpoints hold it: plain JSON. */
export interface Fingerprint {
  readonly version: string;
  /** Type and shape of each tensor of the model by its key: "f32 [3, 4]". */
  readonly model: Readonly<Record<string, string>>;
  readonly configuration: Configuration;
}

/** A restore that passed over differences because it was told to. */
export interface ForcedRestore {
  /** The checkpoint. */
  readonly file: string;
  /** What differed. */
  readonly differences: readonly string[];
}

export function fingerprintOf(model: Module, configuration: Configuration = {}): Fingerprint {
  const tensors = Object.entries(model.stateDict());
  return {
    version: libraryVersion,
    model: Object.fromEntries(
      tensors.map(([key, { dtype, shape }]) => [key, `${dtype} ${show(shape)}`]),
    ),
    configuration,
  };
}

/** In words, what is not the same; empty where all is. */
export function differencesOf(saved: Fingerprint, own: Fingerprint): string[] {
  const differences: string[] = [];
  const compare = (what: string, before: unknown, now: unknown): void => {
    if (before !== now)
      differences.push(`${what} was ${JSON.stringify(before)} and is ${JSON.stringify(now)}`);
  };
  compare("tilegrad's version", saved.version, own.version);
  for (const [key, tensor] of Object.entries(own.model)) {
    const before = saved.model[key];
    if (before === undefined) differences.push(`${key} is not in the checkpoint`);
    else if (before !== tensor) differences.push(`${key} was ${before} and is ${tensor}`);
  }
  for (const key of Object.keys(saved.model))
    if (!Object.hasOwn(own.model, key)) differences.push(`${key} is only in the checkpoint`);
  for (const name of Object.keys({ ...saved.configuration, ...own.configuration }))
    compare(name, saved.configuration[name] ?? null, own.configuration[name] ?? null);
  return differences;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether JSON that was read is one. */
export function isFingerprint(value: unknown): value is Fingerprint {
  if (!isRecord(value)) return false;
  const { version, model, configuration } = value;
  return (
    typeof version === "string" &&
    isRecord(model) &&
    Object.values(model).every((text) => typeof text === "string") &&
    isRecord(configuration)
  );
}

/** Whether JSON that was read is a list of them. */
export const areForcedRestores = (value: unknown): value is ForcedRestore[] =>
  Array.isArray(value) &&
  value.every(
    (one) => isRecord(one) && typeof one["file"] === "string" && Array.isArray(one["differences"]),
  );

/** Whether tensors of one fit the other: the same keys and shapes, of whatever types. */
export function sameTensors({ model: one }: Fingerprint, { model: other }: Fingerprint): boolean {
  const shapeOf = (text: string | undefined): string | undefined => text?.replace(/^\w+ /, "");
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && shapeOf(one[key]) === shapeOf(other[key]))
  );
}

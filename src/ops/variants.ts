/**
 * One place where every choice between kernels that compute the same passes through. A table of variants says
 * what is applicable, what is taken by default and what the candidates are; which one runs is, in this order:
 * what a test forces, what a chooser says (see src/tune), the default. Without a chooser nothing here costs more
 * than a look-up.
 */
import type { Device } from "../device/device";
import type { AdapterReport } from "../device/executor";
import type { DeviceTensor } from "../tensor/deviceTensor";
import type { Primitive, Spec } from "./primitive";

/** A variant: a name, a number, or a record of both. */
export type Variant = string | number | Readonly<Record<string, string | number>>;

/** One choice that has come up. */
export interface Choice<V extends Variant> {
  /** The table: `matmul`. */
  readonly family: string;
  /** What decides: sizes, and flags of layouts. Problems that agree, or nearly, share a winner. */
  readonly problem: readonly (number | boolean | string)[];
  readonly candidates: () => readonly V[];
  readonly defaultChoice: () => V;
}

/** What chooses instead of the defaults, for all devices on one adapter. */
export interface Chooser {
  choose<V extends Variant>(choice: Choice<V>): V;
  /** Grows with every change of what `choose` answers. */
  readonly version: number;
}

/** By adapter, so that a device that only records for another chooses alike. */
const choosers = new WeakMap<AdapterReport, Chooser>();

/** Null: the defaults. */
export function setChooser(adapter: AdapterReport, chooser: Chooser | null): void {
  if (chooser) choosers.set(adapter, chooser);
  else choosers.delete(adapter);
}

export const chooserOf = (adapter: AdapterReport): Chooser | null => choosers.get(adapter) ?? null;

/** The variant to run where no test forces one. */
export function choose<V extends Variant>(device: Device, choice: Choice<V>): V {
  const chooser = choosers.get(device.executor.adapter);
  return chooser ? chooser.choose(choice) : choice.defaultChoice();
}

/**
 * 0 as long as the defaults hold, else a number that grows when a choice may have changed: whatever keeps
 * recorded kernels belongs to one version.
 */
export function tuningVersion(device: Device): number {
  return choosers.get(device.executor.adapter)?.version ?? 0;
}

/** Runs a primitive in place of the plain call. */
export type RunWatch = <A>(
  primitive: Primitive<A>,
  inputs: readonly DeviceTensor[],
  attrs: A,
  outputs: readonly Spec[],
) => DeviceTensor[];

/** Sees every primitive that runs on a device, so that it can be run again with another variant. */
export const runWatch: { current: RunWatch | null } = { current: null };

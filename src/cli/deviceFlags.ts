/** The flags that say what computes: as TILEGRAD_ADAPTER does, and with how many threads. */

import { type DriverName, driverNames } from "../../setup/drivers.mjs";
import { UsageError } from "./exitCodes";
import { choiceFlag, countFlag, type Flag } from "./flagValues";

/** The CPU executor, or a kind of WebGPU driver. */
export type AdapterChoice = "cpu" | DriverName;

export const ADAPTER_CHOICES: readonly AdapterChoice[] = ["cpu", ...driverNames];

/** What the command line asks for; null where it leaves the choice to `init`. */
export interface DeviceOptions {
  adapter: AdapterChoice | null;
  /** Of the CPU executor. */
  threads: number | null;
}

export const DEVICE_FLAGS: {
  readonly [K in keyof DeviceOptions]: Flag<NonNullable<DeviceOptions[K]>>;
} = {
  adapter: choiceFlag(
    "--adapter",
    "what computes (default TILEGRAD_ADAPTER, else a GPU, else cpu)",
    ADAPTER_CHOICES,
  ),
  threads: countFlag(
    "--threads",
    "threads of the CPU executor, 0: the main one alone (default one a core)",
    0,
  ),
};

/** Flag texts by camelCase name. */
export type DeviceFlagTexts = Readonly<Partial<Record<keyof DeviceOptions, string>>>;

/** @throws UsageError */
export function parseDeviceOptions(flags: DeviceFlagTexts): DeviceOptions {
  const adapter = flags.adapter === undefined ? null : DEVICE_FLAGS.adapter.parse(flags.adapter);
  const threads = flags.threads === undefined ? null : DEVICE_FLAGS.threads.parse(flags.threads);
  if (threads !== null && adapter !== null && adapter !== "cpu")
    throw new UsageError(
      `--threads is for the CPU executor, not for --adapter ${adapter}; leave one of them away`,
    );
  return { adapter, threads };
}

/** The flags again, each after a space, for a command that is to compute on the same. */
export function deviceFlagsText({ adapter, threads }: DeviceOptions): string {
  const given = [
    ["--adapter", adapter],
    ["--threads", threads],
  ] as const;
  return given.map(([name, value]) => (value === null ? "" : ` ${name} ${value}`)).join("");
}

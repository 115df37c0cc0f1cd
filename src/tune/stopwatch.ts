/** How long recorded work takes. */

import type { Device } from "../device/device";
import { startTiming } from "../device/timing";

export interface Stopwatch {
  /** Seconds that the work of one call of `run` takes. */
  measure(run: () => void): Promise<number>;
}

/** Shorter measurements, seconds, drown in what else the machine does. */
const leastTime = 0.004;
const mostRepeats = 64;

/**
 * Brackets repeated calls between two waits: counts dispatching too, which on a CPU is part of the cost.
 * @param clock milliseconds
 */
export function bracketing(
  device: Device,
  clock: () => number = () => performance.now(),
): Stopwatch {
  return {
    async measure(run) {
      for (let repeats = 1; ; repeats *= 4) {
        await device.synchronize();
        const began = clock();
        for (let i = 0; i < repeats; i++) run();
        await device.synchronize();
        const seconds = (clock() - began) / 1000;
        if (seconds >= leastTime || repeats >= mostRepeats) return seconds / repeats;
      }
    },
  };
}

/** Adds up the device's own timestamps: on a GPU the host would take longer to dispatch than the kernels run. */
export function timestamping(device: Device): Stopwatch {
  const repeats = 8;
  return {
    async measure(run) {
      const stop = startTiming(device.executor);
      for (let i = 0; i < repeats; i++) run();
      const timings = await stop();
      return timings.reduce((sum, t) => sum + t.nanoseconds, 0) / 1e9 / repeats;
    },
  };
}

export function stopwatchFor(device: Device): Stopwatch {
  const { adapter } = device.executor;
  return adapter.class === "hardware" && adapter.features.includes("timestamp-query")
    ? timestamping(device)
    : bracketing(device);
}

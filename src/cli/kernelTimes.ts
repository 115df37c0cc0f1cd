/** From timed dispatches to the time of each kernel in one step. */

import type { KernelTiming } from "../device/executor";
import type { KernelTime } from "./runEvents";

/** @param steps that the timings span */
export function kernelTimes(
  timings: readonly Pick<KernelTiming, "name" | "nanoseconds">[],
  steps: number,
): KernelTime[] {
  const totals = new Map<string, { dispatches: number; nanoseconds: number }>();
  for (const { name, nanoseconds } of timings) {
    const total = totals.get(name) ?? { dispatches: 0, nanoseconds: 0 };
    total.dispatches++;
    total.nanoseconds += nanoseconds;
    totals.set(name, total);
  }
  return [...totals]
    .map(([kernel, { dispatches, nanoseconds }]) => ({
      kernel,
      dispatches: dispatches / steps,
      milliseconds: nanoseconds / 1e6 / steps,
    }))
    .sort((a, b) => b.milliseconds - a.milliseconds);
}

import { ArgumentError } from "../../errors";
import { makeSchedule, type Schedule } from "./schedule";

/**
 * A schedule of one's own. A checkpoint holds its name alone, so a run that goes on from one needs an optimizer that
 * was made with a schedule of that name.
 * @param rate of a step from 0 up, finite and >= 0: a function of the step alone, or resumed runs differ
 * @throws ArgumentError for a name that is empty, or a rate that is no function
 * @example schedule.custom("inverse root", (step) => 1e-2 / Math.sqrt(step + 1))
 */
export function custom(name: string, rate: (step: number) => number): Schedule {
  if (typeof name !== "string" || name === "" || typeof rate !== "function")
    throw new ArgumentError(
      `schedule.custom: got ${String(name)} and ${typeof rate}; it takes a name and a function of the step.`,
    );
  return makeSchedule({ kind: "custom", name }, rate);
}

import { ArgumentError } from "../../errors";
import { requireNumbers } from "./checks";
import { makeSchedule, type Schedule } from "./schedule";

export interface ConstantOptions {
  /** The rate of every step, >= 0. */
  rate: number;
}

/**
 * The same rate at every step.
 * @throws ArgumentError for bad options
 * @example schedule.constant(1e-3)
 */
export function constant(options: number | ConstantOptions): Schedule {
  const rate = typeof options === "number" ? options : options.rate;
  requireNumbers("constant", "rate", { rate });
  return makeSchedule({ kind: "constant", rate }, () => rate);
}

/**
 * A schedule as given, a number as a constant one.
 * @throws ArgumentError for a function that is no schedule
 */
export function toSchedule(rate: number | Schedule): Schedule {
  if (typeof rate !== "function") return constant(rate);
  if (!("toJSON" in rate))
    throw new ArgumentError(
      "A schedule of your own needs a name, for checkpoints: optim.schedule.custom(name, rate).",
    );
  return rate;
}

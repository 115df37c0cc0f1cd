import { requireNumbers } from "./checks";
import { toSchedule } from "./constant";
import { makeSchedule, type Schedule } from "./schedule";

/**
 * `factor` times the rates of `of`: for a parameter group that learns slower or faster than the rest.
 *
 * @param factor >= 0
 * @throws ArgumentError for a bad factor
 * @example { params: embedding, lr: schedule.scale(rate, 0.1) }
 */
export function scale(of: Schedule, factor: number): Schedule {
  requireNumbers("scale", "rate", { factor });
  const schedule = toSchedule(of);
  return makeSchedule(
    { kind: "scale", schedule: schedule.toJSON(), factor },
    (step) => factor * schedule(step),
  );
}

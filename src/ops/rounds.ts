/** How often a solver may go round: all rounds of a call are recorded at once, before any has run. */
import { ArgumentError } from "../errors";

const mostRounds = 100_000;

/** @throws ArgumentError unless `value` is a whole number from `least` to 100,000 */
export function requireRounds(op: string, name: string, value: number, least = 1): number {
  if (!Number.isInteger(value) || value < least || value > mostRounds)
    throw new ArgumentError(
      `${op}: ${name} ${value} must be a whole number from ${least} to ${mostRounds}.`,
    );
  return value;
}

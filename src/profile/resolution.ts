/**
 * How fine a clock's readings are. Browsers round timestamps down to multiples of some tens of microseconds, so
 * that a short kernel reads as 0 or as one whole step. The true time lies in the mean of many readings: where
 * begins and ends fall at random within a step, the mean of the rounded differences is that of the true ones.
 */

/** Steps that clocks are known to have, nanoseconds, coarsest first: browsers' 1 ms, 100, 65.536, 20, 5 us; GPUs'. */
const knownSteps = [1_000_000, 100_000, 65_536, 20_000, 5_000, 1_024, 1_000, 100, 32, 10] as const;

/** Readings are whole nanoseconds. */
const roundingError = 1;

/**
 * Workers of a page have clocks of their own, whose beginnings are known as milliseconds since 1970, which an f64
 * holds to 122 ns: a time from one worker's clock to another's is off by twice that at most. Where there are
 * enough readings to be sure of a step all the same, they may be off by that.
 */
const sharedClockError = 250;
const enoughReadings = 4;

/**
 * The coarsest known step that all readings are multiples of; 1 where there is none.
 * @param readings nanoseconds
 */
export function resolutionOf(readings: Iterable<number>): number {
  const distinct = new Set<number>();
  for (const reading of readings) if (reading > roundingError) distinct.add(reading);
  if (distinct.size === 0) return 1;
  const isMultiple = (reading: number, step: number): boolean => {
    const rest = reading % step;
    const allowed =
      distinct.size >= enoughReadings
        ? Math.max(Math.min(step / 16, sharedClockError), roundingError)
        : roundingError;
    return Math.min(rest, step - rest) <= allowed && reading + allowed >= step;
  };
  return (
    knownSteps.find((step) => [...distinct].every((reading) => isMultiple(reading, step))) ?? 1
  );
}

/**
 * The standard error of the mean of `count` differences of two readings: each difference is off by up to a step
 * either way, with a triangular density whose deviation is step / sqrt(6).
 */
export function errorOfMean(step: number, count: number): number {
  return step / Math.sqrt(6 * Math.max(count, 1));
}

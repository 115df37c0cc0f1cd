/** Comparing what a device computed with a reference in f64. */
import { expect } from "vitest";

export interface Tolerance {
  /** Allowed difference relative to the reference value. */
  relative: number;
  /** Allowed difference whatever the value: the rounding of intermediate results. */
  absolute: number;
}

/** Fails with the worst element unless every |actual - expected| <= absolute + relative |expected|. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { relative, absolute }: Tolerance,
): void {
  expect(actual.length).toBe(expected.length);
  let worst = { excess: 0, text: "" };
  for (let i = 0; i < expected.length; i++) {
    const allowed = absolute + relative * Math.abs(expected[i]!);
    const excess = Math.abs(actual[i]! - expected[i]!) / allowed;
    if (!(excess <= Math.max(worst.excess, 1)))
      worst = {
        excess: Number.isNaN(excess) ? Number.POSITIVE_INFINITY : excess,
        text: `element ${i} is ${actual[i]}, expected ${expected[i]}: ${excess} times the tolerance`,
      };
  }
  expect(worst.text).toBe("");
}

import { describe, expect, test } from "vitest";
import { cos, exp, log, power, sin } from "../../src/elementary";
import { HostRandom } from "../../src/random/hostRandom";

const random = new HostRandom(5);
const between = (low: number, high: number): number[] =>
  Array.from({ length: 20_000 }, () => low + (high - low) * random.uniform());

/** Engines are themselves off by up to 1 ULP. */
const ulps = 2 * 2 ** -52;

const greatestError = (
  xs: readonly number[],
  actual: (x: number) => number,
  expected: (x: number) => number,
): number => Math.max(...xs.map((x) => Math.abs(actual(x) / expected(x) - 1)));

describe("elementary functions agree with the engine's to 2 ULP", () => {
  test.each([
    [
      "log",
      log,
      Math.log,
      [...between(0, 1), ...between(0, 1e6), 2 ** -1022, 1.7e308, Math.SQRT2, Math.SQRT1_2],
    ],
    ["exp", exp, Math.exp, [...between(-700, 700), ...between(-1, 1)]],
  ])("%s", (_name, own, engine, xs) => {
    expect(greatestError(xs, own, engine)).toBeLessThan(ulps);
  });

  test.each([
    ["sin", sin, Math.sin],
    ["cos", cos, Math.cos],
  ])("%s, away from its zeros relatively, near them absolutely", (_name, own, engine) => {
    for (const x of [...between(-7, 7), ...between(-5e5, 5e5)])
      expect(Math.abs(own(x) - engine(x))).toBeLessThan(ulps);
    const xs = between(-7, 7).filter((x) => Math.abs(engine(x)) > 1e-3);
    expect(greatestError(xs, own, engine)).toBeLessThan(ulps);
  });
});

test("at the ends and at zero, values are exact", () => {
  expect(log(1)).toBe(0);
  expect([0, 800, -800].map(exp)).toEqual([1, Number.POSITIVE_INFINITY, 0]);
  expect(cos(0)).toBe(1);
  expect(cos(Math.PI)).toBe(-1);
  expect(sin(0)).toBe(0);
});

test("power is exact where products are, and falls to 0", () => {
  expect(power(3, 0)).toBe(1);
  expect(power(3, 31)).toBe(3 ** 31);
  expect(power(0.5, 1074)).toBe(2 ** -1074);
  expect(power(0.9, 1e9)).toBe(0);
  expect(Math.abs(power(0.999, 5000) / 0.999 ** 5000 - 1)).toBeLessThan(5000 * 2 ** -52);
});

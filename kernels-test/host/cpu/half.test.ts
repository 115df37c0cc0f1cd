/** Conversions between f32 and f16 on lanes. */
import { describe, expect, test } from "vitest";
import { fromHalfBits, halfBits, roundToHalf } from "../../../src/cpu/math/half";
import { asFloats, floatSweep, mapLanes } from "./laneLoop";

/** The value of an f16, by the formula of IEEE 754. */
function decode(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent
    ? sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
    : sign * fraction * 2 ** -24;
}

const all = Uint32Array.from({ length: 65536 }, (_, i) => i);
const values = Float32Array.from(all, decode);

/** The f16 nearest to x, the one with an even last bit of two, by search among all. */
function nearestHalf(x: number): number {
  if (Number.isNaN(x)) return 0x7e00;
  const size = Math.abs(x);
  let low = 0;
  let high = 0x7c00;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle]! <= size) low = middle;
    else high = middle;
  }
  // Infinity stands for the number after the largest.
  const above = high === 0x7c00 ? 65536 : values[high]!;
  const [down, up] = [size - values[low]!, above - size];
  const bits = down < up || (down === up && low % 2 === 0) ? low : high;
  return bits | (x < 0 || Object.is(x, -0) ? 0x8000 : 0);
}

describe("f16", () => {
  test("every f16 is decoded, whatever the high bits of its word hold", () => {
    const words = all.map((x) => x | 0xabcd0000);
    expect(asFloats(mapLanes(fromHalfBits, words))).toEqual(values);
  });

  test("every f16 is encoded as itself, and NaN as a quiet NaN", () => {
    const bits = mapLanes(halfBits, values);
    const wrong = all.findIndex((x) =>
      Number.isNaN(values[x]!)
        ? (bits[x]! & 0x7e00) !== 0x7e00 || bits[x]! > 0xffff
        : bits[x] !== x,
    );
    expect(wrong).toBe(-1);
  });

  const middles = Float32Array.from(
    all.subarray(0, 0x7bff),
    (x) => (values[x]! + values[x + 1]!) / 2,
  );
  const sweep = floatSweep(9973, 500);
  const inputs = new Float32Array(sweep.length + middles.length);
  inputs.set(sweep);
  inputs.set(middles, sweep.length);

  test("f32 is rounded to the nearest f16, ties to even, and from 65520 on to infinity", () => {
    const expected = Uint32Array.from(inputs, nearestHalf);
    const bits = mapLanes(halfBits, inputs);
    const wrong = inputs.findIndex((x, i) => !Number.isNaN(x) && bits[i] !== expected[i]);
    expect(wrong, `of ${inputs[wrong]}`).toBe(-1);
  });

  test("rounding in place gives the value of the encoded bits", () => {
    const rounded = asFloats(mapLanes(roundToHalf, inputs));
    const bits = mapLanes(halfBits, inputs);
    const wrong = rounded.findIndex((x, i) => !Object.is(x, decode(bits[i]!)));
    expect(wrong, `of ${inputs[wrong]}`).toBe(-1);
  });
});

/** Integer functions on one number and on lanes, against their definitions bit by bit. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Builder } from "../../../src/cpu/ir/builder";
import type { Value } from "../../../src/cpu/ir/ir";
import {
  type IntegerFunction,
  integerFunctions,
  integerLaneFunctions,
} from "../../../src/cpu/math";
import { mapLanes } from "./laneLoop";

type Reference = (signed: boolean, ...args: number[]) => number;

const bit = (x: number, i: number): number => (x >>> i) & 1;
const bits = Array.from({ length: 32 }, (_, i) => i);
const asType = (x: number, signed: boolean): number => (signed ? x | 0 : x >>> 0);
const smaller: Reference = (signed, x, y) => Math.min(asType(x!, signed), asType(y!, signed));
const larger: Reference = (signed, x, y) => Math.max(asType(x!, signed), asType(y!, signed));

/** The definitions of WGSL, "Integer built-in functions". */
const references: Readonly<Record<string, Reference>> = {
  abs: (signed, x) => Math.abs(asType(x!, signed)),
  min: smaller,
  max: larger,
  clamp: (signed, x, low, high) => smaller(signed, larger(signed, x!, low!), high!),
  countOneBits: (_, x) => bits.filter((i) => bit(x!, i)).length,
  countLeadingZeros: (_, x) => 31 - (bits.findLast((i) => bit(x!, i)) ?? -1),
  countTrailingZeros: (_, x) => bits.find((i) => bit(x!, i)) ?? 32,
  firstLeadingBit: (signed, x) =>
    bits.findLast((i) => bit(x!, i) !== (signed ? bit(x!, 31) : 0)) ?? -1,
  firstTrailingBit: (_, x) => bits.find((i) => bit(x!, i)) ?? -1,
  reverseBits: (_, x) => bits.reduce((sum, i) => sum | (bit(x!, i) << (31 - i)), 0),
  extractBits(signed, x, offset, count) {
    const start = Math.min(offset! >>> 0, 32);
    const length = Math.min(count! >>> 0, 32 - start);
    if (length === 0) return 0;
    const sign = signed ? bit(x!, start + length - 1) : 0;
    return bits.reduce((sum, i) => sum | ((i < length ? bit(x!, start + i) : sign) << i), 0);
  },
  insertBits(_, x, inserted, offset, count) {
    const start = Math.min(offset! >>> 0, 32);
    const length = Math.min(count! >>> 0, 32 - start);
    const within = (i: number) => i >= start && i < start + length;
    return bits.reduce(
      (sum, i) => sum | ((within(i) ? bit(inserted!, i - start) : bit(x!, i)) << i),
      0,
    );
  },
};

const argumentCount = (name: string): number =>
  ({ min: 2, max: 2, clamp: 3, extractBits: 3, insertBits: 4 })[name] ?? 1;

const word = fc.oneof(
  fc.integer(),
  fc.nat({ max: 33 }),
  fc.nat({ max: 31 }).map((i) => 1 << i),
  fc.constantFrom(0, -1, 0x7fffffff, -0x80000000),
);

/** A function of numbers, on each lane. */
const onEachLane =
  (f: IntegerFunction, signed: boolean) =>
  (b: Builder, ...args: Value[]): Value =>
    [0, 1, 2, 3].reduce((result, i) => {
      const lane = f(b, signed, ...args.map((x) => b.pure("i32x4.extract_lane", [x], i)));
      return b.pure("i32x4.replace_lane", [result, lane], i);
    }, b.i32x4(0));

describe.each([
  ["i32", true],
  ["u32", false],
] as const)("of %s", (_, signed) => {
  test.each(Object.entries(references))("%s", (name, reference) => {
    const count = argumentCount(name);
    const rows = fc.sample(fc.array(word, { minLength: count, maxLength: count }), {
      numRuns: 2000,
      seed: 7,
    });
    const args = Array.from({ length: count }, (_, k) => Int32Array.from(rows, (row) => row[k]!));
    const expected = Int32Array.from(rows, (row) => reference(signed, ...row));
    const single = mapLanes(onEachLane(integerFunctions[name]!, signed), ...args);
    expect(new Int32Array(single)).toEqual(expected);
    const lanes = mapLanes((b, ...x) => integerLaneFunctions[name]!(b, signed, ...x), ...args);
    expect(new Int32Array(lanes)).toEqual(expected);
  });
});

test("sign of i32", () => {
  const x = Int32Array.of(0, 5, -5, 0x7fffffff, -0x80000000, 1, -1, 0);
  const single = mapLanes(onEachLane(integerFunctions["sign"]!, true), x);
  expect(new Int32Array(single)).toEqual(x.map(Math.sign));
  const lanes = mapLanes((b, v) => integerLaneFunctions["sign"]!(b, true, v), x);
  expect(new Int32Array(lanes)).toEqual(x.map(Math.sign));
});

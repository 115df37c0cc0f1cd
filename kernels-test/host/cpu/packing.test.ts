/** WGSL's data packing, against the formulas of the specification. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Builder } from "../../../src/cpu/ir/builder";
import type { Value } from "../../../src/cpu/ir/ir";
import { packingFunctions } from "../../../src/cpu/math";
import { asFloats, mapLanes } from "./laneLoop";

const fround = Math.fround;
const u32 = fc.nat({ max: 0xffffffff });
const floats = fc
  .tuple(...Array.from({ length: 4 }, () => fc.float({ noNaN: true, min: -2, max: 2 })))
  .map((x) => Float32Array.from(x));
const words = fc.tuple(u32, u32, u32, u32).map((x) => Uint32Array.from(x));

/** Of a vector, the i32. */
const packed = (name: string, x: Float32Array | Uint32Array): number =>
  mapLanes((b, v) => b.pure("i32x4.splat", [packingFunctions[name]!(b, v)]), x)[0]!;

const lane0 = (b: Builder, x: Value): Value => b.pure("i32x4.extract_lane", [x], 0);

/** Of i32s, the vector. */
const unpacked = (name: string, x: number): Uint32Array =>
  mapLanes((b, v) => packingFunctions[name]!(b, lane0(b, v)), Uint32Array.of(x, 0, 0, 0));

const dotted = (name: string, x: number, y: number): number =>
  mapLanes(
    (b, v, w) => b.pure("i32x4.splat", [packingFunctions[name]!(b, lane0(b, v), lane0(b, w))]),
    Uint32Array.of(x, 0, 0, 0),
    Uint32Array.of(y, 0, 0, 0),
  )[0]!;

const joined = (parts: readonly number[], bits: number): number =>
  parts.reduce((word, part, i) => word | ((part & (2 ** bits - 1)) << (bits * i)), 0) >>> 0;

const fields = (word: number, bits: number, signed: boolean): number[] =>
  Array.from({ length: 32 / bits }, (_, i) => {
    const top = word << (32 - bits * (i + 1));
    return signed ? top >> (32 - bits) : top >>> (32 - bits);
  });

const limit = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

describe.each([
  ["4x8snorm", 8, -1, 127],
  ["4x8unorm", 8, 0, 255],
  ["2x16snorm", 16, -1, 32767],
  ["2x16unorm", 16, 0, 65535],
] as const)("%s", (format, bits, low, scale) => {
  test("numbers are packed in steps of the largest, rounded, and bounded", () => {
    fc.assert(
      fc.property(floats, (x) => {
        const steps = [...x.subarray(0, 32 / bits)].map((e) =>
          Math.floor(fround(fround(scale * limit(e, low, 1)) + 0.5)),
        );
        expect(packed(`pack${format}`, x)).toBe(joined(steps, bits));
      }),
    );
  });

  test("numbers are unpacked as fractions of the largest, not below -1", () => {
    fc.assert(
      fc.property(u32, (word) => {
        const expected = fields(word, bits, low === -1).map((e) =>
          Math.max(fround(e / scale), low),
        );
        const result = asFloats(unpacked(`unpack${format}`, word));
        expect([...result.subarray(0, 32 / bits)]).toEqual(expected);
      }),
    );
  });
});

describe("bytes", () => {
  test("the lowest byte of each lane is packed", () => {
    fc.assert(
      fc.property(words, (x) => {
        expect(packed("pack4xI8", x)).toBe(joined([...x], 8));
        expect(packed("pack4xU8", x)).toBe(joined([...x], 8));
      }),
    );
  });

  test("lanes are bounded to a byte before they are packed", () => {
    const near = fc.oneof(u32, fc.integer({ min: -300, max: 300 }));
    fc.assert(
      fc.property(fc.tuple(near, near, near, near), (lanes) => {
        const unsigned = Uint32Array.from(lanes);
        const signed = [...Int32Array.from(lanes)].map((e) => limit(e, -128, 127));
        expect(packed("pack4xI8Clamp", unsigned)).toBe(joined(signed, 8));
        const bytes = [...unsigned].map((e) => limit(e, 0, 255));
        expect(packed("pack4xU8Clamp", unsigned)).toBe(joined(bytes, 8));
      }),
    );
  });

  test("bytes are unpacked with and without their sign", () => {
    fc.assert(
      fc.property(u32, (word) => {
        expect([...new Int32Array(unpacked("unpack4xI8", word))]).toEqual(fields(word, 8, true));
        expect([...unpacked("unpack4xU8", word)]).toEqual(fields(word, 8, false));
      }),
    );
  });

  test.each([
    ["dot4I8Packed", true],
    ["dot4U8Packed", false],
  ] as const)("%s sums the products of bytes", (name, signed) => {
    fc.assert(
      fc.property(u32, u32, (x, y) => {
        const others = fields(y, 8, signed);
        const sum = fields(x, 8, signed).reduce((total, e, i) => total + e * others[i]!, 0);
        expect(dotted(name, x, y)).toBe(sum >>> 0);
      }),
      {
        examples: [
          [0xffffffff, 0xffffffff],
          [0x80808080, 0x80808080],
        ],
      },
    );
  });
});

test("two halves are packed in one word, and unpacked to themselves", () => {
  expect(packed("pack2x16float", Float32Array.of(1, -2, 9, 9))).toBe(0xc0003c00);
  expect([...asFloats(unpacked("unpack2x16float", 0x7bff0001)).subarray(0, 2)]).toEqual([
    2 ** -24,
    65504,
  ]);
});

import { describe, expect, test } from "vitest";
import { DTypeError } from "../../src/errors";
import {
  byteSize,
  type DType,
  decodeHost,
  encodeHost,
  fromBrainBits,
  fromHalfBits,
  isFloat,
  isPacked,
  promote,
  requireDType,
  storageType,
  storedBytes,
  toBrainBits,
  toHalfBits,
} from "../../src/tensor/dtype";

const all: readonly DType[] = ["bool", "u32", "i4", "i8", "i32", "bf16", "f16", "f32"];

/** The value of f16 bits, from the format's definition. */
function half(bits: number): number {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

describe("f16", () => {
  test("every one of the 65,536 patterns means what the format says, and comes back", () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = half(bits);
      expect(fromHalfBits(bits)).toEqual(value);
      const back = toHalfBits(value);
      if (Number.isNaN(value)) expect(Number.isNaN(half(back))).toBe(true);
      else expect(back).toBe(bits);
    }
  });

  test("numbers between two halves go to the nearer, and in the middle to the even one", () => {
    for (let bits = 0; bits < 0x7bff; bits += 7) {
      const [low, high] = [half(bits), half(bits + 1)];
      const middle = (low + high) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      expect(toHalfBits(middle)).toBe(even);
      expect(toHalfBits(low + (high - low) * 0.499)).toBe(bits);
      expect(toHalfBits(low + (high - low) * 0.501)).toBe(bits + 1);
      expect(toHalfBits(-middle)).toBe(even | 0x8000);
    }
  });

  test("65,520 and beyond is infinite; 2^-25 and below is 0", () => {
    expect(half(toHalfBits(65519.99))).toBe(65504);
    expect(half(toHalfBits(65520))).toBe(Number.POSITIVE_INFINITY);
    expect(half(toHalfBits(-1e30))).toBe(Number.NEGATIVE_INFINITY);
    expect(toHalfBits(2 ** -25)).toBe(0);
    expect(toHalfBits(2 ** -25 * 1.001)).toBe(1);
    expect(toHalfBits(-0)).toBe(0x8000);
  });
});

describe("bf16", () => {
  test("every one of the 65,536 patterns is the upper half of an f32, and comes back", () => {
    const word = new Uint32Array(1);
    const float = new Float32Array(word.buffer);
    for (let bits = 0; bits < 65536; bits++) {
      word[0] = bits << 16;
      const value = fromBrainBits(bits);
      expect(value).toEqual(float[0]);
      if (Number.isNaN(value)) expect(fromBrainBits(toBrainBits(value))).toBeNaN();
      else expect(toBrainBits(value)).toBe(bits);
    }
  });

  test("numbers between two go to the nearer, in the middle to the even one, beyond all to infinity", () => {
    for (let bits = 1; bits < 0x7f7f; bits += 7) {
      const [low, high] = [fromBrainBits(bits), fromBrainBits(bits + 1)];
      expect(toBrainBits(low + (high - low) / 2)).toBe(bits % 2 === 0 ? bits : bits + 1);
    }
    expect(toBrainBits(1 + 0.499 * 2 ** -7)).toBe(0x3f80);
    expect(toBrainBits(1 + 0.501 * 2 ** -7)).toBe(0x3f81);
    expect(fromBrainBits(toBrainBits(3.4e38))).toBe(Number.POSITIVE_INFINITY);
    expect(fromBrainBits(toBrainBits(-3.38e38))).toBeLessThan(-3.3e38);
  });
});

describe("host values as the device stores them", () => {
  test.each([
    ["f32", [1.5, -2, 0], [1.5, -2, 0]],
    ["f16", [1.5, -2, 0.1], [1.5, -2, 0.0999755859375]],
    ["i32", [-1, 2.9, 2147483647], [-1, 2, 2147483647]],
    ["u32", [1, 4294967295, -1], [1, 4294967295, 4294967295]],
    ["bool", [0, 5, -1], [0, 1, 1]],
    ["bf16", [1.5, -2, 0.1], [1.5, -2, 0.10009765625]],
    ["i8", [1, -1.9, 127, 128, -1000], [1, -1, 127, 127, -128]],
    ["i4", [1, -1, 7.5, 8, -9], [1, -1, 7, 7, -8]],
  ] as const)("%s", (dtype, values, expected) => {
    const view = encodeHost(values, dtype);
    expect(view.byteLength % 4).toBe(0);
    expect(view.byteLength).toBeGreaterThanOrEqual(values.length * byteSize(dtype));
    const bytes = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
    expect([...decodeHost(bytes as ArrayBuffer, dtype, values.length)]).toEqual(expected);
  });

  test("booleans are 1 and 0 in every type", () => {
    for (const dtype of all) {
      const view = encodeHost([true, false], dtype);
      expect([...decodeHost(view.buffer as ArrayBuffer, dtype, 2)]).toEqual([1, 0]);
    }
  });
});

describe("rules", () => {
  test("promotion is symmetric, idempotent and goes up in the order of the types, but for two pairs", () => {
    all.forEach((a, i) => {
      all.forEach((b, j) => {
        const pair = [a, b].sort().join();
        // Neither of f16 and bf16 holds the other, and no signed byte holds a u32.
        const own: Record<string, DType> = { "bf16,f16": "f32", "i8,u32": "i32", "i4,u32": "i32" };
        expect(promote(a, b)).toBe(own[pair] ?? all[Math.max(i, j)]);
      });
    });
  });

  test("three types are floating-point; packed ones are read as those they widen to", () => {
    expect(all.filter(isFloat)).toEqual(["bf16", "f16", "f32"]);
    expect(all.filter(isPacked)).toEqual(["i4", "i8", "bf16"]);
    expect(all.map(storageType)).toEqual(["u32", "u32", "i32", "i32", "i32", "f32", "f16", "f32"]);
    expect(all.map(byteSize)).toEqual([4, 4, 0.5, 1, 4, 2, 2, 4]);
    expect(storedBytes("i4", 9)).toBe(8);
    expect(storedBytes("bf16", 3)).toBe(8);
  });

  test("an element type that is not allowed is refused with the cure", () => {
    expect(() => requireDType("op", "index", "i32", ["i32", "u32"])).not.toThrow();
    expect(() => requireDType("op", "index", "f32", ["i32", "u32"])).toThrow(DTypeError);
    expect(() => requireDType("op", "index", "f32", ["i32", "u32"])).toThrow(
      /op: index has dtype f32; it takes i32 or u32.*\.to\("i32"\)/,
    );
  });
});

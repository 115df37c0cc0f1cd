import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ArgumentError, CheckpointError } from "../../src/errors";
import {
  decodeSafetensors,
  encodeSafetensors,
  fromArray,
  type SafetensorsDType,
  type SafetensorsTensor,
  toArray,
} from "../../src/train/safetensors";

const BYTES: Record<SafetensorsDType, number> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
};
const dtypes = Object.keys(BYTES) as SafetensorsDType[];

/** A file with this header and these bytes of data. */
function file(header: unknown, data: Uint8Array | number = 0): Uint8Array {
  const json = new TextEncoder().encode(
    typeof header === "string" ? header : JSON.stringify(header),
  );
  const body = typeof data === "number" ? new Uint8Array(data) : data;
  const bytes = new Uint8Array(8 + json.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(body, 8 + json.length);
  return bytes;
}

const record = (dtype: string, shape: unknown, begin: unknown, end: unknown) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

const tensor: fc.Arbitrary<SafetensorsTensor> = fc
  .tuple(fc.constantFrom(...dtypes), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }))
  .chain(([dtype, shape]) => {
    const bytes = shape.reduce((a, b) => a * b, BYTES[dtype]);
    return fc
      .uint8Array({ minLength: bytes, maxLength: bytes })
      .map((data) => ({ dtype, shape, data }));
  });
const name = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("__proto__", "a.b", "constructor"),
);
const named = fc.uniqueArray(fc.tuple(name, tensor), { maxLength: 6, selector: ([key]) => key });
const metadata = fc.dictionary(name, fc.string({ unit: "binary" }), { noNullPrototype: true });

describe("encodeSafetensors and decodeSafetensors", () => {
  test("decode gives back names, shapes, types, bytes and metadata", () => {
    fc.assert(
      fc.property(named, metadata, (entries, notes) => {
        const { tensors, metadata: read } = decodeSafetensors(
          encodeSafetensors(entries, notes),
          "m",
        );
        expect(tensors.size).toBe(entries.length);
        for (const [key, { dtype, shape, data }] of entries) {
          expect(tensors.get(key)).toEqual({ dtype, shape, data });
        }
        expect(Object.entries(read).sort()).toEqual(Object.entries(notes).sort());
      }),
    );
  });

  test("the bytes do not depend on the order the tensors were given in", () => {
    fc.assert(
      fc.property(named, (entries) => {
        expect(encodeSafetensors([...entries].reverse())).toEqual(encodeSafetensors(entries));
      }),
    );
  });

  test("every tensor starts at a multiple of its element size, counted from the file's start", () => {
    fc.assert(
      fc.property(named, metadata, (entries, notes) => {
        const bytes = encodeSafetensors(entries, notes);
        const { tensors } = decodeSafetensors(bytes, "m");
        for (const { dtype, data } of tensors.values()) {
          expect((data.byteOffset - bytes.byteOffset) % BYTES[dtype]).toBe(0);
        }
      }),
    );
  });

  test("a file has exactly the layout of the published format", () => {
    const bytes = encodeSafetensors(
      [
        ["flag", fromArray("BOOL", [3], Uint8Array.of(1, 0, 1))],
        ["w", fromArray("F32", [1, 2], Float32Array.of(1, -2))],
      ],
      { format: "pt" },
    );
    const header =
      '{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},' +
      '"flag":{"dtype":"BOOL","shape":[3],"data_offsets":[8,11]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8, " ");
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(BigInt(padded.length));
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + padded.length))).toBe(padded);
    expect([...bytes.subarray(8 + padded.length)]).toEqual([0, 0, 128, 63, 0, 0, 0, 192, 1, 0, 1]);
  });

  test("every proper prefix of a file is refused as a whole", () => {
    const whole = encodeSafetensors(
      [
        ["a", fromArray("F32", [2, 2], Float32Array.of(1, 2, 3, 4))],
        ["b", fromArray("U8", [3], Uint8Array.of(1, 2, 3))],
      ],
      { step: "25" },
    );
    for (let length = 0; length < whole.length; length++) {
      const cut = () => decodeSafetensors(whole.slice(0, length), "cut.safetensors");
      expect(cut, `${length} of ${whole.length} bytes`).toThrow(CheckpointError);
      expect(cut).toThrow(/^cut\.safetensors .*(truncated|fewer than)/);
    }
  });

  test("bytes that are no such file are refused, never misread or crashed on", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => decodeSafetensors(bytes, "noise")).toThrow(CheckpointError);
      }),
    );
    const whole = encodeSafetensors([["a", fromArray("I32", [4], Int32Array.of(1, 2, 3, 4))]]);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }), (place, byte) => {
        const altered = whole.slice();
        altered[place] = byte;
        try {
          const { tensors } = decodeSafetensors(altered, "altered");
          // What is still accepted describes every byte of the data once.
          const total = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
          expect(total).toBe(16);
        } catch (error) {
          expect(error).toBeInstanceOf(CheckpointError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  const f32 = record("F32", [2], 0, 8);
  test.each([
    ["a header longer than any", new Uint8Array(16).fill(255), /another kind of file/],
    [
      "a header past the end",
      file({ a: f32 }).slice(0, 20),
      /truncated: the header needs \d+ bytes, the file has 20/,
    ],
    ["a header that is no JSON", file("{nope"), /header is not JSON/],
    [
      "a header that is not UTF-8",
      file("{}").map((b, i) => (i === 8 ? 0xff : b)),
      /header is not JSON/,
    ],
    ["a header that is a list", file([]), /not a JSON object/],
    ["a header that is null", file("null"), /not a JSON object/],
    ["metadata that is no object", file({ __metadata__: ["x"] }), /__metadata__ is not an object/],
    ["metadata of numbers", file({ __metadata__: { step: 3 } }), /__metadata__ entry step/],
    ["a record that is a number", file({ a: 1 }), /tensor a is described/],
    [
      "an unknown dtype",
      file({ a: record("F8", [2], 0, 2) }, 2),
      /tensor a has dtype "F8"; known are BOOL/,
    ],
    [
      "a dtype from the prototype",
      file({ a: record("toString", [2], 0, 2) }, 2),
      /dtype "toString"/,
    ],
    ["a shape that is no list", file({ a: record("U8", 2, 0, 2) }, 2), /tensor a has shape 2/],
    ["a negative length", file({ a: record("U8", [-1, -2], 0, 2) }, 2), /shape \[-1, -2\]/],
    ["a broken length", file({ a: record("U8", [0.5, 4], 0, 2) }, 2), /shape \[0\.5, 4\]/],
    ["offsets in reverse", file({ a: record("U8", [2], 2, 0) }, 2), /data_offsets \[2, 0\]/],
    ["a missing offset", file({ a: { dtype: "U8", shape: [2] } }, 2), /data_offsets undefined/],
    [
      "three offsets",
      file({ a: { dtype: "U8", shape: [2], data_offsets: [0, 1, 2] } }, 2),
      /\[0, 1, 2\]/,
    ],
    [
      "a shape larger than its span",
      file({ a: record("F32", [3], 0, 8) }, 8),
      /12 bytes, .*\[0, 8\] hold 8/,
    ],
    [
      "a shape whose size overflows",
      file({ a: record("F32", [2 ** 40, 2 ** 40], 0, 0) }),
      /hold 0/,
    ],
    [
      "data past the end",
      file({ a: f32 }, 7),
      /truncated: tensor a ends at byte 8 .* only 7 bytes/,
    ],
    [
      "overlapping tensors",
      file({ a: f32, b: record("F32", [2], 4, 12) }, 12),
      /tensor b overlaps tensor a/,
    ],
    [
      "a hole between tensors",
      file({ a: f32, b: record("F32", [1], 12, 16) }, 16),
      /bytes 8 to 12 .* before tensor b/,
    ],
    [
      "a hole at the start",
      file({ a: record("F32", [1], 4, 8) }, 8),
      /bytes 0 to 4 .* before tensor a/,
    ],
    ["appended bytes", file({ a: f32 }, 9), /last 1 bytes belong to no tensor/],
    ["data without tensors", file({}, 4), /last 4 bytes/],
    [
      "a tensor named twice",
      file(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061" :{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        1,
      ),
      /key "a" twice/,
    ],
    [
      "a dtype given twice",
      file('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1),
      /key "dtype" twice/,
    ],
  ])("refuses %s and says so", (_, bytes, message) => {
    const read = () => decodeSafetensors(bytes, "runs/x/model.safetensors");
    expect(read).toThrow(CheckpointError);
    expect(read).toThrow(message);
    expect(read).toThrow(/^runs\/x\/model\.safetensors cannot be read/);
  });

  test("the same string as key and value, and as key of two objects, is no repetition", () => {
    const good =
      '{"__metadata__":{"a":"a","b":"{\\"a\\":1"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}';
    expect(decodeSafetensors(file(good, 1), "f").metadata).toEqual({ a: "a", b: '{"a":1' });
  });

  test("an empty file with an empty header is a file without tensors", () => {
    expect(decodeSafetensors(file({}), "f").tensors.size).toBe(0);
    expect(decodeSafetensors(encodeSafetensors([]), "f").tensors.size).toBe(0);
  });

  test("writing refuses what reading would refuse", () => {
    const a = fromArray("F32", [2], Float32Array.of(1, 2));
    expect(() => encodeSafetensors([["a", { ...a, shape: [3] }]])).toThrow(ArgumentError);
    expect(() => encodeSafetensors([["a", { ...a, shape: [3] }]])).toThrow(
      /a is F32 \[3\], .*12 bytes/,
    );
    expect(() =>
      encodeSafetensors([
        ["a", a],
        ["a", a],
      ]),
    ).toThrow(/"a" is given twice/);
    expect(() => encodeSafetensors([["__metadata__", a]])).toThrow(/reserved/);
  });
});

describe("toArray", () => {
  test("reads elements wherever the bytes happen to lie", () => {
    const bytes = encodeSafetensors([["w", fromArray("F32", [3], Float32Array.of(1.5, -2, 3))]]);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    for (const source of [bytes, shifted.subarray(1)]) {
      const read = decodeSafetensors(source, "f").tensors.get("w")!;
      expect([...toArray(read, "F32")]).toEqual([1.5, -2, 3]);
    }
  });

  test("a view's own part is taken, not its whole buffer", () => {
    const part = Int32Array.of(1, 2, 3, 4).subarray(1, 3);
    expect([...toArray(fromArray("I32", [2], part), "I32")]).toEqual([2, 3]);
    expect([...toArray(fromArray("I64", [1], BigInt64Array.of(-5n)), "I64")]).toEqual([-5n]);
  });

  test("another dtype than the expected one is refused", () => {
    const half = fromArray("F16", [1], Uint16Array.of(0x3c00));
    expect(() => toArray(half, "F32")).toThrow(/dtype F32 was expected, the file has F16/);
  });
});

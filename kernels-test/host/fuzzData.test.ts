/** Damaged IDX files, compressed or not, and damaged tokenizers. */
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { CharTokenizer } from "../../src/data/charTokenizer";
import { decodeIdx, type IdxData } from "../../src/data/idx";
import { CheckpointError, DataError } from "../../src/errors";
import { HostRandom } from "../../src/random/hostRandom";
import { mutated } from "../mutation";
import { fuzz, fuzzAsync } from "./fuzzing";

const codes = new Map<string, number>([
  ["Uint8Array", 8],
  ["Int8Array", 9],
  ["Int16Array", 11],
  ["Int32Array", 12],
  ["Float32Array", 13],
  ["Float64Array", 14],
]);

/** The file of an array, on its own: each element's bytes in reverse. */
function encodeIdx({ shape, values }: IdxData): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, codes.get(values.constructor.name)!, shape.length]);
  for (const [d, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * d);
  const data = Buffer.from(
    values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength),
  );
  if (values.BYTES_PER_ELEMENT === 2) data.swap16();
  if (values.BYTES_PER_ELEMENT === 4) data.swap32();
  if (values.BYTES_PER_ELEMENT === 8) data.swap64();
  return new Uint8Array(Buffer.concat([header, data]));
}

const plain = [
  encodeIdx({ shape: [3], values: Uint8Array.of(1, 2, 3) }),
  encodeIdx({ shape: [2, 2], values: Float32Array.of(1.5, -0, NaN, 1e38) }),
  encodeIdx({ shape: [1, 2, 1], values: Int16Array.of(-2, 258) }),
  encodeIdx({ shape: [2], values: Float64Array.of(1e308, -1) }),
  encodeIdx({ shape: [], values: Int32Array.of(7) }),
  encodeIdx({ shape: [5, 0], values: Int8Array.of() }),
];

describe("damaged IDX files", () => {
  test("20,000 are refused in words, or are written as they were read", async () => {
    const random = new HostRandom(3);
    const { accepted, refused } = await fuzzAsync(20_000, DataError, () => {
      let bytes = mutated(plain, random);
      while (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = mutated(plain, random);
      return [
        bytes,
        () => decodeIdx(bytes, "fuzzed"),
        (read) => expect(Buffer.compare(encodeIdx(read), bytes)).toBe(0),
      ];
    });
    expect(accepted).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(5000);
  });

  const maxBytes = 1 << 16;
  const expectOf = (inflated: Uint8Array) => (read: IdxData) => {
    expect(inflated.length).toBeLessThanOrEqual(maxBytes);
    expect(Buffer.compare(encodeIdx(read), inflated)).toBe(0);
  };

  test("3,000 files of gzip, damaged, are refused in words, or hold what another inflater finds", async () => {
    const random = new HostRandom(4);
    const compressed = plain.map((bytes) => new Uint8Array(gzipSync(bytes)));
    const { accepted, refused } = await fuzzAsync(3000, DataError, () => {
      const bytes = mutated(compressed, random);
      const check = (read: IdxData) =>
        expectOf(bytes[0] === 0x1f ? gunzipSync(bytes) : bytes)(read);
      return [bytes, () => decodeIdx(bytes, "fuzzed.gz", { maxBytes }), check];
    });
    // The header's time, flags and system may be anything.
    expect(accepted).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(1000);
  });

  test("3,000 damaged files, compressed whole, are refused in words, or hold what was compressed", async () => {
    const random = new HostRandom(5);
    const { accepted, refused } = await fuzzAsync(3000, DataError, () => {
      const inner = mutated(plain, random);
      const bytes = new Uint8Array(gzipSync(inner));
      return [bytes, () => decodeIdx(bytes, "fuzzed.gz", { maxBytes }), expectOf(inner)];
    });
    expect(accepted).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(1000);
  });

  test("a file of zeros a thousand times its size stops where it is too long", async () => {
    const zeros = new Uint8Array(64 << 20);
    zeros.set([0, 0, 8, 1, 0, 0, 1, 0]);
    const bomb = new Uint8Array(gzipSync(zeros));
    expect(bomb.length).toBeLessThan(100_000);
    const before = process.memoryUsage().arrayBuffers;
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    }, 1);
    await expect(decodeIdx(bomb, "bomb.gz")).rejects.toThrow(/more follows the 264 bytes/);
    clearInterval(watch);
    expect(most - before).toBeLessThan(16 << 20);
  });
});

describe("damaged tokenizers", () => {
  const corpus = ["abc", "\n !\u00e9\u{1f600}", "", '"\\'].map((text) =>
    new TextEncoder().encode(JSON.stringify(CharTokenizer.fromText(text))),
  );

  test("15,000 are refused in words, or give each of their characters a token of its own", () => {
    const random = new HostRandom(6);
    let parsed = 0;
    const { accepted, refused } = fuzz(15_000, CheckpointError, () => {
      const bytes = mutated(corpus, random);
      let json: unknown;
      try {
        json = JSON.parse(new TextDecoder().decode(bytes));
        parsed++;
      } catch {
        // What is no JSON is refused by those who parse it; its text then stands for the value.
        json = new TextDecoder().decode(bytes);
      }
      return [
        bytes,
        () => CharTokenizer.fromJSON(json),
        (tokenizer) => {
          const { characters } = json as { characters: string };
          expect(tokenizer.toJSON()).toEqual({ kind: "char", characters });
          expect(tokenizer.vocab).toBe(new Set(characters).size);
          expect(tokenizer.encode(characters)).toEqual(
            Int32Array.from({ length: tokenizer.vocab }, (_, i) => i),
          );
          expect(tokenizer.decode(tokenizer.encode(characters))).toBe(characters);
        },
      ];
    });
    expect(parsed).toBeGreaterThan(1000);
    expect(accepted).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(1000);
  });

  test("half of a surrogate pair is no character of a tokenizer", () => {
    expect(() => CharTokenizer.fromJSON({ kind: "char", characters: "a\ud800" })).toThrow(
      /in halves; the file was altered/,
    );
  });
});

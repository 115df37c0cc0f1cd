/** IDX files: MNIST's own, and files made by hand of every element type. */
import { readFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { decodeIdx, type IdxArray } from "../../src/data/idx";
import { ArgumentError, DataError } from "../../src/errors";

const mnist = (name: string) =>
  readFileSync(new URL(`../../../shared/data/mnist-t10k-${name}-ubyte.gz`, import.meta.url));

/** A file of this type code and these sizes, and then these bytes. */
const idx = (code: number, shape: readonly number[], data: readonly number[] = []): Uint8Array => {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  bytes.set([0, 0, code, shape.length]);
  const view = new DataView(bytes.buffer);
  shape.forEach((size, d) => {
    view.setUint32(4 + 4 * d, size);
  });
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
};

describe("MNIST's files", () => {
  test("the digits are 10,000 pictures of 28 x 28 bytes, with their labels", async () => {
    const images = await decodeIdx(mnist("images-idx3"), "images");
    expect(images.shape).toEqual([10_000, 28, 28]);
    expect(images.values).toBeInstanceOf(Uint8Array);
    const raw = gunzipSync(mnist("images-idx3")).subarray(16);
    expect(Buffer.compare(raw, images.values as Uint8Array)).toBe(0);
    const labels = await decodeIdx(mnist("labels-idx1"), "labels");
    expect(labels.shape).toEqual([10_000]);
    expect([...labels.values.subarray(0, 10)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
  });

  test("the same digits come from a file that is not compressed, as a view of it", async () => {
    const plain = new Uint8Array(gunzipSync(mnist("labels-idx1")));
    const { values } = await decodeIdx(plain, "labels");
    expect(values.buffer).toBe(plain.buffer);
    expect(values).toEqual((await decodeIdx(mnist("labels-idx1"), "labels")).values);
  });
});

describe("files made by hand", () => {
  test.each<[string, number, number[], IdxArray]>([
    ["u8", 8, [0, 255], Uint8Array.of(0, 255)],
    ["i8", 9, [0x80, 0x7f], Int8Array.of(-128, 127)],
    ["i16", 11, [0xff, 0xfe, 1, 2], Int16Array.of(-2, 258)],
    ["i32", 12, [0xff, 0xff, 0xff, 0xfe, 0, 1, 0, 0], Int32Array.of(-2, 65_536)],
    ["f32", 13, [0x3f, 0xc0, 0, 0, 0xff, 0x80, 0, 0], Float32Array.of(1.5, -Infinity)],
    ["f64", 14, [0xbf, 0xf8, 0, 0, 0, 0, 0, 0], Float64Array.of(-1.5)],
  ])(
    "%s is read from big-endian bytes, at any offset, compressed or not",
    async (_, code, data, values) => {
      const bytes = idx(code, [values.length, 1], data);
      const wanted = { shape: [values.length, 1], values };
      expect(await decodeIdx(bytes, "a.idx")).toEqual(wanted);
      const shifted = new Uint8Array(bytes.length + 3);
      shifted.set(bytes, 3);
      expect(await decodeIdx(shifted.subarray(3), "a.idx")).toEqual(wanted);
      expect(await decodeIdx(gzipSync(bytes), "a.idx.gz")).toEqual(wanted);
      expect(bytes).toEqual(idx(code, [values.length, 1], data));
    },
  );

  test("a file may hold no element, and one element of no dimension", async () => {
    expect(await decodeIdx(idx(13, [3, 0]), "a")).toEqual({
      shape: [3, 0],
      values: new Float32Array(0),
    });
    const huge = new Array<number>(255).fill(2 ** 32 - 1);
    expect((await decodeIdx(idx(8, [...huge.slice(1), 0]), "a")).values.length).toBe(0);
    expect(await decodeIdx(idx(8, [], [7]), "a")).toEqual({ shape: [], values: Uint8Array.of(7) });
  });
});

describe("what is wrong is named", () => {
  const refused = (bytes: Uint8Array, words: RegExp, maxBytes?: number) =>
    expect(
      decodeIdx(bytes, "digits.idx", maxBytes === undefined ? {} : { maxBytes }),
    ).rejects.toThrow(
      expect.objectContaining({
        constructor: DataError,
        message: expect.stringMatching(words) as string,
      }) as Error,
    );
  const four = idx(8, [2, 2], [1, 2, 3, 4]);

  test("another kind of file", async () => {
    await refused(
      Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 1),
      /^digits\.idx cannot be read as IDX: it starts with the bytes 89 50 4e 47, but IDX .*08 \(u8\).*0e \(f64\).*another kind of file/,
    );
    await refused(idx(10, [1], [1]), /starts with the bytes 00 00 0a 01/);
    await refused(gzipSync("no array"), /starts with the bytes 6e 6f 20 61/);
  });

  test("a file that is cut short, in its header or in its elements", async () => {
    await refused(new Uint8Array(0), /truncated: its header needs 4 bytes, there are 0/);
    await refused(four.subarray(0, 9), /truncated: its header needs 12 bytes, there are 9/);
    await refused(four.subarray(0, 15), /truncated: u8 \[2, 2\] needs 16 bytes, there are 15/);
    await refused(gzipSync(four.subarray(0, 15)), /truncated: u8 \[2, 2\] needs 16 bytes/);
    await refused(gzipSync(four).subarray(0, 20), /gzip data are damaged or cut short/);
  });

  test("bytes that belong to nothing", async () => {
    await refused(
      idx(8, [2, 2], [1, 2, 3, 4, 5, 6]),
      /2 bytes follow the 16 that u8 \[2, 2\] needs/,
    );
    await refused(gzipSync(idx(8, [1], [1, 2])), /more follows the 9 bytes that u8 \[1\] needs/);
    await refused(Buffer.concat([gzipSync(four), Buffer.from("xyz")]), /cannot be read as IDX/);
  });

  test("a damaged gzip file", async () => {
    const bytes = new Uint8Array(gzipSync(four));
    bytes[bytes.length - 6]! ^= 1;
    await refused(bytes, /gzip data are damaged/);
  });

  test("sizes that no file holds, before memory is asked for", async () => {
    const huge = idx(14, [2 ** 32 - 1, 2 ** 32 - 1], [1]);
    await refused(huge, /truncated: f64 \[4294967295, 4294967295\] needs 147573952\d+ bytes/);
    await refused(gzipSync(huge), /more than maxBytes \(1073741824\); raise maxBytes/);
    await refused(gzipSync(idx(8, [2 ** 29], [1])), /which no gzip file of \d+ bytes can hold/);
  });

  test("what inflates beyond maxBytes, which is a whole number", async () => {
    const zeros = gzipSync(idx(8, [100_000], new Array<number>(100_000).fill(0)));
    await refused(
      zeros,
      /u8 \[100000\] needs 100008 bytes, more than maxBytes \(100000\)/,
      100_000,
    );
    expect((await decodeIdx(zeros, "a", { maxBytes: 100_008 })).values.length).toBe(100_000);
    await expect(decodeIdx(zeros, "a", { maxBytes: 0.5 })).rejects.toThrow(ArgumentError);
  });
});

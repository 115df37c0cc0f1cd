/** Damaged safetensors files: refused in words, or read as exactly what they say. */
import { describe, expect, test } from "vitest";
import { CheckpointError } from "../../src/errors";
import { HostRandom } from "../../src/random/hostRandom";
import {
  decodeSafetensors,
  decodeSafetensorsHeader,
  encodeSafetensors,
  fromArray,
  type SafetensorsFile,
} from "../../src/train/safetensors";
import { mutated } from "../mutation";
import { fuzz } from "./fuzzing";

const corpus = [
  encodeSafetensors([["w", fromArray("F32", [2, 3], Float32Array.of(1, -2, NaN, 4, 5, 6))]], {
    format: "pt",
  }),
  encodeSafetensors([
    ["a", fromArray("U8", [3], Uint8Array.of(1, 2, 3))],
    ["empty", fromArray("F64", [0, 4], new Float64Array(0))],
    ["count", fromArray("I64", [], BigInt64Array.of(-1n))],
    ["half", fromArray("BF16", [2, 1], Uint16Array.of(0x3f80, 0x7fc0))],
    ["__proto__", fromArray("BOOL", [1], Uint8Array.of(1))],
    ["\u{1f600}\u0000", fromArray("I8", [1, 1], Int8Array.of(-128))],
  ]),
  encodeSafetensors([], { "tilegrad.run": '{"step":3}' }),
  encodeSafetensors([]),
];

const same = (one: SafetensorsFile, other: SafetensorsFile): void => {
  expect([...one.tensors].sort()).toEqual([...other.tensors].sort());
  expect(Object.entries(one.metadata).sort()).toEqual(Object.entries(other.metadata).sort());
};

const elementBits = (dtype: string): bigint =>
  dtype === "BOOL" ? 8n : BigInt(/\d+/.exec(dtype)![0]);

/** Reads the header on its own, in whole numbers of any size, and compares byte for byte. */
function expectAsSaid(bytes: Uint8Array, { tensors }: SafetensorsFile): void {
  const length = Number(Buffer.from(bytes).readBigUInt64LE(0));
  const header = JSON.parse(Buffer.from(bytes.slice(8, 8 + length)).toString()) as object;
  const named = Object.entries(header).filter(([name]) => name !== "__metadata__");
  expect(named.length).toBe(tensors.size);
  let covered = 0;
  for (const [name, { dtype, shape, data_offsets: offsets }] of named) {
    const tensor = tensors.get(name)!;
    expect([tensor.dtype, tensor.shape]).toEqual([dtype, shape]);
    const size = (shape as number[]).reduce(
      (product, d) => product * BigInt(d),
      elementBits(dtype),
    );
    expect(BigInt(8 * tensor.data.length)).toBe(size);
    expect(tensor.data.buffer).toBe(bytes.buffer);
    expect(tensor.data.byteOffset).toBe(8 + length + offsets[0]);
    covered += tensor.data.length;
  }
  expect(covered).toBe(bytes.length - 8 - length);
}

describe("damaged safetensors files", () => {
  test("60,000 are refused in words, or hold what they say and are written as they were read", () => {
    const random = new HostRandom(1);
    const { accepted, refused } = fuzz(60_000, CheckpointError, () => {
      const bytes = mutated(corpus, random);
      return [
        bytes,
        () => decodeSafetensors(bytes, "fuzzed"),
        (file) => {
          expectAsSaid(bytes, file);
          same(decodeSafetensors(encodeSafetensors(file.tensors, file.metadata), "again"), file);
        },
      ];
    });
    expect(accepted).toBeGreaterThan(1000);
    expect(refused).toBeGreaterThan(10_000);
  });

  test("10,000 headers alone are refused in words, or name what there is", () => {
    const random = new HostRandom(2);
    const { accepted, refused } = fuzz(10_000, CheckpointError, () => {
      const bytes = mutated(corpus, random);
      return [bytes, () => decodeSafetensorsHeader(bytes, "fuzzed"), () => {}];
    });
    expect(accepted).toBeGreaterThan(200);
    expect(refused).toBeGreaterThan(1000);
  });

  test("a changed byte of the data changes the one value that it is part of", () => {
    for (const bytes of corpus) {
      const before = decodeSafetensors(bytes.slice(), "before");
      const start = 8 + Number(Buffer.from(bytes).readBigUInt64LE(0));
      for (let at = start; at < bytes.length; at++) {
        const changed = bytes.slice();
        changed[at]! ^= 0x55;
        const after = decodeSafetensors(changed, "after");
        expect([...after.tensors.keys()]).toEqual([...before.tensors.keys()]);
        expect(after.metadata).toEqual(before.metadata);
        let differing = 0;
        for (const [name, { dtype, shape, data }] of after.tensors) {
          const old = before.tensors.get(name)!;
          expect([dtype, shape]).toEqual([old.dtype, old.shape]);
          data.forEach((byte, i) => {
            if (byte === old.data[i]) return;
            differing++;
            expect(data.byteOffset + i).toBe(at);
          });
        }
        expect(differing).toBe(1);
      }
    }
  });
});

describe("headers of a megabyte and more", () => {
  const file = (json: string): Uint8Array => {
    const bytes = new Uint8Array(8 + json.length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
    bytes.set(new TextEncoder().encode(json), 8);
    return bytes;
  };
  const many = (count: number, item: (i: number) => string) =>
    `{${Array.from({ length: count }, (_, i) => item(i)).join(",")}}`;
  const record = (shape: string) => `{"dtype":"F32","shape":${shape},"data_offsets":[0,0]}`;

  test.each<[string, () => string]>([
    ["arrays within arrays", () => `{"a":${"[".repeat(1e6)}${"]".repeat(1e6)}}`],
    [
      "a shape of arrays within arrays",
      () => `{"a":${record(`${"[".repeat(1e6)}${"]".repeat(1e6)}`)}}`,
    ],
    ["objects within objects", () => `${'{"a":'.repeat(3e5)}1${"}".repeat(3e5)}`],
    ["a shape of a million sizes", () => `{"a":${record(`[${"2,".repeat(1e6)}2]`)}}`],
    ["a shape of a million texts", () => `{"a":${record(`[${'"x",'.repeat(1e6)}2]`)}}`],
    ["a name of two megabytes", () => `{"${"n".repeat(2e6)}":5}`],
    ["a repeated name of a megabyte", () => `{"${"n".repeat(1e6)}":1,"${"n".repeat(1e6)}":1}`],
    ["a type of two megabytes", () => `{"a":{"dtype":"${"F".repeat(2e6)}"}}`],
    ["spaces after every text", () => `{"a":[${`"",${" ".repeat(20)}`.repeat(1e5)}1]}`],
    ["a hundred thousand tensors that are no objects", () => many(1e5, (i) => `"${i}":null`)],
    ["backslashes to the end", () => `{"${"\\\\".repeat(5e5)}`],
  ])("%s are refused within the time, in a short message", (_, json) => {
    const bytes = file(json());
    let message = "";
    fuzz(1, CheckpointError, () => [
      bytes,
      () => {
        try {
          return decodeSafetensors(bytes, "fuzzed");
        } catch (error) {
          message = (error as Error).message;
          throw error;
        }
      },
      () => expect.unreachable(),
    ]);
    expect(message.length).toBeGreaterThan(30);
    expect(message.length).toBeLessThan(600);
  });

  test("a hundred thousand empty tensors are read within the time", () => {
    const bytes = file(many(1e5, (i) => `"${i}":${record("[0]")}`));
    const read = fuzz(1, CheckpointError, () => [
      bytes,
      () => decodeSafetensors(bytes, "many"),
      ({ tensors }) => expect(tensors.size).toBe(1e5),
    ]);
    expect(read.accepted).toBe(1);
  });
});

/**
 * Damaged files: what mutation-based fuzzers do (AFL's havoc stage), with the values that parsers of lengths,
 * offsets, JSON and UTF-8 go wrong on. One seed gives the same files on every machine.
 */
import type { HostRandom } from "../src/random/hostRandom";

const wholeNumbers = [0, 1, 7, 8, 255, 256, 65_535, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
/** What a length or offset of 64 bits goes wrong on. */
const longNumbers = [
  ...wholeNumbers.map(BigInt),
  ...[2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
];
const jsonPieces = [
  ...["null", "true", "-0", "-1", "0.5", "1e308", "1e400", "NaN", "9007199254740993", "1e1", "[]"],
  ...["{}", '""', "[0,0]", "[1,0]", "[0,8]", "[4,12]", '"F16"', '"BF16"', '"I32"', '"__proto__"'],
  ...['"__proto__":{"dtype":"F32"},', '"__proto__":1,', '"constructor":{},', '"shape":[2],'],
  ...['"kind":"char",', '"characters":"ab",', "\\ud800", "\\udc00", "\\u0000", "\\", '"', "{", "}"],
  ...["[[[[[[[[", "]]]]]]]]", ",", ":", " ", "\n", "\u00e9", "\u{1f600}"],
].map((text) => new TextEncoder().encode(text));
/** Lone continuation, overlong, surrogate, beyond U+10FFFF, cut short, byte order mark. */
const badUtf8 = [[0x80], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]
  .concat([[0xef, 0xbb, 0xbf]])
  .map((bytes) => Uint8Array.from(bytes));

const pick = <T>(random: HostRandom, list: readonly T[]): T =>
  list[random.integerBelow(list.length)]!;
/** A place among `length`, its end included. */
const place = (random: HostRandom, length: number): number => random.integerBelow(length + 1);

/** `bytes` with `inserted` in the place of those from `from` to `to`. */
export function splice(
  bytes: Uint8Array,
  from: number,
  to: number,
  inserted: Uint8Array,
): Uint8Array {
  const out = new Uint8Array(bytes.length - (to - from) + inserted.length);
  out.set(bytes.subarray(0, from));
  out.set(inserted, from);
  out.set(bytes.subarray(to), from + inserted.length);
  return out;
}

type Mutation = (
  bytes: Uint8Array,
  random: HostRandom,
  others: readonly Uint8Array[],
) => Uint8Array;

/** Overwrites what is there with `patch`, as far as the file goes. */
const overwritten = (bytes: Uint8Array, at: number, patch: Uint8Array): Uint8Array => {
  const out = bytes.slice();
  out.set(patch.subarray(0, out.length - at), at);
  return out;
};

const mutations: readonly Mutation[] = [
  // One bit.
  (bytes, random) => {
    const out = bytes.slice();
    if (out.length > 0) out[random.integerBelow(out.length)]! ^= 1 << random.integerBelow(8);
    return out;
  },
  // One byte.
  (bytes, random) => {
    const out = bytes.slice();
    if (out.length > 0) out[random.integerBelow(out.length)] = random.integerBelow(256);
    return out;
  },
  // Cut short.
  (bytes, random) => bytes.slice(0, place(random, bytes.length)),
  // A part removed, or repeated.
  (bytes, random) => {
    const from = place(random, bytes.length);
    const to = Math.min(bytes.length, from + place(random, 16));
    const twice = random.integerBelow(2) === 0;
    return splice(bytes, from, twice ? from : to, twice ? bytes.slice(from, to) : new Uint8Array());
  },
  // The start of this file, the end of another.
  (bytes, random, others) => {
    const other = pick(random, others);
    const from = place(random, bytes.length);
    return splice(bytes, from, bytes.length, other.subarray(place(random, other.length)));
  },
  // A length field at an extreme: 64 bits little-endian, or 32 bits big-endian; mostly at the start.
  (bytes, random) => {
    const patch = new Uint8Array(8);
    new DataView(patch.buffer).setBigUint64(0, pick(random, longNumbers), true);
    const at = random.integerBelow(2) === 0 ? 0 : place(random, bytes.length);
    return overwritten(bytes, at, patch);
  },
  (bytes, random) => {
    const patch = new Uint8Array(4);
    new DataView(patch.buffer).setUint32(0, pick(random, wholeNumbers));
    return overwritten(bytes, place(random, Math.min(bytes.length, 16)), patch);
  },
  // A piece of JSON, in the place of nothing or of as many bytes.
  (bytes, random) => {
    const at = place(random, bytes.length);
    const piece = pick(random, jsonPieces);
    return splice(
      bytes,
      at,
      random.integerBelow(2) ? at : Math.min(bytes.length, at + piece.length),
      piece,
    );
  },
  // A number of the text becomes another.
  (bytes, random) => {
    const digits = [...bytes.keys()].filter((i) => bytes[i]! >= 0x30 && bytes[i]! <= 0x39);
    if (digits.length === 0) return bytes;
    const at = pick(random, digits);
    return splice(bytes, at, at + 1, pick(random, jsonPieces.slice(0, 12)));
  },
  (bytes, random) => {
    const at = place(random, bytes.length);
    return splice(bytes, at, at, pick(random, badUtf8));
  },
];

/** One file of `corpus` with one to four mutations. */
export function mutated(corpus: readonly Uint8Array[], random: HostRandom): Uint8Array {
  let bytes = pick(random, corpus);
  const count = 1 + random.integerBelow(4);
  for (let i = 0; i < count; i++) bytes = pick(random, mutations)(bytes, random, corpus);
  return bytes;
}

/**
 * Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers:
 * as easy as 1, 2, 3" (SC 2011): a keyed bijection of a 128-bit counter. There is no hidden state, so the
 * same (key, counter) gives the same bits in any order, on any thread, on the host and in the WGSL include
 * `philox`, whose twin this is.
 *
 * One round, with `hi` and `lo` the halves of a 64-bit product and (k0, k1) growing by (W0, W1) a round:
 *
 *     (c0, c1, c2, c3) <- (hi(M1 c2) ^ c1 ^ k0,  lo(M1 c2),  hi(M0 c0) ^ c3 ^ k1,  lo(M0 c0))
 */

import { ArgumentError } from "../errors";

/** Two u32. */
export type PhiloxKey = readonly [number, number];

/** Four u32. */
export type PhiloxCounter = readonly [number, number, number, number];

const ROUNDS = 10;
const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
// The golden ratio and sqrt(3) - 1, as 32-bit fractions.
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two u32. Every partial sum stays below 2^53, so f64 is exact. */
export function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) >>> 0;
}

/** Four u32 for one key and counter. Arguments are taken modulo 2^32. */
export function philox4x32(
  key: PhiloxKey,
  counter: PhiloxCounter,
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  c0 >>>= 0;
  c2 >>>= 0;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(M0, c0);
    const low0 = Math.imul(M0, c0);
    const high1 = multiplyHigh(M1, c2);
    const low1 = Math.imul(M1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + W0) | 0;
    k1 = (k1 + W1) | 0;
  }
  return [c0, c1 >>> 0, c2, c3 >>> 0];
}

/**
 * The key of a seed: its low and high 32 bits. Seeds are whole numbers from 0 to 2^53 - 1, so no two
 * share a key. Throws `ArgumentError` for anything else.
 */
export function keyFromSeed(seed: number): [number, number] {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new ArgumentError(
      `seed must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, got ${seed}`,
    );
  }
  return [seed >>> 0, Math.floor(seed / 2 ** 32)];
}

/**
 * A whole number from 0 to `bound - 1` from 32 random bits, by the high half of a product (Lemire, "Fast
 * random integer generation in an interval", 2019, without rejection: a value's probability is off by
 * less than 2^-32). `bound` is from 1 to 2^32 - 1.
 */
export function boundedInteger(bits: number, bound: number): number {
  return multiplyHigh(bits, bound);
}

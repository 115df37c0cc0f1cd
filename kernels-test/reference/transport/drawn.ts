/**
 * Inputs of transport problems that a formula gives: the script that made the fixtures and the tests have the
 * same numbers, bit for bit, and no file holds them. kernels-test/oracles/hashed.py is the same in Python.
 */

/** 24 random bits of a counter and a seed (the finalizer of MurmurHash3), as a multiple of 2^-24 in [0, 1). */
export function hashed(index: number, seed: number): number {
  let h = (Math.imul(index, 0x9e3779b1) + Math.imul(seed, 0x85ebca77)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) >>> 0;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) >>> 0;
  h = (h ^ (h >>> 16)) >>> 0;
  return (h >>> 8) / 2 ** 24;
}

/** [n, d] points in the unit cube: exact in f32. */
export const drawPoints = (n: number, d: number, seed: number): Float64Array =>
  Float64Array.from({ length: n * d }, (_, k) => hashed(k, seed));

export type WeightKind = "uniform" | "random" | "zeros";

/** n weights of sum `mass`: all alike, from 1/10 to 11/10 before scaling, or the same with every third one 0. */
export function drawWeights(kind: WeightKind, n: number, seed: number, mass = 1): Float64Array {
  const raw = Float64Array.from({ length: n }, (_, i) => {
    if (kind === "uniform") return 1;
    return kind === "zeros" && i % 3 === 2 ? 0 : 0.1 + hashed(i, seed);
  });
  const total = raw.reduce((sum, w) => sum + w, 0);
  return raw.map((w) => (w / total) * mass);
}

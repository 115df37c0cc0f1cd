import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ArgumentError } from "../../src/errors";
import { HostRandom } from "../../src/random/hostRandom";
import { boundedInteger, keyFromSeed, multiplyHigh, philox4x32 } from "../../src/random/philox";

const u32 = fc.integer({ min: 0, max: 0xffffffff });

describe("philox4x32", () => {
  // Random123, tests/kat_vectors, "philox4x32 10".
  test.each([
    {
      name: "zeros",
      counter: [0, 0, 0, 0],
      key: [0, 0],
      bits: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    },
    {
      name: "all ones",
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      key: [0xffffffff, 0xffffffff],
      bits: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    },
    {
      name: "digits of pi",
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      bits: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    },
  ] as const)("gives Random123's published bits for $name", ({ counter, key, bits }) => {
    expect(philox4x32(key, counter)).toEqual(bits);
  });

  test("multiplyHigh is the high half of the exact 64-bit product", () => {
    fc.assert(
      fc.property(u32, u32, (a, b) => {
        expect(multiplyHigh(a, b)).toBe(Number((BigInt(a) * BigInt(b)) >> 32n));
      }),
    );
    expect(multiplyHigh(0xffffffff, 0xffffffff)).toBe(0xfffffffe);
  });

  test("agrees with a big-integer form of the published rounds for any key and counter", () => {
    fc.assert(
      fc.property(fc.tuple(u32, u32), fc.tuple(u32, u32, u32, u32), (key, counter) => {
        expect(philox4x32(key, counter)).toEqual(exactPhilox(key, counter));
      }),
    );
  });

  test("boundedInteger covers exactly 0 to bound - 1", () => {
    expect(boundedInteger(0, 7)).toBe(0);
    expect(boundedInteger(0xffffffff, 7)).toBe(6);
    fc.assert(
      fc.property(u32, fc.integer({ min: 1, max: 0xffffffff }), (bits, bound) => {
        const value = boundedInteger(bits, bound);
        expect(value >= 0 && value < bound && Number.isInteger(value)).toBe(true);
      }),
    );
  });

  test("seeds up to 2^53 - 1 keep their high bits in the key", () => {
    expect(keyFromSeed(1)).toEqual([1, 0]);
    expect(keyFromSeed(Number.MAX_SAFE_INTEGER)).toEqual([0xffffffff, 0x1fffff]);
    for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => keyFromSeed(seed)).toThrow(ArgumentError);
    }
  });
});

describe("HostRandom", () => {
  test("one seed gives one sequence, another seed or stream gives another", () => {
    const draw = (seed: number, stream?: number) =>
      Array.from(
        { length: 9 },
        (
          (random) => () =>
            random.bits()
        )(new HostRandom(seed, stream)),
      );
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
    expect(draw(3)).not.toEqual(draw(3, 1));
  });

  test("a sequence goes on from a saved state as if it had not been interrupted", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 23 }), (seed, before) => {
        const whole = new HostRandom(seed);
        const first = new HostRandom(seed);
        for (let i = 0; i < before; i++) {
          whole.bits();
          first.bits();
        }
        const resumed = HostRandom.fromState(JSON.parse(JSON.stringify(first.state)));
        for (let i = 0; i < 10; i++) expect(resumed.bits()).toBe(whole.bits());
      }),
    );
  });

  test("uniform numbers lie in [0, 1) and fill ten bins evenly", () => {
    const random = new HostRandom(11);
    const bins = new Array(10).fill(0);
    const draws = 20_000;
    for (let i = 0; i < draws; i++) bins[Math.floor(random.uniform() * 10)]++;
    const expected = draws / 10;
    const chiSquared = bins.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    // The 0.1 % point of chi squared with 9 degrees of freedom.
    expect(chiSquared).toBeLessThan(27.88);
  });

  test("a permutation has every number once, and all orders of three are about equally frequent", () => {
    expect([...new HostRandom(5).permutation(100)].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    );
    const random = new HostRandom(6);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = random.permutation(3).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    const chiSquared = [...counts.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    expect(counts.size).toBe(6);
    // The 0.1 % point of chi squared with 5 degrees of freedom.
    expect(chiSquared).toBeLessThan(20.52);
  });

  test("arguments out of range are named", () => {
    expect(() => new HostRandom(1).integerBelow(0)).toThrow(/integerBelow .* got 0/);
    expect(() => new HostRandom(1).permutation(-1)).toThrow(/permutation .* got -1/);
    expect(() => new HostRandom(1, -1)).toThrow(/stream .* got -1/);
    expect(() => HostRandom.fromState({ seed: 1, stream: 0, draws: 0.5 })).toThrow(/draws .* 0.5/);
  });
});

/** The same rounds on big integers, where nothing can overflow or lose a sign. */
function exactPhilox(key: readonly number[], counter: readonly number[]): number[] {
  const mask = 0xffffffffn;
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0;
    const p1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & mask, (p0 >> 32n) ^ c3 ^ k1, p0 & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [c0, c1, c2, c3].map(Number);
}

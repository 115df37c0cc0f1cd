/**
 * Programs from a list of numbers. A generator asks for one choice after another; the numbers answer, and
 * when they are used up every answer is 0. The choice 0 is always the simplest, so that a shorter list
 * gives a smaller program, and fast-check shrinks programs by shrinking lists (D. MacIver, "Test-case
 * reduction via test-case generation", ECOOP 2020).
 */
import * as fc from "fast-check";

export class Choices {
  private next = 0;

  constructor(private readonly numbers: readonly number[]) {}

  get exhausted(): boolean {
    return this.next >= this.numbers.length;
  }

  /** 0 ≤ result < n ≤ 65536. */
  below(n: number): number {
    return (this.numbers[this.next++] ?? 0) % n;
  }

  /** From `low` to `high`, both included; simplest is `low`. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** True in about `percent` of 100; simplest is false. */
  chance(percent: number): boolean {
    return this.below(100) >= 100 - percent;
  }

  /** Any 32 bits. */
  word(): number {
    return ((this.below(65536) << 16) | this.below(65536)) >>> 0;
  }
}

/** Lists of `length` numbers, which shrink to shorter and smaller ones. */
class NumberLists extends fc.Arbitrary<number[]> {
  constructor(private readonly length: number) {
    super();
  }

  override generate(random: fc.Random): fc.Value<number[]> {
    const numbers = Array.from({ length: this.length }, () => random.nextInt(0, 0xffff));
    return new fc.Value(numbers, undefined);
  }

  override canShrinkWithoutContext(value: unknown): value is number[] {
    return Array.isArray(value);
  }

  /** Truncations, then removals of runs, then smaller numbers. */
  override shrink(numbers: number[]): fc.Stream<fc.Value<number[]>> {
    function* smaller(): Generator<fc.Value<number[]>> {
      for (let keep = 0; keep < numbers.length; keep += Math.ceil((numbers.length - keep) / 2))
        yield new fc.Value(numbers.slice(0, keep), undefined);
      for (let run = numbers.length >> 1; run >= 1; run >>= 1)
        for (let at = 0; at + run <= numbers.length; at += run)
          yield new fc.Value([...numbers.slice(0, at), ...numbers.slice(at + run)], undefined);
      for (const [at, number] of numbers.entries())
        for (const value of new Set([0, number >> 1, number - 1]))
          if (value >= 0 && value < number) yield new fc.Value(numbers.with(at, value), undefined);
    }
    return fc.stream(smaller());
  }
}

/** `length` choices for a generator. */
export const choiceLists = (length: number): fc.Arbitrary<number[]> => new NumberLists(length);

/**
 * Seeded random numbers on the host: mulberry32 by Tommy Ettinger, 32 bits of state, which is plenty for pictures.
 * The same seed gives the same numbers in Node and in every browser.
 */

/** A sequence of random numbers. */
export class RandomNumbers {
  #state;

  /** @param {number} seed whole number; only its low 32 bits count */
  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** Uniform from 0 to 1, without 1. */
  uniform() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Uniform from `low` to `high`. */
  between(low, high) {
    return low + (high - low) * this.uniform();
  }

  /** A whole number from 0 to `bound - 1`. */
  below(bound) {
    return Math.floor(bound * this.uniform());
  }

  /** Normal with mean 0, to within 2 % by the sum of four uniforms: no tail goes beyond 3.5 deviations. */
  normal(deviation) {
    const sum = this.uniform() + this.uniform() + this.uniform() + this.uniform();
    return deviation * (sum - 2) * Math.sqrt(3);
  }
}

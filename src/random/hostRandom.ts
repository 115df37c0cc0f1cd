/** A sequence of random numbers on the host, for decisions about order: which batch, which window. */

import { ArgumentError } from "../errors";
import { boundedInteger, keyFromSeed, philox4x32 } from "./philox";

/** Keeps these numbers apart from those a device draws with the same seed: "host" in ASCII. */
const HOST = 0x686f7374;

/** All of a `HostRandom`: `draws` u32 of the sequence (seed, stream) are used up. Plain JSON. */
export interface HostRandomState {
  seed: number;
  stream: number;
  draws: number;
}

/**
 * A seeded sequence over Philox4x32-10. The state is three numbers, so a checkpoint can hold it and a
 * resumed run draws exactly what the uninterrupted one would have drawn.
 *
 * ```ts
 * const random = new HostRandom(1);
 * const order = random.permutation(dataset.length);
 * ```
 */
export class HostRandom {
  #state: HostRandomState;
  #key: [number, number];
  #block: [number, number, number, number] = [0, 0, 0, 0];
  /** Index of the counter whose four words are in `#block`; -1 when there are none. */
  #blockIndex = -1;

  /**
   * @param seed whole number from 0 to 2^53 - 1
   * @param stream u32; sequences of one seed with different streams are independent
   */
  constructor(seed: number, stream = 0) {
    this.#key = keyFromSeed(seed);
    this.#state = checked({ seed, stream, draws: 0 });
  }

  /** A sequence that goes on where `state` was taken. */
  static fromState(state: HostRandomState): HostRandom {
    const random = new HostRandom(state.seed, state.stream);
    random.state = state;
    return random;
  }

  get state(): HostRandomState {
    return { ...this.#state };
  }

  set state(state: HostRandomState) {
    this.#key = keyFromSeed(state.seed);
    this.#state = checked({ seed: state.seed, stream: state.stream, draws: state.draws });
    this.#blockIndex = -1;
  }

  /** 32 random bits, as a whole number from 0 to 2^32 - 1. */
  bits(): number {
    const { draws, stream } = this.#state;
    const index = Math.floor(draws / 4);
    if (index !== this.#blockIndex) {
      const counter = [index >>> 0, Math.floor(index / 2 ** 32), HOST, stream] as const;
      this.#block = philox4x32(this.#key, counter);
      this.#blockIndex = index;
    }
    this.#state.draws++;
    return this.#block[draws % 4]!;
  }

  /** A multiple of 2^-32 in [0, 1). */
  uniform(): number {
    return this.bits() * 2 ** -32;
  }

  /** A whole number from 0 to `bound - 1`; `bound` from 1 to 2^32 - 1. */
  integerBelow(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 0xffffffff) {
      throw new ArgumentError(
        `integerBelow needs a whole bound from 1 to ${0xffffffff}, got ${bound}`,
      );
    }
    return boundedInteger(this.bits(), bound);
  }

  /** The numbers 0 to `length - 1` in random order (Fisher and Yates). */
  permutation(length: number): Uint32Array {
    if (!Number.isInteger(length) || length < 0 || length > 0xffffffff) {
      throw new ArgumentError(`permutation needs a whole length from 0 up, got ${length}`);
    }
    const order = Uint32Array.from({ length }, (_, i) => i);
    for (let last = length - 1; last > 0; last--) {
      const other = this.integerBelow(last + 1);
      const swapped = order[last]!;
      order[last] = order[other]!;
      order[other] = swapped;
    }
    return order;
  }
}

function checked(state: HostRandomState): HostRandomState {
  if (!Number.isInteger(state.stream) || state.stream < 0 || state.stream > 0xffffffff) {
    throw new ArgumentError(
      `stream must be a whole number from 0 to ${0xffffffff}, got ${state.stream}`,
    );
  }
  if (!Number.isSafeInteger(state.draws) || state.draws < 0) {
    throw new ArgumentError(`draws must be a whole number from 0 up, got ${state.draws}`);
  }
  return state;
}

/** From logits to a token, on the host, from a seeded counter. */
import { exp } from "../elementary";
import { ArgumentError } from "../errors";
import { requireOptions } from "../options";
import { keyFromSeed, philox4x32 } from "../random/philox";

export interface SamplingOptions {
  /** Divides the logits; 0 always takes the most likely token. Default 1. */
  temperature?: number;
  /** Only the k most likely tokens. Default: all. */
  topK?: number;
  /** Only the most likely tokens that together reach probability p (Holtzman et al. 2019). Default 1. */
  topP?: number;
  /** Default 0. */
  seed?: number;
}

/** Keeps these draws apart from others with the same seed: "pick" in ASCII. */
const pickStream = 0x7069636b;

/** The index of the element that equals `value`, of several the one after `before` others. */
function nthOf(values: ArrayLike<number>, value: number, before: number): number {
  let left = before;
  for (let i = 0; i < values.length; i++) if (values[i] === value && left-- === 0) return i;
  throw new ArgumentError(
    "The logits hold NaN, so no token can be picked: the weights of the model are not finite.",
  );
}

/** Draws tokens from logits on the host: the same seed and logits give the same tokens. */
export class Sampler {
  readonly #temperature: number;
  readonly #topK: number;
  readonly #topP: number;
  readonly #key: [number, number];
  #draws = 0;

  /** @throws ArgumentError for an option outside its range */
  constructor(options: SamplingOptions = {}) {
    const {
      temperature = 1,
      topK,
      topP = 1,
      seed = 0,
    } = requireOptions("nn.Sampler", options, "temperature");
    if (!(temperature >= 0))
      throw new ArgumentError(`temperature is ${temperature}; it is a number >= 0.`);
    if (topK !== undefined && !(Number.isInteger(topK) && topK >= 1))
      throw new ArgumentError(`topK is ${topK}; it is a whole number >= 1.`);
    if (!(topP > 0 && topP <= 1))
      throw new ArgumentError(`topP is ${topP}; it is a probability above 0, at most 1.`);
    this.#temperature = temperature;
    this.#topK = topK ?? Number.POSITIVE_INFINITY;
    this.#topP = topP;
    this.#key = keyFromSeed(seed);
  }

  /** The next token. Equal logits rank by index. */
  pick(logits: ArrayLike<number>): number {
    // Values sort without a comparison of our own, several times faster than indices do; equal ones find theirs below.
    const sorted = Float64Array.from(logits).sort().reverse();
    const greatest = sorted[0]!;
    if (this.#temperature === 0) return nthOf(logits, greatest, 0);
    const kept = sorted.subarray(0, this.#topK);
    const weights = kept.map((value) => exp((value - greatest) / this.#temperature));
    const total = weights.reduce((a, b) => a + b, 0);
    let mass = 0;
    let count = 0;
    while (count < kept.length && mass < this.#topP * total) mass += weights[count++]!;
    let rest = this.#uniform() * mass;
    let picked = 0;
    while (picked < count - 1) {
      rest -= weights[picked]!;
      if (rest < 0) break;
      picked++;
    }
    const value = kept[picked]!;
    return nthOf(logits, value, picked - kept.indexOf(value));
  }

  #uniform(): number {
    const draw = this.#draws++;
    const [word] = philox4x32(this.#key, [draw >>> 0, 0, 0, pickStream]);
    return word! / 2 ** 32;
  }
}

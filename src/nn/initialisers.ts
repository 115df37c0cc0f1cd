/**
 * Initial values, drawn on the host from a seeded counter: the same weights on every adapter.
 * `manualSeed` starts the sequence over; each call takes the next stream of it.
 */
import { cos, log, sin } from "../elementary";
import { keyFromSeed, philox4x32 } from "../random/philox";
import { manualSeed as seedGenerator } from "../random/random";
import { type Shape, sizeOf } from "../tensor/shape";

/** Keeps initial values apart from other draws with the same seed: "init" in ASCII. */
const initStream = 0x696e6974;

let seed = keyFromSeed(0);
let draws = 0;

/**
 * Seeds everything that draws without a key of its own: the initial values of the modules made from here
 * on, and the default generator (dropout outside of a training step).
 */
export function manualSeed(value: number): void {
  seed = keyFromSeed(value);
  draws = 0;
  seedGenerator(value);
}

let skipping = false;

/**
 * Makes a module whose values are loaded next: nothing is drawn, what would be is 0, and `manualSeed`'s sequence stays
 * where it is. For a model of a hundred million parameters that is most of the time. As torch.nn.utils.skip_init.
 * @example const model = nn.skipInit(() => new nn.GPT(config));
 */
export function skipInit<T>(make: () => T): T {
  const outer = skipping;
  skipping = true;
  try {
    return make();
  } finally {
    skipping = outer;
  }
}

/** Fills with f(u0, u1, …) of the four 32-bit words of each counter. */
function draw(
  shape: Shape,
  fill: (words: readonly number[], out: Float32Array, at: number) => void,
) {
  if (skipping) return new Float32Array(sizeOf(shape));
  const out = new Float32Array(Math.ceil(sizeOf(shape) / 4) * 4);
  const stream = draws++;
  for (let i = 0; i < out.length; i += 4)
    fill(philox4x32(seed, [i / 4, 0, stream, initStream]), out, i);
  return out.subarray(0, sizeOf(shape));
}

/** Open interval (0, 1) from 32 bits. */
const open = (word: number): number => (word + 0.5) / 2 ** 32;

/** Normal values of the given mean and standard deviation (Box-Muller in f64). */
export function normal(shape: Shape, { mean = 0, std = 1 } = {}): Float32Array {
  return draw(shape, (words, out, at) => {
    for (let pair = 0; pair < 4; pair += 2) {
      const radius = std * Math.sqrt(-2 * log(open(words[pair]!)));
      const angle = 2 * Math.PI * open(words[pair + 1]!);
      out[at + pair] = mean + radius * cos(angle);
      out[at + pair + 1] = mean + radius * sin(angle);
    }
  });
}

/** Values evenly distributed over (low, high). */
export function uniform(shape: Shape, low: number, high: number): Float32Array {
  return draw(shape, (words, out, at) => {
    for (let i = 0; i < 4; i++) out[at + i] = low + (high - low) * open(words[i]!);
  });
}

/** PyTorch's default for Linear: uniform within ±1/√fanIn (kaiming uniform with a = √5). */
export function fanInUniform(shape: Shape, fanIn: number): Float32Array {
  const bound = 1 / Math.sqrt(Math.max(fanIn, 1));
  return uniform(shape, -bound, bound);
}

/**
 * Random numbers (`tg.random`): keys, draws from a key, and the generator that modules draw from when
 * nobody gives them a key.
 *
 * A key is a u32 tensor of shape [2]. The same key gives the same numbers; `split` and `foldIn` give new
 * keys. Several draws from one key take different streams.
 *
 * The default generator counts draws: each `nextKey` gives its key and the next stream. Inside
 * `withKey(key, fn)` the draws come from `key` instead, from stream 0 on, so that a training step is a
 * function of its own key.
 */
import { currentDevice, type Device } from "../device/device";
import { ArgumentError } from "../errors";
import { foldInTensor } from "../ops/randomBits";
import { requireOptions } from "../options";
import { upload } from "../tensor/creation";
import { keep, scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { keyFromSeed } from "./philox";

export { bits, type DrawOptions, randint, split } from "../ops/randomBits";
export { binomial } from "./binomial";
export * from "./choices";
export * from "./continuous";
export {
  beta,
  chiSquare,
  dirichlet,
  type GammaOptions,
  gamma,
  type StudentTOptions,
  studentT,
} from "./gamma";
export { poisson } from "./poisson";

export interface KeyOptions {
  /** Default: the device of `init`. */
  device?: Device;
}

/**
 * The key of a seed: u32 [2]. No two seeds share a key.
 * @param seed whole number from 0 to 2^53 - 1
 * @throws ArgumentError for anything else
 * @example const noise = random.normal(random.key(1), [3, 4]);
 */
export function key(seed: number, options: KeyOptions = {}): Tensor {
  requireOptions("random.key", options, "device");
  const device = options.device ?? currentDevice();
  return upload(Uint32Array.from(keyFromSeed(seed)), [2], { device });
}

/**
 * The key that belongs to `key` and a number: of a step, a layer, an item.
 * @param number whole number from 0 to 2^32 - 1, or one u32 or i32 in a tensor (a counter on the device)
 * @throws ArgumentError for anything else
 */
export function foldIn(key: Tensor, number: number | Tensor): Tensor {
  if (typeof number !== "number") return foldInTensor(key, number);
  if (!Number.isInteger(number) || number < 0 || number > 0xffffffff)
    throw new ArgumentError(`foldIn: ${number} must be a whole number from 0 to 2^32 - 1.`);
  return scope(() => foldInTensor(key, upload([number], [], { dtype: "u32", device: key.device })));
}

/** Where the default generator stands. Plain JSON, for checkpoints. */
export interface GeneratorState {
  /** Whole number from 0 to 2^53 - 1. */
  seed: number;
  /** The next stream: how many draws were made since the seed was set. */
  stream: number;
}

/** A key and the stream of it that the next draw takes. */
export interface NextKey {
  readonly key: Tensor;
  readonly stream: number;
}

interface Source {
  key(device: Device): Tensor;
  stream: number;
}

class DefaultSource implements Source {
  stream = 0;
  private readonly keys = new Map<Device, Tensor>();

  constructor(readonly seed: number) {
    keyFromSeed(seed);
  }

  key(device: Device): Tensor {
    let known = this.keys.get(device);
    if (!known) {
      known = keep(key(this.seed, { device }));
      this.keys.set(device, known);
    }
    return known;
  }

  release(): void {
    for (const [device, known] of this.keys) if (!device.executor.failure) known.dispose();
    this.keys.clear();
  }
}

let standard = new DefaultSource(0);
/** The keys of the `withKey` calls in progress, innermost last. */
const given: Source[] = [];

/**
 * Starts the default generator anew. Without a call it starts from seed 0.
 * @param seed whole number from 0 to 2^53 - 1
 */
export function manualSeed(seed: number): void {
  setState({ seed, stream: 0 });
}

/**
 * A key and a stream that no draw before has used, for `dropout` and other layers that draw.
 * @throws ArgumentError after 2^32 draws from one key
 */
export function nextKey(options: KeyOptions = {}): NextKey {
  requireOptions("random.nextKey", options, "device");
  const source = given.at(-1) ?? standard;
  if (source.stream > 0xffffffff)
    throw new ArgumentError(
      "random: 2^32 draws were made from one key. Call manualSeed with a new seed.",
    );
  return { key: source.key(options.device ?? currentDevice()), stream: source.stream++ };
}

/**
 * Runs `fn` with draws from `key`, from stream 0 on; the default generator does not move.
 * @throws ArgumentError if `fn` is async: the key is only set until it returns
 * @example const loss = random.withKey(random.foldIn(key, step), () => lossOf(model, batch));
 */
export function withKey<T>(key: Tensor, fn: () => T): T {
  return withSource(() => key, fn);
}

/**
 * `withKey` with a key that is made when it is first asked for.
 * @param keyFor gets a function that runs another with the draws from outside
 */
export function withSource<T>(
  keyFor: (device: Device, outside: <R>(draw: () => R) => R) => Tensor,
  fn: () => T,
): T {
  const depth = given.length;
  const outside = <R>(draw: () => R): R => {
    const inner = given.splice(depth);
    try {
      return draw();
    } finally {
      given.push(...inner);
    }
  };
  given.push({ key: (device) => keyFor(device, outside), stream: 0 });
  try {
    const result = fn();
    if (result instanceof Promise)
      throw new ArgumentError(
        "random.withKey(key, fn): fn is async, but the key is only set until it returns. Draw in a synchronous function.",
      );
    return result;
  } finally {
    given.pop();
  }
}

/** Where the default generator stands, for a checkpoint. */
export function getState(): GeneratorState {
  return { seed: standard.seed, stream: standard.stream };
}

/**
 * Sets the default generator to where `getState` found it: it draws on as it would have.
 * @throws ArgumentError for a seed or stream that is no whole number in its range
 */
export function setState(state: GeneratorState): void {
  const { seed, stream } = state;
  if (!Number.isInteger(stream) || stream < 0 || stream > 2 ** 32)
    throw new ArgumentError(
      `random.setState: stream ${stream} must be a whole number from 0 to 2^32.`,
    );
  const next = new DefaultSource(seed);
  next.stream = stream;
  standard.release();
  standard = next;
}

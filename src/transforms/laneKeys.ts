/** What draws without a key give inside `vmap`. */
import { ArgumentError } from "../errors";
import { stack } from "../ops/shape";
import { foldIn, nextKey, split, withSource } from "../random/random";
import { keep, scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import type { Lanes } from "./vectorise";

export type Randomness = "different" | "same" | "error";

/** Runs `fn` with draws as `randomness` says; the keys of the lanes are made when the first draw comes. */
export function withLaneKeys<T>(lanes: Lanes, randomness: Randomness, fn: () => T): T {
  if (randomness === "same") return fn();
  if (randomness === "error")
    return withSource(() => {
      throw new ArgumentError(
        'vmap: a layer drew random numbers without a key, and randomness is "error". Pass a key with inDims "split", or choose "different" or "same".',
      );
    }, fn);
  let keys: Tensor | null = null;
  try {
    return withSource((device, outer) => {
      keys ??= keep(
        scope(() => {
          const { key, stream } = outer(() => nextKey({ device }));
          return lanes.follow(stack(split(foldIn(key, stream), lanes.size)));
        }),
      );
      return keys;
    }, fn);
  } finally {
    (keys as Tensor | null)?.dispose();
  }
}

/**
 * Tensors of which every element is one number that the host knows: made by `constant`, `full`, `zeros` and
 * their like. A kernel that is generated for a graph takes the number instead of reading memory.
 */
import type { DeviceTensor } from "./deviceTensor";
import { decodeHost, encodeHost } from "./dtype";
import type { Storage } from "./storage";

/** By storage, so that views of the elements are known too. */
const values = new WeakMap<Storage, number>();

/** Says that every element of the storage of `x` was made from `value`. */
export function noteUniform<T extends DeviceTensor>(x: T, value: number): T {
  if (values.has(x.storage)) return x;
  const stored = encodeHost([value, value], x.dtype);
  values.set(x.storage, Number(decodeHost(stored.buffer as ArrayBuffer, x.dtype, 1)[0]));
  return x;
}

/**
 * The number that all elements of `x` had when it was made, as its dtype holds it; undefined where the host
 * does not know. It is that of the elements now only if nothing has been written to the tensor.
 */
export function uniformValue(x: DeviceTensor): number | undefined {
  return values.get(x.storage);
}

/** Seeded inputs for tests, rounded to f32: a reference sees the very values the device sees. */
import { HostRandom } from "../src/random/hostRandom";

/** `count` normally distributed values. */
export function normals(count: number, seed: number, deviation = 1, mean = 0): Float32Array {
  const random = new HostRandom(seed);
  const uniform = (): number => (random.bits() + 0.5) / 2 ** 32;
  return Float32Array.from(
    { length: count },
    () =>
      mean + deviation * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

/** `count` whole numbers from 0 to limit - 1. */
export function wholeNumbers(count: number, limit: number, seed: number): Int32Array {
  const random = new HostRandom(seed);
  return Int32Array.from({ length: count }, () => random.bits() % limit);
}

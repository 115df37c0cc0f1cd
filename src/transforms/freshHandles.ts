/** Results of rules that may hand back what they were given. */
import { adopt } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";

/** `results` with a second handle in place of each tensor that is one of `given`, or occurs before. */
export function freshHandles<T extends Tensor | null>(
  results: readonly T[],
  given: readonly (Tensor | null)[],
): T[] {
  const taken = new Set<Tensor | null>(given);
  return results.map((t) => {
    if (!t) return t;
    if (taken.has(t)) return adopt(t.alias()) as T;
    taken.add(t);
    return t;
  });
}

/** Recurrences over the first dimension of tensors. */
import { ArgumentError, ShapeError } from "../errors";
import { split, squeeze, stack } from "../ops/shape";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { mapTensors, tensorsOf, withTensors } from "../tensor/tree";
import { checkpoint } from "./checkpoint";
import { alikeTensors } from "./structure";

export interface ScanOptions {
  /** Number of steps, where no tensor of xs says so. */
  length?: number;
  /** From the last element to the first; results stand where their elements do. Default false. */
  reverse?: boolean;
  /**
   * Reverse mode keeps only the carries between so many steps, and computes the steps in between again
   * (see `checkpoint`): with √length memory falls to about twice that many steps. Default: keep all.
   */
  checkpointEvery?: number;
}

function lengthOf(xs: readonly Tensor[], given: number | undefined): number {
  const lengths = xs.map((t) => {
    if (t.rank === 0)
      throw new ShapeError("scan: xs holds a scalar; its tensors have one slice per step.");
    return t.shape[0]!;
  });
  if (given !== undefined) lengths.push(given);
  const [length] = lengths;
  if (length === undefined || !Number.isInteger(length) || length < 0)
    throw new ArgumentError(
      `scan: the number of steps is unknown. Give xs with tensors, or length, a whole number >= 0 (got ${given}).`,
    );
  if (lengths.some((n) => n !== length))
    throw new ShapeError(
      `scan: the first dimensions of xs (and length) disagree: ${show(lengths)}.`,
    );
  return length;
}

/** A piece of each tensor for each of `sizes`, along the first dimension, with one write on the way back. */
function pieces<X>(xs: X, sizes: readonly number[]): X[] {
  const each = tensorsOf(xs).map((t) => split(t, sizes, 0));
  return sizes.map((_, i) =>
    withTensors(
      xs,
      each.map((list) => list[i]!),
    ),
  );
}

/**
 * A recurrence (`jax.lax.scan`): `[carry, y] = f(carry, x)` over the first dimension of xs, in order.
 *
 * Each step runs the operations of f anew; reverse mode goes back through the steps. The cotangents of xs
 * are put together once, not added up step by step.
 *
 * @param f keeps the structure, shapes and dtypes of the carry
 * @param init the first carry, a tree of tensors
 * @param xs a tree of tensors [steps, ...], or null with `length`
 * @returns the last carry, and the ys stacked along a first dimension
 * @throws ArgumentError, ShapeError, DTypeError where the carry changes its form or lengths disagree
 * @example scan((h, x) => { const next = h.mul(0.5).add(x); return [next, next]; }, h0, xs) // smoothing
 */
export function scan<C, X, Y>(
  f: (carry: C, x: X) => readonly [C, Y],
  init: C,
  xs: X,
  options: ScanOptions = {},
): readonly [C, Y] {
  const { reverse = false, checkpointEvery } = requireOptions("scan", options, "length");
  if (checkpointEvery !== undefined && !(Number.isInteger(checkpointEvery) && checkpointEvery > 0))
    throw new ArgumentError(
      `scan: checkpointEvery ${checkpointEvery} must be a whole number of steps > 0.`,
    );
  const length = lengthOf(tensorsOf(xs), options.length);
  return scope(() => {
    const steps = (carry: C, part: X, count: number): readonly [C, readonly Y[]] => {
      const each = pieces(part, new Array<number>(count).fill(1));
      const ys: Y[] = [];
      let current = carry;
      for (let k = 0; k < count; k++) {
        const i = reverse ? count - 1 - k : k;
        const x = mapTensors(each[i]!, (t) => squeeze(t, 0));
        const [next, y] = scope(() => f(current, x));
        alikeTensors("scan", "the carry that f returns", next, current);
        current = next;
        ys[i] = y;
      }
      return [current, ys];
    };
    if (length === 0)
      throw new ShapeError("scan: there are no steps, so the shapes of ys are unknown.");
    const every = Math.min(checkpointEvery ?? length, length);
    const sizes = Array.from({ length: Math.ceil(length / every) }, (_, i) =>
      Math.min(every, length - i * every),
    );
    const segments = pieces(xs, sizes);
    const run = checkpointEvery === undefined ? steps : checkpoint(steps);
    let carry = init;
    const ys: (readonly Y[])[] = [];
    for (let k = 0; k < sizes.length; k++) {
      const i = reverse ? sizes.length - 1 - k : k;
      [carry, ys[i]] = run(carry, segments[i]!, sizes[i]!);
    }
    const all = ys.flat();
    const lists = all.map((y) => tensorsOf(y));
    const stacked = withTensors(
      all[0]!,
      lists[0]!.map((_, i) => stack(lists.map((list) => list[i]!))),
    );
    return [carry, stacked];
  });
}

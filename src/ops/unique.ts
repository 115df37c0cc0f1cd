/** The distinct values of a tensor. */
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { eq, logicalNot, lt, minimum, sub, where } from "./arithmetic";
import { full, ones } from "./creation";
import { cumsum } from "./cumulative";
import { take } from "./indexing";
import { positionsOf, requireSize, type SizedOptions } from "./masked";
import { scatter } from "./scatter";
import { cat, narrow, reshape, to } from "./shape";
import { sort } from "./sort";

export interface Unique {
  /** The distinct values in ascending order, [size]. */
  readonly values: Tensor;
  /** For each element of x, which of the values it is; i32, the shape of x. */
  readonly inverse: Tensor;
  /** How often each value occurs, 0 for missing ones; i32 [size]. */
  readonly counts: Tensor;
}

/**
 * The distinct values of x, ascending (PyTorch `unique`, with the static size of JAX). Each NaN is a value
 * of its own, after all numbers.
 *
 * @param options.size how many values the result has: those beyond are left out (`inverse` then counts
 * on past size), missing ones are `fillValue` and occur 0 times
 * @returns values differentiable in x: the gradient goes to the first element that has the value
 * @throws ArgumentError unless size is a whole number >= 0
 * @example unique(tensor([3, 1, 3]), { size: 2 }) // values 1, 3; inverse 1, 0, 1; counts 1, 2
 */
export function unique(x: Tensor, options: SizedOptions): Unique {
  const { size, fillValue } = requireSize("unique", options);
  const { device, dtype } = x;
  return scope(() => {
    const n = x.size;
    if (n === 0)
      return {
        values: full([size], fillValue, { device, dtype }),
        inverse: full(x.shape, 0, { device, dtype: "i32" }),
        counts: full([size], 0, { device, dtype: "i32" }),
      };
    const { values: sorted, indices } = sort(reshape(x, [n]));
    // Not `ne`: a driver may find NaN not unequal to NaN.
    const changes = logicalNot(eq(narrow(sorted, 0, 1, n - 1), narrow(sorted, 0, 0, n - 1)));
    const first = cat([ones([1], { device, dtype: "bool" }), changes]);
    // Where the runs of equal values begin, and where the one after the last begins.
    const begins = positionsOf(first, size + 1);
    const starts = narrow(begins, 0, 0, size);
    const there = lt(starts, n);
    const values = where(
      there,
      take(sorted, minimum(starts, n - 1)),
      full([], fillValue, { device, dtype }),
    );
    const rank = sub(cumsum(to(first, "i32"), 0), 1);
    const inverse = scatter(full([n], 0, { device, dtype: "i32" }), 0, indices, rank);
    return {
      values,
      inverse: reshape(inverse, x.shape),
      counts: sub(narrow(begins, 0, 1, size), starts),
    };
  });
}

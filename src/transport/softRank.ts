import { neg } from "../ops/arithmetic";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import {
  evenTargets,
  meansAtNumbers,
  planToTargets,
  rowsToOrder,
  type SoftOrderOptions,
} from "./softOrder";

export interface SoftRankOptions extends SoftOrderOptions {
  /** The greatest has rank 0. Default false. */
  descending?: boolean;
}

/**
 * Differentiable ranks (OTT `soft_sort.ranks`): how many of the numbers are less than each, from 0 to n - 1, as a mean
 * by a transport plan. Equal numbers share the mean of their ranks, and all ranks add up to n (n - 1) / 2.
 *
 * @param x floating-point; f16 and bf16 are computed in f32
 * @param options `epsilon`: how soft, default 0.01; see SoftOrderOptions
 * @returns x's shape
 * @throws ShapeError for a scalar, no numbers or a dim out of range; DTypeError unless x is floating-point;
 * ArgumentError for an epsilon that is not positive
 * @example transport.softRank(tensor([30, 10, 20]), { epsilon: 1e-4 }) // 2, 0, 1 nearly
 */
export function softRank(x: Tensor, options: SoftRankOptions = {}): Tensor {
  requireOptions("transport.softRank", options, "epsilon");
  const op = "transport.softRank";
  const { descending = false, dim, ...rest } = options;
  return scope(() => {
    const rows = rowsToOrder(op, x, dim);
    const numbers = descending ? neg(rows.x) : rows.x;
    const n = numbers.shape.at(-1)!;
    const plan = planToTargets(op, numbers, evenTargets(n), rest);
    const ranks = Array.from({ length: n }, (_, j) => j);
    return rows.finish(meansAtNumbers(plan, ranks, numbers));
  });
}

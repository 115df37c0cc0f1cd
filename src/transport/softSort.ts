import { ArgumentError } from "../errors";
import { neg } from "../ops/arithmetic";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import {
  evenTargets,
  meansAtTargets,
  planToTargets,
  rowsToOrder,
  type SoftOrderOptions,
} from "./softOrder";

export interface SoftSortOptions extends SoftOrderOptions {
  /** From the greatest to the least. Default false. */
  descending?: boolean;
  /** How many numbers to give, from the least to the greatest at equal steps. Default: as many as there are. */
  targets?: number;
}

/**
 * A differentiable `sort` (OTT `soft_sort.sort`): each result is a mean of numbers that stand about there in order,
 * by a transport plan. They ascend, and have the mean of x.
 *
 * @param x floating-point; f16 and bf16 are computed in f32
 * @param options `epsilon`: how soft, default 0.01; see SoftOrderOptions
 * @returns x's shape, or `targets` numbers along `dim`
 * @throws ShapeError for a scalar, no numbers or a dim out of range; DTypeError unless x is floating-point;
 * ArgumentError for an epsilon that is not positive or targets that are not a positive whole number
 * @example transport.softSort(tensor([3, 1, 2]), { epsilon: 1e-4 }) // 1, 2, 3 nearly, with a gradient in all
 */
export function softSort(x: Tensor, options: SoftSortOptions = {}): Tensor {
  requireOptions("transport.softSort", options, "epsilon");
  const op = "transport.softSort";
  const { descending = false, dim, targets: count, ...rest } = options;
  return scope(() => {
    const rows = rowsToOrder(op, x, dim);
    const numbers = descending ? neg(rows.x) : rows.x;
    const targets = evenTargets(requireCount(op, count ?? numbers.shape.at(-1)!));
    const sorted = meansAtTargets(planToTargets(op, numbers, targets, rest), numbers, targets);
    return rows.finish(descending ? neg(sorted) : sorted);
  });
}

function requireCount(op: string, count: number): number {
  if (!(Number.isInteger(count) && count > 0))
    throw new ArgumentError(`${op}: targets ${count} must be a whole number from 1 on.`);
  return count;
}

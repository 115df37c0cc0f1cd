import { ArgumentError } from "../errors";
import { neg } from "../ops/arithmetic";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { meansAtNumbers, planToTargets, rowsToOrder, type SoftOrderOptions } from "./softOrder";

export interface SoftTopKOptions extends SoftOrderOptions {
  /** The k greatest; false: the k least. Default true. */
  largest?: boolean;
}

/**
 * A differentiable mask of the k greatest (OTT `soft_sort.topk_mask`; Xie et al. 2020, "Differentiable top-k with
 * optimal transport"): what part of each number a transport plan moves to a target with room for k of them. From 0 to
 * 1, k in sum.
 *
 * @param x floating-point; f16 and bf16 are computed in f32
 * @param k from 1 to the size of `dim`
 * @param options `epsilon`: how soft, default 0.01; see SoftOrderOptions
 * @returns x's shape
 * @throws ShapeError for a scalar, no numbers or a dim out of range; DTypeError unless x is floating-point;
 * ArgumentError for a k out of range and an epsilon that is not positive
 * @example mul(gates, transport.softTopK(gates, 2)) // two experts a token, with a gradient in all
 */
export function softTopK(x: Tensor, k: number, options: SoftTopKOptions = {}): Tensor {
  requireOptions("transport.softTopK", options, "epsilon");
  const op = "transport.softTopK";
  const { largest = true, dim, ...rest } = options;
  return scope(() => {
    const rows = rowsToOrder(op, x, dim);
    const numbers = largest ? rows.x : neg(rows.x);
    const n = numbers.shape.at(-1)!;
    if (!(Number.isInteger(k) && k >= 1 && k <= n))
      throw new ArgumentError(`${op}: k ${k} must be a whole number from 1 to ${n}.`);
    const targets = { places: [0, 1], masses: [(n - k) / n, k / n] };
    const plan = planToTargets(op, numbers, targets, rest);
    return rows.finish(meansAtNumbers(plan, [0, 1], numbers));
  });
}

import { ArgumentError } from "../errors";
import { cat, narrow, squeeze } from "../ops/shape";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import {
  meansAtTargets,
  planToTargets,
  rowsToOrder,
  type SoftOrderOptions,
  type Targets,
} from "./softOrder";

/**
 * Differentiable quantiles (OTT `soft_sort.quantile`): the mean of what a transport plan moves to a target that has as
 * much mass as one number, with the mass of lower ones before it and that of higher ones behind. Towards epsilon 0
 * that is `quantile` with linear interpolation.
 *
 * @param x floating-point; f16 and bf16 are computed in f32
 * @param q a level from 0 to 1, or several; each is a problem of its own
 * @param options `epsilon`: how soft, default 0.01; see SoftOrderOptions
 * @returns x's shape without `dim`; for several levels with as many along `dim`
 * @throws ShapeError for a scalar, no numbers or a dim out of range; DTypeError unless x is floating-point;
 * ArgumentError for levels out of range and an epsilon that is not positive
 * @example transport.softQuantile(losses, 0.9) // a bound that nine in ten keep, to be minimised
 */
export function softQuantile(
  x: Tensor,
  q: number | readonly number[],
  options: SoftOrderOptions = {},
): Tensor {
  requireOptions("transport.softQuantile", options, "epsilon");
  const op = "transport.softQuantile";
  const { dim, ...rest } = options;
  const levels = typeof q === "number" ? [q] : q;
  if (!Array.isArray(levels))
    throw new ArgumentError(`${op}: q ${q} must be a level from 0 to 1, or an array of levels.`);
  if (levels.length === 0) throw new ArgumentError(`${op}: q names no level.`);
  for (const level of levels)
    if (!(level >= 0 && level <= 1))
      throw new ArgumentError(`${op}: q ${level} must be from 0 to 1.`);
  return scope(() => {
    const rows = rowsToOrder(op, x, dim);
    const n = rows.x.shape.at(-1)!;
    const found = levels.map((level) => {
      const targets = targetsAt(level, n);
      const means = meansAtTargets(planToTargets(op, rows.x, targets, rest), rows.x, targets);
      return narrow(means, -1, 1, 1);
    });
    const all = rows.finish(found.length === 1 ? found[0]! : cat(found, -1));
    return typeof q === "number" ? squeeze(all, dim ?? -1) : all;
  });
}

/**
 * Between the masses before and behind: q (n - 1) / n and (1 - q) (n - 1) / n. The mean of the numbers in order over
 * the 1/n between them is the linear interpolation at position q (n - 1). Each stands in the middle of its mass.
 */
function targetsAt(q: number, n: number): Targets {
  const below = (q * (n - 1)) / n;
  const above = ((1 - q) * (n - 1)) / n;
  return {
    places: [below / 2, below + 0.5 / n, 1 - above / 2],
    masses: [below, 1 / n, above],
  };
}

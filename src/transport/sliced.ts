/**
 * Sliced Wasserstein distances: two clouds are projected on directions θ, and compared on each line exactly.
 *
 *     SW_p(x, y) = (mean over θ of W_p^p(<x, θ>, <y, θ>))^(1/p)     max-SW_p: the greatest instead of the mean
 *
 * Directions are uniform on the sphere, so the mean is a Monte Carlo estimate whose error falls as one over the
 * root of their number (Rabin et al. 2012; Bonneel et al. 2015; Deshpande et al. 2019 for the maximum). n log n
 * for each direction, and nothing of size n x m.
 */
import { ArgumentError, ShapeError } from "../errors";
import { eq, pow, where } from "../ops/arithmetic";
import { matmul } from "../ops/matmul";
import type { DrawOptions } from "../ops/randomBits";
import { max, mean } from "../ops/reduce";
import { rootOrZero } from "../ops/root";
import { transpose, unsqueeze } from "../ops/shape";
import { normalize } from "../ops/vectorNorm";
import { requireOptions } from "../options";
import { nextKey, normal } from "../random/random";
import { tensor } from "../tensor/creation";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { requireMasses, type Weights } from "./operands";
import { requireOrder, wasserstein1d } from "./wasserstein1d";

export interface SlicedOptions {
  /**
   * How many directions are drawn, or the directions themselves: f32 [d, count], columns of length 1. Default
   * 50.
   */
  projections?: number | Tensor;
  /** What directions are drawn from. Default: the next key of the default generator (`manualSeed`). */
  key?: Tensor;
  /** Default 2; at least 1. */
  p?: number;
  /** Weights [..., n] of x. Default null: 1 / n each. */
  a?: Weights;
  /** Weights [..., m] of y. */
  b?: Weights;
}

/** Directions, uniform on the sphere: [d, count]. */
function draw(op: string, count: number, like: Tensor, key: Tensor | undefined): Tensor {
  if (!(Number.isInteger(count) && count > 0))
    throw new ArgumentError(
      `${op}: projections is ${count}; it must be a positive whole number, or a tensor of directions.`,
    );
  const source: { key: Tensor } & DrawOptions = key ? { key } : nextKey({ device: like.device });
  const { key: drawn, ...options } = source;
  return normalize(normal(drawn, [like.shape.at(-1)!, count], options), { dim: 0 });
}

function directionsOf(op: string, x: Tensor, options: SlicedOptions): Tensor {
  const { projections = 50, key } = options;
  if (!(projections instanceof Tensor)) return draw(op, projections, x, key);
  if (projections.rank !== 2 || projections.shape[0] !== x.shape.at(-1) || !projections.shape[1])
    throw new ShapeError(
      `${op}: projections have shape ${show(projections.shape)}; points of ${x.shape.at(-1)} dimensions need [${x.shape.at(-1)}, count].`,
    );
  return projections;
}

/** A line's weights for every direction: [..., n] as [..., 1, n]. */
function forAll(
  op: string,
  name: string,
  weights: Weights | undefined,
  { device }: Tensor,
): Tensor | null {
  if (weights === null || weights === undefined) return null;
  const given =
    weights instanceof Tensor ? weights : tensor(requireMasses(op, name, weights), { device });
  return given.rank === 1 ? given : unsqueeze(given, -2);
}

/** W_p^p on each line: [..., count]. */
function alongLines(op: string, x: Tensor, y: Tensor, options: SlicedOptions): Tensor {
  const { p = 2, a, b } = requireOptions(op, options, "projections");
  requireOrder(op, p);
  if (x.rank < 2 || y.rank < 2 || x.shape.at(-1) !== y.shape.at(-1))
    throw new ShapeError(
      `${op}: x ${show(x.shape)} and y ${show(y.shape)} must be points [..., n, d] and [..., m, d] of the same dimension d.`,
    );
  if (x.size === 0 || y.size === 0)
    throw new ShapeError(
      `${op}: x ${show(x.shape)} and y ${show(y.shape)} must have at least one point each.`,
    );
  const directions = directionsOf(op, x, options);
  const onLines = (points: Tensor): Tensor => transpose(matmul(points, directions), -1, -2);
  return wasserstein1d(onLines(x), onLines(y), forAll(op, "a", a, x), forAll(op, "b", b, y), { p });
}

/** x^(1/p) of what is not negative, with the derivative 0 at 0. */
function root(x: Tensor, p: number): Tensor {
  if (p === 1) return x;
  if (p === 2) return rootOrZero(x);
  const zero = eq(x, 0);
  return where(zero, 0, pow(where(zero, 1, x), 1 / p));
}

/**
 * The sliced Wasserstein distance of order p (POT `ot.sliced_wasserstein_distance`).
 *
 * @param x points, f32 [..., n, d]
 * @param y points, f32 [..., m, d]; batch dimensions broadcast
 * @param options `projections`, `key`, `p`, weights `a` and `b`
 * @returns [...], differentiable by points and weights; its derivative is 0 where it is 0
 * @throws ShapeError, DTypeError; ArgumentError for a p below 1 or a number of projections that is none; at the
 * next read ArgumentError for weights that are negative or not finite, or whose sums differ
 * @example transport.slicedWasserstein(x, y, { projections: 200, key: random.key(0) })
 */
export function slicedWasserstein(x: Tensor, y: Tensor, options: SlicedOptions = {}): Tensor {
  return scope(() => {
    const costs = alongLines("transport.slicedWasserstein", x, y, options);
    return root(mean(costs, { dim: -1 }), options.p ?? 2);
  });
}

/**
 * The greatest distance of order p over the projections (POT `ot.max_sliced_wasserstein_distance`). Its
 * gradient flows through the greatest alone.
 *
 * @param x,y,options as of `slicedWasserstein`
 * @returns [...], differentiable by points and weights
 * @throws as `slicedWasserstein`
 * @example transport.maxSlicedWasserstein(x, y, { projections: 200, key: random.key(0) })
 */
export function maxSlicedWasserstein(x: Tensor, y: Tensor, options: SlicedOptions = {}): Tensor {
  return scope(() => {
    const costs = alongLines("transport.maxSlicedWasserstein", x, y, options);
    return root(max(costs, { dim: -1 }), options.p ?? 2);
  });
}

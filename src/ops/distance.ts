/** How far vectors are apart, in length and in direction. */
import { ArgumentError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { isFloat, promote } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { add, clamp, mul, square, sub } from "./arithmetic";
import { matmul } from "./matmul";
import { sum } from "./reduce";
import { rootOrZero } from "./root";
import { to, transpose, unsqueeze } from "./shape";
import { norm, normalize } from "./vectorNorm";

/** In f32; results go back to f16 where both operands have it. */
function inWide(a: Tensor, b: Tensor, fn: (a: Tensor, b: Tensor) => Tensor): Tensor {
  const dtype = promote(a.dtype, b.dtype);
  return scope(() => {
    const y = fn(to(a, "f32"), to(b, "f32"));
    return isFloat(dtype) ? to(y, dtype) : y;
  });
}

export interface CosineSimilarityOptions {
  /** Which dimension holds a vector. Default 1. */
  dim?: number;
  /** The least length that is divided by. Default 1e-8. */
  eps?: number;
}

/**
 * The cosine of the angle between vectors, Σ (a / max(‖a‖, eps)) (b / max(‖b‖, eps)) along `dim` (PyTorch
 * `nn.functional.cosine_similarity`).
 *
 * @param b broadcast against a
 * @returns the shape both broadcast to, without `dim`
 * @throws ShapeError for shapes that do not broadcast or a dim out of range
 */
export function cosineSimilarity(
  a: Tensor,
  b: Tensor,
  options: CosineSimilarityOptions = {},
): Tensor {
  const { dim = 1, eps = 1e-8 } = requireOptions("cosineSimilarity", options, "dim");
  return inWide(a, b, (x, y) => {
    // As the broadcast shape has the dimensions: the shorter operand may lack some in front.
    const rank = Math.max(x.rank, y.rank);
    const at = dim < 0 ? dim : dim - rank;
    return sum(mul(normalize(x, { dim: at, eps }), normalize(y, { dim: at, eps })), { dim: at });
  });
}

export interface PairwiseDistanceOptions {
  /** The order of the norm. Default 2. */
  p?: number;
  /** Added to each difference, so that no distance is exactly 0. Default 1e-6. */
  eps?: number;
  /** Keep the last dimension with size 1. Default false. */
  keepdim?: boolean;
}

/**
 * ‖a - b + eps‖ along the last dimension (PyTorch `nn.functional.pairwise_distance`).
 *
 * @param b broadcast against a
 * @throws ShapeError for shapes that do not broadcast
 */
export function pairwiseDistance(
  a: Tensor,
  b: Tensor,
  options: PairwiseDistanceOptions = {},
): Tensor {
  const { p = 2, eps = 1e-6, keepdim = false } = requireOptions("pairwiseDistance", options, "p");
  return inWide(a, b, (x, y) => norm(add(sub(x, y), eps), { p, dim: -1, keepdim }));
}

export interface CdistOptions {
  /** The order of the norm. Default 2. */
  p?: number;
  /**
   * Whether Euclidean distances come from one matrix product, √(|a|² + |b|² - 2 a·b): fast, and less exact
   * for vectors that almost meet. Default: with more than 25 vectors on a side, as in PyTorch.
   */
  matmul?: boolean;
}

/**
 * The distance of every vector of a from every vector of b (PyTorch `cdist`). The gradient is 0 where a
 * distance is 0.
 *
 * @param a [..., n, width]
 * @param b [..., m, width]; what comes before broadcasts
 * @returns [..., n, m]
 * @throws ShapeError for shapes that do not fit; ArgumentError for a negative p
 */
export function cdist(a: Tensor, b: Tensor, options: CdistOptions = {}): Tensor {
  const { p = 2 } = requireOptions("cdist", options, "p");
  if (a.rank < 2 || b.rank < 2 || a.shape.at(-1) !== b.shape.at(-1))
    throw new ShapeError(
      `cdist: a ${show(a.shape)} and b ${show(b.shape)} must be [..., n, width] and [..., m, width].`,
    );
  if (!(p >= 0)) throw new ArgumentError(`cdist: p ${p} must be a number >= 0.`);
  const many = Math.max(a.shape.at(-2)!, b.shape.at(-2)!) > 25;
  return inWide(a, b, (x, y) => {
    if (p !== 2 || !(options.matmul ?? many))
      return norm(sub(unsqueeze(x, -2), unsqueeze(y, -3)), { p, dim: -1 });
    const squares = add(
      sum(square(x), { dim: -1, keepdim: true }),
      unsqueeze(sum(square(y), { dim: -1 }), -2),
    );
    const products = matmul(x, transpose(y, -2, -1));
    return rootOrZero(clamp(sub(squares, mul(products, 2)), 0, Number.POSITIVE_INFINITY));
  });
}

/**
 * The space in which a matrix is largest, by products with a few columns that are made orthonormal in between:
 * Halko, Martinsson, Tropp, Finding structure with randomness, 2011, algorithms 4.1 and 4.4; started from a known
 * basis it is Bauer's simultaneous iteration (1957), one step of which follows a space that moves slowly.
 */
import { ArgumentError, ShapeError } from "../errors";
import { matmul } from "../ops/matmul";
import { requireRounds } from "../ops/rounds";
import { requireOptions } from "../options";
import { normal } from "../random/continuous";
import { key as keyOf } from "../random/random";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { requireMatrices } from "./batches";
import { type OrthonormalizeOptions, orthonormalize } from "./orthonormalize";
import { turn } from "./symmetric";

export interface SubspaceIterationOptions extends OrthonormalizeOptions {
  /**
   * Where to start: f32 [..., m, rank], any columns. Default: A times random columns of `key`, which is one product
   * more.
   */
  start?: Tensor;
  /** Times that A Aᵀ is applied. Default 1 with a start, else 2. */
  iterations?: number;
}

/**
 * P [..., m, rank] with orthonormal columns, nearly those for which ‖Pᵀ A‖ is largest: the first left singular
 * vectors. For those on the right, pass the transpose.
 *
 * Of the energy ‖Pᵀ A‖² that the singular vectors capture, random columns and two iterations get .98 where singular
 * values fall as i^-½ and .999 where they fall as 1/i; one iteration from the basis of a matrix that has
 * changed by half its size gets .97.
 *
 * @param A f32 [..., m, n]
 * @param rank whole number from 1 to the smaller of m and n
 * @returns f32 [..., m, rank]
 * @throws ShapeError, DTypeError, ArgumentError. Elements that are not finite give NaN
 * @example const P = linalg.subspaceIteration(gradient, 128, { start: previous });
 */
export function subspaceIteration(
  A: Tensor,
  rank: number,
  options: SubspaceIterationOptions = {},
): Tensor {
  const op = "linalg.subspaceIteration";
  requireOptions(op, options, "iterations");
  requireMatrices(op, "A", A);
  const [m, n] = A.shape.slice(-2) as [number, number];
  const { start, iterations = start ? 1 : 2 } = options;
  if (!Number.isInteger(rank) || rank < 1 || rank > Math.min(m, n))
    throw new ArgumentError(
      `${op}: rank ${rank} must be a whole number from 1 to ${Math.min(m, n)}, the smaller side of A.`,
    );
  requireRounds(op, "iterations", iterations, 0);
  if (start && (start.shape.at(-2) !== m || start.shape.at(-1) !== rank))
    throw new ShapeError(
      `${op}: start has shape ${show(start.shape)}; for this A it must be [..., ${m}, ${rank}].`,
    );
  return scope(() => {
    const random = options.key ?? keyOf(0, { device: A.device });
    const made = start ?? orthonormalize(matmul(A, normal(random, [n, rank])), options);
    const turned = turn(A);
    let basis = made;
    for (let i = 0; i < iterations; i++)
      basis = orthonormalize(matmul(A, orthonormalize(matmul(turned, basis), options)), options);
    return start && iterations === 0 ? orthonormalize(start, options) : basis;
  });
}

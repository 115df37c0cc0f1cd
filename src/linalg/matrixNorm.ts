/** Norms of matrices, and the trace. */
import { ArgumentError } from "../errors";
import { abs } from "../ops/arithmetic";
import { diagonal } from "../ops/diagonal";
import { max, min, sum } from "../ops/reduce";
import { select, unsqueeze } from "../ops/shape";
import { norm } from "../ops/vectorNorm";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { requireMatrices } from "./batches";
import { svdvals } from "./svd";

/**
 * "fro": the root of the sum of squares. 1 and -1: the greatest and least sum of sizes in a column.
 * Infinity and -Infinity: in a row. 2 and -2: the largest and smallest singular value; "nuc": their sum.
 */
export type MatrixNormOrder = "fro" | "nuc" | 1 | -1 | 2 | -2 | typeof Number.POSITIVE_INFINITY;

export interface MatrixNormOptions {
  /** Keep the last two dimensions, with size 1. Default false. */
  keepdim?: boolean;
}

/** The sums of sizes along one dimension, and the greatest or least of them along the other. */
function ofSums(A: Tensor, along: -1 | -2, greatest: boolean, keepdim: boolean): Tensor {
  const sums = sum(abs(A), { dim: along, keepdim: true });
  const extremum = greatest ? max : min;
  const dim = along === -2 ? -1 : -2;
  const kept = extremum(sums, { dim, keepdim: true });
  return keepdim ? kept : sum(kept, { dim: [-2, -1] });
}

function ofSingularValues(A: Tensor, ord: "nuc" | 2 | -2, keepdim: boolean): Tensor {
  if (ord !== "nuc" && A.shape.slice(-2).includes(0))
    throw new ArgumentError(
      `linalg.matrixNorm: a matrix without elements, of shape ${show(A.shape)}, has no singular value for ord ${ord}.`,
    );
  const values = svdvals(A);
  const result = ord === "nuc" ? sum(values, { dim: -1 }) : select(values, -1, ord === 2 ? 0 : -1);
  return keepdim ? unsqueeze(unsqueeze(result, -1), -1) : result;
}

/**
 * A norm of the matrices in the last two dimensions (PyTorch `torch.linalg.matrix_norm`).
 *
 * @param A f32 [..., m, n]
 * @param ord default "fro", whose gradient is 0 at a matrix of zeros
 * @returns [...]; differentiable
 * @throws ArgumentError for another ord; ShapeError, DTypeError
 * @example linalg.matrixNorm(tensor([[3, 0], [4, 0]])) // 5
 */
export function matrixNorm(
  A: Tensor,
  ord: MatrixNormOrder = "fro",
  options: MatrixNormOptions = {},
): Tensor {
  const op = "linalg.matrixNorm";
  const { keepdim = false } = requireOptions(op, options, "keepdim");
  requireMatrices(op, "A", A);
  return scope(() => {
    switch (ord) {
      case "fro":
        return norm(A, { dim: [-2, -1], keepdim });
      case 1:
      case -1:
        return ofSums(A, -2, ord > 0, keepdim);
      case Number.POSITIVE_INFINITY:
      case Number.NEGATIVE_INFINITY:
        return ofSums(A, -1, ord > 0, keepdim);
      case "nuc":
      case 2:
      case -2:
        return ofSingularValues(A, ord, keepdim);
      default:
        throw new ArgumentError(
          `${op}: ord ${ord} must be "fro", "nuc", 1, -1, 2, -2, Infinity or -Infinity.`,
        );
    }
  });
}

/**
 * The sum of the diagonal of each matrix (PyTorch `trace`, for batches too).
 * @param A f32 [..., m, n]
 * @returns [...]; differentiable
 * @throws ShapeError, DTypeError
 * @example linalg.trace(tensor([[1, 2], [3, 4]])) // 5
 */
export function trace(A: Tensor): Tensor {
  requireMatrices("linalg.trace", "A", A);
  return scope(() => sum(diagonal(A, 0, -2, -1), { dim: -1 }));
}

/**
 * Least squares through A = Q R: X = R⁻¹ Qᵀ B, and for wide A, through Aᵀ = Q R, the solution of least norm,
 * X = Q R⁻ᵀ B. Backward stable: X solves a problem nearby (Higham, Accuracy and Stability of Numerical
 * Algorithms, theorem 20.3). Unlike the normal equations it does not square the condition.
 */
import { ShapeError } from "../errors";
import { gridFor, launch, linalgRank } from "../kernels";
import { square, sub } from "../ops/arithmetic";
import { matmul } from "../ops/matmul";
import type { Primitive } from "../ops/primitive";
import { sum } from "../ops/reduce";
import { batchOfRows } from "../ops/rules";
import { reshape, transpose, unsqueeze } from "../ops/shape";
import { bind } from "../ops/trace";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { type Shape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { flat, requireMatrices, requireReal } from "./batches";
import { rankDeficient, reportInfo } from "./faults";
import { qr } from "./qr";
import { triangular } from "./triangular";

const op = "linalg.lstsq";

interface RankAttrs {
  /** Of the matrices that were factored. */
  readonly shape: Shape;
}

/** R as it is; at the next read, LinAlgError where it is singular but for rounding. */
const fullRankPrimitive: Primitive<RankAttrs> = {
  name: "fullRank",
  formula: "R, an error where |r_jj| <= max(m, n) ε max_i |r_ii|",
  derivative: "g",
  saves: "nothing",
  outputs: ([r]) => [{ shape: r!.shape, dtype: "f32" }],
  run: ([r], { shape }) => {
    const from = flat(r!);
    const [batch, size] = from.shape as [number, number, number];
    const [stride, row, col] = from.strides as [number, number, number];
    const info = DeviceTensor.empty(r!.device, r!.shape.slice(0, -2), "i32");
    launch(
      r!.device,
      linalgRank,
      { r: from.binding, info: info.binding },
      {
        batch,
        size,
        offset: from.bindingOffset,
        stride,
        step: row + col,
        tolerance: Math.max(...shape.slice(-2)) * 2 ** -23,
      },
      gridFor(r!.device, batch, 64),
    );
    reportInfo(info, op, [...r!.shape.slice(0, -2), ...shape.slice(-2)], rankDeficient);
    from.dispose();
    info.dispose();
    return [r!.view(r!.shape, r!.strides)];
  },
  vjp: ([g]) => [g!],
  jvp: ([t]) => [t!],
  batch: batchOfRows(() => fullRankPrimitive),
};

/** The result of `lstsq`. */
export interface LeastSquares {
  /** [..., n, k] */
  readonly solution: Tensor;
  /** |A x - b|² for each column: [..., k]. */
  readonly residuals: Tensor;
}

/**
 * X that makes |A X - B| least, and of those the X of least norm (PyTorch `torch.linalg.lstsq`).
 *
 * @param A f32 [..., m, n] of full rank
 * @param B f32 [..., m, k], or [m] for a matrix A
 * @returns solution [..., n, k] (or [n]) and residuals [..., k]; both differentiable
 * @throws ShapeError, DTypeError; at the next read, LinAlgError that names the first matrix whose rank is
 * not full but for rounding: use pinv
 * @example linalg.lstsq(tensor([[1, 0], [1, 1], [1, 2]]), tensor([1, 3, 5])).solution // 1, 2
 */
export function lstsq(A: Tensor, B: Tensor): LeastSquares {
  requireMatrices(op, "A", A);
  requireReal(op, "B", B.dtype);
  const vector = A.rank === 2 && B.rank === 1;
  const [m, n] = A.shape.slice(-2) as [number, number];
  if (B.rank === 0 || B.shape.at(vector ? -1 : -2) !== m)
    throw new ShapeError(
      `${op}: A ${show(A.shape)} and B ${show(B.shape)} do not fit; B needs ${m} rows.`,
    );
  return scope(() => {
    const right = vector ? unsqueeze(B, -1) : B;
    const tall = m >= n;
    const { Q, R } = qr(tall ? A : transpose(A, -1, -2));
    const [r] = bind(fullRankPrimitive, [R], { shape: A.shape });
    const solution = tall
      ? triangular(r!, matmul(transpose(Q, -1, -2), right), {
          upper: true,
          unitriangular: false,
          op,
        })
      : matmul(
          Q,
          triangular(transpose(r!, -1, -2), right, { upper: false, unitriangular: false, op }),
        );
    const residuals = sum(square(sub(matmul(A, solution), right)), { dim: -2 });
    return vector
      ? { solution: reshape(solution, [n]), residuals: reshape(residuals, []) }
      : { solution, residuals };
  });
}

export const lstsqPrimitives = [fullRankPrimitive];

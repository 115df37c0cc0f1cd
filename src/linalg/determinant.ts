/**
 * Determinants, from the pivots of P A = L U: det A = ± Π u_ii.
 *
 * The result is that of a matrix nearby, as the factors are: its relative error is at most of the order of
 * n ε κ(A).
 */
import { gridFor, launch, linalgDeterminant } from "../kernels";
import { add, lt, mul, where } from "../ops/arithmetic";
import { diagonal } from "../ops/diagonal";
import { log } from "../ops/functions";
import type { Primitive } from "../ops/primitive";
import { sum } from "../ops/reduce";
import { batchOfRows } from "../ops/rules";
import { dense, stopGradient, unsqueeze } from "../ops/shape";
import { bind } from "../ops/trace";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { flat, requireSquare } from "./batches";
import { cholesky } from "./cholesky";
import { factorsFor } from "./lu";
import { solved } from "./solve";
import { identities } from "./triangular";

/** The bits of +infinity. */
const infinity = 0x7f800000;

interface DeterminantAttrs {
  /** The operation that errors of the derivative name. */
  readonly op: string;
}

const inverseTransposed = (op: string, a: Tensor): Tensor =>
  solved(`${op} (its derivative)`, a, identities(a, a.shape.at(-1)!), true);

const perMatrix = (x: Tensor): Tensor => unsqueeze(unsqueeze(x, -1), -1);

/** A [..., n, n], its packed factors and pivots, which A determines: nothing flows back through them. */
const determinantPrimitive: Primitive<DeterminantAttrs> = {
  name: "determinant",
  formula: "det A = ± Π u_ii, its sign, and log |det A| = Σ log |u_ii|",
  derivative: "(g_det det A + g_log) A⁻ᵀ",
  saves: { inputs: [0], outputs: [0] },
  outputs: ([a]) => {
    const shape = a!.shape.slice(0, -2);
    return [
      { shape, dtype: "f32" },
      { shape, dtype: "f32" },
      { shape, dtype: "f32" },
    ];
  },
  run: ([, packed, pivots], _, outputs) => {
    const [det, sign, logarithm] = outputs.map((spec) =>
      DeviceTensor.empty(packed!.device, spec.shape, "f32"),
    ) as [DeviceTensor, DeviceTensor, DeviceTensor];
    const lu = flat(packed!);
    const order = dense(pivots!);
    const [batch, row, col] = lu.strides as [number, number, number];
    launch(
      det.device,
      linalgDeterminant,
      {
        lu: lu.binding,
        pivots: order.binding,
        det: det.binding,
        sign_of: sign.binding,
        log_of: logarithm.binding,
      },
      {
        batch: det.size,
        size: lu.shape[1]!,
        offset: lu.bindingOffset,
        stride: batch,
        step: row + col,
        infinity,
      },
      gridFor(det.device, det.size, 64),
    );
    lu.dispose();
    order.dispose();
    return [det, sign, logarithm];
  },
  vjp: ([gDet, , gLog], { inputs: [a], outputs: [det], attrs: { op } }) => {
    const ofDet = gDet && mul(gDet, det!);
    const g = ofDet && gLog ? add(ofDet, gLog) : (ofDet ?? gLog);
    return [g ? mul(perMatrix(g), inverseTransposed(op, a!)) : null, null, null];
  },
  jvp: ([t], { inputs: [a], outputs: [det], attrs: { op } }) => {
    if (!t) return [null, null, null];
    const rate = sum(mul(t, inverseTransposed(op, a!)), { dim: [-2, -1] });
    return [mul(rate, det!), null, rate];
  },
  batch: batchOfRows(() => determinantPrimitive),
};

function determinant(op: string, A: Tensor): [Tensor, Tensor, Tensor] {
  requireSquare(op, "A", A);
  const { LU, pivots } = factorsFor(null, stopGradient(A));
  return bind(determinantPrimitive, [A, LU, pivots], { op }) as [Tensor, Tensor, Tensor];
}

/**
 * Determinants (PyTorch `torch.linalg.det`). Those of large matrices leave the range of f32: use `slogdet`.
 *
 * @param A f32 [..., n, n]
 * @returns [...]; 0 for a singular matrix; differentiable
 * @throws ShapeError, DTypeError; at the next read, LinAlgError where the derivative at a singular matrix is
 * asked for, which is computed through the inverse
 * @example linalg.det(tensor([[1, 2], [3, 4]])) // -2
 */
export function det(A: Tensor): Tensor {
  return scope(() => determinant("linalg.det", A)[0]);
}

/**
 * The sign of the determinant and the logarithm of its size (PyTorch `torch.linalg.slogdet`).
 *
 * @param A f32 [..., n, n]
 * @returns sign, 1, -1 or 0, without derivative, and logabsdet, -infinity for a singular matrix; both [...]
 * @throws as `det`
 * @example linalg.slogdet(tensor([[1, 2], [3, 4]])) // sign -1, logabsdet 0.693
 */
export function slogdet(A: Tensor): { sign: Tensor; logabsdet: Tensor } {
  return scope(() => {
    const [, sign, logabsdet] = determinant("linalg.slogdet", A);
    return { sign, logabsdet };
  });
}

export interface LogdetOptions {
  /** The matrices are symmetric positive definite: by Cholesky, in half the time. Default false. */
  positiveDefinite?: boolean;
}

/**
 * The logarithm of the determinant (PyTorch `torch.logdet`): NaN where that is negative, -infinity where it
 * is 0.
 *
 * @param A f32 [..., n, n]
 * @returns [...]; differentiable
 * @throws as `det`; with `positiveDefinite`, at the next read, LinAlgError for a matrix that is not
 * @example linalg.logdet(covariance, { positiveDefinite: true })
 */
export function logdet(A: Tensor, options: LogdetOptions = {}): Tensor {
  const { positiveDefinite = false } = requireOptions("linalg.logdet", options, "positiveDefinite");
  return scope(() => {
    if (positiveDefinite) {
      return mul(sum(log(diagonal(cholesky(A), 0, -2, -1)), { dim: -1 }), 2);
    }
    const [, sign, logabsdet] = determinant("linalg.logdet", A);
    return where(lt(sign, 0), Number.NaN, logabsdet);
  });
}

export const determinantPrimitives = [determinantPrimitive];

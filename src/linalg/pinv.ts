/**
 * The pseudoinverse of Moore and Penrose, through singular values.
 *
 * Derivative: Golub, Pereyra, The differentiation of pseudo-inverses, 1973, with P = A⁺:
 * dP = -P dA P + P Pᵀ dAᵀ (I - A P) + (I - P A) dAᵀ Pᵀ P, where the rank does not change. It needs no gaps
 * between singular values.
 */
import { ArgumentError } from "../errors";
import { add, mul, sub } from "../ops/arithmetic";
import { matmul } from "../ops/matmul";
import type { Primitive } from "../ops/primitive";
import { max } from "../ops/reduce";
import { batchOfRows } from "../ops/rules";
import { bind } from "../ops/trace";
import { requireOptions } from "../options";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { requireMatrices } from "./batches";
import { svd } from "./svd";
import { reciprocalBeyond, timesRows, turn } from "./symmetric";

interface PinvAttrs {
  readonly rtol: number;
}

/** x - A P x */
const outside = (a: Tensor, p: Tensor, x: Tensor): Tensor => sub(x, matmul(a, matmul(p, x)));

const pinvPrimitive: Primitive<PinvAttrs> = {
  name: "pinv",
  formula: "V diag(1 / s) Uᵀ over the s above rtol times the largest",
  derivative: "-Pᵀ g Pᵀ + (I - A P) gᵀ P Pᵀ + Pᵀ P gᵀ (I - P A), P the result",
  saves: "everything",
  outputs: ([a]) => {
    const [m, n] = a!.shape.slice(-2) as [number, number];
    return [{ shape: [...a!.shape.slice(0, -2), n, m], dtype: "f32" }];
  },
  run: ([a], { rtol }) => [
    scope(() => {
      const { U, S, Vh } = svd(a!);
      const bound = mul(max(S, { dim: -1, keepdim: true }), rtol);
      return matmul(turn(Vh), timesRows(turn(U), reciprocalBeyond(S, bound))) as DeviceTensor;
    }),
  ],
  vjp: ([g], { inputs: [a], outputs: [p] }) => {
    const turnedG = turn(g!);
    const turnedP = turn(p!);
    const inverse = matmul(matmul(turnedP, g!), turnedP);
    const left = matmul(outside(a!, p!, turnedG), matmul(p!, turnedP));
    const right = matmul(matmul(turnedP, p!), turn(outside(turn(a!), turnedP, g!)));
    return [sub(add(left, right), inverse)];
  },
  jvp: ([t], { inputs: [a], outputs: [p] }) => {
    const turnedT = turn(t!);
    const turnedP = turn(p!);
    const inverse = matmul(matmul(p!, t!), p!);
    const right = matmul(matmul(p!, turnedP), turn(outside(a!, p!, t!)));
    const left = matmul(outside(p!, a!, turnedT), matmul(turnedP, p!));
    return [sub(add(left, right), inverse)];
  },
  batch: batchOfRows(() => pinvPrimitive),
};

export interface RankOptions {
  /**
   * Singular values up to this share of the largest count as zero. Default: 2^-23 times the longer side, the
   * rounding of f32.
   */
  rtol?: number;
}

/** @throws ArgumentError unless it is a number >= 0 */
export function relativeTolerance(op: string, A: Tensor, rtol: number | undefined): number {
  if (rtol === undefined) return Math.max(...A.shape.slice(-2)) * 2 ** -23;
  if (!(rtol >= 0)) throw new ArgumentError(`${op}: rtol ${rtol} must be a number >= 0.`);
  return rtol;
}

/**
 * The pseudoinverse (PyTorch `torch.linalg.pinv`): A⁺ b is the shortest of all x with least ‖A x - b‖.
 *
 * @param A f32 [..., m, n]
 * @returns [..., n, m]; differentiable where the rank does not change
 * @throws ShapeError, DTypeError; ArgumentError for an rtol below 0; at the next read, LinAlgError for NaN
 * or infinite elements
 * @example linalg.pinv(tensor([[2, 0], [0, 0]])) // [[0.5, 0], [0, 0]]
 */
export function pinv(A: Tensor, options: RankOptions = {}): Tensor {
  const op = "linalg.pinv";
  const { rtol } = requireOptions(op, options, "rtol");
  requireMatrices(op, "A", A);
  return bind(pinvPrimitive, [A], { rtol: relativeTolerance(op, A, rtol) })[0]!;
}

export const pinvPrimitives = [pinvPrimitive];

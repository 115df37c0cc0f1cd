/**
 * Derivatives of the potentials f that maximise a semi-dual, by the implicit function theorem: they keep its slope
 * r(f, a, b, c) = a − Σ_j p_j at 0, so that df = H⁺ dr with γ H = diag(columns that row i is in) − Σ_j 1_S 1_Sᵀ / |S| over
 * the supports S of the columns' projections p_j. That is the Laplacian of a graph between rows, singular because
 * constants on connected rows move no plan; conjugate gradients find H⁺ dr for a dr in its range.
 */
import { cg } from "../linalg/cg";
import { add, div, gt, maximum, mul, neg } from "../ops/arithmetic";
import { diagEmbed } from "../ops/diagonal";
import { matmul } from "../ops/matmul";
import type { Primitive } from "../ops/primitive";
import { sum } from "../ops/reduce";
import { fillInto, to, transpose } from "../ops/shape";
import { bind } from "../ops/trace";
import { DeviceTensor } from "../tensor/deviceTensor";
import type { Tensor } from "../tensor/tensor";
import { lanesAsProblems } from "./pull";

/** About as far as f32 goes. */
const tolerance = 1e-6;

/** γ H of the projections p [B, m, n] of the columns. */
function laplacian(p: Tensor): Tensor {
  const support = to(gt(p, 0), "f32");
  const counts = maximum(sum(support, { dim: -1, keepdim: true }), 1);
  const shared = matmul(transpose(support, -1, -2), div(support, counts));
  return add(diagEmbed(sum(support, { dim: -2 })), neg(shared));
}

/** H⁺ r. */
function solveSlope(p: Tensor, r: Tensor, gamma: number): Tensor {
  const maxIterations = Math.min(2 * r.shape.at(-1)!, 400);
  return mul(cg(laplacian(p), r, { tolerance, maxIterations }).x, gamma);
}

/** Inputs: p [B, m, n], r [B, n]. Output: 0, with the derivatives of H⁺ r. */
const shiftPrimitive: Primitive<{ readonly gamma: number }> = {
  name: "sparsityConstrainedShift",
  formula: "0: by how much potentials that maximise the semi-dual are off",
  derivative: "H⁺ g to the slope r",
  saves: { inputs: [0], outputs: [] },
  outputs: ([, r]) => [{ shape: r!.shape, dtype: "f32" }],
  run: ([, r]) => {
    const y = DeviceTensor.empty(r!.device, r!.shape, "f32");
    return [y.size === 0 ? y : fillInto(y, 0)];
  },
  vjp: ([g], { inputs: [p], attrs }) => [null, solveSlope(p!, g!, attrs.gamma)],
  jvp: ([, t], { inputs: [p], attrs }) => [t ? solveSlope(p!, t, attrs.gamma) : null],
  batch: lanesAsProblems(() => shiftPrimitive),
};

/** f as it is, with the derivatives that its optimality gives it; r the slope of the semi-dual at f. */
export function implied(f: Tensor, p: Tensor, r: Tensor, gamma: number): Tensor {
  return add(f, bind(shiftPrimitive, [p, r], { gamma })[0]!);
}

export const sparsityConstrainedPrimitives = [shiftPrimitive];

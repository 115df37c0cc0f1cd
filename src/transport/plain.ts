/**
 * The operations on pairs in plain tensor operations, which store matrices [batch, n, m]: what the second derivatives
 * of the fused ones and forward mode go through.
 */
import { ArgumentError } from "../errors";
import { add, minimum, mul, sub } from "../ops/arithmetic";
import { exp2 } from "../ops/exponential";
import { matmul } from "../ops/matmul";
import { transpose, unsqueeze } from "../ops/shape";
import { logSumExp } from "../ops/softmax";
import type { Tensor } from "../tensor/tensor";
import { vjp } from "../transforms/vjp";
import type { CostFunction } from "./cost";
import { forbidden, type PairAttrs, scaleOf } from "./pairs";

/** The matrix of costs. @throws ArgumentError for a cost that is WGSL alone */
export function plainCost(operands: readonly Tensor[], cost: CostFunction | null): Tensor {
  // A pair that is forbidden sends nothing, and that times Infinity would be NaN.
  if (!cost) return minimum(operands[0]!, forbidden);
  return plainOf(cost)(operands[0]!, operands[1]!);
}

function plainOf(cost: CostFunction): NonNullable<CostFunction["plain"]> {
  if (!cost.plain)
    throw new ArgumentError(
      `transport: forward mode and second derivatives of the cost "${cost.name}" need it in tensor operations. Give pointCost a plain: (x, y) => Tensor.`,
    );
  return cost.plain;
}

/** log2 of P, with no weight of the rows unless one is given. */
export function plainExponents(
  { f, g, log2A, log2B }: { f: Tensor; g: Tensor; log2A?: Tensor; log2B: Tensor },
  cost: Tensor,
  epsilon: number,
): Tensor {
  const sums = sub(add(unsqueeze(f, -1), unsqueeze(g, -2)), cost);
  const free = add(mul(sums, scaleOf(epsilon)), unsqueeze(log2B, -2));
  return log2A ? add(free, unsqueeze(log2A, -1)) : free;
}

/** f − ε log Σ_j b_j exp((f_i + g_j − C_ij) / ε). */
export function plainSoftmin([f, g, log2B, ...cost]: readonly Tensor[], attrs: PairAttrs): Tensor {
  const exponents = plainExponents(
    { f: f!, g: g!, log2B: log2B! },
    plainCost(cost, attrs.cost),
    attrs.epsilon,
  );
  return sub(f!, mul(logSumExp(mul(exponents, Math.LN2), { dim: -1 }), attrs.epsilon));
}

/** P v, or (P ⊙ C) v. */
export function plainApply(
  [f, g, log2A, log2B, v, ...cost]: readonly Tensor[],
  attrs: PairAttrs,
): Tensor {
  const costs = plainCost(cost, attrs.cost);
  const terms = { f: f!, g: g!, log2A: log2A!, log2B: log2B! };
  const p = exp2(plainExponents(terms, costs, attrs.epsilon));
  return matmul(attrs.weighted ? mul(p, costs) : p, v!);
}

/** Σ_j W_ij dc(x_i, y_j) / dx_i. */
export function plainSlopes(weights: Tensor, x: Tensor, y: Tensor, cost: CostFunction): Tensor {
  const { pullback } = vjp((of: Tensor) => plainOf(cost)(of, y), x);
  return pullback(weights)[0];
}

/** As `plainSlopes` with W = P (q vᵀ), of which P lacks the weights of the rows. */
export function plainPull(
  [f, g, log2B, q, v, x, y]: readonly Tensor[],
  attrs: PairAttrs & { cost: CostFunction },
): Tensor {
  const cost = plainCost([x!, y!], attrs.cost);
  const p = exp2(plainExponents({ f: f!, g: g!, log2B: log2B! }, cost, attrs.epsilon));
  const w = mul(p, matmul(q!, transpose(v!, -1, -2)));
  const weights = attrs.weighted ? sub(w, mul(w, mul(cost, 1 / attrs.epsilon))) : w;
  return plainSlopes(weights, x!, y!, attrs.cost);
}

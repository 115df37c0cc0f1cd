/** A transport plan that is given by its potentials: applied, summed up or stored as a matrix when asked. */
import { ShapeError } from "../errors";
import { onesLike } from "../ops/creation";
import { exp2 } from "../ops/exponential";
import { reshape, squeeze } from "../ops/shape";
import { scope } from "../tensor/scope";
import { type Shape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { Struct } from "../tensor/tree";
import { applyPlan, turnedInputs } from "./apply";
import type { PairAttrs } from "./pairs";
import { plainCost, plainExponents } from "./plain";
import { costOfPairs, swapped } from "./pull";

/** The operands of a plan: f, g, log2 a, log2 b, cost, with one dimension of problems. */
export type PlanOperands = readonly [Tensor, Tensor, Tensor, Tensor, ...Tensor[]];

/**
 * P [..., n, m] with P_ij = a_i b_j exp((f_i + g_j − C_ij) / ε). Applying it stores nothing of that size. All of it is
 * differentiable, through the potentials too.
 */
export class Plan extends Struct {
  constructor(
    /** Leading dimensions. */
    private readonly batch: Shape,
    private readonly operands: PlanOperands,
    private readonly attrs: PairAttrs,
  ) {
    super();
  }

  /** [..., n, m]. */
  get shape(): Shape {
    return [...this.batch, this.operands[0].shape[1]!, this.operands[1].shape[1]!];
  }

  /**
   * P v: what the rows get of values that the columns have.
   *
   * @param v f32 [..., m] or [..., m, k]
   * @returns [..., n] or [..., n, k]
   * @throws ShapeError
   * @example div(plan.apply(y), unsqueeze(a, -1)) // barycentric projection: where each x_i goes on average
   */
  apply(v: Tensor): Tensor {
    return this.product("apply", v, this.operands, this.attrs, this.shape.at(-1)!);
  }

  /**
   * Pᵀ u.
   *
   * @param u f32 [..., n] or [..., n, k]
   * @returns [..., m] or [..., m, k]
   * @throws ShapeError
   */
  applyTranspose(u: Tensor): Tensor {
    return scope(() => {
      const [f, g, log2A, log2B, ...cost] = this.operands;
      const [left, right, rows, cols, , ...of] = turnedInputs(
        [f, g, log2A, log2B, f, ...cost],
        this.attrs,
      );
      const attrs = { ...this.attrs, cost: this.attrs.cost && swapped(this.attrs.cost) };
      const operands = [left!, right!, rows!, cols!, ...of] as unknown as PlanOperands;
      return this.product("applyTranspose", u, operands, attrs, this.shape.at(-2)!);
    });
  }

  /** The matrix, [..., n, m]: n m numbers. */
  dense(): Tensor {
    return scope(() => {
      const [f, g, log2A, log2B, ...of] = this.operands;
      const cost = this.attrs.cost
        ? costOfPairs(of[0]!, of[1]!, this.attrs.cost)
        : plainCost(of, null);
      const exponents = plainExponents({ f, g, log2A, log2B }, cost, this.attrs.epsilon);
      return reshape(exp2(exponents), this.shape);
    });
  }

  /** P 1 [..., n] and Pᵀ 1 [..., m]. */
  marginals(): [Tensor, Tensor] {
    return scope(() => {
      const [f, g] = this.operands;
      const [rows, cols] = this.shape.slice(-2) as [number, number];
      return [
        this.apply(reshape(onesLike(g), [...this.batch, cols])),
        this.applyTranspose(reshape(onesLike(f), [...this.batch, rows])),
      ];
    });
  }

  private product(
    name: string,
    v: Tensor,
    operands: PlanOperands,
    attrs: PairAttrs,
    size: number,
  ): Tensor {
    const rank = this.batch.length;
    const vector = v.rank === rank + 1;
    const wanted = v.rank >= rank + 1 && v.rank <= rank + 2 && v.shape[rank] === size;
    if (!wanted || this.batch.some((d, i) => v.shape[i] !== d))
      throw new ShapeError(
        `plan.${name}: the operand has shape ${show(v.shape)}; it must be ${show([...this.batch, size])}, or have one more dimension of channels.`,
      );
    const [f, g, log2A, log2B, ...cost] = operands;
    return scope(() => {
      const channels = vector ? 1 : v.shape.at(-1)!;
      const flat = reshape(v, [f.shape[0]!, size, channels]);
      const o = applyPlan([f, g, log2A, log2B, flat, ...cost], attrs);
      const shape = [...this.batch, f.shape[1]!];
      return reshape(vector ? squeeze(o, -1) : o, vector ? shape : [...shape, channels]);
    });
  }

  /** What the mass of each row costs, Σ_j P_ij C_ij [..., n]: summed, the transport cost ⟨P, C⟩. */
  rowCosts(): Tensor {
    return scope(() => {
      const [, g] = this.operands;
      const ones = reshape(onesLike(g), [...this.batch, g.shape[1]!]);
      const attrs = { ...this.attrs, weighted: true as const };
      return this.product("rowCosts", ones, this.operands, attrs, g.shape[1]!);
    });
  }
}

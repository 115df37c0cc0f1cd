/** What a solver found: potentials, the plan they give, values, and how far it came. */
import { ArgumentError } from "../errors";
import { add, gt, minimum, mul, sub } from "../ops/arithmetic";
import { xlogy } from "../ops/exponential";
import { expm1 } from "../ops/functions";
import { sum } from "../ops/reduce";
import { clone, reshape, select, stopGradient } from "../ops/shape";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Shape } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { forEachTensor, Struct } from "../tensor/tree";
import { atStationary } from "./envelope";
import { Plan, type PlanOperands } from "./plan";
import type { SideRule, SinkhornAttrs } from "./sinkhornLoop";

/** How far a solver came with one problem. */
export interface TransportReport {
  readonly converged: boolean;
  readonly iterations: number;
  /** L1, relative to the mass. */
  readonly marginalError: number;
}

/** What a solver leaves, with one dimension of problems. */
export interface Solution {
  /** Leading dimensions. */
  readonly batch: Shape;
  /** Weights [B, n] and [B, m]. */
  readonly a: Tensor;
  readonly b: Tensor;
  /** Of the plan: potentials without their tails, log weights with them. */
  readonly operands: PlanOperands;
  /** The potentials whole, [B, n] and [B, m]. */
  readonly f: Tensor;
  readonly g: Tensor;
  /** [B, 4]: 1 where done, iterations, marginal error, mass. */
  readonly control: Tensor;
  readonly attrs: SinkhornAttrs;
}

/** See `Transport.dual`. */
export type Dual = Readonly<Record<"a" | "b" | "rows" | "columns" | "mass", Tensor>>;

/** A value at the potentials that make it stationary: see envelope.ts. */
export interface Stationary {
  readonly potentials: readonly Tensor[];
  readonly others: readonly Tensor[];
  dual(potentials: readonly Tensor[], others: readonly Tensor[]): Dual;
}

/**
 * What `sinkhorn` gives. All of its tensors are on the device, and nothing has been waited for; `report` waits.
 */
export class Transport extends Struct {
  /** Potential of a, in units of the cost: f32 [..., n]. */
  readonly f: Tensor;
  /** Potential of b: f32 [..., m]. In a balanced problem f + t and g − t are as good. */
  readonly g: Tensor;
  readonly plan: Plan;
  /**
   * L1 error of the marginal, relative to the mass, at the last look at it: f32 [...]. That of the potentials left is no
   * larger, in a balanced problem without over-relaxation.
   */
  readonly marginalError: Tensor;
  /** Run until then: f32 [...]. */
  readonly iterations: Tensor;
  /** Whether the error came down to the tolerance: bool [...]. */
  readonly converged: Tensor;
  private readonly a: Tensor;
  private readonly b: Tensor;
  private readonly attrs: SinkhornAttrs;
  private readonly operands: PlanOperands;

  constructor({ batch, a, b, f, g, operands, control, attrs }: Solution) {
    super();
    const number = (k: number): Tensor => reshape(select(control, 1, k), batch);
    this.f = reshape(f, [...batch, f.shape[1]!]);
    this.g = reshape(g, [...batch, g.shape[1]!]);
    this.plan = new Plan(batch, operands, { cost: attrs.cost, epsilon: attrs.epsilon });
    this.marginalError = clone(number(2));
    this.iterations = clone(number(1));
    this.converged = gt(number(0), 0);
    this.a = a;
    this.b = b;
    this.attrs = attrs;
    this.operands = operands;
  }

  /**
   * What the problem is worth. `relative`: ⟨P, C⟩ + ε KL(P | a ⊗ b) and the penalties, as GeomLoss and OTT have it;
   * computed as the dual ⟨a, f⟩ + ⟨b, g⟩ − ε (ΣP − Σa Σb), so that near the solution errors of the potentials hardly
   * matter. `entropy`: ⟨P, C⟩ + ε Σ P log P as POT has it, of balanced problems: ε (H(a) + H(b)) less, H the entropy
   * −Σ a log a.
   *
   * Its first derivatives treat potentials as constants, which at the solution is exact (the envelope theorem; Danskin):
   * P to the cost, f to a, up to a constant that is the same for all. Second ones follow the potentials.
   *
   * @param options.convention default "relative"
   * @returns f32 [...]
   * @throws ArgumentError for `entropy` of an unbalanced problem
   */
  value(options: { convention?: "relative" | "entropy" } = {}): Tensor {
    const { convention = "relative" } = requireOptions("transport.value", options, "convention");
    const { attrs } = this;
    const { epsilon } = attrs;
    const entropy = convention === "entropy";
    if (!["relative", "entropy"].includes(convention))
      throw new ArgumentError(`value: convention "${convention}" must be "relative" or "entropy".`);
    if (entropy && [attrs.a, attrs.b].some(isPenalised))
      throw new ArgumentError(
        'value: the convention "entropy" is for balanced problems. Use "relative".',
      );
    return scope(() => {
      const { potentials, others, dual } = this.stationary();
      return atStationary(
        (held, free) => {
          const { a, b, rows, columns, mass } = dual(held, free);
          const total = (x: Tensor): Tensor => sum(x, { dim: -1 });
          const excess = mul(sub(mass, mul(total(a), total(b))), epsilon);
          const relative = sub(add(total(mul(a, rows)), total(mul(b, columns))), excess);
          if (!entropy) return relative;
          const weights = add(total(xlogy(a, a)), total(xlogy(b, b)));
          return add(relative, add(mul(weights, epsilon), stopGradient(excess)));
        },
        potentials,
        others,
      );
    });
  }

  /**
   * What `value` is made of, for those who compare values term by term: the potentials that make it stationary, all else
   * that it depends on, and the terms as a function of both.
   */
  stationary(): Stationary {
    const [f, g, ...others] = this.operands;
    return {
      potentials: [f, g, this.f, this.g],
      others: [this.a, this.b, ...others],
      dual: (potentials, of) => this.dualOf(potentials, of),
    };
  }

  /** Of the plan's potentials and the whole ones, and of weights, log weights and costs, as they are given. */
  private dualOf(
    [f, g, wholeF, wholeG]: readonly Tensor[],
    [a, b, log2A, log2B, ...cost]: readonly Tensor[],
  ): Dual {
    const { attrs, shape } = this;
    const { epsilon } = attrs;
    const operands = [f, g, log2A, log2B, ...cost] as unknown as PlanOperands;
    const plan = new Plan([f!.shape[0]!], operands, { cost: attrs.cost, epsilon });
    const ones = add(stopGradient(mul(g!, 0)), 1);
    return {
      a: reshape(a!, this.f.shape),
      b: reshape(b!, this.g.shape),
      rows: conjugate(wholeF!, attrs.a, epsilon),
      columns: conjugate(wholeG!, attrs.b, epsilon),
      mass: reshape(sum(plan.apply(ones), { dim: -1 }), shape),
    };
  }

  /** ⟨P, C⟩ [...], what the plan costs without its regulariser (POT `sinkhorn2`). Differentiable through the plan. */
  transportCost(): Tensor {
    return scope(() => sum(this.plan.rowCosts(), { dim: -1 }));
  }

  /** Waits, and tells of each problem how far it came, in the order of the batch. */
  async report(): Promise<TransportReport[]> {
    const read = [this.converged, this.iterations, this.marginalError].map((t) => t.data());
    const [converged, iterations, errors] = await Promise.all(read);
    return Array.from({ length: converged!.length }, (_, i) => ({
      converged: Boolean(converged![i]),
      iterations: Number(iterations![i]),
      marginalError: Number(errors![i]),
    }));
  }

  /** Frees all its tensors but those it was made from. */
  dispose(): void {
    forEachTensor(this, (t) => {
      if (!t.disposed) t.dispose();
    });
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private get shape(): Shape {
    return this.marginalError.shape;
  }
}

export const isPenalised = ({ damping, bound }: SideRule): boolean => damping !== 1 || bound < 1e30;

/** −φ*(−f): what a potential is worth per unit of weight, for the penalty φ. */
function conjugate(f: Tensor, { damping, bound }: SideRule, epsilon: number): Tensor {
  if (bound < 1e30) return minimum(f, bound);
  if (damping === 1) return f;
  const rho = (epsilon * damping) / (1 - damping);
  return mul(expm1(mul(f, -1 / rho)), -rho);
}

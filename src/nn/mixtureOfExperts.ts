/** A layer of several small networks, of which each token passes through a few. */
import { ArgumentError, ShapeError } from "../errors";
import { add, mul } from "../ops/arithmetic";
import { gelu } from "../ops/functions";
import { matmul } from "../ops/matmul";
import { sum } from "../ops/reduce";
import { reshape, transpose, unsqueeze } from "../ops/shape";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { fanInUniform } from "./initialisers";
import { Linear } from "./linear";
import { Module } from "./module";
import { Parameter } from "./parameter";
import { ExpertRouter, type ExpertRouterOptions } from "./router";

export interface MixtureOfExpertsOptions extends ExpertRouterOptions {
  /** Number of experts. Default 8. */
  experts?: number;
  /** Width inside each expert. Default 4 inFeatures. */
  hidden?: number;
}

/**
 * y = Σ_e gate_e(x) (W2_e gelu(W1_e x + b1_e) + b2_e), the gates by `ExpertRouter` from affinities that are linear in x.
 *
 * All tokens of a call are routed together, whatever their leading dimensions, and every expert is computed for every
 * token: three products for any number of experts, exact for any routing, at the arithmetic of a dense layer that is
 * `experts` times as wide.
 * @example
 * const layer = new nn.MixtureOfExperts(64, 64, { experts: 8, k: 2 });
 * const y = layer.forward(x); // [batch, time, 64]
 */
export class MixtureOfExperts extends Module {
  readonly router: ExpertRouter;
  /** Affinities: one output for each expert. */
  readonly gate: Linear;
  /** [experts, hidden, inFeatures] */
  readonly w1: Parameter;
  /** [experts, hidden] */
  readonly b1: Parameter;
  /** [experts, outFeatures, hidden] */
  readonly w2: Parameter;
  /** [experts, outFeatures] */
  readonly b2: Parameter;

  /** @throws ArgumentError for sizes that are not positive, and as `ExpertRouter` */
  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    options: MixtureOfExpertsOptions = {},
  ) {
    super();
    const {
      experts = 8,
      hidden = 4 * inFeatures,
      ...routing
    } = requireOptions("nn.MixtureOfExperts", options, "experts");
    for (const [name, size] of Object.entries({ inFeatures, outFeatures, experts, hidden }))
      if (!Number.isInteger(size) || size < 1)
        throw new ArgumentError(
          `nn.MixtureOfExperts: ${name} ${size} must be a whole number, at least 1.`,
        );
    this.router = new ExpertRouter(routing);
    this.gate = new Linear(inFeatures, experts, { bias: false });
    const parameter = (shape: number[], fanIn: number) =>
      Parameter.of(fanInUniform(shape, fanIn), shape);
    this.w1 = parameter([experts, hidden, inFeatures], inFeatures);
    this.b1 = parameter([experts, hidden], inFeatures);
    this.w2 = parameter([experts, outFeatures, hidden], hidden);
    this.b2 = parameter([experts, outFeatures], hidden);
  }

  /**
   * The gates that `forward` goes by.
   * @param x [..., inFeatures]
   * @returns [tokens, experts], tokens the product of x's leading dimensions
   */
  gates(x: Tensor): Tensor {
    return scope(() => this.router.forward(this.gate.forward(this.tokens(x))));
  }

  /**
   * @param x f32 [..., inFeatures]
   * @returns [..., outFeatures]
   * @throws ShapeError
   */
  forward(x: Tensor): Tensor {
    return scope(() => {
      const tokens = this.tokens(x);
      const inner = add(matmul(tokens, transpose(this.w1, -1, -2)), unsqueeze(this.b1, -2));
      const outer = add(matmul(gelu(inner), transpose(this.w2, -1, -2)), unsqueeze(this.b2, -2));
      const gates = transpose(this.router.forward(this.gate.forward(tokens)), -1, -2);
      const y = sum(mul(unsqueeze(gates, -1), outer), { dim: 0 });
      return reshape(y, [...x.shape.slice(0, -1), this.outFeatures]);
    });
  }

  private tokens(x: Tensor): Tensor {
    if (x.rank === 0 || x.shape.at(-1) !== this.inFeatures)
      throw new ShapeError(
        `nn.MixtureOfExperts: x has shape ${show(x.shape)}; its last dimension must be ${this.inFeatures}.`,
      );
    return reshape(x, [x.size / this.inFeatures, this.inFeatures]);
  }
}

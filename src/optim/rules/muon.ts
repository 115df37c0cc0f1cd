/**
 * Muon: momentum, of matrices brought near the closest orthogonal one. Jordan, Jin, Boza, You, Cesista, Newhouse and
 * Bernstein, "Muon: an optimizer for hidden layers in neural networks", 2024; KellerJordan/Muon.
 *
 *     b = mu b + (1-mu) g;  u = nesterov ? mu b + (1-mu) g : b;  O = five steps of Newton and Schulz on u
 *     p -= lr wd p;  p -= lr adjust O
 *
 * The products are f32; the authors' are bf16, which moves elements by up to 2e-3 at lr 0.02.
 */

import { ArgumentError } from "../../errors";
import { orthogonalize } from "../../linalg/newtonSchulz";
import { mul, sub } from "../../ops/arithmetic";
import { requireOptions } from "../../options";
import type { Parameters } from "../groups";
import { Optimizer } from "../optimizer";
import type { OptimizerOptions } from "../optimizerOptions";
import {
  requireFraction,
  requirePositive,
  requireSwitch,
  requireWithin,
  type StructuredRule,
} from "../rule";
import { averaged, isMatrix, type MatrixProgram, StructuredPart } from "../structuredPart";
import { adamwRule } from "./adamw";

export type MuonHyperParameters = {
  /** In [0, 1). Default 0.95. */
  readonly momentum: number;
  /** Look ahead along the momentum. Default true. */
  readonly nesterov: boolean;
  /** Of Newton and Schulz, whole, from 1 to 20. Default 5. */
  readonly steps: number;
  /**
   * What the orthogonal matrix is multiplied by. `original`: sqrt(max(1, rows / columns)). `matchRmsAdamW`:
   * 0.2 sqrt(max(rows, columns)), so that steps are as long as AdamW's and its rates and decays fit (Liu et al., "Muon is
   * scalable for LLM training", 2025). Default "original".
   */
  readonly adjust: "original" | "matchRmsAdamW";
  /** False for groups whose matrices are AdamW's: embeddings and heads. Default true. */
  readonly orthogonalize: boolean;
  /**
   * What the rate is multiplied by for AdamW. Default 0.015, which makes 3e-4 of 0.02; with `matchRmsAdamW` 1.
   */
  readonly auxiliaryRate: number;
};
export type MuonOptions = OptimizerOptions & Partial<MuonHyperParameters>;

const adjustments: Readonly<
  Record<MuonHyperParameters["adjust"], (rows: number, columns: number) => number>
> = {
  original: (rows, columns) => Math.sqrt(Math.max(1, rows / columns)),
  matchRmsAdamW: (rows, columns) => 0.2 * Math.sqrt(Math.max(rows, columns)),
};

const update: MatrixProgram<MuonHyperParameters> = (step) => {
  const { gradient, rows, columns, rate, states } = step;
  const { momentum, nesterov, steps, adjust } = step.h;
  const buffer = averaged(states["momentum_buffer"]!, momentum, gradient);
  const u = nesterov ? averaged(buffer, momentum, gradient) : buffer;
  const O = orthogonalize(u, { steps });
  return {
    parameter: sub(
      step.decay(step.parameter),
      mul(O, mul(rate, adjustments[adjust](rows, columns))),
    ),
    states: { momentum_buffer: buffer },
  };
};

export const muonRule: StructuredRule<MuonHyperParameters> = {
  name: "muon",
  formula: "b = mu b + (1-mu) g;  p -= lr sqrt(max(1, rows/columns)) orthogonal(mu b + (1-mu) g)",
  defaults: {
    momentum: 0.95,
    nesterov: true,
    steps: 5,
    adjust: "original",
    orthogonalize: true,
    auxiliaryRate: 0.015,
  },
  defaultRate: 0.02,
  defaultWeightDecay: 0,
  subspaces: true,
  check({ momentum, nesterov, steps, adjust, orthogonalize: isMatrices, auxiliaryRate }) {
    requireFraction("muon", "momentum", momentum);
    requireSwitch("muon", "nesterov", nesterov);
    requireWithin("muon", "steps", steps, 1, 20);
    if (!Number.isInteger(steps))
      throw new ArgumentError(`optim.muon: steps is ${steps}; it takes a whole number.`);
    if (!Object.hasOwn(adjustments, adjust))
      throw new ArgumentError(
        `optim.muon: adjust is ${JSON.stringify(adjust)}; it takes "original" or "matchRmsAdamW".`,
      );
    requireSwitch("muon", "orthogonalize", isMatrices);
    requirePositive("muon", "auxiliaryRate", auxiliaryRate);
  },
  applies: (shape, h) => h.orthogonalize && isMatrix(shape),
  auxiliary: ({ auxiliaryRate }) => ({
    rule: adamwRule,
    hyper: { betas: [0.9, 0.95], eps: 1e-10 },
    rateFactor: auxiliaryRate,
  }),
  layout: (shape) => [{ name: "momentum_buffer", kind: "signed", shape }],
  open: (context) => new StructuredPart(muonRule, context, update),
};

/**
 * Muon as its authors' code: matrices (of more dimensions as [first, all others]) are moved by lr times an orthogonal
 * matrix, tensors of one dimension by AdamW with `betas` [0.9, 0.95], eps 1e-10 and a rate of their own. Embeddings and
 * heads belong to AdamW as well, which shapes do not tell: give them a group. Defaults: lr 0.02, momentum 0.95,
 * nesterov, 5 steps, weightDecay 0, decoupled. State `momentum_buffer`; AdamW's `exp_avg`, `exp_avg_sq`.
 *
 * @throws ArgumentError for bad options or parameters; DTypeError for parameters that are no floats
 * @example
 * const optimizer = optim.muon([
 *   { params: hidden },
 *   { params: embeddingsAndHead, orthogonalize: false },
 * ], { lr: 0.02 });
 */
export function muon(parameters: Parameters, options: MuonOptions = {}): Optimizer {
  requireOptions("optim.muon", options, "lr");
  const auxiliaryRate = options.adjust === "matchRmsAdamW" ? 1 : muonRule.defaults.auxiliaryRate;
  return Optimizer.create(muonRule, parameters, { auxiliaryRate, ...options });
}

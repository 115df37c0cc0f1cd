/**
 * The update rules: one row each. A row names the WGSL function (shaders/include/optim_<name>.wgsl, where
 * the formula is) and says what it needs; kernels, optimizers, checkpoints and tests read the row. A new
 * rule is that function, its name in shaders/optim/update.wgsl, and a row here.
 */
import { power } from "../elementary";
import { ArgumentError } from "../errors";
import type { OptimUpdateOptions } from "../kernels";

/** A rule's own options, as plain data for checkpoints. */
export type HyperParameters = Readonly<Record<string, number | boolean | readonly number[]>>;

export interface Rule<H extends HyperParameters> {
  readonly name: string;
  /** In one line, without weight decay. */
  readonly formula: string;
  readonly kernelFunction: NonNullable<NonNullable<OptimUpdateOptions["slots"]>["RULE"]>;
  readonly defaults: H;
  readonly defaultRate: number;
  readonly defaultWeightDecay: number;
  /** `decoupled`: p -= lr wd p before the rule. `l2`: g += wd p. */
  readonly decay: "decoupled" | "l2";
  /** @throws ArgumentError naming the option and its allowed values. */
  check(h: H): void;
  /** Names of the per-element states, PyTorch's; at most two. */
  states(h: H): readonly string[];
  /** Up to eight scalars that are the same at every step: `constants` and `more` in WGSL. */
  constants(h: H): readonly number[];
  /** Up to four scalars of update `t`, counted from 1: `step` in WGSL. In f64. */
  perStep(t: number, h: H): readonly number[];
}

export type SgdHyperParameters = {
  /** In [0, 1). 0: no momentum, and no state. Default 0. */
  readonly momentum: number;
  /** How much of each gradient but the first is kept out of the momentum, in [0, 1]. Default 0. */
  readonly dampening: number;
  /** Look ahead along the momentum. Needs momentum, and no dampening. Default false. */
  readonly nesterov: boolean;
};

export type AdamWHyperParameters = {
  /** Decay of the averages of g and g^2 per step, each in [0, 1). Default [0.9, 0.999]. */
  readonly betas: readonly [number, number];
  /** Added to the bias-corrected root, > 0. Default 1e-8. */
  readonly eps: number;
};

export type LionHyperParameters = {
  /** Decay within the direction, and of the average, each in [0, 1). Default [0.9, 0.99]. */
  readonly betas: readonly [number, number];
};

export const sgdRule: Rule<SgdHyperParameters> = {
  name: "sgd",
  formula: "b = mu b + (1 - dampening) g;  p -= lr (nesterov ? g + mu b : b)",
  kernelFunction: "rule_sgd",
  defaults: { momentum: 0, dampening: 0, nesterov: false },
  defaultRate: 1e-3,
  defaultWeightDecay: 0,
  decay: "l2",
  check({ momentum, dampening, nesterov }) {
    requireFraction("sgd", "momentum", momentum);
    if (!(dampening >= 0 && dampening <= 1))
      throw new ArgumentError(`optim.sgd: dampening is ${dampening}; it takes 0 to 1.`);
    if (typeof nesterov !== "boolean")
      throw new ArgumentError(`optim.sgd: nesterov is ${nesterov}; it takes true or false.`);
    if (nesterov && (momentum === 0 || dampening !== 0))
      throw new ArgumentError(
        `optim.sgd: nesterov needs momentum above 0 and dampening 0; got momentum ${momentum}, dampening ${dampening}.`,
      );
  },
  states: ({ momentum }) => (momentum > 0 ? ["momentum_buffer"] : []),
  constants: ({ momentum, dampening, nesterov }) => [
    momentum,
    momentum > 0 ? 1 - dampening : 1,
    nesterov ? 1 : 0,
  ],
  perStep: (t) => [t === 1 ? 1 : 0],
};

export const adamwRule: Rule<AdamWHyperParameters> = {
  name: "adamw",
  formula: "m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  p -= lr (m/c1) / (sqrt(v/c2) + eps)",
  kernelFunction: "rule_adamw",
  defaults: { betas: [0.9, 0.999], eps: 1e-8 },
  defaultRate: 1e-3,
  defaultWeightDecay: 1e-2,
  decay: "decoupled",
  check({ betas, eps }) {
    requireBetas("adamw", betas);
    if (!(eps > 0 && Number.isFinite(eps)))
      throw new ArgumentError(
        `optim.adamw: eps is ${eps}; it takes a number above 0, since an element without gradients divides by it.`,
      );
  },
  states: () => ["exp_avg", "exp_avg_sq"],
  constants: ({ betas: [b1, b2], eps }) => [b1, 1 - b1, b2, 1 - b2, eps],
  perStep: (t, { betas: [b1, b2] }) => [1 / (1 - power(b1, t)), 1 / Math.sqrt(1 - power(b2, t))],
};

export const lionRule: Rule<LionHyperParameters> = {
  name: "lion",
  formula: "p -= lr sign(b1 m + (1-b1) g);  m = b2 m + (1-b2) g",
  kernelFunction: "rule_lion",
  defaults: { betas: [0.9, 0.99] },
  defaultRate: 1e-4,
  defaultWeightDecay: 0,
  decay: "decoupled",
  check({ betas }) {
    requireBetas("lion", betas);
  },
  states: () => ["exp_avg"],
  constants: ({ betas: [b1, b2] }) => [b1, 1 - b1, b2, 1 - b2],
  perStep: () => [],
};

/** All rows, for tests and documentation. */
export const rules = [sgdRule, adamwRule, lionRule] as const;

function requireFraction(rule: string, option: string, value: unknown): void {
  if (!(typeof value === "number" && value >= 0 && value < 1))
    throw new ArgumentError(
      `optim.${rule}: ${option} is ${value}; it takes 0 up to, not including, 1.`,
    );
}

function requireBetas(rule: string, betas: readonly number[]): void {
  if (!Array.isArray(betas) || betas.length !== 2)
    throw new ArgumentError(
      `optim.${rule}: betas is ${betas}; it takes two numbers, [beta1, beta2].`,
    );
  betas.forEach((beta, i) => {
    requireFraction(rule, `betas[${i}]`, beta);
  });
}

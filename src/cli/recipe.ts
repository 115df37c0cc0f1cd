/**
 * What a run does beyond its flags. It is the recipe of karpathy/nanoGPT for characters: AdamW with betas
 * 0.9 and 0.99, weight decay on matrices only, clipped gradients, a warm-up and then a cosine down to a
 * tenth of the rate, no dropout, no biases, and a head that shares the token table.
 */

import type { GPT, GPTConfig } from "../nn/gpt";
import { Optimizer, type ParameterGroup } from "../optim/index";
import type { AnyRule, HyperParameters } from "../optim/rule";
import { adamwRule } from "../optim/rules/adamw";
import { lionRule } from "../optim/rules/lion";
import { sgdRule } from "../optim/rules/sgd";
import {
  type OptimizerName,
  scheduleOf,
  scheduleText,
  type TrainConfig,
  warmupSteps,
} from "./trainOptions";

interface UpdateRule {
  /** Of matrices; vectors have none. Times the default rate it is about the same for each rule. */
  weightDecay: number;
  /** Its hyper-parameters, for people. */
  told: string;
  rule: AnyRule;
  hyperParameters: HyperParameters;
}

const RULES: Readonly<Record<OptimizerName, UpdateRule>> = {
  adamw: {
    weightDecay: 0.1,
    told: "betas 0.9 and 0.99",
    rule: adamwRule,
    hyperParameters: { betas: [0.9, 0.99] },
  },
  lion: {
    weightDecay: 0.3,
    told: "betas 0.9 and 0.99",
    rule: lionRule,
    hyperParameters: { betas: [0.9, 0.99] },
  },
  sgd: {
    weightDecay: 1e-3,
    told: "Nesterov momentum 0.9",
    rule: sgdRule,
    hyperParameters: { momentum: 0.9, nesterov: true },
  },
};

/** Largest global norm of the gradients. */
const CLIP = 1;

export function modelConfig(
  { context, layers, heads, width }: TrainConfig,
  vocab: number,
): GPTConfig {
  return { vocab, context, layers, heads, width, dropout: 0, bias: false, tiedHead: true };
}

/** The optimizer of a run, over the model's parameters by name. */
export function makeOptimizer(model: GPT, config: TrainConfig): Optimizer {
  const named = model.namedParameters();
  const { rule, hyperParameters, weightDecay } = RULES[config.optimizer];
  const groups: ParameterGroup[] = [
    { params: named.filter(([, { rank }]) => rank >= 2), weightDecay },
    { params: named.filter(([, { rank }]) => rank < 2), weightDecay: 0 },
  ];
  const options = { ...hyperParameters, lr: scheduleOf(config), clipGradNorm: CLIP };
  return Optimizer.create(rule, groups, options);
}

/** What the memory planner has to know of a run's optimizer. */
export const updateRule = ({
  optimizer,
}: TrainConfig): Pick<UpdateRule, "rule" | "hyperParameters"> => RULES[optimizer];

/** What no flag says, for people: a name and a value each. */
export function recipe(config: TrainConfig): Record<string, string> {
  const { told, weightDecay } = RULES[config.optimizer];
  return {
    "update rule": told,
    "weight decay": `${weightDecay}, on matrices only`,
    "gradient clipping": `global norm ${CLIP}`,
    "learning rate": `warm-up over ${warmupSteps(config)} steps, then ${scheduleText(config)}`,
    dropout: "none",
    biases: "none",
    head: "shares the token table",
  };
}

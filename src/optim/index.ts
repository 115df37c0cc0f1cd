/**
 * Optimizers: `optim.adamw(model.namedParameters(), { lr: 1e-3 })`. Each is a rule (what one element does)
 * with a state format, a subspace, and what happens around it (clipping, skipping, schedules).
 */
import type { Parameters } from "./groups";
import { Optimizer, type OptimizerOptions } from "./optimizer";
import {
  type AdamWHyperParameters,
  adamwRule,
  type LionHyperParameters,
  lionRule,
  type SgdHyperParameters,
  sgdRule,
} from "./rules";

export { GradScaler, type GradScalerOptions } from "./gradScaler";
export type { NamedParameter, ParameterGroup, Parameters } from "./groups";
export {
  type LoadStateOptions,
  Optimizer,
  type OptimizerOptions,
  type OptimizerState,
  type StepOptions,
} from "./optimizer";
export type { OptimizerScalars } from "./optimizerState";
export type { Schedule } from "./schedule";
export * as schedule from "./schedule";
export type { StateFormat } from "./states";
export type { LossScaleState, OptimizerStats } from "./stepControl";

export type SgdOptions = OptimizerOptions & Partial<SgdHyperParameters>;
export type AdamWOptions = OptimizerOptions & Partial<AdamWHyperParameters>;
export type LionOptions = OptimizerOptions & Partial<LionHyperParameters>;

/**
 * Stochastic gradient descent as torch.optim.SGD, weight decay as an L2 penalty (`g += wd p`). Defaults:
 * lr 1e-3, momentum 0, dampening 0, nesterov false, weightDecay 0. State `momentum_buffer` with momentum.
 *
 * @throws ArgumentError for bad options or parameters; DTypeError for parameters other than f32
 * @example const optimizer = optim.sgd(model.namedParameters(), { lr: 0.1, momentum: 0.9 });
 */
export function sgd(parameters: Parameters, options?: SgdOptions): Optimizer {
  return Optimizer.create(sgdRule, parameters, options);
}

/**
 * Adam with decoupled weight decay as torch.optim.AdamW: eps is added after the bias-corrected root.
 * Defaults: lr 1e-3, betas [0.9, 0.999], eps 1e-8, weightDecay 0.01. States `exp_avg`, `exp_avg_sq`.
 *
 * @throws ArgumentError for bad options or parameters; DTypeError for parameters other than f32
 * @example
 * const optimizer = optim.adamw(
 *   [{ params: matrices, weightDecay: 0.1 }, { params: vectors, weightDecay: 0 }],
 *   { lr: optim.schedule.warmupCosine({ peak: 1e-3, warmup: 100, total: 2000 }), clipGradNorm: 1 },
 * );
 */
export function adamw(parameters: Parameters, options?: AdamWOptions): Optimizer {
  return Optimizer.create(adamwRule, parameters, options);
}

/**
 * Lion, the sign of an average, with decoupled weight decay. Steps have the size of the rate, so it wants
 * one 3 to 10 times smaller than AdamW's, and weight decay as much larger. Defaults: lr 1e-4,
 * betas [0.9, 0.99], weightDecay 0. State `exp_avg`.
 *
 * @throws ArgumentError for bad options or parameters; DTypeError for parameters other than f32
 * @example const optimizer = optim.lion(model.namedParameters(), { lr: 1e-4, weightDecay: 1 });
 */
export function lion(parameters: Parameters, options?: LionOptions): Optimizer {
  return Optimizer.create(lionRule, parameters, options);
}

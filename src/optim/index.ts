/**
 * Optimizers: `optim.adamw(model.namedParameters(), { lr: 1e-3 })`. Each is a rule (what one element does)
 * with a state format, a subspace, and what happens around it (clipping, skipping, schedules).
 */

export { type EightBitOptions, eightBit, isEmbeddingOrNorm } from "./blockStates";
export { GradScaler, type GradScalerOptions } from "./gradScaler";
export type { NamedParameter, ParameterGroup, Parameters } from "./groups";
export { type MemoryBytes, type MemoryOptions, type PlannedTensor, predictMemory } from "./memory";
export { Optimizer } from "./optimizer";
export type {
  LoadStateOptions,
  OptimizerOptions,
  OptimizerState,
  StepOptions,
} from "./optimizerOptions";
export type { OptimizerScalars } from "./optimizerState";
export {
  type MakeLayerOptimizer,
  PerLayerOptimizer,
  type PerLayerOptions,
  type PerLayerScalars,
  type PerLayerState,
  perLayer,
} from "./perLayer";
export type { HyperParameters, Measure, Rule, RuleState, StateKind } from "./rule";
export * from "./rules";
export type { Schedule } from "./schedule";
export * as schedule from "./schedule";
export type { StateFormatName } from "./stateFormats";
export type { StateFormat } from "./states";
export type { LossScaleState, OptimizerStats } from "./stepControl";
export * from "./subspaces";
export type { Transform } from "./transform";
export * from "./transforms";

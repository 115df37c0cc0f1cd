/**
 * Learning-rate schedules: a step counted from 0 -> a rate, in f64 on the host. The rate is sent to the
 * device as data each step, so a schedule may change between steps without recompiling anything. Each
 * schedule has a file of its own in schedules/, with its formula and its source.
 */
export { type ConstantOptions, constant } from "./schedules/constant";
export { type CosineOptions, cosine } from "./schedules/cosine";
export { type CosinePowerOptions, cosinePower } from "./schedules/cosinePower";
export { type CosineRestartsOptions, cosineRestarts } from "./schedules/cosineRestarts";
export { custom } from "./schedules/custom";
export type { DecayOptions } from "./schedules/decay";
export { type ExponentialOptions, exponential } from "./schedules/exponential";
export { fromJSON } from "./schedules/fromJSON";
export { join } from "./schedules/join";
export { linear } from "./schedules/linear";
export { type MultiStepOptions, multiStep } from "./schedules/multiStep";
export { type OneCycleOptions, oneCycle } from "./schedules/oneCycle";
export { type PiecewiseConstantOptions, piecewiseConstant } from "./schedules/piecewiseConstant";
export { type PiecewiseLinearOptions, piecewiseLinear } from "./schedules/piecewiseLinear";
export { type PolynomialOptions, polynomial } from "./schedules/polynomial";
export { type RefinedOptions, refined } from "./schedules/refined";
export { scale } from "./schedules/scale";
export type { Schedule, ScheduleJson } from "./schedules/schedule";
export { type StepDecayOptions, step } from "./schedules/step";
export { type WarmupOptions, warmup } from "./schedules/warmup";
export {
  type WarmupDecayOptions,
  warmupCosine,
  warmupLinear,
} from "./schedules/warmupDecay";
export { type WsdOptions, wsd } from "./schedules/wsd";

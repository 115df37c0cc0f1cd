/** The library without its doors: everything but `init`. */
export * as data from "./data/index";
export type { MemoryCategory } from "./device/bufferPool";
export { currentDevice, Device, setCurrentDevice, withDevice } from "./device/device";
export type { AdapterReport, ExecutorLimits, KernelTiming } from "./device/executor";
export * from "./errors";
export * as fft from "./fft/index";
export type { InitOptions } from "./init";
export * as linalg from "./linalg/index";
export * as nn from "./nn/index";
export { manualSeed } from "./nn/initialisers";
export * as objectives from "./objectives/index";
export { type AutocastOptions, autocast } from "./ops/autocast";
export * from "./ops/index";
export * as optim from "./optim/index";
export {
  type Compiled,
  type CompileOptions,
  compile,
  type PlanReport,
  type WarmupOptions,
} from "./plan/compile";
export type { PlannedKernel, PlanSize } from "./plan/executable";
export { FileError, type FileFailure, type FileStore } from "./platform/files";
export type { ProfileOptions } from "./profile/profile";
export type {
  MemoryPoint,
  Profile,
  ProfileData,
  ProfiledDispatch,
  ProfiledProgram,
} from "./profile/result";
export type { Roofline } from "./profile/roofline";
export type { KernelStatistics } from "./profile/statistics";
export type { TableOptions } from "./profile/table";
export type { Trace, TraceEvent } from "./profile/trace";
export * as random from "./random/random";
export { type TensorLike, type TensorOptions, tensor } from "./tensor/creation";
export type { DType, HostArray } from "./tensor/dtype";
export { type HostTensor, readAll, toDevice } from "./tensor/hostTensor";
export { type LiveTensor, type Memory, memory, setDebug } from "./tensor/memory";
export { keep, scope } from "./tensor/scope";
export { Tensor } from "./tensor/tensor";
export * from "./train/index";
export { checkpoint } from "./transforms/checkpoint";
export { cond, type WhileLoopOptions, whileLoop } from "./transforms/conditional";
export {
  type CustomJvpRule,
  type CustomVjpRule,
  customJvp,
  customVjp,
} from "./transforms/customVjp";
export { type GradOptions, grad, valueAndGrad } from "./transforms/grad";
export { hessian, type JacobianOptions, jacfwd, jacrev } from "./transforms/jacobian";
export { hvp, jvp } from "./transforms/jvp";
export { valueAndGradients, valuesAndGradients } from "./transforms/parameters";
export { type ScanOptions, scan } from "./transforms/scan";
export { linearize, type Pullback, vjp } from "./transforms/vjp";
export { type InDim, type InDims, type OutDims, type VmapOptions, vmap } from "./transforms/vmap";
export * as transport from "./transport/index";
export type { Stopwatch } from "./tune/stopwatch";
export type { TunedProblem, TuneOptions, TuningProgress } from "./tune/tune";

/** The library without its doors: everything but `init`. */
export { currentDevice, Device, setCurrentDevice, withDevice } from "./device/device";
export * from "./errors";
export * from "./ops/arithmetic";
export * from "./ops/creation";
export * from "./ops/functions";
export * from "./ops/reduce";
export * from "./ops/shape";
export { tensor } from "./tensor/creation";
export type { DType } from "./tensor/dtype";
export { keep, scope } from "./tensor/scope";
export { Tensor } from "./tensor/tensor";
export { customVjp } from "./transforms/customVjp";
export { grad, valueAndGrad } from "./transforms/grad";

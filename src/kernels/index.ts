/** The kernels on their own: launchers, choices, and the texts. */
export * from "./generated/index";
export { type AnyKernel, type Kernel, type KernelOptions, specialise } from "./kernel";
export { type Grid, gridFor, launch, launchProgram } from "./launch";

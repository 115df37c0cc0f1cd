/** Running a kernel on a device: bindings by name, parameters as a record, a grid of workgroups. */
import type { Device } from "../device/device";
import { type BufferBinding, maxParamBytes, type Program } from "../device/executor";
import { ArgumentError, LimitError } from "../errors";
import { type AnyKernel, type Kernel, type KernelOptions, specialise } from "./kernel";

export type Grid = readonly [number, number, number];

const scratch = new ArrayBuffer(maxParamBytes);
const scratchView = new DataView(scratch);

/** Records one dispatch. Nothing has run when it returns: see `Executor`. */
export function launch<B, P, O extends KernelOptions>(
  device: Device,
  kernel: Kernel<B, P, O>,
  bindings: B,
  params: P,
  grid: Grid,
  options?: O,
): void {
  launchProgram(
    device,
    kernel,
    specialise(kernel as AnyKernel, options),
    bindings,
    [],
    params,
    grid,
  );
}

/**
 * As `launch`, of a program made from the kernel.
 * @param added ranges of the bindings that the program has beyond the kernel's, in the order of the program
 */
export function launchProgram<B, P, O>(
  device: Device,
  kernel: Kernel<B, P, O>,
  program: Program,
  bindings: B,
  added: readonly BufferBinding[],
  params: P,
  grid: Grid,
): void {
  const ranges: BufferBinding[] = [];
  for (const b of kernel.bindings) {
    const range = bindings[b.name] as BufferBinding | undefined;
    if (!range)
      throw new ArgumentError(
        `Kernel ${kernel.name}: ${b.name} has no memory, as tensors inside compile, vmap and derivatives of derivatives. Pass x.binding outside of them.`,
      );
    ranges.push(range);
  }
  ranges.push(...added);
  let bytes: Uint8Array | null = null;
  if (kernel.params) {
    kernel.params.write(scratchView, params);
    bytes = new Uint8Array(scratch, 0, kernel.params.size);
  }
  device.executor.dispatch(program, ranges, bytes, grid);
}

/**
 * Workgroups for `items` at `perGroup` each, folded into two dimensions where one is too small. Kernels
 * recover the linear index from `num_workgroups`: see shaders/include/grid.wgsl.
 */
export function gridFor(device: Device, items: number, perGroup: number): Grid {
  const groups = Math.ceil(items / perGroup);
  const limit = device.executor.limits.maxWorkgroupsPerDimension;
  if (groups <= limit) return [Math.max(groups, 1), 1, 1];
  const rows = Math.ceil(groups / limit);
  if (rows > limit)
    throw new LimitError(
      `${items} items need ${groups} workgroups; this device allows ${limit * limit}.`,
    );
  return [Math.ceil(groups / rows), rows, 1];
}

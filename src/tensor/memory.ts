/** What device memory is used for, and, in debug mode, by whom. */
import type { MemoryReport } from "../device/bufferPool";
import { currentDevice, type Device } from "../device/device";
import type { DType } from "./dtype";
import type { Shape } from "./shape";

/** A tensor that has not been disposed. */
export interface LiveTensor {
  readonly shape: Shape;
  readonly dtype: DType;
  /** The stack where it was made. */
  readonly created: string;
}

export interface Memory extends MemoryReport {
  /** In debug mode: the tensors alive, oldest first. Those that no one holds are leaks. */
  readonly tensors: readonly LiveTensor[] | null;
}

interface Watched {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly device: Device;
}

let watched: Map<Watched, string> | null = null;

/** Notes where each tensor made from now on comes from. Costs a stack trace per tensor. */
export function setDebug(on: boolean): void {
  watched = on ? (watched ?? new Map()) : null;
}

export function noteCreated(tensor: Watched): void {
  watched?.set(tensor, new Error("created").stack?.split("\n").slice(3).join("\n") ?? "");
}

export function noteDisposed(tensor: Watched): void {
  watched?.delete(tensor);
}

/**
 * Live, peak and pooled bytes of a device, by category.
 * @example console.log(memory().liveBytes);
 */
export function memory(device: Device = currentDevice()): Memory {
  const tensors =
    watched &&
    [...watched]
      .filter(([tensor]) => tensor.device === device)
      .map(([{ shape, dtype }, created]) => ({ shape, dtype, created }));
  return { ...device.pool.report(), tensors };
}

/** A buffer of the WebGPU executor, and who must hear of its end. */
import { DeviceValidationError } from "../errors";
import type { DeviceBuffer } from "./executor";

/** Keeps bind groups that hold buffers, and drops those of a buffer that is destroyed. */
export interface BindGroupKeeper {
  drop(buffer: WebGPUBuffer): void;
}

export interface WebGPUBuffer extends DeviceBuffer {
  readonly id: number;
  readonly gpu: GPUBuffer;
  /** Who keeps bind groups that hold the buffer. */
  readonly keepers: Set<BindGroupKeeper>;
  destroyed: boolean;
}

/** @throws DeviceValidationError where the buffer was destroyed */
export function usable(handle: DeviceBuffer): WebGPUBuffer {
  const buffer = handle as WebGPUBuffer;
  if (buffer.destroyed)
    throw new DeviceValidationError(`Buffer "${buffer.label}" was used after it was destroyed.`);
  return buffer;
}

/** A buffer of the WebGPU executor, and who must hear of its end. */
import type { OwnedBuffer } from "./ownedBuffer";

/** Keeps bind groups that hold buffers, and drops those of a buffer that is destroyed. */
export interface BindGroupKeeper {
  drop(buffer: WebGPUBuffer): void;
}

export interface WebGPUBuffer extends OwnedBuffer {
  readonly id: number;
  readonly gpu: GPUBuffer;
  /** Who keeps bind groups that hold the buffer. */
  readonly keepers: Set<BindGroupKeeper>;
}

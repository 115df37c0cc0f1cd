/** A buffer of the CPU executor. */
import type { OwnedBuffer } from "../device/ownedBuffer";
import type { Allocation } from "./memory";

export interface CPUBuffer extends OwnedBuffer {
  readonly memory: Allocation;
  /** The last slice of commands that uses it. */
  touched: number;
}

/** A piece of device memory shared by the tensors that view it. */
import type { MemoryCategory } from "../device/bufferPool";
import type { Device } from "../device/device";
import type { DeviceBuffer } from "../device/executor";

/** How many storages were ever made. */
let made = 0;

export class Storage {
  private references = 0;
  /** Rises with each storage: tells those made after a moment from those before. */
  readonly serial = ++made;
  /** Whether its elements never change once they are written: see ConstantCache. */
  immutable = false;

  constructor(
    readonly device: Device,
    readonly buffer: DeviceBuffer,
  ) {}

  static allocate(
    device: Device,
    bytes: number,
    label: string,
    category: MemoryCategory = "tensor",
    forHostWrite = false,
  ): Storage {
    return new Storage(device, device.pool.allocate(bytes, label, category, forHostWrite));
  }

  /** The serial of the storage made last. */
  static get lastSerial(): number {
    return made;
  }

  /** Whether more than one tensor views it. */
  get isShared(): boolean {
    return this.references > 1;
  }

  retain(): void {
    this.references++;
  }

  release(): void {
    if (--this.references === 0) this.device.pool.release(this.buffer);
  }
}

/** A piece of device memory shared by the tensors that view it. */
import type { MemoryCategory } from "../device/bufferPool";
import type { Device } from "../device/device";
import type { DeviceBuffer } from "../device/executor";

export class Storage {
  private references = 0;

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

  retain(): void {
    this.references++;
  }

  release(): void {
    if (--this.references === 0) this.device.pool.release(this.buffer);
  }
}

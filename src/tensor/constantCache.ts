/** Tensors that never change: written once per device, and kept for the programs that go on asking for them. */
import type { Device } from "../device/device";
import { DeviceTensor } from "./deviceTensor";
import type { DType } from "./dtype";
import { keep } from "./scope";
import type { Shape } from "./shape";
import { Storage } from "./storage";

/** What to write when a constant is first asked for. */
export interface ConstantData {
  readonly shape: Shape;
  readonly dtype: DType;
  /** As the device stores it. */
  readonly data: ArrayBufferView;
}

export class ConstantCache {
  private readonly known = new WeakMap<Device, Map<string, DeviceTensor>>();

  /** @param most constants of one device; beyond this the oldest go */
  constructor(private readonly most: number) {}

  /** A view of the constant that `key` names on this device. */
  get(device: Device, key: string, make: () => ConstantData): DeviceTensor {
    let known = this.known.get(device);
    if (!known) {
      known = new Map();
      this.known.set(device, known);
    }
    let constant = known.get(key);
    if (!constant) {
      const { shape, dtype, data } = make();
      const storage = Storage.allocate(
        device,
        data.byteLength,
        `constant ${key}`,
        "constant",
        true,
      );
      storage.immutable = true;
      constant = keep(new DeviceTensor(storage, shape, dtype));
      device.executor.write(storage.buffer, 0, data);
      if (known.size >= this.most) {
        const [oldest] = known;
        oldest![1].dispose();
        known.delete(oldest![0]);
      }
      known.set(key, constant);
    }
    return constant.view(constant.shape, constant.strides);
  }
}

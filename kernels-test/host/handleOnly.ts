/** A tensor without memory: enough for the rules of trees and scopes. */
import type { Device } from "../../src/device/device";
import type { HostArray } from "../../src/tensor/dtype";
import { register, unregister } from "../../src/tensor/scope";
import { Tensor } from "../../src/tensor/tensor";

export class HandleOnly extends Tensor {
  disposals = 0;

  constructor(readonly name: string) {
    super([], "f32");
    register(this);
  }

  override get device(): Device {
    throw new Error(`${this.name} lives on no device`);
  }

  override get disposed(): boolean {
    return this.disposals > 0;
  }

  override get owned(): readonly HandleOnly[] {
    return [this];
  }

  override data(): Promise<HostArray> {
    throw new Error(`${this.name} has no elements`);
  }

  override dispose(): void {
    if (this.disposals === 0) unregister(this);
    this.disposals++;
  }

  override alias(): HandleOnly {
    return new HandleOnly(`${this.name}'`);
  }
}

/** The one-time start: acquire a device and make it current. */
import type { Platform } from "../platform/platform";
import type { AcquireOptions } from "./acquire";
import { Device, setCurrentDevice } from "./device";
import { WebGPUExecutor } from "./webgpu";

export interface InitOptions extends AcquireOptions {
  /** Make the new device the current one. Default true. */
  makeCurrent?: boolean;
}

/** A device of its own: calling it twice gives two, side by side. */
export async function initOn(platform: Platform, options: InitOptions = {}): Promise<Device> {
  const device = new Device(await WebGPUExecutor.create(platform, options));
  if (options.makeCurrent ?? true) setCurrentDevice(device);
  return device;
}

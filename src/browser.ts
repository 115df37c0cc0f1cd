/** The door for browsers: pages and workers. */
import type { Device } from "./device/device";
import { type InitOptions, initOn } from "./device/init";
import { installMethods } from "./ops/methods";
import { browserPlatform } from "./platform/browser";

export * from "./index";

/**
 * Finds a WebGPU adapter and makes a device on it, the current one for new tensors.
 *
 * @throws AdapterError, saying what to install, where there is none
 * @example await init();
 */
export function init(options?: InitOptions): Promise<Device> {
  installMethods();
  return initOn(browserPlatform, options);
}

/** Names of the adapters that `init({ adapter })` can choose. */
export function listAdapters(): Promise<string[]> {
  return browserPlatform.adapterNames();
}

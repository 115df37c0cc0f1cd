/** The door for Node. */
import type { Device } from "./device/device";
import { type InitOptions, initOn } from "./device/init";
import { installMethods } from "./ops/methods";
import { nodePlatform } from "./platform/node";

export * from "./index";

/**
 * Finds a WebGPU adapter and makes a device on it, the current one for new tensors.
 *
 * @throws AdapterError, saying what to install, where there is none
 * @example await init();
 */
export function init(options?: InitOptions): Promise<Device> {
  installMethods();
  return initOn(nodePlatform, options);
}

/** Names of the adapters that `init({ adapter })` can choose. */
export function listAdapters(): Promise<string[]> {
  return nodePlatform.adapterNames();
}

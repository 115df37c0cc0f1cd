/** The door for browsers: pages and workers. */
import type { Device } from "./device/device";
import { type InitOptions, initOn } from "./init";
import { installMethods } from "./ops/methods";
import { browserPlatform } from "./platform/browser";
import { submitBounds } from "./profile/submitBounds";

export * from "./browserFunctions";
export type { TensorMethods } from "./ops/methods";

/**
 * Makes a device, the current one for new tensors: on a GPU through WebGPU if there is one, else on the CPU.
 *
 * @throws AdapterError, saying what to install, where what `options` ask for is missing
 * @example await init();
 * @example await init({ executor: "cpu", threads: 4 });
 */
export function init(options?: InitOptions): Promise<Device> {
  installMethods();
  return initOn(browserPlatform, options, submitBounds);
}

/** The device that a command computes on. */

import type { Device } from "../device/device";
import { initOn } from "../init";
import { installMethods } from "../ops/methods";
import { nodePlatform } from "../platform/node";

/** @throws AdapterError, saying what to install, where there is none */
export function openDevice(): Promise<Device> {
  installMethods();
  return initOn(nodePlatform);
}

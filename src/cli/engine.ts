/** The device that a command computes on. */

import type { Device } from "../device/device";
import { initOn } from "../init";
import { installMethods } from "../ops/methods";
import { nodePlatform } from "../platform/node";
import { submitBounds } from "../profile/submitBounds";
import type { DeviceOptions } from "./deviceFlags";
import { UsageError } from "./exitCodes";

/** @throws AdapterError where there is not what was asked for, UsageError where --threads does not apply */
export async function openDevice({ adapter, threads }: DeviceOptions): Promise<Device> {
  installMethods();
  chooseAdapter(adapter);
  const device = await initOn(nodePlatform, threads === null ? {} : { threads }, submitBounds);
  if (threads === null || device.executor.kind === "cpu") return device;
  const { description, vendor } = device.executor.adapter;
  await device.destroy();
  throw new UsageError(
    `--threads is for the CPU executor, but ${description || vendor} computes here; add --adapter cpu, or leave it away`,
  );
}

/** The flag is the variable's other name: it reaches the drivers, and processes that look at them. */
export function chooseAdapter(adapter: DeviceOptions["adapter"]): void {
  if (adapter !== null) process.env["TILEGRAD_ADAPTER"] = adapter;
}

/** From WebGPU's error objects to typed errors that name the kernel and the tensors. */
import {
  type DeviceError,
  DeviceInternalError,
  DeviceLostError,
  DeviceValidationError,
  OutOfMemoryError,
} from "../errors";

export type ErrorFilter = "validation" | "out-of-memory" | "internal";

/** @param doing what was asked of the device, naming kernel, tensors and sizes. */
export function typedError(filter: ErrorFilter, message: string, doing: string): DeviceError {
  const detail = message.trim();
  if (filter === "out-of-memory")
    return new OutOfMemoryError(
      `The device has no memory for ${doing}. Dispose tensors you no longer need, use a smaller batch or context, then init() again. (${detail})`,
    );
  if (filter === "internal")
    return new DeviceInternalError(
      `The driver failed in ${doing}. Update the driver or choose another adapter. (${detail})`,
    );
  return new DeviceValidationError(`The device rejected ${doing}: ${detail}`);
}

export function lostError(reason: string, message: string): DeviceLostError {
  return reason === "destroyed"
    ? new DeviceLostError("The device was destroyed. Call init() for a new one.")
    : new DeviceLostError(
        `The device was lost (${message || reason}). Call init() for a new one and load the last checkpoint.`,
      );
}

/** What every executor's own buffers have. */
import { DeviceValidationError } from "../errors";
import type { DeviceBuffer } from "./executor";

export interface OwnedBuffer extends DeviceBuffer {
  destroyed: boolean;
}

/** The executor's own buffer behind a handle. @throws DeviceValidationError where it was destroyed */
export function usable<B extends OwnedBuffer>(handle: DeviceBuffer): B {
  const buffer = handle as B;
  if (buffer.destroyed)
    throw new DeviceValidationError(`Buffer "${buffer.label}" was used after it was destroyed.`);
  return buffer;
}

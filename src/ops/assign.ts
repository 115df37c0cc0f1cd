/** Changing a tensor that lives on, as optimizers and running statistics do. */
import { DeviceTensor } from "../tensor/deviceTensor";
import { storedBytes } from "../tensor/dtype";
import type { Tensor } from "../tensor/tensor";
import { contiguous, to } from "./shape";
import { currentStaging, resolve } from "./trace";

/**
 * Copies the elements of `value`, of the target's shape, into a dense target; what was recorded before still reads
 * the old ones. While a function is compiled, the copy becomes a part of it.
 * @returns false for a value of a transform, which has no elements to copy
 */
export function assign(target: DeviceTensor, value: Tensor): boolean {
  const source = resolve(contiguous(to(value, target.dtype)));
  const staging = currentStaging();
  if (staging) {
    staging.write(target, source);
    return true;
  }
  if (!(source instanceof DeviceTensor)) return false;
  const bytes = Math.ceil(storedBytes(target.dtype, target.size) / 4) * 4;
  if (bytes > 0)
    target.device.executor.copy({ ...source.binding, bytes }, { ...target.binding, bytes });
  return true;
}

import { requireOptions } from "../options";
import { type TensorOptions, upload } from "../tensor/creation";
import type { Shape } from "../tensor/shape";
import { ModuleTensor } from "./moduleTensor";

/** A tensor that belongs to a module and is saved with it, but not trained: running statistics. */
export class Buffer extends ModuleTensor {
  /** A buffer with these values in row-major order. */
  static of(values: ArrayLike<number>, shape: Shape, options: TensorOptions = {}): Buffer {
    requireOptions("Buffer.of", options, "dtype");
    return new Buffer(upload(values, shape, { dtype: "f32", ...options }));
  }
}

let held = 0;

/** Whether buffers stay as they are at present. */
export const areBuffersHeld = (): boolean => held > 0;

/**
 * Runs `fn` while modules leave their buffers as they are: for a second look at a batch whose statistics were
 * taken at the first.
 */
export function holdingBuffers<T>(fn: () => T): T {
  held++;
  try {
    return fn();
  } finally {
    held--;
  }
}

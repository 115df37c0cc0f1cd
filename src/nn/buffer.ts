import { type TensorOptions, upload } from "../tensor/creation";
import type { Shape } from "../tensor/shape";
import { ModuleTensor } from "./moduleTensor";

/** A tensor that belongs to a module and is saved with it, but not trained: running statistics. */
export class Buffer extends ModuleTensor {
  /** A buffer with these values in row-major order. */
  static of(values: ArrayLike<number>, shape: Shape, options: TensorOptions = {}): Buffer {
    return new Buffer(upload(values, shape, { dtype: "f32", ...options }));
  }
}

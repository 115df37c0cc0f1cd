/** A tensor that belongs to a module and is trained. */

import { type TensorOptions, upload } from "../tensor/creation";
import { DeviceTensor } from "../tensor/deviceTensor";
import { keep } from "../tensor/scope";
import type { Shape } from "../tensor/shape";

export class Parameter extends DeviceTensor {
  /** False leaves it out of training. */
  requiresGrad = true;

  /** Takes over the value; no scope frees a parameter. */
  constructor(value: DeviceTensor) {
    super(value.storage, value.shape, value.dtype, value.strides, value.offset);
    keep(this);
    value.dispose();
  }

  /** A parameter with these values in row-major order. */
  static of(values: ArrayLike<number>, shape: Shape, options: TensorOptions = {}): Parameter {
    return new Parameter(upload(values, shape, { dtype: "f32", ...options }));
  }
}

/** Parameters of modules. */

import { requireOptions } from "../options";
import { type TensorOptions, upload } from "../tensor/creation";
import type { Shape } from "../tensor/shape";
import { ModuleTensor } from "./moduleTensor";

/** A tensor that belongs to a module and is trained. */
export class Parameter extends ModuleTensor {
  /** False leaves it out of training. */
  requiresGrad = true;

  /** A parameter with these values in row-major order. */
  static of(values: ArrayLike<number>, shape: Shape, options: TensorOptions = {}): Parameter {
    requireOptions("Parameter.of", options, "dtype");
    return new Parameter(upload(values, shape, { dtype: "f32", ...options }));
  }
}

import { linear } from "../ops/matmul";
import { requireOptions } from "../options";
import type { Tensor } from "../tensor/tensor";
import { fanInUniform } from "./initialisers";
import { Module } from "./module";
import { Parameter } from "./parameter";

/** y = x Wᵀ + b, over the last dimension: [..., inFeatures] to [..., outFeatures]. */
export class Linear extends Module {
  /** [outFeatures, inFeatures] */
  readonly weight: Parameter;
  /** [outFeatures], or null without bias */
  readonly bias: Parameter | null;

  /** @param weight a parameter to share instead of one of its own */
  constructor(
    inFeatures: number,
    outFeatures: number,
    options: { bias?: boolean; weight?: Parameter } = {},
  ) {
    super();
    const { bias = true, weight } = requireOptions("Linear", options, "bias");
    const shape = [outFeatures, inFeatures];
    this.weight = weight ?? Parameter.of(fanInUniform(shape, inFeatures), shape);
    this.bias = bias ? Parameter.of(fanInUniform([outFeatures], inFeatures), [outFeatures]) : null;
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias ?? undefined);
  }
}

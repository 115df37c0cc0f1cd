import { bilinear } from "../ops/products";
import { requireOptions } from "../options";
import type { Tensor } from "../tensor/tensor";
import { fanInUniform } from "./initialisers";
import { Module } from "./module";
import { Parameter } from "./parameter";

/** y_o = Σ_ij a_i W_oij b_j + bias_o, over the last dimensions of two tensors (PyTorch `nn.Bilinear`). */
export class Bilinear extends Module {
  /** [outFeatures, in1Features, in2Features] */
  readonly weight: Parameter;
  /** [outFeatures], or null without bias */
  readonly bias: Parameter | null;

  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    options: { bias?: boolean } = {},
  ) {
    super();
    const { bias = true } = requireOptions("Bilinear", options, "bias");
    // PyTorch's bound is 1 / sqrt(in1Features) for both.
    const shape = [outFeatures, in1Features, in2Features];
    this.weight = Parameter.of(fanInUniform(shape, in1Features), shape);
    this.bias = bias ? Parameter.of(fanInUniform([outFeatures], in1Features), [outFeatures]) : null;
  }

  /** @param a [..., in1Features] @param b [..., in2Features] */
  forward(a: Tensor, b: Tensor): Tensor {
    return bilinear(a, b, this.weight, this.bias ?? undefined);
  }
}

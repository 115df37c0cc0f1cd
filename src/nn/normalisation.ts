/** Normalisation over the trailing dimensions. */
import { layerNorm, rmsNorm } from "../ops/norm";
import { type Shape, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { Module } from "./module";
import { Parameter } from "./parameter";

const filled = (shape: Shape, value: number): Parameter =>
  Parameter.of(new Float32Array(sizeOf(shape)).fill(value), shape);

const asShape = (shape: number | Shape): Shape => (typeof shape === "number" ? [shape] : shape);

/** (x - mean) / √(variance + eps) · weight + bias (Ba et al. 2016). */
export class LayerNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly normalizedShape: Shape;
  readonly eps: number;

  constructor(
    normalizedShape: number | Shape,
    { eps = 1e-5, elementwiseAffine = true, bias = true } = {},
  ) {
    super();
    this.normalizedShape = asShape(normalizedShape);
    this.eps = eps;
    this.weight = elementwiseAffine ? filled(this.normalizedShape, 1) : null;
    this.bias = elementwiseAffine && bias ? filled(this.normalizedShape, 0) : null;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(
      x,
      this.normalizedShape,
      this.weight ?? undefined,
      this.bias ?? undefined,
      this.eps,
    );
  }
}

/** x / √(mean(x²) + eps) · weight (Zhang and Sennrich 2019). */
export class RMSNorm extends Module {
  readonly weight: Parameter | null;
  readonly normalizedShape: Shape;
  readonly eps: number;

  constructor(normalizedShape: number | Shape, { eps = 1e-6, elementwiseAffine = true } = {}) {
    super();
    this.normalizedShape = asShape(normalizedShape);
    this.eps = eps;
    this.weight = elementwiseAffine ? filled(this.normalizedShape, 1) : null;
  }

  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, this.weight ?? undefined, this.eps);
  }
}

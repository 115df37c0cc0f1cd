/** Normalisation over the trailing dimensions, over groups of channels, over channels. */
import { ShapeError } from "../errors";
import {
  groupNorm,
  instanceNorm,
  type LocalResponseNormOptions,
  localResponseNorm,
} from "../ops/groupNorm";
import { layerNorm, rmsNorm } from "../ops/norm";
import { requireOptions } from "../options";
import { type Shape, show, sizeOf } from "../tensor/shape";
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
    options: { eps?: number; elementwiseAffine?: boolean; bias?: boolean } = {},
  ) {
    super();
    const {
      eps = 1e-5,
      elementwiseAffine = true,
      bias = true,
    } = requireOptions("LayerNorm", options, "eps");
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

  constructor(
    normalizedShape: number | Shape,
    options: { eps?: number; elementwiseAffine?: boolean } = {},
  ) {
    super();
    const { eps = 1e-6, elementwiseAffine = true } = requireOptions("RMSNorm", options, "eps");
    this.normalizedShape = asShape(normalizedShape);
    this.eps = eps;
    this.weight = elementwiseAffine ? filled(this.normalizedShape, 1) : null;
  }

  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, this.weight ?? undefined, this.eps);
  }
}

/** Each sample's channels in groups, each by its own mean and variance (Wu and He 2018). */
export class GroupNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly eps: number;

  constructor(
    readonly numGroups: number,
    readonly numChannels: number,
    options: { eps?: number; affine?: boolean } = {},
  ) {
    super();
    const { eps = 1e-5, affine = true } = requireOptions("GroupNorm", options, "eps");
    if (!Number.isInteger(numGroups) || numGroups < 1 || numChannels % numGroups !== 0)
      throw new ShapeError(
        `GroupNorm: numGroups ${numGroups} must be a whole number >= 1 that divides numChannels, ${numChannels}.`,
      );
    this.eps = eps;
    this.weight = affine ? filled([numChannels], 1) : null;
    this.bias = affine ? filled([numChannels], 0) : null;
  }

  /** @param x [N, C, ...] */
  forward(x: Tensor): Tensor {
    return groupNorm(x, this.numGroups, this.weight, this.bias, this.eps);
  }
}

/** Each channel of each sample by its own mean and variance (Ulyanov et al. 2016). */
abstract class InstanceNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly eps: number;
  /** How many dimensions x has. */
  protected abstract readonly rank: number;

  constructor(
    readonly numFeatures: number,
    options: { eps?: number; affine?: boolean } = {},
  ) {
    super();
    const { eps = 1e-5, affine = false } = requireOptions(this.constructor.name, options, "eps");
    this.eps = eps;
    this.weight = affine ? filled([numFeatures], 1) : null;
    this.bias = affine ? filled([numFeatures], 0) : null;
  }

  /** @param x [N, C, ...] */
  forward(x: Tensor): Tensor {
    if (x.rank !== this.rank || x.shape[1] !== this.numFeatures)
      throw new ShapeError(
        `${this.constructor.name}: x has shape ${show(x.shape)}; it takes ${this.rank} dimensions, the second of size ${this.numFeatures}.`,
      );
    return instanceNorm(x, this.weight, this.bias, this.eps);
  }
}

/** Of x [N, C, L]. */
export class InstanceNorm1d extends InstanceNorm {
  protected readonly rank = 3;
}

/** Of x [N, C, H, W]. */
export class InstanceNorm2d extends InstanceNorm {
  protected readonly rank = 4;
}

/** Of x [N, C, D, H, W]. */
export class InstanceNorm3d extends InstanceNorm {
  protected readonly rank = 5;
}

/** Across neighbouring channels (Krizhevsky et al. 2012). */
export class LocalResponseNorm extends Module {
  constructor(
    readonly size: number,
    readonly options: LocalResponseNormOptions = {},
  ) {
    super();
    requireOptions("LocalResponseNorm", options, "alpha");
  }

  /** @param x [N, C, ...] */
  forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, this.options);
  }
}

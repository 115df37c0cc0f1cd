/** Convolutions as layers, under PyTorch's names, keys and initial values. */

import { ArgumentError } from "../errors";
import {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type PerDim,
  perDim,
} from "../ops/convolution";
import { requireOptions } from "../options";
import { type Shape, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { fanInUniform } from "./initialisers";
import { Module } from "./module";
import { Parameter } from "./parameter";

export interface ConvLayerOptions {
  /** Default 1. */
  stride?: PerDim;
  /** Zeros on both sides, or "same" or "valid". Default 0. */
  padding?: PerDim | "same" | "valid";
  /** Default 1. */
  dilation?: PerDim;
  /** Default 1. */
  groups?: number;
  /** Whether there is a bias. Default true. */
  bias?: boolean;
}

export interface ConvTransposeLayerOptions extends Omit<ConvLayerOptions, "padding"> {
  /** Default 0. */
  padding?: PerDim;
  /** More output behind, less than the stride or the dilation. Default 0. */
  outputPadding?: PerDim;
}

function requireGroups(name: string, ins: number, outs: number, groups: number): void {
  const whole = [ins, outs, groups].every((n) => Number.isInteger(n) && n > 0);
  if (!whole || ins % groups !== 0 || outs % groups !== 0)
    throw new ArgumentError(
      `${name}: ${ins} input and ${outs} output channels do not split into ${groups} groups; all are whole numbers > 0, and both channels multiples of groups.`,
    );
}

/** The parameters of a convolution: both kinds differ in the shape of the weight. */
abstract class Convolution<O extends { bias?: boolean }> extends Module {
  readonly weight: Parameter;
  /** [outChannels], or null without bias */
  readonly bias: Parameter | null;
  protected readonly options: Omit<O, "bias">;

  constructor(shape: Shape, outChannels: number, options: O) {
    super();
    const { bias = true, ...rest } = options;
    const fanIn = sizeOf(shape.slice(1));
    this.weight = Parameter.of(fanInUniform(shape, fanIn), shape);
    this.bias = bias ? Parameter.of(fanInUniform([outChannels], fanIn), [outChannels]) : null;
    this.options = rest;
  }
}

abstract class ConvNd extends Convolution<ConvLayerOptions> {
  constructor(
    dims: number,
    inChannels: number,
    outChannels: number,
    kernelSize: PerDim,
    options: ConvLayerOptions,
  ) {
    const name = `Conv${dims}d`;
    const { groups = 1 } = requireOptions(name, options, "stride");
    requireGroups(name, inChannels, outChannels, groups);
    const kernel = perDim(name, "kernelSize", kernelSize, dims, 1);
    super([outChannels, inChannels / groups, ...kernel], outChannels, options);
  }
}

abstract class ConvTransposeNd extends Convolution<ConvTransposeLayerOptions> {
  constructor(
    dims: number,
    inChannels: number,
    outChannels: number,
    kernelSize: PerDim,
    options: ConvTransposeLayerOptions,
  ) {
    const name = `ConvTranspose${dims}d`;
    const { groups = 1 } = requireOptions(name, options, "stride");
    requireGroups(name, inChannels, outChannels, groups);
    const kernel = perDim(name, "kernelSize", kernelSize, dims, 1);
    super([inChannels, outChannels / groups, ...kernel], outChannels, options);
  }
}

/** `conv1d` with a weight [outChannels, inChannels / groups, kernel] and a bias. */
export class Conv1d extends ConvNd {
  constructor(ins: number, outs: number, kernelSize: PerDim, options: ConvLayerOptions = {}) {
    super(1, ins, outs, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return conv1d(x, this.weight, { ...this.options, bias: this.bias });
  }
}

/** `conv2d` with a weight [outChannels, inChannels / groups, height, width] and a bias. */
export class Conv2d extends ConvNd {
  constructor(ins: number, outs: number, kernelSize: PerDim, options: ConvLayerOptions = {}) {
    super(2, ins, outs, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, { ...this.options, bias: this.bias });
  }
}

/** `conv3d` with a weight [outChannels, inChannels / groups, depth, height, width] and a bias. */
export class Conv3d extends ConvNd {
  constructor(ins: number, outs: number, kernelSize: PerDim, options: ConvLayerOptions = {}) {
    super(3, ins, outs, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return conv3d(x, this.weight, { ...this.options, bias: this.bias });
  }
}

/** `convTranspose1d` with a weight [inChannels, outChannels / groups, kernel] and a bias. */
export class ConvTranspose1d extends ConvTransposeNd {
  constructor(
    ins: number,
    outs: number,
    kernelSize: PerDim,
    options: ConvTransposeLayerOptions = {},
  ) {
    super(1, ins, outs, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return convTranspose1d(x, this.weight, { ...this.options, bias: this.bias });
  }
}

/** `convTranspose2d` with a weight [inChannels, outChannels / groups, height, width] and a bias. */
export class ConvTranspose2d extends ConvTransposeNd {
  constructor(
    ins: number,
    outs: number,
    kernelSize: PerDim,
    options: ConvTransposeLayerOptions = {},
  ) {
    super(2, ins, outs, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, { ...this.options, bias: this.bias });
  }
}

/** `convTranspose3d` with a weight [inChannels, outChannels / groups, depth, height, width] and a bias. */
export class ConvTranspose3d extends ConvTransposeNd {
  constructor(
    ins: number,
    outs: number,
    kernelSize: PerDim,
    options: ConvTransposeLayerOptions = {},
  ) {
    super(3, ins, outs, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return convTranspose3d(x, this.weight, { ...this.options, bias: this.bias });
  }
}

/** Pooling and resizing as layers, under PyTorch's names. They have no parameters. */
import type { PerDim } from "../ops/convolution";
import {
  type InterpolateOptions,
  interpolate,
  pixelShuffle,
  pixelUnshuffle,
} from "../ops/interpolate";
import {
  type AvgPoolOptions,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  type OutputSize,
} from "../ops/pooling";
import type { Tensor } from "../tensor/tensor";
import { Module } from "./module";

type LayerClass<A extends readonly unknown[]> = new (
  ...options: A
) => Module & { forward(x: Tensor): Tensor };

/** The class of layers that call `fn` with the arguments they were made with. */
function layerOf<A extends readonly unknown[]>(
  fn: (x: Tensor, ...options: A) => Tensor,
): LayerClass<A> {
  return class extends Module {
    readonly #options: A;

    constructor(...options: A) {
      super();
      this.#options = options;
    }

    forward(x: Tensor): Tensor {
      return fn(x, ...this.#options);
    }
  };
}

/** Without the places of the maxima, for which there is the function. */
type MaxPoolLayerOptions = Omit<MaxPoolOptions, "returnIndices">;
type MaxPoolArguments = [kernelSize: PerDim, options?: MaxPoolLayerOptions];
type AvgPoolArguments = [kernelSize: PerDim, options?: AvgPoolOptions];

/** `maxPool1d`: new MaxPool1d(kernelSize, { stride, padding, dilation, ceilMode }). */
export class MaxPool1d extends layerOf<MaxPoolArguments>((x, size, options) =>
  maxPool1d(x, size, options),
) {}
/** `maxPool2d`: new MaxPool2d(kernelSize, { stride, padding, dilation, ceilMode }). */
export class MaxPool2d extends layerOf<MaxPoolArguments>((x, size, options) =>
  maxPool2d(x, size, options),
) {}
/** `maxPool3d`: new MaxPool3d(kernelSize, { stride, padding, dilation, ceilMode }). */
export class MaxPool3d extends layerOf<MaxPoolArguments>((x, size, options) =>
  maxPool3d(x, size, options),
) {}

/** `avgPool1d`: new AvgPool1d(kernelSize, { stride, padding, ceilMode, countIncludePad }). */
export class AvgPool1d extends layerOf<AvgPoolArguments>(avgPool1d) {}
/** `avgPool2d`: new AvgPool2d(kernelSize, { stride, padding, ceilMode, countIncludePad, divisorOverride }). */
export class AvgPool2d extends layerOf<AvgPoolArguments>(avgPool2d) {}
/** `avgPool3d`: new AvgPool3d(kernelSize, { stride, padding, ceilMode, countIncludePad, divisorOverride }). */
export class AvgPool3d extends layerOf<AvgPoolArguments>(avgPool3d) {}

/** `adaptiveAvgPool1d` to a size: new AdaptiveAvgPool1d(outputSize). */
export class AdaptiveAvgPool1d extends layerOf<[outputSize: OutputSize]>(adaptiveAvgPool1d) {}
/** `adaptiveAvgPool2d` to a size: new AdaptiveAvgPool2d([height, width]); null keeps a size. */
export class AdaptiveAvgPool2d extends layerOf<[outputSize: OutputSize]>(adaptiveAvgPool2d) {}
/** `adaptiveAvgPool3d` to a size: new AdaptiveAvgPool3d([depth, height, width]); null keeps a size. */
export class AdaptiveAvgPool3d extends layerOf<[outputSize: OutputSize]>(adaptiveAvgPool3d) {}

/** `adaptiveMaxPool1d` to a size: new AdaptiveMaxPool1d(outputSize). */
export class AdaptiveMaxPool1d extends layerOf<[outputSize: OutputSize]>((x, size) =>
  adaptiveMaxPool1d(x, size),
) {}
/** `adaptiveMaxPool2d` to a size: new AdaptiveMaxPool2d([height, width]); null keeps a size. */
export class AdaptiveMaxPool2d extends layerOf<[outputSize: OutputSize]>((x, size) =>
  adaptiveMaxPool2d(x, size),
) {}
/** `adaptiveMaxPool3d` to a size: new AdaptiveMaxPool3d([depth, height, width]); null keeps a size. */
export class AdaptiveMaxPool3d extends layerOf<[outputSize: OutputSize]>((x, size) =>
  adaptiveMaxPool3d(x, size),
) {}

/** `interpolate`: new Upsample({ size or scaleFactor, mode, alignCorners }). */
export class Upsample extends layerOf<[options: InterpolateOptions]>(interpolate) {}
/** `pixelShuffle`: new PixelShuffle(upscaleFactor). */
export class PixelShuffle extends layerOf<[upscaleFactor: number]>(pixelShuffle) {}
/** `pixelUnshuffle`: new PixelUnshuffle(downscaleFactor). */
export class PixelUnshuffle extends layerOf<[downscaleFactor: number]>(pixelUnshuffle) {}

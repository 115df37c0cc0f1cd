/** Layers that change the shape alone. */
import { type Pair, type PatchOptions, unfold } from "../ops/imageWindows";
import { flatten } from "../ops/shape";
import { requireOptions } from "../options";
import type { Tensor } from "../tensor/tensor";
import { Module } from "./module";

/** The dimensions startDim to endDim merged (PyTorch `nn.Flatten`); by default all but the first. */
export class Flatten extends Module {
  readonly #dims: readonly [number, number];

  constructor(startDim = 1, endDim = -1) {
    super();
    this.#dims = [startDim, endDim];
  }

  forward(x: Tensor): Tensor {
    return flatten(x, ...this.#dims);
  }
}

/** The patches of images as columns (PyTorch `nn.Unfold`): new Unfold(kernelSize, { stride, ... }). */
export class Unfold extends Module {
  readonly #arguments: readonly [Pair, PatchOptions];

  constructor(kernelSize: Pair, options: PatchOptions = {}) {
    super();
    requireOptions("Unfold", options, "dilation");
    this.#arguments = [kernelSize, options];
  }

  forward(x: Tensor): Tensor {
    return unfold(x, ...this.#arguments);
  }
}

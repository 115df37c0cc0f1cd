/** Doubly stochastic mixing as a layer. */
import { requireOptions } from "../options";
import type { Tensor } from "../tensor/tensor";
import { type SinkhornKnoppOptions, sinkhornKnopp } from "../transport/sinkhornKnopp";
import { Module } from "./module";

/**
 * Projects matrices of logits [..., n, m] to matrices whose rows and columns have given sums, as softmax does with
 * rows alone; without parameters. @see sinkhornKnopp
 *
 * @example
 * const project = new nn.SinkhornKnopp({ iterations: 20 });
 * const mixed = matmul(project.forward(logits), streams); // [batch, 4, 4] x [batch, 4, width]
 */
export class SinkhornKnopp extends Module {
  constructor(readonly options: SinkhornKnoppOptions = {}) {
    super();
    requireOptions("SinkhornKnopp", options, "iterations");
  }

  forward(logits: Tensor): Tensor {
    return sinkhornKnopp(logits, this.options);
  }
}

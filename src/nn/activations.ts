/** Activations as modules, for `Sequential`. */
import { gelu, relu, sigmoid, silu, softplus, tanh } from "../ops/functions";
import { softmax } from "../ops/softmax";
import type { Tensor } from "../tensor/tensor";
import { Module } from "./module";

function activation(apply: (x: Tensor) => Tensor) {
  return class extends Module {
    forward(x: Tensor): Tensor {
      return apply(x);
    }
  };
}

export class ReLU extends activation(relu) {}
export class SiLU extends activation(silu) {}
export class Sigmoid extends activation(sigmoid) {}
export class Softplus extends activation(softplus) {}
export class Tanh extends activation(tanh) {}

/** @see gelu */
export class GELU extends Module {
  constructor(readonly approximate: "none" | "tanh" = "none") {
    super();
  }

  forward(x: Tensor): Tensor {
    return gelu(x, this.approximate);
  }
}

export class Softmax extends Module {
  constructor(readonly dim = -1) {
    super();
  }

  forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }
}

/** Activations as modules, for `Sequential`. */
import {
  celu,
  elu,
  glu,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logSigmoid,
  mish,
  prelu,
  relu6,
  selu,
  softshrink,
  softsign,
  tanhshrink,
  threshold,
} from "../ops/activations";
import { gelu, relu, sigmoid, silu, softplus, tanh } from "../ops/functions";
import { logSoftmax, softmax } from "../ops/softmax";
import type { Tensor } from "../tensor/tensor";
import { Module } from "./module";
import { Parameter } from "./parameter";

/** A module without parameters that applies one function. */
export interface Activation<A extends unknown[]> extends Module {
  readonly options: A;
  forward(x: Tensor): Tensor;
}

/** The constructor takes what `apply` takes beside x, with its defaults. */
function activation<A extends unknown[]>(
  apply: (x: Tensor, ...options: A) => Tensor,
): new (
  ...options: A
) => Activation<A> {
  return class extends Module {
    readonly options: A;

    constructor(...options: A) {
      super();
      this.options = options;
    }

    forward(x: Tensor): Tensor {
      return apply(x, ...this.options);
    }
  };
}

/** @see relu */
export class ReLU extends activation(relu) {}
/** @see silu */
export class SiLU extends activation(silu) {}
/** @see sigmoid */
export class Sigmoid extends activation(sigmoid) {}
/** @see softplus */
export class Softplus extends activation(softplus) {}
/** @see tanh */
export class Tanh extends activation(tanh) {}
/** @see celu */
export class CELU extends activation(celu) {}
/** @see elu */
export class ELU extends activation(elu) {}
/** @see glu */
export class GLU extends activation(glu) {}
/** @see hardshrink */
export class Hardshrink extends activation(hardshrink) {}
/** @see hardsigmoid */
export class Hardsigmoid extends activation(hardsigmoid) {}
/** @see hardswish */
export class Hardswish extends activation(hardswish) {}
/** @see hardtanh */
export class Hardtanh extends activation(hardtanh) {}
/** @see leakyRelu */
export class LeakyReLU extends activation(leakyRelu) {}
/** @see logSigmoid */
export class LogSigmoid extends activation(logSigmoid) {}
/** @see mish */
export class Mish extends activation(mish) {}
/** @see relu6 */
export class ReLU6 extends activation(relu6) {}
/** @see selu */
export class SELU extends activation(selu) {}
/** @see softshrink */
export class Softshrink extends activation(softshrink) {}
/** @see softsign */
export class Softsign extends activation(softsign) {}
/** @see tanhshrink */
export class Tanhshrink extends activation(tanhshrink) {}
/** @see threshold */
export class Threshold extends activation(threshold) {}

/** leakyRelu with a learned slope, one for all channels or one for each. @see prelu */
export class PReLU extends Module {
  readonly weight: Parameter;

  /** @param init the slope to begin with */
  constructor(numParameters = 1, init = 0.25) {
    super();
    this.weight = Parameter.of(new Float32Array(numParameters).fill(init), [numParameters]);
  }

  forward(x: Tensor): Tensor {
    return prelu(x, this.weight);
  }
}

/** @see gelu */
export class GELU extends Module {
  constructor(readonly approximate: "none" | "tanh" = "none") {
    super();
  }

  forward(x: Tensor): Tensor {
    return gelu(x, this.approximate);
  }
}

/** @see softmax */
export class Softmax extends Module {
  constructor(readonly dim = -1) {
    super();
  }

  forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }
}

/** @see logSoftmax */
export class LogSoftmax extends Module {
  constructor(readonly dim = -1) {
    super();
  }

  forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }
}

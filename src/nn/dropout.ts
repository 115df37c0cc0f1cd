import { ArgumentError } from "../errors";
import { dropout } from "../ops/dropout";
import { nextKey } from "../random/random";
import type { Tensor } from "../tensor/tensor";
import { Module } from "./module";

/** In training, zeroes each element with probability p and scales the others by 1 / (1 - p). */
export class Dropout extends Module {
  constructor(readonly p = 0.5) {
    super();
    if (!(p >= 0 && p < 1))
      throw new ArgumentError(
        `Dropout: p is ${p}; it is a probability from 0 up to, not including, 1.`,
      );
  }

  forward(x: Tensor): Tensor {
    if (!this.training || this.p === 0) return x;
    const { key, stream } = nextKey();
    return dropout(x, this.p, key, { stream });
  }
}

import { embedding } from "../ops/indexing";
import type { Tensor } from "../tensor/tensor";
import { normal } from "./initialisers";
import { Module } from "./module";
import { Parameter } from "./parameter";

/** Rows of a table: integer indices [...] to vectors [..., width]. Normal(0, 1) at first. */
export class Embedding extends Module {
  /** [count, width] */
  readonly weight: Parameter;

  constructor(count: number, width: number) {
    super();
    this.weight = Parameter.of(normal([count, width]), [count, width]);
  }

  /** An index outside 0 to count - 1 surfaces as IndexError at the next read. */
  forward(index: Tensor): Tensor {
    return embedding(index, this.weight);
  }
}

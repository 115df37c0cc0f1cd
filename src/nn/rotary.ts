import { type RotaryOptions, rotaryEmbedding } from "../ops/rotary";
import { requireOptions } from "../options";
import type { Tensor } from "../tensor/tensor";
import { Module } from "./module";

/** Rotary position embedding (Su et al. 2021) with fixed options: see `rotaryEmbedding`. No parameters. */
export class RotaryEmbedding extends Module {
  constructor(readonly options: Omit<RotaryOptions, "offset" | "positions"> = {}) {
    super();
    requireOptions("RotaryEmbedding", options, "base");
  }

  /** @param x [..., T, D]: queries or keys. @param place `offset` of the first row, or `positions` */
  forward(x: Tensor, place: Pick<RotaryOptions, "offset" | "positions"> = {}): Tensor {
    requireOptions("RotaryEmbedding", place, "offset");
    return rotaryEmbedding(x, { ...this.options, ...place });
  }
}

import { ArgumentError } from "../errors";
import { scaledDotProductAttention } from "../ops/attention";
import { linear } from "../ops/matmul";
import { reshape, split, transpose } from "../ops/shape";
import { requireOptions } from "../options";
import { nextKey } from "../random/random";
import type { Tensor } from "../tensor/tensor";
import { uniform } from "./initialisers";
import { Linear } from "./linear";
import { Module } from "./module";
import { Parameter } from "./parameter";

/** [batch, time, width] as [batch, heads, time, width / heads]: a view. */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch, time, width] = x.shape as [number, number, number];
  return transpose(reshape(x, [batch, time, heads, width / heads]), 1, 2);
}

/** The inverse of `splitHeads`. */
export function mergeHeads(x: Tensor): Tensor {
  const [batch, heads, time, size] = x.shape as [number, number, number, number];
  return reshape(transpose(x, 1, 2), [batch, time, heads * size]);
}

/**
 * Attention with several heads (Vaswani et al. 2017) with PyTorch's parameter keys: `in_proj_weight`
 * [3E, E], `in_proj_bias` [3E], `out_proj.weight`, `out_proj.bias`. Unlike PyTorch's, batches come first
 * unless `batchFirst` is false.
 */
export class MultiheadAttention extends Module {
  readonly in_proj_weight: Parameter;
  readonly in_proj_bias: Parameter | null;
  readonly out_proj: Linear;
  readonly batchFirst: boolean;
  /** Of the weights, in training. */
  readonly dropout: number;

  constructor(
    readonly embedDim: number,
    readonly numHeads: number,
    options: { bias?: boolean; batchFirst?: boolean; dropout?: number } = {},
  ) {
    super();
    const {
      bias = true,
      batchFirst = true,
      dropout = 0,
    } = requireOptions("MultiheadAttention", options, "dropout");
    this.batchFirst = batchFirst;
    this.dropout = dropout;
    if (!(dropout >= 0 && dropout < 1))
      throw new ArgumentError(
        `MultiheadAttention: dropout is ${dropout}; it is a probability from 0 up to, not including, 1.`,
      );
    if (embedDim % numHeads !== 0)
      throw new ArgumentError(
        `MultiheadAttention: embedDim ${embedDim} is not a multiple of numHeads ${numHeads}.`,
      );
    const shape = [3 * embedDim, embedDim];
    const bound = Math.sqrt(6 / (4 * embedDim));
    this.in_proj_weight = Parameter.of(uniform(shape, -bound, bound), shape);
    this.in_proj_bias = bias ? Parameter.of(new Float32Array(3 * embedDim), [3 * embedDim]) : null;
    this.out_proj = new Linear(embedDim, embedDim, { bias });
  }

  /**
   * Self-attention of x [batch, time, embedDim]; or of queries x over `keys` and `values`.
   * @param options `causal`: each position sees itself and those before it, default false. `attnMask`: as in
   * `scaledDotProductAttention`, broadcasting to [batch, heads, time, keys]; true takes part, the opposite of
   * PyTorch's module
   */
  forward(
    x: Tensor,
    options: { causal?: boolean; keys?: Tensor; values?: Tensor; attnMask?: Tensor } = {},
  ): Tensor {
    const {
      causal = false,
      keys = x,
      values = keys,
      attnMask,
    } = requireOptions("MultiheadAttention", options, "keys");
    const ordered = (t: Tensor): Tensor => (this.batchFirst ? t : transpose(t, 0, 1));
    const heads = this.#project(x, keys, values).map((t) => splitHeads(ordered(t), this.numHeads));
    const [q, k, v] = heads as [Tensor, Tensor, Tensor];
    const drops = this.training && this.dropout > 0;
    const how = {
      causal,
      ...(attnMask && { attnMask }),
      ...(drops && { dropoutP: this.dropout, ...nextKey() }),
    };
    const y = mergeHeads(scaledDotProductAttention(q, k, v, how));
    return ordered(this.out_proj.forward(y));
  }

  #project(x: Tensor, keys: Tensor, values: Tensor): Tensor[] {
    const bias = this.in_proj_bias;
    if (keys === x && values === x)
      return split(linear(x, this.in_proj_weight, bias ?? undefined), this.embedDim, -1);
    const weights = split(this.in_proj_weight, this.embedDim, 0);
    const biases = bias ? split(bias, this.embedDim, 0) : null;
    return [x, keys, values].map((t, i) => linear(t, weights[i]!, biases?.[i]));
  }
}

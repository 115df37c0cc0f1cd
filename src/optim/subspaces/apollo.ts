/** APOLLO: the rule runs in a random space, and only tells how much each channel of the gradient is to be scaled. */
import { requireOptions } from "../../options";
import type { Shape } from "../../tensor/shape";
import { fixedRank, requireCount, requireFactor, requireOneOf } from "./checks";
import { RandomSpace } from "./randomSpace";
import { rankDim } from "./sides";
import { subspaceOf } from "./spaceBasis";
import type { Subspace } from "./subspace";
import { apolloBack } from "./wayBack";

export interface ApolloOptions {
  /** Of the random space; 1 with `per: "tensor"` is APOLLO-Mini. Default 256. */
  rank?: number;
  /** Steps from one random space to the next. Default 200. */
  every?: number;
  /** The change is multiplied by its root. Default 1; 128 for `per: "tensor"`. */
  scale?: number;
  /** What is scaled alike: a channel along the shorter side, or the whole matrix. Default "channel". */
  per?: "channel" | "tensor";
  /** The norm of the scaled gradient is at most this times that of the step before. Default 1.01. */
  growth?: number;
  /** Of the random spaces. Default 0. */
  seed?: number;
}

/**
 * Zhu et al., APOLLO: SGD-like Memory, AdamW-level Performance, 2024 (arXiv:2412.05270). No basis is stored: it is
 * drawn again at each step.
 * @throws ArgumentError naming the option
 * @example optim.adamw(model.namedParameters(), { lr: 0.01, subspace: apollo({ rank: 1, per: "tensor" }) });
 */
export function apollo(options: ApolloOptions = {}): Subspace {
  const where = "apollo";
  const {
    rank = 256,
    every = 200,
    per = "channel",
    growth = 1.01,
    seed = 0,
  } = requireOptions(where, options, "rank");
  const { scale = per === "tensor" ? 128 : 1 } = options;
  requireCount(where, "rank", rank);
  requireCount(where, "every", every);
  requireOneOf(where, "per", per, ["channel", "tensor"]);
  requireFactor(where, "scale", scale);
  requireFactor(where, "growth", growth);
  const dims = (shape: Shape): readonly number[] =>
    per === "tensor" ? [0, 1] : [rankDim("std", shape)];
  return subspaceOf({
    json: { name: where, rank, every, scale, per, growth, seed },
    space: new RandomSpace(fixedRank(rank), "std", "gaussian"),
    back: apolloBack(scale, growth, dims),
    every,
  });
}

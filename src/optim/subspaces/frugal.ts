/** FRUGAL: the rule with its states in a part of each matrix, a rule without states in the rest. */
import { requireOptions } from "../../options";
import type { Shape } from "../../tensor/shape";
import { requireCount, requireFactor, requireOneOf, requireShare } from "./checks";
import { LeadingSpace } from "./leadingSpace";
import { type RandomKind, RandomSpace } from "./randomSpace";
import { subspaceOf } from "./spaceBasis";
import type { Subspace } from "./subspace";
import { stateFreeBack } from "./wayBack";

/** `svd` are the exact singular vectors of the gradient, `power` those of galore's default. */
export type FrugalProjection = "columns" | "blocks" | "random" | "svd" | "power";

export interface FrugalOptions {
  /** The part with states, of the shorter side of each matrix, 0 to 1. Default 0.25. */
  density?: number;
  /** Steps from one part to the next. Default 200. */
  every?: number;
  /**
   * The part: `columns` at random (of the shorter side), `blocks`: neighbouring ones from a random place on,
   * `random`: a random orthonormal basis, `svd` or `power`: the leading space of the gradient. Default "columns".
   */
  projection?: FrugalProjection;
  /** What updates the rest. Default "signSgd". */
  free?: "signSgd" | "sgd";
  /** The learning rate of the rest, relative to the rule's. Default 1. */
  freeRate?: number;
  /** Of the draws. Default 0. */
  seed?: number;
}

const kinds: Readonly<Partial<Record<FrugalProjection, RandomKind>>> = {
  columns: "columns",
  blocks: "block",
  random: "orthonormal",
};

/**
 * Zmushko et al., FRUGAL: Memory-Efficient Optimization by Reducing State Overhead for Scalable Training, 2024
 * (arXiv:2411.07837). The states are set to zero at each refresh, and bias corrections start anew. The paper's
 * blocks are whole layers; here a block is a part of each matrix, so that memory stays the same.
 * @throws ArgumentError naming the option
 * @example optim.adamw(model.namedParameters(), { subspace: frugal({ density: 0.25 }) });
 */
export function frugal(options: FrugalOptions = {}): Subspace {
  const where = "frugal";
  const {
    density = 0.25,
    every = 200,
    projection = "columns",
    seed = 0,
  } = requireOptions(where, options, "density");
  const { free = "signSgd", freeRate = 1 } = options;
  requireShare(where, "density", density);
  requireCount(where, "every", every);
  requireOneOf(where, "projection", projection, ["columns", "blocks", "random", "svd", "power"]);
  requireOneOf(where, "free", free, ["signSgd", "sgd"]);
  requireFactor(where, "freeRate", freeRate);
  const rankOf = (shape: Shape): number | null =>
    shape.length === 2 ? Math.max(Math.round(density * Math.min(...shape)), 1) : null;
  const kind = kinds[projection];
  return subspaceOf({
    json: { name: where, density, every, projection, free, freeRate, seed },
    space: kind
      ? new RandomSpace(rankOf, "std", kind)
      : new LeadingSpace(rankOf, "std", projection === "svd" ? "svd" : "power"),
    back: stateFreeBack(free, freeRate),
    every,
    moments: "reset",
  });
}

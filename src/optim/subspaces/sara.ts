/** SaRA: the smallest weights are trained, and the others stay as they are. */
import { requireOptions } from "../../options";
import { type Shape, sizeOf } from "../../tensor/shape";
import { requireCount, requireMoments, requireShare } from "./checks";
import { EntrySpace } from "./entrySpace";
import { type Moments, subspaceOf } from "./spaceBasis";
import type { Subspace } from "./subspace";
import { scaledBack } from "./wayBack";

export interface SaraOptions {
  /** The trained part of each tensor, 0 to 1. Default 0.1. */
  density?: number;
  /** Steps until the entries are chosen again, by what the weights are then. Default null: never. */
  every?: number | null;
  /** What becomes of the rule's states where the entries are chosen again. Default "project". */
  moments?: Moments;
}

/**
 * Hu et al., High-Efficient Diffusion Model Fine-tuning with Progressive Sparse Low-Rank Adaptation, 2024
 * (arXiv:2409.06633): gradients and states of the chosen entries alone. Its penalty on the rank of the change, a
 * nuclear norm, belongs to the loss. Weight decay of the group still moves every entry: set it to 0 to fine-tune.
 * @throws ArgumentError naming the option
 * @example optim.adamw(model.namedParameters(), { weightDecay: 0, subspace: sara({ density: 0.1 }) });
 */
export function sara(options: SaraOptions = {}): Subspace {
  const where = "sara";
  const {
    density = 0.1,
    every = null,
    moments = "project",
  } = requireOptions(where, options, "density");
  requireShare(where, "density", density);
  if (every !== null) requireCount(where, "every", every);
  requireMoments(where, moments);
  const countOf = (shape: Shape): number | null =>
    sizeOf(shape) === 0 ? null : Math.max(Math.round(density * sizeOf(shape)), 1);
  return subspaceOf({
    json: { name: where, density, every, moments, seed: 0 },
    space: new EntrySpace(countOf, every !== null),
    back: scaledBack(1),
    every,
    moments,
  });
}

/** Normalisation of groups of channels, of single channels, and across neighbouring channels. */
import { ArgumentError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { show, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { add, addcmul, div, mul, pow } from "./arithmetic";
import { likeOperand } from "./autocast";
import { layerNorm } from "./norm";
import { pad } from "./padding";
import { narrow, reshape, to } from "./shape";

/** One value for each channel, against [N, C, ...]. */
const alongChannels = (parameter: Tensor, x: Tensor): Tensor =>
  reshape(parameter, [x.shape[1]!, ...x.shape.slice(2).map(() => 1)]);

/** x · factor + summand, as far as there are any. */
export function affine(x: Tensor, factor?: Tensor | null, summand?: Tensor | null): Tensor {
  if (factor && summand) return addcmul(summand, x, factor);
  if (factor) return mul(x, factor);
  return summand ? add(x, summand) : x;
}

function normalizeGroups(
  op: string,
  x: Tensor,
  groups: number,
  weight: Tensor | null | undefined,
  bias: Tensor | null | undefined,
  eps: number,
): Tensor {
  const [samples, channels] = x.shape as [number, number];
  for (const [parameter, which] of [
    [weight, "weight"],
    [bias, "bias"],
  ] as const)
    if (parameter && (parameter.rank !== 1 || parameter.shape[0] !== channels))
      throw new ShapeError(
        `${op}: ${which} has shape ${show(parameter.shape)}; x has ${channels} channels, so it must be [${channels}].`,
      );
  if (!(eps >= 0)) throw new ArgumentError(`${op}: eps ${eps} must be a number >= 0.`);
  const cols = (channels / groups) * sizeOf(x.shape.slice(2));
  return scope(() => {
    const wide = to(x, "f32");
    const normalized =
      x.size === 0
        ? wide
        : reshape(
            layerNorm(reshape(wide, [samples * groups, cols]), cols, null, null, eps),
            x.shape,
          );
    const factor = weight && alongChannels(to(weight, "f32"), x);
    const summand = bias && alongChannels(to(bias, "f32"), x);
    const y = affine(normalized, factor, summand);
    return likeOperand(reshape(y, x.shape), x);
  });
}

/**
 * Group normalisation (Wu and He 2018): each sample's channels in `groups` runs, each normalised by its own
 * mean and population variance over its channels and positions; then · weight + bias by channel.
 *
 * @param x [N, C, ...]; f16 is computed in f32
 * @param groups divides C
 * @param weight [C]. Default: none, a factor of 1
 * @param bias [C]. Default: none
 * @param eps added to the variance. Default 1e-5
 * @throws ShapeError where the shapes do not fit; ArgumentError for a negative eps
 * @example groupNorm(x, 2) // x [N, 6, H, W]: three channels at a time
 */
export function groupNorm(
  x: Tensor,
  groups: number,
  weight?: Tensor | null,
  bias?: Tensor | null,
  eps = 1e-5,
): Tensor {
  if (x.rank < 2)
    throw new ShapeError(
      `groupNorm: x has shape ${show(x.shape)}; it needs samples and channels, [N, C, ...].`,
    );
  if (!Number.isInteger(groups) || groups < 1 || x.shape[1]! % groups !== 0)
    throw new ShapeError(
      `groupNorm: groups ${groups} must be a whole number >= 1 that divides the ${x.shape[1]} channels of x.`,
    );
  return normalizeGroups("groupNorm", x, groups, weight, bias, eps);
}

/**
 * Instance normalisation (Ulyanov, Vedaldi and Lempitsky 2016): each channel of each sample by its own mean
 * and population variance over its positions; then · weight + bias by channel.
 *
 * @param x [N, C, ...] with at least one dimension of positions; f16 is computed in f32
 * @param weight [C]. Default: none, a factor of 1
 * @param bias [C]. Default: none
 * @param eps added to the variance. Default 1e-5
 * @throws ShapeError where the shapes do not fit, or a channel has one position; ArgumentError for a
 * negative eps
 */
export function instanceNorm(
  x: Tensor,
  weight?: Tensor | null,
  bias?: Tensor | null,
  eps = 1e-5,
): Tensor {
  if (x.rank < 3)
    throw new ShapeError(
      `instanceNorm: x has shape ${show(x.shape)}; it needs samples, channels and positions, [N, C, ...].`,
    );
  if (sizeOf(x.shape.slice(2)) === 1)
    throw new ShapeError(
      `instanceNorm: x of shape ${show(x.shape)} has one position per channel, whose deviation is always 0. Use layerNorm or groupNorm.`,
    );
  return normalizeGroups("instanceNorm", x, x.shape[1]!, weight, bias, eps);
}

export interface LocalResponseNormOptions {
  /** Default 1e-4. */
  alpha?: number;
  /** Default 0.75. */
  beta?: number;
  /** Default 1. */
  k?: number;
}

/**
 * Normalisation across neighbouring channels (Krizhevsky, Sutskever and Hinton 2012):
 * x / (k + alpha · mean of x² over `size` channels around)^beta, channels outside counting as 0.
 *
 * @param x [N, C, ...]; f16 is computed in f32
 * @param size number of neighbouring channels, >= 1; ⌊size / 2⌋ of them come before
 * @throws ShapeError for fewer than two dimensions; ArgumentError for a size that is no whole number >= 1
 */
export function localResponseNorm(
  x: Tensor,
  size: number,
  options: LocalResponseNormOptions = {},
): Tensor {
  const {
    alpha = 1e-4,
    beta = 0.75,
    k = 1,
  } = requireOptions("localResponseNorm", options, "alpha");
  if (x.rank < 2)
    throw new ShapeError(
      `localResponseNorm: x has shape ${show(x.shape)}; it needs samples and channels, [N, C, ...].`,
    );
  if (!Number.isInteger(size) || size < 1)
    throw new ArgumentError(`localResponseNorm: size ${size} must be a whole number >= 1.`);
  return scope(() => {
    const wide = to(x, "f32");
    const [samples, channels] = x.shape as [number, number];
    const square = reshape(mul(wide, wide), [samples, channels, sizeOf(x.shape.slice(2))]);
    const before = Math.floor(size / 2);
    const around = pad(square, [0, 0, before, size - 1 - before]);
    const windows = Array.from({ length: size }, (_, i) => narrow(around, 1, i, channels));
    const total = windows.reduce((a, b) => add(a, b));
    const divisor = pow(add(mul(total, alpha / size), k), beta);
    const y = div(wide, reshape(divisor, x.shape));
    return likeOperand(y, x);
  });
}

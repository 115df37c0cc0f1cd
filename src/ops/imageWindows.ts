/** Patches of images as columns of a matrix, and back (im2col and col2im). */
import { ArgumentError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { pad } from "./padding";
import { permute, reshape, unsqueeze } from "./shape";
import { overlapAdd, windowCount, windows } from "./windows";

/** One number for both dimensions, or one each for height and width. */
export type Pair = number | readonly [number, number];

export interface PatchOptions {
  /** Between the places of a patch. Default 1. */
  dilation?: Pair;
  /** Zeros on both sides. Default 0. */
  padding?: Pair;
  /** From one patch to the next. Default 1. */
  stride?: Pair;
}

interface Patches {
  readonly kernel: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly stride: readonly [number, number];
}

function pair(op: string, name: string, value: Pair, least: number): readonly [number, number] {
  const both = (Array.isArray(value) ? value : [value, value]) as readonly [number, number];
  if (both.length !== 2 || !both.every((n) => Number.isInteger(n) && n >= least))
    throw new ArgumentError(
      `${op}: ${name} ${show(both)} must be a whole number >= ${least}, or two.`,
    );
  return both;
}

function patchesOf(op: string, kernelSize: Pair, options: PatchOptions): Patches {
  requireOptions(op, options, "dilation");
  return {
    kernel: pair(op, "kernelSize", kernelSize, 1),
    dilation: pair(op, "dilation", options.dilation ?? 1, 1),
    padding: pair(op, "padding", options.padding ?? 0, 0),
    stride: pair(op, "stride", options.stride ?? 1, 1),
  };
}

/** For height (0) or width (1), as the windows along one dimension take it. */
const along = ({ kernel, dilation, stride }: Patches, i: 0 | 1) => ({
  size: kernel[i],
  step: stride[i],
  dilation: dilation[i],
});

/** How many patches there are from top to bottom and from left to right. @throws ShapeError for none */
function countsOf(op: string, size: readonly number[], patches: Patches): [number, number] {
  const counts = ([0, 1] as const).map((i) =>
    windowCount(size[i]! + 2 * patches.padding[i], along(patches, i)),
  ) as [number, number];
  if (counts.some((n) => n < 1))
    throw new ShapeError(
      `${op}: a kernel of ${show(patches.kernel)} with dilation ${show(patches.dilation)} does not fit into ${show(size)} with padding ${show(patches.padding)}.`,
    );
  return counts;
}

/**
 * The patches of images as columns (PyTorch `functional.unfold`, im2col).
 *
 * @param x [channels, height, width] or [batch, channels, height, width]
 * @param kernelSize height and width of a patch
 * @returns [batch, channels · kernel height · kernel width, patches], without batch as x has it;
 * differentiable
 * @throws ShapeError for other shapes or a patch that does not fit; ArgumentError for numbers that are not
 * whole or too small
 */
export function unfold(x: Tensor, kernelSize: Pair, options: PatchOptions = {}): Tensor {
  const patches = patchesOf("unfold", kernelSize, options);
  if (x.rank !== 3 && x.rank !== 4)
    throw new ShapeError(
      `unfold: x of shape ${show(x.shape)} must be [channels, height, width], with or without a batch before. For windows along one dimension use the method unfold.`,
    );
  const counts = countsOf("unfold", x.shape.slice(-2), patches);
  return scope(() => {
    const images = x.rank === 3 ? unsqueeze(x, 0) : x;
    const [batch, channels] = images.shape as [number, number];
    const [top, left] = patches.padding;
    const padded = top || left ? pad(images, [left, left, top, top]) : images;
    const rows = windows(padded, { dim: 2, ...along(patches, 0) });
    const all = windows(rows, { dim: 3, ...along(patches, 1) });
    const [height, width] = patches.kernel;
    const columns = reshape(permute(all, [0, 1, 4, 5, 2, 3]), [
      batch,
      channels * height * width,
      counts[0] * counts[1],
    ]);
    return x.rank === 3 ? reshape(columns, columns.shape.slice(1)) : columns;
  });
}

/**
 * Images from the columns that `unfold` gives, patches added up where they overlap (PyTorch
 * `functional.fold`, col2im).
 *
 * @param x [batch, channels · kernel height · kernel width, patches], with or without batch
 * @param outputSize height and width of the images
 * @returns [batch, channels, height, width], without batch as x has it; differentiable
 * @throws ShapeError where the sizes do not go together; ArgumentError for numbers that are not whole or
 * too small
 */
export function fold(
  x: Tensor,
  outputSize: Pair,
  kernelSize: Pair,
  options: PatchOptions = {},
): Tensor {
  const patches = patchesOf("fold", kernelSize, options);
  const size = pair("fold", "outputSize", outputSize, 1);
  const counts = countsOf("fold", size, patches);
  const [height, width] = patches.kernel;
  const [rows, count] = x.shape.slice(-2) as [number, number];
  const fits = (x.rank === 2 || x.rank === 3) && rows % (height * width) === 0;
  if (!fits || count !== counts[0] * counts[1])
    throw new ShapeError(
      `fold: x of shape ${show(x.shape)} must be [channels · ${height * width}, ${counts[0] * counts[1]}], with or without a batch before, for images of ${show(size)}.`,
    );
  return scope(() => {
    const columns = x.rank === 2 ? unsqueeze(x, 0) : x;
    const batch = columns.shape[0]!;
    const apart = reshape(columns, [batch, rows / (height * width), height, width, ...counts]);
    const all = permute(apart, [0, 1, 4, 5, 2, 3]);
    const [top, left] = patches.padding;
    const lines = overlapAdd(all, { dim: 3, ...along(patches, 1), length: size[1] + 2 * left });
    const images = overlapAdd(lines, { dim: 2, ...along(patches, 0), length: size[0] + 2 * top });
    const cropped = top || left ? pad(images, [-left, -left, -top, -top]) : images;
    return x.rank === 2 ? reshape(cropped, cropped.shape.slice(1)) : cropped;
  });
}

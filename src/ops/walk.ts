/** How a kernel goes through strided operands together: few dimensions, padded to a compiled rank. */
import { ShapeError } from "../errors";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { coalesce, maxRank, type Shape, show, sizeOf } from "../tensor/shape";

export interface Walk {
  /** The `RANK` to compile for. */
  readonly rank: number;
  /** Sizes, as many as `rank`, innermost last. */
  readonly shape: readonly number[];
  /** For each operand, as many as `rank`. */
  readonly strides: readonly (readonly number[])[];
}

/** Sizes or strides, padded at the front to `rank`. */
export function padded(values: readonly number[], rank: number, fill: number): number[] {
  return [...new Array<number>(rank - values.length).fill(fill), ...values];
}

/**
 * Up to three dimensions get a pipeline of their own; more share the one of eight.
 * @throws ShapeError for more, which lanes of a transform may add to a tensor of many dimensions
 */
export function compiledRank(shape: Shape): number {
  if (shape.length > maxRank)
    throw new ShapeError(
      `A kernel would walk ${shape.length} dimensions, ${show(shape)}, that do not merge; at most ${maxRank} are supported. Merge some with reshape before transforms add theirs.`,
    );
  return shape.length <= 3 ? shape.length : maxRank;
}

/** Merges the dimensions that every operand walks in one stride. */
export function walkTogether(shape: Shape, strides: readonly (readonly number[])[]): Walk {
  const merged = coalesce(shape, strides);
  const rank = compiledRank(merged.shape);
  return {
    rank,
    shape: padded(merged.shape, rank, 1),
    strides: merged.strides.map((s) => padded(s, rank, 0)),
  };
}

/** Over the dimensions other than `dim` of tensors of one shape. */
export function walkRows(dim: number, tensors: readonly DeviceTensor[]): Walk & { rows: number } {
  const { shape } = tensors[0]!;
  const others = shape.flatMap((_, i) => (i === dim ? [] : [i]));
  const pick = (values: readonly number[]) => others.map((i) => values[i]!);
  const outer = pick(shape);
  return {
    ...walkTogether(
      outer,
      tensors.map((t) => pick(t.strides)),
    ),
    rows: sizeOf(outer),
  };
}

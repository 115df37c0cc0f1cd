/** A shape that indexes the elements of two others of the same size. */
import { maxRank, type Shape } from "../tensor/shape";

/** The numbers of elements behind each dimension, from the whole down to 1. */
function blocks(shape: Shape): number[] {
  let block = 1;
  const sizes = [1];
  for (const size of shape.toReversed()) {
    block *= size;
    sizes.push(block);
  }
  return sizes.reverse();
}

/**
 * The shape with the fewest dimensions in which each dimension of both shapes is one or several: [6, 4] and
 * [2, 12] give [2, 3, 4]. Null where there is none, as of [2, 3] and [3, 2], or too many dimensions.
 */
export function refinedShape(a: Shape, b: Shape): Shape | null {
  if (a.length === b.length && a.every((size, d) => size === b[d])) return a;
  const sizes = [...new Set([...blocks(a), ...blocks(b)])].sort((p, q) => q - p);
  const refined: number[] = [];
  for (let d = 1; d < sizes.length; d++) {
    const size = sizes[d - 1]! / sizes[d]!;
    if (!Number.isInteger(size)) return null;
    refined.push(size);
  }
  return refined.length <= maxRank ? refined : null;
}

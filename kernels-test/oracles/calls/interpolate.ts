/** Resizing. */
import * as tg from "../../../src/node";
import type { Operations } from "./forms";

export const interpolateOperations: Operations = {
  interpolate: ([x], attrs) => tg.interpolate(x!, attrs),
  pixelShuffle: ([x], { factor }) => tg.pixelShuffle(x!, factor),
  pixelUnshuffle: ([x], { factor }) => tg.pixelUnshuffle(x!, factor),
};

/** Resizing. */
import type { Calls } from "./operands";

export const interpolateCalls: Calls = {
  interpolate: [
    (tg, { x }) => tg.scope(() => tg.interpolate(x.reshape([1, 3, 4]), { size: 7 })),
    (tg, { x }) =>
      tg.scope(() => tg.interpolate(x.reshape([1, 3, 2, 2]), { scaleFactor: 2, mode: "bilinear" })),
    (tg, { x }) => tg.scope(() => tg.interpolate(x.reshape([1, 3, 4]), { size: 4 })),
    (tg, { x }) => tg.scope(() => tg.interpolate(x.reshape([1, 3, 4]), { size: 2, mode: "area" })),
  ],
  pixelShuffle: [(tg, { x }) => tg.scope(() => tg.pixelShuffle(x.reshape([4, 1, 3]), 2))],
  pixelUnshuffle: [(tg, { x }) => tg.scope(() => tg.pixelUnshuffle(x.reshape([1, 2, 6]), 2))],
};

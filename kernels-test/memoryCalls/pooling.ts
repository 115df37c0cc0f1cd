/** Pooling. */
import type { Calls, Operands } from "./operands";

/** x with so many spatial dimensions, of 2 or more elements. */
const image = ({ x }: Operands, dims: 1 | 2 | 3) =>
  x.reshape(
    [
      [3, 4],
      [3, 2, 2],
      [1, 3, 2, 2],
    ][dims - 1]!,
  );

export const poolingCalls: Calls = {
  maxPool1d: [
    (tg, { x }) => tg.maxPool1d(x, 2),
    (tg, { x }) => tg.maxPool1d(x, 2, { stride: 1, returnIndices: true }),
    (tg, { turned }) => tg.maxPool1d(turned, 2),
  ],
  maxPool2d: [(tg, operands) => tg.scope(() => tg.maxPool2d(image(operands, 2), 2))],
  maxPool3d: [(tg, operands) => tg.scope(() => tg.maxPool3d(image(operands, 3), 2))],
  avgPool1d: [
    (tg, { x }) => tg.avgPool1d(x, 3, { padding: 1 }),
    (tg, { turned }) => tg.avgPool1d(turned, 2),
  ],
  avgPool2d: [(tg, operands) => tg.scope(() => tg.avgPool2d(image(operands, 2), 2))],
  avgPool3d: [(tg, operands) => tg.scope(() => tg.avgPool3d(image(operands, 3), 2))],
  adaptiveAvgPool1d: [(tg, { x }) => tg.adaptiveAvgPool1d(x, 3)],
  adaptiveAvgPool2d: [
    (tg, operands) => tg.scope(() => tg.adaptiveAvgPool2d(image(operands, 2), 1)),
  ],
  adaptiveAvgPool3d: [
    (tg, operands) => tg.scope(() => tg.adaptiveAvgPool3d(image(operands, 3), 1)),
  ],
  adaptiveMaxPool1d: [
    (tg, { x }) => tg.adaptiveMaxPool1d(x, 3),
    (tg, { x }) => tg.adaptiveMaxPool1d(x, 3, { returnIndices: true }),
  ],
  adaptiveMaxPool2d: [
    (tg, operands) => tg.scope(() => tg.adaptiveMaxPool2d(image(operands, 2), 1)),
  ],
  adaptiveMaxPool3d: [
    (tg, operands) => tg.scope(() => tg.adaptiveMaxPool3d(image(operands, 3), 1)),
  ],
  lpPool1d: [(tg, { x }) => tg.lpPool1d(x, 2, 2)],
  lpPool2d: [(tg, operands) => tg.scope(() => tg.lpPool2d(image(operands, 2), 2, 2))],
};

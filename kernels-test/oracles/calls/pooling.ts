/** Pooling. */
import * as tg from "../../../src/node";
import type { Operation, Operations } from "./forms";

type Pool = (x: tg.Tensor, size: number, options: object) => tg.Tensor | tg.PooledMax;

const flattened = (result: tg.Tensor | tg.PooledMax) =>
  "values" in result ? [result.values, result.indices] : result;
const windowed =
  (fn: Pool): Operation =>
  ([x], { kernelSize, ...options }) =>
    flattened(fn(x!, kernelSize, options));
const adaptive =
  (fn: Pool): Operation =>
  ([x], { outputSize, ...options }) =>
    flattened(fn(x!, outputSize, options));

export const poolingOperations: Operations = {
  maxPool1d: windowed(tg.maxPool1d),
  maxPool2d: windowed(tg.maxPool2d),
  maxPool3d: windowed(tg.maxPool3d),
  avgPool1d: windowed(tg.avgPool1d),
  avgPool2d: windowed(tg.avgPool2d),
  avgPool3d: windowed(tg.avgPool3d),
  adaptiveAvgPool1d: adaptive(tg.adaptiveAvgPool1d),
  adaptiveAvgPool2d: adaptive(tg.adaptiveAvgPool2d),
  adaptiveAvgPool3d: adaptive(tg.adaptiveAvgPool3d),
  adaptiveMaxPool1d: adaptive(tg.adaptiveMaxPool1d),
  adaptiveMaxPool2d: adaptive(tg.adaptiveMaxPool2d),
  adaptiveMaxPool3d: adaptive(tg.adaptiveMaxPool3d),
  lpPool1d: ([x], { p, kernelSize, ...options }) => tg.lpPool1d(x!, p, kernelSize, options),
  lpPool2d: ([x], { p, kernelSize, ...options }) => tg.lpPool2d(x!, p, kernelSize, options),
};

/** Convolutions. */
import type { Tilegrad } from "../caseModules";
import type { Calls } from "./operands";

/** Of as many dimensions as asked for, each of 2 elements. */
const kernel = (tg: Tilegrad, outs: number, ins: number, dims: number) =>
  tg.ones([outs, ins, ...new Array<number>(dims).fill(2)]);

export const convolutionCalls: Calls = {
  conv1d: [
    (tg, { x, bias }) =>
      tg.scope(() => tg.conv1d(x, kernel(tg, 3, 3, 1), { bias, stride: 2, padding: "valid" })),
    (tg, { x }) => tg.scope(() => tg.conv1d(x, kernel(tg, 3, 1, 1), { groups: 3 })),
    (tg, { x, bias }) => tg.scope(() => tg.conv1d(x, tg.ones([3, 3, 1]), { bias })),
  ],
  conv2d: [
    (tg, { x }) =>
      tg.scope(() => tg.conv2d(x.reshape([1, 3, 2, 2]), kernel(tg, 4, 3, 2), { padding: "same" })),
  ],
  conv3d: [
    (tg, { x }) =>
      tg.scope(() => tg.conv3d(x.reshape([3, 1, 2, 2]), kernel(tg, 4, 3, 3), { padding: 1 })),
  ],
  convTranspose1d: [
    (tg, { x }) => tg.scope(() => tg.convTranspose1d(x, kernel(tg, 3, 2, 1), { stride: 2 })),
  ],
  convTranspose2d: [
    (tg, { x }) => tg.scope(() => tg.convTranspose2d(x.reshape([1, 3, 2, 2]), kernel(tg, 3, 2, 2))),
  ],
  convTranspose3d: [
    (tg, { x }) => tg.scope(() => tg.convTranspose3d(x.reshape([3, 1, 2, 2]), kernel(tg, 3, 2, 3))),
  ],
};

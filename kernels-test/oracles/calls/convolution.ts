/** Convolutions. */
import * as tg from "../../../src/node";
import type { Operation, Operations } from "./forms";

const conv =
  (fn: typeof tg.conv1d | typeof tg.convTranspose1d): Operation =>
  ([x, weight, bias], attrs) =>
    fn(x!, weight!, { bias, ...attrs });

export const convolutionOperations: Operations = {
  conv1d: conv(tg.conv1d),
  conv2d: conv(tg.conv2d),
  conv3d: conv(tg.conv3d),
  convTranspose1d: conv(tg.convTranspose1d),
  convTranspose2d: conv(tg.convTranspose2d),
  convTranspose3d: conv(tg.convTranspose3d),
};

/** What only `tg.nn.functional` has: losses, and patches of images. */
import type { Calls } from "./operands";

export const functionalCalls: Calls = {
  bceWithLogits: [
    (tg, { x, y, vector }) => tg.nn.functional.bceWithLogits(x, y, { posWeight: vector }),
  ],
  binaryCrossEntropy: [
    (tg, { x, y, row }) =>
      tg.scope(() =>
        tg.nn.functional.binaryCrossEntropy(tg.sigmoid(x), y, { weight: row, reduction: "sum" }),
      ),
  ],
  cosineEmbeddingLoss: [
    (tg, { x, y, bias }) => tg.nn.functional.cosineEmbeddingLoss(x, y, bias, { margin: 0.5 }),
  ],
  fold: [
    (tg, { x }) => tg.scope(() => tg.nn.functional.fold(tg.reshape(x, [1, 4, 3]), [2, 4], 2)),
    (tg, { x }) =>
      tg.scope(() =>
        tg.nn.functional.fold(tg.reshape(x, [4, 3]), [3, 4], 2, { stride: [2, 1], dilation: 1 }),
      ),
  ],
  gaussianNllLoss: [
    (tg, { x, y, mask }) =>
      tg.scope(() =>
        tg.nn.functional.gaussianNllLoss(x, y, tg.to(mask, "f32"), { full: true, eps: 0.5 }),
      ),
  ],
  hingeEmbeddingLoss: [(tg, { x, y }) => tg.nn.functional.hingeEmbeddingLoss(x, y, { margin: 2 })],
  huberLoss: [(tg, { x, y }) => tg.nn.functional.huberLoss(x, y, { delta: 0.5 })],
  klDiv: [(tg, { x, y }) => tg.nn.functional.klDiv(x, y, { reduction: "batchmean" })],
  l1Loss: [(tg, { x, y }) => tg.nn.functional.l1Loss(x, y, { reduction: "none" })],
  marginRankingLoss: [
    (tg, { x, y, turned }) =>
      tg.scope(() =>
        tg.nn.functional.marginRankingLoss(x, y, tg.transpose(turned, 0, 1), { margin: 1 }),
      ),
  ],
  mseLoss: [(tg, { x, y }) => tg.nn.functional.mseLoss(x, y)],
  nllLoss: [
    (tg, { x, index, vector }) =>
      tg.nn.functional.nllLoss(x, index, { ignoreIndex: 1, weight: vector }),
  ],
  poissonNllLoss: [
    (tg, { x, y }) =>
      tg.nn.functional.poissonNllLoss(x, y, { full: true, logInput: false, eps: 1 }),
  ],
  sinkhornKnopp: [(tg, { x }) => tg.nn.functional.sinkhornKnopp(x, { iterations: 2 })],
  smoothL1Loss: [(tg, { x, y }) => tg.nn.functional.smoothL1Loss(x, y, { beta: 0.5 })],
  softMarginLoss: [(tg, { x, y }) => tg.nn.functional.softMarginLoss(x, y)],
  logStableMax: [(tg, { x }) => tg.nn.functional.logStableMax(x)],
  stableMax: [(tg, { x }) => tg.nn.functional.stableMax(x, 0)],
  stableMaxCrossEntropy: [
    (tg, { x, index }) =>
      tg.nn.functional.stableMaxCrossEntropy(x, index, { labelSmoothing: 0.1, ignoreIndex: 1 }),
  ],
  tripletMarginLoss: [
    (tg, { x, y, row }) => tg.nn.functional.tripletMarginLoss(x, y, row, { p: 3, swap: true }),
  ],
  unfold: [
    (tg, { x }) =>
      tg.scope(() => tg.nn.functional.unfold(tg.reshape(x, [1, 3, 4]), 2, { padding: 1 })),
    (tg, { x }) =>
      tg.scope(() => tg.nn.functional.unfold(tg.reshape(x, [1, 1, 3, 4]), [2, 3], { stride: 2 })),
  ],
};

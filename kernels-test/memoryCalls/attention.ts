/** Attention in its forms, rotary positions, and normalisation by channels. */
import type { Calls } from "./operands";

export const attentionCalls: Calls = {
  batchNorm: [
    (tg, { x }) => Object.values(tg.batchNorm(x, { training: true })),
    (tg, { x, vector }) => {
      const parameters = { runningMean: vector, runningVar: vector, weight: vector, bias: vector };
      return Object.values(tg.batchNorm(x, { training: true, virtualBatchSize: 3, ...parameters }));
    },
    (tg, { x, vector }) =>
      Object.values(tg.batchNorm(x, { runningMean: vector, runningVar: vector, weight: vector })),
  ],
  groupNorm: [
    (tg, { x }) => tg.groupNorm(x, 2),
    (tg, { x, vector }) => tg.groupNorm(x, 2, vector, vector),
  ],
  instanceNorm: [(tg, { packed }) => tg.instanceNorm(packed)],
  localResponseNorm: [(tg, { x }) => tg.localResponseNorm(x, 3)],
  packedAttention: [
    (tg, { packed }) => tg.packedAttention(packed, { causal: true }),
    (tg, { packed, key }) => tg.packedAttention(packed, { dropoutP: 0.5, key }),
  ],
  rotaryEmbedding: [
    (tg, { x }) => tg.rotaryEmbedding(x, { offset: 3 }),
    (tg, { x, index }) => tg.rotaryEmbedding(x, { positions: index, interleaved: true, dims: 2 }),
  ],
  scaledDotProductAttention: [
    (tg, { x, y }) => tg.scaledDotProductAttention(x, y, y, { causal: true }),
    (tg, { x, y, bias, key }) =>
      tg.scaledDotProductAttention(x, y, y, { attnMask: bias, dropoutP: 0.5, key }),
    (tg, { packed }) => tg.scaledDotProductAttention(packed, packed, packed, { enableGqa: true }),
  ],
};

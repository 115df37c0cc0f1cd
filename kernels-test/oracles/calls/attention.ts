/** Attention with masks and shared key heads, rotary positions, and normalisation by channels. */
import * as tg from "../../../src/node";
import type { Operations } from "./forms";

export const attentionOperations: Operations = {
  batchNorm: ([x, weight, bias, runningMean, runningVar], attrs) => {
    const given = {
      weight: weight!,
      bias: bias!,
      runningMean: runningMean!,
      runningVar: runningVar!,
    };
    const result = tg.batchNorm(x!, { ...attrs, ...given });
    return [result.output, result.runningMean!, result.runningVar!];
  },
  groupedAttention: ([q, k, v], { isCausal }) =>
    tg.scaledDotProductAttention(q!, k!, v!, { causal: isCausal, enableGqa: true }),
  groupNorm: ([x, weight, bias], { groups, eps }) => tg.groupNorm(x!, groups, weight, bias, eps),
  instanceNorm: ([x, weight, bias], { eps }) => tg.instanceNorm(x!, weight, bias, eps),
  localResponseNorm: ([x], { size, ...options }) => tg.localResponseNorm(x!, size, options),
  maskedAttention: ([q, k, v, attnMask], { isCausal, scale }) =>
    tg.scaledDotProductAttention(q!, k!, v!, {
      attnMask: attnMask!,
      causal: isCausal ?? false,
      ...(scale && { scale }),
    }),
  rotaryEmbedding: ([x, positions], attrs) =>
    tg.rotaryEmbedding(x!, { ...attrs, ...(positions && { positions }) }),
};

/** Reductions, running results, norms, order statistics, segments and losses. */
import type { Calls } from "./operands";

export const statisticsCalls: Calls = {
  cummax: [(tg, { x }) => tg.cummax(x, 1), (tg, { scalar }) => tg.cummax(scalar, 0)],
  cummin: [(tg, { x }) => tg.cummin(x, 0)],
  cumprod: [(tg, { x }) => tg.cumprod(x, 1), (tg, { scalar }) => tg.cumprod(scalar, 0)],
  logcumsumexp: [
    (tg, { x }) => tg.logcumsumexp(x, 1),
    (tg, { index }) => tg.logcumsumexp(index, 0),
  ],
  prod: [(tg, { x }) => tg.prod(x), (tg, { x }) => tg.prod(x, { dim: 0, keepdim: true })],
};

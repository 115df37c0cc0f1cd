/** Reductions, running results, norms, order statistics, segments and losses. */
import type { Calls } from "./operands";

export const statisticsCalls: Calls = {
  bincount: [
    (tg, { index }) => tg.bincount(index, 3),
    (tg, { index, bias }) => tg.bincount(index, 4, { weights: bias }),
  ],
  cdist: [
    (tg, { x, y }) => tg.cdist(x, y),
    (tg, { x, y }) => tg.cdist(x, y, { matmul: true }),
    (tg, { x, row }) => tg.cdist(x, row, { p: 3 }),
  ],
  cosineSimilarity: [(tg, { x, row }) => tg.cosineSimilarity(x, row)],
  countNonzero: [(tg, { x }) => tg.countNonzero(x, { dim: 1 })],
  cummax: [(tg, { x }) => tg.cummax(x, 1), (tg, { scalar }) => tg.cummax(scalar, 0)],
  cummin: [(tg, { x }) => tg.cummin(x, 0)],
  cumprod: [(tg, { x }) => tg.cumprod(x, 1), (tg, { scalar }) => tg.cumprod(scalar, 0)],
  cumulativeTrapezoid: [(tg, { x }) => tg.cumulativeTrapezoid(x, { dx: 0.5 })],
  diff: [
    (tg, { x }) => tg.diff(x, { n: 2 }),
    (tg, { x, row }) => tg.diff(x, { dim: 0, prepend: row }),
    (tg, { mask }) => tg.diff(mask, { n: 0 }),
  ],
  histc: [(tg, { x }) => tg.histc(x, { bins: 4, min: -1, max: 3 })],
  logcumsumexp: [
    (tg, { x }) => tg.logcumsumexp(x, 1),
    (tg, { index }) => tg.logcumsumexp(index, 0),
  ],
  norm: [
    (tg, { x }) => tg.norm(x),
    (tg, { x }) => tg.norm(x, { p: 3, dim: 1, keepdim: true }),
    (tg, { index }) => tg.norm(index, { p: 0 }),
  ],
  normalize: [(tg, { x }) => tg.normalize(x)],
  pairwiseDistance: [(tg, { x, row }) => tg.pairwiseDistance(x, row)],
  prod: [(tg, { x }) => tg.prod(x), (tg, { x }) => tg.prod(x, { dim: 0, keepdim: true })],
  std: [(tg, { x }) => tg.std(x, { dim: 0 })],
  stdMean: [(tg, { x }) => tg.stdMean(x)],
  trapezoid: [
    (tg, { x }) => tg.trapezoid(x),
    (tg, { index, vector }) => tg.trapezoid(index, { x: tg.narrow(vector, 0, 0, 3) }),
  ],
  varMean: [(tg, { x }) => tg.varMean(x, { dim: 1, keepdim: true })],
};

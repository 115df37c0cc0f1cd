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
  median: [
    (tg, { x }) => tg.median(x),
    (tg, { x }) => tg.median(x, { dim: 0, keepdim: true }),
    (tg, { scalar }) => tg.median(scalar),
  ],
  mode: [(tg, { x }) => tg.mode(x), (tg, { index }) => tg.mode(index, { keepdim: true })],
  nanmean: [(tg, { x }) => tg.nanmean(x, { dim: 0 })],
  nanmedian: [(tg, { x }) => tg.nanmedian(x, { dim: 1 })],
  nansum: [(tg, { x }) => tg.nansum(x), (tg, { index }) => tg.nansum(index)],
  norm: [
    (tg, { x }) => tg.norm(x),
    (tg, { x }) => tg.norm(x, { p: 3, dim: 1, keepdim: true }),
    (tg, { index }) => tg.norm(index, { p: 0 }),
  ],
  normalize: [(tg, { x }) => tg.normalize(x)],
  pairwiseDistance: [(tg, { x, row }) => tg.pairwiseDistance(x, row)],
  prod: [(tg, { x }) => tg.prod(x), (tg, { x }) => tg.prod(x, { dim: 0, keepdim: true })],
  quantile: [
    (tg, { x }) => tg.quantile(x, 0.3),
    (tg, { x }) => tg.quantile(x, [0, 0.5], { dim: 1, keepdim: true }),
    (tg, { x, bias }) => tg.quantile(x, bias, { dim: 0, interpolation: "midpoint" }),
  ],
  segmentMax: [(tg, { x, index }) => tg.segmentMax(x, index, 3)],
  segmentMean: [(tg, { x, index }) => tg.segmentMean(x, index, 4)],
  segmentMin: [(tg, { index }) => tg.segmentMin(index, index, 3)],
  segmentProd: [(tg, { x, index }) => tg.segmentProd(x, index, 3)],
  segmentSum: [(tg, { x, index }) => tg.segmentSum(x, index, 3)],
  std: [(tg, { x }) => tg.std(x, { dim: 0 })],
  stdMean: [(tg, { x }) => tg.stdMean(x)],
  trapezoid: [
    (tg, { x }) => tg.trapezoid(x),
    (tg, { index, bias }) => tg.trapezoid(index, { x: bias }),
  ],
  varMean: [(tg, { x }) => tg.varMean(x, { dim: 1, keepdim: true })],
};

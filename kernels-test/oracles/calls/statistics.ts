/** Scans, statistics, norms, distances, segments and losses. */
import * as functional from "../../../src/nn/functional";
import type { Tensor } from "../../../src/node";
import * as tg from "../../../src/node";
import type { Attrs, Operation, Operations } from "./forms";

const single =
  (fn: (x: Tensor, attrs: Attrs) => Tensor): Operation =>
  ([x], attrs) =>
    fn(x!, attrs);

const running =
  (fn: (x: Tensor, dim: number, options: { reverse?: boolean }) => Tensor): Operation =>
  ([x], { dim, ...options }) =>
    fn(x!, dim, options);

const extremum =
  (fn: typeof tg.cummax): Operation =>
  ([x], { dim }) => {
    const { values, indices } = fn(x!, dim);
    return [values, indices];
  };

const segmented =
  (fn: typeof tg.segmentSum): Operation =>
  ([data, ids], { numSegments }) =>
    fn(data!, ids!, numSegments);

const two =
  (fn: (a: Tensor, b: Tensor, attrs: Attrs) => Tensor): Operation =>
  ([a, b], attrs) =>
    fn(a!, b!, attrs);

const three =
  (fn: (a: Tensor, b: Tensor, c: Tensor, attrs: Attrs) => Tensor): Operation =>
  ([a, b, c], attrs) =>
    fn(a!, b!, c!, attrs);

/** The last operand as an option. */
const withOption =
  (name: string, fn: (a: Tensor, b: Tensor, attrs: Attrs) => Tensor): Operation =>
  ([a, b, option], attrs) =>
    fn(a!, b!, { ...attrs, [name]: option! });

const order = (p: number | string = 2): number =>
  typeof p === "number" ? p : Number(p.replace("inf", "Infinity"));

const placed =
  (fn: typeof tg.trapezoid): Operation =>
  ([y, x], attrs) =>
    fn(y!, x ? { ...attrs, x } : attrs);

export const statisticsOperations: Operations = {
  bceWithLogitsPosWeight: withOption("posWeight", functional.bceWithLogits),
  binaryCrossEntropy: two(functional.binaryCrossEntropy),
  binaryCrossEntropyWeight: withOption("weight", functional.binaryCrossEntropy),
  bincount: ([x], { size }) => tg.bincount(x!, size),
  bincountWeights: ([x, weights], { size }) => tg.bincount(x!, size, { weights: weights! }),
  cdist: two(tg.cdist),
  cosineEmbeddingLoss: three(functional.cosineEmbeddingLoss),
  cosineSimilarity: two(tg.cosineSimilarity),
  countNonzero: single(tg.countNonzero),
  crossEntropySoft: two(tg.crossEntropy),
  crossEntropyWeight: withOption("weight", tg.crossEntropy),
  cummax: extremum(tg.cummax),
  cummin: extremum(tg.cummin),
  cumprod: running(tg.cumprod),
  cumulativeTrapezoid: placed(tg.cumulativeTrapezoid),
  diff: ([x, prepend, append], attrs) =>
    tg.diff(x!, prepend ? { ...attrs, prepend, append } : attrs),
  gaussianNllLoss: three(functional.gaussianNllLoss),
  hingeEmbeddingLoss: two(functional.hingeEmbeddingLoss),
  histc: single(tg.histc),
  huberLoss: two(functional.huberLoss),
  klDiv: two(functional.klDiv),
  l1Loss: two(functional.l1Loss),
  logcumsumexp: running(tg.logcumsumexp),
  marginRankingLoss: three(functional.marginRankingLoss),
  median: single(tg.median),
  mode: ([x], attrs) => {
    const { values, indices } = tg.mode(x!, attrs);
    return [values, indices];
  },
  nanmean: single(tg.nanmean),
  nanmedian: single(tg.nanmedian),
  nansum: single(tg.nansum),
  nllLoss: two(functional.nllLoss),
  nllLossWeight: withOption("weight", functional.nllLoss),
  norm: single((x, { p, ...over }) => tg.norm(x, { p: order(p), ...over })),
  normalize: single(tg.normalize),
  pairwiseDistance: two(tg.pairwiseDistance),
  poissonNllLoss: two(functional.poissonNllLoss),
  prod: single(tg.prod),
  quantile: single((x, { q, ...options }) => tg.quantile(x, q, options)),
  segmentMax: segmented(tg.segmentMax),
  segmentMean: segmented(tg.segmentMean),
  segmentMin: segmented(tg.segmentMin),
  segmentProd: segmented(tg.segmentProd),
  segmentSum: segmented(tg.segmentSum),
  smoothL1Loss: two(functional.smoothL1Loss),
  softMarginLoss: two(functional.softMarginLoss),
  std: single(tg.std),
  stdMean: ([x], attrs) => {
    const { std, mean } = tg.stdMean(x!, attrs);
    return [std, mean];
  },
  trapezoid: placed(tg.trapezoid),
  tripletMarginLoss: three(functional.tripletMarginLoss),
  varMean: ([x], attrs) => {
    const { variance, mean } = tg.varMean(x!, attrs);
    return [variance, mean];
  },
};

/** The operations that users call, by name: not the records and variants behind them. */
export {
  abs,
  add,
  clamp,
  div,
  eq,
  ge,
  gt,
  le,
  lerp,
  logicalAnd,
  logicalNot,
  logicalOr,
  lt,
  maximum,
  minimum,
  mul,
  ne,
  neg,
  pow,
  square,
  sub,
  where,
} from "./arithmetic";
export { type AttentionOptions, packedAttention, scaledDotProductAttention } from "./attention";
export {
  type BincountOptions,
  bincount,
  countNonzero,
  type HistogramOptions,
  histc,
} from "./counting";
export {
  arange,
  eye,
  full,
  linspace,
  oneHot,
  ones,
  onesLike,
  tril,
  triu,
  zeros,
  zerosLike,
} from "./creation";
export {
  type CumsumOptions,
  type CumulativeExtremum,
  cummax,
  cummin,
  cumprod,
  cumsum,
  logcumsumexp,
} from "./cumulative";
export {
  cumulativeTrapezoid,
  type DiffOptions,
  diff,
  type TrapezoidOptions,
  trapezoid,
} from "./difference";
export {
  type CdistOptions,
  type CosineSimilarityOptions,
  cdist,
  cosineSimilarity,
  type PairwiseDistanceOptions,
  pairwiseDistance,
} from "./distance";
export { dropout } from "./dropout";
export { einsum } from "./einsum";
export {
  ceil,
  cos,
  erf,
  exp,
  expm1,
  floor,
  gelu,
  log,
  log1p,
  reciprocal,
  relu,
  round,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  tanh,
} from "./functions";
export {
  type EmbeddingOptions,
  embedding,
  gather,
  indexAdd,
  indexSelect,
  scatterAdd,
} from "./indexing";
export { crossEntropy } from "./loss";
export { linear, matmul } from "./matmul";
export { layerNorm, rmsNorm } from "./norm";
export type { Operand } from "./operand";
export {
  type AddmmOptions,
  addmm,
  baddbmm,
  bilinear,
  bmm,
  cross,
  mm,
  multiDot,
  mv,
} from "./products";
export {
  type ArgOptions,
  all,
  any,
  argmax,
  argmin,
  max,
  mean,
  min,
  prod,
  type ReduceOptions,
  sum,
} from "./reduce";
export {
  cat,
  clone,
  contiguous,
  expand,
  flatten,
  narrow,
  pad,
  permute,
  reshape,
  type SliceOptions,
  select,
  slice,
  split,
  squeeze,
  stack,
  stopGradient,
  to,
  transpose,
  unsqueeze,
} from "./shape";
export { logSoftmax, logSumExp, softmax } from "./softmax";
export { argsort, type Sorted, type SortOptions, sort, type TopKOptions, topK } from "./sort";
export { std, stdMean, type VarianceOptions, variance, varMean } from "./statistics";
export { dot, inner, kron, outer, tensordot } from "./tensordot";
export { type NormalizeOptions, type NormOptions, norm, normalize } from "./vectorNorm";

/** The operations that users call, by name: not the records and variants behind them. */

export {
  celu,
  elu,
  glu,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logSigmoid,
  mish,
  prelu,
  relu6,
  selu,
  softshrink,
  softsign,
  tanhshrink,
  threshold,
} from "./activations";
export {
  type Index,
  type IndexPutOptions,
  type IndexRange,
  index,
  indexPut,
} from "./advancedIndexing";
export {
  abs,
  add,
  addcdiv,
  addcmul,
  clamp,
  type DivOptions,
  div,
  eq,
  ge,
  gt,
  heaviside,
  le,
  lerp,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
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
export {
  type AttentionOptions,
  type HeadsOptions,
  packedAttention,
  scaledDotProductAttention,
} from "./attention";
export { type BatchNormOptions, type BatchNormResult, batchNorm } from "./batchNorm";
export {
  bitwiseAnd,
  bitwiseLeftShift,
  bitwiseNot,
  bitwiseOr,
  bitwiseRightShift,
  bitwiseXor,
} from "./bitwise";
export { allclose, type ClosenessOptions, isclose } from "./closeness";
export {
  type ConvOptions,
  type ConvTransposeOptions,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type PerDim,
} from "./convolution";
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
  fullLike,
  linspace,
  logspace,
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
export { diag, diagEmbed, diagonal } from "./diagonal";
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
export { exp2, log2, log10, logaddexp, logaddexp2, logit, xlogy } from "./exponential";
export {
  copysign,
  isfinite,
  isinf,
  isnan,
  isneginf,
  isposinf,
  type NanToNumOptions,
  nanToNum,
  signbit,
} from "./floatClasses";
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
  type CombinationsOptions,
  cartesianProd,
  combinations,
  type MeshgridOptions,
  meshgrid,
  trilIndices,
  triuIndices,
  type VanderOptions,
  vander,
} from "./grids";
export {
  groupNorm,
  instanceNorm,
  type LocalResponseNormOptions,
  localResponseNorm,
} from "./groupNorm";
export {
  type EmbeddingOptions,
  embedding,
  gather,
  indexAdd,
  indexSelect,
  scatterAdd,
  take,
  takeAlongDim,
} from "./indexing";
export {
  type InterpolateMode,
  type InterpolateOptions,
  interpolate,
  pixelShuffle,
  pixelUnshuffle,
} from "./interpolate";
export { blockDiag, columnStack, dstack, hstack, vstack } from "./joining";
export { crossEntropy } from "./loss";
export {
  argwhere,
  maskedFill,
  maskedScatter,
  maskedSelect,
  nonzero,
  type SizedOptions,
} from "./masked";
export { linear, matmul } from "./matmul";
export { nanmean, nansum } from "./missing";
export { layerNorm, rmsNorm } from "./norm";
export type { Operand } from "./operand";
export { type PadMode, type PadOptions, pad } from "./padding";
export {
  type AdaptiveMaxPoolOptions,
  type AvgPoolOptions,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  type LpPoolOptions,
  lpPool1d,
  lpPool2d,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  type OutputSize,
  type PooledMax,
  type PoolOptions,
} from "./pooling";
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
  type Interpolation,
  median,
  mode,
  nanmedian,
  type OrderOptions,
  type QuantileOptions,
  quantile,
} from "./quantile";
export { flip, fliplr, flipud, repeat, repeatInterleave, roll, rot90, tile } from "./rearrange";
export { type CellWeights, gruCell, lstmCell, rnnCell } from "./recurrent";
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
export { floorDivide, fmod, remainder } from "./remainder";
export { type RotaryOptions, rotaryEmbedding } from "./rotary";
export { frac, trunc } from "./rounding";
export {
  indexCopy,
  indexFill,
  type ScatterReduceOptions,
  type ScatterReduction,
  scatter,
  scatterReduce,
} from "./scatter";
export { bucketize, type IsinOptions, isin, type SearchOptions, searchsorted } from "./search";
export { segmentMax, segmentMean, segmentMin, segmentProd, segmentSum } from "./segment";
export {
  cat,
  clone,
  contiguous,
  expand,
  flatten,
  narrow,
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
export {
  argsort,
  type KthValueOptions,
  kthvalue,
  msort,
  type Sorted,
  type SortOptions,
  sort,
  type TopKOptions,
  topK,
} from "./sort";
export { digamma, erfc, erfinv, lgamma, polygamma } from "./special";
export { std, stdMean, type VarianceOptions, variance, varMean } from "./statistics";
export { dot, inner, kron, outer, tensordot } from "./tensordot";
export {
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atan2,
  atanh,
  cosh,
  deg2rad,
  hypot,
  rad2deg,
  sinc,
  sinh,
  tan,
} from "./trigonometry";
export { type Unique, unique } from "./unique";
export { type NormalizeOptions, type NormOptions, norm, normalize } from "./vectorNorm";
export {
  atleast1d,
  atleast2d,
  atleast3d,
  broadcastTensors,
  broadcastTo,
  chunk,
  moveaxis,
  movedim,
  ravel,
  swapdims,
  tensorSplit,
  unbind,
  unflatten,
} from "./views";
export { unfold } from "./windows";

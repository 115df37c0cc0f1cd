/** The stateless operations that networks are made of, under PyTorch's names. */

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
} from "../ops/activations";
export {
  type AttentionOptions,
  type HeadsOptions,
  packedAttention,
  scaledDotProductAttention,
} from "../ops/attention";
export { type BatchNormOptions, type BatchNormResult, batchNorm } from "../ops/batchNorm";
export {
  type ConvOptions,
  type ConvTransposeOptions,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
} from "../ops/convolution";
export { cosineSimilarity, pairwiseDistance } from "../ops/distance";
export { dropout } from "../ops/dropout";
export { gelu, relu, sigmoid, silu, softplus, tanh } from "../ops/functions";
export {
  groupNorm,
  instanceNorm,
  type LocalResponseNormOptions,
  localResponseNorm,
} from "../ops/groupNorm";
export { fold, type Pair, type PatchOptions, unfold } from "../ops/imageWindows";
export { embedding } from "../ops/indexing";
export {
  type InterpolateMode,
  type InterpolateOptions,
  interpolate,
  pixelShuffle,
  pixelUnshuffle,
} from "../ops/interpolate";
export { crossEntropy } from "../ops/loss";
export { linear } from "../ops/matmul";
export { layerNorm, rmsNorm } from "../ops/norm";
export { pad } from "../ops/padding";
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
} from "../ops/pooling";
export { bilinear } from "../ops/products";
export { type RotaryOptions, rotaryEmbedding } from "../ops/rotary";
export { logSoftmax, softmax } from "../ops/softmax";
export { normalize } from "../ops/vectorNorm";
export { type SinkhornKnoppOptions, sinkhornKnopp } from "../transport/sinkhornKnopp";
export * from "./losses";
export {
  logStableMax,
  type StableMaxCrossEntropyOptions,
  stableMax,
  stableMaxCrossEntropy,
} from "./stableMax";

/** Modules, their functional forms, and their initial values. */
export * from "./activations";
export { MultiheadAttention } from "./attention";
export { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormLayerOptions } from "./batchNorm";
export { Bilinear } from "./bilinear";
export { Buffer } from "./buffer";
export { type Layer, ModuleList, Sequential } from "./containers";
export {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvLayerOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeLayerOptions,
} from "./convolution";
export { Dropout } from "./dropout";
export { Embedding } from "./embedding";
export * as functional from "./functional";
export { functionalCall, type ParameterValues, stackModuleState } from "./functionalCall";
export { type GenerateOptions, GPT, type GPTConfig } from "./gpt";
export * as init from "./init";
export { skipInit } from "./initialisers";
export { Linear } from "./linear";
export { MixtureOfExperts, type MixtureOfExpertsOptions } from "./mixtureOfExperts";
export { type LoadOptions, type LoadReport, Module, type StateValue } from "./module";
export {
  GroupNorm,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  LayerNorm,
  LocalResponseNorm,
  RMSNorm,
} from "./normalisation";
export { Parameter } from "./parameter";
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  PixelShuffle,
  PixelUnshuffle,
  Upsample,
} from "./pooling";
export { Flatten, Unfold } from "./rearrange";
export {
  GRU,
  GRUCell,
  LSTM,
  LSTMCell,
  type RecurrentOptions,
  RNN,
  RNNCell,
  type RNNOptions,
} from "./recurrent";
export { RotaryEmbedding } from "./rotary";
export { ExpertRouter, type ExpertRouterOptions, expertLoads } from "./router";
export { Sampler, type SamplingOptions } from "./sampling";
export { SinkhornKnopp } from "./sinkhornKnopp";

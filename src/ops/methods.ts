/** Every operation as a method of `Tensor`: `a.mul(b)` is `mul(a, b)`. */
import { Tensor } from "../tensor/tensor";
import { index, indexPut } from "./advancedIndexing";
import * as arithmetic from "./arithmetic";
import * as bitwise from "./bitwise";
import { allclose, isclose } from "./closeness";
import { countNonzero } from "./counting";
import * as creation from "./creation";
import { cummax, cummin, cumprod, cumsum, logcumsumexp } from "./cumulative";
import { diag, diagEmbed, diagonal } from "./diagonal";
import { diff } from "./difference";
import * as exponential from "./exponential";
import * as floatClasses from "./floatClasses";
import * as functions from "./functions";
import { gather, indexAdd, indexSelect, scatterAdd, take } from "./indexing";
import { maskedFill, maskedScatter, maskedSelect, nonzero } from "./masked";
import { matmul } from "./matmul";
import { nanmean, nansum } from "./missing";
import type { Operand } from "./operand";
import { pad } from "./padding";
import * as products from "./products";
import { median, quantile } from "./quantile";
import * as rearrange from "./rearrange";
import * as reduce from "./reduce";
import * as remainder from "./remainder";
import { frac, trunc } from "./rounding";
import { indexCopy, indexFill, scatter, scatterReduce } from "./scatter";
import * as shape from "./shape";
import { logSoftmax, logSumExp, softmax } from "./softmax";
import { argsort, kthvalue, msort, sort, topK } from "./sort";
import * as special from "./special";
import * as statistics from "./statistics";
import * as tensordot from "./tensordot";
import * as trigonometry from "./trigonometry";
import { unique } from "./unique";
import { norm } from "./vectorNorm";
import * as views from "./views";
import { unfold } from "./windows";

const methods = {
  add: arithmetic.add,
  sub: arithmetic.sub,
  mul: arithmetic.mul,
  div: arithmetic.div,
  pow: arithmetic.pow,
  maximum: arithmetic.maximum,
  minimum: arithmetic.minimum,
  neg: arithmetic.neg,
  abs: arithmetic.abs,
  square: arithmetic.square,
  clamp: arithmetic.clamp,
  lerp: arithmetic.lerp,
  /** Own elements where `condition` holds, else those of `other` (PyTorch `Tensor.where`). */
  where: (x: Tensor, condition: Tensor, other: Operand): Tensor =>
    arithmetic.where(condition, x, other),
  eq: arithmetic.eq,
  ne: arithmetic.ne,
  lt: arithmetic.lt,
  le: arithmetic.le,
  gt: arithmetic.gt,
  ge: arithmetic.ge,
  logicalAnd: arithmetic.logicalAnd,
  logicalOr: arithmetic.logicalOr,
  logicalNot: arithmetic.logicalNot,
  exp: functions.exp,
  log: functions.log,
  log1p: functions.log1p,
  expm1: functions.expm1,
  sqrt: functions.sqrt,
  rsqrt: functions.rsqrt,
  reciprocal: functions.reciprocal,
  sin: functions.sin,
  cos: functions.cos,
  tanh: functions.tanh,
  erf: functions.erf,
  sigmoid: functions.sigmoid,
  relu: functions.relu,
  softplus: functions.softplus,
  silu: functions.silu,
  gelu: functions.gelu,
  sign: functions.sign,
  floor: functions.floor,
  ceil: functions.ceil,
  round: functions.round,
  addcmul: arithmetic.addcmul,
  addcdiv: arithmetic.addcdiv,
  heaviside: arithmetic.heaviside,
  logicalXor: arithmetic.logicalXor,
  bitwiseAnd: bitwise.bitwiseAnd,
  bitwiseOr: bitwise.bitwiseOr,
  bitwiseXor: bitwise.bitwiseXor,
  bitwiseNot: bitwise.bitwiseNot,
  bitwiseLeftShift: bitwise.bitwiseLeftShift,
  bitwiseRightShift: bitwise.bitwiseRightShift,
  exp2: exponential.exp2,
  log2: exponential.log2,
  log10: exponential.log10,
  logaddexp: exponential.logaddexp,
  logaddexp2: exponential.logaddexp2,
  xlogy: exponential.xlogy,
  logit: exponential.logit,
  isnan: floatClasses.isnan,
  isinf: floatClasses.isinf,
  isfinite: floatClasses.isfinite,
  isposinf: floatClasses.isposinf,
  isneginf: floatClasses.isneginf,
  signbit: floatClasses.signbit,
  copysign: floatClasses.copysign,
  nanToNum: floatClasses.nanToNum,
  fmod: remainder.fmod,
  remainder: remainder.remainder,
  floorDivide: remainder.floorDivide,
  erfc: special.erfc,
  erfinv: special.erfinv,
  lgamma: special.lgamma,
  digamma: special.digamma,
  tan: trigonometry.tan,
  asin: trigonometry.asin,
  acos: trigonometry.acos,
  atan: trigonometry.atan,
  atan2: trigonometry.atan2,
  sinh: trigonometry.sinh,
  cosh: trigonometry.cosh,
  asinh: trigonometry.asinh,
  acosh: trigonometry.acosh,
  atanh: trigonometry.atanh,
  sinc: trigonometry.sinc,
  hypot: trigonometry.hypot,
  deg2rad: trigonometry.deg2rad,
  rad2deg: trigonometry.rad2deg,
  /** The n-th derivative of digamma (PyTorch `Tensor.polygamma`). */
  polygamma: (x: Tensor, n: number): Tensor => special.polygamma(n, x),
  isclose,
  allclose,
  trunc,
  frac,
  sum: reduce.sum,
  mean: reduce.mean,
  prod: reduce.prod,
  max: reduce.max,
  min: reduce.min,
  any: reduce.any,
  all: reduce.all,
  argmax: reduce.argmax,
  argmin: reduce.argmin,
  variance: statistics.variance,
  std: statistics.std,
  norm,
  median,
  quantile,
  nansum,
  nanmean,
  countNonzero,
  diff,
  reshape: shape.reshape,
  flatten: shape.flatten,
  squeeze: shape.squeeze,
  unsqueeze: shape.unsqueeze,
  permute: shape.permute,
  transpose: shape.transpose,
  expand: shape.expand,
  slice: shape.slice,
  narrow: shape.narrow,
  select: shape.select,
  pad,
  split: shape.split,
  contiguous: shape.contiguous,
  clone: shape.clone,
  to: shape.to,
  detach: shape.stopGradient,
  tril: creation.tril,
  triu: creation.triu,
  matmul,
  mm: products.mm,
  mv: products.mv,
  bmm: products.bmm,
  dot: tensordot.dot,
  inner: tensordot.inner,
  outer: tensordot.outer,
  softmax,
  logSoftmax,
  logSumExp,
  cumsum,
  cumprod,
  logcumsumexp,
  cummax,
  cummin,
  sort,
  argsort,
  topK,
  msort,
  kthvalue,
  unique,
  gather,
  take,
  scatter,
  scatterAdd,
  scatterReduce,
  index,
  indexPut,
  indexSelect,
  indexAdd,
  indexCopy,
  indexFill,
  maskedFill,
  maskedScatter,
  maskedSelect,
  nonzero,
  diag,
  diagEmbed,
  diagonal,
  flip: rearrange.flip,
  fliplr: rearrange.fliplr,
  flipud: rearrange.flipud,
  rot90: rearrange.rot90,
  roll: rearrange.roll,
  repeat: rearrange.repeat,
  repeatInterleave: rearrange.repeatInterleave,
  tile: rearrange.tile,
  movedim: views.movedim,
  moveaxis: views.moveaxis,
  swapdims: views.swapdims,
  broadcastTo: views.broadcastTo,
  chunk: views.chunk,
  tensorSplit: views.tensorSplit,
  unbind: views.unbind,
  unflatten: views.unflatten,
  ravel: views.ravel,
  unfold,
};

type Method<F> = F extends (x: Tensor, ...rest: infer Rest) => infer Result
  ? (...rest: Rest) => Result
  : F extends (x: infer _, ...rest: infer Rest) => infer Result
    ? (...rest: Rest) => Result
    : never;
/** What `init` adds to `Tensor`. The doors export it, for only then do their readers see the methods. */
export type TensorMethods = { [K in keyof typeof methods]: Method<(typeof methods)[K]> };

declare module "../tensor/tensor" {
  interface Tensor extends TensorMethods {}
}

/** Called by `init`; a second call changes nothing. */
export function installMethods(): void {
  for (const [name, fn] of Object.entries(methods) as [string, (...args: unknown[]) => unknown][])
    Object.defineProperty(Tensor.prototype, name, {
      value(this: Tensor, ...args: unknown[]) {
        return fn(this, ...args);
      },
      configurable: true,
      writable: true,
    });
}

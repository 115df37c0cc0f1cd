/** Every operation as a method of `Tensor`: `a.mul(b)` is `mul(a, b)`. */
import { Tensor } from "../tensor/tensor";
import * as arithmetic from "./arithmetic";
import { countNonzero } from "./counting";
import * as creation from "./creation";
import { cummax, cummin, cumprod, cumsum, logcumsumexp } from "./cumulative";
import { diff } from "./difference";
import * as functions from "./functions";
import { gather, indexAdd, indexSelect, scatterAdd } from "./indexing";
import { matmul } from "./matmul";
import type { Operand } from "./operand";
import * as products from "./products";
import * as reduce from "./reduce";
import * as shape from "./shape";
import { logSoftmax, logSumExp, softmax } from "./softmax";
import { argsort, sort, topK } from "./sort";
import * as statistics from "./statistics";
import * as tensordot from "./tensordot";
import { norm } from "./vectorNorm";

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
  pad: shape.pad,
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
  gather,
  scatterAdd,
  indexSelect,
  indexAdd,
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

/** Elementwise functions and activations. */
import * as tg from "../../../src/node";
import { binary, type Operations, unary } from "./forms";

type Tensor = tg.Tensor;

/** Infinities beyond 1 in size and NaN near 0, which no fixture can hold. */
const marked = (x: Tensor): Tensor => {
  const known = tg.where(tg.lt(tg.abs(x), 0.3), Number.NaN, x);
  const above = tg.where(tg.gt(x, 1), Number.POSITIVE_INFINITY, known);
  return tg.where(tg.lt(x, -1), Number.NEGATIVE_INFINITY, above);
};

const ofMarked = (fn: (x: Tensor) => Tensor) => unary((x) => fn(marked(x)));

export const elementwiseOperations: Operations = {
  acos: unary(tg.acos),
  acosh: unary(tg.acosh),
  addcdiv: ([x, a, b], { value }) => tg.addcdiv(x!, a!, b!, value),
  addcmul: ([x, a, b], { value }) => tg.addcmul(x!, a!, b!, value),
  allclose: ([a, b], attrs) => tg.allclose(a!, b!, attrs),
  asin: unary(tg.asin),
  asinh: unary(tg.asinh),
  atan: unary(tg.atan),
  atan2: binary(tg.atan2),
  atanh: unary(tg.atanh),
  bitwiseAnd: binary(tg.bitwiseAnd),
  bitwiseLeftShift: binary(tg.bitwiseLeftShift),
  bitwiseNot: unary(tg.bitwiseNot),
  bitwiseOr: binary(tg.bitwiseOr),
  bitwiseRightShift: binary(tg.bitwiseRightShift),
  bitwiseXor: binary(tg.bitwiseXor),
  celu: ([x], { alpha }) => tg.celu(x!, alpha),
  copysign: binary(tg.copysign),
  cosh: unary(tg.cosh),
  deg2rad: unary(tg.deg2rad),
  digamma: unary(tg.digamma),
  elu: ([x], { alpha }) => tg.elu(x!, alpha),
  erfc: unary(tg.erfc),
  erfinv: unary(tg.erfinv),
  exp2: unary(tg.exp2),
  floorDivide: binary(tg.floorDivide),
  fmod: binary(tg.fmod),
  frac: unary(tg.frac),
  glu: ([x], { dim }) => tg.glu(x!, dim),
  hardshrink: ([x], { bound }) => tg.hardshrink(x!, bound),
  hardsigmoid: unary(tg.hardsigmoid),
  hardswish: unary(tg.hardswish),
  hardtanh: ([x], { min, max }) => tg.hardtanh(x!, min, max),
  heaviside: binary((x, values) => tg.heaviside(x, values)),
  hypot: binary(tg.hypot),
  isclose: ([a, b], attrs) => tg.isclose(marked(a!), marked(b!), attrs),
  isfinite: ofMarked(tg.isfinite),
  isinf: ofMarked(tg.isinf),
  isnan: ofMarked(tg.isnan),
  isneginf: ofMarked(tg.isneginf),
  isposinf: ofMarked(tg.isposinf),
  leakyRelu: ([x], { negativeSlope }) => tg.leakyRelu(x!, negativeSlope),
  lgamma: unary(tg.lgamma),
  log10: unary(tg.log10),
  log2: unary(tg.log2),
  logSigmoid: unary(tg.logSigmoid),
  logaddexp: binary(tg.logaddexp),
  logaddexp2: binary(tg.logaddexp2),
  logicalXor: ([a, b]) => tg.logicalXor(a!, b!),
  logit: ([x], { eps }) => tg.logit(x!, eps),
  mish: unary(tg.mish),
  nanToNum: ([x], attrs) => tg.nanToNum(marked(x!), attrs),
  polygamma: ([x], { n }) => tg.polygamma(n, x!),
  prelu: ([x, weight]) => tg.prelu(x!, weight!),
  rad2deg: unary(tg.rad2deg),
  relu6: unary(tg.relu6),
  remainder: binary(tg.remainder),
  roundDecimals: ([x], { decimals }) => tg.round(x!, decimals),
  selu: unary(tg.selu),
  signbit: unary(tg.signbit),
  sinc: unary(tg.sinc),
  sinh: unary(tg.sinh),
  softshrink: ([x], { bound }) => tg.softshrink(x!, bound),
  softsign: unary(tg.softsign),
  tan: unary(tg.tan),
  tanhshrink: unary(tg.tanhshrink),
  threshold: ([x], { limit, value }) => tg.threshold(x!, limit, value),
  trunc: unary(tg.trunc),
  truncDivide: binary((a, b) => tg.div(a, b, { roundingMode: "trunc" })),
  xlogy: binary(tg.xlogy),
};

/** Creation, views and the rest that the other files leave out. */
import * as tg from "../../../src/node";
import { type Operations, unary } from "./forms";

const float = { dtype: "f32" } as const;

export const furtherOperations: Operations = {
  arange: (_, { start, end, step }) => tg.arange(start, end, step, float),
  arangeWhole: (_, { start, end, step }) => tg.arange(start, end, step),
  argsort: ([x], options) => tg.argsort(x!, options),
  atleast1d: unary(tg.atleast1d),
  atleast2d: unary(tg.atleast2d),
  atleast3d: unary(tg.atleast3d),
  clone: unary(tg.clone),
  contiguous: unary(tg.contiguous),
  eye: (_, { n, m }) => tg.eye(n, m),
  fftfreq: (_, { n, d }) => tg.fft.fftfreq(n, d),
  flatten: ([x], { start, end }) => tg.flatten(x!, start, end),
  full: (_, { shape, value }) => tg.full(shape, value),
  idct: ([x], options) => tg.fft.idct(x!, options),
  indexAdd: ([x, index, src], { dim }) => tg.indexAdd(x!, dim, index!, src!),
  lerp: ([a, b, weight], { t }) => tg.lerp(a!, b!, weight ?? t),
  linspace: (_, { start, end, steps }) => tg.linspace(start, end, steps),
  logicalAnd: ([a, b]) => tg.logicalAnd(a!, b!),
  logicalNot: unary(tg.logicalNot),
  logicalOr: ([a, b]) => tg.logicalOr(a!, b!),
  logspace: (_, { start, end, steps, base }) => tg.logspace(start, end, steps, base),
  narrow: ([x], { dim, start, length }) => tg.narrow(x!, dim, start, length),
  oneHot: ([x], { classes }) => tg.oneHot(x!, classes),
  packedAttention: ([qkv], { isCausal }) => tg.packedAttention(qkv!, { causal: isCausal }),
  rfftfreq: (_, { n, d }) => tg.fft.rfftfreq(n, d),
  select: ([x], { dim, index }) => tg.select(x!, dim, index),
  squeezeAll: ([x]) => tg.squeeze(x!),
  trilIndices: (_, { rows, columns, offset }) => tg.trilIndices(rows, columns, offset),
  triuIndices: (_, { rows, columns, offset }) => tg.triuIndices(rows, columns, offset),
};

/** Products of vectors, matrices and tensors with named dimensions. */
import * as tg from "../../../src/node";
import type { Operations } from "./forms";

export const productOperations: Operations = {
  addmm: ([x, a, b], options) => tg.addmm(x!, a!, b!, options),
  baddbmm: ([x, a, b], options) => tg.baddbmm(x!, a!, b!, options),
  bilinear: ([a, b, weight, bias]) => tg.bilinear(a!, b!, weight!, bias),
  bmm: ([a, b]) => tg.bmm(a!, b!),
  cross: ([a, b], { dim }) => tg.cross(a!, b!, dim),
  dot: ([a, b]) => tg.dot(a!, b!),
  einsum: (operands, { equation }) => tg.einsum(equation, ...operands),
  inner: ([a, b]) => tg.inner(a!, b!),
  kron: ([a, b]) => tg.kron(a!, b!),
  mm: ([a, b]) => tg.mm(a!, b!),
  multiDot: (tensors) => tg.multiDot(tensors),
  mv: ([a, x]) => tg.mv(a!, x!),
  outer: ([a, b]) => tg.outer(a!, b!),
  tensordot: ([a, b], { dims }) => tg.tensordot(a!, b!, dims),
};

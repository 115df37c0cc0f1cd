/** Products of vectors, matrices and tensors with named dimensions. */
import type { Calls } from "./operands";

export const productCalls: Calls = {
  addmm: [
    (tg, { x, turned, bias }) => tg.addmm(bias, x, turned),
    (tg, { x, turned, scalar }) => tg.addmm(scalar, x, turned, { alpha: 2, beta: 3 }),
  ],
  baddbmm: [
    (tg, { x, turned, scalar }) =>
      tg.scope(() => tg.baddbmm(scalar, x.unsqueeze(0), turned.unsqueeze(0), { beta: 0 })),
  ],
  bilinear: [(tg, { x, y, bias }) => tg.scope(() => tg.bilinear(x, y, tg.ones([3, 4, 4]), bias))],
  bmm: [(tg, { x, turned }) => tg.scope(() => tg.bmm(x.unsqueeze(0), turned.unsqueeze(0)))],
  cross: [(tg, { x, y }) => tg.cross(x, y, 0)],
  dot: [(tg, { vector }) => tg.dot(vector, vector)],
  einsum: [
    (tg, { x, turned }) => tg.einsum("ij,jk->ki", x, turned),
    (tg, { x, y, vector }) => tg.einsum("ij,kj,j", x, y, vector),
    (tg, { x }) => tg.einsum("ij->ij", x),
    (tg, { x, turned }) => tg.scope(() => tg.einsum("ii->i", x.matmul(turned))),
    (tg, { index }) => tg.einsum("i,j->ij", index, index),
  ],
  inner: [(tg, { x, y }) => tg.inner(x, y), (tg, { x, scalar }) => tg.inner(x, scalar)],
  kron: [(tg, { x, vector }) => tg.kron(x, vector)],
  mm: [(tg, { x, turned }) => tg.mm(x, turned)],
  multiDot: [(tg, { x, turned, vector }) => tg.multiDot([x, turned, x, vector])],
  mv: [(tg, { x, vector }) => tg.mv(x, vector)],
  outer: [(tg, { vector, bias }) => tg.outer(vector, bias)],
  tensordot: [
    (tg, { x, y }) => tg.tensordot(x, y),
    (tg, { x, turned }) => tg.tensordot(x, turned, [[0], [-1]]),
  ],
};

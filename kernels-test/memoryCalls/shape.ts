/** Views, rearranging, indexing, masks and searching. */
import type { Calls } from "./operands";

export const shapeCalls: Calls = {
  argwhere: [(tg, { mask }) => tg.argwhere(mask, { size: 3 })],
  atleast1d: [(tg, { scalar }) => tg.atleast1d(scalar)],
  atleast2d: [(tg, { vector }) => tg.atleast2d(vector)],
  atleast3d: [(tg, { x }) => tg.atleast3d(x)],
  blockDiag: [(tg, { x, vector, index }) => tg.blockDiag(x, vector, index)],
  broadcastTensors: [(tg, { x, row }) => tg.broadcastTensors(x, row)],
  broadcastTo: [(tg, { row }) => tg.broadcastTo(row, [3, 4])],
  bucketize: [(tg, { x, bias }) => tg.bucketize(x, bias), (tg, { bias }) => tg.bucketize(1, bias)],
  cartesianProd: [
    (tg, { index }) => tg.cartesianProd(index, index, index),
    (tg, { bias }) => tg.cartesianProd(bias),
  ],
  chunk: [(tg, { x }) => tg.chunk(x, 2, 1)],
  columnStack: [(tg, { x, bias }) => tg.columnStack([x, bias])],
  combinations: [
    (tg, { bias }) => tg.combinations(bias),
    (tg, { bias }) => tg.combinations(bias, 3, { withReplacement: true }),
  ],
  diag: [(tg, { x }) => tg.diag(x, 1), (tg, { vector }) => tg.diag(vector, -1)],
  diagEmbed: [(tg, { x }) => tg.diagEmbed(x, 1, 0, 2)],
  diagonal: [(tg, { turned }) => tg.diagonal(turned, -1)],
  dstack: [(tg, { x, y }) => tg.dstack([x, y])],
  flip: [(tg, { turned }) => tg.flip(turned, [0, 1])],
  fliplr: [(tg, { x }) => tg.fliplr(x)],
  flipud: [(tg, { x }) => tg.flipud(x)],
  fullLike: [(tg, { x }) => tg.fullLike(x, 2)],
  hstack: [(tg, { x, y }) => tg.hstack([x, y])],
  index: [
    (tg, { x }) => tg.index(x, [1, { start: 1 }]),
    (tg, { x }) => tg.index(x, []),
    (tg, { x, index }) => tg.index(x, ["...", index]),
    (tg, { x, index, column }) => tg.index(x, [column, null, index]),
    (tg, { x, index }) => tg.index(x, [index, index]),
  ],
  indexCopy: [(tg, { x, y, index }) => tg.indexCopy(x, 0, index, y)],
  indexFill: [(tg, { x, index }) => tg.indexFill(x, 1, index, 7)],
  indexPut: [
    (tg, { x, index }) => tg.indexPut(x, [index, index], 1),
    (tg, { x, index, row }) => tg.indexPut(x, [index], row, { accumulate: true }),
    (tg, { x }) => tg.indexPut(x, [-1, { step: 2 }], 3),
    (tg, { x, mask, scalar }) => tg.indexPut(x, [mask], scalar, { accumulate: true }),
  ],
  isin: [
    (tg, { x, y }) => tg.isin(x, y),
    (tg, { x, index }) => tg.isin(index, x, { invert: true }),
  ],
  kthvalue: [
    (tg, { x }) => tg.kthvalue(x, 2),
    (tg, { x }) => tg.kthvalue(x, 2, { dim: 0, keepdim: true }),
    (tg, { scalar }) => tg.kthvalue(scalar, 1),
  ],
  logspace: [(tg) => tg.logspace(0, 2, 3)],
  maskedFill: [
    (tg, { x, mask }) => tg.maskedFill(x, mask, 0),
    (tg, { x, mask, scalar }) => tg.maskedFill(x, mask, scalar),
  ],
  maskedScatter: [(tg, { x, y, mask }) => tg.maskedScatter(x, mask, y)],
  maskedSelect: [(tg, { x, mask }) => tg.maskedSelect(x, mask, { size: 5, fillValue: -1 })],
  meshgrid: [
    (tg, { vector, bias }) => tg.meshgrid([vector, bias]),
    (tg, { vector, bias }) => tg.meshgrid([vector, bias], { indexing: "xy" }),
  ],
  moveaxis: [(tg, { x }) => tg.moveaxis(x, 0, 1)],
  movedim: [(tg, { packed }) => tg.movedim(packed, [0, 1], [-1, 0])],
  msort: [(tg, { x }) => tg.msort(x)],
  nonzero: [(tg, { x }) => tg.nonzero(x, { size: 20, fillValue: -1 })],
  ravel: [(tg, { turned }) => tg.ravel(turned)],
  repeat: [
    (tg, { x }) => tg.repeat(x, [2, 1, 3]),
    (tg, { x }) => tg.repeat(x, [1, 1]),
    (tg, { packed }) => tg.repeat(packed, [1, 2, 1, 1, 2, 2, 3, 2]),
  ],
  repeatInterleave: [
    (tg, { x }) => tg.repeatInterleave(x, 2),
    (tg, { x }) => tg.repeatInterleave(x, 2, 0),
  ],
  roll: [(tg, { x }) => tg.roll(x, 1), (tg, { x }) => tg.roll(x, [1, -1], [0, 1])],
  rot90: [
    (tg, { x }) => tg.rot90(x),
    (tg, { x }) => tg.rot90(x, 2),
    (tg, { x }) => tg.rot90(x, -1),
    (tg, { x }) => tg.rot90(x, 0),
  ],
  scatter: [
    (tg, { x, first, row }) => tg.scatter(x, 0, first, row),
    (tg, { x, first }) => tg.scatter(x, 0, first, 5),
  ],
  scatterReduce: (["sum", "mean", "prod", "amax", "amin"] as const).flatMap((reduce) =>
    [true, false].map(
      (includeSelf) =>
        (tg, { x, first, row }) =>
          tg.scatterReduce(x, 0, first, row, reduce, { includeSelf }),
    ),
  ),
  searchsorted: [
    (tg, { x, bias }) => tg.searchsorted(bias, x, { right: true }),
    (tg, { bias, index }) => tg.searchsorted(index, bias),
  ],
  swapdims: [(tg, { x }) => tg.swapdims(x, 0, 1)],
  take: [(tg, { turned, column }) => tg.take(turned, column)],
  takeAlongDim: [
    (tg, { x, column }) => tg.takeAlongDim(x, column, 1),
    (tg, { x, column }) => tg.takeAlongDim(x, column),
  ],
  tensorSplit: [
    (tg, { x }) => tg.tensorSplit(x, 3, 1),
    (tg, { x }) => tg.tensorSplit(x, [1, 2], 1),
  ],
  tile: [(tg, { x }) => tg.tile(x, [2])],
  trilIndices: [(tg) => tg.trilIndices(3, 4, 1)],
  triuIndices: [(tg) => tg.triuIndices(3, 4)],
  unbind: [(tg, { x }) => tg.unbind(x, 1)],
  unflatten: [(tg, { x }) => tg.unflatten(x, 1, [2, -1])],
  unfold: [(tg, { x }) => tg.unfold(x, 1, 2, 1)],
  unique: [(tg, { x }) => tg.unique(x, { size: 5 })],
  vander: [
    (tg, { index }) => tg.vander(index),
    (tg, { bias }) => tg.vander(bias, 2, { increasing: true }),
  ],
  vstack: [(tg, { vector, row }) => tg.vstack([vector, row])],
};

/** Rearranging, windows, padding, writing by index, masks and searching. */
import { fold, unfold } from "../../../src/nn/functional";
import * as tg from "../../../src/node";
import type { Operations } from "./forms";

type Given = number | null | "..." | tg.IndexRange | { tensor: number };

/** As families/shape.py has them: { tensor: i } is the i-th of the index tensors. */
const indicesOf = (indices: readonly Given[], tensors: readonly tg.Tensor[]): tg.Index[] =>
  indices.map((i) =>
    typeof i === "object" && i !== null && "tensor" in i ? tensors[i.tensor]! : i,
  );

export const shapeOperations: Operations = {
  blockDiag: (parts) => tg.blockDiag(...parts),
  broadcastTensors: (parts) => tg.broadcastTensors(...parts),
  bucketize: ([x, bounds], attrs) => tg.bucketize(x!, bounds!, attrs),
  cartesianProd: (parts) => tg.cartesianProd(...parts),
  chunk: ([x], { chunks, dim }) => tg.chunk(x!, chunks, dim),
  columnStack: (parts) => tg.columnStack(parts),
  combinations: ([x], { r, ...options }) => tg.combinations(x!, r, options),
  diag: ([x], { diagonal }) => tg.diag(x!, diagonal),
  diagEmbed: ([x], { offset, dim1, dim2 }) => tg.diagEmbed(x!, offset, dim1, dim2),
  diagonal: ([x], { offset, dim1, dim2 }) => tg.diagonal(x!, offset, dim1, dim2),
  dstack: (parts) => tg.dstack(parts),
  flip: ([x], { dims }) => tg.flip(x!, dims),
  fliplr: ([x]) => tg.fliplr(x!),
  flipud: ([x]) => tg.flipud(x!),
  hstack: (parts) => tg.hstack(parts),
  imageFold: ([x], { outputSize, kernelSize, ...options }) =>
    fold(x!, outputSize, kernelSize, options),
  imageUnfold: ([x], { kernelSize, ...options }) => unfold(x!, kernelSize, options),
  index: ([x, ...tensors], { indices }) => tg.index(x!, indicesOf(indices, tensors)),
  indexCopy: ([x, index, src], { dim }) => tg.indexCopy(x!, dim, index!, src!),
  indexFill: ([x, index], { dim, value }) => tg.indexFill(x!, dim, index!, value),
  indexPut: ([x, values, ...tensors], { indices, accumulate }) =>
    tg.indexPut(x!, indicesOf(indices, tensors), values!, { accumulate }),
  isin: ([x, test], attrs) => tg.isin(x!, test!, attrs),
  kthvalue: ([x], { k, ...options }) => {
    const { values, indices } = tg.kthvalue(x!, k, options);
    return [values, indices];
  },
  maskedFill: ([x, mask], { value }) => tg.maskedFill(x!, mask!, value),
  maskedScatter: ([x, mask, source]) => tg.maskedScatter(x!, mask!, source!),
  maskedSelect: ([x, mask], attrs) => tg.maskedSelect(x!, mask!, attrs),
  meshgrid: (parts, attrs) => tg.meshgrid(parts, attrs),
  movedim: ([x], { source, target }) => tg.movedim(x!, source, target),
  msort: ([x]) => tg.msort(x!),
  nonzero: ([x], attrs) => tg.nonzero(x!, attrs),
  padMode: ([x], { pad, mode }) => tg.pad(x!, pad, { mode }),
  repeat: ([x], { counts }) => tg.repeat(x!, counts),
  repeatInterleave: ([x], { count, dim }) => tg.repeatInterleave(x!, count, dim),
  roll: ([x], { shifts, dims }) => tg.roll(x!, shifts, dims),
  rot90: ([x], { k, dims }) => tg.rot90(x!, k, dims),
  scatter: ([x, index, src], { dim }) => tg.scatter(x!, dim, index!, src!),
  scatterReduce: ([x, index, src], { dim, reduce, includeSelf }) =>
    tg.scatterReduce(x!, dim, index!, src!, reduce, { includeSelf }),
  searchsorted: ([bounds, x], attrs) => tg.searchsorted(bounds!, x!, attrs),
  take: ([x, index]) => tg.take(x!, index!),
  takeAlongDim: ([x, index], { dim }) => tg.takeAlongDim(x!, index!, dim),
  tensorSplit: ([x], { where, dim }) => tg.tensorSplit(x!, where, dim),
  tile: ([x], { counts }) => tg.tile(x!, counts),
  unbind: ([x], { dim }) => tg.unbind(x!, dim),
  unflatten: ([x], { dim, sizes }) => tg.unflatten(x!, dim, sizes),
  unfold: ([x], { dim, size, step }) => tg.unfold(x!, dim, size, step),
  unique: ([x], attrs) => {
    const { values, inverse, counts } = tg.unique(x!, attrs);
    return [values, inverse, counts];
  },
  vander: ([x], { count, increasing }) => tg.vander(x!, count, { increasing }),
  vstack: (parts) => tg.vstack(parts),
};

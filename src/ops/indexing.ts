/**
 * Reading and adding by index. Indices are i32 or u32 tensors; one outside its range reads 0 or is left
 * out, and the next read of any tensor throws IndexError that names it. Sums of repeated indices are
 * taken in a fixed order, so that gradients have the same bits on every run.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { gridFor, indexingGather, launch } from "../kernels";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { type DType, requireDType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import {
  broadcastShapes,
  normalizeDim,
  type Shape,
  sameShape,
  show,
  sizeOf,
} from "../tensor/shape";
import { requireTensor, type Tensor } from "../tensor/tensor";
import { ne, where } from "./arithmetic";
import type { Primitive, Spec } from "./primitive";
import { jvpOfLinear, withLanes } from "./rules";
import { movedAs, type Scattering, scatterTerms, without } from "./scatterLaunch";
import { clone, expand, narrow, permute, reshape, stopGradient } from "./shape";
import { bind } from "./trace";
import { walkTogether } from "./walk";

export const indexTypes: readonly DType[] = ["i32", "u32"];

const lanes = 4;

interface Reading {
  readonly x: DeviceTensor;
  readonly index: DeviceTensor;
  readonly out: Spec;
  /** Strides along the dimensions of the result. */
  readonly xStrides: readonly number[];
  readonly indexStrides: readonly number[];
  /** Distance in x between what index i and index i + 1 name, and how many there are. */
  readonly step: number;
  readonly limit: number;
  readonly site: string;
}

function read({ x, index, out, xStrides, indexStrides, step, limit, site }: Reading): DeviceTensor {
  const { device } = x;
  const y = DeviceTensor.empty(device, out.shape, out.dtype);
  const { rank, shape, strides } = walkTogether(out.shape, [indexStrides, xStrides]);
  const perInvocation = shape.at(-1)! % lanes === 0 ? lanes : 1;
  const count = y.size / perInvocation;
  launch(
    device,
    indexingGather,
    { x: x.binding, index: index.binding, y: y.binding, faults: device.faults },
    {
      shape,
      index_strides: strides[0]!,
      x_strides: strides[1]!,
      count,
      index_offset: index.bindingOffset,
      x_offset: x.bindingOffset,
      x_step: step,
      limit,
      site: device.faultSite(site),
    },
    gridFor(device, count, 64),
    { types: { T: movedAs(x.dtype) }, overrides: { RANK: rank, LANES: perInvocation } },
  );
  return y;
}

export function requireSummable(op: string, dtype: DType): void {
  if (dtype === "bool")
    throw new DTypeError(`${op}: bool values cannot be added up; convert with .to("i32").`);
}

const replaced = (shape: Shape, dim: number, size: number): number[] =>
  shape.map((d, i) => (i === dim ? size : d));

/** PyTorch's rule for gather and scatterAdd: same rank, and nowhere but at `dim` longer than x. */
export function requireWithin(op: string, index: Spec, shape: Shape, dim: number): void {
  requireDType(op, "index", index.dtype, indexTypes);
  const fits =
    index.shape.length === shape.length && index.shape.every((d, i) => i === dim || d <= shape[i]!);
  if (!fits)
    throw new ShapeError(
      `${op}: index of shape ${show(index.shape)} does not fit ${show(shape)} along dim ${dim}; it needs as many dimensions, and none but dim ${dim} may be longer.`,
    );
}

function requireList(op: string, index: Spec): void {
  requireDType(op, "index", index.dtype, indexTypes);
  if (index.shape.length !== 1)
    throw new ShapeError(
      `${op}: index has shape ${show(index.shape)}; it must have one dimension. For one index per element use gather or scatterAdd.`,
    );
}

const describe = (op: string, index: Spec, shape: Shape, dim: number): string =>
  `${op}: index of shape ${show(index.shape)} into dimension ${dim} of ${show(shape)}`;

/** One index per slice along `dim` of every lane, as one index per element of `shape`. */
function indexOfLanes(index: Tensor, dim: number, shape: Shape): Tensor {
  const [size, count] = index.shape;
  const aligned = shape.map((_, i) => (i === 0 ? size! : i === dim ? count! : 1));
  return expand(reshape(index, aligned), shape);
}

interface GatherAttrs {
  readonly dim: number;
  /** No row of the index names an element twice, so that the way back needs no sums. */
  readonly unique: boolean;
}

const gatherPrimitive: Primitive<GatherAttrs> = {
  name: "gather",
  formula: "y[.., p, ..] = x[.., index[.., p, ..], ..]",
  derivative: "g added up where it was read",
  saves: { inputs: [1] },
  outputs: ([x, index], { dim }) => {
    requireWithin("gather", index!, x!.shape, dim);
    return [{ shape: index!.shape, dtype: x!.dtype }];
  },
  run: ([x, index], { dim }, [out]) => [
    read({
      x: x!,
      index: index!,
      out: out!,
      xStrides: without(x!.strides, dim),
      indexStrides: index!.strides,
      step: x!.strides[dim]!,
      limit: x!.shape[dim]!,
      site: describe("gather", index!, x!.shape, dim),
    }),
  ],
  vjp: ([g], { inputs: [x, index], attrs }) => [
    bind(scatterPrimitive, [index!, g!], { ...attrs, shape: x!.shape })[0]!,
    null,
  ],
  jvp: jvpOfLinear(() => gatherPrimitive, [0]),
  batch: (inputs, context) => {
    const { dim, unique } = context.attrs;
    const [x, index] = inputs;
    if (context.batched[0])
      return bind(gatherPrimitive, withLanes(inputs, context), { dim: dim + 1, unique });
    // Longer rows of indices into the one x, so that the way back adds the lanes up where they meet.
    const order = index!.shape.map((_, i) => (i < dim ? i + 1 : i === dim ? 0 : i));
    const turned = permute(index!, order);
    const { shape } = turned;
    const merged = [...shape.slice(0, dim), shape[dim]! * shape[dim + 1]!, ...shape.slice(dim + 2)];
    const [y] = bind(gatherPrimitive, [x!, reshape(turned, merged)], { dim, unique: false });
    const back = shape.map((_, i) => (i === 0 ? dim : i <= dim ? i - 1 : i));
    return [permute(reshape(y!, shape), back)];
  },
};

/** The way back from gather: like scatterAdd on zeros of `shape`. */
const scatterPrimitive: Primitive<GatherAttrs & { readonly shape: Shape }> = {
  name: "gatherBackward",
  formula: "y = 0, y[.., index[.., p, ..], ..] += g[.., p, ..]",
  derivative: "the elements of the cotangent that the indices name",
  saves: { inputs: [0] },
  outputs: ([_, g], { shape }) => [{ shape, dtype: g!.dtype }],
  run: ([index, g], { dim, unique, shape }, [out]) => {
    const y = DeviceTensor.empty(g!.device, out!.shape, out!.dtype);
    const covered = replaced(index!.shape, dim, shape[dim]!);
    const onto = !sameShape(covered, shape);
    if (onto) y.device.executor.clear(y.binding);
    scatterAll("gather backward", y, index!, g!, {
      combine: "add",
      base: onto ? "combined" : "nothing",
      dim,
      unique,
    });
    return [y];
  },
  vjp: ([g], { inputs: [index], attrs: { dim, unique } }) => [
    null,
    bind(gatherPrimitive, [g!, index!], { dim, unique })[0]!,
  ],
  jvp: jvpOfLinear(() => scatterPrimitive, [1]),
  batch: (inputs, context) => {
    const { dim, unique, shape } = context.attrs;
    return bind(scatterPrimitive, withLanes(inputs, context), {
      dim: dim + 1,
      unique,
      shape: [context.size, ...shape],
    });
  },
};

/** One index per element of src. */
export function scatterAll(
  op: string,
  y: DeviceTensor,
  index: DeviceTensor,
  src: DeviceTensor,
  how: Pick<Scattering, "combine" | "base" | "dim" | "unique">,
): void {
  scatterTerms({
    ...how,
    y,
    shape: replaced(index.shape, how.dim, y.shape[how.dim]!),
    index,
    indexDims: index.shape.map((_, i) => i),
    src,
    srcStrides: src.strides,
    site: describe(op, index, y.shape, how.dim),
  });
}

const scatterAddPrimitive: Primitive<{ readonly dim: number }> = {
  name: "scatterAdd",
  formula: "y = x, y[.., index[.., p, ..], ..] += src[.., p, ..]",
  derivative: "to x: g; to src: the elements of g that the indices name",
  saves: { inputs: [1] },
  outputs: ([x, index, src], { dim }) => {
    requireSummable("scatterAdd", x!.dtype);
    requireWithin("scatterAdd", index!, x!.shape, dim);
    if (src!.dtype !== x!.dtype)
      throw new DTypeError(`scatterAdd: x has dtype ${x!.dtype} and src ${src!.dtype}.`);
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  run: ([x, index, src], { dim }) => {
    const y = clone(x!) as DeviceTensor;
    if (index!.size > 0)
      scatterAll("scatterAdd", y, index!, src!, { combine: "add", base: "combined", dim });
    return [y];
  },
  vjp: ([g], { inputs: [, index], attrs, needs }) => [
    g!,
    null,
    needs[2] ? gather(g!, attrs.dim, index!) : null,
  ],
  jvp: jvpOfLinear(() => scatterAddPrimitive, [0, 2]),
  batch: (inputs, context) =>
    bind(scatterAddPrimitive, withLanes(inputs, context), { dim: context.attrs.dim + 1 }),
};

interface SelectAttrs {
  readonly dim: number;
}

const indexSelectPrimitive: Primitive<SelectAttrs> = {
  name: "indexSelect",
  formula: "y[.., p, ..] = x[.., index[p], ..]",
  derivative: "the slices of g added up where they were read",
  saves: { inputs: [1] },
  outputs: ([x, index], { dim }) => {
    requireList("indexSelect", index!);
    return [{ shape: replaced(x!.shape, dim, index!.shape[0]!), dtype: x!.dtype }];
  },
  run: ([x, index], { dim }, [out]) => [
    read({
      x: x!,
      index: index!,
      out: out!,
      xStrides: without(x!.strides, dim),
      indexStrides: x!.shape.map((_, i) => (i === dim ? index!.strides[0]! : 0)),
      step: x!.strides[dim]!,
      limit: x!.shape[dim]!,
      site: describe("indexSelect", index!, x!.shape, dim),
    }),
  ],
  vjp: ([g], { inputs: [x, index], attrs: { dim } }) => [
    bind(selectBackwardPrimitive, [index!, g!], { dim, size: x!.shape[dim]! })[0]!,
    null,
  ],
  jvp: jvpOfLinear(() => indexSelectPrimitive, [0]),
  batch: ([x, index], { attrs: { dim }, batched: [ofX, ofIndex] }) => {
    if (!ofIndex) return bind(indexSelectPrimitive, [x!, index!], { dim: dim + 1 });
    if (ofX) {
      const shape = replaced(x!.shape, dim + 1, index!.shape[1]!);
      return [gather(x!, dim + 1, indexOfLanes(index!, dim + 1, shape))];
    }
    const [y] = bind(indexSelectPrimitive, [x!, reshape(index!, [index!.size])], { dim });
    const apart = reshape(y!, [
      ...x!.shape.slice(0, dim),
      ...index!.shape,
      ...x!.shape.slice(dim + 1),
    ]);
    const back = apart.shape.map((_, i) => (i === 0 ? dim : i <= dim ? i - 1 : i));
    return [permute(apart, back)];
  },
};

/** One index per slice of src along `dim`. */
function addSlices(
  op: string,
  y: DeviceTensor,
  onto: boolean,
  index: DeviceTensor,
  src: DeviceTensor,
  dim: number,
): void {
  scatterTerms({
    y,
    combine: "add",
    base: onto ? "combined" : "nothing",
    shape: y.shape,
    dim,
    index,
    indexDims: y.shape.map((_, i) => (i === dim ? 0 : null)),
    src,
    srcStrides: src.strides,
    site: describe(op, index, y.shape, dim),
  });
}

/** The way back from indexSelect: like indexAdd on zeros. */
const selectBackwardPrimitive: Primitive<SelectAttrs & { readonly size: number }> = {
  name: "indexSelectBackward",
  formula: "y = 0, y[.., index[p], ..] += g[.., p, ..]",
  derivative: "the slices of the cotangent that the indices name",
  saves: { inputs: [0] },
  outputs: ([_, g], { dim, size }) => [{ shape: replaced(g!.shape, dim, size), dtype: g!.dtype }],
  run: ([index, g], { dim }, [out]) => {
    const y = DeviceTensor.empty(g!.device, out!.shape, out!.dtype);
    addSlices("indexSelect backward", y, false, index!, g!, dim);
    return [y];
  },
  vjp: ([g], { inputs: [index], attrs: { dim } }) => [null, indexSelect(g!, dim, index!)],
  jvp: jvpOfLinear(() => selectBackwardPrimitive, [1]),
  batch: (inputs, context) => {
    const { dim, size } = context.attrs;
    if (!context.batched[0]) return bind(selectBackwardPrimitive, inputs, { dim: dim + 1, size });
    const [index, g] = withLanes(inputs, context);
    return bind(scatterPrimitive, [indexOfLanes(index!, dim + 1, g!.shape), g!], {
      dim: dim + 1,
      unique: false,
      shape: replaced(g!.shape, dim + 1, size),
    });
  },
};

const indexAddPrimitive: Primitive<SelectAttrs> = {
  name: "indexAdd",
  formula: "y = x, y[.., index[p], ..] += src[.., p, ..]",
  derivative: "to x: g; to src: the slices of g that the indices name",
  saves: { inputs: [1] },
  outputs: ([x, index, src], { dim }) => {
    requireSummable("indexAdd", x!.dtype);
    requireList("indexAdd", index!);
    const wanted = replaced(x!.shape, dim, index!.shape[0]!);
    if (!sameShape(src!.shape, wanted) || src!.dtype !== x!.dtype)
      throw new ShapeError(
        `indexAdd: src is ${src!.dtype} ${show(src!.shape)}; with ${index!.shape[0]} indices along dim ${dim} of ${x!.dtype} ${show(x!.shape)} it must be ${x!.dtype} ${show(wanted)}.`,
      );
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  run: ([x, index, src], { dim }) => {
    const y = clone(x!) as DeviceTensor;
    if (index!.size > 0) addSlices("indexAdd", y, true, index!, src!, dim);
    return [y];
  },
  vjp: ([g], { inputs: [, index], attrs: { dim }, needs }) => [
    g!,
    null,
    needs[2] ? indexSelect(g!, dim, index!) : null,
  ],
  jvp: jvpOfLinear(() => indexAddPrimitive, [0, 2]),
  batch: (inputs, context) => {
    const dim = context.attrs.dim + 1;
    const [x, index, src] = withLanes(inputs, context);
    if (!context.batched[1]) return bind(indexAddPrimitive, [x!, inputs[1]!, src!], { dim });
    return bind(scatterAddPrimitive, [x!, indexOfLanes(index!, dim, src!.shape), src!], { dim });
  },
};

interface EmbeddingAttrs {
  readonly paddingIdx: number | undefined;
}

const embeddingSite = (op: string, index: Spec, rows: number): string =>
  `${op}: index of shape ${show(index.shape)} into ${rows} rows`;

/** What flows to and from the table: `rows` [index.., width], but 0 where the index is `paddingIdx`. */
function withoutPadding(rows: Tensor, index: Tensor, paddingIdx: number | undefined): Tensor {
  if (paddingIdx === undefined) return rows;
  return where(reshape(ne(index, paddingIdx), [...index.shape, 1]), rows, 0);
}

/** Indices of every lane [size, index..] as one per element of [size, indices, width]. */
function indexOfTables(index: Tensor, width: number): Tensor {
  const size = index.shape[0]!;
  const count = sizeOf(index.shape.slice(1));
  return expand(reshape(index, [size, count, 1]), [size, count, width]);
}

const embeddingPrimitive: Primitive<EmbeddingAttrs> = {
  name: "embedding",
  formula: "y[p.., :] = weight[index[p..], :]",
  derivative: "to weight: the rows of g added up where they were read; nothing to row paddingIdx",
  saves: { inputs: [0] },
  outputs: ([index, weight]) => {
    requireDType("embedding", "index", index!.dtype, indexTypes);
    if (weight!.shape.length !== 2)
      throw new ShapeError(
        `embedding: weight has shape ${show(weight!.shape)}; it must be [rows, width].`,
      );
    return [{ shape: [...index!.shape, weight!.shape[1]!], dtype: weight!.dtype }];
  },
  run: ([index, weight], _, [out]) => [
    read({
      x: weight!,
      index: index!,
      out: out!,
      xStrides: [...index!.shape.map(() => 0), weight!.strides[1]!],
      indexStrides: [...index!.strides, 0],
      step: weight!.strides[0]!,
      limit: weight!.shape[0]!,
      site: embeddingSite("embedding", index!, weight!.shape[0]!),
    }),
  ],
  vjp: ([g], { inputs: [index, weight], attrs: { paddingIdx } }) => [
    null,
    bind(embeddingBackwardPrimitive, [index!, g!], { paddingIdx, rows: weight!.shape[0]! })[0]!,
  ],
  jvp: ([, t], { inputs: [index], attrs: { paddingIdx } }) => [
    withoutPadding(embedding(index!, t!), index!, paddingIdx),
  ],
  batch: (inputs, context) => {
    const { paddingIdx } = context.attrs;
    if (!context.batched[1]) return bind(embeddingPrimitive, inputs, context.attrs);
    const [index, tables] = withLanes(inputs, context);
    const width = tables!.shape[2]!;
    const y = reshape(gather(tables!, 1, indexOfTables(index!, width)), [...index!.shape, width]);
    if (paddingIdx === undefined) return [y];
    const read = reshape(ne(index!, paddingIdx), [...index!.shape, 1]);
    return [where(read, y, stopGradient(y))];
  },
};

const embeddingBackwardPrimitive: Primitive<EmbeddingAttrs & { readonly rows: number }> = {
  name: "embeddingBackward",
  formula: "y = 0, y[index[p..], :] += g[p.., :], but row paddingIdx stays 0",
  derivative: "the rows of the cotangent that the indices name, 0 for row paddingIdx",
  saves: { inputs: [0] },
  outputs: ([_, g], { rows }) => [{ shape: [rows, g!.shape.at(-1)!], dtype: g!.dtype }],
  run: ([index, g], { paddingIdx }, [out]) => {
    const y = DeviceTensor.empty(g!.device, out!.shape, out!.dtype);
    const list = reshape(index!, [index!.size]) as DeviceTensor;
    const rows = reshape(g!, [index!.size, y.shape[1]!]) as DeviceTensor;
    scatterTerms({
      y,
      combine: "add",
      base: "nothing",
      shape: y.shape,
      dim: 0,
      index: list,
      indexDims: [0, null],
      src: rows,
      srcStrides: rows.strides,
      skipped: paddingIdx,
      site: embeddingSite("embedding backward", index!, y.shape[0]!),
    });
    list.dispose();
    rows.dispose();
    return [y];
  },
  vjp: ([g], { inputs: [index], attrs: { paddingIdx } }) => [
    null,
    withoutPadding(embedding(index!, g!), index!, paddingIdx),
  ],
  jvp: jvpOfLinear(() => embeddingBackwardPrimitive, [1]),
  batch: (inputs, context) => {
    const { paddingIdx, rows } = context.attrs;
    const [index, g] = withLanes(inputs, context);
    const kept = withoutPadding(g!, index!, paddingIdx);
    const width = g!.shape.at(-1)!;
    const count = sizeOf(index!.shape.slice(1));
    const terms = reshape(kept, [context.size, count, width]);
    if (!context.batched[0])
      return bind(selectBackwardPrimitive, [reshape(inputs[0]!, [count]), terms], {
        dim: 1,
        size: rows,
      });
    return bind(scatterPrimitive, [indexOfTables(index!, width), terms], {
      dim: 1,
      unique: false,
      shape: [context.size, rows, width],
    });
  },
};

/**
 * Elements of x chosen along `dim` (PyTorch `gather`): y[i, p, k] = x[i, index[i, p, k], k] for dim 1.
 *
 * @param index i32 or u32, as many dimensions as x, nowhere but at `dim` longer than x
 * @returns the shape of `index`, the dtype of x; differentiable in x, repeated indices add up
 * @throws ShapeError, DTypeError; at the next read, IndexError for an index outside 0 to size - 1
 * @example gather(tensor([[1, 2], [3, 4]]), 1, tensor([[1], [0]], { dtype: "i32" })) // [[2], [3]]
 */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  return gatherBy(x, dim, index, false);
}

/** `gather` by indices of which the caller knows that none occurs twice in a row along `dim`. */
export function gatherUnique(x: Tensor, dim: number, index: Tensor): Tensor {
  return gatherBy(x, dim, index, true);
}

function gatherBy(x: Tensor, dim: number, index: Tensor, unique: boolean): Tensor {
  const at = normalizeDim("gather", dim, x.rank);
  if (x.rank > 0) return bind(gatherPrimitive, [x, index], { dim: at, unique })[0]!;
  return scope(() => {
    const operands = [reshape(x, [1]), reshape(index, [index.size])];
    return reshape(bind(gatherPrimitive, operands, { dim: 0, unique })[0]!, index.shape);
  });
}

/**
 * x with the elements of `src` added where `index` says (PyTorch `scatter_add`): for dim 1,
 * y[i, index[i, p, k], k] += src[i, p, k]. Terms for one element are added in the order of p.
 *
 * @param index i32 or u32, as many dimensions as x, nowhere but at `dim` longer than x
 * @param src the dtype of x, nowhere shorter than index; what lies beyond index is not used
 * @returns the shape and dtype of x; differentiable in x and src
 * @throws ShapeError, DTypeError; at the next read, IndexError for an index outside 0 to size - 1
 */
export function scatterAdd(x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  const at = normalizeDim("scatterAdd", dim, x.rank);
  return scope(() => {
    const used = usedPart("scatterAdd", index, src);
    if (x.rank === 0)
      return reshape(
        scatterAdd(reshape(x, [1]), 0, reshape(index, [index.size]), reshape(used, [used.size])),
        [],
      );
    return bind(scatterAddPrimitive, [x, index, used], { dim: at })[0]!;
  });
}

/** The part of `src` that an index covers. @throws ShapeError where src is shorter than the index */
export function usedPart(op: string, index: Tensor, src: Tensor): Tensor {
  requireTensor(op, src);
  if (src.rank !== index.rank || src.shape.some((d, i) => d < index.shape[i]!))
    throw new ShapeError(
      `${op}: src of shape ${show(src.shape)} is shorter than index of shape ${show(index.shape)}; it must have at least one element per index.`,
    );
  return index.shape.reduce(
    (part, d, i) => (d < part.shape[i]! ? narrow(part, i, 0, d) : part),
    src,
  );
}

/**
 * The slices of x that `index` names along `dim`, in its order (PyTorch `index_select`).
 *
 * @param index i32 or u32 [n]
 * @returns x's shape with n at `dim`; differentiable in x, repeated indices add up
 * @throws ShapeError, DTypeError; at the next read, IndexError for an index outside 0 to size - 1
 */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  const at = normalizeDim("indexSelect", dim, x.rank);
  return bind(indexSelectPrimitive, [requireDims("indexSelect", x), index], { dim: at })[0]!;
}

/**
 * x with the slices of `src` added where `index` says along `dim` (PyTorch `index_add`), those for one
 * slice of x in the order of the indices.
 *
 * @param index i32 or u32 [n]
 * @param src the dtype of x; x's shape with n at `dim`
 * @returns the shape and dtype of x; differentiable in x and src
 * @throws ShapeError, DTypeError; at the next read, IndexError for an index outside 0 to size - 1
 */
export function indexAdd(x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  const at = normalizeDim("indexAdd", dim, x.rank);
  return bind(indexAddPrimitive, [requireDims("indexAdd", x), index, src], { dim: at })[0]!;
}

/**
 * The elements of x, as one long row, that `index` names (PyTorch `take`).
 *
 * @param index i32 or u32, any shape
 * @returns the shape of index; differentiable in x, repeated indices add up
 * @throws DTypeError; at the next read, IndexError for an index outside 0 to x.size - 1
 */
export function take(x: Tensor, index: Tensor): Tensor {
  return scope(() => {
    const row = reshape(x, [x.size]);
    return reshape(indexSelect(row, 0, reshape(index, [index.size])), index.shape);
  });
}

/**
 * Elements of x chosen along `dim` by indices that broadcast against x (PyTorch `take_along_dim`), such
 * as `argsort` gives.
 *
 * @param index i32 or u32, as many dimensions as x
 * @param dim default: x and index as one long row
 * @throws ShapeError, DTypeError; at the next read, IndexError for an index outside 0 to size - 1
 */
export function takeAlongDim(x: Tensor, index: Tensor, dim?: number): Tensor {
  return scope(() => {
    if (dim === undefined) return take(x, reshape(index, [index.size]));
    const at = normalizeDim("takeAlongDim", dim, x.rank);
    if (index.rank !== x.rank)
      throw new ShapeError(
        `takeAlongDim: index of shape ${show(index.shape)} must have as many dimensions as x ${show(x.shape)}.`,
      );
    const along = (t: Tensor, size: number): number[] => replaced(t.shape, at, size);
    const common = broadcastShapes("takeAlongDim", along(x, 1), along(index, 1));
    return gather(
      expand(x, replaced(common, at, x.shape[at] ?? 1)),
      at,
      expand(index, replaced(common, at, index.shape[at] ?? 1)),
    );
  });
}

function requireDims(op: string, x: Tensor): Tensor {
  if (x.rank === 0)
    throw new ShapeError(`${op}: x is a scalar and has no dimension to index; reshape it to [1].`);
  return x;
}

export interface EmbeddingOptions {
  /** A row that gets no gradient; negative counts from the end. Its values are read as they are. */
  paddingIdx?: number;
}

/**
 * The rows of a table (PyTorch `functional.embedding`).
 *
 * @param index i32 or u32, any shape
 * @param weight [rows, width]
 * @returns [...index.shape, width]; differentiable in weight, repeated indices add up in their order
 * @throws ShapeError, DTypeError; ArgumentError for a paddingIdx outside the table; at the next read,
 * IndexError for an index outside 0 to rows - 1
 */
export function embedding(index: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  requireOptions("embedding", options, "paddingIdx");
  requireTensor("embedding", index);
  const rows = weight.shape[0] ?? 0;
  let { paddingIdx } = options;
  if (paddingIdx !== undefined) {
    if (!Number.isInteger(paddingIdx) || paddingIdx < -rows || paddingIdx >= rows)
      throw new ArgumentError(
        `embedding: paddingIdx ${paddingIdx} is not one of the ${rows} rows of weight.`,
      );
    if (paddingIdx < 0) paddingIdx += rows;
  }
  return bind(embeddingPrimitive, [index, weight], { paddingIdx })[0]!;
}

export const indexingPrimitives = [
  gatherPrimitive,
  scatterPrimitive,
  scatterAddPrimitive,
  indexSelectPrimitive,
  selectBackwardPrimitive,
  indexAddPrimitive,
  embeddingPrimitive,
  embeddingBackwardPrimitive,
];

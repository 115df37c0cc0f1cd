/**
 * Indexing several dimensions at once, with numbers, ranges and tensors (PyTorch `x[...]`): reading, and
 * a copy with those elements written.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { gridFor, indexingFlatIndex, launch } from "../kernels";
import { requireOptions } from "../options";
import { constant } from "../tensor/creation";
import { DeviceTensor } from "../tensor/deviceTensor";
import { requireDType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { broadcastShapes, type Shape, sameShape, show, sizeOf } from "../tensor/shape";
import { requireTensor, Tensor } from "../tensor/tensor";
import { add, where } from "./arithmetic";
import { arange } from "./creation";
import { indexSelect, indexTypes, scatterAdd } from "./indexing";
import { broadcastStrides } from "./pointwise";
import type { Primitive } from "./primitive";
import { alignLanes } from "./rules";
import { scatter } from "./scatter";
import { expand, permute, reshape, select, slice, unsqueeze } from "./shape";
import { bind } from "./trace";
import { walkTogether } from "./walk";

/** A range of a dimension, as in Python: start:end:step. */
export interface IndexRange {
  /** First index; negative counts from the end. Default 0. */
  start?: number;
  /** One past the last index; negative counts from the end. Default: the size. */
  end?: number;
  /** Distance between taken elements, >= 1. Default 1. */
  step?: number;
}

/**
 * What to take of one dimension. A number: one element, without the dimension. A range; {} is all of it.
 * null: a new dimension of size 1. "...": all dimensions that nothing else names. A tensor of i32 or u32:
 * these elements; tensors for several dimensions broadcast against each other. A bool tensor stands for as
 * many dimensions as it has, where that needs no list of its true elements.
 */
export type Index = number | IndexRange | null | "..." | Tensor;

interface FlatAttrs {
  readonly size: number;
  readonly site: string;
}

const flatIndexPrimitive: Primitive<FlatAttrs> = {
  name: "flatIndex",
  formula: "before · size + index, a negative index counted from the end",
  saves: "nothing",
  outputs: ([before, index]) => [
    { shape: broadcastShapes("index", before!.shape, index!.shape), dtype: "i32" },
  ],
  run: ([before, index], { size, site }, [out]) => {
    const y = DeviceTensor.empty(before!.device, out!.shape, "i32");
    const { rank, shape, strides } = walkTogether(out!.shape, [
      broadcastStrides(before!, out!.shape),
      broadcastStrides(index!, out!.shape),
    ]);
    launch(
      y.device,
      indexingFlatIndex,
      {
        before: before!.binding,
        index: index!.binding,
        y: y.binding,
        faults: y.device.faults,
      },
      {
        shape,
        before_strides: strides[0]!,
        index_strides: strides[1]!,
        count: y.size,
        before_offset: before!.bindingOffset,
        index_offset: index!.bindingOffset,
        size,
        site: y.device.faultSite(site),
      },
      gridFor(y.device, y.size, 64),
      { overrides: { RANK: rank, WRAP: index!.dtype === "i32" ? 1 : 0 } },
    );
    return [y];
  },
  vjp: null,
  jvp: null,
  batch: (inputs, context) => bind(flatIndexPrimitive, alignLanes(inputs, context), context.attrs),
};

/** The positions in row-major order of elements whose indices along each dimension broadcast. */
function flatten(op: string, indices: readonly Tensor[], sizes: Shape): Tensor {
  return indices.reduce<Tensor>(
    (before, index, i) =>
      bind(flatIndexPrimitive, [before, index], {
        size: sizes[i]!,
        site: `${op}: an index tensor of shape ${show(index.shape)} into a dimension of size ${sizes[i]}`,
      })[0]!,
    constant(indices[0]!.device, 0, "i32"),
  );
}

/** One entry for each dimension of x and each new one: "..." and missing entries written out. */
function complete(op: string, x: Tensor, indices: readonly Index[]): Exclude<Index, "...">[] {
  const named = indices.filter((i) => i !== null && i !== "...").length;
  const dots = indices.indexOf("...");
  if (dots !== indices.lastIndexOf("..."))
    throw new ArgumentError(`${op}: "..." may stand once; it takes all dimensions not named.`);
  if (named > x.rank)
    throw new ShapeError(
      `${op}: ${named} indices for the ${x.rank} dimensions of ${show(x.shape)}.`,
    );
  const missing = new Array<IndexRange>(x.rank - named).fill({});
  const at = dots < 0 ? indices.length : dots;
  const all = [...indices.slice(0, at), ...missing, ...indices.slice(dots < 0 ? at : at + 1)];
  return all.map((i) => requireIndex(op, i as Exclude<Index, "...">));
}

function requireIndex(op: string, index: Exclude<Index, "...">): Exclude<Index, "..."> {
  if (index instanceof Tensor) {
    if (index.dtype === "bool")
      throw new DTypeError(
        `${op}: how many elements a bool tensor of shape ${show(index.shape)} names is only known on the device. Use nonzero(mask, { size }) for a list of a stated size, maskedSelect, or where.`,
      );
    requireDType(op, "an index", index.dtype, indexTypes);
  } else if (typeof index === "number" ? !Number.isInteger(index) : typeof index !== "object")
    throw new ArgumentError(
      `${op}: index ${String(index)} must be a whole number, a range { start, end, step }, null, "..." or a tensor.`,
    );
  return index;
}

/** Numbers, ranges and new dimensions taken; what is left to do with tensors, by dimension. */
function takeViews(
  x: Tensor,
  indices: readonly Exclude<Index, "...">[],
): { view: Tensor; tensors: (Tensor | null)[] } {
  let view = x;
  const tensors: (Tensor | null)[] = [];
  for (const index of indices) {
    const dim = tensors.length;
    if (typeof index === "number") view = select(view, dim, index);
    else if (index === null) {
      view = unsqueeze(view, dim);
      tensors.push(null);
    } else if (index instanceof Tensor) tensors.push(index);
    else {
      const whole = Object.values(index).every((bound) => bound === undefined);
      if (!whole) view = slice(view, { dim, ...index });
      tensors.push(null);
    }
  }
  return { view, tensors };
}

/** Where the dimensions that tensors make go: in their place if they are neighbours, else in front. */
function placeOf(used: readonly number[]): number {
  const together = used.every((d, i) => i === 0 || d === used[i - 1]! + 1);
  return together ? (used[0] ?? 0) : 0;
}

/**
 * Elements of x by indices for its dimensions (PyTorch `x[i, j, ...]`).
 *
 * @param indices one entry for each dimension from the first on; those without one are taken whole
 * @returns with numbers and ranges alone, a view. Tensors for k dimensions together replace these by the
 * shape they broadcast to: in their place if they are neighbours, else in front. Differentiable in x,
 * repeated indices add up
 * @throws ShapeError for too many indices, a number out of range, or tensors that do not broadcast;
 * DTypeError for tensors of other types, also bool, whose number of elements is not known: see nonzero;
 * ArgumentError for anything else; at the next read, IndexError for a tensor's index outside -size to
 * size - 1
 * @example index(x, [0, { start: 1 }]) // x[0, 1:]
 * @example index(x, ["...", tensor(Int32Array.of(2, 0))]) // x[..., [2, 0]]
 */
export function index(x: Tensor, indices: readonly Index[]): Tensor {
  const all = complete("index", x, indices);
  return scope(() => {
    const { view, tensors } = takeViews(x, all);
    const used = tensors.flatMap((t, d) => (t ? [d] : []));
    if (used.length === 0) return view === x ? reshape(x, x.shape) : view;
    const sizes = used.map((d) => view.shape[d]!);
    const positions = flatten(
      "index",
      used.map((d) => tensors[d]!),
      sizes,
    );
    const place = placeOf(used);
    const others = view.shape.flatMap((_, d) => (used.includes(d) ? [] : [d]));
    const order = [...others.slice(0, place), ...used, ...others.slice(place)];
    const turned = order.every((d, i) => d === i) ? view : permute(view, order);
    const before = turned.shape.slice(0, place);
    const after = turned.shape.slice(place + used.length);
    const rows = used.length === 1 ? turned : reshape(turned, [...before, sizeOf(sizes), ...after]);
    const taken = indexSelect(rows, place, reshape(positions, [positions.size]));
    return reshape(taken, [...before, ...positions.shape, ...after]);
  });
}

export interface IndexPutOptions {
  /** Add to what is there; values for one element add up in their order. Default false. */
  accumulate?: boolean;
}

/**
 * A copy of x in which the elements that `index(x, indices)` names are replaced by `values` (PyTorch
 * `index_put`, `x[...] = values`). Of several values for one element the last stays.
 *
 * @param indices as in `index`; or one bool tensor alone, for the leading dimensions
 * @param values the dtype of x, broadcasts to the shape of `index(x, indices)`; or a number. With a bool
 * tensor: a number, or what broadcasts to the dimensions after its own
 * @returns the shape and dtype of x; differentiable in x and values
 * @throws as `index`; ShapeError for values that do not broadcast, DTypeError for another dtype
 * @example indexPut(zeros([3]), [tensor(Int32Array.of(0, 0))], tensor([1, 2]), { accumulate: true }) // 3, 0, 0
 */
export function indexPut(
  x: Tensor,
  indices: readonly Index[],
  values: Tensor | number,
  options: IndexPutOptions = {},
): Tensor {
  const { accumulate = false } = requireOptions("indexPut", options, "accumulate");
  if (typeof values !== "number") requireTensor("indexPut", values);
  if (typeof values !== "number" && values.dtype !== x.dtype)
    throw new DTypeError(`indexPut: x has dtype ${x.dtype} and values ${values.dtype}.`);
  const [mask] = indices;
  return scope(() => {
    const given = typeof values === "number" ? constant(x.device, values, x.dtype) : values;
    if (indices.length === 1 && mask instanceof Tensor && mask.dtype === "bool")
      return putWhere(x, mask, given, accumulate);
    const all = complete("indexPut", x, indices);
    const positions = positionsOf(x, all);
    requireBroadcast(given, positions.shape);
    const row = reshape(x, [x.size]);
    const places = reshape(positions, [positions.size]);
    const terms = reshape(expand(given, positions.shape), [positions.size]);
    return reshape((accumulate ? scatterAdd : scatter)(row, 0, places, terms), x.shape);
  });
}

function requireBroadcast(values: Tensor, shape: Shape): void {
  const fits =
    values.rank <= shape.length &&
    sameShape(broadcastShapes("indexPut", values.shape, shape), shape);
  if (!fits)
    throw new ShapeError(
      `indexPut: values of shape ${show(values.shape)} do not broadcast to ${show(shape)}.`,
    );
}

function putWhere(x: Tensor, mask: Tensor, values: Tensor, accumulate: boolean): Tensor {
  const { rank } = mask;
  if (rank > x.rank || !sameShape(mask.shape, x.shape.slice(0, rank)))
    throw new ShapeError(
      `indexPut: a mask of shape ${show(mask.shape)} must have the first dimensions of x ${show(x.shape)}.`,
    );
  requireBroadcast(values, x.shape.slice(rank));
  const rows = reshape(mask, [...mask.shape, ...x.shape.slice(rank).map(() => 1)]);
  return where(rows, accumulate ? add(x, values) : values, x);
}

/** Of every element that the indices name: its place among the elements of x. */
function positionsOf(x: Tensor, indices: readonly Exclude<Index, "...">[]): Tensor {
  const { device } = x;
  const tensors = indices.filter((i) => i instanceof Tensor);
  const common = tensors.reduce<number[]>(
    (shape, t) => broadcastShapes("indexPut", shape, t.shape),
    [],
  );
  // The result's dimensions: one for each range and new one, and those of the tensors in their place.
  const kept = indices.filter((i) => typeof i !== "number");
  const used = kept.flatMap((i, d) => (i instanceof Tensor ? [d] : []));
  const place = placeOf(used);
  const rank = kept.length - used.length + common.length;
  const column = (t: Tensor, at: number): Tensor =>
    reshape(t, [...t.shape, ...new Array<number>(rank - at - t.rank).fill(1)]);
  let dim = 0;
  let out = 0;
  const shape: number[] = [];
  const perDim: Tensor[] = [];
  const pass = (): void => {
    if (used.length > 0 && out === place && shape.length === place) {
      shape.push(...common);
      out += common.length;
    }
  };
  for (const index of indices) {
    pass();
    if (index instanceof Tensor) perDim.push(column(index, place + common.length - index.rank));
    else if (typeof index === "number") perDim.push(single(x, dim, index));
    else if (index === null) {
      shape.push(1);
      out++;
      continue;
    } else {
      const all = arange(0, x.shape[dim]!, 1, { device });
      const part = slice(all, { dim: 0, ...index });
      perDim.push(column(part, out));
      shape.push(part.size);
      out++;
    }
    dim++;
  }
  pass();
  const flat = x.rank === 0 ? constant(device, 0, "i32") : flatten("indexPut", perDim, x.shape);
  return expand(flat, shape);
}

/** @throws ShapeError for a number outside the dimension */
function single(x: Tensor, dim: number, index: number): Tensor {
  const size = x.shape[dim]!;
  if (index < -size || index >= size)
    throw new ShapeError(
      `indexPut: index ${index} leaves dimension ${dim} of ${show(x.shape)}; valid are ${-size} to ${size - 1}.`,
    );
  return constant(x.device, index < 0 ? index + size : index, "i32");
}

export const advancedIndexingPrimitives = [flatIndexPrimitive];

/** Order along one dimension. Always stable: equal elements keep their order. */
import { ArgumentError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { denseStrides, normalizeDim, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { gatherUnique } from "./indexing";
import { computeType } from "./pointwise";
import type { Primitive } from "./primitive";
import { narrow, reshape, squeeze, to } from "./shape";
import { sortRows } from "./sortRows";
import { bind } from "./trace";

export interface SortOptions {
  /** Default -1, the last. */
  dim?: number;
  /** Greatest first. Default false. */
  descending?: boolean;
  /** Equal elements keep their order. Here they always do. */
  stable?: boolean;
}

/** What `sort` and `topK` give. */
export interface Sorted {
  /** The elements in order. */
  readonly values: Tensor;
  /** Where along the dimension they came from; i32. */
  readonly indices: Tensor;
}

interface OrderAttrs {
  readonly dim: number;
  readonly descending: boolean;
}

const argsortPrimitive: Primitive<OrderAttrs> = {
  name: "argsort",
  formula: "the permutation that sorts x along dim, stably",
  saves: "nothing",
  outputs: ([x]) => [{ shape: x!.shape, dtype: "i32" }],
  run: ([x], { dim, descending }) => {
    const { keys, order, width } = sortRows(x!, dim, {
      key: `key_${computeType(x!.dtype)}`,
      descending,
    });
    keys.dispose();
    const rows = denseStrides(x!.shape.map((d, i) => (i === dim ? 1 : d)));
    const strides = rows.map((s, i) => (i === dim ? 1 : s * width));
    const indices = new DeviceTensor(order.storage, x!.shape, "i32", strides);
    order.dispose();
    return [indices];
  },
  vjp: null,
  jvp: null,
  batch: (inputs, { attrs }) => bind(argsortPrimitive, inputs, { ...attrs, dim: attrs.dim + 1 }),
};

/**
 * The indices (i32) that sort x along `dim` (PyTorch `argsort`, always stable): see `sort`.
 * @throws ShapeError for a dim that x does not have
 * @example argsort(tensor([3, 1, 2])) // 1, 2, 0
 */
export function argsort(x: Tensor, options: SortOptions = {}): Tensor {
  const { dim = -1, descending = false } = requireOptions("argsort", options, "dim");
  const at = normalizeDim("argsort", dim, x.rank);
  return scope(() => {
    const list = x.rank === 0 ? reshape(x, [1]) : x;
    // f32 holds every f16, so the order is the same.
    const keys = x.dtype === "f16" ? to(list, "f32") : list;
    const [indices] = bind(argsortPrimitive, [keys], { dim: at, descending });
    return x.rank === 0 ? reshape(indices!, []) : indices!;
  });
}

/**
 * x in order along `dim` (PyTorch `sort`, always stable): equal elements, among them 0 and -0, keep
 * their order, also when descending. NaN counts as greater than all numbers.
 *
 * @param x any dtype, any length
 * @returns values of x's shape and dtype, differentiable, and indices (i32)
 * @throws ShapeError for a dim out of range
 * @example const { values, indices } = sort(tensor([3, 1, 2])); // 1, 2, 3 and 1, 2, 0
 */
export function sort(x: Tensor, options: SortOptions = {}): Sorted {
  requireOptions("sort", options, "dim");
  const indices = argsort(x, options);
  return { values: gatherUnique(x, options.dim ?? -1, indices), indices };
}

/** x with its first dimension in ascending order (PyTorch `msort`). @throws ShapeError for a scalar */
export function msort(x: Tensor): Tensor {
  if (x.rank === 0) throw new ShapeError("msort: a scalar has no dimension to sort.");
  return scope(() => sort(x, { dim: 0 }).values);
}

export interface KthValueOptions {
  /** Default -1, the last. */
  dim?: number;
  /** Keep the dimension with size 1. Default false. */
  keepdim?: boolean;
}

/**
 * The k-th smallest element along `dim`, counted from 1 (PyTorch `kthvalue`); of equal elements the k-th
 * in their order. NaN counts as greater than all numbers.
 *
 * @returns values, differentiable, and indices (i32), without the dimension
 * @throws ArgumentError unless k is a whole number from 1 to the size of `dim`; ShapeError
 */
export function kthvalue(x: Tensor, k: number, options: KthValueOptions = {}): Sorted {
  const { dim = -1, keepdim = false } = requireOptions("kthvalue", options, "dim");
  const at = normalizeDim("kthvalue", dim, x.rank);
  const size = x.shape[at] ?? 1;
  if (!Number.isInteger(k) || k < 1 || k > size)
    throw new ArgumentError(
      `kthvalue: k ${k} must be a whole number from 1 to ${size}, the size of dimension ${dim} of ${show(x.shape)}.`,
    );
  return scope(() => {
    const all = argsort(x, { dim: at });
    const indices = x.rank === 0 ? all : narrow(all, at, k - 1, 1);
    const values = gatherUnique(x, at, indices);
    if (keepdim || x.rank === 0) return { values, indices };
    return { values: squeeze(values, at), indices: squeeze(indices, at) };
  });
}

export interface TopKOptions {
  /** Default -1, the last. */
  dim?: number;
  /** The greatest (default) or the least. */
  largest?: boolean;
  /** In order. Here they always are. */
  sorted?: boolean;
}

/**
 * The k greatest (or least) elements along `dim`, in order (PyTorch `topk`); of equal elements the first.
 * NaN counts as greater than all numbers.
 *
 * @returns values, differentiable, and indices (i32), both x's shape with k at `dim`
 * @throws ArgumentError unless k is a whole number from 0 to the size of `dim`
 * @example topK(tensor([3, 1, 2]), 2).values // 3, 2
 */
export function topK(x: Tensor, k: number, options: TopKOptions = {}): Sorted {
  const { dim = -1, largest = true } = requireOptions("topK", options, "dim");
  const at = normalizeDim("topK", dim, x.rank);
  const size = x.shape[at] ?? 1;
  if (!Number.isInteger(k) || k < 0 || k > size)
    throw new ArgumentError(
      `topK: k ${k} must be a whole number from 0 to ${size}, the size of dimension ${dim} of ${show(x.shape)}.`,
    );
  return scope(() => {
    const all = argsort(x, { dim: at, descending: largest });
    const indices = x.rank === 0 ? all : narrow(all, at, 0, k);
    return { values: gatherUnique(x, at, indices), indices };
  });
}

export const sortPrimitives = [argsortPrimitive];

/**
 * Writing by index: an element takes the last of the values for it, or a product or an extremum of them
 * all. Indices are i32 or u32 tensors; a value whose index is outside its range is left out, and the next
 * read of any tensor throws IndexError that names it.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { constant } from "../tensor/creation";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { normalizeDim, type Shape, sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { div, eq, logicalAnd, maximum, mul, where } from "./arithmetic";
import { arange, full, onesLike, zerosLike } from "./creation";
import {
  gather,
  indexTypes,
  requireSummable,
  requireWithin,
  scatterAdd,
  scatterAll,
  usedPart,
} from "./indexing";
import type { Primitive, Spec } from "./primitive";
import { withLanes } from "./rules";
import { clone, expand, reshape, to } from "./shape";
import { bind } from "./trace";

interface ScatterAttrs {
  readonly dim: number;
}

function requireTerms(
  op: string,
  [x, index, src]: readonly Spec[],
  { dim }: ScatterAttrs,
): readonly Spec[] {
  requireWithin(op, index!, x!.shape, dim);
  if (src!.dtype !== x!.dtype)
    throw new DTypeError(`${op}: x has dtype ${x!.dtype} and src ${src!.dtype}.`);
  return [{ shape: x!.shape, dtype: x!.dtype }];
}

/** 1 for the values of src that stay, 0 for those that a later one for the same element replaces. */
function staying(x: Tensor, index: Tensor, dim: number): Tensor {
  const { device } = index;
  const column = index.shape.map((d, i) => (i === dim ? d : 1));
  const positions = expand(
    reshape(arange(0, index.shape[dim]!, 1, { device }), column),
    index.shape,
  );
  const nobody = full(x.shape, -1, { dtype: "i32", device });
  const last = bind(scatterPrimitive, [nobody, index, positions], { dim })[0]!;
  return eq(gather(last, dim, index), positions);
}

const scatterPrimitive: Primitive<ScatterAttrs> = {
  name: "scatter",
  formula: "y = x, y[.., index[.., p, ..], ..] = src[.., p, ..], the last p wins",
  derivative: "to x: g where nothing was written; to src: what g has where it stayed",
  saves: { inputs: [1] },
  outputs: (inputs, attrs) => requireTerms("scatter", inputs, attrs),
  run: ([x, index, src], { dim }) => {
    const y = clone(x!) as DeviceTensor;
    if (index!.size > 0)
      scatterAll("scatter", y, index!, src!, { combine: "last", base: "kept", dim });
    return [y];
  },
  vjp: ([g], { inputs: [x, index], attrs, needs }) => {
    const none = () => expand(constant(g!.device, 0, g!.dtype), index!.shape);
    return [
      needs[0] ? bind(scatterPrimitive, [g!, index!, none()], attrs)[0]! : null,
      null,
      needs[2]
        ? where(staying(x!, index!, attrs.dim), gather(g!, attrs.dim, index!), none())
        : null,
    ];
  },
  jvp: ([tx, , tsrc], { inputs: [x, index, src], attrs }) =>
    bind(scatterPrimitive, [tx ?? zerosLike(x!), index!, tsrc ?? zerosLike(src!)], attrs),
  batch: (inputs, context) =>
    bind(scatterPrimitive, withLanes(inputs, context), { dim: context.attrs.dim + 1 }),
};

type Reduction = "prod" | "amax" | "amin";

const combination = { prod: "mul", amax: "max", amin: "min" } as const;

interface ReduceAttrs extends ScatterAttrs {
  readonly reduce: Reduction;
  /** x counts as one more value. */
  readonly includeSelf: boolean;
}

/** dy/dx, of x's shape, and for each value dy/dsrc, of index's shape. */
interface Slopes {
  readonly own: Tensor;
  readonly each: Tensor;
}

/** Without x among the values, y moves with x only where no value came. */
function unreached(x: Tensor, index: Tensor, dim: number): Tensor {
  const none = expand(constant(x.device, 0, x.dtype), index.shape);
  return bind(scatterPrimitive, [onesLike(x), index, none], { dim })[0]!;
}

/** Values that tie share the slope. */
function extremumSlopes(
  [x, index, src]: readonly Tensor[],
  y: Tensor,
  { dim, includeSelf }: ReduceAttrs,
): Slopes {
  const hit = to(eq(src!, gather(y, dim, index!)), x!.dtype);
  const own = includeSelf ? to(eq(x!, y), x!.dtype) : zerosLike(x!);
  const ties = maximum(scatterAdd(own, dim, index!, hit), 1);
  return {
    own: includeSelf ? div(own, ties) : unreached(x!, index!, dim),
    each: div(hit, gather(ties, dim, index!)),
  };
}

/**
 * The product of the other values: y / value, or, at the only 0 among them, the product with that 0
 * replaced by 1. Source: PyTorch's scatter_reduce_backward.
 */
function productSlopes([x, index, src]: readonly Tensor[], y: Tensor, attrs: ReduceAttrs): Slopes {
  const { dim, includeSelf } = attrs;
  const product = (own: Tensor, values: Tensor) =>
    bind(scatterReducePrimitive, [own, index!, values], attrs)[0]!;
  const one = (at: Tensor, values: Tensor) => where(at, 1, values);
  const zero = eq(x!, 0);
  const own = includeSelf
    ? div(product(one(zero, x!), src!), one(zero, x!))
    : unreached(x!, index!, dim);
  const isZero = eq(src!, 0);
  const zeros = scatterAdd(zerosLike(x!), dim, index!, to(isZero, x!.dtype));
  const alone = logicalAnd(isZero, eq(gather(zeros, dim, index!), 1));
  return {
    own,
    each: where(
      alone,
      gather(product(x!, one(alone, src!)), dim, index!),
      div(gather(y, dim, index!), one(isZero, src!)),
    ),
  };
}

const slopes = (inputs: readonly Tensor[], y: Tensor, attrs: ReduceAttrs): Slopes =>
  (attrs.reduce === "prod" ? productSlopes : extremumSlopes)(inputs, y, attrs);

const scatterReducePrimitive: Primitive<ReduceAttrs> = {
  name: "scatterReduce",
  formula: "y = x, y[.., index[.., p, ..], ..] = its product, max or min with src[.., p, ..]",
  derivative: "prod: g times the product of the other values; amax, amin: g, shared among ties",
  saves: "everything",
  outputs: (inputs, attrs) => {
    requireSummable("scatterReduce", inputs[0]!.dtype);
    return requireTerms("scatterReduce", inputs, attrs);
  },
  run: ([x, index, src], { dim, reduce, includeSelf }) => {
    const y = clone(x!) as DeviceTensor;
    const base = includeSelf ? "combined" : "kept";
    if (index!.size > 0)
      scatterAll("scatterReduce", y, index!, src!, { combine: combination[reduce], base, dim });
    return [y];
  },
  vjp: ([g], { inputs, outputs, attrs }) => {
    const { own, each } = slopes(inputs, outputs[0]!, attrs);
    return [mul(g!, own), null, mul(gather(g!, attrs.dim, inputs[1]!), each)];
  },
  jvp: ([tx, , tsrc], { inputs, outputs, attrs }) => {
    const { own, each } = slopes(inputs, outputs[0]!, attrs);
    const moved = tx ? mul(tx, own) : zerosLike(inputs[0]!);
    return [tsrc ? scatterAdd(moved, attrs.dim, inputs[1]!, mul(tsrc, each)) : moved];
  },
  batch: (inputs, context) =>
    bind(scatterReducePrimitive, withLanes(inputs, context), {
      ...context.attrs,
      dim: context.attrs.dim + 1,
    }),
};

type OnTerms = (x: Tensor, dim: number, index: Tensor, src: Tensor) => Tensor;

/** Runs `fn` on the part of src that the index covers, and on a scalar as on [1]. */
function onTerms(
  op: string,
  [x, index, src]: readonly [Tensor, Tensor, Tensor],
  dim: number,
  fn: OnTerms,
): Tensor {
  const at = normalizeDim(op, dim, x.rank);
  return scope(() => {
    const used = usedPart(op, index, src);
    if (x.rank > 0) return fn(x, at, index, used);
    return reshape(
      fn(reshape(x, [1]), 0, reshape(index, [index.size]), reshape(used, [used.size])),
      [],
    );
  });
}

/**
 * x with elements replaced by those of `src` where `index` says (PyTorch `scatter`): for dim 1,
 * y[i, index[i, p, k], k] = src[i, p, k]. Of several values for one element the last stays, and it alone
 * gets its gradient.
 *
 * @param index i32 or u32, as many dimensions as x, nowhere but at `dim` longer than x
 * @param src the dtype of x, nowhere shorter than index; or a number for all
 * @returns the shape and dtype of x; differentiable in x and src
 * @throws ShapeError, DTypeError; at the next read, IndexError for an index outside 0 to size - 1
 */
export function scatter(x: Tensor, dim: number, index: Tensor, src: Tensor | number): Tensor {
  return scope(() => {
    const values =
      typeof src === "number" ? expand(constant(x.device, src, x.dtype), index.shape) : src;
    return onTerms(
      "scatter",
      [x, index, values],
      dim,
      (...[t, at, by, used]) => bind(scatterPrimitive, [t, by, used], { dim: at })[0]!,
    );
  });
}

export type ScatterReduction = "sum" | "prod" | "mean" | "amax" | "amin";

export interface ScatterReduceOptions {
  /** Whether what x holds counts as one more value. Default true. */
  includeSelf?: boolean;
}

/**
 * x with the values of `src` that `index` sends to an element reduced into it (PyTorch
 * `scatter_reduce`), in a fixed order. Extrema: NaN wins, ties share the gradient. Products: where two or
 * more factors are 0, second derivatives are taken as 0, as in PyTorch.
 *
 * @param index i32 or u32, as many dimensions as x, nowhere but at `dim` longer than x
 * @param src the dtype of x, nowhere shorter than index
 * @returns the shape and dtype of x; differentiable in x and src
 * @throws ShapeError, DTypeError (bool; mean of integers), ArgumentError for an unknown reduction; at the
 * next read, IndexError for an index outside 0 to size - 1
 */
export function scatterReduce(
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  reduce: ScatterReduction,
  options: ScatterReduceOptions = {},
): Tensor {
  const { includeSelf = true } = requireOptions("scatterReduce", options, "includeSelf");
  requireSummable("scatterReduce", x.dtype);
  if (reduce === "mean" && !isFloat(x.dtype))
    throw new DTypeError(`scatterReduce: no mean of ${x.dtype} values; convert with .to("f32").`);
  if (reduce !== "sum" && reduce !== "mean" && !(reduce in combination))
    throw new ArgumentError(`scatterReduce: "${reduce}" is none of sum, prod, mean, amax, amin.`);
  return onTerms("scatterReduce", [x, index, src], dim, (t, at, by, used) => {
    if (reduce !== "sum" && reduce !== "mean")
      return bind(scatterReducePrimitive, [t, by, used], { dim: at, reduce, includeSelf })[0]!;
    const base = includeSelf ? t : scatter(t, at, by, 0);
    const total = scatterAdd(base, at, by, used);
    if (reduce === "sum") return total;
    const own = includeSelf ? onesLike(t) : zerosLike(t);
    const count = scatterAdd(own, at, by, expand(constant(t.device, 1, t.dtype), by.shape));
    return div(total, maximum(count, 1));
  });
}

/** An index per slice as an index per element. */
function spread(op: string, x: Tensor, dim: number, index: Tensor): [number, Tensor] {
  const at = normalizeDim(op, dim, x.rank);
  if (index.rank !== 1 || x.rank === 0)
    throw new ShapeError(
      `${op}: index of shape ${show(index.shape)} must have one dimension, and x ${show(x.shape)} at least one.`,
    );
  if (!indexTypes.includes(index.dtype))
    throw new DTypeError(
      `${op}: index has dtype ${index.dtype}; it takes ${indexTypes.join(" or ")}.`,
    );
  const shape: Shape = x.shape.map((d, i) => (i === at ? index.size : d));
  const column = shape.map((d, i) => (i === at ? d : 1));
  return [at, expand(reshape(index, column), shape)];
}

/**
 * x with the slices along `dim` that `index` names replaced by those of `src` (PyTorch `index_copy`). Of
 * several for one place the last stays.
 *
 * @param index i32 or u32 [n]
 * @param src the dtype of x; x's shape with n at `dim`
 * @throws ShapeError, DTypeError; at the next read, IndexError for an index outside 0 to size - 1
 */
export function indexCopy(x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  return scope(() => {
    const [at, all] = spread("indexCopy", x, dim, index);
    if (!sameShape(src.shape, all.shape))
      throw new ShapeError(
        `indexCopy: src of shape ${show(src.shape)} must be ${show(all.shape)}.`,
      );
    return scatter(x, at, all, src);
  });
}

/**
 * x with the slices along `dim` that `index` names filled with `value` (PyTorch `index_fill`).
 * @throws ShapeError, DTypeError; at the next read, IndexError for an index outside 0 to size - 1
 */
export function indexFill(x: Tensor, dim: number, index: Tensor, value: number): Tensor {
  return scope(() => {
    const [at, all] = spread("indexFill", x, dim, index);
    return scatter(x, at, all, value);
  });
}

export const scatterPrimitives = [scatterPrimitive, scatterReducePrimitive];

/** Views, copies, and pieces put together. Views share memory: nothing is computed. */
import { ArgumentError, LimitError, ShapeError } from "../errors";
import { gridFor, launch, shapeFill } from "../kernels";
import { requireOffered } from "../tensor/creation";
import { DeviceTensor } from "../tensor/deviceTensor";
import { type DType, isFloat, isPacked, storageType, widened } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import {
  checkShape,
  denseStrides,
  isDense,
  normalizeDim,
  reshapeStrides,
  type Shape,
  sameShape,
  show,
  sizeOf,
} from "../tensor/shape";
import { requireTensor, type Tensor } from "../tensor/tensor";
import { zeros } from "./creation";
import { pack, unpack } from "./packed";
import { computeType, runUnaryInto } from "./pointwise";
import type { Primitive } from "./primitive";
import { sumTo } from "./reduce";
import { jvpOfLinear, withLanes } from "./rules";
import { bind } from "./trace";

/** The WGSL function that moves a value unchanged. */
export const identity = (dtype: DType): string => {
  const type = computeType(dtype);
  return type === "f32" ? "op_id" : `op_id_${type}`;
};

/** A row-major copy, or another handle where the elements already lie so. */
export function dense(x: DeviceTensor): DeviceTensor {
  if (x.isDense) return x.view(x.shape, x.strides);
  const y = DeviceTensor.empty(x.device, x.shape, x.dtype);
  runUnaryInto(x, y, { OP: identity(x.dtype) });
  return y;
}

/** A handle on the elements in row-major order, at any offset; the caller disposes it. */
export function rowMajor(x: DeviceTensor): DeviceTensor {
  return isDense(x.shape, x.strides) ? x.view(x.shape, x.strides) : dense(x);
}

/** Writes one value, or the start and step of a range, to every element of a dense tensor. */
export function fillInto(y: DeviceTensor, start: number, step = 0): DeviceTensor {
  const integer = computeType(y.dtype) !== "f32";
  launch(
    y.device,
    shapeFill,
    { y: y.binding },
    { count: y.size, start, step, start_i: integer ? start : 0, step_i: integer ? step : 0 },
    gridFor(y.device, y.size, 64),
    {
      types: { T: storageType(y.dtype) },
      slots: { VALUE: integer ? "value_i32" : "value_f32" },
    },
  );
  return y;
}

export const reshapePrimitive: Primitive<{ shape: Shape }> = {
  name: "reshape",
  formula: "the same elements in row-major order, under another shape",
  derivative: "g under the shape of x",
  takesPacked: true,
  saves: "nothing",
  outputs: ([x], { shape }) => [{ shape, dtype: x!.dtype }],
  run: ([x], { shape }) => {
    const strides = reshapeStrides(x!.shape, x!.strides, shape);
    if (strides) return [x!.view(shape, strides)];
    const copy = dense(x!);
    const y = copy.view(shape, denseStrides(shape), copy.offset);
    copy.dispose();
    return [y];
  },
  vjp: ([g], { inputs }) => [reshape(g!, inputs[0]!.shape)],
  jvp: jvpOfLinear(() => reshapePrimitive),
  batch: (inputs, { attrs, size }) =>
    bind(reshapePrimitive, inputs, { shape: [size, ...attrs.shape] }),
};

/**
 * The same elements under another shape; one entry may be -1 and is worked out. A view where the strides
 * allow, otherwise a copy.
 * @throws ShapeError where the sizes differ
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = shape.reduce((p, d) => (d === -1 ? p : p * d), 1);
  const unknown = shape.filter((d) => d === -1).length;
  const wanted =
    unknown === 1 && known > 0 ? shape.map((d) => (d === -1 ? x.size / known : d)) : shape;
  if (unknown > 1 || wanted.some((d) => !Number.isInteger(d)) || sizeOf(wanted) !== x.size)
    throw new ShapeError(
      `reshape: ${show(x.shape)} (${x.size} elements) does not fit ${show(shape)}. The products must agree; at most one entry may be -1.`,
    );
  checkShape("reshape", wanted);
  return bind(reshapePrimitive, [x], { shape: wanted })[0]!;
}

/**
 * All elements in one dimension, or the dimensions `startDim` to `endDim` merged.
 * @throws ShapeError for dimensions that x does not have, or out of order
 */
export function flatten(x: Tensor, startDim = 0, endDim = -1): Tensor {
  if (x.rank === 0) return reshape(x, [1]);
  const start = normalizeDim("flatten", startDim, x.rank);
  const end = normalizeDim("flatten", endDim, x.rank);
  if (end < start)
    throw new ShapeError(`flatten: startDim ${startDim} comes after endDim ${endDim}.`);
  const merged = sizeOf(x.shape.slice(start, end + 1));
  return reshape(x, [...x.shape.slice(0, start), merged, ...x.shape.slice(end + 1)]);
}

/** A new dimension of size 1 at `dim`. @throws ShapeError for a dim that the result does not have */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  const at = normalizeDim("unsqueeze", dim, x.rank + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/**
 * Without the dimensions of size 1, or without `dim` if it has size 1.
 * @throws ShapeError for a dim that x does not have
 */
export function squeeze(x: Tensor, dim?: number): Tensor {
  if (dim === undefined)
    return reshape(
      x,
      x.shape.filter((d) => d !== 1),
    );
  const at = normalizeDim("squeeze", dim, x.rank);
  return x.shape[at] === 1
    ? reshape(
        x,
        x.shape.filter((_, i) => i !== at),
      )
    : reshape(x, x.shape);
}

const permutePrimitive: Primitive<{ dims: readonly number[] }> = {
  name: "permute",
  formula: "y[i_dims] = x[i]",
  derivative: "g with its dimensions put back",
  saves: "nothing",
  outputs: ([x], { dims }) => [{ shape: dims.map((d) => x!.shape[d]!), dtype: x!.dtype }],
  run: ([x], { dims }) => [
    x!.view(
      dims.map((d) => x!.shape[d]!),
      dims.map((d) => x!.strides[d]!),
    ),
  ],
  vjp: ([g], { attrs }) => {
    const inverse = new Array<number>(attrs.dims.length);
    attrs.dims.forEach((d, i) => {
      inverse[d] = i;
    });
    return [permute(g!, inverse)];
  },
  jvp: jvpOfLinear(() => permutePrimitive),
  batch: (inputs, { attrs }) =>
    bind(permutePrimitive, inputs, { dims: [0, ...attrs.dims.map((d) => d + 1)] }),
};

/** A view with its dimensions in another order. @throws ShapeError unless `dims` names each once. */
export function permute(x: Tensor, dims: readonly number[]): Tensor {
  const order = dims.map((d) => normalizeDim("permute", d, x.rank));
  if (order.length !== x.rank || new Set(order).size !== x.rank)
    throw new ShapeError(
      `permute: dims ${show(dims)} must name each of the ${x.rank} dimensions of ${show(x.shape)} once.`,
    );
  return bind(permutePrimitive, [x], { dims: order })[0]!;
}

/** A view with two dimensions exchanged. @throws ShapeError for a dim that x does not have */
export function transpose(x: Tensor, dim0: number, dim1: number): Tensor {
  const a = normalizeDim("transpose", dim0, x.rank);
  const b = normalizeDim("transpose", dim1, x.rank);
  const dims = x.shape.map((_, i) => (i === a ? b : i === b ? a : i));
  return permute(x, dims);
}

const expandPrimitive: Primitive<{ shape: Shape }> = {
  name: "expand",
  formula: "x repeated along its dimensions of size 1, without a copy",
  derivative: "the sum of g over what was repeated",
  saves: "nothing",
  outputs: ([x], { shape }) => [{ shape, dtype: x!.dtype }],
  run: ([x], { shape }) => {
    const extra = shape.length - x!.rank;
    const strides = shape.map((d, i) =>
      i < extra || (x!.shape[i - extra] === 1 && d !== 1) ? 0 : x!.strides[i - extra]!,
    );
    return [x!.view(shape, strides)];
  },
  vjp: ([g], { inputs }) => [sumTo(g!, inputs[0]!.shape)],
  jvp: jvpOfLinear(() => expandPrimitive),
  batch: ([x], { attrs: { shape }, size }) => {
    const missing = new Array<number>(shape.length + 1 - x!.rank).fill(1);
    const [aligned] = bind(reshapePrimitive, [x!], {
      shape: [size, ...missing, ...x!.shape.slice(1)],
    });
    return bind(expandPrimitive, [aligned!], { shape: [size, ...shape] });
  },
};

/** A view in which dimensions of size 1 repeat to `shape`; -1 keeps a size. @throws ShapeError. */
export function expand(x: Tensor, shape: Shape): Tensor {
  const extra = shape.length - x.rank;
  const wanted = shape.map((d, i) => (d === -1 ? (x.shape[i - extra] ?? -1) : d));
  const fits = extra >= 0 && x.shape.every((d, i) => d === wanted[i + extra] || d === 1);
  if (!fits)
    throw new ShapeError(
      `expand: ${show(x.shape)} does not expand to ${show(shape)}; only dimensions of size 1 repeat.`,
    );
  checkShape("expand", wanted);
  return bind(expandPrimitive, [x], { shape: wanted })[0]!;
}

interface SliceAttrs {
  /** First index, count and step for each dimension. */
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  readonly steps: readonly number[];
}

/** The same part of every lane. */
const ofEveryLane = ({ starts, sizes, steps }: SliceAttrs, size: number): SliceAttrs => ({
  starts: [0, ...starts],
  sizes: [size, ...sizes],
  steps: [1, ...steps],
});

function sliceView(x: DeviceTensor, { starts, sizes, steps }: SliceAttrs): DeviceTensor {
  const offset = starts.reduce((sum, s, i) => sum + s * x.strides[i]!, x.offset);
  return x.view(
    sizes,
    x.strides.map((s, i) => s * steps[i]!),
    offset,
  );
}

const slicePrimitive: Primitive<SliceAttrs> = {
  name: "slice",
  formula: "y[i] = x[start + i · step]",
  derivative: "g where the elements were taken, 0 elsewhere",
  saves: "nothing",
  outputs: ([x], { sizes }) => [{ shape: sizes, dtype: x!.dtype }],
  run: ([x], attrs) => [sliceView(x!, attrs)],
  vjp: ([g], { inputs: [x], attrs }) => [
    sameShape(attrs.sizes, x!.shape)
      ? g!
      : bind(embedPrimitive, [g!], { ...attrs, shape: x!.shape, value: 0 })[0]!,
  ],
  jvp: jvpOfLinear(() => slicePrimitive),
  batch: (inputs, { attrs, size }) => bind(slicePrimitive, inputs, ofEveryLane(attrs, size)),
};

/** The inverse of a slice: its elements in a larger tensor that is `value` elsewhere. */
export const embedPrimitive: Primitive<SliceAttrs & { shape: Shape; value: number }> = {
  name: "embed",
  formula: "y[start + i · step] = x[i], value elsewhere",
  derivative: "the elements of g at which x was written",
  saves: "nothing",
  outputs: ([x], { shape }) => [{ shape, dtype: x!.dtype }],
  run: ([x], attrs) => {
    const y = fillInto(DeviceTensor.empty(x!.device, attrs.shape, x!.dtype), attrs.value);
    const target = sliceView(y, attrs);
    runUnaryInto(x!, target, { OP: identity(x!.dtype) });
    target.dispose();
    return [y];
  },
  vjp: ([g], { attrs }) => [
    bind(slicePrimitive, [g!], {
      starts: attrs.starts,
      sizes: attrs.sizes,
      steps: attrs.steps,
    })[0]!,
  ],
  // What surrounds x does not move.
  jvp: ([t], { attrs }) => bind(embedPrimitive, [t!], { ...attrs, value: 0 }),
  batch: (inputs, { attrs, size }) =>
    bind(embedPrimitive, inputs, {
      ...ofEveryLane(attrs, size),
      shape: [size, ...attrs.shape],
      value: attrs.value,
    }),
};

export interface SliceOptions {
  dim: number;
  /** First index; negative counts from the end. Default 0. */
  start?: number;
  /** One past the last index; negative counts from the end. Default: the size. */
  end?: number;
  /** Distance between taken elements, >= 1. Default 1. */
  step?: number;
}

/** @throws ShapeError for a scalar, which has no dimension, and for a dimension out of range. */
export function dimensionOf(op: string, x: Tensor, dim: number): { at: number; size: number } {
  if (x.rank === 0)
    throw new ShapeError(`${op}: a scalar has no dimensions. Use reshape(x, [1]) first.`);
  const at = normalizeDim(op, dim, x.rank);
  return { at, size: x.shape[at]! };
}

/**
 * A view of some elements along one dimension; bounds beyond the ends are clipped, as in Python.
 * @throws ShapeError for a dim that x does not have; ArgumentError for a step below 1 or bounds that are not
 * whole
 */
export function slice(x: Tensor, { dim, start = 0, end, step = 1 }: SliceOptions): Tensor {
  const { at, size } = dimensionOf("slice", x, dim);
  if (!Number.isInteger(step) || step < 1)
    throw new ArgumentError(`slice: step ${step} must be a whole number >= 1.`);
  if (Math.trunc(start) !== start || (end !== undefined && Math.trunc(end) !== end))
    throw new ArgumentError(`slice: start ${start} and end ${end} must be whole numbers.`);
  const clip = (i: number): number => Math.min(Math.max(i < 0 ? i + size : i, 0), size);
  const first = clip(start);
  const last = clip(end ?? size);
  const count = Math.max(Math.ceil((last - first) / step), 0);
  return sliceDim(x, at, first, count, step);
}

function sliceDim(x: Tensor, dim: number, start: number, size: number, step: number): Tensor {
  return bind(slicePrimitive, [x], {
    starts: x.shape.map((_, i) => (i === dim ? start : 0)),
    sizes: x.shape.map((d, i) => (i === dim ? size : d)),
    steps: x.shape.map((_, i) => (i === dim ? step : 1)),
  })[0]!;
}

/** A view of `length` elements from `start` along `dim`. @throws ShapeError outside the dimension. */
export function narrow(x: Tensor, dim: number, start: number, length: number): Tensor {
  const { at, size } = dimensionOf("narrow", x, dim);
  const first = start < 0 ? start + size : start;
  const whole = Number.isInteger(first) && Number.isInteger(length);
  if (!whole || first < 0 || length < 0 || first + length > size)
    throw new ShapeError(
      `narrow: start ${start} and length ${length} leave dimension ${dim} of ${show(x.shape)}, which has ${size} elements.`,
    );
  return sliceDim(x, at, first, length, 1);
}

/** The view at one index of `dim`, without that dimension. @throws ShapeError outside the dimension. */
export function select(x: Tensor, dim: number, index: number): Tensor {
  const { at, size } = dimensionOf("select", x, dim);
  if (!Number.isInteger(index) || index < -size || index >= size)
    throw new ShapeError(
      `select: index ${index} leaves dimension ${dim} of ${show(x.shape)}; valid are ${-size} to ${size - 1}.`,
    );
  return scope(() => squeeze(narrow(x, at, index < 0 ? index + size : index, 1), at));
}

const catPrimitive: Primitive<{ dim: number }> = {
  name: "cat",
  formula: "the inputs one after another along dim",
  derivative: "to each input its piece of g",
  saves: "nothing",
  outputs: (inputs, { dim }) => {
    const [first] = inputs;
    for (const t of inputs) {
      const fits =
        t.shape.length === first!.shape.length &&
        t.shape.every((d, i) => i === dim || d === first!.shape[i]);
      if (!fits || t.dtype !== first!.dtype)
        throw new ShapeError(
          `cat: ${t.dtype} ${show(t.shape)} does not continue ${first!.dtype} ${show(first!.shape)} along dim ${dim}; all other sizes and the dtype must agree.`,
        );
    }
    const total = inputs.reduce((sum, t) => sum + t.shape[dim]!, 0);
    return [{ shape: first!.shape.map((d, i) => (i === dim ? total : d)), dtype: first!.dtype }];
  },
  run: (inputs, { dim }, [out]) => {
    const y = DeviceTensor.empty(inputs[0]!.device, out!.shape, out!.dtype);
    let start = 0;
    for (const x of inputs) {
      const target = y.view(x.shape, y.strides, start * y.strides[dim]!);
      runUnaryInto(x, target, { OP: identity(x.dtype) });
      target.dispose();
      start += x.shape[dim]!;
    }
    return [y];
  },
  vjp: ([g], { inputs, attrs }) => {
    let start = 0;
    return inputs.map((x) => {
      const length = x.shape[attrs.dim]!;
      start += length;
      return narrow(g!, attrs.dim, start - length, length);
    });
  },
  jvp: jvpOfLinear(() => catPrimitive),
  batch: (inputs, context) =>
    bind(catPrimitive, withLanes(inputs, context), { dim: context.attrs.dim + 1 }),
};

/**
 * Tensors of one dtype one after another along `dim`; all other sizes agree.
 * @throws ArgumentError for an empty list; ShapeError where other sizes or the dtypes differ, and for
 * scalars
 */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  if (tensors.length === 0) throw new ArgumentError("cat: pass at least one tensor.");
  for (const t of tensors) requireTensor("cat", t);
  const at = normalizeDim("cat", dim, tensors[0]!.rank);
  if (tensors[0]!.rank === 0)
    throw new ShapeError("cat: scalars have no dimension to go along; use stack.");
  return bind(catPrimitive, tensors, { dim: at })[0]!;
}

/**
 * Tensors of one shape side by side along a new dimension.
 * @throws ArgumentError for an empty list; ShapeError unless all shapes are the same
 */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  if (tensors.length === 0) throw new ArgumentError("stack: pass at least one tensor.");
  for (const t of tensors) requireTensor("stack", t);
  for (const t of tensors)
    if (!sameShape(t.shape, tensors[0]!.shape))
      throw new ShapeError(
        `stack: shapes ${show(tensors[0]!.shape)} and ${show(t.shape)} differ; all must be the same.`,
      );
  const at = normalizeDim("stack", dim, tensors[0]!.rank + 1);
  return scope(() =>
    cat(
      tensors.map((t) => unsqueeze(t, at)),
      at,
    ),
  );
}

/** The most tensors that one call gives: each is an object of the host. */
const mostPieces = 2 ** 20;

/** @throws LimitError for more pieces than the host should hold */
export function requireFewPieces(op: string, count: number): void {
  if (count > mostPieces)
    throw new LimitError(
      `${op}: ${count} pieces are asked for; one call gives at most ${mostPieces}. Use reshape or index to keep them in one tensor.`,
    );
}

/** Views of consecutive pieces along `dim`: of one size (the last may be smaller), or of given sizes. */
export function split(x: Tensor, sizes: number | readonly number[], dim = 0): Tensor[] {
  const { at, size: total } = dimensionOf("split", x, dim);
  if (!Array.isArray(sizes) && !(Number.isInteger(sizes) && (sizes as number) > 0))
    throw new ArgumentError(`split: size ${sizes} must be a whole number > 0.`);
  if (typeof sizes === "number") requireFewPieces("split", Math.ceil(total / sizes));
  const list: readonly number[] =
    typeof sizes === "number"
      ? Array.from({ length: Math.ceil(total / sizes) }, (_, i) =>
          Math.min(sizes, total - i * sizes),
        )
      : sizes;
  const whole = list.every((length) => Number.isInteger(length) && length >= 0);
  if (!whole || list.reduce((a, b) => a + b, 0) !== total)
    throw new ShapeError(
      `split: sizes ${show(list)} are not whole numbers >= 0 that add up to dimension ${dim} of ${show(x.shape)}, which is ${total}.`,
    );
  return bind(splitPrimitive, [x], { dim: at, sizes: list });
}

const splitPrimitive: Primitive<{ dim: number; sizes: readonly number[] }> = {
  name: "split",
  formula: "consecutive pieces of x along dim",
  derivative: "the cotangents of the pieces one after another",
  saves: "nothing",
  outputs: ([x], { dim, sizes }) =>
    sizes.map((length) => ({
      shape: x!.shape.map((d, i) => (i === dim ? length : d)),
      dtype: x!.dtype,
    })),
  run: ([x], { dim, sizes }, outputs) => {
    let start = 0;
    return sizes.map((length, i) => {
      start += length;
      return x!.view(
        outputs[i]!.shape,
        x!.strides,
        x!.offset + (start - length) * x!.strides[dim]!,
      );
    });
  },
  // One write per piece into one buffer, instead of a padded tensor per piece and their sum.
  vjp: (gs, { inputs: [x], outputs, attrs }) => [
    cat(
      gs.map((g, i) => g ?? zeros(outputs[i]!.shape, { dtype: x!.dtype, device: x!.device })),
      attrs.dim,
    ),
  ],
  jvp: jvpOfLinear(() => splitPrimitive),
  batch: (inputs, { attrs: { dim, sizes } }) =>
    bind(splitPrimitive, inputs, { dim: dim + 1, sizes }),
};

const clonePrimitive: Primitive<null> = {
  name: "clone",
  formula: "a copy of x",
  derivative: "g",
  takesPacked: true,
  saves: "nothing",
  outputs: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  run: ([x]) => {
    if (isPacked(x!.dtype)) return [castOn(unpack(x!), x!.dtype)];
    const y = DeviceTensor.empty(x!.device, x!.shape, x!.dtype);
    runUnaryInto(x!, y, { OP: identity(x!.dtype) });
    return [y];
  },
  vjp: ([g]) => [g!],
  jvp: jvpOfLinear(() => clonePrimitive),
  batch: (inputs) => bind(clonePrimitive, inputs, null),
};

const contiguousPrimitive: Primitive<null> = {
  ...clonePrimitive,
  name: "contiguous",
  formula: "x, laid out row-major",
  run: ([x]) => [dense(x!)],
  pointwise: ([x]) => identity(x!.dtype),
  jvp: jvpOfLinear(() => contiguousPrimitive),
  batch: (inputs) => bind(contiguousPrimitive, inputs, null),
};

/** The same values laid out row-major without gaps: a copy only where they are not. */
export function contiguous(x: Tensor): Tensor {
  return bind(contiguousPrimitive, [x], null)[0]!;
}

/** A copy in memory of its own. */
export function clone(x: Tensor): Tensor {
  return bind(clonePrimitive, [x], null)[0]!;
}

/** To and from packed types by way of those they widen to. */
function cast(x: DeviceTensor, dtype: DType): DeviceTensor {
  if (x.dtype === dtype) return x.view(x.shape, x.strides);
  if (isPacked(x.dtype)) return castOn(unpack(x), dtype);
  if (isPacked(dtype)) {
    const wide = cast(x, widened(dtype));
    const rows = dense(wide);
    wide.dispose();
    const y = pack(rows, dtype);
    rows.dispose();
    return y;
  }
  const y = DeviceTensor.empty(x.device, x.shape, dtype);
  runUnaryInto(x, y, { OP: dtype === "bool" ? truth(x.dtype) : identity(x.dtype) });
  return y;
}

const truth = (dtype: DType): string => {
  const type = computeType(dtype);
  return type === "f32" ? "op_truth" : `op_truth_${type}`;
};

/** The WGSL function of `to`. Rounding to f16 and widening from it is left to how results are stored. */
function conversion(from: DType, to: DType): string {
  if (to === "bool" && from !== "bool") return truth(from);
  const [source, target] = [computeType(from), computeType(to)];
  if (source === target) return identity(from);
  return source === "f32" ? `op_to_${target}` : `op_to_${target}_${source}`;
}

/** `cast` of what is not needed any more. */
function castOn(x: DeviceTensor, dtype: DType): DeviceTensor {
  const y = cast(x, dtype);
  x.dispose();
  return y;
}

const castPrimitive: Primitive<{ dtype: DType }> = {
  name: "to",
  formula: "x as another element type",
  derivative: "g as the element type of x; nothing to or from integers and bools",
  saves: "nothing",
  outputs: ([x], { dtype }) => [{ shape: x!.shape, dtype }],
  takesPacked: true,
  run: ([x], { dtype }) => [cast(x!, dtype)],
  pointwise: ([x], { dtype }) => conversion(x!.dtype, dtype),
  vjp: ([g], { inputs, attrs }) => [
    isFloat(attrs.dtype) && isFloat(inputs[0]!.dtype) ? to(g!, inputs[0]!.dtype) : null,
  ],
  jvp: ([t], { attrs }) => [isFloat(attrs.dtype) ? to(t!, attrs.dtype) : null],
  batch: (inputs, { attrs }) => bind(castPrimitive, inputs, attrs),
};

/**
 * Another element type: to integers truncates towards zero and saturates, to bool is x != 0; to f16 and bf16
 * rounds to nearest, ties to even. Packed types (bf16, i8, i4) are ways to store: see docs/precision.md.
 */
export function to(x: Tensor, dtype: DType): Tensor {
  requireTensor("to", x);
  if (x.dtype === dtype) return x;
  // Not left to the kernel, which compile may make a part of another.
  requireOffered(x.device, dtype);
  return bind(castPrimitive, [x], { dtype })[0]!;
}

const stopGradientPrimitive: Primitive<null> = {
  name: "stopGradient",
  formula: "x, as a constant",
  takesPacked: true,
  saves: "nothing",
  outputs: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  run: ([x]) => [x!.view(x!.shape, x!.strides)],
  vjp: null,
  jvp: null,
  batch: (inputs) => bind(stopGradientPrimitive, inputs, null),
};

/** The same value, through which no gradient flows (PyTorch `detach`). */
export function stopGradient(x: Tensor): Tensor {
  return bind(stopGradientPrimitive, [x], null)[0]!;
}

export const shapePrimitives = [
  reshapePrimitive,
  permutePrimitive,
  expandPrimitive,
  slicePrimitive,
  embedPrimitive,
  catPrimitive,
  splitPrimitive,
  contiguousPrimitive,
  clonePrimitive,
  castPrimitive,
  stopGradientPrimitive,
];

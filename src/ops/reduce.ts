/** Reductions over any dimensions, in a fixed order: the same bits on every run. */
import type { Device } from "../device/device";
import type { AdapterClass } from "../device/executor";
import { DTypeError, ShapeError } from "../errors";
import {
  type Grid,
  gridFor,
  launch,
  reduceArg,
  reduceColumns,
  reduceRows,
  reduceSerial,
  reduceWorkgroup,
} from "../kernels";
import type { AnyKernel, KernelOptions } from "../kernels/kernel";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { type DType, isFloat, storageType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import {
  coalesce,
  normalizeDim,
  normalizeDims,
  type Shape,
  sameShape,
  show,
  sizeOf,
} from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { div, eq, mul } from "./arithmetic";
import { productOfOthers } from "./cumulative";
import { computeType } from "./pointwise";
import type { AnyPrimitive, Primitive, Spec } from "./primitive";
import { jvpOfLinear } from "./rules";
import { expand, permute, reshape, to } from "./shape";
import { bind } from "./trace";
import { choose } from "./variants";
import { compiledRank, padded } from "./walk";

export interface ReduceOptions {
  /** Which dimensions to reduce; negative counts from the end. Default: all. */
  dim?: number | readonly number[];
  /** Keep the reduced dimensions with size 1. Default false. */
  keepdim?: boolean;
}

interface ReduceAttrs {
  readonly dims: readonly number[];
}

export type ReduceKind = "sum" | "mean" | "prod" | "max" | "min" | "any" | "all";

/** What is done with two partial results: see shaders/include/combine. */
type Combination = "sum" | "product" | "max" | "min";

const bits = (value: number): number => {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return view.getUint32(0);
};

/** Neutral element, as the bits of the computing type. */
const neutral: Record<Combination, Record<"f32" | "i32" | "u32", number>> = {
  sum: { f32: 0, i32: 0, u32: 0 },
  product: { f32: bits(1), i32: 1, u32: 1 },
  max: { f32: bits(Number.NEGATIVE_INFINITY), i32: 0x80000000, u32: 0 },
  min: { f32: bits(Number.POSITIVE_INFINITY), i32: 0x7fffffff, u32: 0xffffffff },
};

/** Truth values are 0 and 1, so nothing to look at is 1 for `all`, not the greatest u32. */
const startOf = (kind: ReduceKind, type: "f32" | "i32" | "u32"): number =>
  kind === "all" ? 1 : neutral[combination[kind]][type];

const combination: Record<ReduceKind, Combination> = {
  sum: "sum",
  mean: "sum",
  prod: "product",
  max: "max",
  min: "min",
  any: "max",
  all: "min",
};

export type ReduceVariant = "serial" | "workgroup" | "columns" | "rows";

/** What of the elements can be read in vec4s: four neighbouring results' elements, four of one result. */
export type Vectors = "columns" | "rows" | "none";

/** How a reduction of `reduced` elements into each of `outer` results may run. */
export const reduceVariants = {
  isApplicable: (variant: ReduceVariant, vectors: Vectors): boolean =>
    (variant !== "columns" && variant !== "rows") || variant === vectors,
  defaultChoice: (
    adapter: AdapterClass,
    outer: number,
    reduced: number,
    vectors: Vectors,
  ): ReduceVariant => {
    if (adapter === "hardware" && reduced >= 64 && outer < 65536) return "workgroup";
    return vectors === "none" ? "serial" : vectors;
  },
  candidates: (vectors: Vectors): readonly ReduceVariant[] =>
    vectors === "none" ? ["serial", "workgroup"] : ["serial", "workgroup", vectors],
};

/** For tests: runs one variant everywhere; null lets `defaultChoice` decide. */
export const forcedReduceVariant: { current: ReduceVariant | null } = { current: null };

/** Longest run one invocation adds up on its own: bounds both its time and its rounding error. */
const chunkLength = 1024;

/** Of reduce/rows. */
const outputsPerInvocation = 4;

/** What a reduction reads: a tensor, or elements that a kernel computes from several (see fusedReduction.ts). */
export interface Elements {
  readonly device: Device;
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly dtype: DType;
  readonly bindingOffset: number;
  /** Whether they are not in memory, so that the kernels know nothing of how they lie. */
  readonly isComputed: boolean;
  /** Launches the kernel on the elements. */
  launch(
    kernel: AnyKernel,
    y: DeviceTensor,
    params: object,
    grid: Grid,
    options: KernelOptions,
  ): void;
}

const elementsOf = (x: DeviceTensor): Elements => ({
  device: x.device,
  shape: x.shape,
  strides: x.strides,
  dtype: x.dtype,
  bindingOffset: x.bindingOffset,
  isComputed: false,
  launch: (kernel, y, params, grid, options) =>
    launch(x.device, kernel, { x: x.binding, y: y.binding }, params, grid, options),
});

function split(x: Pick<Elements, "shape" | "strides">, dims: readonly number[]) {
  const kept = x.shape.map((_, i) => i).filter((i) => !dims.includes(i));
  const pick = (list: readonly number[], which: readonly number[]) => which.map((i) => list[i]!);
  const outer = coalesce(pick(x.shape, kept), [pick(x.strides, kept)]);
  const inner = coalesce(pick(x.shape, dims), [pick(x.strides, dims)]);
  const size = (list: readonly number[]) => sizeOf(pick(x.shape, list));
  return { outer, inner, outerSize: size(kept), reducedSize: size(dims) };
}

/**
 * The strides of a reduction counted in vec4s: where four neighbouring results are of one vec4, or else four
 * neighbouring elements of a result are one.
 */
function vectorsOf(
  x: Elements,
  { outer, inner, reducedSize }: ReturnType<typeof split>,
): { kind: Vectors; shape: number[]; outer: number[]; inner: number[] } {
  const none = { kind: "none" as const, shape: [], outer: [], inner: [] };
  if (x.isComputed) return none;
  const [along, within] = [outer.strides[0]!, inner.strides[0]!];
  const above = along.slice(0, -1);
  const whole = (...counts: readonly number[]) =>
    [x.bindingOffset, ...counts].every((n) => n % 4 === 0);
  const quarter = (n: number) => n / 4;
  if (along.at(-1) === 1 && whole(outer.shape.at(-1)!, ...above, ...within))
    return {
      kind: "columns",
      shape: [...outer.shape.slice(0, -1), outer.shape.at(-1)! / 4],
      outer: [...above.map(quarter), 1],
      inner: within.map(quarter),
    };
  if (
    inner.shape.length === 1 &&
    within[0] === 1 &&
    reducedSize > 0 &&
    whole(reducedSize, ...along)
  )
    return { kind: "rows", shape: outer.shape, outer: along.map(quarter), inner: [1] };
  return none;
}

const reducedRank = (shape: Shape): number => (shape.length <= 2 ? shape.length : 8);

/** `out` has the outer shape, with or without kept dims. */
export function reduceElements(
  x: Elements,
  dims: readonly number[],
  kind: ReduceKind,
  out: Spec,
): DeviceTensor {
  const reduced = sizeOf(dims.map((d) => x.shape[d]!));
  return reduce(x, dims, kind, kind === "mean" ? 1 / reduced : 1, out);
}

/** `scale` multiplies the floating-point result. */
function reduce(
  x: Elements,
  dims: readonly number[],
  kind: ReduceKind,
  scale: number,
  out: Spec,
): DeviceTensor {
  const parts = split(x, dims);
  const { outer, inner, outerSize, reducedSize } = parts;
  const { device } = x;
  const vectors = vectorsOf(x, parts);
  const C = computeType(out.dtype);
  const suffix = C === "f32" ? "" : (`_${C}` as const);
  const slots = {
    COMBINE: `combine_${combination[kind]}${suffix}` as const,
    FINISH: `finish${suffix}`,
  };
  const oRank = compiledRank(outer.shape);
  const rRank = reducedRank(inner.shape);
  const params = {
    outer_shape: padded(outer.shape, oRank, 1),
    outer_strides: padded(outer.strides[0]!, oRank, 0),
    reduced_shape: padded(inner.shape, rRank, 1),
    reduced_strides: padded(inner.strides[0]!, rRank, 0),
    outer: outerSize,
    reduced: reducedSize,
    offset: x.bindingOffset,
    init: startOf(kind, C),
  };
  const overrides = { OUTER_RANK: oRank, REDUCED_RANK: rRank };
  const variant =
    forcedReduceVariant.current ??
    choose(device, {
      family: "reduce",
      problem: [outerSize, reducedSize, inner.strides[0]!.at(-1) === 1, vectors.kind],
      candidates: () => reduceVariants.candidates(vectors.kind),
      defaultChoice: () =>
        reduceVariants.defaultChoice(
          device.executor.adapter.class,
          outerSize,
          reducedSize,
          vectors.kind,
        ),
    });
  const chunks = variant !== "workgroup" ? Math.max(Math.ceil(reducedSize / chunkLength), 1) : 1;
  const y =
    chunks === 1
      ? DeviceTensor.empty(device, out.shape, out.dtype)
      : DeviceTensor.empty(device, [outerSize, chunks], C);
  const options = {
    types: { T: storageType(x.dtype), C, R: storageType(y.dtype) },
    slots,
    overrides,
  };
  if (variant === "workgroup") {
    x.launch(reduceWorkgroup, y, { ...params, scale }, gridFor(device, outerSize, 1), options);
    return y;
  }
  const ofChunks = { chunks, length: chunkLength, scale: chunks === 1 ? scale : 1 };
  const inVectors = {
    outer_shape: padded(vectors.shape, oRank, 1),
    outer_strides: padded(vectors.outer, oRank, 0),
    reduced_strides: padded(vectors.inner, rRank, 0),
    offset: x.bindingOffset / 4,
  };
  if (variant === "columns" && vectors.kind === "columns") {
    const of = { ...params, ...inVectors, outer: outerSize / 4, ...ofChunks };
    const together = device.executor.adapter.class === "wasm" ? 4 : 1;
    const grid = gridFor(device, Math.ceil(outerSize / 4 / together) * chunks, 16);
    x.launch(reduceColumns, y, of, grid, { ...options, constants: { VECTORS: together } });
  } else if (variant === "rows" && vectors.kind === "rows") {
    const of = { ...params, ...inVectors, reduced: reducedSize / 4, ...ofChunks };
    const grid = gridFor(device, outerSize * chunks, 16 * outputsPerInvocation);
    const inRows = { types: options.types, slots, overrides: { OUTER_RANK: oRank } };
    x.launch(reduceRows, y, { ...of, length: chunkLength / 4 }, grid, inRows);
  } else {
    const grid = gridFor(device, outerSize * chunks, 64);
    x.launch(reduceSerial, y, { ...params, ...ofChunks }, grid, options);
  }
  if (chunks === 1) return y;
  const total = reduce(elementsOf(y), [1], kind, scale, out);
  y.dispose();
  return total;
}

function reducedShape(shape: Shape, dims: readonly number[]): number[] {
  return shape.filter((_, i) => !dims.includes(i));
}

interface ReduceRow {
  kind: ReduceKind;
  formula: string;
  /** Result dtype for an operand dtype. @throws DTypeError where the reduction is not defined. */
  result(dtype: DType): DType;
  /** What flows back, for documentation. */
  derivative?: string;
  vjp: Primitive<ReduceAttrs>["vjp"];
  jvp: NonNullable<Primitive<ReduceAttrs>["jvp"]> | null;
  saves: Primitive<ReduceAttrs>["saves"];
}

const reductions = new WeakSet<object>();

/** Whether it is one of the records below. A list of them would load the kernels of all. */
export const isReduction = (primitive: AnyPrimitive): boolean => reductions.has(primitive);

// @__NO_SIDE_EFFECTS__
function reduction({ kind, result, ...row }: ReduceRow): Primitive<ReduceAttrs> {
  const primitive: Primitive<ReduceAttrs> = {
    name: kind,
    ...row,
    outputs: ([x], { dims }) => {
      const shape = reducedShape(x!.shape, dims);
      const empty = dims.some((d) => x!.shape[d] === 0);
      if (empty && (kind === "max" || kind === "min"))
        throw new ShapeError(`${kind}: shape ${show(x!.shape)} has no elements to choose from.`);
      return [{ shape, dtype: result(x!.dtype) }];
    },
    run: ([x], { dims }, [out]) => [reduceElements(elementsOf(x!), dims, kind, out!)],
    batch: (inputs, { attrs }) => bind(primitive, inputs, { dims: attrs.dims.map((d) => d + 1) }),
  };
  reductions.add(primitive);
  return primitive;
}

/** `g` of the reduced shape, spread over the reduced dimensions of `shape`. */
function spread(g: Tensor, shape: Shape, dims: readonly number[]): Tensor {
  return expand(
    reshape(
      g,
      shape.map((d, i) => (dims.includes(i) ? 1 : d)),
    ),
    shape,
  );
}

const floatOnly =
  (op: string) =>
  (dtype: DType): DType => {
    if (!isFloat(dtype))
      throw new DTypeError(`${op}: not defined for ${dtype}; convert with .to("f32").`);
    return dtype;
  };
const boolOnly =
  (op: string) =>
  (dtype: DType): DType => {
    if (dtype !== "bool")
      throw new DTypeError(`${op}: takes bool, got ${dtype}; convert with .to("bool").`);
    return dtype;
  };

const sumPrimitive = reduction({
  kind: "sum",
  formula: "Σ x",
  result: (dtype) => (dtype === "bool" ? "i32" : dtype),
  saves: "nothing",
  derivative: "g, at every element",
  vjp: ([g], { inputs, attrs }) => [spread(g!, inputs[0]!.shape, attrs.dims)],
  jvp: jvpOfLinear(() => sumPrimitive),
});

const meanPrimitive = reduction({
  kind: "mean",
  formula: "Σ x / n",
  result: floatOnly("mean"),
  saves: "nothing",
  derivative: "g / n, at every element",
  vjp: ([g], { inputs, attrs }) => {
    const n = sizeOf(attrs.dims.map((d) => inputs[0]!.shape[d]!));
    return [spread(mul(g!, 1 / n), inputs[0]!.shape, attrs.dims)];
  },
  jvp: jvpOfLinear(() => meanPrimitive),
});

const prodPrimitive = reduction({
  kind: "prod",
  formula: "Π x",
  result: (dtype) => (dtype === "bool" ? "i32" : dtype),
  saves: "inputs",
  derivative: "g times the product of the other elements, without division",
  vjp: ([g], { inputs: [x], attrs: { dims } }) => [
    mul(spread(g!, x!.shape, dims), productOfOthersOver(x!, dims)),
  ],
  jvp: ([t], { inputs: [x], attrs: { dims } }) => [
    sum(mul(t!, productOfOthersOver(x!, dims)), { dim: dims }),
  ],
});

/** For each element, the product of all others that are reduced with it. */
function productOfOthersOver(x: Tensor, dims: readonly number[]): Tensor {
  const order = [...x.shape.keys()].filter((i) => !dims.includes(i)).concat(dims);
  const moved = permute(to(x, "f32"), order);
  const kept = moved.shape.slice(0, x.rank - dims.length);
  const rows = reshape(moved, [...kept, sizeOf(dims.map((d) => x.shape[d]!))]);
  const others = reshape(productOfOthers(rows, kept.length), moved.shape);
  return to(permute(others, inverse(order)), x.dtype);
}

const inverse = (order: readonly number[]): number[] => order.map((_, i) => order.indexOf(i));

/** Where x is the extremum, as 1 and 0 of its dtype; and how many there are for each result. */
function tied(x: Tensor, y: Tensor, dims: readonly number[]): [hit: Tensor, count: Tensor] {
  const hit = to(eq(x, spread(y, x.shape, dims)), x.dtype);
  return [hit, run(sumPrimitive, hit, { dim: dims })];
}

/** The gradient is shared evenly among tied extrema, as in PyTorch's amax; so is what moves them. */
const ofExtremum: Pick<ReduceRow, "derivative" | "saves" | "vjp" | "jvp"> = {
  derivative: "g, shared evenly by the elements that equal the result",
  saves: "everything",
  vjp: ([g], { inputs, outputs, attrs: { dims } }) => {
    const [x] = inputs as [Tensor];
    const [hit, count] = tied(x, outputs[0]!, dims);
    return [mul(hit, spread(div(g!, count), x.shape, dims))];
  },
  jvp: ([t], { inputs, outputs, attrs: { dims } }) => {
    const [hit, count] = tied(inputs[0]!, outputs[0]!, dims);
    return [div(run(sumPrimitive, mul(hit, t!), { dim: dims }), count)];
  },
};

const numeric =
  (op: string) =>
  (dtype: DType): DType => {
    if (dtype === "bool") throw new DTypeError(`${op}: not defined for bool; use any() or all().`);
    return dtype;
  };

const maxPrimitive = reduction({
  kind: "max",
  formula: "max x",
  result: numeric("max"),
  ...ofExtremum,
});

const minPrimitive = reduction({
  kind: "min",
  formula: "min x",
  result: numeric("min"),
  ...ofExtremum,
});

const anyPrimitive = reduction({
  kind: "any",
  formula: "∃ x",
  result: boolOnly("any"),
  saves: "nothing",
  vjp: null,
  jvp: null,
});

const allPrimitive = reduction({
  kind: "all",
  formula: "∀ x",
  result: boolOnly("all"),
  saves: "nothing",
  vjp: null,
  jvp: null,
});

interface ArgAttrs {
  readonly dim: number;
}

// @__NO_SIDE_EFFECTS__
function argReduction(name: "argmax" | "argmin"): Primitive<ArgAttrs> {
  const primitive: Primitive<ArgAttrs> = {
    name,
    formula: `the first index of the ${name === "argmax" ? "greatest" : "least"} element`,
    saves: "nothing",
    outputs: ([x], { dim }) => {
      if (x!.shape[dim] === 0)
        throw new ShapeError(`${name}: shape ${show(x!.shape)} has no elements to choose from.`);
      return [{ shape: reducedShape(x!.shape, [dim]), dtype: "i32" }];
    },
    run: ([x], { dim }, [out]) => {
      const { outer, outerSize, reducedSize } = split(x!, [dim]);
      const rank = compiledRank(outer.shape);
      const y = DeviceTensor.empty(x!.device, out!.shape, "i32");
      const C = computeType(x!.dtype);
      launch(
        x!.device,
        reduceArg,
        { x: x!.binding, y: y.binding },
        {
          outer_shape: padded(outer.shape, rank, 1),
          outer_strides: padded(outer.strides[0]!, rank, 0),
          outer: outerSize,
          reduced: reducedSize,
          reduced_stride: x!.strides[dim]!,
          offset: x!.bindingOffset,
        },
        gridFor(x!.device, outerSize, 64),
        {
          types: { T: storageType(x!.dtype), C },
          slots: { BEFORE: `${name === "argmax" ? "greater" : "less"}_${C}` },
          overrides: { OUTER_RANK: rank },
        },
      );
      return [y];
    },
    vjp: null,
    jvp: null,
    batch: (inputs, { attrs }) => bind(primitive, inputs, { dim: attrs.dim + 1 }),
  };
  return primitive;
}

const argmaxPrimitive = argReduction("argmax");
const argminPrimitive = argReduction("argmin");

function run(primitive: Primitive<ReduceAttrs>, x: Tensor, options: ReduceOptions): Tensor {
  const dims = normalizeDims(primitive.name, options.dim, x.rank);
  return scope(() => {
    const [y] = bind(primitive, [x], { dims });
    return options.keepdim ? keepDims(y!, x.shape, dims) : y!;
  });
}

/** As `run`, for callers who may have given a dimension by position. */
function runNamed(primitive: Primitive<ReduceAttrs>, x: Tensor, options: ReduceOptions): Tensor {
  requireOptions(primitive.name, options, "dim");
  return run(primitive, x, options);
}

function keepDims(y: Tensor, shape: Shape, dims: readonly number[]): Tensor {
  return reshape(
    y,
    shape.map((d, i) => (dims.includes(i) ? 1 : d)),
  );
}

/**
 * Sum over `dim` (default: all). bool counts as i32 0 and 1; other types keep theirs.
 * @throws ShapeError for a dim that x does not have
 */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return runNamed(sumPrimitive, x, options);
}

/**
 * Arithmetic mean over `dim` (default: all) of a floating-point tensor.
 * @throws ShapeError for a dim that x does not have; DTypeError for integers and bool
 */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return runNamed(meanPrimitive, x, options);
}

/**
 * Product over `dim` (default: all; PyTorch `prod`). bool counts as i32 0 and 1; other types keep theirs.
 * The gradient takes no quotients, so it is right for zeros.
 * @throws ShapeError for a dim that x does not have
 */
export function prod(x: Tensor, options: ReduceOptions = {}): Tensor {
  return runNamed(prodPrimitive, x, options);
}

/**
 * Greatest element over `dim` (default: all); NaN wins. Ties share the gradient (PyTorch amax).
 * @throws ShapeError for a dim that x does not have, or one without elements; DTypeError for bool
 */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  return runNamed(maxPrimitive, x, options);
}

/**
 * Least element over `dim` (default: all); NaN wins. Ties share the gradient (PyTorch amin).
 * @throws ShapeError for a dim that x does not have, or one without elements; DTypeError for bool
 */
export function min(x: Tensor, options: ReduceOptions = {}): Tensor {
  return runNamed(minPrimitive, x, options);
}

/**
 * Whether any element over `dim` (default: all) is true. Takes bool.
 * @throws ShapeError for a dim that x does not have; DTypeError unless x is bool
 */
export function any(x: Tensor, options: ReduceOptions = {}): Tensor {
  return runNamed(anyPrimitive, x, options);
}

/**
 * Whether all elements over `dim` (default: all) are true. Takes bool.
 * @throws ShapeError for a dim that x does not have; DTypeError unless x is bool
 */
export function all(x: Tensor, options: ReduceOptions = {}): Tensor {
  return runNamed(allPrimitive, x, options);
}

export interface ArgOptions {
  /** Default: the index into the flattened tensor. */
  dim?: number;
  keepdim?: boolean;
}

function runArg(primitive: Primitive<ArgAttrs>, x: Tensor, options: ArgOptions): Tensor {
  requireOptions(primitive.name, options, "dim");
  const flat = options.dim === undefined;
  const dim = flat ? 0 : normalizeDim(primitive.name, options.dim!, x.rank);
  const reduced = flat ? x.shape.map((_, i) => i) : [dim];
  return scope(() => {
    const from = flat || x.rank === 0 ? reshape(x, [x.size]) : x;
    const [y] = bind(primitive, [from], { dim });
    return options.keepdim ? keepDims(y!, x.shape, reduced) : y!;
  });
}

/**
 * Index (i32) of the greatest element: the first of ties; NaN counts as greatest.
 * @throws ShapeError for a dim that x does not have, or one without elements
 */
export function argmax(x: Tensor, options: ArgOptions = {}): Tensor {
  return runArg(argmaxPrimitive, x, options);
}

/**
 * Index (i32) of the least element: the first of ties; NaN counts as least.
 * @throws ShapeError for a dim that x does not have, or one without elements
 */
export function argmin(x: Tensor, options: ArgOptions = {}): Tensor {
  return runArg(argminPrimitive, x, options);
}

/** `g` summed over the dimensions along which `shape` was broadcast: the cotangent of a broadcast operand. */
export function sumTo(g: Tensor, shape: Shape): Tensor {
  if (sameShape(g.shape, shape)) return g;
  const extra = g.rank - shape.length;
  const dims = g.shape.flatMap((d, i) =>
    i < extra || (shape[i - extra] === 1 && d !== 1) ? [i] : [],
  );
  return scope(() => reshape(run(sumPrimitive, g, { dim: dims }), shape));
}

export const reducePrimitives = [
  sumPrimitive,
  meanPrimitive,
  prodPrimitive,
  maxPrimitive,
  minPrimitive,
  anyPrimitive,
  allPrimitive,
  argmaxPrimitive,
  argminPrimitive,
];

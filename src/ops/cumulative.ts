/** Running results along one dimension: sums, products, log-sum-exps, extrema, linear recurrences. */
import type { AdapterClass } from "../device/executor";
import { DTypeError, ShapeError } from "../errors";
import {
  gridFor,
  launch,
  type ScanCumulativeOptions,
  type ScanSegmentTotalsOptions,
  type ScanSegmentTotalsParams,
  scanCumulative,
  scanExtremum,
  scanRecurrence,
  scanRecurrenceSegments,
  scanSegmentTotals,
} from "../kernels";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { type DType, isFloat, requireDType, storageType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { denseStrides, normalizeDim, sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { add, eq, mul, sub, where } from "./arithmetic";
import { likeOperand } from "./autocast";
import { full } from "./creation";
import { exp } from "./functions";
import { gather } from "./indexing";
import { computeType } from "./pointwise";
import type { BatchContext, Primitive } from "./primitive";
import { jvpOfLinear, withLanes } from "./rules";
import { cat, narrow, reshape, to } from "./shape";
import { bind } from "./trace";
import { choose } from "./variants";
import { walkRows } from "./walk";

/**
 * `serial`: one invocation per row. `segmented`: one per 128 elements, which start from the running
 * results of the segments' totals: two more dispatches. Sums, products and log-sum-exps are combined in
 * the same order in both, and extrema are the same; recurrences round differently.
 */
export type ScanVariant = "serial" | "segmented";

export const scanVariants = {
  isApplicable: (_variant: ScanVariant): boolean => true,
  defaultChoice: (adapter: AdapterClass, rows: number, length: number): ScanVariant =>
    adapter === "hardware"
      ? length > 512 && rows < 16384
        ? "segmented"
        : "serial"
      : length > 16384 && rows < 64
        ? "segmented"
        : "serial",
  candidates: (): readonly ScanVariant[] => ["serial", "segmented"],
};

/** For tests: runs one variant everywhere; null lets `defaultChoice` decide. */
export const forcedScanVariant: { current: ScanVariant | null } = { current: null };

/** The runs of shaders/scan/cumulative. */
const segmentLength = 128;

interface ScanAttrs {
  readonly dim: number;
  /** From the last element backwards. */
  readonly reverse: boolean;
}

/** How a row of `length` is cut. */
function segmentsOf(device: DeviceTensor["device"], rows: number, length: number) {
  const variant =
    forcedScanVariant.current ??
    choose(device, {
      family: "scan",
      problem: [rows, length],
      candidates: scanVariants.candidates,
      defaultChoice: () => scanVariants.defaultChoice(device.executor.adapter.class, rows, length),
    });
  const segment = variant === "serial" ? length : segmentLength;
  return { segment, segments: Math.ceil(length / segment) };
}

/** Where a row of `t` begins and how it goes on. */
function along(t: DeviceTensor, { dim, reverse }: ScanAttrs): { offset: number; step: number } {
  const step = t.strides[dim]!;
  return reverse
    ? { offset: t.bindingOffset + (t.shape[dim]! - 1) * step, step: -step }
    : { offset: t.bindingOffset, step };
}

type Combination = "sum" | "product" | "log_add_exp";

/** What changes nothing, as the bits of f32 and of integers. */
const identities: Record<Combination, { f32: number; whole: number }> = {
  sum: { f32: 0, whole: 0 },
  product: { f32: 0x3f800000, whole: 1 },
  log_add_exp: { f32: 0xff800000, whole: 0 },
};

function runScan(x: DeviceTensor, kind: Combination, attrs: ScanAttrs): DeviceTensor {
  const { device } = x;
  const y = DeviceTensor.empty(device, x.shape, x.dtype);
  const length = x.shape[attrs.dim]!;
  const C = computeType(x.dtype);
  const { rank, rows, shape, strides } = walkRows(attrs.dim, [x, y]);
  const { segment, segments } = segmentsOf(device, rows, length);
  const [from, into] = [along(x, attrs), along(y, attrs)];
  const common = {
    outer_shape: shape,
    x_strides: strides[0]!,
    rows,
    length,
    segments,
    segment,
    x_offset: from.offset,
    x_step: from.step,
    identity: identities[kind][C === "f32" ? "f32" : "whole"],
  };
  const COMBINE = `combine_${kind}${C === "f32" ? "" : `_${C}`}`;
  const options = {
    types: { T: storageType(x.dtype), C },
    slots: { COMBINE } as NonNullable<ScanCumulativeOptions["slots"]>,
    overrides: { RANK: rank },
  };
  const before = segments > 1 ? totalsBefore(x, kind, common, options) : null;
  launch(
    device,
    scanCumulative,
    { x: x.binding, carries: (before ?? x).binding, y: y.binding },
    { ...common, y_strides: strides[1]!, y_offset: into.offset, y_step: into.step },
    gridFor(device, rows * segments, 64),
    { ...options, overrides: { RANK: rank, CARRY: before ? 1 : 0 } },
  );
  before?.dispose();
  return y;
}

/** The running results of the totals of all segments, [rows, segments]. */
function totalsBefore(
  x: DeviceTensor,
  kind: Combination,
  params: ScanSegmentTotalsParams,
  options: ScanSegmentTotalsOptions,
): DeviceTensor {
  const shape = [params.rows, params.segments];
  const totals = DeviceTensor.empty(x.device, shape, computeType(x.dtype));
  const bindings = { x: x.binding, totals: totals.binding };
  const grid = gridFor(x.device, params.rows * params.segments, 64);
  launch(x.device, scanSegmentTotals, bindings, params, grid, options);
  const running = runScan(totals, kind, { dim: 1, reverse: false });
  totals.dispose();
  return running;
}

/** The element before each along `dim` (after, if reverse), and `fill` where there is none. */
function previous(x: Tensor, { dim, reverse }: ScanAttrs, fill: number): Tensor {
  if (x.size === 0) return x;
  const others = x.shape[dim]! - 1;
  return shifted(narrow(x, dim, reverse ? 1 : 0, others), { dim, reverse }, fill);
}

/** One element longer along `dim`, by `fill` at the front (at the end, if reverse). */
function shifted(x: Tensor, { dim, reverse }: ScanAttrs, fill: number): Tensor {
  const edge = full(x.shape.with(dim, 1), fill, { dtype: x.dtype, device: x.device });
  return cat(reverse ? [x, edge] : [edge, x], dim);
}

const backwards = ({ dim, reverse }: ScanAttrs): ScanAttrs => ({ dim, reverse: !reverse });

/** Lanes in front move the dimension up by one. */
const inLanes = ({ dim, reverse }: ScanAttrs): ScanAttrs => ({ dim: dim + 1, reverse });

/**
 * For each element along `dim`, the product of all others: no division, so that zeros do no harm.
 * @param x f32, of rank 1 or more
 */
export function productOfOthers(x: Tensor, dim: number): Tensor {
  const product = (reverse: boolean): Tensor => {
    const attrs = { dim, reverse };
    return previous(bind(cumprodPrimitive, [x], attrs)[0]!, attrs, 1);
  };
  return mul(product(false), product(true));
}

/**
 * The first-order recurrence that the derivatives of running products and log-sum-exps are made of: no
 * division, so that zeros do no harm. Its own derivatives are recurrences again.
 */
const recurrencePrimitive: Primitive<ScanAttrs> = {
  name: "linearRecurrence",
  formula: "y_i = a_i y_(i-1) + b_i, from y_0 = b_0 (reverse: a_i y_(i+1) + b_i)",
  derivative: "for b: r_i = g_i + a_(i+1) r_(i+1), backwards; for a: r_i y_(i-1)",
  saves: { inputs: [0], outputs: [0] },
  outputs: ([a, b]) => {
    requireDType("linearRecurrence", "a", a!.dtype, ["f32"]);
    requireDType("linearRecurrence", "b", b!.dtype, ["f32"]);
    if (!sameShape(a!.shape, b!.shape))
      throw new ShapeError(
        `linearRecurrence: a ${show(a!.shape)} and b ${show(b!.shape)} must have the same shape.`,
      );
    return [{ shape: b!.shape, dtype: b!.dtype }];
  },
  run: ([a, b], attrs) => [runRecurrence(a!, b!, attrs)],
  vjp: ([g], { inputs: [a], outputs: [y], attrs }) => {
    const back = backwards(attrs);
    const r = recurrence(previous(a!, back, 0), g!, back);
    return [mul(r, previous(y!, attrs, 0)), r];
  },
  jvp: ([ta, tb], { inputs: [a], outputs: [y], attrs }) => {
    const moved = ta ? mul(ta, previous(y!, attrs, 0)) : null;
    return [recurrence(a!, moved && tb ? add(moved, tb) : (moved ?? tb)!, attrs)];
  },
  batch: (inputs, context: BatchContext<ScanAttrs>) =>
    bind(recurrencePrimitive, withLanes(inputs, context), inLanes(context.attrs)),
};

function recurrence(a: Tensor, b: Tensor, attrs: ScanAttrs): Tensor {
  return bind(recurrencePrimitive, [a, b], attrs)[0]!;
}

function runRecurrence(a: DeviceTensor, b: DeviceTensor, attrs: ScanAttrs): DeviceTensor {
  const { device } = b;
  const y = DeviceTensor.empty(device, b.shape, "f32");
  const length = b.shape[attrs.dim]!;
  const { rank, rows, shape, strides } = walkRows(attrs.dim, [a, b, y]);
  const { segment, segments } = segmentsOf(device, rows, length);
  const [ofA, ofB, into] = [along(a, attrs), along(b, attrs), along(y, attrs)];
  const common = {
    outer_shape: shape,
    a_strides: strides[0]!,
    b_strides: strides[1]!,
    rows,
    length,
    segments,
    segment,
    a_offset: ofA.offset,
    a_step: ofA.step,
    b_offset: ofB.offset,
    b_step: ofB.step,
  };
  const grid = gridFor(device, rows * segments, 64);
  let before: DeviceTensor | null = null;
  if (segments > 1) {
    const totals = DeviceTensor.empty(device, [2, rows, segments], "f32");
    const bindings = { a: a.binding, b: b.binding, totals: totals.binding };
    launch(device, scanRecurrenceSegments, bindings, common, grid, { overrides: { RANK: rank } });
    const half = (k: number) =>
      new DeviceTensor(totals.storage, [rows, segments], "f32", [segments, 1], k * rows * segments);
    const [factors, ends] = [half(0), half(1)];
    before = runRecurrence(factors, ends, { dim: 1, reverse: false });
    for (const t of [factors, ends, totals]) t.dispose();
  }
  launch(
    device,
    scanRecurrence,
    { a: a.binding, b: b.binding, carries: (before ?? b).binding, y: y.binding },
    { ...common, y_strides: strides[2]!, y_offset: into.offset, y_step: into.step },
    grid,
    { overrides: { RANK: rank, CARRY: before ? 1 : 0 } },
  );
  before?.dispose();
  return y;
}

interface ScanRow {
  readonly name: string;
  readonly kind: Combination;
  readonly formula: string;
  readonly derivative: string;
  readonly saves: Primitive<ScanAttrs>["saves"];
  /** @throws DTypeError */
  check(dtype: DType): void;
  readonly vjp: Primitive<ScanAttrs>["vjp"];
  readonly jvp: NonNullable<Primitive<ScanAttrs>["jvp"]>;
}

// @__NO_SIDE_EFFECTS__
function scan({ kind, check, ...row }: ScanRow): Primitive<ScanAttrs> {
  const primitive: Primitive<ScanAttrs> = {
    ...row,
    outputs: ([x]) => {
      check(x!.dtype);
      return [{ shape: x!.shape, dtype: x!.dtype }];
    },
    run: ([x], attrs) => [runScan(x!, kind, attrs)],
    batch: (inputs, { attrs }) => bind(primitive, inputs, inLanes(attrs)),
  };
  return primitive;
}

const noBool = (op: string) => (dtype: DType) => {
  if (dtype === "bool")
    throw new DTypeError(`${op}: not defined for bool; convert with .to("i32") to count.`);
};

const cumsumPrimitive = scan({
  name: "cumsum",
  kind: "sum",
  formula: "y_i = x_0 + … + x_i (reverse: x_i + … + x_n)",
  derivative: "the sum of the g of all later elements",
  saves: "nothing",
  check: noBool("cumsum"),
  vjp: ([g], { attrs }) => [bind(cumsumPrimitive, [g!], backwards(attrs))[0]!],
  jvp: jvpOfLinear(() => cumsumPrimitive),
});

const cumprodPrimitive = scan({
  name: "cumprod",
  kind: "product",
  formula: "y_i = x_0 · … · x_i (reverse: x_i · … · x_n)",
  derivative: "y_(i-1) r_i, with r_i = g_i + x_(i+1) r_(i+1): no division by x, which may be 0",
  saves: "everything",
  check: noBool("cumprod"),
  vjp: ([g], { inputs: [x], outputs: [y], attrs }) => {
    const back = backwards(attrs);
    return [mul(previous(y!, attrs, 1), recurrence(previous(x!, back, 0), g!, back))];
  },
  jvp: ([t], { inputs: [x], outputs: [y], attrs }) => [
    recurrence(x!, mul(t!, previous(y!, attrs, 1)), attrs),
  ],
});

/** e^(a - b) for a ≤ b, and 0 where both are -Infinity. */
function ratio(a: Tensor, b: Tensor): Tensor {
  const nothing = eq(b, Number.NEGATIVE_INFINITY);
  return where(nothing, 0, exp(sub(where(nothing, 0, a), where(nothing, 0, b))));
}

/** e^(y_(i-1) - y_i), what is left of the last sum in the next one; 0 at the first. */
function decay(y: Tensor, attrs: ScanAttrs): Tensor {
  if (y.size === 0) return y;
  const { dim, reverse } = attrs;
  const others = y.shape[dim]! - 1;
  const [earlier, later] = [narrow(y, dim, 0, others), narrow(y, dim, 1, others)];
  return shifted(reverse ? ratio(later, earlier) : ratio(earlier, later), attrs, 0);
}

const logCumSumExpPrimitive = scan({
  name: "logcumsumexp",
  kind: "log_add_exp",
  formula: "y_i = log(e^(x_0) + … + e^(x_i)) (reverse: from x_i on)",
  derivative: "e^(x_i - y_i) r_i, with r_i = g_i + e^(y_i - y_(i+1)) r_(i+1)",
  saves: "everything",
  check: (dtype) => requireDType("logcumsumexp", "x", dtype, ["f32"]),
  vjp: ([g], { inputs: [x], outputs: [y], attrs }) => {
    const back = backwards(attrs);
    const share = recurrence(previous(decay(y!, attrs), back, 0), g!, back);
    return [mul(ratio(x!, y!), share)];
  },
  jvp: ([t], { inputs: [x], outputs: [y], attrs }) => [
    recurrence(decay(y!, attrs), mul(t!, ratio(x!, y!)), attrs),
  ],
});

interface PlaceAttrs {
  readonly dim: number;
}

/** Which of the three runs of shaders/scan/extremum. */
type PlacePass = "TOTALS" | "CHOSEN" | "CARRY";

/** Where the running extremum is, which nothing after it is `not` less (or greater) than. */
function runPlaces(x: DeviceTensor, dim: number, not: "less" | "greater"): DeviceTensor {
  const { device } = x;
  const y = DeviceTensor.empty(device, x.shape, "i32");
  const C = computeType(x.dtype);
  const length = x.shape[dim]!;
  const { rank, rows, shape, strides } = walkRows(dim, [x, y]);
  const { segment, segments } = segmentsOf(device, rows, length);
  /** Rows of [rows, segments] lie one after another, whatever x's outer dimensions are. */
  const listed = denseStrides(shape).map((s) => s * segments);
  const pass = (
    into: DeviceTensor,
    places: DeviceTensor | null,
    which: PlacePass | null,
    row: { length: number; segments: number; segment: number },
  ): void => {
    launch(
      device,
      scanExtremum,
      { x: x.binding, places: (places ?? x).binding, y: into.binding },
      {
        outer_shape: shape,
        x_strides: strides[0]!,
        y_strides: into === y ? strides[1]! : listed,
        rows,
        ...row,
        x_offset: x.bindingOffset,
        x_step: x.strides[dim]!,
        y_step: into === y ? y.strides[dim]! : 1,
      },
      gridFor(device, rows * row.segments, 64),
      {
        types: { T: storageType(x.dtype), C },
        slots: { AFTER: `not_${not}_${C}` },
        overrides: { RANK: rank, ...(which && { [which]: 1 }) },
      },
    );
  };
  const whole = { length, segments, segment };
  if (segments === 1) {
    pass(y, null, null, whole);
    return y;
  }
  const list = () => DeviceTensor.empty(device, [rows, segments], "i32");
  const [each, before] = [list(), list()];
  pass(each, null, "TOTALS", whole);
  pass(before, each, "CHOSEN", { length: segments, segments: 1, segment: segments });
  pass(y, before, "CARRY", whole);
  each.dispose();
  before.dispose();
  return y;
}

// @__NO_SIDE_EFFECTS__
function cumulativePlace(name: "cumArgmax" | "cumArgmin"): Primitive<PlaceAttrs> {
  const greatest = name === "cumArgmax";
  const primitive: Primitive<PlaceAttrs> = {
    name,
    formula: `where the ${greatest ? "greatest" : "least"} of x_0, …, x_i is: the last of equals`,
    saves: "nothing",
    outputs: ([x]) => [{ shape: x!.shape, dtype: "i32" }],
    run: ([x], { dim }) => [runPlaces(x!, dim, greatest ? "less" : "greater")],
    vjp: null,
    jvp: null,
    batch: (inputs, { attrs }) => bind(primitive, inputs, { dim: attrs.dim + 1 }),
  };
  return primitive;
}

const cumArgmaxPrimitive = cumulativePlace("cumArgmax");
const cumArgminPrimitive = cumulativePlace("cumArgmin");

export interface CumsumOptions {
  /** From the last element backwards. Default false. */
  reverse?: boolean;
}

function run(
  primitive: Primitive<ScanAttrs>,
  x: Tensor,
  dim: number,
  options: CumsumOptions,
): Tensor {
  const { reverse = false } = requireOptions(primitive.name, options, "reverse");
  const at = normalizeDim(primitive.name, dim, x.rank);
  if (x.rank > 0) return bind(primitive, [x], { dim: at, reverse })[0]!;
  return scope(() => reshape(run(primitive, reshape(x, [1]), 0, { reverse }), []));
}

/** f16 is computed in f32 and rounded once. */
function runWide(
  primitive: Primitive<ScanAttrs>,
  x: Tensor,
  dim: number,
  options: CumsumOptions,
): Tensor {
  if (!isFloat(x.dtype) || x.dtype === "f32") return run(primitive, x, dim, options);
  return scope(() => likeOperand(run(primitive, to(x, "f32"), dim, options), x));
}

/**
 * Running sums along `dim` (PyTorch `cumsum`), in a fixed order of additions. Integers wrap around.
 *
 * @param x f32, f16, i32 or u32
 * @returns the shape and dtype of x; differentiable
 * @throws DTypeError for bool, ShapeError for a dim out of range
 * @example cumsum(tensor([1, 2, 3]), 0) // 1, 3, 6
 */
export function cumsum(x: Tensor, dim: number, options: CumsumOptions = {}): Tensor {
  return run(cumsumPrimitive, x, dim, options);
}

/**
 * Running products along `dim` (PyTorch `cumprod`), in a fixed order. Integers wrap around. The gradient
 * takes no quotients, so it is right for zeros.
 *
 * @param x f32, f16 (computed in f32), i32 or u32
 * @returns the shape and dtype of x; differentiable
 * @throws DTypeError for bool, ShapeError for a dim out of range
 * @example cumprod(tensor([1, 2, 3]), 0) // 1, 2, 6
 */
export function cumprod(x: Tensor, dim: number, options: CumsumOptions = {}): Tensor {
  return runWide(cumprodPrimitive, x, dim, options);
}

/**
 * log of the running sums of e^x along `dim` (PyTorch `logcumsumexp`), relative to the greatest so far:
 * nothing overflows, and a row that begins with -Infinity stays -Infinity as long as it is.
 *
 * @param x floating-point; f16 is computed in f32, integers are taken as f32
 * @returns the shape of x; differentiable
 * @throws ShapeError for a dim out of range
 * @example logcumsumexp(tensor([0, 0]), 0) // 0, 0.6931
 */
export function logcumsumexp(x: Tensor, dim: number, options: CumsumOptions = {}): Tensor {
  if (isFloat(x.dtype)) return runWide(logCumSumExpPrimitive, x, dim, options);
  return scope(() => run(logCumSumExpPrimitive, to(x, "f32"), dim, options));
}

/** What `cummax` and `cummin` give. */
export interface CumulativeExtremum {
  readonly values: Tensor;
  /** Where along the dimension they are; i32. */
  readonly indices: Tensor;
}

function runPlace(primitive: Primitive<PlaceAttrs>, op: string, x: Tensor, dim: number) {
  const at = normalizeDim(op, dim, x.rank);
  return scope(() => {
    const row = x.rank === 0 ? reshape(x, [1]) : x;
    const [places] = bind(primitive, [row], { dim: at });
    const values = gather(row, at, places!);
    if (x.rank > 0) return { values, indices: places! };
    return { values: reshape(values, []), indices: reshape(places!, []) };
  });
}

/**
 * The greatest of all elements so far along `dim` (PyTorch `cummax`); of equals the last, NaN counts as
 * greatest.
 *
 * @param x any dtype
 * @returns values, differentiable, and indices (i32), of x's shape
 * @throws ShapeError for a dim out of range
 * @example cummax(tensor([1, 3, 2]), 0).values // 1, 3, 3
 */
export function cummax(x: Tensor, dim: number): CumulativeExtremum {
  return runPlace(cumArgmaxPrimitive, "cummax", x, dim);
}

/**
 * The least of all elements so far along `dim` (PyTorch `cummin`); of equals the last, NaN counts as
 * least.
 *
 * @param x any dtype
 * @returns values, differentiable, and indices (i32), of x's shape
 * @throws ShapeError for a dim out of range
 * @example cummin(tensor([2, 3, 1]), 0).values // 2, 2, 1
 */
export function cummin(x: Tensor, dim: number): CumulativeExtremum {
  return runPlace(cumArgminPrimitive, "cummin", x, dim);
}

export const cumulativePrimitives = [
  cumsumPrimitive,
  cumprodPrimitive,
  logCumSumExpPrimitive,
  recurrencePrimitive,
  cumArgmaxPrimitive,
  cumArgminPrimitive,
];

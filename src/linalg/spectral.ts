/**
 * What eigenvalues and singular values have in common: a matrix is scaled, condensed to few diagonals, and
 * these are made one diagonal by rotations, which are written down and then applied to all rows of the
 * vectors at once. All of this runs inside primitives, on tensors with memory.
 */
import type { AdapterClass } from "../device/executor";
import {
  gridFor,
  launch,
  linalgOrder,
  linalgPeaks,
  linalgPowers,
  linalgReflect,
  linalgRotate,
  linalgScaled,
} from "../kernels";
import { lerp } from "../ops/arithmetic";
import { dense } from "../ops/shape";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { type Shape, sizeOf } from "../tensor/shape";
import { product, turned } from "./batches";
import { flawSite, notFinite } from "./faults";

/** [..., m, n] with m >= n, as one batch of [m, n]. */
export interface Sizes {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  /** Vec4s that hold m, and n, elements. */
  readonly rows4: number;
  readonly cols4: number;
}

export function sizesOf(shape: Shape): Sizes {
  const [m, n] = shape.slice(-2) as [number, number];
  return {
    batch: sizeOf(shape.slice(0, -2)),
    m,
    n,
    rows4: Math.ceil(m / 4),
    cols4: Math.ceil(n / 4),
  };
}

/**
 * How a matrix is condensed. `steps`: one column at a time, each in dispatches that share its rows.
 * `whole`: one invocation does all of a matrix: one dispatch, for small matrices and many.
 */
export type CondenseVariant = "steps" | "whole";

export const condenseVariants = {
  /** Software drivers take seconds to compile all parts of a step into one kernel. */
  isApplicable: (variant: CondenseVariant, adapter: AdapterClass): boolean =>
    variant === "steps" || adapter !== "software",
  defaultChoice: (adapter: AdapterClass, { batch, n }: Sizes): CondenseVariant => {
    const alone = { wasm: 64, software: 0, hardware: 16 }[adapter];
    // Matrices enough to keep all cores busy, and none so large that a dispatch takes long.
    const many = { wasm: 128, software: 0, hardware: 32 }[adapter];
    return n <= alone || (n <= many && batch >= 8) ? "whole" : "steps";
  },
  candidates: (): readonly CondenseVariant[] => ["steps", "whole"],
};

/** For tests: one variant wherever it is applicable; null lets `defaultChoice` decide. */
export const forcedCondenseVariant: { current: CondenseVariant | null } = { current: null };

export function condenseVariant(x: DeviceTensor, sizes: Sizes): CondenseVariant {
  const adapter = x.device.executor.adapter.class;
  const forced = forcedCondenseVariant.current;
  return forced && condenseVariants.isApplicable(forced, adapter)
    ? forced
    : condenseVariants.defaultChoice(adapter, sizes);
}

/** Invocations per workgroup, where a few do much each. */
export function workgroup(x: DeviceTensor): 1 | 32 {
  return x.device.executor.adapter.class === "wasm" ? 1 : 32;
}

/** A tensor for kernels to work in, of zeros if `cleared`, else of what was there. */
export function room(
  like: DeviceTensor,
  shape: Shape,
  { dtype = "f32", cleared = false }: { dtype?: "f32" | "u32"; cleared?: boolean } = {},
): DeviceTensor {
  const y = DeviceTensor.empty(like.device, shape, dtype);
  if (cleared) like.device.executor.clear(y.binding);
  return y;
}

/** The matrices of x (`part`: or their symmetric parts) times powers of two that bring them near 1. */
export function scaled(
  x: DeviceTensor,
  part: "whole" | "symmetric",
  op: string,
  shape: Shape,
): { work: DeviceTensor; scales: DeviceTensor } {
  const { device } = x;
  const { batch, m, n, rows4, cols4 } = sizesOf(x.shape);
  const from = dense(x);
  const peaks = room(x, [batch, m], { dtype: "u32" });
  const scales = room(x, [batch]);
  const work = room(x, [batch, 4 * rows4, 4 * cols4]);
  const wg = workgroup(x);
  launch(
    device,
    linalgPeaks,
    { x: from.binding, peaks: peaks.binding },
    { rows: batch * m, cols: n },
    gridFor(device, batch * m, wg),
    { overrides: { WG: wg } },
  );
  launch(
    device,
    linalgPowers,
    { peaks: peaks.binding, scales: scales.binding, faults: device.faults },
    { batch, rows: m, site: flawSite(x, op, shape, notFinite) },
    gridFor(device, batch, 1),
  );
  const count = batch * 4 * rows4 * cols4;
  launch(
    device,
    linalgScaled,
    { x: from.binding, scales: scales.binding, y: work.binding },
    { count, m, n, rows: 4 * rows4, cols4 },
    gridFor(device, count, 64),
    { slots: { PART: part } },
  );
  from.dispose();
  peaks.dispose();
  return { work, scales };
}

/** The rotations of one side that one dispatch of an iteration writes down. */
export interface RotationLog {
  readonly sweeps: DeviceTensor;
  readonly rotations: DeviceTensor;
}

/** How much an iteration does in one dispatch, and after how many it has failed. */
export interface IterationPlan {
  readonly dispatches: number;
  readonly maxSweeps: number;
  readonly maxRotations: number;
}

/** Numbers in all matrices together up to which logs may be as long as three dispatches can use. */
const longLogs = 2 ** 21;

/**
 * Eight times the usual number of rotations: in few dispatches where matrices are small and few, else in logs no
 * larger than half the matrices.
 */
export function planIteration({ n, batch }: Sizes): IterationPlan {
  return n <= 128 && batch * n * n <= longLogs
    ? { dispatches: 3, maxSweeps: 24 * n, maxRotations: 2 * n * n }
    : {
        dispatches: 24,
        maxSweeps: Math.max(n, 2),
        maxRotations: Math.max(n, Math.ceil((n * n) / 4)),
      };
}

/** @param wanted false: a log that is bound and not written */
export function rotationLog(
  like: DeviceTensor,
  batch: number,
  plan: IterationPlan,
  wanted: boolean,
): RotationLog {
  return {
    sweeps: room(like, wanted ? [batch, plan.maxSweeps, 4] : [4], { dtype: "u32" }),
    rotations: room(like, wanted ? [batch, plan.maxRotations, 2] : [4]),
  };
}

/** Rows of the vectors that one invocation of linalg/rotate owns. */
const blockRows = 16;

/** Room for square matrices of vectors, in the layout of linalg/rotate. */
export function vectorRoom(like: DeviceTensor, { batch, n }: Sizes): DeviceTensor {
  return room(like, [batch, Math.ceil(n / blockRows), n, blockRows]);
}

/** Applies what one dispatch wrote down. `start`: the vectors are the identity so far. */
export function rotate(
  z: DeviceTensor,
  log: RotationLog,
  state: DeviceTensor,
  plan: IterationPlan,
  { start, side }: { start: boolean; side: 1 | 2 },
): void {
  const [batch, blocks, n] = z.shape as [number, number, number];
  launch(
    z.device,
    linalgRotate,
    {
      sweeps: log.sweeps.binding,
      rotations: log.rotations.binding,
      state: state.binding,
      z: z.binding,
    },
    {
      items: batch * blocks,
      blocks,
      n,
      max_sweeps: plan.maxSweeps,
      max_rotations: plan.maxRotations,
      start: start ? 1 : 0,
      counter: side,
    },
    gridFor(z.device, batch * blocks, 1),
  );
}

/** The values of the first diagonal in order, and where each went. */
export function ordered(
  band: DeviceTensor,
  scales: DeviceTensor,
  order: "ascending" | "by_size",
): { values: DeviceTensor; places: DeviceTensor } {
  const [batch, parts, n] = band.shape as [number, number, number];
  const values = room(band, [batch, n]);
  const places = room(band, [batch, n], { dtype: "u32" });
  launch(
    band.device,
    linalgOrder,
    {
      band: band.binding,
      scales: scales.binding,
      values: values.binding,
      places: places.binding,
    },
    { count: batch * n, n, parts },
    gridFor(band.device, batch * n, 64),
    { slots: { PLACE: order } },
  );
  return { values, places };
}

/** The vectors of the matrix itself as rows [batch, n, 4 size4], from those of its few diagonals. */
export function reflected(
  z: DeviceTensor,
  reflectors: DeviceTensor,
  band: DeviceTensor,
  places: DeviceTensor,
  how: { size4: number; reflections: number; taus: number; signed: boolean },
): DeviceTensor {
  const [batch, blocks, n] = z.shape as [number, number, number];
  const y = room(z, [batch, n, 4 * how.size4]);
  const items = batch * Math.ceil(n / 4);
  const wg = workgroup(z);
  launch(
    z.device,
    linalgReflect,
    {
      z: z.binding,
      reflectors: reflectors.binding,
      band: band.binding,
      places: places.binding,
      y: y.binding,
    },
    {
      items,
      n,
      blocks,
      size4: how.size4,
      reflections: how.reflections,
      parts: band.shape[1]!,
      taus: how.taus,
      from_reflectors: reflectors.bindingOffset / 4,
      signed: how.signed ? 1 : 0,
    },
    gridFor(z.device, items, wg),
    { overrides: { WG: wg } },
  );
  return y;
}

/**
 * Rows that are orthonormal but for the rounding of many rotations and reflections, made so: one step of
 * Newton and Schulz, 3/2 Y - 1/2 (Y Yᵀ) Y, squares what is missing.
 *
 * The cosine of a small angle rounds to 1, always, so rotations by small angles make rows longer by
 * one part in 10^8 each, and what thousands of them have added up would show.
 */
export function orthonormal(y: DeviceTensor): DeviceTensor {
  return scope(() => {
    const gram = product(y, turned(y));
    return lerp(y, product(gram, y), -0.5) as DeviceTensor;
  });
}

/**
 * Pointwise kernels along rows in vec4s (pointwise/*_rows): an operand lies along the rows of the result, or has one
 * number for each row, as rows, columns and scalars have when they are broadcast. Others run element by element.
 */
import type { Device } from "../device/device";
import type { AdapterClass } from "../device/executor";
import { type Grid, gridFor } from "../kernels";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { sizeOf } from "../tensor/shape";
import { accessOf } from "./fusedAccess";
import { choose } from "./variants";
import type { Walk } from "./walk";

const invocations = 64;

export interface RowWalk {
  readonly rank: 2 | 3 | 8;
  /** The last size counted in vec4s. */
  readonly shape: readonly number[];
  /** Of an operand that lies along the rows counted in vec4s, else in elements. */
  readonly strides: readonly (readonly number[])[];
  /** As strides are counted. */
  readonly offsets: readonly number[];
  /** For each operand, whether it has one number for each row: 0 or 1. */
  readonly repeated: readonly (0 | 1)[];
  /** vec4s. */
  readonly count: number;
  /** Whether a workgroup stays in one row: 0 or 1. */
  readonly byGroup: 0 | 1;
  readonly grid: Grid;
}

/** `elements`: the strided kernels. `rows`: vec4s of all rows in turn. `rowGroups`: a workgroup stays in one row. */
export type RowWalkVariant = "elements" | "rows" | "rowGroups";

export const rowWalks = {
  /** @param inVectors whether every operand lies in vec4s or is repeated along them */
  isApplicable: (variant: RowWalkVariant, inVectors: boolean): boolean =>
    variant === "elements" || inVectors,
  /** @param columns vec4s in a row */
  defaultChoice: (adapter: AdapterClass, operands: number, columns: number): RowWalkVariant => {
    // Drivers in software compute neighbouring invocations together, of which two operands make good use.
    if (adapter === "software" && operands < 3) return "elements";
    // GPUs divide faster than the invocations idle that a row leaves over.
    return adapter !== "hardware" && columns >= invocations ? "rowGroups" : "rows";
  },
  candidates: (): readonly RowWalkVariant[] => ["elements", "rows", "rowGroups"],
};

/** For tests: one variant wherever it is applicable; null lets `defaultChoice` decide. */
export const forcedRowWalk: { current: RowWalkVariant | null } = { current: null };

/** Null where the operation runs element by element. */
export function rowWalkOf(
  device: Device,
  operands: readonly DeviceTensor[],
  walk: Walk,
): RowWalk | null {
  const size = walk.shape.at(-1)!;
  if (size % 4 !== 0) return null;
  const accesses = operands.map((t, k) => accessOf(t, walk.strides[k]!, 4));
  if (accesses.includes("strided")) return null;
  const flat = walk.rank === 1;
  const columns = size / 4;
  const above = flat ? [1] : walk.shape.slice(0, -1);
  const perStride = accesses.map((access) => (access === "rows" ? 4 : 1));
  const rows = sizeOf(above);
  const variant =
    forcedRowWalk.current ??
    choose(device, {
      family: "row walk",
      problem: [operands.length, rows, columns],
      candidates: rowWalks.candidates,
      defaultChoice: () =>
        rowWalks.defaultChoice(device.executor.adapter.class, operands.length, columns),
    });
  if (variant === "elements") return null;
  const byGroup = variant === "rowGroups";
  return {
    rank: (flat ? 2 : walk.rank) as 2 | 3 | 8,
    shape: [...above, columns],
    strides: walk.strides.map((strides, k) => [
      ...(flat ? [0] : strides.slice(0, -1).map((n) => n / perStride[k]!)),
      strides.at(-1)!,
    ]),
    offsets: operands.map((t, k) => t.bindingOffset / perStride[k]!),
    repeated: accesses.map((access) => (access === "repeated" ? 1 : 0)),
    count: rows * columns,
    byGroup: byGroup ? 1 : 0,
    grid: byGroup
      ? gridFor(device, rows * Math.ceil(columns / invocations), 1)
      : gridFor(device, rows * columns, invocations),
  };
}

/**
 * Moving elements from one layout into another unchanged: copies of transposed views, of slices, of heads
 * that change places. The bits are moved as they are.
 */
import type { Device } from "../device/device";
import type { AdapterClass } from "../device/executor";
import {
  gridFor,
  launch,
  shapeCopyRows,
  shapeTransposeElements,
  shapeTransposeTiles,
  shapeTransposeVectors,
} from "../kernels";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { isPacked } from "../tensor/dtype";
import { coalesce, sizeOf } from "../tensor/shape";
import { choose } from "./variants";
import { walkTogether } from "./walk";

/**
 * - rows: runs, where both sides have the same innermost dimension
 * - tiles: squares of 32 through workgroup memory, where the innermost dimensions differ
 * - vectors: blocks of squares of 4, without workgroup memory
 * - elements: blocks of elements
 * - strided: element by element, for all else: shaders/pointwise/unary_strided
 */
export type MoveVariant = "rows" | "tiles" | "vectors" | "elements" | "strided";

/** Matrices [rows, cols] whose columns are innermost where they go to. */
export interface MoveProblem {
  /** What is innermost where they come from: the columns too, the rows, or neither. */
  readonly innermost: "cols" | "rows" | "neither";
  readonly batch: number;
  readonly rows: number;
  readonly cols: number;
  /** Sizes, strides and offsets of what is innermost are whole vec4s. */
  readonly vectors: boolean;
}

const all: readonly MoveVariant[] = ["rows", "tiles", "vectors", "elements", "strided"];

/** Shorter sides leave most of a tile, of a block, or of a run empty. */
const least = { tiles: 16, elements: 2, rows: 4 } as const;

export const moveVariants = {
  isApplicable(variant: MoveVariant, { innermost, vectors }: MoveProblem): boolean {
    if (variant === "strided") return true;
    if (variant === "rows") return innermost === "cols";
    return innermost === "rows" && (variant !== "vectors" || vectors);
  },
  defaultChoice(adapter: AdapterClass, problem: MoveProblem): MoveVariant {
    const { innermost, vectors } = problem;
    const shorter = Math.min(problem.rows, problem.cols);
    if (innermost === "neither") return "strided";
    if (innermost === "cols") return vectors || problem.cols >= least.rows ? "rows" : "strided";
    if (adapter === "hardware") return shorter >= least.tiles ? "tiles" : "strided";
    if (vectors) return "vectors";
    return shorter >= least.elements ? "elements" : "strided";
  },
  candidates: (problem: MoveProblem): readonly MoveVariant[] =>
    all.filter((variant) => moveVariants.isApplicable(variant, problem)),
};

/** For tests: runs one variant wherever it is applicable; null lets `defaultChoice` decide. */
export const forcedMoveVariant: { current: MoveVariant | null } = { current: null };

const lanes = 4;

interface Layout extends MoveProblem {
  readonly shape: readonly number[];
  /** Of the batch dimensions. */
  readonly xStrides: readonly number[];
  readonly yStrides: readonly number[];
  readonly xCol: number;
  readonly yRow: number;
}

function layoutOf(x: DeviceTensor, y: DeviceTensor): Layout {
  const merged = coalesce(x.shape, [x.strides, y.strides]);
  const [ofX, ofY] = merged.strides as [number[], number[]];
  const col = ofY.lastIndexOf(1);
  const row = ofX[col] === 1 ? col : ofX.lastIndexOf(1);
  const innermost = col < 0 || row < 0 ? "neither" : row === col ? "cols" : "rows";
  const others = merged.shape.flatMap((_, d) => (d === col || d === row ? [] : [d]));
  const pick = (values: readonly number[]) => others.map((d) => values[d]!);
  const [xStrides, yStrides] = [pick(ofX), pick(ofY)];
  const transposed = innermost === "rows";
  const rows = transposed ? merged.shape[row]! : 1;
  const cols = merged.shape[col] ?? 1;
  const xCol = transposed ? ofX[col]! : 1;
  const yRow = transposed ? ofY[row]! : 1;
  const within = [cols, ...(transposed ? [rows, xCol, yRow] : [])];
  const places = [x.bindingOffset, y.bindingOffset, ...xStrides, ...yStrides];
  const shape = pick(merged.shape);
  return {
    innermost,
    batch: sizeOf(shape),
    rows,
    cols,
    vectors: [...within, ...places].every((n) => n % lanes === 0),
    shape,
    xStrides,
    yStrides,
    xCol,
    yRow,
  };
}

/** Units of a row that one invocation moves; a GPU wants neighbours to move neighbours. */
function runLength(device: Device, units: number): number {
  if (device.executor.adapter.class === "hardware" || units < 4) return 1;
  return units < 16 ? 4 : 16;
}

const unitTypes = {
  whole: { f16: "vec2u", others: "vec4u" },
  single: { f16: "f16", others: "u32" },
} as const;

/** Squares along the side of the block that one invocation moves. */
function blockSide(rows: number, cols: number): number {
  const shorter = Math.min(rows, cols) / lanes;
  return shorter >= 4 ? 4 : shorter >= 2 ? 2 : 1;
}

/**
 * Writes the elements of `x` to those of `target`, of one shape and dtype, that may be part of a larger
 * tensor. False where the layouts are none that a kernel here is for; then nothing was written.
 */
export function moveInto(x: DeviceTensor, target: DeviceTensor): boolean {
  if (isPacked(x.dtype) || x.size === 0) return false;
  const { device } = x;
  const layout = layoutOf(x, target);
  const forced = forcedMoveVariant.current;
  const variant =
    forced && moveVariants.isApplicable(forced, layout)
      ? forced
      : choose(device, {
          family: "move",
          problem: [layout.innermost, layout.batch, layout.rows, layout.cols, layout.vectors],
          candidates: () => moveVariants.candidates(layout),
          defaultChoice: () => moveVariants.defaultChoice(device.executor.adapter.class, layout),
        });
  if (variant === "strided") return false;
  const inFours = variant === "vectors" || (variant === "rows" && layout.vectors);
  const unit = inFours ? lanes : 1;
  const [rows, cols] = [layout.rows, layout.cols].map((n) => n / unit) as [number, number];
  const inUnits = (strides: readonly number[]) => strides.map((s) => s / unit);
  const { rank, shape, strides } = walkTogether(layout.shape, [
    inUnits(layout.xStrides),
    inUnits(layout.yStrides),
  ]);
  const bindings = { x: x.binding, y: target.binding };
  const common = {
    shape,
    x_strides: strides[0]!,
    y_strides: strides[1]!,
    cols,
    x_offset: x.bindingOffset / unit,
    y_offset: target.bindingOffset / unit,
  };
  if (variant === "rows") {
    const types = {
      T: unitTypes[inFours ? "whole" : "single"][x.dtype === "f16" ? "f16" : "others"],
    };
    const RUN = runLength(device, cols);
    const runs = Math.ceil(cols / RUN);
    const count = layout.batch * runs;
    const overrides = { RANK: rank, RUN };
    const grid = gridFor(device, count, 64);
    launch(device, shapeCopyRows, bindings, { ...common, count, runs }, grid, { types, overrides });
    return true;
  }
  const types = { T: x.dtype === "f16" ? "f16" : "u32" } as const;
  const matrix = { ...common, rows, x_col: layout.xCol / unit, y_row: layout.yRow / unit };
  const side = { tiles: 32, elements: 16, vectors: blockSide(layout.rows, layout.cols) }[variant];
  const [down, across] = [Math.ceil(rows / side), Math.ceil(cols / side)];
  const count = layout.batch * down * across;
  if (variant === "tiles") {
    const params = { ...matrix, count, tiles_down: down, tiles_across: across };
    const overrides = { RANK: rank };
    const grid = gridFor(device, count, 1);
    launch(device, shapeTransposeTiles, bindings, params, grid, { types, overrides });
    return true;
  }
  const params = { ...matrix, count, blocks_down: down, blocks_across: across };
  const grid = gridFor(device, count, 64);
  if (variant === "vectors")
    launch(device, shapeTransposeVectors, bindings, params, grid, {
      types,
      overrides: { RANK: rank, SIDE: side },
    });
  else
    launch(device, shapeTransposeElements, bindings, params, grid, {
      types,
      overrides: { RANK: rank },
    });
  return true;
}

/**
 * How the kernels that walk all pairs of rows and columns divide their work. A block of rows shares what is read of the
 * columns, and several columns share one look whether a sum of exponentials has to be rescaled; what pays depends
 * on the adapter ([transport-kernels.md](../../docs/transport-kernels.md) has the reasons):
 *
 * - row: an invocation per row, a vec4 of columns at a time
 * - rows: an invocation per 8 rows; for software drivers, whose vector units hold the same row of many blocks
 * - square: an invocation per 4 rows, 4 vec4s of columns at a time; for the CPU executor, whose vector is the vec4
 * - team: a workgroup of 64 invocations per 4 rows; for GPUs
 * - wide: a workgroup of 256 invocations per row; for GPUs where rows are few and long
 */
import type { AdapterClass } from "../device/executor";
import { type Grid, gridFor } from "../kernels";
import { choose } from "../ops/variants";
import type { Pairs } from "./pairs";

export type SoftminVariant = "row" | "rows" | "square" | "team" | "wide";

interface Blocks {
  /** Invocations that share a block. */
  readonly team: 1 | 64 | 256;
  readonly rows: 1 | 4 | 8;
  /** Vec4s of columns at a time. */
  readonly cols: 1 | 4;
}

const blocks: Readonly<Record<SoftminVariant, Blocks>> = {
  row: { team: 1, rows: 1, cols: 1 },
  rows: { team: 1, rows: 8, cols: 1 },
  square: { team: 1, rows: 4, cols: 4 },
  team: { team: 64, rows: 4, cols: 1 },
  wide: { team: 256, rows: 1, cols: 1 },
};

/** Of a workgroup without a team: see WIDTH in shaders/include/row_blocks.wgsl. */
const rowsPerGroup = 64;

/** From so many rows of a problem on, blocks of several are worth those that lie beyond the last. */
const leastRows: Readonly<Record<"software" | "wasm", number>> = { software: 17, wasm: 3 };

/** A GPU's team has at least a vec4 for each of its invocations from here on. */
const teamCols = 256;
/** Up to so many rows of all problems, blocks of four would leave most of a GPU without work. */
const fewRows = 512;
/** Columns that give each invocation of the widest team a vec4. */
const wideCols = 1024;

export const softminVariants = {
  isApplicable: (_variant: SoftminVariant): boolean => true,
  defaultChoice(
    adapter: AdapterClass,
    { problems, rows, cols }: Pick<Pairs, "problems" | "rows" | "cols">,
  ): SoftminVariant {
    if (adapter === "wasm") return rows >= leastRows.wasm ? "square" : "row";
    if (adapter === "software") return rows >= leastRows.software ? "rows" : "row";
    if (cols < teamCols) return "row";
    return problems * rows <= fewRows && cols >= wideCols ? "wide" : "team";
  },
  candidates: (): readonly SoftminVariant[] => ["row", "rows", "square", "team", "wide"],
};

/** For tests: one variant everywhere; null lets `defaultChoice` decide. */
export const forcedSoftminVariant: { current: SoftminVariant | null } = { current: null };

/** The choices of a kernel on row blocks, and its grid. */
export interface BlockPlan {
  readonly block: {
    readonly TEAM: number;
    readonly ROWS: number;
    /** Coordinates of a point that the kernel keeps in registers; 0: it reads them as it goes. */
    readonly DIMS: number;
  };
  /** Vec4s of columns at a time. */
  readonly COLS: number;
  readonly POWER: "exp2_short" | "exp2_plain";
  readonly grid: Grid;
}

/** Most coordinates that are kept in registers: each number is a pipeline of its own. */
const mostKnown = 4;

/** Sums of a block that a team adds up by its tree: more take software drivers minutes to compile. */
const teamSums = 4;
/** Sums of a vec4 that an invocation has registers for. */
const ownSums = 16;

/**
 * @param parts that are computed of each row, in workgroups of their own
 * @param channels sums of each row in a part
 */
export function planBlocks(pairs: Pairs, parts = 1, channels: 1 | 4 = 1): BlockPlan {
  const { device, problems, rows, cols, dims, slots } = pairs;
  const adapter = device.executor.adapter.class;
  const variant =
    forcedSoftminVariant.current ??
    choose(device, {
      family: "transport softmin",
      problem: [problems, rows, cols, dims],
      candidates: softminVariants.candidates,
      defaultChoice: () => softminVariants.defaultChoice(adapter, pairs),
    });
  const { team, cols: COLS, rows: wanted } = blocks[variant];
  const ROWS = Math.min(wanted, (team === 1 ? ownSums : teamSums) / channels);
  const groups = Math.ceil(rows / (team === 1 ? rowsPerGroup : ROWS));
  const known = slots.COST === "points_cost" && dims <= mostKnown;
  return {
    block: { TEAM: team, ROWS, DIMS: known ? dims : 0 },
    COLS,
    // Only the CPU executor computes sums in the order in which they are written, and has no exp2 of its processor.
    POWER: adapter === "wasm" ? "exp2_short" : "exp2_plain",
    grid: gridFor(device, problems * parts * groups, 1),
  };
}

/**
 * How many invocations share one row in the kernels that reduce along rows (softmax, normalisation, cross
 * entropy). One: the invocation walks its row alone, which on a CPU is many times faster than a tree with
 * barriers. A workgroup: neighbours read neighbouring elements, which is what GPUs want.
 */
import type { Device } from "../device/device";
import type { AdapterClass } from "../device/executor";
import { type Grid, gridFor } from "../kernels";
import { choose } from "./variants";

export type RowTeam = 1 | 64 | 256;

/** Invocations per workgroup of a team of 1. */
const rowsPerGroup = 64;

/** Below this many elements a GPU's workgroup would mostly idle. */
const shortRow = 32;
/** Up to this many, 64 invocations have little enough to do. */
const longRow = 1024;

export const rowTeams = {
  isApplicable: (_team: RowTeam): boolean => true,
  defaultChoice: (adapter: AdapterClass, cols: number): RowTeam => {
    if (adapter !== "hardware" || cols < shortRow) return 1;
    return cols <= longRow ? 64 : 256;
  },
  candidates: (): readonly RowTeam[] => [1, 64, 256],
};

/** For tests: one team size everywhere; null lets `defaultChoice` decide. */
export const forcedRowTeam: { current: RowTeam | null } = { current: null };

export interface RowPlan {
  readonly team: RowTeam;
  /** What a row is read in: vec4s where its length allows. */
  readonly V: "f32" | "vec4f";
  /** Row length in Vs. */
  readonly cols: number;
  readonly grid: Grid;
}

/** `rows` dense rows of `cols` elements. */
export function planRows(device: Device, rows: number, cols: number): RowPlan {
  const team =
    forcedRowTeam.current ??
    choose(device, {
      family: "row team",
      problem: [rows, cols],
      candidates: rowTeams.candidates,
      defaultChoice: () => rowTeams.defaultChoice(device.executor.adapter.class, cols),
    });
  const wide = cols % 4 === 0;
  return {
    team,
    V: wide ? "vec4f" : "f32",
    cols: wide ? cols / 4 : cols,
    grid: gridFor(device, rows, team === 1 ? rowsPerGroup : 1),
  };
}

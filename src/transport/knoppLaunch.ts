/**
 * How the kernels of Sinkhorn-Knopp are laid out. One invocation works through four matrices side by side, in
 * vec4s, without barriers: what CPUs want. A team of invocations has a line of one matrix each, in workgroup
 * memory: what GPUs want; matrices then have at most `largest` rows and columns.
 */
import type { Device } from "../device/device";
import type { AdapterClass } from "../device/executor";
import {
  type Grid,
  gridFor,
  launch,
  transportKnopp,
  transportKnoppBackward,
  transportKnoppBackwardTeam,
  transportKnoppTeam,
} from "../kernels";
import { choose } from "../ops/variants";
import { DeviceTensor } from "../tensor/deviceTensor";
import { sizeOf } from "../tensor/shape";
import { type KnoppAttrs, usualLogs } from "./knoppPlain";

/** Rows and columns that a team takes, and beyond which plain operations are as good. */
export const largest = 64;

/** Invocations that share a matrix; 1: each has four matrices. */
export type KnoppTeam = 1 | 4 | 8 | 16 | 32 | 64;

export const knoppTeams = {
  isApplicable: (team: KnoppTeam, rows: number, cols: number): boolean =>
    team === 1 || (rows <= team && cols <= team),
  defaultChoice: (adapter: AdapterClass, rows: number, cols: number): KnoppTeam =>
    adapter === "hardware" ? leastTeam(rows, cols) : 1,
  /** More invocations than lines would idle. */
  candidates: (rows: number, cols: number): readonly KnoppTeam[] => [1, leastTeam(rows, cols)],
};

const leastTeam = (rows: number, cols: number): KnoppTeam =>
  ([4, 8, 16, 32, 64] as const).find((team) => knoppTeams.isApplicable(team, rows, cols)) ?? 1;

/** For tests: one team wherever it is applicable; null lets `defaultChoice` decide. */
export const forcedKnoppTeam: { current: KnoppTeam | null } = { current: null };

function teamOf(device: Device, rows: number, cols: number): KnoppTeam {
  const forced = forcedKnoppTeam.current;
  if (forced !== null && knoppTeams.isApplicable(forced, rows, cols)) return forced;
  return choose(device, {
    family: "sinkhornKnopp",
    problem: [rows, cols],
    candidates: () => knoppTeams.candidates(rows, cols),
    defaultChoice: () => knoppTeams.defaultChoice(device.executor.adapter.class, rows, cols),
  });
}

/** Elements of the memory that rounds are worked out in, about: of more matrices, invocations take several. */
const workElements = 2 ** 22;

/** For tests: another number of elements; null takes `workElements`. */
export const forcedKnoppWork: { current: number | null } = { current: null };

/** Workgroups for `items` at `perGroup` each, with `each` elements of work for one item. */
function boundedGrid(device: Device, items: number, perGroup: number, each: number): Grid {
  const elements = forcedKnoppWork.current ?? workElements;
  const most = Math.max(Math.floor(elements / (each * perGroup)), 1);
  return gridFor(device, Math.min(Math.ceil(items / perGroup), most), 1);
}

const workFor = (device: Device, [x, y]: Grid, each: number): DeviceTensor =>
  DeviceTensor.empty(device, [x * y * each], "f32");

/** Invocations of a workgroup that have four matrices each: on the CPU executor threads take whole workgroups. */
const foursPerGroup = (device: Device): 1 | 64 =>
  device.executor.adapter.class === "wasm" ? 1 : 64;

function paramsOf(shape: readonly number[], { iterations, scale }: KnoppAttrs, given: boolean) {
  const [rows, cols] = shape.slice(-2) as [number, number];
  const [log_row, log_col] = usualLogs(rows, cols);
  const batch = sizeOf(shape.slice(0, -2));
  return { batch, rows, cols, iterations, scale, marginals: given ? 1 : 0, log_row, log_col };
}

/** Dense x [..., n, m]; marginals as logarithms [..., n] and [..., m], dense. */
export function launchKnopp(
  x: DeviceTensor,
  marginals: readonly DeviceTensor[],
  attrs: KnoppAttrs,
): DeviceTensor {
  const { device } = x;
  const p = DeviceTensor.empty(device, x.shape, "f32");
  const params = paramsOf(x.shape, attrs, marginals.length > 0);
  const { batch, rows, cols } = params;
  const bindings = {
    x: x.binding,
    log_rows: (marginals[0] ?? x).binding,
    log_cols: (marginals[1] ?? x).binding,
    p: p.binding,
  };
  const team = teamOf(device, rows, cols);
  if (team > 1) {
    const grid = gridFor(device, batch, 64 / team);
    launch(device, transportKnoppTeam, bindings, params, grid, { constants: { TEAM: team } });
    return p;
  }
  const group = foursPerGroup(device);
  const each = 4 * rows * cols;
  const grid = boundedGrid(device, Math.ceil(batch / 4), group, each);
  const work = workFor(device, grid, group * each);
  launch(device, transportKnopp, { ...bindings, work: work.binding }, params, grid, {
    constants: { GROUP: group },
  });
  work.dispose();
  return p;
}

/** The cotangents of x and of the marginals' logarithms, from g, dense as x. */
export function launchKnoppBackward(
  x: DeviceTensor,
  marginals: readonly DeviceTensor[],
  g: DeviceTensor,
  attrs: KnoppAttrs,
): DeviceTensor[] {
  const { device } = x;
  const params = paramsOf(x.shape, attrs, marginals.length > 0);
  const { batch, rows, cols, iterations } = params;
  const dx = DeviceTensor.empty(device, x.shape, "f32");
  const like = (i: number) => DeviceTensor.empty(device, marginals[i]?.shape ?? [1], "f32");
  const slopes = [like(0), like(1)] as const;
  const bindings = {
    x: x.binding,
    log_rows: (marginals[0] ?? x).binding,
    log_cols: (marginals[1] ?? x).binding,
    g: g.binding,
    dx: dx.binding,
    d_rows: slopes[0].binding,
    d_cols: slopes[1].binding,
  };
  const team = teamOf(device, rows, cols);
  if (team > 1) {
    const each = iterations * (rows + cols);
    const grid = boundedGrid(device, batch, 64 / team, each);
    const work = workFor(device, grid, (64 / team) * each);
    launch(device, transportKnoppBackwardTeam, { ...bindings, work: work.binding }, params, grid, {
      constants: { TEAM: team },
    });
    work.dispose();
  } else {
    const group = foursPerGroup(device);
    const each = 4 * (2 * rows * cols + (iterations + 1) * (rows + cols));
    const grid = boundedGrid(device, Math.ceil(batch / 4), group, each);
    const work = workFor(device, grid, group * each);
    launch(device, transportKnoppBackward, { ...bindings, work: work.binding }, params, grid, {
      constants: { GROUP: group },
    });
    work.dispose();
  }
  if (marginals.length > 0) return [dx, ...slopes];
  for (const slope of slopes) slope.dispose();
  return [dx];
}

/** A profile as aligned text for a terminal. */
import { requireOptions } from "../options";
import type { ProfileData } from "./result";
import type { KernelStatistics } from "./statistics";

export interface TableOptions {
  /** A row for each program, sizes and grid instead of one for each kernel. Default false. */
  byShape?: boolean;
  /** Rows at most; the others are summed up in one. Default: all. */
  rows?: number;
}

const headings = [
  "total ms",
  "share",
  "calls",
  "median us",
  "GB/s",
  "of copy",
  "GFLOP/s",
  "of peak",
] as const;

/** Columns that "below resolution" stands across. */
const rateColumns = 4;

export function tableOf(data: ProfileData, options: TableOptions = {}): string {
  requireOptions("Profile.table", options, "byShape");
  return `${[...summary(data), "", ...rows(data, options)].join("\n")}\n`;
}

/** What was measured, on what and how. */
export function summary(data: ProfileData): string[] {
  const { adapter, host, device, roofline, memory } = data;
  const name = adapter.description || [adapter.vendor, adapter.architecture].join(" ").trim();
  const peak = memory.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  const lines = [
    `${name}, ${data.executor === "cpu" ? "CPU executor" : "WebGPU"}`,
    howTimed(data),
    roofline
      ? `roofline, as measured: copies ${fixed(roofline.gigabytesPerSecond)} GB/s, multiply-adds ${fixed(roofline.gigaflopsPerSecond)} GFLOP/s`
      : "no roofline was measured",
    `one run: ${milliseconds(host.wallMilliseconds)} in all, ${milliseconds(host.encodeMilliseconds)} of it the host's to record ` +
      `${counted(host.dispatches, "dispatch", "dispatches")} in ${counted(host.submits, "submit", "submits")}`,
    `one timed run: ${milliseconds(host.timedWallMilliseconds)} in all, ${milliseconds(device.busyMilliseconds)} in kernels` +
      (device.idleMilliseconds === null
        ? "; gaps between kernels are not known"
        : `, ${milliseconds(device.idleMilliseconds)} in gaps between them`) +
      `; at most ${(peak / 2 ** 20).toFixed(2)} MiB of buffers in use`,
  ];
  if (host.compileMilliseconds !== null && host.programsCompiled > 0)
    lines.push(
      `the first run compiled ${counted(host.programsCompiled, "program", "programs")} and took ${milliseconds(host.compileMilliseconds)} longer`,
    );
  return lines;
}

/** By which method, how fine, how often. */
export function howTimed({
  method,
  resolutionMicroseconds: step,
  kernels,
  runs,
}: ProfileData): string {
  const by =
    method === "timestamps"
      ? "timed by the device's timestamps"
      : "timed by bracketing: each dispatch submitted alone and waited for, tens of microseconds included";
  const fineness = step > 0.001 ? `, which count in steps of ${fixed(step)} us` : "";
  const below = kernels.filter(({ belowResolution }) => belowResolution).length;
  const hidden = below > 0 ? `; ${counted(below, "kernel", "kernels")} below resolution` : "";
  return `${by}${fineness}; mean of ${counted(runs, "run", "runs")}${hidden}`;
}

function rows(
  { kernels, shapes }: ProfileData,
  { byShape = false, rows: most }: TableOptions,
): string[] {
  const all = byShape ? shapes : kernels;
  const shown = most !== undefined && most < all.length ? all.slice(0, most) : all;
  const total = all.reduce((sum, { totalMilliseconds }) => sum + totalMilliseconds, 0);
  const rest = all.slice(shown.length);
  const table = [
    [...headings, byShape ? "program, workgroups, bytes bound" : "kernel"],
    ...shown.map((kernel) => row(kernel, total)),
  ];
  if (rest.length > 0) table.push(sumRow(rest, total, `${rest.length} others`));
  table.push(sumRow(all, total, "all"));
  return align(table);
}

function row(kernel: KernelStatistics, total: number): string[] {
  const { name, calls, totalMilliseconds, medianMicroseconds, belowResolution } = kernel;
  const rates = belowResolution
    ? ["below resolution", ...new Array<string>(rateColumns - 1).fill("")]
    : [
        rate(kernel.gigabytesPerSecond),
        percent(kernel.bandwidthFraction),
        rate(kernel.gigaflopsPerSecond),
        percent(kernel.peakFraction),
      ];
  return [
    totalMilliseconds.toFixed(3),
    share(totalMilliseconds, total),
    count(calls),
    medianMicroseconds.toFixed(1),
    ...rates,
    name,
  ];
}

function sumRow(kernels: readonly KernelStatistics[], total: number, name: string): string[] {
  const time = kernels.reduce((sum, { totalMilliseconds }) => sum + totalMilliseconds, 0);
  const calls = kernels.reduce((sum, kernel) => sum + kernel.calls, 0);
  const blank = new Array<string>(1 + rateColumns).fill("");
  return [time.toFixed(3), share(time, total), count(calls), ...blank, name];
}

/** All columns flush right but the last; "below resolution" reaches over the ones after it. */
function align(table: readonly (readonly string[])[]): string[] {
  const numbers = headings.length;
  const firstRate = numbers - rateColumns;
  const widths = headings.map((_, i) =>
    Math.max(...table.map((cells) => (cells[i] === "below resolution" ? 0 : cells[i]!.length))),
  );
  const across = widths.slice(firstRate).reduce((sum, width) => sum + width + 2, -2);
  return table.map((cells) => {
    const own = cells.slice(0, numbers).map((cell, i) => cell.padStart(widths[i]!));
    if (cells[firstRate] === "below resolution")
      own.splice(firstRate, rateColumns, "below resolution".padEnd(across));
    return `${own.join("  ")}  ${cells[numbers]}`;
  });
}

const share = (part: number, total: number): string =>
  `${total > 0 ? ((100 * part) / total).toFixed(1) : "0.0"} %`;
const percent = (fraction: number | null): string =>
  fraction === null ? "" : `${(100 * fraction).toFixed(0)} %`;
const rate = (value: number | null): string => (value === null ? "" : fixed(value));
const count = (value: number): string =>
  Number.isInteger(value) ? String(value) : value.toFixed(1);
const counted = (value: number, one: string, many: string): string =>
  `${count(value)} ${value === 1 ? one : many}`;
const milliseconds = (value: number): string =>
  value < 1000 ? `${fixed(value)} ms` : `${fixed(value / 1000)} s`;

/** Three digits or so. */
function fixed(value: number): string {
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

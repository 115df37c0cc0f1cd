/** From timed dispatches to the times, bytes and operations of each kernel. */
import type { KernelTiming } from "../device/executor";
import { median } from "./median";
import { errorOfMean } from "./resolution";
import type { Roofline } from "./roofline";
import { type Work, workOf } from "./work";

/** All dispatches of one kernel. */
export interface KernelStatistics {
  /** The kernel; in `byShape`, with its choices and what it was dispatched with. */
  readonly name: string;
  /** In one run. */
  readonly calls: number;
  /** In one run, the mean over runs. */
  readonly totalMilliseconds: number;
  /** Of one dispatch. */
  readonly medianMicroseconds: number;
  /** Read and written in one run. */
  readonly bytes: number;
  /** Floating-point operations in one run; null where nothing says how many. */
  readonly flops: number | null;
  /** 10^9; null where the time is below resolution. */
  readonly gigabytesPerSecond: number | null;
  readonly gigaflopsPerSecond: number | null;
  /** Of the copy bandwidth; null without a roofline. Above 1 where operands stay in a cache. */
  readonly bandwidthFraction: number | null;
  /** Of the multiply-add peak. */
  readonly peakFraction: number | null;
  /** The time is within twice its standard error of 0: nothing can be said of it but that it is short. */
  readonly belowResolution: boolean;
}

export interface StatisticsOptions {
  /** Runs that the timings span. */
  runs: number;
  /** Of the clock, nanoseconds. */
  resolution: number;
  roofline: Roofline | null;
}

/** A dispatch by its kernel. */
export const byKernel = ({ name }: KernelTiming): string => name;

/** A dispatch by its program, the sizes of what it binds and its grid. */
export function byShape({ program, bindings, grid }: KernelTiming): string {
  const sizes = bindings.map(({ name, bytes }) => `${name} ${bytes}`);
  return `${program} [${grid.join(" x ")}] ${sizes.join(", ")}`;
}

/** One entry for each key, the longest total time first. */
export function statisticsOf(
  timings: readonly KernelTiming[],
  key: (timing: KernelTiming) => string,
  options: StatisticsOptions,
): KernelStatistics[] {
  const groups = new Map<string, KernelTiming[]>();
  for (const timing of timings) {
    const name = key(timing);
    const group = groups.get(name);
    if (group) group.push(timing);
    else groups.set(name, [timing]);
  }
  return [...groups]
    .map(([name, group]) => statistics(name, group, options))
    .sort((a, b) => b.totalMilliseconds - a.totalMilliseconds);
}

function statistics(
  name: string,
  timings: readonly KernelTiming[],
  { runs, resolution, roofline }: StatisticsOptions,
): KernelStatistics {
  const times = timings.map(({ nanoseconds }) => nanoseconds);
  const sum = times.reduce((total, time) => total + time, 0);
  const { bytes, flops } = totalWork(timings.map(workOf));
  const belowResolution = sum / times.length < 2 * errorOfMean(resolution, times.length);
  // Bytes a nanosecond are gigabytes a second.
  const rate = (work: number | null): number | null =>
    belowResolution || work === null ? null : work / sum;
  const gigabytesPerSecond = rate(bytes);
  const gigaflopsPerSecond = rate(flops);
  const fraction = (of: number | null, most: number | undefined): number | null =>
    of === null || most === undefined ? null : of / most;
  return {
    name,
    calls: timings.length / runs,
    totalMilliseconds: sum / runs / 1e6,
    medianMicroseconds: median(times) / 1e3,
    bytes: bytes / runs,
    flops: flops === null ? null : flops / runs,
    gigabytesPerSecond,
    gigaflopsPerSecond,
    bandwidthFraction: fraction(gigabytesPerSecond, roofline?.gigabytesPerSecond),
    peakFraction: fraction(gigaflopsPerSecond, roofline?.gigaflopsPerSecond),
    belowResolution,
  };
}

/** Operations are known where those of all are. */
export function totalWork(works: readonly Work[]): Work {
  let bytes = 0;
  let flops: number | null = 0;
  for (const work of works) {
    bytes += work.bytes;
    flops = flops === null || work.flops === null ? null : flops + work.flops;
  }
  return { bytes, flops };
}

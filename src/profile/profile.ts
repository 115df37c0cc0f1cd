/** Where a function's time goes: runs it, times every dispatch, and sets them against the adapter's roofline. */

import { currentDevice, type Device } from "../device/device";
import type { Executor, KernelTiming } from "../device/executor";
import { startTiming } from "../device/timing";
import { ArgumentError } from "../errors";
import { requireOptions } from "../options";
import type { Platform } from "../platform/platform";
import { scopeUnlessAsync } from "../tensor/scope";
import { tensorsOf } from "../tensor/tree";
import { addMeasures } from "./measures";
import { errorOfMean, resolutionOf } from "./resolution";
import {
  type MemoryPoint,
  Profile,
  type ProfileData,
  type ProfiledDispatch,
  type ProfiledProgram,
} from "./result";
import { rooflineOf } from "./roofline";
import { byKernel, byShape, statisticsOf } from "./statistics";
import { workOf } from "./work";

export interface ProfileOptions {
  /** Default: the current one. */
  device?: Device;
  /** Runs before the measured ones, of which the first compiles what is not compiled yet. Default 1. */
  warmup?: number;
  /**
   * Timed runs. Default: three, and where the clock is too coarse for that, as many as make the mean of each
   * kernel that matters good to a tenth, up to 50 runs or three seconds.
   */
  repeats?: number;
  /**
   * Set the results against the adapter's measured roofline, which takes some seconds, once per adapter. "anew":
   * measure it again, if something else was running when it was measured. Default true.
   */
  roofline?: boolean | "anew";
  /** Add an entry of User Timing for each dispatch, which DevTools shows. Default: in a page, yes. */
  measures?: boolean;
}

const leastRepeats = 3;
const mostRepeats = 50;
const longestRepeating = 3000;

/** A kernel with less of the time does not decide how often the function is repeated. */
const shareThatMatters = 0.02;
const goodError = 0.1;

/** Whose roofline was exceeded; a kernel may have arithmetic that multiply-adds in registers cannot reach. */
const measuredTwice = new WeakSet<Executor>();

interface Run {
  readonly timings: readonly KernelTiming[];
  readonly memory: readonly MemoryPoint[];
  /** On the clock of `performance.now`. */
  readonly began: number;
  /** Milliseconds. */
  readonly encode: number;
  readonly wall: number;
}

/** See `profile` of the doors. */
export async function profileOn(
  platform: Platform,
  fn: () => unknown,
  options: ProfileOptions = {},
): Promise<Profile> {
  const {
    device = currentDevice(),
    warmup = 1,
    repeats,
    roofline: wantsRoofline = true,
  } = requireOptions("profile", options, "repeats");
  requireCount("warmup", warmup, 0);
  if (repeats !== undefined) requireCount("repeats", repeats, 1);
  const { executor } = device;
  const cache = wantsRoofline ? await platform.byteCache() : null;
  let roofline = wantsRoofline ? await rooflineOf(executor, cache, wantsRoofline === "anew") : null;
  await executor.drain();

  const programsBefore = executor.counters.programs;
  const warm: Run[] = [];
  while (warm.length < warmup) warm.push(await runOnce(device, fn, false));
  const programs = executor.counters.programs - programsBefore;
  const { dispatches, submits } = executor.counters;
  const plain = await runOnce(device, fn, false);
  const counted = {
    dispatches: executor.counters.dispatches - dispatches,
    submits: executor.counters.submits - submits,
  };
  const { runs, resolution } = await timedRuns(device, fn, repeats);

  const timings = runs.flatMap((run) => run.timings);
  const beyond = statisticsOf(timings, byKernel, { runs: runs.length, resolution, roofline }).some(
    ({ peakFraction }) => peakFraction !== null && peakFraction > 1,
  );
  // Most likely something else was running when the roofline was measured.
  if (beyond && !measuredTwice.has(executor)) {
    measuredTwice.add(executor);
    roofline = await rooflineOf(executor, cache, true);
  }
  const last = runs.at(-1)!;
  const placed = placeOnHostClock(last);
  const method = executor.timingMethod;
  const statistics = { runs: runs.length, resolution, roofline };
  const busy = placed.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const first = warm[0];
  const data: ProfileData = {
    adapter: executor.adapter,
    executor: executor.kind,
    method,
    resolutionMicroseconds: resolution / 1e3,
    runs: runs.length,
    roofline,
    kernels: statisticsOf(timings, byKernel, statistics),
    shapes: statisticsOf(timings, byShape, statistics),
    host: {
      wallMilliseconds: plain.wall,
      encodeMilliseconds: plain.encode,
      timedWallMilliseconds: last.wall,
      timedEncodeMilliseconds: last.encode,
      firstRunMilliseconds: first?.wall ?? null,
      programsCompiled: programs,
      compileMilliseconds:
        first === undefined || programs === 0
          ? first
            ? 0
            : null
          : Math.max(first.wall - plain.wall, 0),
      ...counted,
    },
    device: {
      busyMilliseconds: busy,
      idleMilliseconds: method === "timestamps" ? sumOfGaps(placed) : null,
    },
    memory: last.memory,
    dispatches: placed,
  };
  const profile = new Profile(data, programsOf(timings));
  if (options.measures ?? platform.name === "browser") addMeasures(profile, last.began);
  return profile;
}

function requireCount(name: string, value: number, least: number): void {
  if (!(Number.isSafeInteger(value) && value >= least))
    throw new ArgumentError(`profile: ${name} is ${value}; it is a whole number >= ${least}.`);
}

/** At least one run; more until the clock's steps no longer count, where `repeats` does not say how many. */
async function timedRuns(
  device: Device,
  fn: () => unknown,
  repeats: number | undefined,
): Promise<{ runs: Run[]; resolution: number }> {
  const runs: Run[] = [];
  const began = performance.now();
  for (;;) {
    runs.push(await runOnce(device, fn, true));
    const timings = runs.flatMap((run) => run.timings);
    const resolution = resolutionOf(readingsOf(timings));
    const enough =
      repeats === undefined
        ? runs.length >= mostRepeats ||
          performance.now() - began > longestRepeating ||
          (runs.length >= leastRepeats && isGood(timings, resolution))
        : runs.length >= repeats;
    if (enough) return { runs, resolution };
  }
}

function* readingsOf(timings: readonly KernelTiming[]): Iterable<number> {
  for (const { nanoseconds, start } of timings) {
    yield nanoseconds;
    yield start;
  }
}

function isGood(timings: readonly KernelTiming[], resolution: number): boolean {
  const sums = new Map<string, { count: number; sum: number }>();
  let total = 0;
  for (const { name, nanoseconds } of timings) {
    const entry = sums.get(name) ?? { count: 0, sum: 0 };
    entry.count++;
    entry.sum += nanoseconds;
    total += nanoseconds;
    sums.set(name, entry);
  }
  if (total === 0) return timings.length === 0;
  return [...sums.values()].every(
    ({ count, sum }) =>
      sum < shareThatMatters * total || errorOfMean(resolution, count) < (goodError * sum) / count,
  );
}

/** Runs `fn`, frees what it returns, and waits for the device. */
async function runOnce(device: Device, fn: () => unknown, timed: boolean): Promise<Run> {
  const { executor, pool } = device;
  const memory: MemoryPoint[] = [];
  const stop = timed ? startTiming(executor) : null;
  const began = performance.now();
  if (timed) {
    memory.push({ milliseconds: 0, bytes: pool.report().liveBytes });
    pool.onChange = (bytes) => {
      memory.push({ milliseconds: performance.now() - began, bytes });
    };
  }
  try {
    const result = scopeUnlessAsync(fn);
    executor.flush();
    const encode = performance.now() - began;
    for (const tensor of tensorsOf(await result)) tensor.dispose();
    await executor.drain();
    const wall = performance.now() - began;
    return { timings: (await stop?.()) ?? [], memory, began, encode, wall };
  } catch (error) {
    // What was timed until then is of no use, but the executor must go back to not timing.
    await stop?.().catch(() => undefined);
    throw error;
  } finally {
    pool.onChange = null;
  }
}

function programsOf(timings: readonly KernelTiming[]): ProfiledProgram[] {
  const programs = new Map(timings.map(({ program, source }) => [program, source]));
  return [...programs].map(([program, { name, wgsl, overrides }]) => ({
    kernel: name,
    program,
    wgsl,
    overrides,
  }));
}

/**
 * The device's clock is another than the host's. The end of the last dispatch is put where the host learnt that
 * all was done, which is late by the time that takes.
 */
function placeOnHostClock({ timings, wall }: Run): ProfiledDispatch[] {
  const end = timings.reduce((most, t) => Math.max(most, t.start + t.nanoseconds), 0) / 1e6;
  const offset = Math.max(wall - end, 0);
  return timings.map((timing) => ({
    kernel: timing.name,
    program: timing.program,
    startMilliseconds: offset + timing.start / 1e6,
    milliseconds: timing.nanoseconds / 1e6,
    ...workOf(timing),
    grid: timing.grid,
  }));
}

/** Time between the first dispatch's begin and the last one's end in which none ran. */
function sumOfGaps(dispatches: readonly ProfiledDispatch[]): number {
  const ordered = [...dispatches].sort((a, b) => a.startMilliseconds - b.startMilliseconds);
  let gaps = 0;
  let end = ordered[0]?.startMilliseconds ?? 0;
  for (const { startMilliseconds, milliseconds } of ordered) {
    gaps += Math.max(startMilliseconds - end, 0);
    end = Math.max(end, startMilliseconds + milliseconds);
  }
  return gaps;
}

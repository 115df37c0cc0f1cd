/**
 * The roofline of an adapter: the most bytes that a kernel copies in a second, and the most floating-point
 * operations that one does in registers. What a kernel reaches is told as a fraction of these two measured
 * numbers, not of a data sheet's. Both are measured once per adapter and kept.
 *
 * The bytes are copied between buffers larger than most caches; a kernel whose operands stay in a cache can
 * exceed that bandwidth.
 *
 * Source: Williams, Waterman, Patterson, "Roofline: an insightful visual performance model" (2009).
 */

import type { BufferBinding, Executor } from "../device/executor";
import { startTiming } from "../device/timing";
import { profileCopy } from "../kernels/generated/profile/copy";
import { profileMultiplyAdd } from "../kernels/generated/profile/multiply_add";
import { type AnyKernel, type KernelOptions, specialise } from "../kernels/kernel";
import type { ByteCache } from "../platform/platform";

/** What an adapter can do at most, as measured. */
export interface Roofline {
  /** Bytes read and written a second by a large copy, 10^9. */
  readonly gigabytesPerSecond: number;
  /** Multiplications and additions a second in registers, 10^9; a multiply-add is two. */
  readonly gigaflopsPerSecond: number;
}

/**
 * Readings, and milliseconds that they go on for, at least. The fastest counts: whatever else runs meanwhile only
 * ever slows a dispatch down.
 */
const leastReadings = 7;
const leastReading = 300;

/** Readings of each form before one is chosen. */
const readingsOfForm = 3;

/** Beyond that, neither the quantisation of timestamps nor the start of a dispatch counts. */
const longEnough = 10e6;

const mebibyte = 1 << 20;

const copyRuns = [1, 4, 16] as const;
const chainCounts = [1, 2, 4, 8] as const;

const measured = new WeakMap<Executor, Promise<Roofline>>();

/**
 * The roofline of the executor's adapter, from memory, from the cache, or measured now, which takes some
 * seconds and waits for all work before it.
 * @param cache keeps it for other processes; null to keep it in this one only
 * @param anew measure it, whatever is kept
 */
export function rooflineOf(
  executor: Executor,
  cache: ByteCache | null,
  anew = false,
): Promise<Roofline> {
  const before = measured.get(executor);
  if (before && !anew) return before;
  const roofline = before
    ? measureHigher(executor, cache, before)
    : keptRoofline(executor, cache, anew);
  measured.set(executor, roofline);
  roofline.catch(() => measured.delete(executor));
  return roofline;
}

const keyOf = (executor: Executor): string => `roofline.${adapterHash(executor)}.json`;

async function keptRoofline(
  executor: Executor,
  cache: ByteCache | null,
  anew: boolean,
): Promise<Roofline> {
  const known = anew ? null : parseRoofline(await cache?.get(keyOf(executor)));
  return known ?? keep(executor, cache, await measureRoofline(executor));
}

/** What was reached once can be reached: of the two measurements, the higher. */
async function measureHigher(
  executor: Executor,
  cache: ByteCache | null,
  before: Promise<Roofline>,
): Promise<Roofline> {
  const a = await before;
  const b = await measureRoofline(executor);
  return keep(executor, cache, {
    gigabytesPerSecond: Math.max(a.gigabytesPerSecond, b.gigabytesPerSecond),
    gigaflopsPerSecond: Math.max(a.gigaflopsPerSecond, b.gigaflopsPerSecond),
  });
}

async function keep(
  executor: Executor,
  cache: ByteCache | null,
  roofline: Roofline,
): Promise<Roofline> {
  await cache?.put(keyOf(executor), new TextEncoder().encode(JSON.stringify(roofline)));
  return roofline;
}

/** Null for what is no roofline: a torn file is measured again. */
function parseRoofline(bytes: Uint8Array | null | undefined): Roofline | null {
  if (!bytes) return null;
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Roofline> | null;
    const { gigabytesPerSecond = 0, gigaflopsPerSecond = 0 } = value ?? {};
    return gigabytesPerSecond > 0 && gigaflopsPerSecond > 0
      ? { gigabytesPerSecond, gigaflopsPerSecond }
      : null;
  } catch {
    return null;
  }
}

/** Of all that changes the result: the adapter with its driver, and the two kernels (FNV-1a, 2 x 32 bits). */
function adapterHash({ adapter }: Executor): string {
  const { vendor, architecture, device, description } = adapter;
  const text = [vendor, architecture, device, description, profileCopy.source];
  const hash = (seed: number): string => {
    let h = seed;
    for (const c of [...text, profileMultiplyAdd.source].join("\n"))
      h = Math.imul(h ^ c.codePointAt(0)!, 0x01000193);
    return (h >>> 0).toString(16).padStart(8, "0");
  };
  return hash(0x811c9dc5) + hash(0x9e3779b9);
}

/** Measures both, whatever is kept. */
export async function measureRoofline(executor: Executor): Promise<Roofline> {
  await executor.drain();
  return {
    gigabytesPerSecond: await copyBandwidth(executor),
    gigaflopsPerSecond: await multiplyAddPeak(executor),
  };
}

async function copyBandwidth(executor: Executor): Promise<number> {
  const { maxBufferBytes, maxBindingBytes } = executor.limits;
  const wanted = (executor.adapter.class === "hardware" ? 256 : 64) * mebibyte;
  const bytes = Math.floor(Math.min(wanted, maxBufferBytes, maxBindingBytes) / 4096) * 4096;
  const x = executor.createBuffer(bytes, "roofline source");
  const y = executor.createBuffer(bytes, "roofline target");
  const dispatches = copyRuns.map((RUN) => ({
    kernel: profileCopy,
    options: { overrides: { RUN } },
    bindings: [x, y].map((buffer) => ({ buffer, offset: 0, bytes })),
    params: { count: bytes / 16 },
    grid: folded(executor, Math.ceil(bytes / 16 / 64 / RUN)),
    work: 2 * bytes,
  }));
  try {
    return await mostInANanosecond(executor, dispatches);
  } finally {
    executor.destroyBuffer(x);
    executor.destroyBuffer(y);
  }
}

async function multiplyAddPeak(executor: Executor): Promise<number> {
  // Enough for every core of the adapter to have several.
  const groups = executor.adapter.class === "hardware" ? 8192 : 256;
  const bytes = groups * 64 * 4;
  const y = executor.createBuffer(bytes, "roofline sums");
  const dispatch = (CHAINS: number, rounds: number): Dispatch => ({
    kernel: profileMultiplyAdd,
    options: { overrides: { CHAINS } },
    bindings: [{ buffer: y, offset: 0, bytes }],
    params: { rounds, m: 0.999, c: 0.5 },
    grid: folded(executor, groups),
    // Four times a multiplication and an addition in four lanes, each round.
    work: groups * 64 * rounds * CHAINS * 4 * 4 * 2,
  });
  try {
    await timeOnce(executor, dispatch(1, 1), 1);
    let rounds = 16;
    while (rounds < 2 ** 20) {
      const nanoseconds = await timeOnce(executor, dispatch(1, rounds), 1);
      if (nanoseconds >= longEnough / 2) break;
      rounds *= Math.min(Math.ceil(longEnough / nanoseconds), 16);
    }
    return await mostInANanosecond(
      executor,
      chainCounts.map((chains) => dispatch(chains, rounds)),
    );
  } finally {
    executor.destroyBuffer(y);
  }
}

interface Dispatch {
  kernel: AnyKernel;
  options: KernelOptions;
  bindings: readonly BufferBinding[];
  params: Record<string, number>;
  grid: readonly [number, number, number];
  /** Bytes or operations. */
  work: number;
}

/** A grid of at least so many workgroups; both kernels leave what is too much alone or repeat it. */
function folded(executor: Executor, groups: number): readonly [number, number, number] {
  const rows = Math.ceil(groups / executor.limits.maxWorkgroupsPerDimension);
  return [Math.ceil(groups / rows), rows, 1];
}

/** The work a nanosecond of the dispatch that does most of it, the best of some readings. */
async function mostInANanosecond(
  executor: Executor,
  dispatches: readonly Dispatch[],
): Promise<number> {
  let best = { dispatch: dispatches[0]!, times: 1, rate: 0 };
  for (const dispatch of dispatches) {
    // The first compiles it, and wakes the device.
    await timeOnce(executor, dispatch, 1);
    const once = await timeOnce(executor, dispatch, 1);
    const times = Math.min(Math.ceil(longEnough / once), 1024);
    for (let i = 0; i < readingsOfForm; i++) {
      const rate = dispatch.work / (await timeOnce(executor, dispatch, times));
      if (rate > best.rate) best = { dispatch, times, rate };
    }
  }
  const { dispatch, times } = best;
  let { rate } = best;
  const began = performance.now();
  for (let i = 0; i < leastReadings || performance.now() - began < leastReading; i++)
    rate = Math.max(rate, dispatch.work / (await timeOnce(executor, dispatch, times)));
  return rate;
}

/** The mean of `times` dispatches in a row, by timestamps where the adapter has them. */
async function timeOnce(
  executor: Executor,
  { kernel, options, bindings, params, grid }: Dispatch,
  times: number,
): Promise<number> {
  const program = specialise(kernel, options);
  const bytes = new Uint8Array(kernel.params!.size);
  kernel.params!.write(new DataView(bytes.buffer), params);
  const stop = executor.timingMethod === "timestamps" ? startTiming(executor) : null;
  const began = performance.now();
  for (let i = 0; i < times; i++) executor.dispatch(program, bindings, bytes, grid);
  await executor.drain();
  const whole = (performance.now() - began) * 1e6;
  const timings = (await stop?.()) ?? [];
  const sum = timings.reduce((total, { nanoseconds }) => total + nanoseconds, 0);
  return Math.max((sum > 0 ? sum : whole) / times, 1);
}

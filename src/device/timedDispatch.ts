/** What the timing of a dispatch tells of it beside the time. */
import type { DeviceBuffer, Program, TimedDispatch } from "./executor";

/** A bound range, of a buffer or of a slot. */
export interface BoundRange {
  readonly buffer?: DeviceBuffer;
  readonly slot?: number;
  readonly offset: number;
  readonly bytes: number;
}

const isSame = (a: BoundRange, b: BoundRange): boolean =>
  a.buffer === b.buffer && a.slot === b.slot && a.offset === b.offset && a.bytes === b.bytes;

/** @param ranges in the order of the program's bindings */
export function timedDispatch(
  program: Program,
  ranges: readonly BoundRange[],
  params: Uint8Array | null,
  grid: readonly [number, number, number],
): TimedDispatch {
  return {
    name: program.name,
    program: program.key,
    source: program,
    bindings: program.bindings.map(({ name, access }, i) => ({
      name,
      access,
      bytes: ranges[i]?.bytes ?? 0,
      first: ranges.findIndex((range) => isSame(range, ranges[i]!)),
    })),
    params: params?.slice() ?? null,
    grid: [...grid],
  };
}

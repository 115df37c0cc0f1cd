/** What the timing of a dispatch tells of it beside the time. */
import type { Program, TimedDispatch } from "./executor";

/** @param ranges in the order of the program's bindings */
export function timedDispatch(
  program: Program,
  ranges: readonly { readonly bytes: number }[],
  params: Uint8Array | null,
  grid: readonly [number, number, number],
): TimedDispatch {
  return {
    name: program.name,
    program: program.key,
    bindings: program.bindings.map(({ name, access }, i) => ({
      name,
      access,
      bytes: ranges[i]?.bytes ?? 0,
    })),
    params: params?.slice() ?? null,
    grid: [...grid],
  };
}

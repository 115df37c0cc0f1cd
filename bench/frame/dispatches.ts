/** What dispatches cost the host, recorded one by one and replayed as a sequence, with a kernel that does nothing. */
import type { BufferBinding, DeviceBuffer, Program, SlotBuffer } from "../../src/device/executor";
import type { Device } from "../../src/node";

const bytes = 256;
/** Kernels of a training step, and the bindings of one. */
const kernels = 20;
const bound = 3;

interface Way {
  readonly name: string;
  record(round: number): void;
}

/** Milliseconds of a round's dispatches, one figure a round. */
export interface DispatchTimes {
  readonly name: string;
  /** Until the last was recorded. */
  readonly record: number[];
  /** Of the submit. */
  readonly submit: number[];
  /** Until all had run. */
  readonly all: number[];
}

/**
 * A round records the same dispatches in each way in turn, so that other load on the machine meets all ways.
 * The ways: eager, control (eager again), sequence, sequence again (its control), and sequences with slots that change.
 */
export async function measureDispatches(
  { executor }: Device,
  dispatches: number,
  rounds: number,
): Promise<DispatchTimes[]> {
  const programs = Array.from(
    { length: kernels },
    (_, i): Program => ({
      key: `bench/empty ${i}`,
      name: "bench/empty",
      wgsl: `struct Params { never: u32 }
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> y: array<u32>;
@group(0) @binding(2) var<storage, read_write> z: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;
@compute @workgroup_size(1)
fn main() { if (params.never == ${i + 1}u) { z[0] = x[0] + y[0]; } }`,
      overrides: {},
      bindings: (["read", "read", "read_write"] as const).map((access, index) => ({
        name: "xyz"[index]!,
        index,
        access,
      })),
      params: { index: bound, size: 4 },
    }),
  );
  await executor.compilePrograms(programs);

  /** Each dispatch has buffers of its own, but for those of the slots that alternate. */
  const buffers = Array.from({ length: dispatches + bound }, (_, i) =>
    executor.createBuffer(bytes, `buffer ${i}`),
  );
  const spares = [0, 1].map((i) => executor.createBuffer(bytes, `spare ${i}`));
  const params = new Uint8Array(4);
  const grid = [1, 1, 1] as const;

  const commands = Array.from({ length: dispatches }, (_, i) => ({
    kind: "dispatch" as const,
    program: programs[i % kernels]!,
    bindings: Array.from({ length: bound }, (_, k) => ({ slot: i + k, offset: 0, bytes })),
    params,
    grid,
  }));
  const sequence = executor.prepare(commands);

  const slotsWith = (replaced: readonly number[], spare: DeviceBuffer): SlotBuffer[] =>
    buffers.map((buffer, i) => ({ buffer: replaced.includes(i) ? spare : buffer, offset: 0 }));
  const same = slotsWith([], spares[0]!);
  const alternating = spares.map((spare) => slotsWith([1, dispatches - 5, dispatches - 1], spare));
  const everything = [same, slotsWith([], spares[0]!).reverse()];

  function eager(): void {
    for (const { program, bindings } of commands) {
      const ranges: BufferBinding[] = [];
      for (const { slot } of bindings) ranges.push({ buffer: buffers[slot]!, offset: 0, bytes });
      executor.dispatch(program, ranges, params, grid);
    }
  }

  const ways: readonly Way[] = [
    { name: "eager", record: eager },
    { name: "control", record: eager },
    { name: "sequence", record: () => sequence.run(same) },
    { name: "sequence again", record: () => sequence.run(same) },
    { name: "alternating slots", record: (round) => sequence.run(alternating[round % 2]!) },
    { name: "all slots alternate", record: (round) => sequence.run(everything[round % 2]!) },
  ];
  const times = ways.map(({ name }): DispatchTimes => ({ name, record: [], submit: [], all: [] }));

  for (let round = -20; round < rounds; round++)
    for (const turn of ways.keys()) {
      // Back and forth: what one way leaves behind costs the next, and eager and its control alike.
      const i = round % 2 ? turn : ways.length - 1 - turn;
      const way = ways[i]!;
      const began = performance.now();
      way.record(round & 0xffff);
      const recorded = performance.now();
      executor.flush();
      const submitted = performance.now();
      await executor.drain();
      const ended = performance.now();
      if (round < 0) continue;
      times[i]!.record.push(recorded - began);
      times[i]!.submit.push(submitted - recorded);
      times[i]!.all.push(ended - began);
    }

  sequence.dispose();
  for (const buffer of [...buffers, ...spares]) executor.destroyBuffer(buffer);
  return times;
}

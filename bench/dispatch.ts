/**
 * Dispatches: what the host spends on one, and one in all, with a kernel that does nothing.
 *
 *   npm run bench -- dispatch [--executor webgpu|cpu] [--dispatches 130] [--rounds 300]
 *
 * A round records the same dispatches in each way in turn, so that other load on the machine meets all ways;
 * `record` is the time until the last is recorded, `submit` that of the submit, `in all` until they have run;
 * `host` is the first two together, for all dispatches of a round. The figures are medians over the rounds in microseconds per dispatch, with the least in brackets, and the ratio to eager.
 * `control` is eager once more: its ratio must read 1.0, or the differences beside it are noise.
 */
import { parseArgs } from "node:util";
import type { BufferBinding, DeviceBuffer, Program, SlotBuffer } from "../src/device/executor";
import { init } from "../src/node";

const { values } = parseArgs({
  options: {
    executor: { type: "string", default: "webgpu" },
    dispatches: { type: "string", default: "130" },
    rounds: { type: "string", default: "300" },
  },
});
const dispatches = Number(values.dispatches);
const rounds = Number(values.rounds);
const bytes = 256;
/** Kernels of a training step, and the bindings of one. */
const kernels = 20;
const bound = 3;

const device = await init({ executor: values.executor === "cpu" ? "cpu" : "webgpu" });
const { executor } = device;

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

interface Way {
  readonly name: string;
  record(round: number): void;
}

const ways: readonly Way[] = [
  { name: "eager", record: eager },
  { name: "control", record: eager },
  { name: "sequence", record: () => sequence.run(same) },
  { name: "alternating slots", record: (round) => sequence.run(alternating[round % 2]!) },
  { name: "all slots alternate", record: (round) => sequence.run(everything[round % 2]!) },
];
const record = ways.map((): number[] => []);
const submit = ways.map((): number[] => []);
const all = ways.map((): number[] => []);

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
    record[i]!.push(recorded - began);
    submit[i]!.push(submitted - recorded);
    all[i]!.push(ended - began);
  }

const sorted = (list: readonly number[]): number[] => [...list].sort((x, y) => x - y);
const median = (list: readonly number[]): number => sorted(list)[list.length >> 1]!;
const figure = (list: readonly number[]): string => {
  const per = (ms: number) => ((1000 * ms) / dispatches).toFixed(2);
  return `${per(median(list))} (${per(Math.min(...list))})`.padStart(16);
};

console.log(
  `adapter ${executor.adapter.description || executor.adapter.vendor}, ${dispatches} dispatches a round`,
);
console.log(
  "microseconds a dispatch       record    ratio          submit          in all   host, ms",
);
ways.forEach(({ name }, i) => {
  const ratio = median(record[0]!) / median(record[i]!);
  const host = median(record[i]!.map((ms, round) => ms + submit[i]![round]!));
  console.log(
    `${name.padEnd(20)}${figure(record[i]!)} ${ratio.toFixed(2).padStart(8)}${figure(submit[i]!)}${figure(all[i]!)} ${host.toFixed(3).padStart(10)}`,
  );
});
sequence.dispose();
await device.destroy();

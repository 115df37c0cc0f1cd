/**
 * Programs on words modulo 2^32 for tests and benches of executors: exact, and each result depends on the
 * order of the commands before it.
 */
import type { DeviceBuffer, Program, SequenceCommand, SlotRange } from "../src/device/executor";

const head = "struct Params { value: u32, count: u32 }\n";
const guard = "if (g.x >= params.count) { return; }";

const text = (bindings: readonly string[], line: string): string => `${head}${bindings
  .map((b, i) => `@group(0) @binding(${i}) var<storage, ${b}: array<u32>;\n`)
  .join("")}@group(0) @binding(${bindings.length}) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) g: vec3u) { ${guard} ${line} }
`;

const params = (index: number) => ({ index, size: 8 });

/** `y[i] = 3 y[i] + value`. @param key tells programs apart that are compiled anew */
export const step = (key = ""): Program => ({
  key: `test/step${key}`,
  name: "test/step",
  wgsl: text(["read_write> y"], "y[g.x] = 3 * y[g.x] + params.value;"),
  overrides: {},
  bindings: [{ name: "y", index: 0, access: "read_write" }],
  params: params(1),
});

/** `y[i] = x[i] + value` */
export const add: Program = {
  key: "test/add",
  name: "test/add",
  wgsl: text(["read> x", "read_write> y"], "y[g.x] = x[g.x] + params.value;"),
  overrides: {},
  bindings: [
    { name: "x", index: 0, access: "read" },
    { name: "y", index: 1, access: "read_write" },
  ],
  params: params(2),
};

export const words = 200;
export const bytes = 1024;

export const value = (v: number): Uint8Array => new Uint8Array(new Uint32Array([v, words]).buffer);

export const grid = [Math.ceil(words / 64), 1, 1] as const;

export const range = (slot: number, offset = 0): SlotRange => ({ slot, offset, bytes });

/** Everything of a buffer from `offset` on that the programs use. */
export const part = (buffer: DeviceBuffer, offset = 0) => ({ buffer, offset, bytes });

export const stepOn = (slot: number, v: number, program = step()): SequenceCommand => ({
  kind: "dispatch",
  program,
  bindings: [range(slot)],
  params: value(v),
  grid,
});

export const addOn = (from: number, to: number, v: number): SequenceCommand => ({
  kind: "dispatch",
  program: add,
  bindings: [range(from), range(to)],
  params: value(v),
  grid,
});

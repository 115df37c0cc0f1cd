/** The pointwise operations that WGSL computes itself, with the CPU executor's exp, keep their errors. */
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../../src/cpu/compile";
import { dispatchBlock } from "../../../src/cpu/ir/kernel";
import { bits, pointwise, quarterTurns, squash } from "../../../src/kernels/generated/includes";

const wgsl = (name: string): string => `
struct Params { infinity: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;
${[quarterTurns, bits, squash, pointwise].join("\n")}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  y[id.x] = op_${name}(x[id.x]);
}`;

/** op_name of every element; a multiple of 64 of them. */
function apply(name: string, x: Float32Array): Float32Array {
  const program = {
    key: name,
    name,
    wgsl: wgsl(name),
    overrides: {},
    bindings: [
      { name: "x", index: 0, access: "read" },
      { name: "y", index: 1, access: "read_write" },
    ],
    params: { index: 2, size: 4 },
  } as const;
  const { wasm, scratchBytes } = compileProgram(program, { shared: false, relaxed: false });
  const [block, params, first] = [0, 256, 512];
  const second = first + Math.ceil(x.byteLength / 256) * 256;
  const scratch = second + x.byteLength;
  const pages = Math.ceil((scratch + scratchBytes) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages });
  const words = new Uint32Array(memory.buffer);
  const groups = x.length / 64;
  words.set([groups, 1, 1], (block + dispatchBlock.grid) / 4);
  words[(block + dispatchBlock.params) / 4] = params;
  words.set([first, x.byteLength, second, x.byteLength], (block + dispatchBlock.bindings) / 4);
  words[params / 4] = 0x7f800000;
  new Float32Array(memory.buffer, first, x.length).set(x);
  const module = new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>);
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  (exports["run"] as (...args: number[]) => void)(block, scratch, 0, groups);
  return new Float32Array(memory.buffer, second, x.length);
}

/** 2/sqrt(pi) e^(-x^2) times the sum of 2^n x^(2n+1) / (1 3 5 ... (2n+1)): no term cancels another. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const low = new Float32Array(1);
const lowBits = new Uint32Array(low.buffer);
function unitInLastPlace(y: number): number {
  low[0] = Math.abs(y);
  return 2 ** (Math.max(lowBits[0]! >>> 23, 1) - 150);
}

describe("over the normal range", () => {
  // Numbers of either sign, evenly spread over bit patterns from 1e-6 to 80.
  const [from, to] = new Uint32Array(Float32Array.of(1e-6, 80).buffer) as unknown as [
    number,
    number,
  ];
  const x = new Float32Array(1 << 17);
  const xBits = new Uint32Array(x.buffer);
  for (let i = 0; i < x.length; i++)
    xBits[i] = from + Math.floor(((to - from) * i) / x.length) + (i % 2 ? 0x80000000 : 0);

  test.each<[string, (x: number) => number, number]>([
    ["erf", erf, 1],
    ["tanh", Math.tanh, 1.4],
    ["sigmoid", (x) => 1 / (1 + Math.exp(-x)), 2.2],
  ])("%s keeps its error", (name, reference, ulps) => {
    const y = apply(name, x);
    let worst = { error: 0, x: 0 };
    for (let i = 0; i < x.length; i++) {
      const exact = reference(x[i]!);
      const error = Math.abs(y[i]! - exact) / unitInLastPlace(exact);
      if (!(error <= worst.error)) worst = { error, x: x[i]! };
    }
    expect(worst.error, `of ${name}(${worst.x})`).toBeLessThanOrEqual(ulps);
  });
});

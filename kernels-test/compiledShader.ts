/**
 * Runs a shader as the CPU executor compiles it, on this thread, in a memory of its own where each buffer
 * stands between guards: what the shader changes outside its buffers shows.
 */
import { compileProgram } from "../src/cpu/compile";
import { dispatchBlock } from "../src/cpu/ir/kernel";
import { programOf, type Shader } from "./conformance/run";

const pageBytes = 65536;
const guardBytes = 4096;
const guard = 0xc9;

const roundUp = (value: number): number => Math.ceil(value / 256) * 256;

/** Addresses, handed out with a guard before and after each. */
class Layout {
  private next = guardBytes;
  readonly ranges: (readonly [address: number, bytes: number])[] = [];

  place(bytes: number): number {
    const address = this.next;
    this.next = roundUp(address + bytes + guardBytes);
    this.ranges.push([address, bytes]);
    return address;
  }

  get end(): number {
    return this.next;
  }
}

/** The first byte outside the ranges that is no guard, or -1. */
function broken(bytes: Uint8Array, ranges: Layout["ranges"]): number {
  let from = 0;
  for (const [address, length] of [...ranges, [bytes.length, 0] as const]) {
    const at = bytes.subarray(from, address).findIndex((byte) => byte !== guard);
    if (at >= 0) return from + at;
    from = address + length;
  }
  return -1;
}

/**
 * What each buffer holds after the shader ran.
 * @throws ShaderError if it does not compile, Error if it wrote outside its buffers
 */
export async function runCompiled(shader: Shader): Promise<Uint8Array[]> {
  const kernel = compileProgram(programOf(shader), { shared: false, relaxed: false });
  const layout = new Layout();
  const { buffers, uniform, grid } = shader;
  const block = layout.place(dispatchBlock.bytes(buffers.length));
  const params = uniform ? layout.place(uniform.bytes.byteLength) : 0;
  const addresses = buffers.map(({ bytes }) => layout.place(bytes.byteLength));
  const scratch = layout.place(kernel.scratchBytes);
  const memory = new WebAssembly.Memory({ initial: Math.ceil(layout.end / pageBytes) });
  const bytes = new Uint8Array(memory.buffer).fill(guard);
  const words = new DataView(memory.buffer);
  for (const [axis, count] of grid.entries()) words.setUint32(block + 4 * axis, count, true);
  words.setUint32(block + dispatchBlock.params, params, true);
  buffers.forEach((buffer, i) => {
    const at = block + dispatchBlock.bindings + 8 * i;
    words.setUint32(at, addresses[i]!, true);
    words.setUint32(at + 4, buffer.bytes.byteLength, true);
    bytes.set(buffer.bytes, addresses[i]);
  });
  if (uniform) bytes.set(uniform.bytes, params);
  const { instance } = await WebAssembly.instantiate(kernel.wasm as BufferSource, {
    env: { memory },
  });
  const run = instance.exports["run"] as (...args: number[]) => void;
  run(block, scratch, 0, grid[0] * grid[1] * grid[2]);
  const at = broken(bytes, layout.ranges);
  if (at >= 0) throw new Error(`The shader wrote at address ${at}, outside its buffers.`);
  return buffers.map(({ bytes: { byteLength } }, i) =>
    bytes.slice(addresses[i], addresses[i]! + byteLength),
  );
}

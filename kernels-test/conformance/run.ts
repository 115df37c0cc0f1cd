/** Runs one compute shader text, with given bytes in its buffers, on any executor. */
import type { DeviceBuffer, Executor, Program } from "../../src/device/executor";

export interface ShaderBuffer {
  readonly name: string;
  readonly index: number;
  readonly access: "read" | "read_write";
  /** What it holds before; a multiple of 4 bytes. */
  readonly bytes: Uint8Array;
}

/** A shader whose entry point is `main`, ready to run. */
export interface Shader {
  readonly wgsl: string;
  readonly overrides?: Readonly<Record<string, number>>;
  readonly grid: readonly [number, number, number];
  readonly buffers: readonly ShaderBuffer[];
  readonly uniform?: { readonly index: number; readonly bytes: Uint8Array };
}

export function programOf({ wgsl, overrides = {}, buffers, uniform }: Shader): Program {
  return {
    key: `${JSON.stringify(overrides)}${wgsl}`,
    name: "conformance",
    wgsl,
    overrides,
    bindings: buffers.map(({ name, index, access }) => ({ name, index, access })),
    params: uniform ? { index: uniform.index, size: uniform.bytes.byteLength } : null,
  };
}

/** Queues the shader. The returned function gives what its buffers hold afterwards. */
function enqueue(executor: Executor, shader: Shader): () => Promise<Uint8Array[]> {
  const buffers: DeviceBuffer[] = shader.buffers.map(({ name, bytes }) => {
    const buffer = executor.createBuffer(Math.ceil(bytes.byteLength / 256) * 256, name);
    executor.write(buffer, 0, bytes);
    return buffer;
  });
  const ranges = buffers.map((buffer, i) => ({
    buffer,
    offset: 0,
    bytes: shader.buffers[i]!.bytes.byteLength,
  }));
  executor.dispatch(programOf(shader), ranges, shader.uniform?.bytes ?? null, shader.grid);
  return async () => {
    const contents = await executor.read(ranges);
    for (const buffer of buffers) executor.destroyBuffer(buffer);
    return contents.map((content) => new Uint8Array(content));
  };
}

/** What each buffer holds after the shader ran. Rejects with what the executor rejects the shader with. */
export async function runOn(executor: Executor, shader: Shader): Promise<Uint8Array[]> {
  return enqueue(executor, shader)();
}

/** A uniform's or buffer's 32-bit words. */
export const wordsOf = (bytes: Uint8Array): Uint32Array =>
  new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);

/** Bytes of 32-bit words. */
export const bytesOf = (words: ArrayLike<number>): Uint8Array =>
  new Uint8Array(Uint32Array.from(words).buffer);

/**
 * What compiling a program gives, and how the result is called. The module imports one memory
 * (`env.memory`) and exports
 *
 *   run(block, scratch, begin, end)
 *
 * which runs the workgroups whose linear numbers (x fastest, then y, then z) lie in [begin, end). `block` is
 * the address of the dispatch block below. `scratch` is the address of `scratchBytes` bytes, a multiple of
 * 16, that belong to the calling thread; their contents do not matter.
 *
 * The dispatch block, u32 each: workgroups along x, y, z; address of the uniform; then address and bytes of
 * each storage binding, in the order of `Program.bindings`. Addresses of bindings are multiples of 256.
 */
export interface CompiledKernel {
  readonly wasm: Uint8Array;
  readonly scratchBytes: number;
  /** Bytes that each storage binding must have at least, in the order of `Program.bindings`. */
  readonly leastBytes: readonly number[];
}

export interface CompileOptions {
  /** The memory is shared between threads. */
  readonly shared: boolean;
  /** Use fused multiply-adds of relaxed SIMD: faster, and no longer the same bits everywhere. */
  readonly relaxed: boolean;
}

export const dispatchBlock = {
  grid: 0,
  params: 12,
  bindings: 16,
  bytes: (bindings: number): number => 16 + 8 * bindings,
} as const;

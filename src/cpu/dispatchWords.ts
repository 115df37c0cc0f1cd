/**
 * The words of a dispatch block and of the parameters behind it, laid out once and copied into a slice for
 * each time the dispatch is recorded.
 */
import type { BufferBinding } from "../device/executor";
import type { CommandQueue, QueuedKernel } from "./commandQueue";
import type { CPUBuffer } from "./cpuBuffer";
import { dispatchBlock } from "./ir/kernel";
import type { Memory } from "./memory";

export class DispatchWords {
  /** Workgroups. */
  readonly groups: number;
  /** Bytes before the parameters. */
  private readonly head: number;
  private readonly words: Int32Array;
  /** Bytes of all bindings. */
  private readonly bytes: number;

  constructor(
    bindings: readonly { readonly bytes: number }[],
    params: Uint8Array | null,
    grid: readonly [number, number, number],
  ) {
    this.groups = grid[0] * grid[1] * grid[2];
    this.head = Math.ceil(dispatchBlock.bytes(bindings.length) / 16) * 16;
    const size = this.head + (params?.byteLength ?? 0);
    const block = new Uint8Array(Math.ceil(size / 4) * 4);
    if (params) block.set(params, this.head);
    this.words = new Int32Array(block.buffer);
    this.words.set(grid, dispatchBlock.grid / 4);
    bindings.forEach(({ bytes }, i) => {
      this.words[dispatchBlock.bindings / 4 + 2 * i + 1] = bytes;
    });
    this.bytes = bindings.reduce((sum, binding) => sum + binding.bytes, 0);
  }

  /** Writes where the bindings are. */
  bind(bindings: readonly BufferBinding[]): void {
    for (let i = 0; i < bindings.length; i++) {
      const { buffer, offset } = bindings[i]!;
      const address = (buffer as CPUBuffer).memory.address + offset;
      this.words[dispatchBlock.bindings / 4 + 2 * i] = address;
    }
  }

  /** @param times address of two f64 for the times of the dispatch, or 0 */
  record(queue: CommandQueue, memory: Memory, kernel: QueuedKernel, times: number): void {
    const size = this.words.byteLength;
    const block = queue.dispatch(kernel, this.groups, size, this.bytes, times);
    const at = block >>> 2;
    memory.words.set(this.words, at);
    memory.words[at + dispatchBlock.params / 4] = block + this.head;
  }
}

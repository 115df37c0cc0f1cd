/**
 * Recording a dispatch: its block (see ir/kernel.ts) and its parameters behind that, written into the slice
 * directly, or laid out once and copied for each time the dispatch is recorded.
 */
import type { BufferBinding } from "../device/executor";
import type { CommandQueue, QueuedKernel } from "./commandQueue";
import type { CPUBuffer } from "./cpuBuffer";
import { dispatchBlock } from "./ir/kernel";
import type { Memory } from "./memory";

type Grid = readonly [number, number, number];

/** Where commands are recorded. */
export interface Recorder {
  readonly queue: CommandQueue;
  readonly memory: Memory;
}

/** Bytes before the parameters. */
const headBytes = (bindings: number): number => Math.ceil(dispatchBlock.bytes(bindings) / 16) * 16;

const boundBytes = (bindings: readonly { readonly bytes: number }[]): number => {
  let sum = 0;
  for (const { bytes } of bindings) sum += bytes;
  return sum;
};

/** Writes all of a block but where its parameters are. */
function writeBlock(
  words: Int32Array<ArrayBufferLike>,
  at: number,
  bindings: readonly BufferBinding[],
  grid: Grid,
): void {
  words.set(grid, at + dispatchBlock.grid / 4);
  let next = at + dispatchBlock.bindings / 4;
  for (const { buffer, offset, bytes } of bindings) {
    words[next++] = (buffer as CPUBuffer).memory.address + offset;
    words[next++] = bytes;
  }
}

/** @param times address of two f64 for the times of the dispatch, or 0 */
export function recordDispatch(
  { queue, memory }: Recorder,
  kernel: QueuedKernel,
  bindings: readonly BufferBinding[],
  params: Uint8Array | null,
  grid: Grid,
  times: number,
): void {
  const head = headBytes(bindings.length);
  const groups = grid[0] * grid[1] * grid[2];
  const size = head + (params?.byteLength ?? 0);
  const block = queue.dispatch(kernel, groups, size, boundBytes(bindings), times);
  const at = block >>> 2;
  writeBlock(memory.words, at, bindings, grid);
  memory.words[at + dispatchBlock.params / 4] = block + head;
  if (params) memory.bytes(block + head, params.byteLength).set(params);
}

/** A dispatch laid out ahead. */
export class PreparedDispatch {
  readonly groups: number;
  private readonly head: number;
  private readonly words: Int32Array;
  private bytes = 0;

  constructor(
    bindings: number,
    params: Uint8Array | null,
    private readonly grid: Grid,
  ) {
    this.groups = grid[0] * grid[1] * grid[2];
    this.head = headBytes(bindings);
    const block = new Uint8Array(Math.ceil((this.head + (params?.byteLength ?? 0)) / 4) * 4);
    if (params) block.set(params, this.head);
    this.words = new Int32Array(block.buffer);
  }

  /** To be called before the first `record`, and when a binding changes. */
  bind(bindings: readonly BufferBinding[]): void {
    writeBlock(this.words, 0, bindings, this.grid);
    this.bytes = boundBytes(bindings);
  }

  /** @param times as of `recordDispatch` */
  record({ queue, memory }: Recorder, kernel: QueuedKernel, times: number): void {
    const { words } = this;
    const block = queue.dispatch(kernel, this.groups, words.byteLength, this.bytes, times);
    const at = block >>> 2;
    memory.words.set(words, at);
    memory.words[at + dispatchBlock.params / 4] = block + this.head;
  }
}

/**
 * The one memory of an executor: buffers, commands, and what threads share, as ranges of one
 * WebAssembly.Memory that grows on demand. Only the calling thread grows it, allocates and frees.
 */

const page = 65536;
const largestPages = 65536;
const alignment = 256;
/** Growing by little is no cheaper than growing by much. */
const growth = 16 << 20;

export interface Allocation {
  readonly address: number;
  readonly bytes: number;
  /** False where the range was never used: then it holds zeros. */
  readonly dirty: boolean;
  /** The last slice of commands (see commandLayout.ts) that may still use the range for its owner before. */
  readonly busyUntil: number;
}

interface Range {
  start: number;
  end: number;
  busyUntil: number;
}

export interface MemoryOptions {
  readonly shared: boolean;
  /** Bytes at address 0 that are not given out. */
  readonly reserved: number;
  /** Bytes it may have at most, by default what the engine grants. */
  readonly most?: number;
}

export class Memory {
  readonly memory: WebAssembly.Memory;
  /** Bytes it can grow to. */
  readonly most: number;
  /** All words. A new object after each `allocate` that grew the memory. */
  words: Int32Array<ArrayBufferLike>;
  doubles: Float64Array<ArrayBufferLike>;
  /** Bytes given out. */
  used = 0;
  /** By address; no two touch. */
  private readonly free: Range[] = [];
  /** Nothing at or beyond it was ever given out. */
  private untouched: number;

  constructor({ shared, reserved, most = largestPages * page }: MemoryOptions) {
    const initial = Math.ceil(reserved / page);
    const pages = Math.max(Math.min(Math.ceil(most / page), largestPages), initial);
    const { memory, maximum } = reserve(initial, pages, shared);
    this.memory = memory;
    this.words = new Int32Array(this.memory.buffer);
    this.doubles = new Float64Array(this.memory.buffer);
    this.most = maximum * page;
    this.untouched = Math.ceil(reserved / alignment) * alignment;
  }

  get pages(): number {
    return this.words.byteLength / page;
  }

  /** A view of bytes, good until the next `allocate`. */
  bytes(address: number, count: number): Uint8Array<ArrayBufferLike> {
    return new Uint8Array(this.words.buffer, address, count);
  }

  /**
   * A range at a multiple of 256, or null where none is left.
   * @param idleSince the caller touches the range itself, not through commands: then only what no slice
   *   after this one uses will do
   */
  allocate(bytes: number, idleSince = Number.POSITIVE_INFINITY): Allocation | null {
    const size = Math.max(Math.ceil(bytes / alignment), 1) * alignment;
    let best: Range | undefined;
    for (const range of this.free) {
      const room = range.end - range.start;
      if (room < size || range.busyUntil > idleSince) continue;
      if (!best || room < best.end - best.start) best = range;
    }
    if (!best) return this.extend(size, idleSince);
    const { start: address, busyUntil } = best;
    best.start += size;
    if (best.start === best.end) this.free.splice(this.free.indexOf(best), 1);
    this.used += size;
    return { address, bytes: size, dirty: true, busyUntil };
  }

  /** @param lastUse the last slice that uses the range for this owner */
  release({ address, bytes, busyUntil }: Allocation, lastUse: number): void {
    this.used -= bytes;
    const range = {
      start: address,
      end: address + bytes,
      busyUntil: Math.max(busyUntil, lastUse),
    };
    let at = this.free.findIndex((other) => other.start > address);
    if (at < 0) at = this.free.length;
    const next = this.free[at];
    if (next?.start === range.end) this.absorb(range, at);
    if (this.free[at - 1]?.end === address) this.absorb(range, --at);
    this.free.splice(at, 0, range);
  }

  /** Joins the neighbour at `at` to `range`, and takes it off the list. */
  private absorb(range: Range, at: number): void {
    const [neighbour] = this.free.splice(at, 1) as [Range];
    range.start = Math.min(range.start, neighbour.start);
    range.end = Math.max(range.end, neighbour.end);
    range.busyUntil = Math.max(range.busyUntil, neighbour.busyUntil);
  }

  /** Takes a range at the end, with the free one before it if that will do. */
  private extend(size: number, idleSince: number): Allocation | null {
    const last = this.free.at(-1);
    const joins = last?.end === this.untouched && last.busyUntil <= idleSince;
    const address = joins ? last.start : this.untouched;
    const end = address + size;
    if (end > this.most || !this.growTo(end)) return null;
    if (joins) this.free.pop();
    this.untouched = end;
    this.used += size;
    return { address, bytes: size, dirty: joins, busyUntil: joins ? last.busyUntil : 0 };
  }

  private growTo(end: number): boolean {
    if (end <= this.words.byteLength) return true;
    for (const wanted of [Math.min(end + growth, this.most), end]) {
      try {
        this.memory.grow(Math.ceil(wanted / page) - this.pages);
        this.words = new Int32Array(this.memory.buffer);
        this.doubles = new Float64Array(this.memory.buffer);
        return true;
      } catch {
        // The machine has no more; perhaps less will do.
      }
    }
    return false;
  }
}

/** Where address space is scarce (32-bit systems, phones), a smaller maximum may be granted. */
function reserve(
  initial: number,
  most: number,
  shared: boolean,
): { memory: WebAssembly.Memory; maximum: number } {
  for (let maximum = most; ; maximum = Math.ceil(maximum / 2))
    try {
      return { memory: new WebAssembly.Memory({ initial, maximum, shared }), maximum };
    } catch (error) {
      if (maximum <= Math.max(initial, 256)) throw error;
    }
}

/**
 * Device memory by size class. A released buffer may be handed out again at once: commands run in
 * order, so a later dispatch cannot overtake an earlier one. Only a host write can (it is ordered against
 * submits, not against the section being recorded), hence `forHostWrite`.
 */
import { LimitError, OutOfMemoryError } from "../errors";
import type { DeviceBuffer, Executor } from "./executor";
import { memoryAdvice } from "./memoryAdvice";

/** What memory is used for, in reports. */
export type MemoryCategory =
  | "tensor"
  | "parameter"
  | "gradient"
  | "optimizer"
  | "constant"
  /** What compiled functions compute with. */
  | "plan";

export interface MemoryReport {
  /** Bytes of buffers in use. */
  liveBytes: number;
  /** The largest `liveBytes` since the start or `resetPeak`. */
  peakBytes: number;
  /** Bytes of released buffers kept for reuse. */
  pooledBytes: number;
  /** Buffers in use. */
  liveBuffers: number;
  byCategory: Record<MemoryCategory, number>;
}

const smallest = 256;

/** Four classes per power of two: at most a quarter of a buffer is slack. */
export function sizeClass(bytes: number): number {
  if (bytes <= smallest) return smallest;
  const power = 2 ** Math.floor(Math.log2(bytes - 1));
  const step = Math.max(power / 4, smallest);
  return Math.ceil(bytes / step) * step;
}

export class BufferPool {
  /**
   * By size class, the oldest first. Handing out the oldest makes the choice depend on which buffers are
   * free and not on the order they were released in, so that every training step gets the same buffers
   * as the one before, and with them the same bind groups.
   */
  private readonly free = new Map<number, DeviceBuffer[]>();
  private readonly ages = new WeakMap<DeviceBuffer, number>();
  private created = 0;
  private readonly categories = new Map<DeviceBuffer, MemoryCategory>();
  /** Hears the bytes of buffers in use after each change. */
  onChange: ((liveBytes: number) => void) | null = null;
  private live = 0;
  private peak = 0;
  private pooled = 0;
  private readonly byCategory: Record<MemoryCategory, number> = {
    tensor: 0,
    parameter: 0,
    gradient: 0,
    optimizer: 0,
    constant: 0,
    plan: 0,
  };

  /** @param memoryLimit bytes that all buffers may take, those kept for reuse among them */
  constructor(
    private readonly executor: Executor,
    private readonly memoryLimit = Number.POSITIVE_INFINITY,
  ) {}

  /**
   * A buffer of at least `bytes`, contents undefined.
   * @param forHostWrite the caller writes host data into it before any dispatch uses it.
   * @throws LimitError beyond the largest buffer or binding of the device, OutOfMemoryError beyond all memory.
   */
  allocate(
    bytes: number,
    label: string,
    category: MemoryCategory = "tensor",
    forHostWrite = false,
  ): DeviceBuffer {
    const limit = this.requireFits(bytes, label);
    // What lives as long as the model gets what it needs; what comes and goes, a size that fits again.
    const exact = Math.ceil(bytes / smallest) * smallest;
    const size = category === "tensor" && sizeClass(bytes) <= limit ? sizeClass(bytes) : exact;
    const buffer = this.take(size, forHostWrite) ?? this.create(size, label);
    buffer.label = label;
    this.categories.set(buffer, category);
    this.byCategory[category] += size;
    this.live += size;
    this.peak = Math.max(this.peak, this.live);
    this.onChange?.(this.live);
    return buffer;
  }

  /**
   * The most bytes of one tensor.
   * @throws LimitError where `bytes` are more: asked before the host works towards what cannot be held.
   */
  requireFits(bytes: number, label: string): number {
    const { maxBufferBytes, maxBindingBytes } = this.executor.limits;
    const limit = Math.min(maxBufferBytes, maxBindingBytes);
    if (bytes > limit)
      throw new LimitError(
        `${label} needs ${bytes} bytes; this device binds at most ${limit} at once. Use smaller tensors (a smaller batch, or split the tensor by rows).`,
      );
    return limit;
  }

  release(buffer: DeviceBuffer): void {
    const category = this.categories.get(buffer);
    if (category === undefined) return;
    this.categories.delete(buffer);
    this.byCategory[category] -= buffer.bytes;
    this.live -= buffer.bytes;
    this.pooled += buffer.bytes;
    this.onChange?.(this.live);
    const shelf = this.free.get(buffer.bytes);
    if (!shelf) this.free.set(buffer.bytes, [buffer]);
    else {
      const age = this.ages.get(buffer)!;
      const at = shelf.findIndex((other) => this.ages.get(other)! > age);
      shelf.splice(at < 0 ? shelf.length : at, 0, buffer);
    }
  }

  /** Destroys the released buffers kept for reuse. */
  trim(): void {
    for (const shelf of this.free.values())
      for (const buffer of shelf) this.executor.destroyBuffer(buffer);
    this.free.clear();
    this.pooled = 0;
  }

  resetPeak(): void {
    this.peak = this.live;
  }

  report(): MemoryReport {
    return {
      liveBytes: this.live,
      peakBytes: this.peak,
      pooledBytes: this.pooled,
      liveBuffers: this.categories.size,
      byCategory: { ...this.byCategory },
    };
  }

  private create(size: number, label: string): DeviceBuffer {
    const buffer = this.createOrTrim(size, label);
    this.ages.set(buffer, this.created++);
    return buffer;
  }

  /** What lies on the shelves may be what is missing. */
  private createOrTrim(size: number, label: string): DeviceBuffer {
    for (;;)
      try {
        return this.createWithin(size, label);
      } catch (error) {
        if (!(error instanceof OutOfMemoryError)) throw error;
        if (this.pooled === 0) throw this.explained(error, size);
        this.trim();
      }
  }

  private createWithin(size: number, label: string): DeviceBuffer {
    const taken = this.live + this.pooled;
    if (taken + size > this.memoryLimit)
      throw new OutOfMemoryError(
        `The device has no memory for ${label} (${size} bytes): ${taken} of ${this.memoryLimit} bytes are in use. Dispose tensors you no longer need.`,
      );
    return this.executor.createBuffer(size, label);
  }

  private explained({ message }: OutOfMemoryError, size: number): OutOfMemoryError {
    const report = this.report();
    const room = Math.max(this.memoryLimit - this.live, 0);
    const missing = Number.isFinite(room) ? size - room : size;
    return new OutOfMemoryError(message + memoryAdvice(report, missing), report);
  }

  private take(size: number, forHostWrite: boolean): DeviceBuffer | undefined {
    const shelf = this.free.get(size);
    if (!shelf) return undefined;
    for (let i = 0; i < shelf.length; i++) {
      const buffer = shelf[i]!;
      if (forHostWrite && buffer.lastUse >= this.executor.section) continue;
      shelf.splice(i, 1);
      this.pooled -= size;
      return buffer;
    }
    return undefined;
  }
}

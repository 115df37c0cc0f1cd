/**
 * Commands in shared memory (see commandLayout.ts): recorded one by one, handed to the threads slice by
 * slice, in order, each as soon as its kernels are compiled. Long sections begin before they are flushed.
 */

import {
  bytesPerMove,
  clearKernel,
  control,
  copyKernel,
  move,
  record,
  recordBytes,
  slot,
} from "./commandLayout";
import type { Allocation, Memory } from "./memory";
import type { PooledKernel, ThreadPool } from "./threadPool";
import { WorkEstimates } from "./workEstimate";

/** A kernel that commands can name before it is compiled. */
export interface QueuedKernel {
  readonly index: number;
  /** Null until it is compiled. */
  compiled: PooledKernel | null;
  sent: boolean;
}

interface Slice {
  readonly number: number;
  readonly memory: Allocation;
  /** Kernels that were not with the threads when it was recorded. */
  readonly kernels: Set<QueuedKernel>;
  used: number;
  records: number;
  /** Address of the first record. */
  first: number;
  /** Address of the last step's head, and of the last record. */
  head: number;
  last: number;
  /** Whether another record may join the last step. */
  joinable: boolean;
  tell: boolean;
}

/** One record, short of where its memory is. */
interface Work {
  readonly kernel: number;
  readonly groups: number;
  /** Bytes of the dispatch block and of what follows it. */
  readonly blockBytes: number;
  /** What tells its duration from others of the kernel. */
  readonly bytes: number;
  /** Address of two f64, or 0. */
  readonly times: number;
}

const sliceBytes = 1 << 15;
const recordsPerSlice = 64;

/** Microseconds of work below which sharing it costs more than it saves, and that a chunk should take. */
const worthSharing = 15;
const chunkTime = 20;
/** Microseconds of a turn of the calling thread's. */
const turnTime = 5000;

export class CommandQueue {
  /** The last slice known to have run; what it wrote may be read. */
  finished = 0;
  private readonly estimates: WorkEstimates;
  private open: Slice | null = null;
  /** Sealed and not handed out, oldest first. */
  private readonly sealed: Slice[] = [];
  /** Handed out, and possibly still read by a thread. */
  private readonly running: Slice[] = [];
  private readonly spare: Allocation[] = [];
  /** By slice. */
  private readonly waiters: { slice: number; done(): void }[] = [];
  /** Slices after which nothing is handed out. */
  private readonly fences: number[] = [];
  private stopped = false;
  /** The number of the slice being recorded. */
  private number = 1;

  constructor(
    private readonly memory: Memory,
    private readonly pool: ThreadPool,
    /** Makes room for a slice or fails. */
    private readonly allocate: (bytes: number, what: string, idleSince: number) => Allocation,
  ) {
    this.estimates = new WorkEstimates(memory);
  }

  /** The slice that the next command goes to. Those before may have begun. */
  get current(): number {
    return this.number;
  }

  /** The last slice that has a command. */
  get last(): number {
    return this.open ? this.number : this.number - 1;
  }

  copy(from: number, to: number, bytes: number): void {
    this.moveBytes(copyKernel, from, to, bytes);
  }

  clear(to: number, bytes: number): void {
    this.moveBytes(clearKernel, 0, to, bytes);
  }

  /**
   * Records a dispatch.
   * @returns the address of its dispatch block, which the caller fills at once
   */
  dispatch(
    kernel: QueuedKernel,
    groups: number,
    blockBytes: number,
    bytes: number,
    times: number,
  ): number {
    const block = this.record({ kernel: kernel.index, groups, blockBytes, bytes, times });
    if (!kernel.sent) this.open!.kernels.add(kernel);
    return block;
  }

  /** Hands out what was recorded. `finished` will rise to the slice's number, and waiters hear of it. */
  flush(): void {
    this.seal(true);
    this.publish();
  }

  /** Calls `done` once the slice has run, at once if it has, or once the queue has stopped. */
  whenFinished(slice: number, done: () => void): void {
    if (this.stopped || this.finished >= slice) done();
    else {
      const after = this.waiters.findIndex((other) => other.slice > slice);
      this.waiters.splice(after < 0 ? this.waiters.length : after, 0, { slice, done });
    }
  }

  /** Nothing recorded from now on begins until the returned function is called. */
  fence(): () => void {
    this.seal(true);
    const last = this.last;
    this.fences.push(last);
    this.publish();
    return () => {
      this.fences.splice(this.fences.indexOf(last), 1);
      this.publish();
    };
  }

  /** To be called when a kernel is compiled, or when threads have finished slices. */
  publish(): void {
    if (this.stopped) return;
    this.acknowledge();
    while (this.handOut()) {
      const { running, finished } = this;
      // What still runs will tell of its end; a thread that was held up in what has run tells if asked to.
      if (running[0]!.number > finished) break;
      Atomics.store(this.memory.words, control.crowded, 1);
      if (this.pool.unread < running[0]!.number) break;
      this.acknowledge();
    }
    this.pool.keepAlive(this.finished < this.last && (this.sealed.length > 0 || !this.idle));
  }

  /** Hands out what it can; true if the ring of slices is full. */
  private handOut(): boolean {
    const { words } = this.memory;
    for (let next = this.sealed[0]; next; next = this.sealed[0]) {
      if (next.number - (this.running[0] ?? next).number >= control.slots) return true;
      const fenced = this.fences.some((fence) => next!.number > fence);
      if (fenced || !this.send(next.kernels)) break;
      this.sealed.shift();
      this.running.push(next);
      const entry = control.ring + 4 * (next.number % control.slots);
      words[entry + slot.head] = next.first;
      words[entry + slot.messages] = this.pool.messages;
      words[entry + slot.tell] = next.tell ? 1 : 0;
      words[entry + slot.pages] = this.memory.pages;
      Atomics.store(words, control.published, next.number);
      this.pool.wake();
    }
    return false;
  }

  /** Ends all waiting: nothing will run any more. */
  stop(): void {
    this.stopped = true;
    for (const { done } of this.waiters.splice(0)) done();
    this.pool.keepAlive(false);
  }

  private get idle(): boolean {
    return this.running.length === 0 || this.finished >= this.running.at(-1)!.number;
  }

  /** Sends the kernels that the threads do not have; false if one is not compiled yet. */
  private send(kernels: ReadonlySet<QueuedKernel>): boolean {
    const missing = [...kernels].filter(({ sent }) => !sent);
    if (missing.some(({ compiled }) => !compiled)) return false;
    if (missing.length > 0) this.pool.install(missing.map(({ compiled }) => compiled!));
    for (const kernel of missing) kernel.sent = true;
    return true;
  }

  private acknowledge(): void {
    this.finished = Atomics.load(this.memory.words, control.finished);
    while (this.waiters[0] && this.waiters[0].slice <= this.finished) this.waiters.shift()!.done();
    const unread = Math.min(this.finished, this.pool.unread);
    while (this.running[0] && this.running[0].number <= unread)
      this.spare.push(this.running.shift()!.memory);
  }

  private moveBytes(kernel: number, from: number, to: number, bytes: number): void {
    if (bytes === 0) return;
    const groups = Math.ceil(bytes / bytesPerMove);
    const at = this.record({ kernel, groups, blockBytes: 12, bytes, times: 0 }) >>> 2;
    const { words } = this.memory;
    words[at + move.to] = to;
    words[at + move.from] = from;
    words[at + move.bytes] = bytes;
  }

  /** Appends a record; returns the address of its block. */
  private record({ kernel, groups, blockBytes, bytes, times }: Work): number {
    const size = Math.ceil((recordBytes + blockBytes) / recordBytes) * recordBytes;
    const slice = this.sliceWithRoom(size);
    const address = slice.memory.address + slice.used;
    slice.used += size;
    slice.records++;
    const { words } = this.memory;
    const at = address >>> 2;
    const measure = this.estimates.address(kernel, groups, bytes);
    const chunk = this.chunk(this.estimates.microseconds(measure, groups), groups);
    const block = address + recordBytes;
    words[at + record.kernel] = kernel;
    words[at + record.block] = block;
    words[at + record.groups] = groups;
    words[at + record.chunk] = chunk;
    words[at + record.link] = 0;
    words[at + record.step] = 0;
    words[at + record.next] = 0;
    words[at + record.done] = 0;
    words[at + record.times] = times;
    words[at + record.measure] = measure;
    const joins = slice.joinable && chunk === 0 && times === 0;
    if (slice.last) words[(slice.last >>> 2) + record.link] = address;
    else slice.first = address;
    if (!joins) {
      if (slice.head) words[(slice.head >>> 2) + record.step] = address;
      slice.head = address;
      slice.joinable = chunk === 0 && times === 0;
    }
    slice.last = address;
    return block;
  }

  /** Workgroups of a chunk; 0 to leave all to one thread. */
  private chunk(microseconds: number | null, groups: number): number {
    const { size, takesTurns } = this.pool;
    if (takesTurns)
      return microseconds === null
        ? Math.ceil(groups / 64)
        : Math.max(Math.floor((groups * turnTime) / microseconds), 1);
    if (size === 1 || groups === 1) return 0;
    if (microseconds === null) return Math.ceil(groups / (4 * size));
    if (microseconds < worthSharing) return 0;
    const chunks = Math.min(Math.max(microseconds / chunkTime, size), 16 * size);
    return Math.ceil(groups / chunks);
  }

  private sliceWithRoom(bytes: number): Slice {
    const { open } = this;
    if (open && open.records < recordsPerSlice && open.used + bytes <= open.memory.bytes)
      return open;
    this.seal(false);
    if (open) this.publish();
    const memory =
      this.spare.pop() ?? this.allocate(sliceBytes, "a list of commands", this.finished);
    this.open = {
      number: this.number,
      memory,
      kernels: new Set(),
      used: 0,
      records: 0,
      first: 0,
      head: 0,
      last: 0,
      joinable: false,
      tell: false,
    };
    return this.open;
  }

  private seal(tell: boolean): void {
    const { open } = this;
    if (!open) return;
    // Now and then even without need, so that a full ring empties while nobody flushes.
    open.tell = tell || open.number % (control.slots / 4) === 0;
    this.sealed.push(open);
    this.open = null;
    this.number++;
  }
}

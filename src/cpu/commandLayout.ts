/**
 * What the threads of the executor read and write in shared memory, beside the buffers.
 *
 * A *record* is one dispatch: which kernel, its dispatch block (see ir/kernel.ts), how many workgroups.
 * Records that follow each other form a *step*: either one record whose workgroups are shared out in
 * chunks, or several small ones that one thread runs. A step begins when the one before it has ended. A
 * *slice* is a list of steps that is handed to the threads at once; slices are numbered from 1.
 *
 * The first record of a step is its head. It holds the two counters that the threads share: `next`, the
 * workgroups given out, and `done`, those that have run.
 */

/** Words of the control area at address 0, a cache line (16 words) for each that is written often. */
export const control = {
  /** The number of the last slice handed out. */
  published: 0,
  /** The number of the last slice that has run: the slices before it have, too. */
  finished: 16,
  /** 1 once a kernel has failed: nothing is begun any more. */
  failed: 32,
  /** 1 while slices wait for a thread to go on from one that has run: see CommandQueue.publish. */
  crowded: 33,
  /** Threads that wait for a step to end, or for a slice to come. */
  waiting: 48,
  /** A line for each thread: see `thread`. */
  threads: 64,
  /** `slots` entries of four words: see `slot`. Slice n is in entry n modulo `slots`. */
  ring: 64 + 16 * 64,
  slots: 64,
  maxThreads: 64,
} as const;

/** Words of a thread's line. */
export const thread = {
  /** The slice it may be reading, or `nowhere`. What it may read is not used again. */
  slice: 0,
  /** 1 while it needs a message to wake up. */
  asleep: 1,
} as const;

export const nowhere = 0x7fffffff;

/** Words of an entry of the ring. */
export const slot = {
  /** Address of the first step's head. */
  head: 0,
  /** Messages with kernels that a thread must have received before. */
  messages: 1,
  /** 1 where the calling thread wants to hear of the end. */
  tell: 2,
  /** Pages of memory, of which a thread may not know all yet. */
  pages: 3,
} as const;

/** Words of a record. */
export const record = {
  kernel: 0,
  block: 1,
  /** Workgroups. */
  groups: 2,
  /** Workgroups in a chunk; 0 where one thread runs the whole step. */
  chunk: 3,
  /** Address of the next record, 0 at the slice's end. */
  link: 4,
  /** In a head: the next head, 0 at the slice's end. */
  step: 5,
  next: 6,
  done: 7,
  /** Address of two f64, the milliseconds at which the step began and ended; 0 where nobody asks. */
  times: 8,
  /** Address of two words that the time of each run is added to: see workEstimate.ts. */
  measure: 9,
} as const;

export const recordBytes = 64;
export const controlBytes = 4 * (control.ring + 4 * control.slots);

/** The kernels that every thread has from the start: they copy or clear memory. */
export const copyKernel = 0;
export const clearKernel = 1;
export const firstKernel = 2;

/** Bytes that one workgroup of a built-in kernel moves. */
export const bytesPerMove = 1 << 16;

/** Words of the dispatch block of a built-in kernel. */
export const move = { to: 0, from: 1, bytes: 2 } as const;

/** Everything above as one value, for code that is sent to a thread as text. */
export const layout = { control, thread, nowhere, slot, record, bytesPerMove, move };
export type Layout = typeof layout;

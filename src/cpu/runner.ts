/**
 * Runs slices: the part of the executor that every thread has. It is sent to worker threads as text, so it
 * must not name anything outside itself.
 *
 * No thread waits for a slow one but for the chunk that it holds: whoever comes to a step takes chunks
 * until none is left, and goes on when all have run, whoever ran them.
 */
import type { Layout } from "./commandLayout";

/** As ir/kernel.ts says. */
export type RunKernel = (block: number, scratch: number, begin: number, end: number) => void;

export interface Runner {
  /** Adds kernels that came with one message. `scratch` are their scratch addresses in this thread. */
  install(kernels: readonly { index: number; run: RunKernel; scratch: number }[]): void;
  /** Runs what there is, until `deadline` (performance.now). True if the deadline stopped it. */
  run(deadline: number): boolean;
}

export interface RunnerOptions {
  readonly memory: WebAssembly.Memory;
  readonly moves: WebAssembly.Module;
  readonly layout: Layout;
  /** Its number among the threads. */
  readonly index: number;
  /** It may block: false on the calling thread. */
  readonly blocks: boolean;
}

export interface RunnerEvents {
  /** Milliseconds on a clock that all threads share. */
  clock(): number;
  /** A slice has ended that the calling thread wants to hear of. */
  finished(): void;
  failed(kernel: number, error: unknown): void;
}

export function makeRunner(options: RunnerOptions, events: RunnerEvents): Runner {
  const { memory, layout, blocks } = options;
  const { control, thread, slot, record, move, bytesPerMove, nowhere } = layout;
  const line = control.threads + 16 * options.index;
  const { copy, fill } = new WebAssembly.Instance(options.moves, { env: { memory } })
    .exports as unknown as Record<"copy" | "fill", (to: number, from: number, n: number) => void>;
  let words = new Int32Array(memory.buffer);
  let doubles = new Float64Array(memory.buffer);
  let messages = 0;
  /** The slice to run next or now, and the head of its step; 0 between slices. */
  let slice = 1;
  let head = 0;

  /** Sees memory that was added meanwhile. In another thread, only growing makes `buffer` a new one. */
  const refresh = (): void => {
    if (blocks) memory.grow(0);
    words = new Int32Array(memory.buffer);
    doubles = new Float64Array(memory.buffer);
  };

  const mover =
    (clears: boolean): RunKernel =>
    (block, _scratch, begin, end) => {
      const at = block >>> 2;
      const start = begin * bytesPerMove;
      const bytes = Math.min(words[at + move.bytes]! >>> 0, end * bytesPerMove) - start;
      const to = (words[at + move.to]! >>> 0) + start;
      if (clears) fill(to, 0, bytes);
      else copy(to, (words[at + move.from]! >>> 0) + start, bytes);
    };
  const runs: RunKernel[] = [mover(false), mover(true)];
  const scratches: number[] = [0, 0];

  const failed = (): boolean => Atomics.load(words, control.failed) !== 0;

  let announced = 0;
  /** Says which slice the thread may be reading from now on. */
  const announce = (reading: number): void => {
    if (reading === announced) return;
    announced = reading;
    Atomics.store(words, line + thread.slice, reading);
    if (Atomics.load(words, control.crowded) && Atomics.exchange(words, control.crowded, 0))
      events.finished();
  };

  /** Blocks while the word is `seen`, at most `milliseconds`. */
  const wait = (word: number, seen: number, milliseconds: number): void => {
    Atomics.add(words, control.waiting, 1);
    Atomics.wait(words, word, seen, milliseconds);
    Atomics.sub(words, control.waiting, 1);
  };
  const wake = (word: number): void => {
    if (Atomics.load(words, control.waiting) > 0) Atomics.notify(words, word);
  };

  /** Runs workgroups of a record and adds the time to what it is measured by. */
  const runGroups = (at: number, begin: number, end: number, since: number): number => {
    const kernel = words[at + record.kernel]!;
    try {
      runs[kernel]!(words[at + record.block]!, scratches[kernel]!, begin, end);
    } catch (error) {
      Atomics.store(words, control.failed, 1);
      events.failed(kernel, error);
      return since;
    }
    const now = performance.now();
    const measure = words[at + record.measure]! >>> 2;
    if (measure) {
      Atomics.add(words, measure, Math.round((now - since) * 1e4));
      Atomics.add(words, measure + 1, end - begin);
    }
    return now;
  };

  const finish = (at: number, count: number, all: number): void => {
    if (Atomics.add(words, at + record.done, count) + count < all) return;
    const times = words[at + record.times]! >>> 3;
    if (times) doubles[times + 1] = events.clock();
    const last = words[at + record.step] === 0;
    const entry = control.ring + 4 * (slice % control.slots);
    const tell = last && words[entry + slot.tell] !== 0;
    // Another thread may have run the next slice already: the number never falls.
    for (let seen = Atomics.load(words, control.finished); last && seen < slice; )
      seen = Atomics.compareExchange(words, control.finished, seen, slice);
    wake(at + record.done);
    if (tell) events.finished();
  };

  /** Takes chunks of the step until none is left or the deadline has come (then true). */
  const takeChunks = (at: number, deadline: number): boolean => {
    const times = words[at + record.times]! >>> 3;
    const chunk = words[at + record.chunk]!;
    const groups = words[at + record.groups]!;
    let now = performance.now();
    if (chunk === 0) {
      if (Atomics.compareExchange(words, at + record.next, 0, 1) !== 0) return false;
      if (times) doubles[times] = events.clock();
      const end = words[at + record.step]!;
      let current = at << 2;
      do {
        const one = current >>> 2;
        now = runGroups(one, 0, words[one + record.groups]!, now);
        current = words[one + record.link]!;
      } while (current !== end && !failed());
      finish(at, 1, 1);
      return false;
    }
    for (;;) {
      const begin = Atomics.add(words, at + record.next, chunk);
      if (begin >= groups) return false;
      if (times && begin === 0) doubles[times] = events.clock();
      const end = Math.min(begin + chunk, groups);
      now = runGroups(at, begin, end, now);
      if (failed()) return false;
      finish(at, end - begin, groups);
      if (now >= deadline) return true;
    }
  };

  /** Waits until every chunk of the step has run. */
  const join = (at: number): void => {
    const all = words[at + record.chunk] === 0 ? 1 : words[at + record.groups]!;
    for (let spins = 0; ; spins++) {
      const done = Atomics.load(words, at + record.done);
      if (done >= all || failed()) return;
      if (spins > 1000) wait(at + record.done, done, 100);
    }
  };

  /** Sets `head` to the next slice's; false if there is none, or if its kernels are on their way. */
  const findSlice = (): boolean => {
    for (let spins = 0; ; spins++) {
      if (failed()) return false;
      const finished = Atomics.load(words, control.finished);
      if (slice <= finished) slice = finished + 1;
      announce(slice);
      // What a finished slice was made of may be in use again.
      if (Atomics.load(words, control.finished) >= slice) continue;
      const published = Atomics.load(words, control.published);
      if (published >= slice) {
        const entry = control.ring + 4 * (slice % control.slots);
        if (words[entry + slot.messages]! > messages) return false;
        head = words[entry + slot.head]! >>> 0;
        if (words[entry + slot.pages]! * 65536 > words.byteLength) refresh();
        return true;
      }
      if (!blocks || spins > 3000) return false;
      if (spins > 2000) {
        announce(nowhere);
        wait(control.published, published, 50);
        spins = Atomics.load(words, control.published) === published ? 3000 : 0;
      }
    }
  };

  /** False where a slice came in the last moment. */
  const fallAsleep = (): boolean => {
    announce(nowhere);
    Atomics.store(words, line + thread.asleep, 1);
    const entry = control.ring + 4 * (slice % control.slots);
    if (failed() || Atomics.load(words, control.published) < slice) return true;
    if (words[entry + slot.messages]! > messages) return true;
    Atomics.store(words, line + thread.asleep, 0);
    return false;
  };

  return {
    install(kernels) {
      for (const kernel of kernels) {
        runs[kernel.index] = kernel.run;
        scratches[kernel.index] = kernel.scratch;
      }
      messages++;
    },
    run(deadline) {
      if (memory.buffer.byteLength > words.byteLength) refresh();
      Atomics.store(words, line + thread.asleep, 0);
      for (;;) {
        if (head === 0) {
          if (!findSlice()) {
            if (fallAsleep()) return false;
            continue;
          }
        }
        while (head !== 0) {
          const at = head >>> 2;
          if (takeChunks(at, deadline) && words[at + record.next]! < words[at + record.groups]!)
            return true;
          join(at);
          if (failed()) {
            head = 0;
            break;
          }
          head = words[at + record.step]! >>> 0;
          if (performance.now() >= deadline && head !== 0) return true;
        }
        slice++;
      }
    },
  };
}

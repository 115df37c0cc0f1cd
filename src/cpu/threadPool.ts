/**
 * The threads of an executor: workers on shared memory, or else the calling thread itself, which then works
 * in turns short enough for a page to stay alive.
 */
import type { Platform, Thread } from "../platform/platform";
import { control, layout, nowhere, thread as threadWords } from "./commandLayout";
import type { Memory } from "./memory";
import { moveModule } from "./moveModule";
import { makeRunner, type RunKernel, type Runner } from "./runner";
import { type FromThread, type SentKernel, type ToThread, workerMain } from "./worker";

/** Milliseconds that the calling thread works before the event loop has its turn. */
const turn = 20;

export interface PoolEvents {
  /** A slice has ended. */
  finished(): void;
  /** `kernel` null: the thread itself is gone. */
  failed(kernel: number | null, reason: string): void;
}

export interface PoolOptions {
  readonly memory: Memory;
  readonly platform: Platform;
  readonly shared: boolean;
  /** Workers; 0 for the calling thread. */
  readonly threads: number;
}

interface Worker {
  readonly thread: Thread;
  started: boolean;
}

/** A kernel with the scratch memory of each thread. */
export interface PooledKernel {
  readonly index: number;
  readonly module: WebAssembly.Module;
  scratch(thread: number): number;
}

export class ThreadPool {
  /** Messages with kernels so far. */
  messages = 0;
  private readonly workers = new Map<number, Worker>();
  private readonly moves: WebAssembly.Module;
  /** Set where the calling thread does the work. */
  private local: Runner | null = null;
  private localKernels: Promise<void> = Promise.resolve();
  private readonly sent: (readonly PooledKernel[])[] = [];
  private pumping = false;
  private stopped = false;
  private alive = false;

  constructor(
    private readonly options: PoolOptions,
    private readonly events: PoolEvents,
  ) {
    const { memory, shared, threads } = options;
    this.moves = moveModule(shared);
    for (let i = 0; i < control.maxThreads; i++)
      memory.words[control.threads + 16 * i + threadWords.slice] = nowhere;
    for (let i = 0; i < threads; i++) this.startWorker(i);
    if (this.workers.size === 0) this.workHere();
  }

  /** Threads that share the work. */
  get size(): number {
    return Math.max(this.workers.size, 1);
  }

  /** True where work is done on the calling thread, in turns. */
  get takesTurns(): boolean {
    return this.local !== null;
  }

  /** The last slice before the first that some thread may be reading. */
  get unread(): number {
    let least = nowhere;
    for (const index of this.workers.keys())
      least = Math.min(least, this.line(index, threadWords.slice));
    if (this.local) least = Math.min(least, this.line(0, threadWords.slice));
    return least - 1;
  }

  /** Sends kernels to every thread. */
  install(kernels: readonly PooledKernel[]): void {
    this.messages++;
    this.sent.push(kernels);
    for (const [index, { thread }] of this.workers)
      thread.post({
        kernels: kernels.map((kernel) => forThread(kernel, index)),
      } satisfies ToThread);
    if (this.local) this.installHere(this.local, kernels);
  }

  /** To be called when a slice was handed out. */
  wake(): void {
    if (this.local) {
      void this.pump();
      return;
    }
    const { words } = this.options.memory;
    Atomics.notify(words, control.published);
    for (const [index, { thread }] of this.workers) {
      const asleep = control.threads + 16 * index + threadWords.asleep;
      if (Atomics.exchange(words, asleep, 0) === 1) thread.post({} satisfies ToThread);
    }
  }

  /** Whether the process stays alive for work that is under way. */
  keepAlive(on: boolean): void {
    if (on === this.alive) return;
    this.alive = on;
    const [first] = this.workers.values();
    first?.thread.keepAlive(on);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.workers.values()].map(({ thread }) => thread.terminate()));
    this.workers.clear();
  }

  private line(index: number, word: number): number {
    return Atomics.load(this.options.memory.words, control.threads + 16 * index + word);
  }

  private startWorker(index: number): void {
    const { platform, memory } = this.options;
    const thread = platform.startThread(
      { main: workerMain, parts: [makeRunner] },
      {
        message: (message) => this.receive(index, message as FromThread),
        failed: (reason) => this.lost(index, reason),
      },
    );
    if (!thread) return;
    this.workers.set(index, { thread, started: false });
    const start = { memory: memory.memory, moves: this.moves, layout, index, blocks: true };
    thread.post({ start } satisfies ToThread);
  }

  private receive(index: number, message: FromThread): void {
    if (message.kind === "started") this.workers.get(index)!.started = true;
    else if (message.kind === "finished") this.events.finished();
    else this.events.failed(message.kernel, message.reason);
  }

  private lost(index: number, reason: string): void {
    const worker = this.workers.get(index);
    if (!worker || this.stopped) return;
    this.workers.delete(index);
    if (worker.started) this.events.failed(null, reason);
    else if (this.workers.size === 0) this.workHere();
    else if (this.alive) {
      this.alive = false;
      this.keepAlive(true);
    }
  }

  /** Where workers cannot be had (a page's policy may forbid them), the calling thread takes over. */
  private workHere(): void {
    const { memory } = this.options;
    const local = makeRunner(
      { memory: memory.memory, moves: this.moves, layout, index: 0, blocks: false },
      {
        clock: () => performance.now(),
        finished: () => this.events.finished(),
        failed: (kernel, error) => this.events.failed(kernel, String(error)),
      },
    );
    this.local = local;
    for (const kernels of this.sent) this.installHere(local, kernels);
    void this.pump();
  }

  private installHere(runner: Runner, kernels: readonly PooledKernel[]): void {
    const imports = { env: { memory: this.options.memory.memory } };
    const instances = Promise.all(
      kernels.map(async (kernel) => {
        const { exports } = await WebAssembly.instantiate(kernel.module, imports);
        return { ...forThread(kernel, 0), run: exports["run"] as RunKernel };
      }),
    );
    instances.catch(() => undefined);
    this.localKernels = this.localKernels.then(async () => {
      try {
        runner.install(await instances);
        void this.pump();
      } catch (error) {
        this.events.failed(null, String(error));
      }
    });
  }

  private async pump(): Promise<void> {
    if (this.pumping) return;
    this.pumping = true;
    do {
      await this.options.platform.pause();
      await this.localKernels;
    } while (!this.stopped && this.local!.run(performance.now() + turn));
    this.pumping = false;
  }
}

const forThread = (kernel: PooledKernel, thread: number): SentKernel => ({
  index: kernel.index,
  module: kernel.module,
  scratch: kernel.scratch(thread),
});

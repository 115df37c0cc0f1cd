/**
 * The CPU executor: kernels compiled to WebAssembly SIMD, run by worker threads on one shared memory, or by
 * the calling thread in turns. See commandLayout.ts for what the threads share.
 *
 * Results do not depend on the number of threads: a workgroup is run by one thread, and commands end before
 * the next begins.
 */
import type {
  AdapterReport,
  BufferBinding,
  DeviceBuffer,
  Executor,
  ExecutorCounters,
  ExecutorLimits,
  KernelTiming,
  Program,
  ReadRange,
  Sequence,
  SequenceCommand,
} from "../device/executor";
import { lostError, typedError } from "../device/gpuErrors";
import { usable } from "../device/ownedBuffer";
import { timedDispatch } from "../device/timedDispatch";
import {
  AdapterError,
  ArgumentError,
  type DeviceError,
  DeviceInternalError,
  DeviceLostError,
  LimitError,
  OutOfMemoryError,
} from "../errors";
import type { ByteCache, Platform } from "../platform/platform";
import { wrongAccess, wrongCopy, wrongDispatch } from "./bindingRules";
import { control, controlBytes, firstKernel } from "./commandLayout";
import { CommandQueue, type QueuedKernel } from "./commandQueue";
import type { CPUBuffer } from "./cpuBuffer";
import { DispatchTimes } from "./dispatchTimes";
import { hasRelaxedSimd, hasSimd } from "./engineFeatures";
import type { CompileOptions } from "./ir/kernel";
import { type KernelCache, processKernels } from "./kernelCache";
import { type Allocation, Memory } from "./memory";
import { type Recorder, recordDispatch } from "./recordDispatch";
import { CPUSequence, type SequenceHost } from "./sequence";
import { ThreadPool } from "./threadPool";

export interface CPUExecutorOptions {
  /** Worker threads; 0 to compute on the calling thread. Default: as many as the machine runs at once. */
  threads?: number;
  /**
   * Use the fused multiply-add of relaxed SIMD: faster where the CPU has it, but results are no longer the
   * same on every machine. Default false.
   */
  relaxedSimd?: boolean;
  /** Keep compiled kernels for the next start (on disk, or in IndexedDB). Default true. */
  cache?: boolean;
  /** Lower limits than there are, for tests of the paths that split. */
  limits?: Partial<ExecutorLimits>;
  /** Features to leave unused, by WebGPU name, for tests of the paths without them. */
  withoutFeatures?: readonly string[];
}

/** What tests replace. */
export interface CPUExecutorParts {
  kernels?: KernelCache;
  cache?: ByteCache | null;
  /** Bytes of memory at most. */
  memory?: number;
}

interface Kernel extends QueuedKernel {
  readonly program: Program;
  /** Resolves when it is compiled, or has failed the executor. */
  settled: Promise<void>;
  /** Bytes that each binding must have; known once it is compiled. */
  leastBytes: readonly number[] | null;
  /** The least bytes that a dispatch gave each binding before that. */
  readonly givenBytes: number[];
}

const mebibyte = 1 << 20;

/** Sections longer than this are flushed early, as WebGPU's are. */
const maxDispatchesPerSection = 4096;

/** Reads up to this size are copied aside, so that commands after them need not wait. */
const copiedRead = mebibyte;

export class CPUExecutor implements Executor {
  readonly kind = "cpu";
  readonly timingMethod = "timestamps";
  readonly adapter: AdapterReport;
  readonly limits: ExecutorLimits;
  readonly counters: ExecutorCounters = { dispatches: 0, submits: 0, copies: 0, programs: 0 };
  section = 1;
  failure: DeviceError | null = null;

  private readonly memory: Memory;
  private readonly pool: ThreadPool;
  private readonly queue: CommandQueue;
  private readonly compileOptions: CompileOptions;
  /** Threads that need scratch memory. */
  private readonly threads: number;
  private readonly kernels = new Map<string, Kernel>();
  private readonly kernelCache: KernelCache;
  private readonly reads = new Set<Promise<void>>();
  /** The last slice of each flushed section that is not known to have run. */
  private readonly unfinished: number[] = [];
  private readonly scratches: { bytes: number; address: number }[] = [];
  private readonly recorder: Recorder;
  private readonly sequenceHost: SequenceHost<Kernel>;
  private times: DispatchTimes | null = null;
  private recorded = false;
  private dispatchesInSection = 0;
  private destroying = false;

  /** @throws AdapterError where the engine lacks what is needed, ArgumentError for a wrong option */
  static async create(
    platform: Platform,
    options: CPUExecutorOptions = {},
    parts: CPUExecutorParts = {},
  ): Promise<CPUExecutor> {
    const { threads, relaxedSimd = false, cache = true } = options;
    if (threads !== undefined && !(Number.isInteger(threads) && threads >= 0))
      throw new ArgumentError(
        `threads is ${threads}; it is a whole number, or 0 to compute on the calling thread.`,
      );
    if (!hasSimd())
      throw new AdapterError(
        "This engine has no WebAssembly SIMD, which the CPU executor needs. Use a browser of 2023 or later, or Node 20.",
      );
    if (relaxedSimd && !hasRelaxedSimd())
      throw new AdapterError(
        "relaxedSimd: this engine has no relaxed SIMD. Use Node 22, or a Chromium of 2023 or later, or leave relaxedSimd out.",
      );
    const kept =
      parts.cache !== undefined ? parts.cache : cache ? await platform.byteCache() : null;
    return new CPUExecutor(platform, options, parts, kept);
  }

  private constructor(
    private readonly platform: Platform,
    options: CPUExecutorOptions,
    parts: CPUExecutorParts,
    private readonly kept: ByteCache | null,
  ) {
    const shared = platform.sharesMemory();
    const wanted = shared ? (options.threads ?? platform.cores()) : 0;
    const relaxed = options.relaxedSimd ?? false;
    this.kernelCache = parts.kernels ?? processKernels;
    this.compileOptions = { shared, relaxed };
    this.memory = new Memory({
      shared,
      reserved: controlBytes,
      ...(parts.memory !== undefined && { most: parts.memory }),
    });
    this.threads = Math.max(Math.min(wanted, control.maxThreads), 1);
    this.pool = new ThreadPool(
      { memory: this.memory, platform, shared, threads: wanted === 0 ? 0 : this.threads },
      {
        finished: () => this.queue.publish(),
        failed: (kernel, reason) => this.threadFailed(kernel, reason),
      },
    );
    this.queue = new CommandQueue(this.memory, this.pool, (bytes, what, idleSince) =>
      this.allocate(bytes, what, idleSince),
    );
    this.recorder = { queue: this.queue, memory: this.memory };
    this.sequenceHost = this.hostOfSequences();
    const threads = this.pool.takesTurns ? 0 : this.pool.size;
    const unused = new Set(options.withoutFeatures ?? []);
    this.adapter = {
      vendor: "tilegrad",
      architecture: relaxed ? "wasm-relaxed-simd" : "wasm-simd128",
      device: "cpu",
      description: `CPU through WebAssembly SIMD, ${
        threads === 0 ? "on the calling thread" : `${threads} thread${threads === 1 ? "" : "s"}`
      }`,
      class: "wasm",
      features: ["shader-f16", "subgroups", "timestamp-query"].filter((f) => !unused.has(f)),
      subgroupMinSize: 4,
      subgroupMaxSize: 4,
    };
    const largest = Math.min(2 ** 31, this.memory.most - 16 * mebibyte);
    this.limits = {
      maxBufferBytes: largest,
      maxBindingBytes: largest,
      maxStorageBuffers: 16,
      maxWorkgroupsPerDimension: 65_535,
      maxInvocationsPerWorkgroup: 1024,
      maxWorkgroupBytes: 262_144,
      ...options.limits,
    };
  }

  createBuffer(bytes: number, label: string): DeviceBuffer {
    this.check();
    if (bytes > this.limits.maxBufferBytes)
      throw new LimitError(
        `${label} needs a buffer of ${bytes} bytes; this device allows ${this.limits.maxBufferBytes}. Use smaller tensors.`,
      );
    const memory = this.allocate(bytes, label);
    const buffer: CPUBuffer = { bytes, label, lastUse: 0, memory, touched: 0, destroyed: false };
    if (memory.dirty) {
      const idle = memory.busyUntil <= this.queue.finished;
      if (idle && bytes <= mebibyte) this.memory.bytes(memory.address, memory.bytes).fill(0);
      else {
        this.queue.clear(memory.address, memory.bytes);
        this.touch(buffer);
      }
    }
    return buffer;
  }

  destroyBuffer(handle: DeviceBuffer): void {
    const buffer = handle as CPUBuffer;
    if (buffer.destroyed) return;
    buffer.destroyed = true;
    this.memory.release(buffer.memory, buffer.touched);
  }

  write(handle: DeviceBuffer, offset: number, data: ArrayBufferView): void {
    const buffer = usable<CPUBuffer>(handle);
    this.check();
    const { byteLength } = data;
    const wrong = wrongAccess({ buffer, offset, bytes: byteLength });
    if (wrong) {
      this.fail(typedError("validation", wrong, "a write"));
      return;
    }
    if (byteLength === 0) return;
    const source = new Uint8Array(data.buffer, data.byteOffset, byteLength);
    const target = buffer.memory.address + offset;
    if (buffer.touched <= this.queue.finished) {
      this.memory.bytes(target, byteLength).set(source);
      return;
    }
    const staging = this.allocate(byteLength, `a write to ${buffer.label}`, this.queue.finished);
    this.memory.bytes(staging.address, byteLength).set(source);
    this.queue.copy(staging.address, target, byteLength);
    this.touch(buffer);
    this.memory.release(staging, this.queue.current);
  }

  dispatch(
    program: Program,
    bindings: readonly BufferBinding[],
    params: Uint8Array | null,
    grid: readonly [number, number, number],
  ): void {
    this.check();
    const kernel = this.kernel(program);
    for (const { buffer } of bindings) usable(buffer);
    if (!this.accepts(kernel, bindings, params, grid)) return;
    if (grid[0] * grid[1] * grid[2] > 0) {
      const times = this.times?.next(timedDispatch(program, bindings, params, grid)) ?? 0;
      recordDispatch(this.recorder, kernel, bindings, params, grid, times);
      for (const { buffer } of bindings) this.touch(buffer as CPUBuffer);
    }
    this.counted();
  }

  copy(from: BufferBinding, to: BufferBinding): void {
    this.check();
    const source = usable<CPUBuffer>(from.buffer);
    const target = usable<CPUBuffer>(to.buffer);
    const wrong = wrongCopy(from, to);
    if (wrong) {
      this.fail(typedError("validation", wrong, "a copy"));
      return;
    }
    this.queue.copy(
      source.memory.address + from.offset,
      target.memory.address + to.offset,
      from.bytes,
    );
    this.touch(source);
    this.touch(target);
    this.counters.copies++;
  }

  clear(range: BufferBinding): void {
    this.check();
    const buffer = usable<CPUBuffer>(range.buffer);
    const wrong = wrongAccess(range);
    if (wrong) {
      this.fail(typedError("validation", wrong, "a clear"));
      return;
    }
    this.queue.clear(buffer.memory.address + range.offset, range.bytes);
    this.touch(buffer);
    this.counters.copies++;
  }

  async compilePrograms(programs: readonly Program[], compiled?: () => void): Promise<void> {
    this.check();
    const missing = new Set(programs.map((one) => this.kernel(one)).filter((k) => !k.compiled));
    await Promise.all(
      [...missing].map(async (kernel) => {
        await kernel.settled;
        if (kernel.compiled) compiled?.();
      }),
    );
    this.check();
  }

  prepare(commands: readonly SequenceCommand[]): Sequence {
    return new CPUSequence(this.sequenceHost, commands);
  }

  flush(): void {
    if (!this.recorded || this.failure) return;
    this.recorded = false;
    this.dispatchesInSection = 0;
    this.queue.flush();
    this.counters.submits++;
    this.section++;
    this.unfinished.push(this.queue.last);
  }

  read(ranges: readonly ReadRange[]): Promise<ArrayBuffer[]> {
    const result = this.readBack(ranges);
    const settled = result.then(
      () => void this.reads.delete(settled),
      () => void this.reads.delete(settled),
    );
    this.reads.add(settled);
    return result;
  }

  private async readBack(ranges: readonly ReadRange[]): Promise<ArrayBuffer[]> {
    this.check();
    const buffers = ranges.map(({ buffer }) => usable<CPUBuffer>(buffer));
    for (const { buffer, offset, bytes } of ranges) {
      const wrong = wrongAccess({ buffer, offset, bytes: Math.ceil(bytes / 4) * 4 });
      if (wrong) this.fail(typedError("validation", wrong, "a read"));
      this.check();
    }
    const total = ranges.reduce((sum, { bytes }) => sum + Math.ceil(bytes / 4) * 4, 0);
    if (total === 0) return ranges.map(() => new ArrayBuffer(0));
    const sources = ranges.map(({ offset }, i) => buffers[i]!.memory.address + offset);
    const results =
      total <= copiedRead
        ? await this.readAside(ranges, buffers, sources, total)
        : await this.readInPlace(ranges, buffers, sources);
    this.check();
    return results;
  }

  /** Copies the ranges aside in the order of commands; commands after them go on meanwhile. */
  private readAside(
    ranges: readonly ReadRange[],
    buffers: readonly CPUBuffer[],
    sources: readonly number[],
    total: number,
  ): Promise<ArrayBuffer[]> {
    const aside = this.allocate(total, "a read");
    let end = aside.address;
    const copies = ranges.map(({ bytes }, i) => {
      const address = end;
      end += Math.ceil(bytes / 4) * 4;
      this.queue.copy(sources[i]!, address, end - address);
      this.touch(buffers[i]!);
      return address;
    });
    const slice = this.queue.current;
    this.flush();
    return new Promise((resolve) => {
      this.queue.whenFinished(slice, () => {
        resolve(this.copyOut(ranges, copies));
        this.memory.release(aside, slice);
      });
    });
  }

  /** Holds back the commands after it until the ranges have been read where they are. */
  private readInPlace(
    ranges: readonly ReadRange[],
    buffers: readonly CPUBuffer[],
    sources: readonly number[],
  ): Promise<ArrayBuffer[]> {
    const slice = this.queue.last;
    for (const buffer of buffers) buffer.touched = Math.max(buffer.touched, slice);
    const letGo = this.queue.fence();
    this.flush();
    return new Promise((resolve) => {
      this.queue.whenFinished(slice, () => {
        resolve(this.copyOut(ranges, sources));
        letGo();
      });
    });
  }

  private copyOut(ranges: readonly ReadRange[], addresses: readonly number[]): ArrayBuffer[] {
    return ranges.map(({ bytes }, i) => {
      const result = new Uint8Array(bytes);
      result.set(this.memory.bytes(addresses[i]!, bytes));
      return result.buffer;
    });
  }

  async drain(): Promise<void> {
    this.flush();
    await this.whenFinished(this.queue.last);
    this.check();
  }

  async throttle(sections: number): Promise<void> {
    while (this.unfinished.length > 0 && this.unfinished[0]! <= this.queue.finished)
      this.unfinished.shift();
    const excess = this.unfinished.length - sections;
    if (excess <= 0) return;
    await this.whenFinished(this.unfinished[excess - 1]!);
    this.check();
  }

  startTiming(): () => Promise<KernelTiming[]> {
    this.flush();
    const times = new DispatchTimes(this.memory, (bytes) =>
      this.allocate(bytes, "timestamps", this.queue.finished),
    );
    this.times = times;
    return async () => {
      this.flush();
      this.times = null;
      await this.drain();
      return times.finish();
    };
  }

  lose(): void {
    this.fail(lostError("lost on purpose", ""));
    void this.pool.stop();
  }

  async destroy(): Promise<void> {
    if (this.destroying) return;
    this.destroying = true;
    if (!this.failure) {
      this.flush();
      await this.whenFinished(this.queue.last);
      await Promise.all(this.reads);
    }
    this.fail(lostError("destroyed", ""));
    this.kernels.clear();
    await this.pool.stop();
  }

  private hostOfSequences(): SequenceHost<Kernel> {
    const executor = this;
    return {
      executor,
      recorder: this.recorder,
      get times() {
        return executor.times;
      },
      check: () => this.check(),
      kernel: (program) => this.kernel(program),
      accepts: (kernel, bindings, params, grid) => this.accepts(kernel, bindings, params, grid),
      touch: (buffer) => this.touch(buffer),
      counted: () => this.counted(),
    };
  }

  private fail(error: DeviceError): void {
    this.failure ??= error;
    this.queue.stop();
  }

  private check(): void {
    if (this.failure) throw this.failure;
  }

  /** Notes that a command just recorded uses the buffer. */
  private touch(buffer: CPUBuffer): void {
    buffer.lastUse = this.section;
    buffer.touched = this.queue.current;
    this.recorded = true;
  }

  private whenFinished(slice: number): Promise<void> {
    return new Promise((resolve) => this.queue.whenFinished(slice, resolve));
  }

  private allocate(bytes: number, what: string, idleSince?: number): Allocation {
    const found = this.memory.allocate(bytes, idleSince);
    if (found) return found;
    const { used, most } = this.memory;
    throw new OutOfMemoryError(
      `The device has no memory for ${what} (${bytes} bytes): ${used} of ${most} bytes are in use. Dispose tensors you no longer need, or use a smaller batch or context.`,
    );
  }

  private accepts(
    kernel: Kernel,
    bindings: readonly BufferBinding[],
    params: Uint8Array | null,
    grid: readonly [number, number, number],
  ): boolean {
    const { program } = kernel;
    const wrong =
      wrongDispatch(program, bindings, params, grid, this.limits) ?? tooSmall(kernel, bindings);
    if (wrong) this.fail(typedError("validation", wrong, describe(program, bindings)));
    return !wrong;
  }

  private counted(): void {
    this.counters.dispatches++;
    if (++this.dispatchesInSection >= maxDispatchesPerSection) this.flush();
  }

  private kernel(program: Program): Kernel {
    const known = this.kernels.get(program.key);
    if (known) return known;
    const kernel: Kernel = {
      index: firstKernel + this.counters.programs++,
      program,
      compiled: null,
      sent: false,
      leastBytes: null,
      givenBytes: [],
      settled: Promise.resolve(),
    };
    this.kernels.set(program.key, kernel);
    kernel.settled = this.compile(kernel);
    return kernel;
  }

  private async compile(kernel: Kernel): Promise<void> {
    const { program, index } = kernel;
    const doing = `kernel ${program.name} (${program.key})`;
    try {
      const { module, scratchBytes, leastBytes } = await this.kernelCache.get(
        program,
        this.compileOptions,
        this.platform,
        this.kept,
      );
      if (this.failure) return;
      const scratch = this.scratch(scratchBytes);
      kernel.compiled = { index, module, scratch };
      kernel.leastBytes = leastBytes;
      const wrong = tooSmallBytes(kernel, kernel.givenBytes);
      if (wrong) this.fail(typedError("validation", wrong, doing));
      else this.queue.publish();
    } catch (error) {
      this.fail(
        error instanceof OutOfMemoryError
          ? error
          : typedError("validation", error instanceof Error ? error.message : `${error}`, doing),
      );
    }
  }

  /** The address of at least `bytes` for each thread, which all kernels that need no more share. */
  private scratch(bytes: number): (thread: number) => number {
    let found = this.scratches.find((one) => one.bytes >= bytes);
    if (!found) {
      // A page between two threads' keeps their cache lines and prefetchers apart.
      const size = Math.ceil((2 * bytes + 4096) / 4096) * 4096;
      // Commands recorded before this kernel was compiled use it, so no command still to run may own it.
      const { address } = this.allocate(
        size * this.threads,
        "the workgroup memory of a kernel",
        this.queue.finished,
      );
      found = { bytes: size, address };
      this.scratches.push(found);
    }
    const { address, bytes: stride } = found;
    return (thread) => address + thread * stride;
  }

  private threadFailed(index: number | null, reason: string): void {
    if (this.failure) return;
    const kernel = [...this.kernels.values()].find((one) => one.index === index);
    this.fail(
      kernel
        ? new DeviceInternalError(
            `Kernel ${kernel.program.name} (${kernel.program.key}) stopped: ${reason}. This is a fault of the CPU executor: report it, and use init({ executor: "webgpu" }) meanwhile.`,
          )
        : new DeviceLostError(
            `A thread of the CPU executor was lost (${reason}). Call init() for a new device and load the last checkpoint.`,
          ),
    );
  }
}

/** Checks the sizes of bindings against the kernel's; notes them where it is not compiled yet. */
function tooSmall(kernel: Kernel, bindings: readonly BufferBinding[]): string | null {
  const given = bindings.map(({ bytes }) => bytes);
  if (kernel.leastBytes) return tooSmallBytes(kernel, given);
  given.forEach((bytes, i) => {
    kernel.givenBytes[i] = Math.min(bytes, kernel.givenBytes[i] ?? bytes);
  });
  return null;
}

function tooSmallBytes({ program, leastBytes }: Kernel, given: readonly number[]): string | null {
  const at = given.findIndex((bytes, i) => bytes < (leastBytes?.[i] ?? 0));
  return at < 0
    ? null
    : `binding ${program.bindings[at]!.name}: its ${given[at]} bytes are fewer than the ${leastBytes![at]} that its type takes`;
}

const describe = (program: Program, bindings: readonly BufferBinding[]): string =>
  `kernel ${program.name} on ${bindings
    .map((b, i) => `${program.bindings[i]?.name ?? i}=${b.buffer.label}[${b.offset}+${b.bytes}]`)
    .join(", ")}`;

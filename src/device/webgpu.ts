/**
 * The WebGPU executor: one command encoder open at a time, one compute pass in it, submitted as a whole.
 *
 * A section is what is recorded between two flushes. Every submit is wrapped in error scopes, so that a
 * rejected command surfaces as a typed error at the next await instead of a line on the console; the
 * first error is kept, and from then on nothing is accepted.
 */
import type { DeviceError } from "../errors";
import { DeviceValidationError, LimitError } from "../errors";
import type { Platform } from "../platform/platform";
import { type Acquired, type AcquireOptions, acquire } from "./acquire";
import { BindGroupCache } from "./bindGroupCache";
import type { BracketedTiming } from "./bracketing";
import { CommandStream, type StreamMaker, type SubmitBounds } from "./commandStream";
import { ErrorScopes } from "./errorScopes";
import type {
  BufferBinding,
  DeviceBuffer,
  Executor,
  ExecutorCounters,
  KernelTiming,
  Program,
  ReadRange,
  Sequence,
  SequenceCommand,
  TimingMethods,
} from "./executor";
import { type ErrorFilter, lostError, typedError } from "./gpuErrors";
import { usable } from "./ownedBuffer";
import { ParamsRing } from "./paramsRing";
import { Patience } from "./waiting";
import type { WebGPUBuffer } from "./webgpuBuffer";
import { WebGPUPrograms } from "./webgpuPrograms";
import { type SequenceHost, WebGPUSequence } from "./webgpuSequence";

export class WebGPUExecutor implements Executor {
  readonly kind = "webgpu";
  readonly adapter;
  readonly limits;
  readonly timingMethod;
  readonly counters: ExecutorCounters = { dispatches: 0, submits: 0, copies: 0, programs: 0 };
  failure: DeviceError | null = null;

  private readonly device: GPUDevice;
  private readonly ring: ParamsRing;
  private readonly patience: Patience;
  private readonly scopes: ErrorScopes;
  private readonly stream: CommandStream;
  private readonly programs: WebGPUPrograms;
  private readonly bindGroups: BindGroupCache;
  private readonly sequenceHost: SequenceHost;
  /** Reads on their way; `destroy` lets them arrive. */
  private readonly reads = new Set<Promise<void>>();
  /** Destroyed, but used in the section being recorded. */
  private readonly doomed: GPUBuffer[] = [];
  private readonly stagings: GPUBuffer[] = [];
  /** Submitted and not known to have finished, oldest first. */
  private readonly unfinished: { dispatches: number; since: number }[] = [];
  /** Holds commands back while it times without timestamps. */
  private bracketed: BracketedTiming | null = null;
  private nextBuffer = 1;
  private destroying = false;

  private constructor(
    acquired: Acquired,
    /** Held for the life of the device: Dawn crashes when one of them is collected before it. */
    readonly held: readonly [GPU, GPUAdapter],
    platform: Platform,
    makeStream?: StreamMaker,
  ) {
    this.device = acquired.device;
    this.adapter = acquired.report;
    this.limits = acquired.limits;
    const stamps = this.device.features.has("timestamp-query");
    this.timingMethod = stamps ? ("timestamps" as const) : ("bracketing" as const);
    this.ring = new ParamsRing(this.device);
    this.patience = new Patience(platform.waitingSpins && acquired.report.class === "software");
    const { device, counters } = this;
    const fail = (error: DeviceError) => this.fail(error);
    const scopes = new ErrorScopes(device, fail);
    const stream = makeStream?.(device, () => this.flush()) ?? new CommandStream(device);
    const programs = new WebGPUPrograms(device, scopes, counters, fail);
    this.scopes = scopes;
    this.stream = stream;
    this.programs = programs;
    this.bindGroups = new BindGroupCache(device, scopes, () => {
      // lavapipe's memory mappings end the process where V8, which does not know of them, waits.
      if (acquired.report.class === "software") platform.collectGarbage();
    });
    const executor = this;
    this.sequenceHost = {
      get holding() {
        return executor.bracketed && executor;
      },
      device,
      scopes,
      stream,
      programs,
      counters,
      check: () => this.check(),
      flushIfLong: () => this.flushIfLong(),
      destroyLater: (buffer, lastUse) => this.destroyLater(buffer, lastUse),
    };
    this.device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.fail(typedError(filterOf(event.error), event.error.message, "a command"));
    });
    void this.device.lost.then((info) => this.fail(lostError(info.reason, info.message)));
  }

  /** @param bounds bounds submits in time, where `longestSubmit` or a GPU wants that */
  static async create(
    platform: Platform,
    options: AcquireOptions = {},
    bounds?: SubmitBounds,
  ): Promise<WebGPUExecutor> {
    const gpu = await platform.gpu(options.adapter);
    return WebGPUExecutor.createOn(gpu, platform, options, bounds);
  }

  static async createOn(
    gpu: GPU,
    platform: Platform,
    options: AcquireOptions = {},
    bounds?: SubmitBounds,
  ): Promise<WebGPUExecutor> {
    const { longestSubmit } = options;
    const acquired = await acquire(gpu, options);
    const bounded = longestSubmit !== undefined || acquired.report.class === "hardware";
    const makeStream = bounded ? await bounds?.(longestSubmit) : undefined;
    return new WebGPUExecutor(acquired, [gpu, acquired.adapter], platform, makeStream);
  }

  get section(): number {
    return this.stream.section;
  }

  createBuffer(bytes: number, label: string): DeviceBuffer {
    this.check();
    if (bytes > this.limits.maxBufferBytes)
      throw new LimitError(
        `${label} needs a buffer of ${bytes} bytes; this device allows ${this.limits.maxBufferBytes}. Use smaller tensors.`,
      );
    this.scopes.open();
    const gpu = this.device.createBuffer({
      size: bytes,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      label,
    });
    this.scopes.close(`${label} (${bytes} bytes)`);
    const id = this.nextBuffer++;
    const buffer: WebGPUBuffer = {
      id,
      gpu,
      bytes,
      label,
      lastUse: 0,
      keepers: new Set(),
      destroyed: false,
    };
    return buffer;
  }

  destroyBuffer(handle: DeviceBuffer): void {
    const buffer = handle as WebGPUBuffer;
    if (buffer.destroyed) return;
    buffer.destroyed = true;
    const free = (): void => {
      for (const keeper of buffer.keepers) keeper.drop(buffer);
      buffer.keepers.clear();
      this.destroyLater(buffer.gpu, buffer.lastUse);
    };
    if (this.bracketed) this.bracketed.hold(free);
    else free();
  }

  write(handle: DeviceBuffer, offset: number, data: ArrayBufferView): void {
    const buffer = usable<WebGPUBuffer>(handle);
    this.check();
    const { byteOffset, byteLength } = data;
    if (this.bracketed) {
      const copy = new Uint8Array(data.buffer, byteOffset, byteLength).slice();
      this.bracketed.hold(() => this.writeNow(buffer, offset, copy));
    } else this.writeNow(buffer, offset, data);
  }

  private writeNow(buffer: WebGPUBuffer, offset: number, data: ArrayBufferView): void {
    if (buffer.lastUse >= this.section) this.flush();
    const { byteOffset, byteLength } = data;
    const bytes = data.buffer as ArrayBuffer;
    this.device.queue.writeBuffer(buffer.gpu, offset, bytes, byteOffset, byteLength);
  }

  dispatch(
    program: Program,
    bindings: readonly BufferBinding[],
    params: Uint8Array | null,
    grid: readonly [number, number, number],
  ): void {
    this.check();
    for (const { buffer } of bindings) usable(buffer);
    if (this.bracketed)
      this.bracketed.holdDispatch(program, bindings, params, grid, (held) =>
        this.dispatchNow(program, bindings, held, grid),
      );
    else this.dispatchNow(program, bindings, params, grid);
  }

  private dispatchNow(
    program: Program,
    bindings: readonly BufferBinding[],
    params: Uint8Array | null,
    grid: readonly [number, number, number],
  ): void {
    const compiled = this.programs.ready(program);
    const slot = params && this.ring.push(params);
    const ring = slot && this.ring.buffer(slot.chunk);
    const group = this.bindGroups.get(compiled, bindings, slot?.chunk ?? -1, ring);
    for (const { buffer } of bindings) buffer.lastUse = this.section;
    this.stream.dispatch({ compiled, ranges: bindings, params, grid }, group, slot?.offset ?? -1);
    this.counters.dispatches++;
    this.flushIfLong();
  }

  copy(from: BufferBinding, to: BufferBinding): void {
    this.check();
    const source = usable<WebGPUBuffer>(from.buffer);
    const target = usable<WebGPUBuffer>(to.buffer);
    const record = (): void => {
      this.stream.copy(source.gpu, from.offset, target.gpu, to.offset, from.bytes);
      source.lastUse = this.section;
      target.lastUse = this.section;
      this.counters.copies++;
    };
    if (this.bracketed) this.bracketed.hold(record);
    else record();
  }

  clear(range: BufferBinding): void {
    this.check();
    const buffer = usable<WebGPUBuffer>(range.buffer);
    const record = (): void => {
      this.stream.clear(buffer.gpu, range.offset, range.bytes);
      buffer.lastUse = this.section;
      this.counters.copies++;
    };
    if (this.bracketed) this.bracketed.hold(record);
    else record();
  }

  async compilePrograms(programs: readonly Program[], compiled?: () => void): Promise<void> {
    this.check();
    await this.programs.prepare(programs, compiled);
    await this.scopes.settle();
    this.check();
  }

  prepare(commands: readonly SequenceCommand[]): Sequence {
    return new WebGPUSequence(this.sequenceHost, commands);
  }

  flush(): void {
    const { stream } = this;
    if (!stream.recorded) return;
    const { dispatches } = stream;
    this.scopes.open();
    stream.submit(() => this.ring.send());
    this.scopes.close("a submit");
    this.counters.submits++;
    for (const buffer of this.doomed.splice(0)) buffer.destroy();
    this.unfinished.push({ dispatches, since: performance.now() });
  }

  async read(ranges: readonly ReadRange[]): Promise<ArrayBuffer[]> {
    this.check();
    for (const { buffer } of ranges) usable(buffer);
    const result = this.bracketed
      ? this.bracketed.inTurn(() => this.readBack(ranges))
      : this.readBack(ranges);
    const settled = result.then(
      () => void this.reads.delete(settled),
      () => void this.reads.delete(settled),
    );
    this.reads.add(settled);
    return result;
  }

  private async readBack(ranges: readonly ReadRange[]): Promise<ArrayBuffer[]> {
    this.check();
    const offsets: number[] = [];
    let total = 0;
    for (const range of ranges) {
      offsets.push(total);
      total += Math.ceil(range.bytes / 4) * 4;
    }
    if (total === 0) return ranges.map(() => new ArrayBuffer(0));
    const staging = this.takeStaging(total);
    ranges.forEach((range, i) => {
      const source = range.buffer as WebGPUBuffer;
      source.lastUse = this.section;
      const bytes = Math.ceil(range.bytes / 4) * 4;
      if (bytes) this.stream.copy(source.gpu, range.offset, staging, offsets[i]!, bytes);
    });
    this.flush();
    const { dispatches, since } = this.backlog();
    this.unfinished.length = 0;
    try {
      await this.patience.until(
        () => staging.mapAsync(GPUMapMode.READ, 0, total),
        dispatches,
        since,
      );
    } catch (error) {
      await this.scopes.settle();
      this.check();
      throw new DeviceValidationError(`Reading ${total} bytes failed: ${error}`);
    }
    const mapped = staging.getMappedRange(0, total);
    const result = ranges.map((range, i) => mapped.slice(offsets[i]!, offsets[i]! + range.bytes));
    staging.unmap();
    this.stagings.push(staging);
    await this.scopes.settle();
    this.check();
    return result;
  }

  async drain(): Promise<void> {
    if (this.bracketed) await this.bracketed.inTurn(() => this.finish());
    else await this.finish();
  }

  private async finish(): Promise<void> {
    this.flush();
    const { dispatches, since } = this.backlog();
    this.unfinished.length = 0;
    await this.patience.until(() => this.device.queue.onSubmittedWorkDone(), dispatches, since);
    await this.scopes.settle();
    this.check();
  }

  async throttle(sections: number): Promise<void> {
    if (this.bracketed || this.unfinished.length > sections) await this.drain();
  }

  startTiming(methods: TimingMethods): () => Promise<KernelTiming[]> {
    this.flush();
    return this.timingMethod === "timestamps"
      ? this.startTimestamps(methods)
      : this.startBracketing(methods);
  }

  private startTimestamps({ TimestampRecorder }: TimingMethods): () => Promise<KernelTiming[]> {
    const recorder = new TimestampRecorder(this.device);
    this.stream.timing = recorder;
    return async () => {
      this.flush();
      this.stream.timing = null;
      await this.drain();
      return recorder.finish();
    };
  }

  private startBracketing({ BracketedTiming }: TimingMethods): () => Promise<KernelTiming[]> {
    const { queue } = this.device;
    const bracketed = new BracketedTiming({
      flush: () => this.flush(),
      submitNothing: () => queue.submit([]),
      idle: () => queue.onSubmittedWorkDone().then(() => undefined),
    });
    this.bracketed = bracketed;
    return async () => {
      const timings = await bracketed.finish(() => {
        this.bracketed = null;
      });
      await this.drain();
      return timings;
    };
  }

  lose(): void {
    this.device.destroy();
  }

  async destroy(): Promise<void> {
    if (this.destroying) return;
    this.destroying = true;
    if (!this.failure) {
      await this.bracketed?.finish(() => undefined);
      this.flush();
      await this.device.queue.onSubmittedWorkDone();
      await Promise.all(this.reads);
      await this.scopes.settle();
    }
    for (const staging of this.stagings.splice(0)) staging.destroy();
    this.bindGroups.clear();
    this.programs.clear();
    this.device.destroy();
    this.fail(lostError("destroyed", ""));
    await this.device.lost;
  }

  private fail(error: DeviceError): void {
    this.failure ??= error;
  }

  private check(): void {
    if (this.failure) throw this.failure;
  }

  private flushIfLong(): void {
    if (this.stream.full) this.flush();
  }

  private destroyLater(buffer: GPUBuffer, lastUse: number): void {
    if (lastUse >= this.section) this.doomed.push(buffer);
    else buffer.destroy();
  }

  private backlog(): { dispatches: number; since: number } {
    const dispatches = this.unfinished.reduce((sum, entry) => sum + entry.dispatches, 0);
    return { dispatches, since: this.unfinished[0]?.since ?? performance.now() };
  }

  private takeStaging(bytes: number): GPUBuffer {
    const index = this.stagings.findIndex((s) => s.size >= bytes && s.size <= bytes * 4 + 4096);
    if (index >= 0) return this.stagings.splice(index, 1)[0]!;
    if (this.stagings.length > 8) this.stagings.shift()!.destroy();
    return this.device.createBuffer({
      size: Math.max(256, bytes),
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      label: "tilegrad readback",
    });
  }
}

function filterOf(error: GPUError): ErrorFilter {
  if (error instanceof GPUOutOfMemoryError) return "out-of-memory";
  return error instanceof GPUInternalError ? "internal" : "validation";
}

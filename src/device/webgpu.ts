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
} from "./executor";
import { type ErrorFilter, lostError, typedError } from "./gpuErrors";
import { ParamsRing } from "./paramsRing";
import { oneByOne } from "./sequence";
import { TimestampRecorder } from "./timestamps";
import { Patience } from "./waiting";

interface WebGPUBuffer extends DeviceBuffer {
  readonly id: number;
  readonly gpu: GPUBuffer;
  /** Keys of cached bind groups that hold the buffer. */
  readonly groups: Set<string>;
  destroyed: boolean;
}

interface CompiledProgram {
  readonly id: number;
  readonly program: Program;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** A cached bind group and the buffers it holds. */
interface BoundGroup {
  readonly group: GPUBindGroup;
  readonly buffers: readonly WebGPUBuffer[];
}

/** Sections longer than this are submitted early, so that a long program does not wait to begin. */
const maxDispatchesPerSection = 4096;

export class WebGPUExecutor implements Executor {
  readonly kind = "webgpu";
  readonly adapter;
  readonly limits;
  readonly counters: ExecutorCounters = { dispatches: 0, submits: 0, copies: 0, programs: 0 };
  section = 1;
  failure: DeviceError | null = null;

  private readonly device: GPUDevice;
  private readonly ring: ParamsRing;
  private readonly patience: Patience;
  private readonly programs = new Map<string, CompiledProgram>();
  private readonly bindGroups = new Map<string, BoundGroup>();
  private readonly scopes = new Set<Promise<void>>();
  /** Reads on their way; `destroy` lets them arrive. */
  private readonly reads = new Set<Promise<void>>();
  private readonly doomed: WebGPUBuffer[] = [];
  private readonly stagings: GPUBuffer[] = [];
  /** Submitted and not known to have finished, oldest first. */
  private readonly unfinished: { dispatches: number; since: number }[] = [];
  private timing: TimestampRecorder | null = null;
  private encoder: GPUCommandEncoder | null = null;
  private pass: GPUComputePassEncoder | null = null;
  private dispatchesInSection = 0;
  private nextBuffer = 1;
  private destroying = false;

  private constructor(
    acquired: Acquired,
    /** Held for the life of the device: Dawn crashes when one of them is collected before it. */
    readonly held: readonly [GPU, GPUAdapter],
    platform: Platform,
  ) {
    this.device = acquired.device;
    this.adapter = acquired.report;
    this.limits = acquired.limits;
    this.ring = new ParamsRing(this.device);
    this.patience = new Patience(platform.waitingSpins && acquired.report.class === "software");
    this.device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.fail(typedError(filterOf(event.error), event.error.message, "a command"));
    });
    void this.device.lost.then((info) => this.fail(lostError(info.reason, info.message)));
  }

  static async create(platform: Platform, options: AcquireOptions = {}): Promise<WebGPUExecutor> {
    return WebGPUExecutor.createOn(await platform.gpu(options.adapter), platform, options);
  }

  static async createOn(
    gpu: GPU,
    platform: Platform,
    options: AcquireOptions = {},
  ): Promise<WebGPUExecutor> {
    const acquired = await acquire(gpu, options);
    return new WebGPUExecutor(acquired, [gpu, acquired.adapter], platform);
  }

  createBuffer(bytes: number, label: string): DeviceBuffer {
    this.check();
    if (bytes > this.limits.maxBufferBytes)
      throw new LimitError(
        `${label} needs a buffer of ${bytes} bytes; this device allows ${this.limits.maxBufferBytes}. Use smaller tensors.`,
      );
    this.openScopes();
    const gpu = this.device.createBuffer({
      size: bytes,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      label,
    });
    this.closeScopes(`${label} (${bytes} bytes)`);
    const id = this.nextBuffer++;
    const buffer: WebGPUBuffer = {
      id,
      gpu,
      bytes,
      label,
      lastUse: 0,
      groups: new Set(),
      destroyed: false,
    };
    return buffer;
  }

  destroyBuffer(handle: DeviceBuffer): void {
    const buffer = handle as WebGPUBuffer;
    if (buffer.destroyed) return;
    buffer.destroyed = true;
    for (const key of buffer.groups) this.bindGroups.delete(key);
    if (buffer.lastUse >= this.section) this.doomed.push(buffer);
    else buffer.gpu.destroy();
  }

  write(handle: DeviceBuffer, offset: number, data: ArrayBufferView): void {
    const buffer = this.own(handle);
    this.check();
    if (buffer.lastUse >= this.section) this.flush();
    this.device.queue.writeBuffer(
      buffer.gpu,
      offset,
      data.buffer as ArrayBuffer,
      data.byteOffset,
      data.byteLength,
    );
  }

  dispatch(
    program: Program,
    bindings: readonly BufferBinding[],
    params: Uint8Array | null,
    grid: readonly [number, number, number],
  ): void {
    this.check();
    const compiled = this.compile(program);
    const slot = params && this.ring.push(params);
    const group = this.bindGroup(compiled, bindings, slot?.chunk ?? -1);
    let pass: GPUComputePassEncoder;
    if (this.timing) {
      this.endPass();
      const timestampWrites = this.timing.next(program.name);
      pass = this.commands().beginComputePass({ label: program.name, ...timestampWrites });
    } else {
      this.pass ??= this.commands().beginComputePass({ label: "tilegrad" });
      pass = this.pass;
    }
    pass.setPipeline(compiled.pipeline);
    if (slot) pass.setBindGroup(0, group, [slot.offset]);
    else pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
    if (this.timing) {
      pass.end();
      if (this.timing.full) this.timing.resolve(this.commands());
    }
    this.counters.dispatches++;
    if (++this.dispatchesInSection >= maxDispatchesPerSection) this.flush();
  }

  copy(from: BufferBinding, to: BufferBinding): void {
    this.check();
    this.endPass();
    const source = this.own(from.buffer);
    const target = this.own(to.buffer);
    this.commands().copyBufferToBuffer(source.gpu, from.offset, target.gpu, to.offset, from.bytes);
    source.lastUse = this.section;
    target.lastUse = this.section;
    this.counters.copies++;
  }

  clear(range: BufferBinding): void {
    this.check();
    this.endPass();
    const buffer = this.own(range.buffer);
    this.commands().clearBuffer(buffer.gpu, range.offset, range.bytes);
    buffer.lastUse = this.section;
    this.counters.copies++;
  }

  async compilePrograms(programs: readonly Program[], compiled?: () => void): Promise<void> {
    for (const program of programs) {
      this.compile(program);
      compiled?.();
    }
  }

  prepare(commands: readonly SequenceCommand[]): Sequence {
    return oneByOne(this, commands);
  }

  flush(): void {
    if (!this.encoder) return;
    this.endPass();
    const encoder = this.encoder;
    this.encoder = null;
    const dispatches = this.dispatchesInSection;
    this.dispatchesInSection = 0;
    this.openScopes();
    this.timing?.resolve(encoder);
    this.ring.send();
    this.device.queue.submit([encoder.finish()]);
    this.closeScopes("a submit");
    this.counters.submits++;
    this.section++;
    for (const buffer of this.doomed.splice(0)) buffer.gpu.destroy();
    this.unfinished.push({ dispatches, since: performance.now() });
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
    const offsets: number[] = [];
    let total = 0;
    for (const range of ranges) {
      offsets.push(total);
      total += Math.ceil(range.bytes / 4) * 4;
    }
    if (total === 0) return ranges.map(() => new ArrayBuffer(0));
    const staging = this.takeStaging(total);
    this.endPass();
    ranges.forEach((range, i) => {
      const source = this.own(range.buffer);
      source.lastUse = this.section;
      const bytes = Math.ceil(range.bytes / 4) * 4;
      if (bytes)
        this.commands().copyBufferToBuffer(source.gpu, range.offset, staging, offsets[i]!, bytes);
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
      await this.settle();
      this.check();
      throw new DeviceValidationError(`Reading ${total} bytes failed: ${error}`);
    }
    const mapped = staging.getMappedRange(0, total);
    const result = ranges.map((range, i) => mapped.slice(offsets[i]!, offsets[i]! + range.bytes));
    staging.unmap();
    this.stagings.push(staging);
    await this.settle();
    this.check();
    return result;
  }

  async drain(): Promise<void> {
    this.flush();
    const { dispatches, since } = this.backlog();
    this.unfinished.length = 0;
    await this.patience.until(() => this.device.queue.onSubmittedWorkDone(), dispatches, since);
    await this.settle();
    this.check();
  }

  async throttle(sections: number): Promise<void> {
    if (this.unfinished.length <= sections) return;
    await this.drain();
  }

  startTiming(): () => Promise<KernelTiming[]> {
    this.flush();
    const recorder = new TimestampRecorder(this.device);
    this.timing = recorder;
    return async () => {
      this.flush();
      this.timing = null;
      await this.drain();
      return recorder.finish();
    };
  }

  lose(): void {
    this.device.destroy();
  }

  async destroy(): Promise<void> {
    if (this.destroying) return;
    this.destroying = true;
    if (!this.failure) {
      this.flush();
      await this.device.queue.onSubmittedWorkDone();
      await Promise.all(this.reads);
      await this.settle();
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

  private own(handle: DeviceBuffer): WebGPUBuffer {
    const buffer = handle as WebGPUBuffer;
    if (buffer.destroyed)
      throw new DeviceValidationError(`Buffer "${buffer.label}" was used after it was destroyed.`);
    return buffer;
  }

  private commands(): GPUCommandEncoder {
    this.encoder ??= this.device.createCommandEncoder({ label: `section ${this.section}` });
    return this.encoder;
  }

  private endPass(): void {
    this.pass?.end();
    this.pass = null;
  }

  private backlog(): { dispatches: number; since: number } {
    const dispatches = this.unfinished.reduce((sum, entry) => sum + entry.dispatches, 0);
    return { dispatches, since: this.unfinished[0]?.since ?? performance.now() };
  }

  private openScopes(): void {
    for (const filter of scopeFilters) this.device.pushErrorScope(filter);
  }

  private closeScopes(doing: string): void {
    for (const filter of scopeFilters.toReversed()) {
      const scope = this.device
        .popErrorScope()
        .then((error) => {
          if (error) this.fail(typedError(filter, error.message, doing));
        })
        // A lost device rejects; `lost` reports it.
        .catch(() => undefined)
        .finally(() => this.scopes.delete(scope));
      this.scopes.add(scope);
    }
  }

  /** Waits until every error scope closed so far has answered. */
  private async settle(): Promise<void> {
    await Promise.all(this.scopes);
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

  private compile(program: Program): CompiledProgram {
    const known = this.programs.get(program.key);
    if (known) return known;
    this.openScopes();
    const entries: GPUBindGroupLayoutEntry[] = program.bindings.map((b) => ({
      binding: b.index,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: b.access === "read" ? "read-only-storage" : "storage" },
    }));
    if (program.params)
      entries.push({
        binding: program.params.index,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: program.params.size },
      });
    const layout = this.device.createBindGroupLayout({ entries, label: program.name });
    const pipeline = this.device.createComputePipeline({
      label: program.name,
      layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: {
        module: this.device.createShaderModule({ code: program.wgsl, label: program.name }),
        entryPoint: "main",
        constants: { ...program.overrides },
      },
    });
    this.closeScopes(`kernel ${program.name} (${program.key})`);
    const compiled = { id: this.counters.programs++, program, pipeline, layout };
    this.programs.set(program.key, compiled);
    return compiled;
  }

  private bindGroup(
    compiled: CompiledProgram,
    bindings: readonly BufferBinding[],
    chunk: number,
  ): GPUBindGroup {
    let key = `${compiled.id}/${chunk}`;
    for (const b of bindings) {
      const buffer = this.own(b.buffer);
      buffer.lastUse = this.section;
      key += `,${buffer.id}:${b.offset}:${b.bytes}`;
    }
    const known = this.bindGroups.get(key);
    if (known) return known.group;
    const { program } = compiled;
    const entries: GPUBindGroupEntry[] = bindings.map((b, i) => ({
      binding: program.bindings[i]!.index,
      resource: { buffer: (b.buffer as WebGPUBuffer).gpu, offset: b.offset, size: b.bytes },
    }));
    if (program.params)
      entries.push({
        binding: program.params.index,
        resource: { buffer: this.ring.buffer(chunk), size: program.params.size },
      });
    this.openScopes();
    const group = this.device.createBindGroup({
      layout: compiled.layout,
      entries,
      label: program.name,
    });
    this.closeScopes(
      `kernel ${program.name} on ${bindings.map((b, i) => `${program.bindings[i]!.name}=${b.buffer.label}[${b.offset}+${b.bytes}]`).join(", ")}`,
    );
    if (this.bindGroups.size >= maxBindGroups) {
      for (const bound of this.bindGroups.values())
        for (const buffer of bound.buffers) buffer.groups.clear();
      this.bindGroups.clear();
    }
    const buffers = bindings.map((b) => b.buffer as WebGPUBuffer);
    this.bindGroups.set(key, { group, buffers });
    for (const buffer of buffers) buffer.groups.add(key);
    return group;
  }
}

/** Beyond this many, shapes vary so much that caching bind groups only holds memory. */
const maxBindGroups = 16384;

const scopeFilters: readonly ErrorFilter[] = ["internal", "out-of-memory", "validation"];

function filterOf(error: GPUError): ErrorFilter {
  if (error instanceof GPUOutOfMemoryError) return "out-of-memory";
  return error instanceof GPUInternalError ? "internal" : "validation";
}

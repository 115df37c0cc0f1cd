/**
 * A sequence on WebGPU. What varies between runs is only which buffers are in the slots, so everything else
 * is made once: pipelines, the parameters of all dispatches in one uniform buffer of the sequence's own,
 * and a bind group per dispatch. A run compares each slot with what it held before, by identity; dispatches
 * on a slot that changed look for a bind group among the few that they had last. Outputs that alternate
 * between pooled buffers so find theirs, and a run with nothing new makes no object at all.
 */
import { ArgumentError } from "../errors";
import { createBindGroup } from "./bindGroupCache";
import type { CommandStream, DispatchRecord } from "./commandStream";
import type { ErrorScopes } from "./errorScopes";
import {
  type DeviceBuffer,
  type Executor,
  type ExecutorCounters,
  maxParamBytes,
  type Sequence,
  type SequenceCommand,
  type SlotBuffer,
  type SlotRange,
} from "./executor";
import { Slots, type SlotUser } from "./slots";
import type { BindGroupKeeper, WebGPUBuffer } from "./webgpuBuffer";
import type { WebGPUPrograms } from "./webgpuPrograms";

/** What a sequence needs of its executor. */
export interface SequenceHost {
  readonly device: GPUDevice;
  readonly scopes: ErrorScopes;
  readonly stream: CommandStream;
  readonly programs: WebGPUPrograms;
  readonly counters: ExecutorCounters;
  /** Takes the commands of a run one by one while it holds them back, else null. */
  readonly holding: Pick<Executor, "dispatch" | "copy" | "clear"> | null;
  /** @throws the failure of the executor, if there is one */
  check(): void;
  /** Submits the section where it is long enough. */
  flushIfLong(): void;
  /** Destroys the buffer once the work that uses it was submitted. */
  destroyLater(buffer: GPUBuffer, lastUse: number): void;
}

/** Bind groups that a dispatch keeps: two outputs that alternate between two buffers each need four. */
const groupsKept = 4;

const uniformAlignment = 256;

/** A bind group, and what was in the slots of its dispatch when it was made. */
interface KeptGroup {
  readonly group: GPUBindGroup;
  readonly buffers: readonly (DeviceBuffer | null)[];
  readonly offsets: readonly number[];
}

interface DispatchStep extends SlotUser, DispatchRecord {
  readonly kind: "dispatch";
  readonly ranges: readonly SlotRange[];
  /** The slots of `ranges`. */
  readonly slots: readonly number[];
  /** Offset of its parameters in the uniform buffer, -1 where it has none. */
  readonly paramsAt: number;
  /** Of what was in the slots before the dispatch went stale; null before the first run. */
  group: GPUBindGroup | null;
  readonly kept: KeptGroup[];
  /** Where the next group goes among `kept`. */
  next: number;
}

type Step = DispatchStep | Exclude<SequenceCommand, { kind: "dispatch" }>;

export class WebGPUSequence implements Sequence, BindGroupKeeper {
  private readonly steps: readonly Step[];
  private readonly slots: Slots<WebGPUBuffer>;
  /** All buffers that a kept bind group may hold. */
  private readonly bound = new Set<WebGPUBuffer>();
  private readonly uniforms: GPUBuffer | null;
  private lastRun = 0;
  private disposed = false;

  constructor(
    private readonly host: SequenceHost,
    commands: readonly SequenceCommand[],
  ) {
    this.slots = new Slots(commands);
    const params = placeParams(commands);
    this.uniforms = params.bytes.length > 0 ? this.upload(params.bytes) : null;
    this.steps = commands.map((command, i) => this.step(command, params.offsets[i]!));
  }

  run(slots: readonly SlotBuffer[]): void {
    const { host, steps } = this;
    const { stream } = host;
    host.check();
    if (this.disposed)
      throw new ArgumentError("A sequence was run after it was disposed. Prepare it again.");
    this.slots.fill(slots);
    this.touch();
    if (host.holding) {
      this.giveTo(host.holding);
      return;
    }
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!;
      if (step.kind === "dispatch") {
        const group = step.stale ? this.bind(step) : step.group!;
        const { section } = stream;
        stream.dispatch(step, group, step.paramsAt < 0 ? -1 : 0);
        host.counters.dispatches++;
        host.flushIfLong();
        if (stream.section !== section) this.touch();
      } else {
        if (step.kind === "copy") this.copy(step.from, step.to);
        else this.clear(step.range);
        host.counters.copies++;
      }
    }
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    for (const buffer of this.bound) buffer.keepers.delete(this);
    this.bound.clear();
    for (const step of this.steps)
      if (step.kind === "dispatch") {
        step.group = null;
        step.kept.length = 0;
      }
    if (this.uniforms) this.host.destroyLater(this.uniforms, this.lastRun);
  }

  drop(buffer: WebGPUBuffer): void {
    this.bound.delete(buffer);
    this.slots.forget(buffer);
    for (const step of this.steps)
      if (step.kind === "dispatch" && step.kept.some(({ buffers }) => buffers.includes(buffer))) {
        const left = step.kept.filter(({ buffers }) => !buffers.includes(buffer));
        step.kept.splice(0, groupsKept, ...left);
        step.next = left.length % groupsKept;
        step.group = null;
        step.stale = true;
      }
  }

  private giveTo(executor: Pick<Executor, "dispatch" | "copy" | "clear">): void {
    for (const step of this.steps)
      if (step.kind === "copy") executor.copy(this.slots.at(step.from), this.slots.at(step.to));
      else if (step.kind === "clear") executor.clear(this.slots.at(step.range));
      else {
        const bindings = step.ranges.map((range) => this.slots.at(range));
        executor.dispatch(step.compiled.program, bindings, step.params, step.grid);
      }
  }

  /** Notes that the section being recorded uses the buffers in the slots. */
  private touch(): void {
    const { section } = this.host.stream;
    const { buffers } = this.slots;
    this.lastRun = section;
    for (let slot = 0; slot < buffers.length; slot++) {
      const buffer = buffers[slot];
      if (buffer) buffer.lastUse = section;
    }
  }

  /** Gives a dispatch the bind group for what its slots hold. */
  private bind(step: DispatchStep): GPUBindGroup {
    if (!step.compiled.pipeline) this.host.programs.ready(step.compiled.program);
    step.group = this.keptGroup(step) ?? this.newGroup(step);
    step.stale = false;
    return step.group;
  }

  private keptGroup({ kept, slots }: DispatchStep): GPUBindGroup | null {
    const now = this.slots;
    for (let i = 0; i < kept.length; i++) {
      const { group, buffers, offsets } = kept[i]!;
      let same = true;
      for (let k = 0; k < slots.length && same; k++)
        same = buffers[k] === now.buffers[slots[k]!] && offsets[k] === now.offsets[slots[k]!];
      if (same) return group;
    }
    return null;
  }

  private newGroup(step: DispatchStep): GPUBindGroup {
    const { device, scopes } = this.host;
    const bindings = step.ranges.map((range) => this.slots.at(range));
    const params = step.paramsAt < 0 ? null : { buffer: this.uniforms!, offset: step.paramsAt };
    const group = createBindGroup(device, scopes, step.compiled, bindings, params);
    step.kept[step.next] = {
      group,
      buffers: bindings.map(({ buffer }) => buffer),
      offsets: step.slots.map((slot) => this.slots.offsets[slot]!),
    };
    step.next = (step.next + 1) % groupsKept;
    for (const { buffer } of bindings) {
      this.bound.add(buffer as WebGPUBuffer);
      (buffer as WebGPUBuffer).keepers.add(this);
    }
    return group;
  }

  private copy(from: SlotRange, to: SlotRange): void {
    const { buffers, offsets } = this.slots;
    this.host.stream.copy(
      buffers[from.slot]!.gpu,
      offsets[from.slot]! + from.offset,
      buffers[to.slot]!.gpu,
      offsets[to.slot]! + to.offset,
      from.bytes,
    );
  }

  private clear({ slot, offset, bytes }: SlotRange): void {
    const { buffers, offsets } = this.slots;
    this.host.stream.clear(buffers[slot]!.gpu, offsets[slot]! + offset, bytes);
  }

  private upload(bytes: Uint8Array<ArrayBuffer>): GPUBuffer {
    const { device, scopes } = this.host;
    scopes.open();
    const buffer = device.createBuffer({
      size: bytes.length,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      label: "tilegrad sequence params",
    });
    device.queue.writeBuffer(buffer, 0, bytes);
    scopes.close(`the parameters of a sequence (${bytes.length} bytes)`);
    return buffer;
  }

  private step(command: SequenceCommand, paramsAt: number): Step {
    if (command.kind !== "dispatch") return command;
    const { program, bindings, params, grid } = command;
    const step: DispatchStep = {
      kind: "dispatch",
      compiled: this.host.programs.get(program),
      ranges: bindings,
      slots: bindings.map(({ slot }) => slot),
      paramsAt,
      grid,
      params: params?.slice() ?? null,
      stale: true,
      group: null,
      kept: [],
      next: 0,
    };
    this.slots.tell(step, step.slots);
    return step;
  }
}

/**
 * The parameters of all dispatches, one behind the other, and where each has its own; -1 for none. A bind group
 * reaches `maxParamBytes` from there, beyond the next ones.
 */
function placeParams(commands: readonly SequenceCommand[]): {
  bytes: Uint8Array<ArrayBuffer>;
  offsets: number[];
} {
  let end = 0;
  const offsets = commands.map((command) => {
    if (command.kind !== "dispatch" || !command.params) return -1;
    const offset = end;
    end += Math.ceil(command.params.length / uniformAlignment) * uniformAlignment;
    return offset;
  });
  const bytes = new Uint8Array(end && end + maxParamBytes - uniformAlignment);
  commands.forEach((command, i) => {
    if (command.kind === "dispatch" && command.params) bytes.set(command.params, offsets[i]!);
  });
  return { bytes, offsets };
}

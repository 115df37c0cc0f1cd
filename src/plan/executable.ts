/**
 * A graph made ready for one device: its commands are prepared once, and a call puts buffers into slots, records
 * them, and wraps the results.
 */
import type { Device } from "../device/device";
import type { DeviceBuffer, Program, Sequence, SlotBuffer, SlotRange } from "../device/executor";
import { DeviceTensor } from "../tensor/deviceTensor";
import { byteSize } from "../tensor/dtype";
import { Storage } from "../tensor/storage";
import type { Graph, Value } from "./graph";
import { type Placed, type PlacedResult, place, type Slot } from "./placement";
import { record } from "./record";
import { SharedArenas } from "./sharedArenas";

/** A kernel of a plan, to read. */
export interface PlannedKernel {
  /** `matmul/register`, or `fused/` and what it fuses. */
  readonly name: string;
  /** How often a call dispatches it. */
  readonly dispatches: number;
  readonly wgsl: string;
}

/** How large a compiled function is. */
export interface PlanSize {
  readonly dispatches: number;
  /** Copies and clears. */
  readonly copies: number;
  /** Kernels with their choices made. */
  readonly programs: number;
  /** Bytes that intermediate values take, as planned: the arenas. */
  readonly arenaBytes: number;
  /** No plan of these commands takes less. */
  readonly leastBytes: number;
  /** Bytes of what never changes. */
  readonly constantBytes: number;
  /** Bytes of the results, made at each call. */
  readonly resultBytes: number;
}

export class Executable {
  readonly size: PlanSize;
  private readonly placed: Placed;
  private readonly slots: { buffer: DeviceBuffer; offset: number }[] = [];
  private readonly constants = new Map<Slot, Storage>();
  private readonly captured = new Map<DeviceBuffer, Storage>();
  private readonly written: ReadonlySet<DeviceBuffer>;
  private sequence: Sequence | null = null;

  /** @param donated arguments whose memory a call takes over */
  constructor(
    private readonly graph: Graph,
    private readonly device: Device,
    donated: ReadonlySet<number>,
  ) {
    const recording = record(graph, device, donated);
    this.placed = place(recording, device.executor.limits, donated);
    const { commands, slots, memory } = this.placed;
    const bytes = (kind: Slot["kind"]): number =>
      slots.reduce((sum, slot) => sum + (slot.kind === kind ? sizeOfSlot(slot) : 0), 0);
    const dispatches = commands.filter(({ kind }) => kind === "dispatch").length;
    this.size = {
      dispatches,
      copies: commands.length - dispatches,
      programs: this.programs.length,
      arenaBytes: memory.peakBytes,
      leastBytes: memory.lowerBound,
      constantBytes: bytes("constant"),
      resultBytes: bytes("result"),
    };
    this.written = writtenFromOutside(this.placed);
    for (const { source } of valuesOf(graph))
      if (source.kind === "captured" || source.kind === "constant")
        this.captured.set(source.tensor.storage.buffer, source.tensor.storage);
  }

  /** The kernels that it runs. */
  get programs(): readonly Program[] {
    const { commands } = this.placed;
    return [...new Set(commands.flatMap((c) => (c.kind === "dispatch" ? [c.program] : [])))];
  }

  /** The same, to read, in the order in which a call comes to them. */
  get kernels(): PlannedKernel[] {
    const counts = new Map<Program, number>();
    for (const command of this.placed.commands)
      if (command.kind === "dispatch")
        counts.set(command.program, (counts.get(command.program) ?? 0) + 1);
    return [...counts].map(([{ name, wgsl }, dispatches]) => ({ name, dispatches, wgsl }));
  }

  /** Whether a run writes to this buffer from outside. */
  writes(buffer: DeviceBuffer): boolean {
    return this.written.has(buffer);
  }

  /**
   * Where it throws, for want of memory say, it leaves nothing behind and may be called again.
   * @param args dense, in the shapes and dtypes that were traced
   */
  run(args: readonly DeviceTensor[]): DeviceTensor[] {
    this.sequence ??= this.prepare();
    const { slots, results } = this.placed;
    const made = new Map<number, Storage>();
    // Each holds its memory until the results do.
    const release = () => made.forEach((storage) => void storage.release());
    try {
      slots.forEach((slot, i) => {
        const entry = this.slots[i]!;
        if (slot.kind === "arena") entry.buffer = SharedArenas.of(this.device).buffer(slot.arena);
        else if (slot.kind === "argument") {
          const { storage, offset, dtype } = args[slot.index]!;
          entry.buffer = storage.buffer;
          entry.offset = offset * byteSize(dtype);
        } else if (slot.kind === "result") {
          const storage = Storage.allocate(this.device, slot.bytes, slot.label);
          storage.retain();
          made.set(i, storage);
          entry.buffer = storage.buffer;
        }
      });
      this.sequence.run(this.slots as readonly SlotBuffer[]);
      return results.map((result, i) => this.resultOf(this.graph.results[i]!, result, made, args));
    } finally {
      release();
    }
  }

  private resultOf(
    { shape, dtype }: Value,
    { slot: number, strides, offset }: PlacedResult,
    made: ReadonlyMap<number, Storage>,
    args: readonly DeviceTensor[],
  ): DeviceTensor {
    const slot = this.placed.slots[number]!;
    if (slot.kind === "argument") {
      const { storage, offset: start, dtype: stored } = args[slot.index]!;
      const first = (start * byteSize(stored)) / byteSize(dtype) + offset;
      return new DeviceTensor(storage, shape, dtype, strides, first);
    }
    const storage =
      slot.kind === "captured"
        ? this.captured.get(slot.buffer)!
        : slot.kind === "constant"
          ? this.constants.get(slot)!
          : made.get(number)!;
    return new DeviceTensor(storage, shape, dtype, strides, offset);
  }

  /** Takes its memory and binds what does not change. */
  private prepare(): Sequence {
    const { commands, slots, memory } = this.placed;
    try {
      for (const slot of slots) {
        const buffer =
          slot.kind === "constant"
            ? this.constant(slot)
            : slot.kind === "captured"
              ? slot.buffer
              : null;
        this.slots.push({ buffer: buffer as DeviceBuffer, offset: 0 });
      }
      const sequence = this.device.executor.prepare(commands);
      SharedArenas.of(this.device).join(
        this,
        memory.arenas.map(({ bytes }) => bytes),
      );
      return sequence;
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  private constant(slot: Slot & { kind: "constant" }): DeviceBuffer {
    const { contents, label } = slot;
    const storage = Storage.allocate(this.device, contents.byteLength, label, "constant", true);
    storage.retain();
    this.device.executor.write(storage.buffer, 0, contents);
    this.constants.set(slot, storage);
    return storage.buffer;
  }

  dispose(): void {
    SharedArenas.of(this.device).leave(this);
    this.sequence?.dispose();
    this.sequence = null;
    for (const storage of this.constants.values()) storage.release();
    this.constants.clear();
    this.slots.length = 0;
  }
}

function sizeOfSlot(slot: Slot): number {
  if (slot.kind === "constant") return slot.contents.byteLength;
  return slot.kind === "result" ? slot.bytes : 0;
}

/** The buffers from outside, arguments apart, that the commands write to. */
function writtenFromOutside({ commands, slots }: Placed): Set<DeviceBuffer> {
  const written = new Set<DeviceBuffer>();
  const note = ({ slot: number }: SlotRange): void => {
    const slot = slots[number]!;
    if (slot.kind === "captured") written.add(slot.buffer);
  };
  for (const command of commands) {
    if (command.kind === "copy") note(command.to);
    else if (command.kind === "clear") note(command.range);
    else
      command.program.bindings.forEach(({ access }, i) => {
        if (access === "read_write") note(command.bindings[i]!);
      });
  }
  return written;
}

/** Every value that the graph reads. */
function* valuesOf(graph: Graph): Iterable<Value> {
  for (const { inputs } of graph.nodes) yield* inputs;
  yield* graph.results;
  for (const { value } of graph.writes) yield value;
}

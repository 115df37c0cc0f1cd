/**
 * Lowering: the nodes of a graph become commands. Each primitive runs as always, on tensors of a device whose
 * executor does nothing but note what it is told, and whose buffers are only numbers. What they are in the end
 * is decided when all commands are known: see placement.ts.
 */
import { BufferPool, type MemoryCategory } from "../device/bufferPool";
import { Device, type FaultMeaning } from "../device/device";
import type { BufferBinding, DeviceBuffer, Executor, Program, ReadRange } from "../device/executor";
import { TilegradError } from "../errors";
import { copyInto } from "../ops/assign";
import { dense } from "../ops/shape";
import { runOnDevice } from "../ops/trace";
import { DeviceTensor } from "../tensor/deviceTensor";
import { storedBytes } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { sizeOf } from "../tensor/shape";
import { Storage } from "../tensor/storage";
import type { Graph, Node, Value } from "./graph";

/** What a buffer of the recording stands for. */
export type Origin =
  /** Memory that one run needs between its commands. */
  | { readonly kind: "temporary" }
  /** An argument of the call, from its first element. */
  | { readonly kind: "argument"; readonly index: number }
  /** A buffer of the device that the function captured; the whole of it. */
  | { readonly kind: "captured"; readonly buffer: DeviceBuffer };

export interface VirtualBuffer extends DeviceBuffer {
  readonly origin: Origin;
  /** What the host wrote into it, before any command; it is a constant then. */
  contents: Uint8Array | null;
}

export interface VirtualRange {
  readonly buffer: VirtualBuffer;
  readonly offset: number;
  readonly bytes: number;
}

export type RecordedCommand =
  | {
      readonly kind: "dispatch";
      readonly program: Program;
      readonly bindings: readonly VirtualRange[];
      readonly params: Uint8Array | null;
      readonly grid: readonly [number, number, number];
    }
  | { readonly kind: "copy"; readonly from: VirtualRange; readonly to: VirtualRange }
  | { readonly kind: "clear"; readonly range: VirtualRange };

/** Where a result of the graph lies. */
export interface Located {
  readonly buffer: VirtualBuffer;
  readonly strides: readonly number[];
  /** Of the first element, in elements. */
  readonly offset: number;
}

export interface Recording {
  readonly commands: readonly RecordedCommand[];
  readonly results: readonly Located[];
}

const unavailable = (what: string) => (): never => {
  throw new TilegradError(`${what} cannot be part of a compiled function.`);
};

/** Notes commands. Reading, waiting and timing are not for it. */
class RecordingExecutor implements Executor {
  readonly kind;
  readonly adapter;
  readonly limits;
  readonly counters = { dispatches: 0, submits: 0, copies: 0, programs: 0 };
  readonly section = 1;
  readonly failure = null;
  readonly commands: RecordedCommand[] = [];

  constructor(executor: Executor) {
    this.kind = executor.kind;
    this.adapter = executor.adapter;
    this.limits = executor.limits;
  }

  createBuffer(bytes: number, label: string): VirtualBuffer {
    return { bytes, label, lastUse: 0, origin: { kind: "temporary" }, contents: null };
  }

  destroyBuffer(): void {}

  write(handle: DeviceBuffer, offset: number, data: ArrayBufferView): void {
    const buffer = handle as VirtualBuffer;
    buffer.contents ??= new Uint8Array(buffer.bytes);
    buffer.contents.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
  }

  dispatch(
    program: Program,
    bindings: readonly BufferBinding[],
    params: Uint8Array | null,
    grid: readonly [number, number, number],
  ): void {
    this.commands.push({
      kind: "dispatch",
      program,
      bindings: bindings.map(virtual),
      params: params?.slice() ?? null,
      grid: [...grid],
    });
  }

  copy(from: BufferBinding, to: BufferBinding): void {
    this.commands.push({ kind: "copy", from: virtual(from), to: virtual(to) });
  }

  clear(range: BufferBinding): void {
    this.commands.push({ kind: "clear", range: virtual(range) });
  }

  flush(): void {}
  lose(): void {}
  readonly read: (ranges: readonly ReadRange[]) => never = unavailable("Reading values");
  readonly drain = unavailable("Waiting for the device");
  readonly throttle = unavailable("Waiting for the device");
  readonly timingMethod = "bracketing";
  readonly startTiming = unavailable("Timing");
  readonly compilePrograms = unavailable("Compiling");
  readonly prepare = unavailable("Preparing commands");
  readonly destroy = unavailable("Destroying the device");
}

const virtual = ({ buffer, offset, bytes }: BufferBinding): VirtualRange => ({
  buffer: buffer as VirtualBuffer,
  offset,
  bytes,
});

/** Hands out a new buffer each time: which may share memory is decided later. */
class RecordingPool extends BufferPool {
  constructor(private readonly recorder: RecordingExecutor) {
    super(recorder);
  }

  override allocate(bytes: number, label: string, _category?: MemoryCategory): DeviceBuffer {
    this.requireFits(bytes, label);
    return this.recorder.createBuffer(Math.ceil(bytes / 256) * 256, label);
  }

  override release(): void {}
}

/** Stands for a device while nodes are lowered. */
class RecordingDevice extends Device {
  private readonly externals = new Map<DeviceBuffer, VirtualBuffer>();

  private constructor(
    readonly recorder: RecordingExecutor,
    private readonly real: Device,
  ) {
    super(recorder, new RecordingPool(recorder));
  }

  static of(real: Device): RecordingDevice {
    return new RecordingDevice(new RecordingExecutor(real.executor), real);
  }

  override get faults(): BufferBinding {
    const { buffer, offset, bytes } = this.real.faults;
    return { buffer: this.external(buffer), offset, bytes };
  }

  override faultSite(description: string, meaning?: FaultMeaning): number {
    return this.real.faultSite(description, meaning);
  }

  /** The buffer that stands for one of the real device. */
  external(buffer: DeviceBuffer): VirtualBuffer {
    let known = this.externals.get(buffer);
    if (!known) {
      known = {
        bytes: buffer.bytes,
        label: buffer.label,
        lastUse: 0,
        origin: { kind: "captured", buffer },
        contents: null,
      };
      this.externals.set(buffer, known);
    }
    return known;
  }
}

/**
 * Lowers the nodes, the writes, and finds where the results lie.
 * @param donated arguments whose memory the function may use as its own
 */
export function record(graph: Graph, device: Device, donated: ReadonlySet<number>): Recording {
  return scope(() => new Lowering(graph, device, donated).run());
}

class Lowering {
  private readonly device: RecordingDevice;
  private readonly tensors = new Map<Value, DeviceTensor>();
  private readonly ends: Map<Value, number>;
  /** The values whose elements lie in a storage. */
  private readonly residents = new Map<Storage, Value[]>();

  constructor(
    private readonly graph: Graph,
    real: Device,
    private readonly donated: ReadonlySet<number>,
  ) {
    this.device = RecordingDevice.of(real);
    this.ends = lastReads(graph);
  }

  run(): Recording {
    this.graph.nodes.forEach((node, at) => {
      this.lower(node, at);
    });
    const results = this.graph.results.map((value) => this.locate(value));
    for (const { target, value } of this.graph.writes) {
      const [to, tensor] = [this.tensorOnRecorder(target), this.tensorOf(value)];
      copyInto(to, dense(tensor));
    }
    return { commands: this.device.recorder.commands, results };
  }

  private lower(node: Node, at: number): void {
    const inputs = node.inputs.map((value) => this.tensorOf(value));
    const outputs =
      this.inPlace(node, inputs, at) ?? runOnDevice(node.primitive, inputs, node.attrs);
    outputs.forEach((tensor, i) => {
      this.keep(node.outputs[i]!, tensor);
    });
  }

  private keep(value: Value, tensor: DeviceTensor): void {
    this.tensors.set(value, tensor);
    const residents = this.residents.get(tensor.storage);
    if (residents) residents.push(value);
    else this.residents.set(tensor.storage, [value]);
  }

  /** Runs the node on the memory of an input that nobody reads afterwards, if the primitive can. */
  private inPlace(node: Node, inputs: readonly DeviceTensor[], at: number): DeviceTensor[] | null {
    const { runInPlace } = node.primitive;
    if (!runInPlace) return null;
    for (const [i, tensor] of inputs.entries()) {
      const { storage } = tensor;
      const shared = inputs.some((other, j) => j !== i && other.storage === storage);
      if (shared || !this.isOwn(storage) || !this.dies(storage, at)) continue;
      const outputs = runInPlace(inputs, node.attrs, node.outputs, i);
      if (outputs) return outputs;
    }
    return null;
  }

  /** Whether the function may overwrite it. */
  private isOwn({ buffer }: Storage): boolean {
    const { origin, contents } = buffer as VirtualBuffer;
    if (origin.kind === "argument") return this.donated.has(origin.index);
    return origin.kind === "temporary" && contents === null;
  }

  private dies(storage: Storage, at: number): boolean {
    const residents = this.residents.get(storage) ?? [];
    return residents.every((value) => (this.ends.get(value) ?? -1) <= at);
  }

  private tensorOf(value: Value): DeviceTensor {
    let tensor = this.tensors.get(value);
    if (!tensor) {
      tensor = this.external(value);
      this.keep(value, tensor);
    }
    return tensor;
  }

  /** What comes from outside the graph. */
  private external({ source, shape, dtype }: Value): DeviceTensor {
    if (source.kind === "node")
      throw new TilegradError(
        `A graph reads a value of ${source.node.primitive.name} before it is computed.`,
      );
    if (source.kind !== "argument") return this.tensorOnRecorder(source.tensor);
    const { index } = source;
    const bytes = Math.ceil(Math.max(storedBytes(dtype, sizeOf(shape)), 4) / 256) * 256;
    const buffer: VirtualBuffer = {
      bytes,
      label: `argument ${index}`,
      lastUse: 0,
      origin: { kind: "argument", index },
      contents: null,
    };
    return new DeviceTensor(new Storage(this.device, buffer), shape, dtype);
  }

  private tensorOnRecorder({ storage, shape, dtype, strides, offset }: DeviceTensor): DeviceTensor {
    const buffer = this.device.external(storage.buffer);
    return new DeviceTensor(new Storage(this.device, buffer), shape, dtype, strides, offset);
  }

  private locate(value: Value): Located {
    const { storage, strides, offset } = this.tensorOf(value);
    return { buffer: storage.buffer as VirtualBuffer, strides, offset };
  }
}

/** The number of the last node that reads each value; beyond all for results and writes. */
function lastReads(graph: Graph): Map<Value, number> {
  const ends = new Map<Value, number>();
  graph.nodes.forEach((node, at) => {
    for (const input of node.inputs) ends.set(input, at);
  });
  for (const value of graph.results) ends.set(value, Number.POSITIVE_INFINITY);
  for (const { value } of graph.writes) ends.set(value, Number.POSITIVE_INFINITY);
  return ends;
}

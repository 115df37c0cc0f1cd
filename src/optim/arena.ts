/**
 * The arena: all parameters of an optimizer side by side in one buffer, so that one dispatch updates them
 * all. Gradients and optimizer states live in buffers of the same layout. Every tensor starts at a block
 * of 64 elements (256 bytes, where a binding may start); the gaps between tensors hold zeros.
 *
 * A buffer larger than the device can bind at once is split into chunks, at tensor boundaries; each chunk
 * is a dispatch of its own.
 */
import type { MemoryCategory } from "../device/bufferPool";
import type { Device } from "../device/device";
import type { BufferBinding } from "../device/executor";
import { ArgumentError, DTypeError, LimitError } from "../errors";
import { runUnaryInto } from "../ops/pointwise";
import { DeviceTensor } from "../tensor/deviceTensor";
import { byteSize } from "../tensor/dtype";
import { keep } from "../tensor/scope";
import { denseStrides, isDense, show } from "../tensor/shape";
import { Storage } from "../tensor/storage";

/** Elements per block: a tensor starts at a block, and a block belongs to one tensor. */
export const blockElements = 64;

const bytesPerElement = byteSize("f32");

export interface ArenaSlot {
  readonly chunk: number;
  /** Of the first element in its chunk, a multiple of `blockElements`. */
  readonly offset: number;
}

export interface ArenaPlan {
  /** One per tensor, in order. */
  readonly slots: readonly ArenaSlot[];
  /** Elements of each chunk, gaps included. */
  readonly chunks: readonly number[];
}

/** Elements a tensor occupies: whole blocks, at least one. */
const occupied = (size: number): number =>
  Math.max(Math.ceil(size / blockElements), 1) * blockElements;

/**
 * Where each tensor goes.
 * @param maxElements a chunk may have
 * @throws LimitError for a tensor that no chunk can hold
 */
export function planArena(
  tensors: readonly { readonly name: string; readonly size: number }[],
  maxElements: number,
): ArenaPlan {
  const slots: ArenaSlot[] = [];
  const chunks: number[] = [];
  for (const { name, size } of tensors) {
    const elements = occupied(size);
    if (elements > maxElements)
      throw new LimitError(
        `Parameter ${name} has ${size} elements; this device binds at most ${maxElements} at once. Split it by rows.`,
      );
    const last = chunks.length - 1;
    if (last < 0 || chunks[last]! + elements > maxElements) {
      slots.push({ chunk: chunks.length, offset: 0 });
      chunks.push(elements);
    } else {
      slots.push({ chunk: last, offset: chunks[last]! });
      chunks[last]! += elements;
    }
  }
  return { slots, chunks };
}

export interface ArenaMember {
  readonly name: string;
  readonly tensor: DeviceTensor;
  /** Number of the parameter group. */
  readonly group: number;
}

/** One buffer for each chunk. */
export type ArenaBuffers = readonly Storage[];

export class ParameterArena {
  readonly device: Device;
  readonly plan: ArenaPlan;
  readonly parameters: ArenaBuffers;
  /** For each chunk: the group number of each block, u32. */
  private readonly groups: readonly Storage[];

  /**
   * Moves the members' elements into a new arena and points the tensors at it.
   * @throws DTypeError for parameters other than f32; ArgumentError for parameters of two devices
   */
  constructor(readonly members: readonly ArenaMember[]) {
    this.device = members[0]!.tensor.device;
    for (const { name, tensor } of members) {
      tensor.check();
      if (tensor.dtype !== "f32")
        throw new DTypeError(
          `Parameter ${name} has dtype ${tensor.dtype}; optimizers update f32. Keep the parameter in f32 and cast where it is used.`,
        );
      if (tensor.device !== this.device)
        throw new ArgumentError(
          `Parameter ${name} lives on another device than ${members[0]!.name}. Use one optimizer per device.`,
        );
    }
    const { maxBindingBytes, maxBufferBytes } = this.device.executor.limits;
    const maxBlocks = Math.floor(
      Math.min(maxBindingBytes, maxBufferBytes) / (blockElements * bytesPerElement),
    );
    this.plan = planArena(
      members.map(({ name, tensor }) => ({ name, size: tensor.size })),
      maxBlocks * blockElements,
    );
    this.parameters = this.allocate("parameters", "parameter");
    members.forEach(({ tensor }, i) => {
      this.fill(this.parameters, i, tensor);
      const { chunk, offset } = this.plan.slots[i]!;
      tensor.moveTo(this.parameters[chunk]!, offset);
    });
    this.groups = this.writeGroups();
  }

  /** Buffers of the arena's layout, all zeros. */
  allocate(label: string, category: MemoryCategory): ArenaBuffers {
    return this.plan.chunks.map((elements) => {
      const bytes = elements * bytesPerElement;
      const storage = Storage.allocate(this.device, bytes, label, category);
      storage.retain();
      this.device.executor.clear({ buffer: storage.buffer, offset: 0, bytes });
      return storage;
    });
  }

  /** What a kernel binds of `buffers` to work on a whole chunk. */
  chunk(buffers: ArenaBuffers, chunk: number): BufferBinding {
    const bytes = this.plan.chunks[chunk]! * bytesPerElement;
    return { buffer: buffers[chunk]!.buffer, offset: 0, bytes };
  }

  /** The group number of each block of a chunk, u32. */
  groupTable(chunk: number): BufferBinding {
    const bytes = (this.plan.chunks[chunk]! / blockElements) * 4;
    return { buffer: this.groups[chunk]!.buffer, offset: 0, bytes };
  }

  release(buffers: ArenaBuffers): void {
    for (const storage of buffers) storage.release();
  }

  /** The part of `buffers` that belongs to member i, as a tensor that no scope owns. */
  view(buffers: ArenaBuffers, i: number): DeviceTensor {
    const { chunk, offset } = this.plan.slots[i]!;
    const { shape } = this.members[i]!.tensor;
    return keep(new DeviceTensor(buffers[chunk]!, shape, "f32", denseStrides(shape), offset));
  }

  /**
   * Copies `from`, of member i's shape, into member i's part of `buffers`: a buffer copy where the
   * elements lie in a row, else a dispatch. Nothing to do if it is that part.
   */
  fill(buffers: ArenaBuffers, i: number, from: DeviceTensor): void {
    const { chunk, offset } = this.plan.slots[i]!;
    const target = buffers[chunk]!;
    if (from.storage === target) {
      if (from.offset === offset && isDense(from.shape, from.strides)) return;
      const owner = this.plan.slots.findIndex((s) => s.chunk === chunk && s.offset === from.offset);
      throw new ArgumentError(
        `${this.members[i]!.name} was given the arena's own memory of ${this.members[owner]?.name ?? "another tensor"}. Pass each tensor's own, in the optimizer's order.`,
      );
    }
    if (from.size === 0) return;
    if (from.dtype === "f32" && isDense(from.shape, from.strides)) {
      const bytes = from.size * bytesPerElement;
      this.device.executor.copy(
        { buffer: from.storage.buffer, offset: from.offset * bytesPerElement, bytes },
        { buffer: target.buffer, offset: offset * bytesPerElement, bytes },
      );
      return;
    }
    const view = this.view(buffers, i);
    runUnaryInto(from, view, { OP: "op_id" });
    view.dispose();
  }

  /** @throws ArgumentError if a parameter no longer lives here. */
  checkMembers(): void {
    this.members.forEach(({ name, tensor }, i) => {
      tensor.check();
      const { chunk, offset } = this.plan.slots[i]!;
      if (tensor.storage !== this.parameters[chunk] || tensor.offset !== offset)
        throw new ArgumentError(
          `Parameter ${name} (shape ${show(tensor.shape)}) has been moved out of this optimizer, most likely by a second optimizer over the same model. Dispose this one.`,
        );
    });
  }

  dispose(): void {
    this.release(this.parameters);
    this.release(this.groups);
  }

  private writeGroups(): Storage[] {
    const tables = this.plan.chunks.map((elements) => new Uint32Array(elements / blockElements));
    this.members.forEach(({ tensor, group }, i) => {
      const { chunk, offset } = this.plan.slots[i]!;
      const first = offset / blockElements;
      tables[chunk]!.fill(group, first, first + occupied(tensor.size) / blockElements);
    });
    return tables.map((table) => {
      const storage = Storage.allocate(
        this.device,
        table.byteLength,
        "parameter groups",
        "optimizer",
        true,
      );
      storage.retain();
      this.device.executor.write(storage.buffer, 0, table);
      return storage;
    });
  }
}

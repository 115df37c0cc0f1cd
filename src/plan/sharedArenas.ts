/**
 * The memory that compiled functions compute in. Functions on one device run one after the other, so they share
 * it: arena k is as large as the largest that any of them asks for.
 */
import type { Device } from "../device/device";
import type { DeviceBuffer } from "../device/executor";

export class SharedArenas {
  private static readonly known = new WeakMap<Device, SharedArenas>();
  private readonly buffers: (DeviceBuffer | null)[] = [];
  /** Bytes of each. */
  private needed: readonly number[] = [];
  /** For each function that uses them, the bytes it needs of each. */
  private readonly users = new Map<object, readonly number[]>();

  private constructor(private readonly device: Device) {}

  static of(device: Device): SharedArenas {
    let arenas = SharedArenas.known.get(device);
    if (!arenas) {
      arenas = new SharedArenas(device);
      SharedArenas.known.set(device, arenas);
    }
    return arenas;
  }

  /** From now on arena k has at least `bytes[k]` bytes. */
  join(user: object, bytes: readonly number[]): void {
    this.users.set(user, bytes);
    this.resize();
  }

  /** Frees what the others do not need. */
  leave(user: object): void {
    if (this.users.delete(user) && !this.device.executor.failure) this.resize();
  }

  /**
   * Made when it is first asked for. May be another buffer after another function has joined or left.
   * @throws OutOfMemoryError
   */
  buffer(arena: number): DeviceBuffer {
    this.buffers[arena] ??= this.device.pool.allocate(
      this.needed[arena]!,
      `arena ${arena} of compiled functions`,
      "plan",
    );
    return this.buffers[arena];
  }

  /** Gives back what is too small or larger than anybody needs. */
  private resize(): void {
    const needed: number[] = [];
    for (const bytes of this.users.values())
      bytes.forEach((n, k) => {
        needed[k] = Math.max(needed[k] ?? 0, n);
      });
    this.needed = needed;
    for (const [k, buffer] of this.buffers.entries())
      if (buffer && buffer.bytes !== needed[k]) {
        this.device.pool.release(buffer);
        this.buffers[k] = null;
      }
  }
}

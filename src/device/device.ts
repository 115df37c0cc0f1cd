/**
 * A device: an executor, its memory, and the fault word that kernels report bad data through.
 * Several can live side by side; a tensor belongs to the one it was made on.
 */
import { ArgumentError, IndexError, TilegradError } from "../errors";
import { BufferPool } from "./bufferPool";
import type { BufferBinding, DeviceBuffer, Executor, ReadRange } from "./executor";

/** Bytes of the fault buffer: site, offending value, limit, unused. */
const faultBytes = 16;

/** The error that a fault stands for, from the two numbers that the kernel reported with it. */
export type FaultMeaning = (site: string, value: number, limit: number) => TilegradError;

const indexOutOfRange: FaultMeaning = (site, value, limit) =>
  new IndexError(
    `${site}: index ${value} is out of range; valid are 0 to ${limit - 1}. Check the data or the size of the table.`,
  );

/** Where tensors live and kernels run: made by `init`, current until another is. */
export class Device {
  private readonly faultBuffer: DeviceBuffer;
  private readonly sites: { description: string; meaning: FaultMeaning }[] = [];
  private readonly siteNumbers = new Map<string, number>();

  constructor(
    readonly executor: Executor,
    readonly pool = new BufferPool(executor),
  ) {
    this.faultBuffer = this.pool.allocate(faultBytes, "faults", "constant");
  }

  /** Where kernels report a value out of range: see shaders/include/fault.wgsl. */
  get faults(): BufferBinding {
    return { buffer: this.faultBuffer, offset: 0, bytes: faultBytes };
  }

  /**
   * A number for `faults` that stands for this description in the error; descriptions of faults that mean
   * different things differ.
   */
  faultSite(description: string, meaning: FaultMeaning = indexOutOfRange): number {
    let site = this.siteNumbers.get(description);
    if (site === undefined) {
      site = this.sites.push({ description, meaning });
      this.siteNumbers.set(description, site);
    }
    return site;
  }

  /** Reads ranges after all recorded work. @throws the error of the first fault that a kernel reported. */
  async read(ranges: readonly ReadRange[]): Promise<ArrayBuffer[]> {
    const results = await this.executor.read([...ranges, this.faults]);
    const [site, value, limit] = new Uint32Array(results.pop()!);
    if (site) {
      this.executor.clear(this.faults);
      const { description, meaning } = this.sites[site - 1]!;
      throw meaning(description, value! | 0, limit!);
    }
    return results;
  }

  /** Waits for all work. @throws the first device error, or that of a fault. */
  async synchronize(): Promise<void> {
    await this.read([]);
  }

  async destroy(): Promise<void> {
    if (current === this) current = null;
    await this.executor.destroy();
  }
}

let current: Device | null = null;

/** The device that new tensors are made on. @throws TilegradError before `init`. */
export function currentDevice(): Device {
  if (!current)
    throw new TilegradError("No device yet. Call `await init()` before making tensors.");
  return current;
}

/** Makes `device` the one new tensors are made on; returns the one before. */
export function setCurrentDevice(device: Device | null): Device | null {
  const before = current;
  current = device;
  return before;
}

/** Runs `fn` with `device` as the current one. Not for async functions: it ends when `fn` returns. */
export function withDevice<T>(device: Device, fn: () => T): T {
  const before = setCurrentDevice(device);
  try {
    const result = fn();
    if (result instanceof Promise)
      throw new ArgumentError(
        "withDevice(device, fn): fn is async, but the device is only set until it returns. Pass { device } where tensors are made.",
      );
    return result;
  } finally {
    setCurrentDevice(before);
  }
}

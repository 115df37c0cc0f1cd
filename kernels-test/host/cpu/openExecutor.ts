/** CPU executors with the kernels made by hand, destroyed after each test. */
import { afterEach } from "vitest";
import { CPUExecutor, type CPUExecutorOptions } from "../../../src/cpu/executor";
import { KernelCache } from "../../../src/cpu/kernelCache";
import type { BufferBinding, DeviceBuffer } from "../../../src/device/executor";
import { nodePlatform } from "../../../src/platform/node";
import type { Platform } from "../../../src/platform/platform";
import { compileByHand } from "./executorKernels";

const kernels = new KernelCache(compileByHand, null);
const opened: CPUExecutor[] = [];

export interface OpenOptions extends CPUExecutorOptions {
  /** Bytes of memory at most. */
  memory?: number;
  /** What the platform lacks, or has instead. */
  platform?: Partial<Platform>;
}

export async function open({ memory, platform, ...options }: OpenOptions = {}) {
  const executor = await CPUExecutor.create({ ...nodePlatform, ...platform }, options, {
    kernels,
    cache: null,
    ...(memory !== undefined && { memory }),
  });
  opened.push(executor);
  return executor;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((executor) => executor.destroy()));
});

export const all = (buffer: DeviceBuffer): BufferBinding => ({
  buffer,
  offset: 0,
  bytes: buffer.bytes,
});

export async function words(executor: CPUExecutor, ...buffers: DeviceBuffer[]) {
  const read = await executor.read(buffers.map(all));
  return read.map((bytes) => [...new Uint32Array(bytes)]);
}

/** What a promise is rejected with. */
export const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "it resolved",
    (error: unknown) => error,
  );

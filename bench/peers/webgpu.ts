/**
 * WebGPU for engines that look for it in a browser: `navigator.gpu` on the adapter that ours would take, with
 * its calls counted. Every engine is counted by the same calls.
 */
import { nodePlatform } from "../../src/platform/node";

export interface WebGPUCounts {
  dispatches: number;
  submits: number;
  /** Bytes of buffers that were made and not destroyed. */
  bytes: number;
  /** The most that `bytes` was. */
  peakBytes: number;
}

type Prototype = Record<string, (this: object, ...args: unknown[]) => unknown>;

/** Calls `seen` after each call of a method. */
function watch(
  type: { prototype: object },
  method: string,
  seen: (self: object, result: unknown, args: unknown[]) => void,
): void {
  const prototype = type.prototype as Prototype;
  const original = prototype[method]!;
  prototype[method] = function (...args) {
    const result = original.apply(this, args);
    seen(this, result, args);
    return result;
  };
}

/** Defines `navigator.gpu`; resolves to what is counted from then on. */
export async function openWebGPU(): Promise<WebGPUCounts> {
  const gpu = await nodePlatform.gpu();
  Object.defineProperty(globalThis, "navigator", {
    value: { gpu, userAgent: "Node.js", hardwareConcurrency: nodePlatform.cores() },
  });
  const counts: WebGPUCounts = { dispatches: 0, submits: 0, bytes: 0, peakBytes: 0 };
  for (const method of ["dispatchWorkgroups", "dispatchWorkgroupsIndirect"])
    watch(GPUComputePassEncoder, method, () => counts.dispatches++);
  watch(GPUQueue, "submit", () => counts.submits++);
  const alive = new WeakMap<object, number>();
  watch(GPUDevice, "createBuffer", (_, buffer, [descriptor]) => {
    const { size } = descriptor as GPUBufferDescriptor;
    alive.set(buffer as GPUBuffer, size);
    counts.bytes += size;
    counts.peakBytes = Math.max(counts.peakBytes, counts.bytes);
  });
  watch(GPUBuffer, "destroy", (buffer) => {
    counts.bytes -= alive.get(buffer) ?? 0;
    alive.delete(buffer);
  });
  return counts;
}

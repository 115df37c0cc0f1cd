/** The one-time start: choose an executor, make a device on it, and make that the current one. */
import type { CPUExecutorOptions } from "./cpu/executor";
import { type AcquireOptions, describeAdapter } from "./device/acquire";
import { BufferPool } from "./device/bufferPool";
import type { SubmitBounds } from "./device/commandStream";
import { Device, setCurrentDevice } from "./device/device";
import type { Executor } from "./device/executor";
import { WebGPUExecutor } from "./device/webgpu";
import { AdapterError, ArgumentError } from "./errors";
import { requireKnown, requireOptions } from "./options";
import type { Platform } from "./platform/platform";

const executors = ["auto", "webgpu", "cpu"] as const;
const known = [
  ...["executor", "adapter", "powerPreference", "threads", "relaxedSimd", "cache", "memoryLimit"],
  ...["longestSubmit", "makeCurrent", "limits", "withoutFeatures"],
];

export interface InitOptions extends AcquireOptions, CPUExecutorOptions {
  /**
   * What runs the kernels. "webgpu": a GPU, or a software driver. "cpu": WebAssembly SIMD on worker threads.
   * Default "auto": "webgpu" if `adapter` (in Node: TILEGRAD_ADAPTER) asks for it or if there is a GPU,
   * else "cpu".
   */
  executor?: (typeof executors)[number];
  /**
   * Bytes that all buffers of the device may take together; beyond it an allocation throws OutOfMemoryError and
   * leaves everything as it was. For sharing a GPU, and for tests. Default: what the device has.
   */
  memoryLimit?: number;
  /** Make the new device the current one. Default true. */
  makeCurrent?: boolean;
}

/**
 * A device of its own: calling it twice gives two, side by side.
 * @param bounds how submits are bounded; default: not at all
 */
export async function initOn(
  platform: Platform,
  options: InitOptions = {},
  bounds?: SubmitBounds,
): Promise<Device> {
  const { memoryLimit } = requireOptions("init", options, "executor");
  requireKnown("init", options, known);
  if (memoryLimit !== undefined && !(memoryLimit > 0))
    throw new ArgumentError(`memoryLimit is ${memoryLimit}; it takes bytes above 0.`);
  const executor = await openExecutor(platform, options, bounds);
  const device = new Device(executor, new BufferPool(executor, memoryLimit));
  if (options.makeCurrent ?? true) setCurrentDevice(device);
  return device;
}

async function openExecutor(
  platform: Platform,
  options: InitOptions,
  bounds?: SubmitBounds,
): Promise<Executor> {
  const { executor = "auto", adapter } = options;
  if (!executors.includes(executor))
    throw new ArgumentError(`executor is "${executor}"; it is one of ${executors.join(", ")}.`);
  if (executor === "cpu" && adapter !== undefined)
    throw new ArgumentError(
      `adapter "${adapter}" names a WebGPU adapter, which executor: "cpu" does not use. Leave one of them out.`,
    );
  const named = adapter === undefined ? platform.wantedExecutor() : "webgpu";
  const chosen = executor === "auto" ? named : executor;
  if (chosen === "webgpu") return WebGPUExecutor.create(platform, options, bounds);
  if (chosen === undefined) {
    const hardware = await openHardware(platform, options, bounds);
    if (hardware) return hardware;
  }
  return openCPU(platform, options);
}

/** On a GPU; null where there is none that works. */
async function openHardware(
  platform: Platform,
  options: InitOptions,
  bounds?: SubmitBounds,
): Promise<Executor | null> {
  const gpu = await platform.hardwareGPU();
  const powerPreference = options.powerPreference ?? "high-performance";
  const adapter = await gpu?.requestAdapter({ powerPreference }).catch(() => null);
  if (!gpu || !adapter || describeAdapter(adapter).class !== "hardware") return null;
  try {
    return await WebGPUExecutor.createOn(gpu, platform, options, bounds);
  } catch (error) {
    if (error instanceof AdapterError) return null;
    throw error;
  }
}

/** Loaded when it is needed: whoever has a GPU does not pay for it. */
async function openCPU(platform: Platform, options: InitOptions): Promise<Executor> {
  const { CPUExecutor } = await import("./cpu/executor").catch((cause: unknown) => {
    throw new AdapterError(
      `The CPU executor could not be loaded (${cause}). Serve cpu.js from the folder of browser.js, or pass executor: "webgpu".`,
      { cause },
    );
  });
  return CPUExecutor.create(platform, options);
}

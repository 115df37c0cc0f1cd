/**
 * What test processes change of Dawn, once each: they hold the GPU object, the adapters and the devices, because
 * Dawn crashes when they are garbage-collected while in use.
 *
 * And they wait without a core of their own: Dawn polls from `setImmediate` for what was asked of it, as fast
 * as it can, while the shaders of a software driver and the other test process need the cores.
 */
import { globals } from "webgpu";

const held: unknown[] = [];
let devices: GPUDevice[] = [];

const { GPU: gpuClass, GPUAdapter: adapterClass } = globals as unknown as {
  GPU: { prototype: GPU };
  GPUAdapter: { prototype: GPUAdapter };
};

const { requestAdapter } = gpuClass.prototype;
gpuClass.prototype.requestAdapter = async function (this: GPU, ...options) {
  const adapter = await requestAdapter.apply(this, options);
  held.push(this, adapter);
  return adapter;
};

const { requestDevice } = adapterClass.prototype;
adapterClass.prototype.requestDevice = async function (this: GPUAdapter, ...options) {
  const device = await requestDevice.apply(this, options);
  held.push(device);
  devices.push(device);
  return device;
};

/** Most answers come within this; later ones are polled for once a millisecond. */
const millisecondsOfSpinning = 0.5;
let lastQuestion = 0;

/** The methods of Dawn whose promises it polls for. */
function noteQuestions(prototype: object, names: readonly string[]): void {
  const methods = prototype as Record<string, (...args: unknown[]) => unknown>;
  for (const name of names) {
    const method = methods[name]!;
    methods[name] = function (this: unknown, ...args) {
      lastQuestion = performance.now();
      return method.apply(this, args);
    };
  }
}

const classes = globals as unknown as Record<string, { prototype: object }>;
noteQuestions(classes["GPUBuffer"]!.prototype, ["mapAsync"]);
noteQuestions(classes["GPUQueue"]!.prototype, ["onSubmittedWorkDone"]);
noteQuestions(classes["GPUDevice"]!.prototype, ["popErrorScope", "createComputePipelineAsync"]);

const { setImmediate: immediately } = globalThis;
globalThis.setImmediate = Object.assign(
  (callback: (...args: unknown[]) => void, ...args: unknown[]) =>
    performance.now() - lastQuestion < millisecondsOfSpinning
      ? immediately(callback, ...args)
      : setTimeout(callback, 1, ...args),
  immediately,
) as unknown as typeof setImmediate;

/** Destroys what was made since the last call and not destroyed, once its queue is idle. */
export async function destroyDevices(): Promise<void> {
  const made = devices;
  devices = [];
  for (const device of made) {
    await device.queue.onSubmittedWorkDone().catch(() => undefined);
    device.destroy();
  }
}

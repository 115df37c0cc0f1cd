/**
 * Lets a test process that used Dawn end cleanly: destroys, after the file's last test, every device
 * that was made and not destroyed, once its queue is idle. Until then it holds the GPU object and the
 * adapters, because Dawn crashes when they are garbage-collected while in use.
 */
import { afterAll } from "vitest";
import { globals } from "webgpu";

const held: unknown[] = [];
const devices = new Set<GPUDevice>();

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
  devices.add(device);
  return device;
};

afterAll(async () => {
  for (const device of devices) {
    await device.queue.onSubmittedWorkDone().catch(() => undefined);
    device.destroy();
  }
});

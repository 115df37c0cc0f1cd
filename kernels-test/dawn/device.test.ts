/** What only a device on WebGPU has: a GPUDevice to break, bind groups, names of adapters. */
import { beforeAll, describe, expect, test } from "vitest";
import { initOn } from "../../src/init";
import * as tg from "../../src/node";
import { nodePlatform } from "../../src/platform/node";

type Device = tg.Device;

/** The GPUDevice below a device, to break it from the outside. */
const gpuOf = (device: Device): GPUDevice =>
  (device.executor as unknown as { device: GPUDevice }).device;

const fresh = (options: Parameters<typeof initOn>[1] = {}): Promise<Device> =>
  initOn(nodePlatform, { makeCurrent: false, ...options });

let main: Device;
beforeAll(async () => {
  main = await tg.init();
});

const range = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => i);

describe("a device that WebGPU takes away", () => {
  test("a device lost from outside fails the next use, and a pending read, with DeviceLostError", async () => {
    const device = await fresh();
    const x = tg.tensor(range(1000), { device });
    const pending = x.exp().data();
    gpuOf(device).destroy();
    await expect(pending).rejects.toThrow(tg.DeviceLostError);
    expect(() => x.add(1)).toThrow(tg.DeviceLostError);
    expect(device.executor.failure).toBeInstanceOf(tg.DeviceLostError);
    await device.destroy();
  });

  test("memory that runs out surfaces as OutOfMemoryError with the tensor and the cure", async () => {
    const device = await fresh();
    const gpu = gpuOf(device);
    const real = gpu.popErrorScope.bind(gpu);
    let pops = 0;
    gpu.popErrorScope = async () => {
      const error = await real();
      // Scopes are closed in the order validation, out of memory, internal.
      return ++pops === 2 ? new GPUOutOfMemoryError("no room") : error;
    };
    const x = tg.zeros([3, 5], { device });
    gpu.popErrorScope = real;
    const error = await x.data().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(tg.OutOfMemoryError);
    expect(String(error)).toMatch(/no memory for f32 tensor \[3, 5\] \(\d+ bytes\).*smaller batch/);
    await device.destroy();
  });
});

test("more bind groups than are kept: results stay right, and few are held", async () => {
  const count = 16_500;
  const x = tg.arange(0, count * 64, 1, { dtype: "f32" });
  const last = tg.scope(() => {
    let y = x.slice({ dim: 0, end: 64 });
    for (let i = 0; i < count; i++) {
      y = tg.scope(() => x.slice({ dim: 0, start: i * 64, end: (i + 1) * 64 }).neg());
      if (i < count - 1) y.dispose();
    }
    return y;
  });
  expect((await last.data())[63]).toBe(1 - count * 64);
  const held = main.executor as unknown as { bindGroups: { size: number } };
  expect(held.bindGroups.size).toBeLessThan(16_384);
  x.dispose();
  last.dispose();
});

test("a name that no adapter has is refused with the name that there is", async () => {
  const error = await fresh({ adapter: "no such adapter" }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(tg.AdapterError);
  expect(String(error)).toContain("no such adapter");
});

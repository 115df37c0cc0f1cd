/** What a sequence makes on a WebGPU device, counted at the GPUDevice below it. */

import { beforeAll, expect, test } from "vitest";
import type { DeviceBuffer, Executor } from "../../src/device/executor";
import { startTiming } from "../../src/device/timing";
import { initOn } from "../../src/init";
import * as tg from "../../src/node";
import { nodePlatform } from "../../src/platform/node";
import { addOn, bytes, part, step, stepOn } from "../stepPrograms";

let executor: Executor;
let gpu: GPUDevice;
beforeAll(async () => {
  executor = (await tg.init()).executor;
  ({ device: gpu } = executor as unknown as { device: GPUDevice });
});

/** Counts the calls of the device's methods while `run` runs. */
function calls(run: () => void): Record<string, number> {
  const counts: Record<string, number> = {};
  const methods = [
    "createBindGroup",
    "createBuffer",
    "createComputePipeline",
    "pushErrorScope",
  ] as const;
  for (const name of methods) {
    counts[name] = 0;
    const real = gpu[name].bind(gpu) as (...all: unknown[]) => unknown;
    Object.defineProperty(gpu, name, {
      configurable: true,
      value: (...all: unknown[]) => {
        counts[name]!++;
        return real(...all);
      },
    });
  }
  const { queue } = gpu;
  const { writeBuffer } = queue;
  counts["writeBuffer"] = 0;
  Object.defineProperty(queue, "writeBuffer", {
    configurable: true,
    value: (...all: Parameters<typeof writeBuffer>) => {
      counts["writeBuffer"]!++;
      writeBuffer.apply(queue, all);
    },
  });
  try {
    run();
  } finally {
    for (const name of methods) Reflect.deleteProperty(gpu, name);
    Reflect.deleteProperty(queue, "writeBuffer");
  }
  return counts;
}

/** Calls of a submit: its error scopes, and no more. */
const submitOnly = {
  createBindGroup: 0,
  createBuffer: 0,
  createComputePipeline: 0,
  pushErrorScope: 3,
  writeBuffer: 0,
};

const buffers = (count: number): DeviceBuffer[] =>
  Array.from({ length: count }, (_, i) => executor.createBuffer(bytes, `buffer ${i}`));

test("1,000 runs make no bind group, buffer or write; two outputs alternating make theirs once", () => {
  const [x, a, b, c, d] = buffers(5) as [
    DeviceBuffer,
    DeviceBuffer,
    DeviceBuffer,
    DeviceBuffer,
    DeviceBuffer,
  ];
  const sequence = executor.prepare([addOn(0, 1, 1), addOn(1, 2, 2), stepOn(2, 3)]);
  const run = (i: number): void =>
    sequence.run([x, i % 2 ? a : b, i % 3 ? c : d].map((buffer) => ({ buffer, offset: 0 })));
  const first = calls(() => {
    for (let i = 0; i < 6; i++) run(i);
    executor.flush();
  });
  expect(first["createBindGroup"]).toBe(2 + 4 + 2);
  for (let i = 0; i < 1000; i++) {
    const later = calls(() => {
      run(i);
      executor.flush();
    });
    if (i % 100 === 0) expect(later).toEqual(submitOnly);
  }
  sequence.dispose();
  for (const buffer of [x, a, b, c, d]) executor.destroyBuffer(buffer);
});

test("a run binds anew only the dispatches on a slot that changed", () => {
  const [x, y, z, w] = buffers(4) as [DeviceBuffer, DeviceBuffer, DeviceBuffer, DeviceBuffer];
  const at = (...held: DeviceBuffer[]) => held.map((buffer) => ({ buffer, offset: 0 }));
  const sequence = executor.prepare([stepOn(0, 1), stepOn(1, 1), addOn(1, 2, 1), stepOn(2, 1)]);
  sequence.run(at(x, y, z));
  const groups = (...held: DeviceBuffer[]) =>
    calls(() => sequence.run(at(...held)))["createBindGroup"];
  expect(groups(x, y, z)).toBe(0);
  expect(groups(w, y, z)).toBe(1);
  expect(groups(x, w, z)).toBe(2);
  expect(groups(x, y, z)).toBe(0);
  executor.flush();
  sequence.dispose();
  for (const buffer of [x, y, z, w]) executor.destroyBuffer(buffer);
});

test("few bind groups are kept, and those of a destroyed buffer are not", () => {
  const sequence = executor.prepare([stepOn(0, 1)]);
  const { steps } = sequence as unknown as { steps: { kept: unknown[] }[] };
  const { bound } = sequence as unknown as { bound: ReadonlySet<DeviceBuffer> };
  const many = buffers(20);
  for (const buffer of many) sequence.run([{ buffer, offset: 0 }]);
  expect(steps[0]!.kept.length).toBe(4);
  for (const buffer of many) executor.destroyBuffer(buffer);
  expect(steps[0]!.kept.length).toBe(0);
  expect(bound.size).toBe(0);
  executor.flush();
  sequence.dispose();
});

test("the parameters of a disposed sequence are freed after the submit that uses them", async () => {
  const [y] = buffers(1) as [DeviceBuffer];
  const sequence = executor.prepare([stepOn(0, 1)]);
  const { uniforms } = sequence as unknown as { uniforms: GPUBuffer };
  let destroyed = 0;
  const real = uniforms.destroy.bind(uniforms);
  Object.defineProperty(uniforms, "destroy", {
    value: () => {
      destroyed++;
      real();
    },
  });
  sequence.run([{ buffer: y, offset: 0 }]);
  sequence.dispose();
  expect(destroyed).toBe(0);
  executor.flush();
  expect(destroyed).toBe(1);
  await executor.drain();
  executor.destroyBuffer(y);
});

test("programs compiled ahead make their pipelines in the background, and none at the first dispatch", async () => {
  const programs = Array.from({ length: 5 }, (_, i) => step(` ahead ${i}`));
  const blocking = calls(() => void executor.compilePrograms(programs));
  expect(blocking["createComputePipeline"]).toBe(0);
  await executor.compilePrograms(programs);
  const [y] = buffers(1) as [DeviceBuffer];
  const used = calls(() => {
    const sequence = executor.prepare(programs.map((program) => stepOn(0, 1, program)));
    sequence.run([{ buffer: y, offset: 0 }]);
    executor.flush();
    sequence.dispose();
  });
  expect(used["createComputePipeline"]).toBe(0);
  await executor.drain();
  executor.destroyBuffer(y);
});

test("a device lost while commands are held back fails their reads, and ends the timing", async () => {
  const device = await initOn(nodePlatform, {
    makeCurrent: false,
    withoutFeatures: ["timestamp-query"],
  });
  const on = device.executor;
  const y = on.createBuffer(bytes, "y");
  const sequence = on.prepare([stepOn(0, 1)]);
  const stop = startTiming(on);
  for (let i = 0; i < 20; i++) sequence.run([{ buffer: y, offset: 0 }]);
  const reading = on.read([part(y)]).catch((error: unknown) => error);
  on.destroyBuffer(y);
  expect(() => sequence.run([{ buffer: y, offset: 0 }])).toThrow(/"y" was used after/);
  on.lose();
  expect(await reading).toBeInstanceOf(tg.DeviceLostError);
  await expect(stop()).rejects.toThrow(tg.DeviceLostError);
  await device.destroy();
});

test("destroy carries out what is held back", async () => {
  const device = await initOn(nodePlatform, {
    makeCurrent: false,
    withoutFeatures: ["timestamp-query"],
  });
  const on = device.executor;
  const y = on.createBuffer(bytes, "y");
  startTiming(on);
  on.prepare([stepOn(0, 1), stepOn(0, 2)]).run([{ buffer: y, offset: 0 }]);
  const reading = on.read([part(y)]);
  await device.destroy();
  expect(new Uint32Array((await reading)[0]!)[7]).toBe(5);
});

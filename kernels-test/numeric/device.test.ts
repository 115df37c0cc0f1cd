import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTiming } from "../../src/device/timing";
import { initOn } from "../../src/init";
import { gridFor, type KernelOptions, launch, pointwiseUnary } from "../../src/kernels";
import type { AnyKernel } from "../../src/kernels/kernel";
import * as tg from "../../src/node";
import { nodePlatform } from "../../src/platform/node";
import type { DeviceTensor } from "../../src/tensor/deviceTensor";

type Device = tg.Device;

const fresh = (options: Parameters<typeof initOn>[1] = {}): Promise<Device> =>
  initOn(nodePlatform, { makeCurrent: false, ...options });

let main: Device;
beforeAll(async () => {
  main = await tg.init();
});

const range = (count: number, scale = 1): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => i * scale);

describe("several devices", () => {
  test("init again makes a new current device, and the one before works on", async () => {
    const before = tg.tensor([1, 2]);
    const second = await tg.init();
    try {
      expect(tg.currentDevice()).toBe(second);
      expect(tg.tensor([1]).device).toBe(second);
      expect([...(await before.add(1).data())]).toEqual([2, 3]);
      expect(before.add(1).device).toBe(main);
    } finally {
      tg.setCurrentDevice(main);
      await second.destroy();
    }
  });

  test("two devices compute side by side; results stay with their operands", async () => {
    const other = await fresh();
    const a = tg.tensor([1, 2, 3]);
    const b = tg.tensor([10, 20, 30], { device: other });
    const sums = [a.mul(2).sum(), b.mul(2).sum()];
    expect(sums.map((t) => t.device)).toEqual([main, other]);
    expect(await Promise.all(sums.map((t) => t.item()))).toEqual([12, 120]);
    await other.destroy();
  });

  test("operands of two devices are refused by name", async () => {
    const other = await fresh();
    const b = tg.tensor([1], { device: other });
    expect(() => tg.tensor([1]).add(b)).toThrow(tg.ArgumentError);
    expect(() => tg.tensor([1]).add(b)).toThrow(/add: its operands live on different devices/);
    expect(() => tg.grad((x: tg.Tensor) => x.mul(b).sum())(tg.tensor([1]))).toThrow(
      /different devices/,
    );
    await other.destroy();
  });

  test("withDevice sets where tensors are made, and only until it returns", async () => {
    const other = await fresh();
    const made = tg.withDevice(other, () => tg.ones([2]));
    expect(made.device).toBe(other);
    expect(tg.ones([2]).device).toBe(main);
    expect(() =>
      tg.withDevice(other, () => {
        throw new RangeError("stop");
      }),
    ).toThrow(RangeError);
    expect(tg.currentDevice()).toBe(main);
    expect(() => tg.withDevice(other, async () => tg.ones([1]))).toThrow(tg.ArgumentError);
    await other.destroy();
  });
});

describe("the end of a device", () => {
  test("a destroyed device refuses everything with DeviceLostError", async () => {
    const device = await fresh();
    const x = tg.tensor([1, 2], { device });
    await device.destroy();
    await device.destroy();
    expect(() => x.add(1)).toThrow(tg.DeviceLostError);
    expect(() => x.add(1)).toThrow(/was destroyed. Call init\(\)/);
    expect(() => tg.tensor([1], { device })).toThrow(tg.DeviceLostError);
    await expect(x.data()).rejects.toThrow(tg.DeviceLostError);
    await expect(device.synchronize()).rejects.toThrow(tg.DeviceLostError);
    expect(() => x.dispose()).not.toThrow();
  });

  test("after the current device is destroyed, tensors ask for init", async () => {
    const device = await tg.init();
    await device.destroy();
    expect(() => tg.tensor([1])).toThrow(/Call `await init\(\)`/);
    tg.setCurrentDevice(main);
  });

  test("destroy waits for a read that is on its way", async () => {
    const device = await fresh();
    const reading = tg.tensor(range(1000), { device }).mul(2).sum().item();
    await device.destroy();
    expect(await reading).toBe(999000);
  });

  test("a device lost on purpose fails the next use, and a pending read, with DeviceLostError", async () => {
    const device = await fresh();
    const x = tg.tensor(range(1000), { device });
    const pending = x.exp().data();
    device.executor.lose();
    await expect(pending).rejects.toThrow(tg.DeviceLostError);
    expect(() => x.add(1)).toThrow(tg.DeviceLostError);
    expect(device.executor.failure).toBeInstanceOf(tg.DeviceLostError);
    await device.destroy();
  });

  test("another device does not notice", async () => {
    expect(await tg.tensor([1, 2]).sum().item()).toBe(3);
  });
});

/** A kernel made from another's, with one thing wrong. */
const broken = (change: Partial<AnyKernel>): AnyKernel => ({
  ...(pointwiseUnary as AnyKernel),
  name: "test/broken",
  ...change,
});

function launchOn(
  device: Device,
  kernel: AnyKernel,
  x: tg.Tensor,
  y: tg.Tensor,
  options: KernelOptions = {},
): void {
  launch(
    device,
    kernel,
    { x: (x as DeviceTensor).binding, y: (y as DeviceTensor).binding },
    { count: 1, infinity: 0 },
    [1, 1, 1],
    options,
  );
}

describe("what the device rejects", () => {
  test("a kernel that does not compile: the next await names it", async () => {
    const device = await fresh();
    const [x, y] = [tg.ones([4], { device }), tg.ones([4], { device })];
    launchOn(device, broken({ source: "not WGSL" }), x, y);
    const error = await x.data().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(tg.DeviceValidationError);
    expect(String(error)).toContain("kernel test/broken");
    await device.destroy();
  });

  test("one buffer bound for reading and for writing: the error names kernel and tensors", async () => {
    const device = await fresh();
    const x = tg.ones([2, 2], { device });
    launchOn(device, broken({ name: "test/aliased" }), x, x);
    const error = await x.data().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(tg.DeviceValidationError);
    await device.destroy();
  });

  test("a binding that is too small: the error names kernel and tensors", async () => {
    const device = await fresh();
    const x = tg.ones([2, 3], { device });
    const { binding } = x as DeviceTensor;
    launch(
      device,
      broken({ name: "test/small" }),
      { x: { ...binding, bytes: 4096 }, y: (tg.ones([4], { device }) as DeviceTensor).binding },
      { count: 1, infinity: 0 },
      [1, 1, 1],
    );
    const error = await x.data().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(tg.DeviceValidationError);
    expect(String(error)).toMatch(/kernel test\/small on x=f32 tensor \[2, 3\]/);
    await device.destroy();
  });

  test("after a rejected command nothing goes on with wrong numbers", async () => {
    const device = await fresh();
    const x = tg.ones([4], { device });
    launchOn(
      device,
      broken({ name: "test/poison", source: "nonsense" }),
      x,
      tg.ones([4], { device }),
    );
    await expect(device.synchronize()).rejects.toThrow(tg.DeviceValidationError);
    expect(() => x.add(1)).toThrow(tg.DeviceValidationError);
    await expect(x.data()).rejects.toThrow(tg.DeviceValidationError);
    await device.destroy();
  });
});

describe("lower limits", () => {
  let small: Device;
  beforeAll(async () => {
    small = await fresh({
      limits: { maxBindingBytes: 4096, maxBufferBytes: 8192, maxWorkgroupsPerDimension: 3 },
    });
  });
  afterAll(() => small.destroy());

  test("a tensor beyond the largest binding is refused before anything is sent", async () => {
    const make = () => tg.zeros([1025], { device: small });
    expect(make).toThrow(tg.LimitError);
    expect(make).toThrow(/f32 tensor \[1025\] needs 4100 bytes; this device binds at most 4096/);
    expect(await tg.ones([512], { device: small }).sum().item()).toBe(512);
    expect(() => small.executor.createBuffer(8193, "a buffer")).toThrow(
      /a buffer needs a buffer of 8193 bytes; this device allows 8192/,
    );
  });

  test("more workgroups than a folded grid holds are refused", () => {
    expect(gridFor(small, 3 * 64, 64)).toEqual([3, 1, 1]);
    expect(gridFor(small, 4 * 64, 64)).toEqual([2, 2, 1]);
    expect(gridFor(small, 9 * 64, 64)).toEqual([3, 3, 1]);
    expect(() => gridFor(small, 10 * 64, 64)).toThrow(tg.LimitError);
    expect(() => gridFor(small, 10 * 64, 64)).toThrow(/640 items need 10 workgroups.*9/);
  });

  test("folded grids cover every element of every kernel, once", async () => {
    const count = 7 * 64 + 13;
    const values = range(count, 0.25);
    const host = Array.from(values);
    const on = { device: small };
    const x = tg.tensor(values, on);
    const wide = tg.tensor(range(2 * count), { ...on, shape: [count, 2] });
    const odd = wide.select(1, 1);
    const odds = host.map((_, i) => 2 * i + 1);
    const results: [tg.Tensor, number[]][] = [
      [tg.zeros([count], on).add(x), host],
      [x.neg(), host.map((v) => -v)],
      [odd.neg(), odds.map((v) => -v)],
      [odd.add(x), odds.map((v, i) => v + host[i]!)],
      [tg.where(odd.gt(100), odd, 0), odds.map((v) => (v > 100 ? v : 0))],
      [tg.clamp(odd, 10, 20), odds.map((v) => Math.min(Math.max(v, 10), 20))],
      [wide.sum({ dim: 1 }), host.map((_, i) => 4 * i + 1)],
      [wide.argmax({ dim: 1 }), host.map(() => 1)],
      [tg.full([count], 3, on), host.map(() => 3)],
      [tg.arange(0, count, 1, on), host.map((_, i) => i)],
    ];
    for (const [result, expected] of results) expect([...(await result.data())]).toEqual(expected);
  });
});

test("more than 65,535 workgroups fold on the device's own limit", async () => {
  const groups = tg.currentDevice().executor.limits.maxWorkgroupsPerDimension;
  const count = groups * 64 + 65;
  const x = tg.arange(0, count);
  const tail = await tg.slice(x, { dim: 0, start: groups * 64 - 2 }).data();
  expect([...tail]).toEqual(Array.from(tail, (_, i) => groups * 64 - 2 + i));
  const evens = tg.slice(x, { dim: 0, step: 2 }).neg();
  expect(await evens.select(0, -1).item()).toBe(-2 * (evens.size - 1));
  for (const t of [x, evens]) t.dispose();
});

describe("the command stream", () => {
  test("a host write never overtakes a use of the memory it is given", async () => {
    for (let round = 0; round < 20; round++) {
      const x = tg.full([1000], round);
      const y = x.add(0.5);
      x.dispose();
      const z = tg.tensor(new Float32Array(1000).fill(-1));
      const both = await Promise.all([y.data(), z.data()]);
      expect(both.map((v) => [v[0], v[999]])).toEqual([
        [round + 0.5, round + 0.5],
        [-1, -1],
      ]);
      y.dispose();
      z.dispose();
    }
  });

  test("a program of 5,000 operations, longer than a section and a chunk of parameters, is right", async () => {
    const { counters } = main.executor;
    const submits = counters.submits;
    let x = tg.tensor([0, 0.5]);
    for (let i = 0; i < 5000; i++) {
      const next = x.add(1);
      x.dispose();
      x = next;
    }
    expect([...(await x.data())]).toEqual([5000, 5000.5]);
    expect(counters.submits - submits).toBeLessThanOrEqual(3);
  });

  test("operations are sent together: one submit for a read of many", async () => {
    const { counters } = main.executor;
    const before = { ...counters };
    const x = tg.tensor([1, 2, 3]);
    const parts = [x.add(1), x.mul(2), x.sub(3), x.sum()];
    await tg.readAll(parts);
    expect(counters.dispatches - before.dispatches).toBe(4);
    expect(counters.submits - before.submits).toBe(1);
  });

  test("reads started together each give their own values", async () => {
    const tensors = Array.from({ length: 20 }, (_, i) => tg.full([10 * i + 1], i));
    const values = await Promise.all(tensors.map((t) => t.data()));
    values.forEach((v, i) => {
      expect(v.length).toBe(10 * i + 1);
      expect(v.every((value) => value === i)).toBe(true);
    });
  });

  test("drain and throttle wait for what was sent", async () => {
    const { executor } = main;
    for (let i = 0; i < 5; i++) {
      tg.ones([100]).exp().dispose();
      executor.flush();
    }
    await executor.throttle(1);
    await executor.drain();
    expect(executor.failure).toBeNull();
  });
});

describe("timing", () => {
  test("every dispatch is timed by name, in order, within bounds", async () => {
    const stop = startTiming(main.executor);
    const x = tg.tensor(range(100_000));
    const y = x.exp().sum();
    const timings = await stop();
    const names = timings.map((t) => t.name);
    expect(names[0]).toBe("pointwise/unary");
    expect(names.slice(1).every((name) => name.startsWith("reduce/"))).toBe(true);
    for (const { nanoseconds } of timings) {
      expect(nanoseconds).toBeGreaterThanOrEqual(0);
      expect(nanoseconds).toBeLessThan(5e9);
    }
    expect(timings.some((t) => t.nanoseconds > 0)).toBe(true);
    y.dispose();
    expect(await tg.ones([3]).sum().item()).toBe(3);
  });

  test("more dispatches than a query set holds are all timed", async () => {
    const stop = startTiming(main.executor);
    let x = tg.tensor([0]);
    for (let i = 0; i < 2100; i++) {
      const next = x.add(1);
      x.dispose();
      x = next;
    }
    const timings = await stop();
    expect(timings.length).toBe(2100);
    expect(await x.item()).toBe(2100);
  });

  test("without timestamp-query dispatches are timed one by one, in order with all other commands", async () => {
    const device = await fresh({ withoutFeatures: ["timestamp-query"] });
    const { executor } = device;
    expect(executor.timingMethod).toBe(executor.kind === "cpu" ? "timestamps" : "bracketing");
    const stop = startTiming(executor);
    const x = tg.tensor(range(100_000), { device });
    const y = x.mul(2);
    x.dispose();
    device.pool.trim();
    const z = tg.tensor([1, 2], { device });
    const read = y.data();
    const results = [z.sum(), y.max()];
    y.dispose();
    const timings = await stop();
    expect((await read)[99_999]).toBe(199_998);
    expect(await Promise.all(results.map((t) => t.item()))).toEqual([3, 199_998]);
    expect(timings.length).toBeGreaterThanOrEqual(3);
    expect(timings[0]).toMatchObject({ name: "pointwise/binary", start: 0 });
    timings.forEach(({ start, nanoseconds }, i) => {
      expect(nanoseconds).toBeGreaterThanOrEqual(0);
      expect(nanoseconds).toBeLessThan(5e9);
      if (i > 0) expect(start).toBeGreaterThan(timings[i - 1]!.start);
    });
    expect(await tg.ones([2], { device }).sum().item()).toBe(2);
    await device.destroy();
  });
});

describe("features that are not offered", () => {
  test("f16 is refused where it is not offered", async () => {
    const device = await fresh({ withoutFeatures: ["shader-f16"] });
    for (const make of [
      () => tg.zeros([2], { dtype: "f16", device }),
      () => tg.tensor([1], { dtype: "f16", device }),
      () => tg.arange(0, 3, 1, { dtype: "f16", device }),
      () => tg.linspace(0, 3, 2, { dtype: "f16", device }),
      () => tg.eye(2, 2, { dtype: "f16", device }),
      () => tg.ones([2], { device }).to("f16"),
    ])
      expect(make).toThrow(tg.DTypeError);
    expect(await tg.ones([2], { device }).sum().item()).toBe(2);
    await device.destroy();
  });
});

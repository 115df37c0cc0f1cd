/** `profile` on a device: what it counts, what it times, and what it leaves behind. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import type { ByteCache } from "../../src/platform/platform";
import { type Roofline, rooflineOf } from "../../src/profile/roofline";

let device: tg.Device;
let a: tg.Tensor;
let b: tg.Tensor;

const [m, k, n] = [192, 160, 224];

beforeAll(async () => {
  device = await tg.init();
  a = tg.ones([m, k]);
  b = tg.ones([k, n]);
});
afterAll(() => device.destroy());

const without = { roofline: false, repeats: 2 } as const;

describe("the roofline", () => {
  const stored = new Map<string, Uint8Array>();
  const cache: ByteCache = {
    get: async (key) => stored.get(key) ?? null,
    put: async (key, bytes) => void stored.set(key, bytes),
  };

  test("is measured once, kept by a name that is a file's, and read again", async () => {
    const { executor } = device;
    const roofline = await rooflineOf(executor, cache, true);
    expect(roofline.gigabytesPerSecond).toBeGreaterThan(0.01);
    expect(roofline.gigabytesPerSecond).toBeLessThan(20_000);
    expect(roofline.gigaflopsPerSecond).toBeGreaterThan(0.1);
    expect(roofline.gigaflopsPerSecond).toBeLessThan(1e6);
    const [key, bytes] = [...stored][0]!;
    expect(key).toMatch(/^[\w.]+$/);
    expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual(roofline);
    const { dispatches } = executor.counters;
    expect(await rooflineOf(executor, cache)).toEqual(roofline);
    expect(executor.counters.dispatches).toBe(dispatches);
  });

  test("another device of the adapter finds it; one that finds a torn file measures", async () => {
    const other = await tg.init({ makeCurrent: false });
    const [key] = [...stored.keys()];
    const kept: Roofline = { gigabytesPerSecond: 3, gigaflopsPerSecond: 4 };
    stored.set(key!, new TextEncoder().encode(JSON.stringify(kept)));
    expect(await rooflineOf(other.executor, cache)).toEqual(kept);
    await other.destroy();
    const third = await tg.init({ makeCurrent: false });
    stored.set(key!, new TextEncoder().encode('{"gigabytesPer'));
    const measured = await rooflineOf(third.executor, cache);
    expect(measured.gigaflopsPerSecond).toBeGreaterThan(0.1);
    expect(JSON.parse(new TextDecoder().decode(stored.get(key!)!))).toEqual(measured);
    await third.destroy();
  });
});

describe("profile", () => {
  test("counts the operations of a product exactly, and its bytes", async () => {
    const { data } = await tg.profile(() => tg.matmul(a, b), without);
    const products = data.kernels.filter(({ name }) => name.startsWith("matmul/"));
    expect(products).toHaveLength(1);
    expect(products[0]!.flops).toBe(2 * m * n * k);
    expect(products[0]!.calls).toBe(1);
    const least = 4 * (m * k + k * n + m * n);
    expect(products[0]!.bytes).toBeGreaterThanOrEqual(least);
    expect(products[0]!.bytes).toBeLessThan(1.1 * least);
  });

  test("times are within the run, and rates within reach of the roofline", async () => {
    const { data } = await tg.profile(() => tg.gelu(tg.matmul(a, b)), { repeats: 3 });
    expect(data.runs).toBe(3);
    const { timedWallMilliseconds: wall } = data.host;
    expect(data.device.busyMilliseconds).toBeLessThanOrEqual(wall + 0.001);
    for (const { startMilliseconds, milliseconds } of data.dispatches) {
      expect(startMilliseconds).toBeGreaterThanOrEqual(0);
      expect(startMilliseconds + milliseconds).toBeLessThanOrEqual(wall + 0.001);
    }
    const product = data.kernels.find(({ name }) => name.startsWith("matmul/"))!;
    if (!product.belowResolution) {
      expect(product.peakFraction).toBeGreaterThan(0);
      expect(product.peakFraction).toBeLessThan(2);
      expect(product.bandwidthFraction).toBeLessThan(2);
    }
    expect(data.host.dispatches).toBe(data.dispatches.length);
    expect(data.host.encodeMilliseconds).toBeLessThanOrEqual(data.host.wallMilliseconds);
  });

  test("gives the text of each program that ran, once, and leaves it out of the JSON", async () => {
    const result = await tg.profile(() => tg.matmul(a, b).add(tg.matmul(a, b)), without);
    const ran = new Set(result.data.dispatches.map(({ program }) => program));
    expect(result.programs.map(({ program }) => program).sort()).toEqual([...ran].sort());
    for (const { kernel, program, wgsl, overrides } of result.programs) {
      expect(program.startsWith(kernel)).toBe(true);
      expect(wgsl).toContain("@compute");
      for (const name of Object.keys(overrides)) expect(wgsl).toContain(`override ${name}`);
    }
    expect(JSON.stringify(result)).not.toContain("@compute");
  });

  test("the sum of the kernels is that of the dispatches", async () => {
    const { data } = await tg.profile(() => tg.softmax(tg.matmul(a, b), -1), {
      ...without,
      repeats: 1,
    });
    const kernels = data.kernels.reduce((sum, { totalMilliseconds }) => sum + totalMilliseconds, 0);
    expect(kernels).toBeCloseTo(data.device.busyMilliseconds, 9);
    const shapes = data.shapes.reduce((sum, { totalMilliseconds }) => sum + totalMilliseconds, 0);
    expect(shapes).toBeCloseTo(kernels, 9);
  });

  test("calls the function for warm-up, once by the clock, and as often as it is to be timed", async () => {
    let calls = 0;
    const run = () => {
      calls++;
    };
    await tg.profile(run, { roofline: false, warmup: 2, repeats: 4 });
    expect(calls).toBe(7);
    calls = 0;
    const { data } = await tg.profile(run, { roofline: false, warmup: 0, repeats: 1 });
    expect(calls).toBe(2);
    expect(data.kernels).toEqual([]);
    expect(data.host.compileMilliseconds).toBeNull();
    expect(data.host.firstRunMilliseconds).toBeNull();
  });

  test("says how many programs the warm-up compiled", async () => {
    const x = tg.ones([7]);
    const once = () => tg.acosh(tg.add(x, 3));
    const { data } = await tg.profile(once, without);
    expect(data.host.programsCompiled).toBeGreaterThanOrEqual(1);
    const again = await tg.profile(once, without);
    expect(again.data.host.programsCompiled).toBe(0);
    expect(again.data.host.compileMilliseconds).toBe(0);
    x.dispose();
  });

  test("shows the bytes in use as they rise and fall", async () => {
    const big = 1 << 20;
    const { data } = await tg.profile(() => {
      tg.zeros([big / 4]);
    }, without);
    const levels = data.memory.map(({ bytes }) => bytes);
    expect(Math.max(...levels) - levels[0]!).toBeGreaterThanOrEqual(big);
    expect(levels.at(-1)).toBe(levels[0]);
    const times = data.memory.map(({ milliseconds }) => milliseconds);
    expect(times).toEqual([...times].sort((x, y) => x - y));
  });

  test("frees what a function makes and returns, and times one that waits", async () => {
    const live = () => device.pool.report().liveBytes;
    const before = live();
    await tg.profile(() => ({ y: [tg.matmul(a, b)], z: tg.exp(a) }), without);
    expect(live()).toBe(before);
    const { data } = await tg.profile(async () => {
      const y = tg.matmul(a, b);
      const [values] = await tg.readAll([y]);
      expect(values![0]).toBe(k);
      y.dispose();
    }, without);
    expect(data.kernels.some(({ name }) => name.startsWith("matmul/"))).toBe(true);
    expect(live()).toBe(before);
  });

  test("sees the dispatches of compiled functions", async () => {
    const compiled = tg.compile((x: tg.Tensor) => tg.sum(tg.exp(tg.mul(x, 2))));
    const { data } = await tg.profile(() => compiled(a), without);
    expect(data.dispatches.length).toBeGreaterThanOrEqual(1);
    expect(data.dispatches.every(({ bytes }) => bytes > 0)).toBe(true);
    compiled.dispose();
  });

  test("what the function throws comes through, and nothing stays behind", async () => {
    const failing = (when: number) => {
      let calls = 0;
      return () => {
        tg.exp(a).dispose();
        if (++calls === when) throw new Error("on purpose");
      };
    };
    for (const when of [1, 2, 3])
      await expect(tg.profile(failing(when), without)).rejects.toThrow("on purpose");
    expect(device.pool.onChange).toBeNull();
    expect(await tg.ones([3]).sum().item()).toBe(3);
    const { data } = await tg.profile(() => tg.exp(a), without);
    expect(data.dispatches).toHaveLength(1);
  });

  test.each([
    [{ warmup: -1 }, /warmup is -1; it is a whole number >= 0/],
    [{ repeats: 0 }, /repeats is 0; it is a whole number >= 1/],
    [{ repeats: 1.5 }, /repeats is 1\.5/],
  ])("refuses %j", async (options, message) => {
    await expect(tg.profile(() => {}, options)).rejects.toThrow(message);
  });

  test("writes an entry of User Timing for each dispatch where it is asked to", async () => {
    performance.clearMeasures();
    const { data } = await tg.profile(() => tg.matmul(a, b), { ...without, measures: true });
    const entries = performance.getEntriesByType("measure");
    expect(entries.map(({ name }) => name)).toEqual(data.dispatches.map(({ kernel }) => kernel));
    entries.forEach(({ duration }, i) => {
      expect(duration).toBeCloseTo(data.dispatches[i]!.milliseconds, 3);
    });
    performance.clearMeasures();
    await tg.profile(() => tg.matmul(a, b), without);
    expect(performance.getEntriesByType("measure")).toEqual([]);
  });

  test("without timestamps it brackets, and says so", async () => {
    const other = await tg.init({ withoutFeatures: ["timestamp-query"], makeCurrent: false });
    const x = tg.ones([1000], { device: other });
    const profile = await tg.profile(() => tg.exp(x), { ...without, device: other });
    const bracketing = other.executor.timingMethod === "bracketing";
    expect(profile.data.method).toBe(other.executor.timingMethod);
    expect(profile.data.device.idleMilliseconds === null).toBe(bracketing);
    expect(profile.table().includes("timed by bracketing")).toBe(bracketing);
    expect(profile.data.dispatches.map(({ kernel }) => kernel)).toEqual(["pointwise/unary"]);
    await other.destroy();
  });
});

/** What `init` chooses, on platforms that have more or less than this machine. */
import { afterEach, describe, expect, test } from "vitest";
import type { Device } from "../../../src/device/device";
import * as errors from "../../../src/errors";
import { type InitOptions, initOn } from "../../../src/init";
import { nodePlatform } from "../../../src/platform/node";
import type { Platform } from "../../../src/platform/platform";
import { rejection } from "./openExecutor";

const missing = new errors.AdapterError('npm install "webgpu"');

/** A GPU object whose adapter calls itself so, and refuses devices. */
function gpuNamed(description: string, asked: string[] = []): GPU {
  const adapter = {
    info: { vendor: "", architecture: "", device: "", description },
    features: new Set<string>(),
    limits: {},
    requestDevice: async () => {
      asked.push(description);
      throw new Error("no device today");
    },
  };
  return { requestAdapter: async () => adapter } as unknown as GPU;
}

/** Node without WebGPU, but for `has`. */
const platform = (has: Partial<Platform> = {}): Platform => ({
  ...nodePlatform,
  gpu: async () => {
    throw missing;
  },
  hardwareGPU: async () => null,
  wantedExecutor: () => undefined,
  byteCache: async () => null,
  ...has,
});

const devices: Device[] = [];
const init = async (has: Partial<Platform>, options: InitOptions = {}): Promise<string> => {
  const device = await initOn(platform(has), { threads: 0, ...options });
  devices.push(device);
  return device.executor.kind;
};
afterEach(async () => {
  for (const device of devices.splice(0)) await device.destroy();
});

describe("init", () => {
  test("takes the CPU where there is no WebGPU, without a word", async () => {
    expect(await init({})).toBe("cpu");
  });

  test("asks a GPU first, and takes the CPU if it gives no device", async () => {
    const asked: string[] = [];
    expect(await init({ hardwareGPU: async () => gpuNamed("NVIDIA H100", asked) })).toBe("cpu");
    expect(asked).toEqual(["NVIDIA H100"]);
  });

  test("leaves software drivers alone unless they are asked for", async () => {
    const asked: string[] = [];
    const gpu = gpuNamed("llvmpipe (LLVM 19)", asked);
    const has = { gpu: async () => gpu, hardwareGPU: async () => gpu };
    expect(await init(has)).toBe("cpu");
    expect(asked).toEqual([]);
    for (const [more, options] of [
      [{}, { executor: "webgpu" }],
      [{}, { adapter: "llvmpipe" }],
      [{ wantedExecutor: () => "webgpu" }, {}],
    ] satisfies [Partial<Platform>, InitOptions][]) {
      const error = await rejection(init({ ...has, ...more }, options));
      expect(error).toBeInstanceOf(errors.AdapterError);
      expect(String(error)).toContain("refused a device: no device today");
    }
    expect(asked.length).toBe(3);
  });

  test("does not fall back where WebGPU is asked for", async () => {
    expect(await rejection(init({}, { executor: "webgpu" }))).toBe(missing);
    expect(await rejection(init({}, { adapter: "nvidia" }))).toBe(missing);
  });

  test("takes the CPU where that is asked for, by option before by environment", async () => {
    const gpu = { hardwareGPU: () => Promise.reject(new Error("looked for a GPU")) };
    expect(await init(gpu, { executor: "cpu" })).toBe("cpu");
    expect(await init({ ...gpu, wantedExecutor: () => "cpu" })).toBe("cpu");
    expect(await init({ ...gpu, wantedExecutor: () => "webgpu" }, { executor: "cpu" })).toBe("cpu");
  });

  test("refuses what contradicts itself or is unknown, with the choices", async () => {
    const wrong = await rejection(init({}, { executor: "gpu" as "cpu" }));
    expect(wrong).toBeInstanceOf(errors.ArgumentError);
    expect(String(wrong)).toMatch(/executor is "gpu"; it is one of auto, webgpu, cpu/);
    const both = await rejection(init({}, { executor: "cpu", adapter: "nvidia" }));
    expect(both).toBeInstanceOf(errors.ArgumentError);
    expect(String(both)).toContain('adapter "nvidia"');
  });

  test("hands its options on", async () => {
    await init(
      {},
      { threads: 2, limits: { maxBufferBytes: 1024 }, withoutFeatures: ["subgroups"] },
    );
    const { adapter, limits } = devices[0]!.executor;
    expect(adapter.description).toContain("2 threads");
    expect(adapter.features).toEqual(["shader-f16", "timestamp-query"]);
    expect(limits.maxBufferBytes).toBe(1024);
  });
});

describe("TILEGRAD_ADAPTER", () => {
  const before = process.env["TILEGRAD_ADAPTER"];
  afterEach(() => {
    if (before === undefined) delete process.env["TILEGRAD_ADAPTER"];
    else process.env["TILEGRAD_ADAPTER"] = before;
  });

  test("chooses the executor in Node", () => {
    for (const [name, executor] of [
      ["cpu", "cpu"],
      ["lavapipe", "webgpu"],
      ["gpu", "webgpu"],
      ["", undefined],
    ] as const) {
      process.env["TILEGRAD_ADAPTER"] = name;
      expect(nodePlatform.wantedExecutor()).toBe(executor);
    }
    process.env["TILEGRAD_ADAPTER"] = "tpu";
    expect(() => nodePlatform.wantedExecutor()).toThrow(/"tpu"; it is one of cpu, gpu, lavapipe/);
  });
});

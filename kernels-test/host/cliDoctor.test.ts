import { describe, expect, test } from "vitest";
import type { ProbeLine } from "../../src/cli/adapterProbe";
import { type ProbeResult, surveyAdapters } from "../../src/cli/adapterSurvey";
import type { AdapterChoice } from "../../src/cli/deviceFlags";

const LAVAPIPE = "/usr/share/vulkan/icd.d/lvp_icd.json";
const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";
const MOUNTED_GPU = "/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json";

const works = (description: string): ProbeLine => ({
  works: true,
  report: {
    vendor: "",
    architecture: "",
    device: "",
    description,
    class: /llvmpipe|SwiftShader/.test(description) ? "software" : "hardware",
    features: [],
    subgroupMinSize: 8,
    subgroupMaxSize: 8,
  },
  limits: {
    maxBufferBytes: 1,
    maxBindingBytes: 1,
    maxStorageBuffers: 8,
    maxWorkgroupsPerDimension: 1,
    maxInvocationsPerWorkgroup: 1,
    maxWorkgroupBytes: 1,
  },
  seconds: 1,
});

const shows = (...names: string[]): ProbeResult => ({
  lines: [{ names }, ...names.map(works)],
  ending: null,
});

/** A Linux machine whose drivers answer as given; "" is what the system offers unasked. */
function machine(
  drivers: Readonly<Record<string, ProbeResult>>,
  { env = {}, wanted }: { env?: Record<string, string>; wanted?: AdapterChoice } = {},
) {
  const asked: string[] = [];
  const survey = surveyAdapters({
    wanted,
    machine: {
      platform: "linux",
      env,
      exists: (file) => file in drivers,
      list: (folder) =>
        Object.keys(drivers).flatMap((file) =>
          file.startsWith(`${folder}/`) ? [file.slice(folder.length + 1)] : [],
        ),
    },
    runProbe: async ({ VK_DRIVER_FILES = "" }) => {
      asked.push(VK_DRIVER_FILES);
      return drivers[VK_DRIVER_FILES] ?? { lines: [{ names: [] }], ending: null };
    },
  });
  return { survey, asked };
}

describe("surveyAdapters", () => {
  test("software drivers are listed once each, and left alone where there is no GPU", async () => {
    const { survey, asked } = machine({
      "": shows("llvmpipe"),
      [LAVAPIPE]: shows("llvmpipe"),
      [SWIFTSHADER]: shows("SwiftShader"),
    });
    const { adapters, executor, chosen, why } = await survey;
    expect(adapters.map(({ name, driverFile }) => [name, driverFile])).toEqual([
      ["llvmpipe", null],
      ["SwiftShader", SWIFTSHADER],
    ]);
    expect([executor, chosen]).toEqual(["cpu", null]);
    expect(why).toMatch(/There is no GPU, and software drivers .* when they are asked for/);
    expect(asked).toEqual(["", SWIFTSHADER]);
  });

  test("a GPU whose driver the loader does not see comes before software drivers", async () => {
    const { survey } = machine({ "": shows("llvmpipe"), [MOUNTED_GPU]: shows("Some GPU") });
    const { executor, chosen, why } = await survey;
    expect(executor).toBe("webgpu");
    expect(chosen).toMatchObject({ name: "Some GPU", driver: "gpu", driverFile: MOUNTED_GPU });
    expect(why).toMatch(/It is a GPU/);
  });

  test("all adapters of one driver are listed, the first of them chosen", async () => {
    const { adapters, chosen, why } = await machine({ "": shows("Big GPU", "Small GPU") }).survey;
    expect(adapters.map(({ name }) => name)).toEqual(["Big GPU", "Small GPU"]);
    expect(chosen?.name).toBe("Big GPU");
    expect(why).toMatch(/first of the GPUs/);
  });

  test("the driver that is asked for is chosen, the others still listed", async () => {
    const drivers = { "": shows("llvmpipe"), [SWIFTSHADER]: shows("SwiftShader") };
    const { adapters, chosen, why } = await machine(drivers, { wanted: "swiftshader" }).survey;
    expect(adapters.map(({ name }) => name).sort()).toEqual(["SwiftShader", "llvmpipe"]);
    expect(chosen?.name).toBe("SwiftShader");
    expect(why).toBe("--adapter or TILEGRAD_ADAPTER asks for it.");
  });

  test("a driver that is asked for and not there leaves nothing chosen, although others are", async () => {
    const { survey } = machine({ "": shows("llvmpipe") }, { wanted: "gpu" });
    const { adapters, executor, chosen, why } = await survey;
    expect(adapters).toHaveLength(1);
    expect([executor, chosen]).toEqual(["webgpu", null]);
    expect(why).toMatch(/asks for gpu, which was not found/);
  });

  test("the CPU executor that is asked for comes before a GPU", async () => {
    const { survey } = machine({ "": shows("Some GPU") }, { wanted: "cpu" });
    expect(await survey).toMatchObject({
      executor: "cpu",
      chosen: null,
      why: "--adapter or TILEGRAD_ADAPTER asks for it.",
    });
  });

  test("a GPU that gives no device is passed over, as init does", async () => {
    const refusing: ProbeResult = {
      lines: [{ names: ["Busy GPU"] }, { works: false, problem: "no device today", refused: true }],
      ending: null,
    };
    const { executor, why } = await machine({ "": refusing }).survey;
    expect(executor).toBe("cpu");
    expect(why).toBe("The GPU, Busy GPU, gives no device.");
  });

  test("VK_DRIVER_FILES keeps other software drivers from being looked for", async () => {
    const drivers = { "": shows("SwiftShader"), [LAVAPIPE]: shows("llvmpipe") };
    const { survey, asked } = machine(drivers, { env: { VK_DRIVER_FILES: SWIFTSHADER } });
    expect((await survey).adapters.map(({ name }) => name)).toEqual(["SwiftShader"]);
    expect(asked).toEqual([""]);
  });

  test("a driver that crashes is said to, and what it had answered before counts", async () => {
    const crashing: ProbeResult = {
      lines: [{ names: ["Good GPU", "Bad GPU", "Third GPU"] }, works("Good GPU")],
      ending: "the driver crashed (SIGSEGV)",
    };
    const { adapters, chosen } = await machine({ "": crashing }).survey;
    expect(chosen).toMatchObject({ name: "Good GPU", works: true });
    expect(adapters.slice(1)).toMatchObject([
      { works: false, problem: "the driver crashed (SIGSEGV)" },
      { works: false, problem: "it was not tried" },
    ]);
  });

  test("an adapter that computes wrong is chosen and does not work, as in a real run", async () => {
    const problem = "it computes a sum wrong: element 3 is 0, not 5";
    const wrong: ProbeResult = {
      lines: [{ names: ["Odd GPU"] }, { works: false, problem }],
      ending: null,
    };
    const { chosen } = await machine({ "": wrong, [LAVAPIPE]: shows("llvmpipe") }).survey;
    expect(chosen).toMatchObject({ name: "Odd GPU", works: false, problem });
  });

  test("without the webgpu package there is its message, and the CPU executor", async () => {
    const none: ProbeResult = { lines: [{ noWebGPU: "npm install webgpu" }], ending: null };
    expect(await machine({ "": none }).survey).toEqual({
      adapters: [],
      executor: "cpu",
      chosen: null,
      why: "There is no GPU.",
      noWebGPU: "npm install webgpu",
    });
  });
});

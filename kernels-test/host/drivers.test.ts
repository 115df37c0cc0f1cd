import { describe, expect, test } from "vitest";
import { findChromium } from "../../setup/browsers.mjs";
import {
  type AdapterIdentity,
  driverCandidates,
  driverOf,
  type Machine,
  searchDrivers,
} from "../../setup/drivers.mjs";

const lavapipe = "/usr/share/vulkan/icd.d/lvp_icd.json";
const swiftshader = "/usr/lib/chromium/vk_swiftshader_icd.json";
const mounted = "/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json";

const machine = (files: string[], env = {}, platform = "linux"): Machine => ({
  platform,
  env,
  exists: (file) => files.includes(file),
  list: (folder) =>
    files
      .filter((file) => file.slice(0, file.lastIndexOf("/")) === folder)
      .map((file) => file.slice(folder.length + 1)),
});

const full = machine([lavapipe, "/usr/share/vulkan/icd.d/radeon_icd.json", swiftshader, mounted]);
const kinds = (...args: Parameters<typeof driverCandidates>) =>
  driverCandidates(...args).map(({ kind }) => kind);

const identity = (description: string): { info: AdapterIdentity } => ({
  info: { vendor: "", architecture: "", device: "", description },
});
const gpu = identity("NVIDIA H100");
const llvmpipe = identity("llvmpipe: Mesa 25.0.7");
const swift = identity("SwiftShader driver 5.0.0");

describe("the search for a driver", () => {
  test("tries the system, then mounted GPU drivers, then software drivers", () => {
    expect(kinds(undefined, full)).toEqual(["system", "gpu", "lavapipe", "swiftshader"]);
  });

  test("a chosen software driver is named to the loader before the system's own is tried", () => {
    const [first] = driverCandidates("swiftshader", full);
    expect(first?.env["VK_DRIVER_FILES"]).toBe(swiftshader);
    expect(first?.env["VK_ICD_FILENAMES"]).toBe(swiftshader);
    expect(kinds("lavapipe", full)).toEqual(["lavapipe", "system"]);
  });

  test("the user's VK_DRIVER_FILES is respected", () => {
    expect(kinds(undefined, { ...full, env: { VK_DRIVER_FILES: "/mine.json" } })).toEqual([
      "system",
    ]);
  });

  test.each(["darwin", "win32"])("%s has only the system's own", (platform) => {
    expect(kinds(undefined, { ...full, platform })).toEqual(["system"]);
  });

  test("a GPU that the loader does not see wins over a software driver that it does", async () => {
    const found = await searchDrivers(
      undefined,
      async ({ kind }) => ({ system: llvmpipe, gpu, lavapipe: llvmpipe, swiftshader: swift })[kind],
      full,
    );
    expect(found).toMatchObject({ driver: "gpu", candidate: { kind: "gpu" } });
  });

  test("once a software adapter is found, no other software driver is loaded", async () => {
    const looked: string[] = [];
    const found = await searchDrivers(
      undefined,
      async ({ kind }) => {
        looked.push(kind);
        return kind === "system" ? llvmpipe : null;
      },
      full,
    );
    expect(found?.driver).toBe("lavapipe");
    expect(looked).toEqual(["system", "gpu"]);
  });

  test("a choice never settles for another driver", async () => {
    expect(await searchDrivers("lavapipe", async () => gpu, full)).toBeNull();
    expect(await searchDrivers("gpu", async () => llvmpipe, full)).toBeNull();
  });

  test("an adapter is told by what it calls itself", () => {
    expect([gpu, llvmpipe, swift].map(({ info }) => driverOf(info))).toEqual([
      "gpu",
      "lavapipe",
      "swiftshader",
    ]);
    expect(driverOf({ ...gpu.info, isFallbackAdapter: true })).toBe("software");
  });
});

test("the first installed browser that can run WebGPU is taken", () => {
  expect(findChromium("linux", (file) => file === "/usr/bin/google-chrome")).toBe(
    "/usr/bin/google-chrome",
  );
  expect(findChromium("linux", () => false)).toBeNull();
});

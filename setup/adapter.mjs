// Finds what a child process shall compute on: a WebGPU adapter, whose software drivers it can install, or
// the CPU executor, which needs nothing.

import { aptInstall, aptPrefix, distribution, ensureBackports } from "./apt.mjs";
import { installChromium } from "./chromium.mjs";
import { driverAdvice, driverNames, searchDrivers } from "./drivers.mjs";
import { probeAdapter } from "./probe.mjs";
import { SetupError } from "./setupError.mjs";

const titles = {
  gpu: "GPU",
  lavapipe: "software, Mesa lavapipe",
  swiftshader: "software, SwiftShader",
  software: "software",
};

const search = (root, choice) =>
  searchDrivers(choice, async ({ env }) => {
    const { loadError, info, features } = probeAdapter(root, env);
    if (loadError)
      throw new SetupError(
        `Dawn, the WebGPU of Node (npm package webgpu), does not load here:\n\n${loadError}\n\n` +
          "It is built for macOS, Windows, and Linux with glibc, on x64 and arm64.",
      );
    return info ? { info, features } : null;
  });

function installLavapipe() {
  const { id, codename } = distribution();
  const packages = ["mesa-vulkan-drivers", "libvulkan1"];
  console.log(`set-up: no Vulkan driver that Dawn can use; installing ${packages[0]} with apt`);
  try {
    // Dawn finds no adapter on Debian 12's own Mesa 22.3.6.
    const old = id === "debian" && codename === "bookworm";
    aptInstall(packages, old ? ensureBackports(codename) : undefined);
  } catch (error) {
    throw new SetupError(`${error.message}\n\n${driverAdvice()}`);
  }
}

/**
 * The environment (VK_DRIVER_FILES) that a child needs to get the driver `choice`, one of driverNames.
 * Prints what was found. Throws SetupError with instructions if it is not there and cannot be installed.
 */
export async function ensureAdapter(root, choice) {
  let found = await search(root, choice);
  const installable = choice !== "gpu" && aptPrefix();
  if (!found && installable) {
    if (choice === "swiftshader") installChromium();
    else installLavapipe();
    found = await search(root, choice);
  }
  if (!found)
    throw new SetupError(
      choice === "swiftshader"
        ? "SwiftShader was not found: it is installed beside Chromium or Chrome on Linux."
        : `No ${choice} was found.\n${driverAdvice()}`,
    );
  const { info, features } = found.adapter;
  const offered = ["shader-f16", "subgroups", "timestamp-query"].filter((f) =>
    features.includes(f),
  );
  console.log(
    `adapter: ${info.description || info.device} (${titles[found.driver]}; ${offered.join(", ")})`,
  );
  return found.candidate.env;
}

/**
 * The environment in which a child computes on what is asked for (`cpu` or one of driverNames), else on a
 * GPU that works, else on the CPU executor. Drivers are tried in processes of their own, since a bad one
 * may crash the program that loads it.
 */
export async function chooseExecutor(root, choice = process.env.TILEGRAD_ADAPTER) {
  if (choice === "cpu") return { TILEGRAD_ADAPTER: "cpu" };
  if (driverNames.includes(choice))
    return { ...(await ensureAdapter(root, choice)), TILEGRAD_ADAPTER: choice };
  // The program says what is wrong with an unknown one.
  if (choice) return {};
  const gpu = await search(root, "gpu").catch((error) => {
    if (error instanceof SetupError) return null;
    throw error;
  });
  if (!gpu) {
    console.log("adapter: the CPU executor, for no GPU was found");
    return { TILEGRAD_ADAPTER: "cpu" };
  }
  const { info } = gpu.adapter;
  console.log(`adapter: ${info.description || info.device} (${titles.gpu})`);
  return { ...gpu.candidate.env, TILEGRAD_ADAPTER: "gpu" };
}

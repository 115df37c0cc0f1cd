// Finds a WebGPU adapter for a child process, installing a software driver where that is possible.

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
 * The adapter to use and the environment (VK_DRIVER_FILES) that a child needs to get it. Prints what
 * was found. Throws SetupError with instructions if there is none and none can be installed.
 * `choice` is one of driverNames, by default TILEGRAD_ADAPTER; without it, the best one found.
 */
export async function ensureAdapter(root, choice = process.env.TILEGRAD_ADAPTER || undefined) {
  if (choice && !driverNames.includes(choice))
    throw new SetupError(
      `TILEGRAD_ADAPTER is "${choice}": use ${driverNames.join(", ")}, or leave it unset.`,
    );
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
        : `No ${choice ?? "WebGPU adapter"} was found.\n${driverAdvice()}`,
    );
  const { info, features } = found.adapter;
  const offered = ["shader-f16", "subgroups", "timestamp-query"].filter((f) =>
    features.includes(f),
  );
  console.log(
    `adapter: ${info.description || info.device} (${titles[found.driver]}; ${offered.join(", ")})`,
  );
  return { ...found.adapter, driver: found.driver, env: found.candidate.env };
}

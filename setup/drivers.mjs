// Which Vulkan drivers this machine may offer to Dawn, and the order in which to try them.
//
// The Vulkan loader finds most drivers by itself. Three kinds need to be named to it through
// VK_DRIVER_FILES: a GPU driver mounted into a container, a software driver that must win over the
// one the loader would take, and the SwiftShader that Chromium ships beside its executable. The
// loader reads the variable when a Vulkan instance is made, so it must be set before `create()`.
//
// macOS (Metal) and Windows (Direct3D 12) have exactly one candidate: what the system offers.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

export const driverNames = ["gpu", "lavapipe", "swiftshader"];

const loaderFolders = [
  "/etc/vulkan/icd.d",
  "/usr/local/share/vulkan/icd.d",
  "/usr/share/vulkan/icd.d",
  "/run/opengl-driver/share/vulkan/icd.d",
];

// The NVIDIA container runtime mounts its driver where the loader does not look.
const mountedGpuFolders = ["/usr/local/nvidia/share/vulkan/icd.d"];

const browserFolders = [
  "/usr/lib/chromium",
  "/usr/lib/chromium-browser",
  "/usr/lib64/chromium-browser",
  "/opt/google/chrome",
  "/opt/microsoft/msedge",
  "/snap/chromium/current/usr/lib/chromium-browser",
];

export const thisMachine = {
  platform: process.platform,
  env: process.env,
  exists: existsSync,
  list: (folder) => (existsSync(folder) ? readdirSync(folder) : []),
};

/**
 * VK_ICD_FILENAMES is the name that loaders before 1.3.207 know; later ones ignore it when
 * VK_DRIVER_FILES is set.
 */
const naming = (file) => ({ VK_DRIVER_FILES: file, VK_ICD_FILENAMES: file });

export function driverCandidates(choice, machine = thisMachine) {
  const system = { kind: "system", env: {} };
  const { platform, env, exists, list } = machine;
  if (platform !== "linux") return [system];

  const matching = (folders, pattern) =>
    folders.flatMap((folder) =>
      list(folder)
        .filter((name) => pattern.test(name))
        .map((name) => join(folder, name)),
    );
  const candidates = {
    gpu: matching(mountedGpuFolders, /\.json$/),
    lavapipe: matching(loaderFolders, /^lvp_icd.*\.json$/),
    swiftshader: browserFolders
      .map((folder) => join(folder, "vk_swiftshader_icd.json"))
      .filter((file) => exists(file)),
  };
  const of = (kind) => candidates[kind].map((file) => ({ kind, env: naming(file) }));

  if (choice === "gpu") return [system, ...of("gpu")];
  if (choice) return [...of(choice), system];
  if (env.VK_DRIVER_FILES || env.VK_ICD_FILENAMES) return [system];
  return [system, ...of("gpu"), ...of("lavapipe"), ...of("swiftshader")];
}

export function driverOf(info) {
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  if (/llvmpipe|lavapipe/i.test(text)) return "lavapipe";
  if (/swiftshader/i.test(text)) return "swiftshader";
  if (info.isFallbackAdapter || /microsoft basic render/i.test(text)) return "software";
  return "gpu";
}

export async function searchDrivers(choice, look, machine = thisMachine) {
  let software = null;
  for (const candidate of driverCandidates(choice, machine)) {
    if (software && candidate.kind !== "gpu") continue;
    const adapter = await look(candidate);
    if (!adapter) continue;
    const driver = driverOf(adapter.info);
    const found = { candidate, driver, adapter };
    if (driver === (choice ?? "gpu")) return found;
    if (!choice) software ??= found;
  }
  return software;
}

export function driverAdvice(platform = process.platform) {
  switch (platform) {
    case "darwin":
      return "On macOS Dawn uses Metal and needs no driver. In a virtual machine, give it a GPU.";
    case "win32":
      return "On Windows Dawn uses Direct3D 12: update the graphics driver, then try again.";
    default:
      return `Install a Vulkan driver: the one of your GPU, or Mesa's software driver:
  Debian 13+, Ubuntu 22.04+  sudo apt-get install mesa-vulkan-drivers libvulkan1
  Debian 12                  the same with -t bookworm-backports (Debian 12's own Mesa is too old)
  Fedora                     sudo dnf install mesa-vulkan-drivers vulkan-loader
  Arch                       sudo pacman -S vulkan-swrast vulkan-icd-loader
If a driver's .json file is somewhere else, name it in VK_DRIVER_FILES.`;
  }
}

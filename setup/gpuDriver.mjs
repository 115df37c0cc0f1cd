// Finds the Vulkan driver of a machine that may have nothing else: no loader, no file that names the driver.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { driverCandidates, driverOf } from "./drivers.mjs";
import { probeAdapter } from "./probe.mjs";

const libraryFolders = (env) => [
  ...(env.LD_LIBRARY_PATH ?? "").split(":").filter((folder) => folder !== ""),
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib64",
  "/usr/lib",
  // Where container runtimes mount NVIDIA's.
  "/usr/local/nvidia/lib64",
  "/usr/local/nvidia/lib",
  "/usr/lib/wsl/lib",
];

const withLibraries = (env, folder, first) => ({
  LD_LIBRARY_PATH: (first ? [folder, env.LD_LIBRARY_PATH] : [env.LD_LIBRARY_PATH, folder])
    .filter(Boolean)
    .join(":"),
});

/**
 * NVIDIA's Vulkan libraries on this machine. Both hold the whole driver; that of GLX needs X11's client
 * libraries, which a container may lack, and that of EGL does not.
 */
export function nvidiaLibraries(env = process.env, exists = existsSync) {
  return ["libGLX_nvidia.so.0", "libEGL_nvidia.so.0"].flatMap((name) => {
    const folder = libraryFolders(env).find((each) => exists(join(each, name)));
    return folder ? [{ name, folder }] : [];
  });
}

/** The text of a file that names a driver's library to the Vulkan loader. */
export const driverFile = (library) =>
  `${JSON.stringify({ file_format_version: "1.0.0", ICD: { library_path: library, api_version: "1.3.0" } })}\n`;

/** Environments to try: each driver by the machine's own loader, then by the one in `loaderFolder`. */
export function environments(folder, loaderFolder, choice, env = process.env) {
  const named = driverCandidates(choice).map(({ kind, env: variables }) => ({
    driver: kind === "system" ? "named by the machine" : Object.values(variables)[0],
    env: variables,
  }));
  const written =
    choice === "gpu"
      ? nvidiaLibraries(env).map(({ name, folder: libraries }) => {
          mkdirSync(folder, { recursive: true });
          const file = join(folder, `${name}.json`);
          writeFileSync(file, driverFile(join(libraries, name)));
          const variables = { VK_DRIVER_FILES: file, VK_ICD_FILENAMES: file };
          // Its further libraries lie beside it.
          return { driver: file, env: { ...variables, ...withLibraries(env, libraries, false) } };
        })
      : [];
  const own = [...named, ...written].map((each) => ({ ...each, loader: "the machine's" }));
  if (!existsSync(join(loaderFolder, "libvulkan.so.1"))) return own;
  const bundled = own.map((each) => ({
    ...each,
    loader: "the bundle's",
    env: { ...each.env, ...withLibraries({ ...env, ...each.env }, loaderFolder, true) },
  }));
  return [...own, ...bundled];
}

/**
 * The first adapter that runs a kernel: `{ name, loader, driver, env, info, features }`, or null.
 * @param software take lavapipe where there is no GPU
 */
export function findDriver(root, folder, loaderFolder, software) {
  for (const choice of software ? ["gpu", "lavapipe"] : ["gpu"])
    for (const candidate of environments(folder, loaderFolder, choice)) {
      const { info, features, loadError } = probeAdapter(root, candidate.env);
      if (loadError) throw new Error(`Dawn does not load here:\n${loadError}`);
      if (info && driverOf(info) === choice) return { name: choice, ...candidate, info, features };
    }
  return null;
}

/** What is missing for a GPU, as far as can be seen. */
export function whyNoGpu(env = process.env) {
  const device = readdirSync("/dev").some((name) => /^nvidia\d+$|^dri$|^dxg$/.test(name));
  if (!device)
    return "There is no GPU device under /dev. In a container: start it with the GPU (docker run --gpus all).";
  if (existsSync("/dev/nvidiactl") && nvidiaLibraries(env).length === 0)
    return (
      "There is an NVIDIA device but not its Vulkan library (libGLX_nvidia.so.0). In a container: start it " +
      "with NVIDIA_DRIVER_CAPABILITIES=all; on the machine: install the driver's graphics part " +
      "(Debian: nvidia-vulkan-icd; Ubuntu: libnvidia-gl-VERSION)."
    );
  return (
    "There is a device, but no Vulkan driver that Dawn can use. NVIDIA's needs libX11.so.6 and " +
    "libXext.so.6 (apt-get install libx11-6 libxext6) or its libEGL_nvidia.so.0; others: mesa-vulkan-drivers."
  );
}

/** Node: WebGPU through Dawn, npm `webgpu`, an optional peer. */
import { AdapterError } from "../errors";
import type { Platform } from "./platform";

const dawnOptions = [
  // Timestamps are otherwise masked to 65.5 microseconds, above most kernels here.
  "disable-dawn-features=timestamp_quantization",
  "enable-dawn-features=allow_unsafe_apis",
];

/** Kept for the life of the process: Dawn crashes when it is collected while in use. */
let dawn: Promise<GPU> | null = null;

async function start(): Promise<GPU> {
  if (globalThis.navigator?.gpu) return globalThis.navigator.gpu;
  let webgpu: typeof import("webgpu");
  try {
    webgpu = await import("webgpu");
  } catch (error) {
    throw new AdapterError(
      `In Node, tilegrad needs the package "webgpu" (Dawn). Install it beside tilegrad: npm install webgpu. (${error instanceof Error ? error.message : error})`,
    );
  }
  Object.assign(globalThis, webgpu.globals);
  return webgpu.create(dawnOptions);
}

export const nodePlatform: Platform = {
  name: "node",
  waitingSpins: true,
  gpu() {
    dawn ??= start();
    return dawn;
  },
};

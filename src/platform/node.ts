/** Node and Deno: WebGPU through Dawn (npm `webgpu`, an optional peer) or their own, worker threads, the user's cache folder. */
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  type DriverCandidate,
  type DriverName,
  driverAdvice,
  driverNames,
  searchDrivers,
} from "../../setup/drivers.mjs";
import { AdapterError, ArgumentError } from "../errors";
import { openNodeCache } from "./nodeCache";
import { startNodeThread } from "./nodeThreads";
import type { Platform } from "./platform";

const dawnOptions = [
  // Timestamps are otherwise masked to 65.5 microseconds, above most kernels here.
  "disable-dawn-features=timestamp_quantization",
  "enable-dawn-features=allow_unsafe_apis",
];

type Dawn = typeof import("webgpu");

async function loadDawn(): Promise<Dawn> {
  try {
    const dawn = await import("webgpu");
    Object.assign(globalThis, dawn.globals);
    return dawn;
  } catch (error) {
    throw new AdapterError(
      `In Node, WebGPU needs the package "webgpu" (Dawn). Install it beside tilegrad: npm install webgpu. (${error instanceof Error ? error.message : error})`,
    );
  }
}

/**
 * The WebGPU of the home itself, as Deno has one. Deno would also take OpenGL, through which it computes wrong
 * numbers without an error (2.9 on Mesa 22: a first loss of 0.009 in place of 0.191).
 */
function ownGPU(): GPU | undefined {
  if ("Deno" in globalThis) process.env["DENO_WEBGPU_BACKEND"] ??= "vulkan,metal,dx12";
  return globalThis.navigator?.gpu;
}

/** Kept for the life of the process: Dawn crashes when one is collected while in use. */
const held: unknown[] = [];
let dawn: Promise<Dawn> | null = null;
let preferred: Promise<GPU> | null = null;

function load(): Promise<Dawn> {
  dawn ??= loadDawn();
  return dawn;
}

function create({ create }: Dawn, ...options: string[]): GPU {
  const gpu = create([...dawnOptions, ...options]);
  held.push(gpu);
  return gpu;
}

/**
 * What TILEGRAD_ADAPTER asks for, if it does: a driver, or "cpu" for the CPU executor.
 * @throws ArgumentError for an unknown one
 */
export function wantedAdapter(): DriverName | "cpu" | undefined {
  const name = process.env["TILEGRAD_ADAPTER"];
  if (!name) return undefined;
  if (name !== "cpu" && !driverNames.includes(name as DriverName))
    throw new ArgumentError(
      `TILEGRAD_ADAPTER is "${name}"; it is one of cpu, ${driverNames.join(", ")}, or unset.`,
    );
  return name as DriverName | "cpu";
}

function wantedDriver(): DriverName | undefined {
  const name = wantedAdapter();
  return name === "cpu" ? undefined : name;
}

/** What each driver gave, by its environment: a search may come back to one. */
const looked = new Map<string, Promise<{ info: GPUAdapterInfo; gpu: GPU } | null>>();

function look(loaded: Dawn, { env }: DriverCandidate) {
  const key = JSON.stringify(env);
  let found = looked.get(key);
  if (!found) {
    found = adapterOf(loaded, env);
    looked.set(key, found);
  }
  return found;
}

async function adapterOf(loaded: Dawn, env: DriverCandidate["env"]) {
  const before = Object.keys(env).map((key) => [key, process.env[key]] as const);
  Object.assign(process.env, env);
  const gpu = create(loaded);
  const adapter = await gpu
    .requestAdapter({ powerPreference: "high-performance" })
    .catch(() => null);
  held.push(adapter);
  for (const [key, value] of before)
    if (value === undefined) delete process.env[key];
    else process.env[key] = value;
  return adapter && { info: adapter.info, gpu };
}

/** The driver search of the set-up, in this process: a GPU first, then software drivers. */
async function findDriver(): Promise<GPU> {
  const loaded = await load();
  const found = await searchDrivers(wantedDriver(), (candidate) => look(loaded, candidate));
  if (!found)
    throw new AdapterError(
      `No WebGPU adapter was found; the CPU executor needs none. ${driverAdvice()}`,
    );
  return found.adapter.gpu;
}

/**
 * The files through which drivers reach a GPU on Linux: DRM, NVIDIA, WSL, Arm Mali, Qualcomm Adreno, NVIDIA
 * Tegra, Imagination. Where none is there, Dawn need not be asked, which costs time and prints warnings.
 */
const gpuFiles = /^(dri|nvidia\d*|dxg|mali\d*|kgsl-3d0|nvhost-.*|nvmap|pvr.*)$/;

const mayHaveGPU = (): boolean =>
  process.platform !== "linux" || readdirSync("/dev").some((file) => gpuFiles.test(file));

/** The search among the drivers of GPUs alone. */
async function findHardware(): Promise<GPU | null> {
  if (!mayHaveGPU()) return null;
  const loaded = await load();
  const found = await searchDrivers("gpu", (candidate) => look(loaded, candidate));
  return found?.adapter.gpu ?? null;
}

/** V8 gives it to contexts that are made while the flag is set. */
function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  return collect;
}

let collect: (() => void) | null = null;

export const nodePlatform: Platform = {
  name: "node",
  waitingSpins: true,

  async gpu(adapter) {
    const own = ownGPU();
    if (own) return own;
    if (adapter === undefined) {
      preferred ??= findDriver();
      return preferred;
    }
    const gpu = create(await load(), `adapter=${adapter}`);
    const found = await gpu.requestAdapter().catch(() => null);
    held.push(found);
    if (found) return gpu;
    const names = await this.adapterNames();
    throw new AdapterError(
      `No adapter is called "${adapter}". There are: ${names.join("; ") || "none"}.`,
    );
  },

  async adapterNames() {
    // Dawn lists the names only when none fits.
    const gpu = create(await load(), "adapter=?");
    const answer = await gpu
      .requestAdapter({ powerPreference: "high-performance" })
      .catch((error: unknown) => String(error));
    return [...String(answer).matchAll(/name: '([^']*)'/g)].map((match) => match[1]!);
  },

  async hardwareGPU() {
    return ownGPU() ?? findHardware().catch(() => null);
  },

  wantedExecutor() {
    const name = wantedAdapter();
    return name && (name === "cpu" ? "cpu" : "webgpu");
  },

  cores: availableParallelism,

  sharesMemory: () => true,

  startThread: startNodeThread,

  byteCache: async () => openNodeCache(),

  collectGarbage() {
    collect ??= garbageCollector();
    collect();
  },

  pause: () => new Promise((resolve) => setImmediate(resolve)),
};

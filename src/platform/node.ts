/** Node: WebGPU through Dawn, npm `webgpu`, an optional peer. */
import { type DriverName, driverAdvice, driverNames, searchDrivers } from "../../setup/drivers.mjs";
import { AdapterError, ArgumentError } from "../errors";
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
      `In Node, tilegrad needs the package "webgpu" (Dawn). Install it beside tilegrad: npm install webgpu. (${error instanceof Error ? error.message : error})`,
    );
  }
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

/** The driver that TILEGRAD_ADAPTER asks for, if it does. @throws ArgumentError for an unknown one */
export function wantedDriver(): DriverName | undefined {
  const name = process.env["TILEGRAD_ADAPTER"];
  if (!name) return undefined;
  if (!driverNames.includes(name as DriverName))
    throw new ArgumentError(
      `TILEGRAD_ADAPTER is "${name}"; it is one of ${driverNames.join(", ")}, or unset.`,
    );
  return name as DriverName;
}

/** The driver search of the set-up, in this process: a GPU first, then software drivers. */
async function findDriver(): Promise<GPU> {
  const loaded = await load();
  const found = await searchDrivers(wantedDriver(), async ({ env }) => {
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
  });
  if (!found) throw new AdapterError(`No WebGPU adapter was found. ${driverAdvice()}`);
  return found.adapter.gpu;
}

export const nodePlatform: Platform = {
  name: "node",
  waitingSpins: true,

  async gpu(adapter) {
    if (globalThis.navigator?.gpu) return globalThis.navigator.gpu;
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
};

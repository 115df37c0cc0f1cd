import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { type DriverName, driverCandidates, driverNames } from "./setup/drivers.mjs";

const oneProcessAtATime = { pool: "forks", isolate: true, fileParallelism: false } as const;

// A file of the numeric tier imports the whole library, which takes as long as its tests: a process imports it once.
const importedOnce = { isolate: false };

// A kernel compiles in up to a second on the software drivers, and some tests have dozens compiled.
const patience = { testTimeout: 180_000, hookTimeout: 180_000 };

/** The run names it; a bare `vitest` computes on the CPU executor, and on lavapipe where Dawn is tested. */
const adapter = process.env["TILEGRAD_ADAPTER"] || "cpu";
const driver = driverNames.find((name) => name === adapter) ?? "lavapipe";

/** `setup/test.mjs` has set the driver's variables already. */
const driverVariables = (name: DriverName): Readonly<Record<string, string>> =>
  process.env["VK_DRIVER_FILES"] ? {} : (driverCandidates(name)[0]?.env ?? {});

// Dawn crashes in worker threads. On a software driver a process keeps little more than one core busy, for
// kernels compile on one; a GPU is for one process. Lavapipe's threads wait for each other at the end of each
// dispatch, for milliseconds where those of another process have the core: so that each process has its own.
const cores = availableParallelism();
const processes = driver === "gpu" ? 1 : Math.min(cores, 4);
const dawn = {
  ...oneProcessAtATime,
  fileParallelism: processes > 1,
  maxWorkers: processes,
  ...patience,
  env: {
    TILEGRAD_ADAPTER: driver,
    LP_NUM_THREADS: String(Math.floor(cores / processes)),
    ...driverVariables(driver),
  },
  setupFiles: ["kernels-test/dawn.setup.ts"],
};

/** The CPU executor needs no driver, and no Dawn. A process has threads of its own for what takes long. */
const cpu = {
  ...patience,
  pool: "forks",
  maxWorkers: Math.min(availableParallelism(), 4),
  env: { TILEGRAD_ADAPTER: "cpu" },
};

const tiers = {
  host: { pool: "forks", testTimeout: 20_000 },
  static: { pool: "forks", ...patience },
  numeric: { ...(adapter === "cpu" ? cpu : dawn), ...importedOnce },
  dawn,
  pipelines: dawn,
  // Its many small shaders compile twice as fast on lavapipe without optimizations.
  conformance: { ...dawn, env: { ...dawn.env, GALLIVM_PERF: "nopt" } },
  browser: {
    ...oneProcessAtATime,
    ...patience,
    globalSetup: ["kernels-test/browser/examplesFolder.ts"],
    setupFiles: ["kernels-test/browser.setup.ts"],
  },
  deno: { ...cpu, env: { ...cpu.env, ...driverVariables("swiftshader") } },
};

export default defineConfig({
  test: {
    projects: Object.entries(tiers).map(([name, options], groupOrder) => ({
      test: {
        name,
        include: [`kernels-test/${name}/**/*.test.{ts,mjs}`],
        sequence: { groupOrder },
        ...options,
      },
    })),
  },
});

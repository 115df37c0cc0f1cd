import { defineConfig } from "vitest/config";
import { type DriverName, driverCandidates } from "./setup/drivers.mjs";

// Dawn crashes in worker threads, and two processes on one software driver only slow each other.
const oneProcessAtATime = { pool: "forks", isolate: true, fileParallelism: false } as const;

// A kernel compiles in up to a second on the software drivers.
const patience = { testTimeout: 60_000, hookTimeout: 120_000 };

/** `npm test` has set the driver's variables; a bare `vitest` names one through TILEGRAD_ADAPTER. */
const choice = process.env["TILEGRAD_ADAPTER"];

function driverVariables(): Readonly<Record<string, string>> {
  if (process.env["VK_DRIVER_FILES"]) return {};
  return driverCandidates(choice as DriverName | undefined)[0]?.env ?? {};
}

const dawn = {
  ...oneProcessAtATime,
  ...patience,
  env: choice === "cpu" ? {} : driverVariables(),
  setupFiles: ["kernels-test/dawn.setup.ts"],
};

/** The CPU executor needs no driver, and no Dawn. */
const numeric = choice === "cpu" ? { ...patience, pool: "forks", isolate: true } : dawn;

const tier = (name: string, options: object) => ({
  test: {
    name,
    include: [`kernels-test/${name}/**/*.test.{ts,mjs}`],
    sequence: { groupOrder: ["host", "static", "numeric", "conformance", "browser"].indexOf(name) },
    ...options,
  },
});

export default defineConfig({
  test: {
    projects: [
      tier("host", { pool: "forks", testTimeout: 20_000 }),
      tier("static", dawn),
      tier("numeric", numeric),
      tier("conformance", dawn),
      tier("browser", { ...oneProcessAtATime, ...patience }),
    ],
  },
});

// npm test: sets up what is missing, then runs the checks and the four tiers. The last line is
// "N passed, N failed".
//
//   npm test -- --tier host               one tier: check, host, static, numeric, browser (repeatable)
//   npm test -- --tier numeric --adapter gpu   the numeric tier on one driver only
//   npm test -- kernels-test/host/x.test.ts    the files whose path contains this

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ensureAdapter } from "./adapter.mjs";
import { build } from "./build.mjs";
import { ensureChromium } from "./chromium.mjs";
import { ensureDependencies } from "./dependencies.mjs";
import { driverNames } from "./drivers.mjs";
import { SetupError } from "./setupError.mjs";
import { failed, passed, sum, tallyVitest } from "./tally.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const tiers = ["check", "host", "static", "numeric", "browser"];

const flags = {
  tier: { type: "string", multiple: true, default: [] },
  adapter: { type: "string" },
};

function options() {
  let parsed;
  try {
    parsed = parseArgs({ options: flags, allowPositionals: true });
  } catch (error) {
    throw new SetupError(error.message);
  }
  const { values, positionals } = parsed;
  const unknown = values.tier.find((tier) => !tiers.includes(tier));
  if (unknown) throw new SetupError(`--tier ${unknown}: use ${tiers.join(", ")}.`);
  if (values.adapter && !driverNames.includes(values.adapter))
    throw new SetupError(`--adapter ${values.adapter}: use ${driverNames.join(", ")}.`);
  return { chosen: values.tier, adapter: values.adapter, files: positionals };
}

/** Both software drivers: they differ in subgroup size, f16, denormals and limits. */
function plannedRuns({ chosen, adapter, files }) {
  const numeric = adapter ? [adapter] : ["lavapipe", "swiftshader"];
  const runs = [
    { tier: "check", name: "type check", program: ["typescript/bin/tsc", "--noEmit"] },
    { tier: "check", name: "lint", program: ["@biomejs/biome/bin/biome", "check", "."] },
    { tier: "host", name: "host" },
    { tier: "static", name: "static", adapter: adapter ?? "lavapipe" },
    ...numeric.map((driver) => ({ tier: "numeric", name: `numeric ${driver}`, adapter: driver })),
    { tier: "browser", name: "browser" },
  ];
  return runs.filter(({ tier }) =>
    chosen.length > 0 ? chosen.includes(tier) : files.length === 0 || tier !== "check",
  );
}

const node = (args, env = {}) =>
  spawnSync(process.execPath, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...env },
  }).status;

const installed = (path) => join(root, "node_modules", path);

const adapters = new Map();
function adapterOn(driver) {
  if (!adapters.has(driver)) adapters.set(driver, ensureAdapter(root, driver));
  return adapters.get(driver);
}

async function prepare(run) {
  if (run.tier === "browser") ensureChromium();
  if (!run.adapter) return {};
  const { env } = await adapterOn(run.adapter);
  return { ...env, TILEGRAD_ADAPTER: run.adapter };
}

function execute(run, env, files, reports) {
  console.log(`\n── ${run.name}`);
  if (run.program) {
    const [script, ...args] = run.program;
    const code = node([installed(script), ...args]);
    return code === 0 ? passed() : failed(run.name, `${script} ended with ${code}; see above`);
  }
  const report = join(reports, `${run.name}.json`);
  const args = ["run", "--project", run.tier, "--reporter=default", "--reporter=json"];
  if (files.length > 0) args.push("--passWithNoTests");
  const code = node(
    [installed("vitest/vitest.mjs"), ...args, `--outputFile.json=${report}`, ...files],
    env,
  );
  return tallyVitest(run.name, report, code, root, files.length > 0);
}

async function testEverything(reports) {
  const { files, ...choice } = options();
  ensureDependencies(root);
  const runs = [];
  const tallies = [];
  for (const run of plannedRuns({ ...choice, files })) {
    try {
      runs.push([run, await prepare(run)]);
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      console.error(error.message);
      tallies.push(failed(run.name, `the tier is missing: ${error.message}`));
    }
  }
  build(root);
  for (const [run, env] of runs) tallies.push(execute(run, env, files, reports));
  const total = sum(tallies);
  return total.passed + total.failures.length > 0 ? total : failed(files.join(" "), "no such test");
}

const reports = mkdtempSync(join(tmpdir(), "tilegrad-test-"));
let total;
try {
  total = await testEverything(reports);
} catch (error) {
  total = failed("set-up", error instanceof SetupError ? error.message : error.stack);
} finally {
  rmSync(reports, { recursive: true });
}

for (const { name, reason } of total.failures)
  console.log(`\nFAILED ${name}\n  ${reason.trim().split("\n").slice(0, 12).join("\n  ")}`);
console.log(`\n${total.passed} passed, ${total.failures.length} failed`);
process.exitCode = total.failures.length > 0 ? 1 : 0;

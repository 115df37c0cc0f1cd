// npm test: the checks and the tiers that need nothing but Node. npm run test:all: those, and the tiers on
// Dawn and in Chromium, which it sets up. The last line is "N passed, N failed".
//
//   npm test -- --tier host                    one tier, whatever it needs (repeatable)
//   npm test -- --tier numeric --adapter gpu   the numeric tier on one adapter
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
import { ensureDeno } from "./deno.mjs";
import { ensureDependencies } from "./dependencies.mjs";
import { SetupError } from "./setupError.mjs";
import { failed, passed, sum, tallyVitest } from "./tally.mjs";
import { adapters, plannedRuns, tiers } from "./testPlan.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

const flags = {
  all: { type: "boolean", default: false },
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
  if (values.adapter && !adapters.includes(values.adapter))
    throw new SetupError(`--adapter ${values.adapter}: use ${adapters.join(", ")}.`);
  return { all: values.all, chosen: values.tier, adapter: values.adapter, files: positionals };
}

const node = (args, env = {}) =>
  spawnSync(process.execPath, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...env },
  }).status;

const installed = (path) => join(root, "node_modules", path);

const found = new Map();
function adapterOn(driver) {
  if (!found.has(driver)) found.set(driver, ensureAdapter(root, driver));
  return found.get(driver);
}

async function prepare({ tier, on }) {
  if (tier === "browser") ensureChromium();
  if (tier === "deno") ensureDeno(root);
  // The plan chooses the adapters, not the environment.
  if (!on) return { TILEGRAD_ADAPTER: "" };
  const env = on === "cpu" ? {} : await adapterOn(on);
  return { ...env, TILEGRAD_ADAPTER: on };
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
  for (const run of plannedRuns(root, { ...choice, files })) {
    try {
      runs.push([run, await prepare(run)]);
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      console.error(error.message);
      tallies.push(failed(run.name, `the tier is missing: ${error.message}`));
    }
  }
  build(root);
  const times = [];
  for (const [run, env] of runs) {
    const began = performance.now();
    tallies.push(execute(run, env, files, reports));
    times.push([run.name, (performance.now() - began) / 1000]);
  }
  console.log(`\n${times.map(([name, time]) => `${name} ${time.toFixed(0)} s`).join(", ")}`);
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

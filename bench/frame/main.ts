/** Runs suites of benches: see docs/benchmarks.md. Started by bench/run.mjs. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { nodePlatform } from "../../src/platform/node";
import { suites } from "../suites/index";
import { Bench } from "./bench";
import { readCommandLine, UsageError } from "./commandLine";
import { enginesFor } from "./engines";
import { type Environment, renderPage } from "./page";
import { pageAssets } from "./pageAssets";
import { type Row, tableHead, tableLine } from "./row";

function options() {
  try {
    return readCommandLine(
      process.argv.slice(2),
      suites.map(({ name }) => name),
    );
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}

const given = options();
if (given.suites.length === 0) {
  for (const { name, summary } of suites) console.log(`${name.padEnd(16)} ${summary}`);
  process.exit(0);
}

const adapter = given.adapter ?? ((await nodePlatform.hardwareGPU()) ? "gpu" : "cpu");
process.env["TILEGRAD_ADAPTER"] = adapter;
const built = path.dirname(fileURLToPath(import.meta.url));
const engines = enginesFor(given, adapter === "cpu" ? "cpu" : "webgpu", built);
const bench = new Bench(given, engines, (row, rate) => {
  console.log(given.json ? JSON.stringify(row) : tableLine(row, rate));
});

const started = new Date();
for (const wanted of given.suites) {
  const suite = suites.find(({ name }) => name === wanted)!;
  if (!given.json) console.log(`\n${suite.name}: ${suite.summary}\n${tableHead}`);
  await suite.run(bench);
}

const environment: Environment = {
  adapter: bench.adapter,
  driver: adapter,
  processor: `${cpus()[0]?.model.trim() ?? "unknown"}, ${availableParallelism()} threads`,
  started: started.toISOString(),
  quick: given.quick,
  versions: {
    ...Object.fromEntries(bench.versions),
    Node: process.version.slice(1),
    ...(adapter === "cpu" ? {} : { "Dawn (npm webgpu)": dawnVersion() }),
  },
};
if (!given.json) console.log(`\n${bench.adapter || adapter}, ${environment.processor}`);

if (given.page) {
  writeFileSync(given.page, renderPage(environment, bench.rows, pageAssets));
  if (!given.json) console.log(`page: ${given.page}`);
}
if (given.save) {
  const file = path.join("bench", "results", `${slug(bench.adapter || adapter)}.json`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, saved(file, environment, bench.rows));
  if (!given.json) console.log(`rows: ${file}`);
}
process.exit(0);

function slug(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 60);
}

function dawnVersion(): string {
  const file = path.join("node_modules", "webgpu", "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** The rows of the file, those of the suites that have run replaced. One row a line. */
function saved(file: string, environment: Environment, rows: readonly Row[]): string {
  let before: Row[] = [];
  try {
    before = (JSON.parse(readFileSync(file, "utf8")) as { rows: Row[] }).rows;
  } catch {
    // There are none yet.
  }
  const ran = new Set(rows.map(({ suite }) => suite));
  const all = [...before.filter(({ suite }) => !ran.has(suite)), ...rows];
  const lines = all.map((row) => `    ${JSON.stringify(row)}`).join(",\n");
  return `{\n  "environment": ${JSON.stringify(environment)},\n  "rows": [\n${lines}\n  ]\n}\n`;
}

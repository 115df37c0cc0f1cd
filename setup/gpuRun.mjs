// Runs the tests and benches of the bundle on the GPU of this machine, each part in a process of its own, and
// writes what they came to as one JSON file, anew after each part: see docs/gpu-bundle.md.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, release, tmpdir, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { leftOut, quickTests, tiers } from "./gpuBundle.mjs";
import { findDriver, whyNoGpu } from "./gpuDriver.mjs";
import { marker } from "./lineReporter.mjs";
import { sum, tallyCutOff, tallyVitest } from "./tally.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const bundle = dirname(resolve(root));

const usage = `./run.sh [--out results.json] [--quick] [--only tests|benches]
         [--test PART]... [--suite NAME]... [--jobs N] [--minutes N] [--allow-software]`;

function options() {
  try {
    const { values } = parseArgs({
      options: {
        out: { type: "string", default: "results.json" },
        quick: { type: "boolean", default: false },
        only: { type: "string" },
        test: { type: "string", multiple: true, default: [] },
        suite: { type: "string", multiple: true, default: [] },
        jobs: { type: "string" },
        minutes: { type: "string" },
        "allow-software": { type: "boolean", default: false },
      },
    });
    if (values.only !== undefined && !["tests", "benches"].includes(values.only))
      throw new Error(`--only is "${values.only}"; it is tests or benches`);
    const count = (flag) => {
      if (values[flag] === undefined) return null;
      const value = Number(values[flag]);
      if (!(Number.isInteger(value) && value > 0))
        throw new Error(`--${flag} is "${values[flag]}"; it is a whole number above 0`);
      return value;
    };
    return { ...values, jobs: count("jobs"), minutes: count("minutes") };
  } catch (error) {
    console.error(`${error.message.split(". ")[0]}.\n${usage}`);
    process.exit(2);
  }
}

const given = options();
const out = resolve(given.out);
const began = performance.now();
const minute = 60_000;
/** Of one part: a test file, or a suite. */
const patience = (given.minutes ?? (given.quick ? 5 : 15)) * minute;

const secondsSince = (start) => Number(((performance.now() - start) / 1000).toFixed(1));

/**
 * Runs Node; resolves to `{ code, signal, late, errors }`. After `patience` it and all that it started are ended.
 * @param heard gets each line of its standard output
 */
function runNode(args, env, heard = () => {}) {
  return new Promise((done) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own, so that its children end with it.
      detached: true,
    });
    let [errors, rest, late] = ["", "", false];
    const timer = setTimeout(() => {
      late = true;
      process.kill(-child.pid, "SIGKILL");
    }, patience);
    child.stderr.setEncoding("utf8").on("data", (text) => {
      errors = (errors + text).slice(-4000);
    });
    child.stdout.setEncoding("utf8").on("data", (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      for (const line of lines) heard(line);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      done({ code, signal, late, errors });
    });
  });
}

/** How a part ended that did not end well. */
const ending = ({ code, signal, late }) =>
  late
    ? `ended after ${patience / minute} minutes without an end of its own`
    : signal
      ? `crashed (${signal})`
      : `ended with ${code}`;

const readJson = (path) => JSON.parse(readFileSync(join(root, path), "utf8"));

/** NVIDIA's own words on the GPU and its driver, where its tool is there. */
function nvidiaSmi() {
  const query = "--query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.memory";
  const { stdout, status } = spawnSync("nvidia-smi", [query, "--format=csv,noheader"], {
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : null;
}

const results = {
  environment: {
    adapter: null,
    driver: null,
    processor: `${cpus()[0]?.model.trim() ?? "unknown"}, ${availableParallelism()} threads`,
    started: new Date().toISOString(),
    quick: given.quick,
    versions: {
      Node: process.version.slice(1),
      "Dawn (npm webgpu)": readJson("node_modules/webgpu/package.json").version,
      tilegrad: readJson("package.json").version,
    },
    commit: readJson("packed.json").commit,
    kernel: release(),
    memoryBytes: totalmem(),
    nvidiaSmi: nvidiaSmi(),
  },
  seconds: 0,
  tests: null,
  suites: [],
  rows: [],
};

/** In one step, so that a run that is cut off leaves a whole file. */
function save() {
  results.seconds = secondsSince(began);
  writeFileSync(`${out}.part`, `${JSON.stringify(results, null, 1)}\n`);
  renameSync(`${out}.part`, out);
}

function findGpu() {
  const found = findDriver(
    root,
    join(bundle, "drivers"),
    join(bundle, "lib"),
    given["allow-software"],
  );
  if (!found) return null;
  const { info, features, name, driver, loader } = found;
  const { environment } = results;
  environment.adapter = info.description ? `${info.device}: ${info.description}` : info.device;
  environment.driver = name;
  environment.vulkan = { driver, loader, info, features };
  console.log(`adapter: ${environment.adapter} (${info.vendor} ${info.architecture})`);
  console.log(`driver: ${driver}; Vulkan loader: ${loader}`);
  if (environment.nvidiaSmi) console.log(`nvidia-smi: ${environment.nvidiaSmi}`);
  console.log(`features: ${features.join(", ")}`);
  return found;
}

function testFiles() {
  const all = tiers.flatMap((tier) =>
    readdirSync(join(root, "kernels-test", tier))
      .filter((name) => /\.test\.ts$/.test(name))
      .map((name) => `${tier}/${name}`),
  );
  if (given.test.length > 0) return all.filter((file) => given.test.some((t) => file.includes(t)));
  return given.quick ? all.filter((file) => quickTests.includes(file)) : all;
}

async function runTestFile(file, env, reports) {
  const start = performance.now();
  const tier = file.split("/")[0];
  const report = join(reports, `${file.replaceAll("/", "-")}.json`);
  const events = [];
  const ended = await runNode(
    [
      join(root, "node_modules/vitest/vitest.mjs"),
      ...["run", "--project", tier, "--reporter=json", `--outputFile.json=${report}`],
      `--reporter=${join(root, "setup/lineReporter.mjs")}`,
      `kernels-test/${file}`,
    ],
    env,
    (line) => {
      if (line.startsWith(marker)) events.push(JSON.parse(line.slice(marker.length)));
    },
  );
  const whole = tallyVitest(tier, report, ended.code, root, false);
  // A crashed worker leaves a report without the tests that it had run.
  const isCutOff =
    events.at(-1)?.state === "started" || whole.failures.some(({ name }) => name === tier);
  const tally = isCutOff
    ? tallyCutOff(`${tier} › kernels-test/${file}`, events, `${ending(ended)}\n${ended.errors}`)
    : whole;
  const seconds = secondsSince(start);
  console.log(
    `${file.padEnd(40)} ${tally.passed} passed, ${tally.failures.length} failed  ${seconds} s`,
  );
  return { file, seconds, tally };
}

async function runTests(env, hardware) {
  const files = testFiles();
  // Software drivers use every core as it is.
  const jobs = given.jobs ?? (hardware ? Math.max(1, Math.min(4, availableParallelism() >> 2)) : 1);
  console.log(`\ntests: ${files.length} files, ${jobs} at a time`);
  const reports = mkdtempSync(join(tmpdir(), "tilegrad-gpu-"));
  const done = [];
  const waiting = [...files];
  const worker = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      done.push(await runTestFile(file, env, reports));
      const { passed, failures } = sum(done.map(({ tally }) => tally));
      results.tests = {
        summary: `${passed} passed, ${failures.length} failed`,
        passed,
        failed: failures.length,
        unfinished: files.length - done.length,
        failures,
        leftOut,
        files: done.map(({ file, seconds, tally }) => ({
          ...{ file, seconds, passed: tally.passed, failed: tally.failures.length },
        })),
      };
      save();
    }
  };
  try {
    await Promise.all(Array.from({ length: jobs }, worker));
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
  for (const { name, reason } of results.tests?.failures ?? [])
    console.log(`\nFAILED ${name}\n  ${reason.trim().split("\n").slice(0, 12).join("\n  ")}`);
}

/** Sizes of a quick run on a software driver, where GPT-2's own would take minutes a step. */
const small = ["--force", "--layers", "2", "--width", "64"];

/** What fills a GPU comes first, for a run may be cut off. */
async function suiteNames(main) {
  const names = [];
  await runNode([main], {}, (line) => names.push(line.split(" ")[0]));
  const first = ["gpu", "gpt2", "train"];
  // The size of bundles is the same everywhere.
  const others = names.filter((name) => name !== "bundle" && !first.includes(name));
  const all = [...first, ...others];
  if (given.suite.length > 0) return all.filter((name) => given.suite.includes(name));
  return given.quick ? [...first.slice(0, 2), "optimizer"] : all;
}

async function runBenches(env, driver) {
  const main = join(root, "dist/bench/main.mjs");
  const names = await suiteNames(main);
  console.log(`\nbenches: ${names.join(", ")}`);
  for (const suite of names) {
    const start = performance.now();
    const args = [main, suite, "--json", "--roofline", "--adapter", driver];
    if (given.quick) args.push("--quick", ...(driver === "gpu" ? [] : small));
    const ended = await runNode(args, env, (line) => {
      if (!line.startsWith("{")) return;
      const row = JSON.parse(line);
      results.rows.push(row);
      console.log(rowLine(row));
      save();
    });
    const failure = ended.code === 0 ? null : `${ending(ended)}\n${ended.errors}`;
    if (failure) console.log(`${suite}: ${failure}`);
    results.suites.push({ suite, seconds: secondsSince(start), failure });
    save();
  }
}

function rowLine({ suite, engine, median, unit, note, ofRoofline, tokensPerSecond, ...row }) {
  const parts = [median === null ? "" : `${median.toPrecision(4)} ${unit}`];
  if (tokensPerSecond) parts.push(`${tokensPerSecond.toFixed(0)} tokens/s`);
  if (ofRoofline) parts.push(`${(100 * ofRoofline).toFixed(0)} % of the roofline`);
  if (note) parts.push(note);
  return `${suite} › ${row.case} › ${engine}: ${parts.filter(Boolean).join(", ")}`;
}

const gpu = findGpu();
if (!gpu) {
  results.failure = whyNoGpu();
  save();
  console.error(`No GPU was found. ${results.failure}`);
  process.exit(2);
}
const env = {
  ...gpu.env,
  TILEGRAD_ADAPTER: gpu.name,
  // Nothing stays on the machine but the bundle's own folder and the results.
  XDG_CACHE_HOME: join(bundle, "cache"),
};
if (given.only !== "benches") await runTests(env, gpu.name === "gpu");
if (given.only !== "tests") await runBenches(env, gpu.name);
save();
console.log(`\n${results.tests?.summary ?? "no tests"}; ${results.rows.length} rows; ${out}`);
const broken = (results.tests?.failed ?? 0) > 0 || results.suites.some(({ failure }) => failure);
process.exitCode = broken ? 1 : 0;

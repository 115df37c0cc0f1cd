/**
 * Compiling kernels for the CPU: milliseconds by stage, bytes of WebAssembly, size of the compiler.
 *
 *   npm run bench -- compile [--all]
 *
 * First what an application meets: the default of each kernel and all that a GPT training step uses, in a
 * new process, on one core (cold), then once more in the same one (warm). With --all then every combination of
 * choices. The rows behind are the slowest kernels, cold.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { asOptions, combinations } from "../kernels-test/static/combinations";
import { removeBoundsChecks } from "../src/cpu/ir/boundsChecks";
import { lowerKernel } from "../src/cpu/lower/kernel";
import { prune } from "../src/cpu/lower/pruning";
import { encodeModule } from "../src/cpu/wasm/module";
import { check } from "../src/cpu/wgsl/check";
import type { Program } from "../src/device/executor";
import { allKernels } from "../src/kernels";
import { specialise } from "../src/kernels/kernel";
import { type HostTensor, init, nn, optim, type TrainStep, trainStep } from "../src/node";

const { values } = parseArgs({
  options: { all: { type: "boolean", default: false }, serve: { type: "string" } },
});

const stages = ["check", "lower", "bounds", "encode"] as const;

interface Compiled {
  readonly key: string;
  /** Milliseconds of each stage. */
  readonly times: readonly number[];
  readonly bytes: number;
}

/** The stages of src/cpu/compile.ts, one by one. */
function compile(program: Program): Compiled {
  const at = [performance.now()];
  const done = <T>(value: T): T => {
    at.push(performance.now());
    return value;
  };
  const checked = done(check(program.wgsl, program.overrides));
  prune(checked);
  const lowered = done(lowerKernel(checked, program));
  const safe = done(removeBoundsChecks(lowered.body));
  const wasm = done(encodeModule(safe, { shared: true, relaxed: false }));
  return { key: program.key, times: stages.map((_, i) => at[i + 1]! - at[i]!), bytes: wasm.length };
}

/** Every program that a training step of a small GPT dispatches. */
async function programsOfStep(): Promise<Program[]> {
  const device = await init({ executor: "cpu", threads: 1 });
  const { executor } = device;
  const seen = new Set<Program>();
  const dispatch = executor.dispatch.bind(executor);
  executor.dispatch = (program, ...rest) => {
    seen.add(program);
    dispatch(program, ...rest);
  };
  const [vocab, context, batch] = [65, 64, 2];
  const model = new nn.GPT({ vocab, context, layers: 1, heads: 2, width: 64 });
  const optimizer = optim.adamw(model.namedParameters(), { lr: 1e-3, clipGradNorm: 1 });
  const tokens: HostTensor = { values: new Int32Array(batch * context), shape: [batch, context] };
  const step: TrainStep<{ input: HostTensor; target: HostTensor }> = trainStep(
    model,
    optimizer,
    (m, { input, target }) =>
      nn.functional.crossEntropy(
        m.forward(input).reshape([batch * context, vocab]),
        target.reshape([batch * context]),
      ),
  );
  for (let i = 0; i < 2; i++) step({ input: tokens, target: tokens });
  await device.synchronize();
  await device.destroy();
  return [...seen];
}

/** Times of a first and a second pass over the programs, in a process of their own. */
function passes(programs: readonly Program[]): [cold: Compiled[], warm: Compiled[]] {
  const folder = mkdtempSync(path.join(tmpdir(), "tilegrad-bench-"));
  const file = path.join(folder, "programs.json");
  writeFileSync(file, JSON.stringify(programs));
  const child = spawnSync(process.execPath, [process.argv[1]!, "--serve", file], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    stdio: ["ignore", "pipe", "inherit"],
  });
  rmSync(folder, { recursive: true });
  return JSON.parse(child.stdout);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, x) => total + x, 0);

function report(title: string, compiled: readonly Compiled[]): void {
  console.log(
    `\n${title}: ${compiled.length} programs, ${sum(compiled.map((c) => c.bytes))} bytes`,
  );
  console.log(
    `${"".padEnd(10)}${["median", "p90", "max", "total"].map((s) => s.padStart(10)).join("")}`,
  );
  const row = (name: string, times: number[]): void => {
    const sorted = times.toSorted((x, y) => x - y);
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;
    const cells = [at(0.5), at(0.9), at(1), sum(sorted)].map((x) => x.toFixed(1).padStart(10));
    console.log(`${name.padEnd(10)}${cells.join("")}`);
  };
  stages.forEach((stage, i) => {
    row(
      stage,
      compiled.map((c) => c.times[i]!),
    );
  });
  row(
    "all",
    compiled.map((c) => sum(c.times)),
  );
}

/** Bytes of a module with all it imports, minified and compressed. */
async function gzipped(entry: string): Promise<number> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
}

async function main(): Promise<void> {
  const defaults = allKernels.map((kernel) => specialise(kernel));
  const usual = [
    ...new Map([...(await programsOfStep()), ...defaults].map((p) => [p.key, p])).values(),
  ];
  const [cold, warm] = passes(usual);
  report("usual, cold", cold);
  report("usual, warm", warm);
  if (values.all) {
    const all = allKernels.flatMap((kernel) =>
      combinations(kernel).map((chosen) => specialise(kernel, asOptions(kernel, chosen))),
    );
    const [first, second] = passes(all);
    report("all combinations, first", first);
    report("all combinations, second", second);
  }
  console.log("\nslowest, cold");
  for (const { key, times } of cold.toSorted((x, y) => sum(y.times) - sum(x.times)).slice(0, 8))
    console.log(`${sum(times).toFixed(1).padStart(10)}  ${key}`);
  const compiler = await gzipped("src/cpu/compile.ts");
  console.log(`\nthe compiler is ${(compiler / 1000).toFixed(1)} kB gzipped`);
}

if (values.serve) {
  const programs: Program[] = JSON.parse(readFileSync(values.serve, "utf8"));
  process.stdout.write(JSON.stringify([programs.map(compile), programs.map(compile)]));
} else await main();

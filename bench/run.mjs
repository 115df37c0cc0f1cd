#!/usr/bin/env node
/**
 * `npm run bench`: lists the benches. `npm run bench -- [suite...] [flags]` runs suites, which share one frame;
 * `npm run bench -- PROGRAM [arguments]` runs one of the programs beside this file, whose opening comment says
 * what it measures. See docs/benchmarks.md.
 */
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { buildBenches, programs, root } from "./build.mjs";

const args = process.argv.slice(2);
const program = (await programs()).find((name) => name === args[0]);
const entries = program ? [program] : ["frame/main", "frame/ours", "peers/webgpu"];
const built = await buildBenches(entries);

const run = (name, rest) =>
  spawnSync(process.execPath, [path.join(built, `${name}.mjs`), ...rest], {
    stdio: "inherit",
    cwd: root,
  }).status ?? 1;

if (program) process.exit(run(program, args.slice(1)));
const status = run("main", args);
if (args.length === 0) {
  console.log("\nand programs of their own:");
  for (const name of await programs()) {
    const text = await readFile(path.join(root, "bench", `${name}.ts`), "utf8");
    const summary = /^\/\*\*[\s*]*(.*)/.exec(text)?.[1] ?? "";
    console.log(`${name.padEnd(16)} ${summary}`);
  }
}
process.exit(status);

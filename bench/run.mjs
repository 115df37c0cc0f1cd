#!/usr/bin/env node
/**
 * Runs a bench: `npm run bench -- NAME [arguments]`. Without a name, lists them. Benches are TypeScript
 * beside this file; the first line of their opening comment says what they measure.
 */
import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { generate } from "../build.mjs";

const folder = path.dirname(fileURLToPath(import.meta.url));
const root = path.dirname(folder);
const names = (await readdir(folder))
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.slice(0, -3));
const [name, ...rest] = process.argv.slice(2);

if (!name || !names.includes(name)) {
  for (const bench of names) {
    const text = await readFile(path.join(folder, `${bench}.ts`), "utf8");
    const summary = /^\/\*\*[\s*]*(.*)/.exec(text)?.[1] ?? "";
    console.log(`${bench.padEnd(12)} ${summary}`);
  }
  process.exit(name ? 2 : 0);
}

await generate();
const output = path.join(root, "dist", "bench", `${name}.mjs`);
await mkdir(path.dirname(output), { recursive: true });
await build({
  absWorkingDir: root,
  entryPoints: [path.join(folder, `${name}.ts`)],
  outfile: output,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "es2022",
  external: ["webgpu", "benchmark", "esbuild"],
  logLevel: "warning",
});
const { status } = spawnSync(process.execPath, [output, ...rest], { stdio: "inherit", cwd: root });
process.exit(status ?? 1);

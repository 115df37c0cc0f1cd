#!/usr/bin/env node
/**
 * The build: reflects every kernel into a typed launcher, bundles the doors, writes the declarations.
 *
 *   node build.mjs              everything
 *   node build.mjs --generate   only the launchers (src/kernels/generated)
 *   node build.mjs --watch      everything, again on each change under shaders/ and src/
 */
import { spawnSync } from "node:child_process";
import { watch } from "node:fs";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { generateLaunchers } from "./shaders/reflect.mjs";

const root = path.dirname(fileURLToPath(import.meta.url));
const at = (...parts) => path.join(root, ...parts);

/** Writes only what changed, so that watchers and incremental compilers see real changes. */
async function writeIfChanged(file, text) {
  const before = await readFile(file, "utf8").catch(() => null);
  if (before === text) return false;
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
  return true;
}

/** Regenerates src/kernels/generated from shaders/; resolves to the number of kernels. */
export async function generate() {
  const files = await generateLaunchers(at("shaders"));
  const target = at("src/kernels/generated");
  const known = new Set(files.map((f) => f.path));
  const { readdir } = await import("node:fs/promises");
  const present = await readdir(target, { recursive: true }).catch(() => []);
  for (const file of present)
    if (file.endsWith(".ts") && !known.has(file)) await rm(path.join(target, file));
  await Promise.all(files.map((f) => writeIfChanged(path.join(target, f.path), f.text)));
  return files.length - 2;
}

async function bundle() {
  const esbuild = await import("esbuild");
  const shared = {
    absWorkingDir: root,
    bundle: true,
    format: "esm",
    target: "es2022",
    sourcemap: true,
    logLevel: "warning",
    loader: { ".wgsl": "text" },
  };
  await rm(at("dist"), { recursive: true, force: true });
  await Promise.all([
    esbuild.build({
      ...shared,
      platform: "node",
      outdir: "dist",
      entryPoints: { node: "src/node.ts", "cli/main": "src/cli/main.ts" },
      splitting: true,
      chunkNames: "chunks/[name]-[hash]",
      external: ["webgpu"],
      loader: { ...shared.loader, ".iife.js": "text", ".css": "text" },
      define: { "process.env.TILEGRAD_SOURCE_TEXT": "undefined" },
      banner: { js: nodeBanner },
    }),
    esbuild.build({
      ...shared,
      platform: "browser",
      outdir: "dist",
      entryPoints: { browser: "src/browser.ts", kernels: "src/kernels/index.ts" },
    }),
  ]);
  await writeDemoText();
  await chmod(at("dist/cli/main.js"), 0o755);
}

/** CommonJS packages bundled into an ES module still call `require` for Node's own modules. */
const nodeBanner =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

/** The embedded default text of `npm start`: the project's own source, in a fixed order. */
async function writeDemoText() {
  const { readdir } = await import("node:fs/promises");
  const listed = await Promise.all(
    ["src", "shaders"].map(async (room) =>
      (await readdir(at(room), { recursive: true }))
        .map((file) => path.join(room, file))
        .filter((file) => /\.(ts|wgsl)$/.test(file) && !file.includes("generated")),
    ),
  );
  const texts = await Promise.all(
    listed
      .flat()
      .sort()
      .map((file) => readFile(at(file), "utf8")),
  );
  await writeFile(at("dist/demo.txt"), texts.join("\n"));
}

function declarations() {
  const tsc = spawnSync(
    process.execPath,
    [at("node_modules/typescript/bin/tsc"), "-p", at("tsconfig.build.json")],
    { stdio: "inherit" },
  );
  if (tsc.status !== 0) throw new Error("build: writing the type declarations failed (see above)");
}

async function all() {
  const started = performance.now();
  const kernels = await generate();
  await bundle();
  declarations();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`built ${kernels} kernels and the bundles in ${seconds} s`);
}

async function watchAndBuild() {
  let timer;
  let running = Promise.resolve();
  const rebuild = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      running = running.then(() => all().catch((error) => console.error(String(error))));
    }, 100);
  };
  for (const room of ["shaders", "src"])
    watch(at(room), { recursive: true }, (_event, file) => {
      if (file && !file.includes("generated")) rebuild();
    });
  rebuild();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const flag = process.argv[2];
  if (flag === "--generate") console.log(`generated ${await generate()} launchers`);
  else if (flag === "--watch") await watchAndBuild();
  else if (flag === undefined) await all();
  else {
    console.error(`build.mjs: unknown flag ${flag}. Flags: --generate, --watch.`);
    process.exit(2);
  }
}

#!/usr/bin/env node
/**
 * The build: reflects every kernel into a typed launcher, bundles the doors, writes the declarations.
 *
 *   node build.mjs              everything
 *   node build.mjs --generate   only the launchers (src/kernels/generated)
 *   node build.mjs --watch      everything, again on each change under shaders/ and src/
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, watch } from "node:fs";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { bundleSizes, sizeTable } from "./bundleSizes.mjs";
import { generateLaunchers } from "./shaders/reflect.mjs";
import { shippedLauncher } from "./shaders/shipped.mjs";

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
  const present = await readdir(target, { recursive: true }).catch(() => []);
  for (const file of present)
    if (file.endsWith(".ts") && !known.has(file)) await rm(path.join(target, file));
  await Promise.all(files.map((f) => writeIfChanged(path.join(target, f.path), f.text)));
  return files.length - 3;
}

/** What users import: the doors of Node and of browsers, each with methods and without, and rooms of their own. */
const doors = [
  "node",
  "browser",
  "nodeFunctions",
  "browserFunctions",
  "kernels/index",
  "nn/index",
  "optim/index",
  "data/index",
  "transport/index",
];

/** `specifier` with the file ending that Node and TypeScript's "nodenext" want, if it names a source. */
function withEnding(folder, specifier, sourceEnding) {
  for (const ending of ["", "/index"])
    if (existsSync(path.join(folder, `${specifier}${ending}${sourceEnding}`)))
      return `${specifier}${ending}.js`;
  return null;
}

const separateModules = {
  name: "separate modules",
  setup(build) {
    build.onResolve({ filter: /^\.\.?(\/|$)/ }, ({ path: specifier, resolveDir, kind }) => {
      const target = kind === "entry-point" ? null : withEnding(resolveDir, specifier, ".ts");
      return target && { path: target, external: true, sideEffects: false };
    });
  },
};

/** A line of a primitive's record that only documents it: see src/ops/primitive.ts. */
const documentation = /^(\s+(?:formula|derivative):)\s*(?:"(?:[^"\\]|\\.)*"|`[^`]*`),$/gm;

/**
 * Calls across files that make primitives: bundlers heed `@__NO_SIDE_EFFECTS__` of a function in the same file, but
 * some not of one that is imported.
 */
const makers =
  /(?<![\w.]|function )\b(?=(?:unary|binary|ternary|wherePrimitive|activation|elementary|stepwise|real|signed|numeric|writtenIn)\()/g;

/** Leaves out what is there to be read and not to run: comments of kernels, formulas of primitives. */
const withoutDocumentation = {
  name: "without documentation",
  setup(build) {
    build.onLoad({ filter: /[/\\]src[/\\].*\.ts$/ }, async ({ path: file }) => {
      const text = await readFile(file, "utf8");
      const contents = /[/\\]kernels[/\\]generated[/\\]/.test(file)
        ? shippedLauncher(text)
        : text.replace(documentation, '$1 "",').replace(makers, "/* @__PURE__ */ ");
      return { contents, loader: "ts" };
    });
  },
};

/** Resolves imports of the source file `from` to the file `to` beside the bundle. */
const besideBundle = (from, to) => ({
  name: `${from} is ${to}`,
  setup(build) {
    build.onResolve({ filter: /^\.\.?\// }, ({ path: specifier, resolveDir, kind }) => {
      const file = path.join(resolveDir, `${specifier}.ts`);
      return kind !== "entry-point" && file === at(from) ? { path: to, external: true } : null;
    });
  },
});

/** Names the compiler of the CPU executor, for those that keep what it made: see src/cpu/kernelCache.ts. */
async function compilerVersion() {
  const files = (await readdir(at("src/cpu"), { recursive: true })).filter((f) =>
    f.endsWith(".ts"),
  );
  const hash = createHash("sha256");
  for (const file of files.sort()) hash.update(await readFile(at("src/cpu", file)));
  return hash.digest("hex").slice(0, 16);
}

/**
 * dist/
 *   modules/      the library, a module for each source file: Node loads it, and bundlers leave out what
 *                 a program does not use
 *   browser.js    the browser's door in one file, with
 *   cpu.js        the CPU executor beside it, which it loads where there is no GPU, and
 *   kernels.js    the kernels in one file, for pages without a bundler
 *   cli/, chunks/ the command, with the packages it uses
 */
async function bundle() {
  const esbuild = await import("esbuild");
  const shared = {
    absWorkingDir: root,
    outdir: "dist",
    bundle: true,
    format: "esm",
    target: "es2022",
    sourcemap: true,
    logLevel: "warning",
    external: ["webgpu"],
    define: { __COMPILER_VERSION__: JSON.stringify(await compilerVersion()) },
  };
  const inNode = { ...shared, platform: "node" };
  await rm(at("dist"), { recursive: true, force: true });
  const { metafile } = await esbuild.build({
    ...inNode,
    entryPoints: doors.map((door) => `src/${door}.ts`),
    metafile: true,
    write: false,
  });
  await Promise.all([
    esbuild.build({
      ...inNode,
      outdir: "dist/modules",
      outbase: "src",
      entryPoints: Object.keys(metafile.inputs).filter((file) => file.startsWith("src/")),
      plugins: [separateModules, withoutDocumentation],
    }),
    esbuild.build({
      ...shared,
      platform: "browser",
      entryPoints: { browser: "src/browser.ts", kernels: "src/kernels/index.ts" },
      plugins: [besideBundle("src/cpu/executor.ts", "./cpu.js"), withoutDocumentation],
    }),
    esbuild.build({
      ...shared,
      platform: "browser",
      entryPoints: { cpu: "src/cpu/executor.ts" },
      minify: true,
      // The same classes of errors as the page's, which `instanceof` tells apart.
      plugins: [besideBundle("src/errors.ts", "./browser.js")],
    }),
    esbuild.build({
      ...inNode,
      entryPoints: { "cli/main": "src/cli/main.ts" },
      splitting: true,
      chunkNames: "chunks/[name]-[hash]",
      banner: { js: nodeBanner },
    }),
  ]);
  await writeDemoText();
  await chmod(at("dist/cli/main.js"), 0o755);
}

/** CommonJS packages bundled into an ES module still call `require` for Node's own modules. */
const nodeBanner =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

/**
 * The embedded default text of `npm start`: of the project's own source, in a fixed order, the rooms that a training
 * step passes through. All of it would be most of the package.
 */
async function writeDemoText() {
  const rooms = ["src/tensor", "src/transforms", "src/nn", "src/optim", "src/train"];
  const listed = await Promise.all(
    rooms.map(async (room) =>
      (await readdir(at(room), { recursive: true }))
        .map((file) => path.join(room, file))
        .filter((file) => file.endsWith(".ts")),
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

const specifiers = /(?<=\b(?:from|import|module) ?\(?")\.\.?(?:\/[^"]*)?(?=")/g;

/**
 * Writes dist/types: what the doors reach, with file endings in the specifiers. Readers on an older
 * language target get `Symbol.dispose` with the doors.
 */
async function declarations() {
  const tsc = spawnSync(
    process.execPath,
    [at("node_modules/typescript/bin/tsc"), "-p", at("tsconfig.build.json")],
    { stdio: "inherit" },
  );
  if (tsc.status !== 0) throw new Error("build: writing the type declarations failed (see above)");

  const types = at("dist/types");
  const entries = doors.map((door) => path.join(types, `${door}.d.ts`));
  const reached = new Set(entries);
  for (const file of reached) {
    const folder = path.dirname(file);
    const text = (await readFile(file, "utf8")).replace(specifiers, (specifier) => {
      const target = withEnding(folder, specifier, ".d.ts");
      if (!target) throw new Error(`build: ${file} names ${specifier}, which is not there`);
      reached.add(path.join(folder, target.replace(/js$/, "d.ts")));
      return target;
    });
    const head = entries.includes(file) ? '/// <reference lib="esnext.disposable" />\n' : "";
    await writeFile(file, head + text);
  }
  for (const entry of await readdir(types, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isFile() && !reached.has(file)) await rm(file);
  }
}

async function all() {
  const started = performance.now();
  const kernels = await generate();
  await bundle();
  await declarations();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`built ${kernels} kernels and the bundles in ${seconds} s`);
  console.log(sizeTable(await bundleSizes()));
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

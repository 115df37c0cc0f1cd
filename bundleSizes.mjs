/**
 * The sizes of programs that use the package, as esbuild bundles and minifies them for a page, against the budget
 * in bundleBudget.json: bytes after gzip. The CPU executor, which a page without a GPU loads, is a file of its own.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const root = path.dirname(fileURLToPath(import.meta.url));
const file = (name) => path.join(root, name);

/** Bytes after gzip. */
export const compressed = (bytes) => gzipSync(bytes, { level: 9 }).length;

/** The doors as their source in dist/, which is what package.json leads a page to. */
const doors = {
  "tilegrad/functions": file("dist/modules/browserFunctions.js"),
  "tilegrad/nn": file("dist/modules/nn/index.js"),
  "tilegrad/kernels": file("dist/modules/kernels/index.js"),
  tilegrad: file("dist/modules/browser.js"),
};

/** Bytes of one program, `{ minified, gzip, parts }`; `parts` are the minified bytes of each module. */
export async function bundleSize(program) {
  const esbuild = await import("esbuild");
  const { outputFiles, metafile } = await esbuild.build({
    stdin: { contents: program, resolveDir: root },
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    alias: doors,
    external: ["*/cpu/executor.js", "*/boundedStream.js"],
    write: false,
    metafile: true,
    logLevel: "warning",
  });
  const [{ contents }] = outputFiles;
  const [{ inputs }] = Object.values(metafile.outputs);
  const parts = Object.entries(inputs).map(([name, { bytesInOutput }]) => [name, bytesInOutput]);
  return { minified: contents.length, gzip: compressed(contents), parts };
}

/** One row for each program and file of the budget. */
export async function bundleSizes() {
  const budget = JSON.parse(await readFile(file("bundleBudget.json"), "utf8"));
  const rows = budget.programs.map(async ({ program, gzip }) => {
    const size = await bundleSize(program);
    return { what: program, budget: gzip, ...size };
  });
  const files = budget.files.map(async ({ path: name, gzip }) => {
    const bytes = await readFile(file(name));
    return { what: name, budget: gzip, minified: bytes.length, gzip: compressed(bytes), parts: [] };
  });
  return Promise.all([...rows, ...files]);
}

export const kilobytes = (bytes) => (bytes / 1000).toFixed(1);

/** A line for each row: bytes after gzip, the budget, and what it is. */
export const sizeTable = (rows) =>
  rows
    .map(({ what, budget, minified, gzip }) => {
      const sizes = `${kilobytes(gzip).padStart(7)} KB gzip of ${kilobytes(budget)}`;
      const note = gzip > budget ? "  OVER BUDGET" : "";
      return `${sizes}, ${kilobytes(minified)} KB minified: ${what}${note}`;
    })
    .join("\n");

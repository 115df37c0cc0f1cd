/** Bundles the benches, which are TypeScript, into a folder from which Node runs them. */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { generate } from "../build.mjs";

const folder = path.dirname(fileURLToPath(import.meta.url));
export const root = path.dirname(folder);

/** Names of the benches that are programs of their own. */
export async function programs() {
  const files = await readdir(folder);
  return files.filter((file) => file.endsWith(".ts")).map((file) => file.slice(0, -3));
}

/** @param entries sources relative to bench/, without ending; the products are flat in `outdir` */
export async function buildBenches(entries, outdir = path.join(root, "dist", "bench")) {
  await generate();
  await build({
    absWorkingDir: root,
    entryPoints: entries.map((entry) => ({
      in: path.join(folder, `${entry}.ts`),
      out: path.basename(entry),
    })),
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "es2022",
    external: ["webgpu", "benchmark", "esbuild", "playwright-core"],
    logLevel: "warning",
  });
  return outdir;
}

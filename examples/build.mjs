/**
 * Bundles the examples into dist/examples, a folder that any static file host can serve.
 *
 * Each folder beside this file is an example. Its `page.js` and `worker.js` become scripts of those names, which
 * share chunks, and so does `start.js`, by which each page starts. Styles are minified. Pages, pictures and data are
 * copied, and so are the other modules, whose text the pages link to. Each example is bundled by itself: a chunk that
 * two share would hold what either uses of a module. It needs the built library: `npm run build`.
 */
import { existsSync } from "node:fs";
import { cp, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.dirname(here);

/** Where the bundled examples are, unless one says otherwise. */
export const target = path.join(root, "dist/examples");

const scripts = ["start.js", "page.js", "worker.js"];
const copied = /\.(js|html|png|svg|json|txt|bin|webmanifest)$/;

/** @throws Error for a card of the gallery whose page is missing */
async function requireLinkedPages() {
  const gallery = await readFile(path.join(here, "index.html"), "utf8");
  for (const [, name] of gallery.matchAll(/href="([^":/]+)\/"/g))
    if (!existsSync(path.join(here, name, "index.html")))
      throw new Error(
        `examples: index.html links to ${name}/, which has no index.html. Add the page, or take the card out.`,
      );
}

/**
 * @param folder what it holds is replaced
 * @returns esbuild's metafile, which says what each script loads
 */
export async function buildExamples(folder = target) {
  if (!existsSync(path.join(root, "dist/modules/browser.js")))
    throw new Error("examples: the library is not built. Run `npm run build` first.");
  await requireLinkedPages();
  const files = await readdir(here, { recursive: true });
  const isBuilt = (file) => scripts.includes(path.basename(file)) || file.endsWith(".css");
  await rm(folder, { recursive: true, force: true });
  const names = new Set(files.filter(isBuilt).map((file) => path.dirname(file)));
  const bundles = await Promise.all(
    [...names].map((name) =>
      build({
        absWorkingDir: root,
        entryPoints: files
          .filter((file) => isBuilt(file) && path.dirname(file) === name)
          .map((file) => path.join("examples", file)),
        outdir: folder,
        outbase: "examples",
        bundle: true,
        splitting: true,
        chunkNames: `${name}/chunks/[hash]`,
        format: "esm",
        platform: "browser",
        target: "es2022",
        minify: true,
        sourcemap: true,
        metafile: true,
        logLevel: "warning",
      }),
    ),
  );
  for (const file of files.filter((name) => copied.test(name) && !isBuilt(name)))
    await cp(path.join(here, file), path.join(folder, file));
  return {
    inputs: Object.assign({}, ...bundles.map(({ metafile }) => metafile.inputs)),
    outputs: Object.assign({}, ...bundles.map(({ metafile }) => metafile.outputs)),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildExamples();

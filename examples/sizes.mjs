/**
 * What the page of an example transfers, where there is WebGPU: its files after gzip, and the minified bytes of its
 * scripts by the part of the library that they come from.
 *
 *   node examples/sizes.mjs lm
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { compressed, kilobytes } from "../bundleSizes.mjs";
import { buildExamples } from "./build.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

const [name = ""] = process.argv.slice(2);
const folder = await mkdtemp(path.join(tmpdir(), "tilegrad-sizes-"));
const print = (bytes, what) => console.log(`${kilobytes(bytes).padStart(8)} KB  ${what}`);

/** The scripts that an output loads, itself among them. The executors for other machines are not. */
function loaded(outputs, output, found = new Set()) {
  const { inputs, imports } = outputs[output];
  const other = /\/(cpu\/executor|boundedStream)\.js$/;
  if (found.has(output) || Object.keys(inputs).some((input) => other.test(input))) return found;
  found.add(output);
  for (const { path: next, external } of imports) if (!external) loaded(outputs, next, found);
  return found;
}

try {
  const { outputs } = await buildExamples(folder);
  const here = (output) => path.resolve(root, output).slice(path.resolve(folder).length + 1);
  const scripts = new Set();
  for (const output of Object.keys(outputs).filter(
    (file) => path.dirname(here(file)) === name && file.endsWith(".js"),
  ))
    loaded(outputs, output, scripts);
  if (scripts.size === 0)
    throw new Error(
      `there is no page "${name}"; name a folder of examples, as in node examples/sizes.mjs lm`,
    );
  const page = (await readdir(path.join(folder, name))).filter((file) =>
    /\.(html|css)$/.test(file),
  );
  const files = [
    ...page.map((file) => path.join(name, file)),
    ...[...scripts].map(here),
    "start.js",
    "look.css",
  ];
  let sum = 0;
  for (const file of files) {
    const length = compressed(await readFile(path.join(folder, file)));
    print(length, file);
    sum += length;
  }
  print(sum, "together, after gzip\n");

  const parts = new Map();
  for (const output of scripts)
    for (const [input, { bytesInOutput }] of Object.entries(outputs[output].inputs)) {
      const part = input
        .replace(/^dist\/modules\/kernels\/generated\/.*/, "kernels: their own and shared texts")
        .replace(/^dist\/modules\/(\w+)[/.].*/, "$1")
        .replace(/^(node_modules\/[^/]+)\/.*/, "$1")
        .replace(/^examples\/.*/, "the page and its worker");
      parts.set(part, (parts.get(part) ?? 0) + bytesInOutput);
    }
  for (const [part, bytes] of [...parts].sort((a, b) => b[1] - a[1])) print(bytes, part);
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

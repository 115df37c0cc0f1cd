import { gzipSync } from "node:zlib";
import type { Bench, Suite } from "../frame/bench";
import { figures } from "../frame/row";

/** Bytes, minified and compressed, of what a page loads at once for a program; parts it loads later are left out. */
async function gzipped(program: string, resolveDir: string): Promise<number> {
  // Only this suite needs it: the others run where it is not installed.
  const { build } = await import("esbuild");
  const { outputFiles, metafile } = await build({
    stdin: { contents: program, resolveDir, loader: "js" },
    absWorkingDir: process.cwd(),
    ...{ bundle: true, minify: true, splitting: true, write: false, metafile: true },
    ...{ format: "esm", target: "es2022", platform: "browser", outdir: "out" },
    logLevel: "error",
  });
  const reached = new Set(["out/stdin.js"]);
  for (const file of reached)
    for (const { path, kind } of metafile.outputs[file]!.imports)
      if (kind === "import-statement") reached.add(path);
  return outputFiles
    .filter((file) => [...reached].some((name) => file.path.endsWith(name)))
    .reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
}

const tfjs = 'import "@tensorflow/tfjs-backend-webgpu";';
/** A use that cannot be dropped. */
const use = (names: string): string => `globalThis.used = [${names}];`;

const cases = [
  {
    name: "init, tensor, grad",
    programs: {
      tilegrad: `import { init, tensor, grad } from "./src/browser"; ${use("init, tensor, grad")}`,
      "TensorFlow.js": `import { setBackend, tensor, grad } from "@tensorflow/tfjs-core"; ${tfjs} ${use("setBackend, tensor, grad")}`,
      "jax-js": `import { init, numpy, grad } from "@jax-js/jax"; ${use("init, numpy.array, grad")}`,
    },
  },
  {
    name: "everything",
    programs: {
      tilegrad: `import * as all from "./src/browser"; ${use("all")}`,
      "TensorFlow.js": `import * as all from "@tensorflow/tfjs-core"; ${tfjs} ${use("all")}`,
      "jax-js": `import * as all from "@jax-js/jax"; ${use("all")}`,
    },
  },
];

async function run(bench: Bench): Promise<void> {
  const suite = "bundle";
  for (const { name, programs } of cases) {
    const ours = await gzipped(programs.tilegrad, ".");
    for (const label of ["tilegrad", "control", "TensorFlow.js", "jax-js"] as const) {
      const own = label === "tilegrad" || label === "control";
      const kind = own ? bench.ours : bench.engines.find((engine) => engine.name === label);
      if (!kind) continue;
      if (kind.missing) {
        bench.without(suite, name, kind, `missing: ${kind.missing}`);
        continue;
      }
      const program = own ? programs.tilegrad : programs[label];
      const size = await gzipped(program, own ? "." : "bench/peers");
      bench.emit({
        ...{ suite, case: name, engine: label, executor: "webgpu", adapter: "", unit: "bytes" },
        ...figures([size], [ours]),
      });
    }
  }
}

export const bundle: Suite = {
  name: "bundle",
  summary: "Bytes that a page loads, minified and compressed by gzip.",
  run,
};

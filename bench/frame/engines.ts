/** The engines that a run compares, and those it cannot and why. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import type { Options } from "./commandLine";
import { Engine } from "./engine";

export interface EngineKind {
  readonly name: string;
  /** "webgpu", "cpu" (ours), "wasm", "native", "cuda". */
  readonly executor: string;
  /** What it needs and does not find here, or null. */
  readonly missing: string | null;
  /** @param env added to the environment */
  start(env?: Readonly<Record<string, string>>): Engine;
}

const peersFolder = "bench/peers";
const python = "/usr/bin/python3";

/** PyTorch as it is without `torch.compile`, on the GPU: the reference of the suites that are for GPUs. */
export function torchOnGpu(): EngineKind {
  // The python that the user chose, which may be a virtual environment's.
  const program = "python3";
  const asked = spawnSync(program, [
    "-c",
    "import torch; raise SystemExit(0 if torch.cuda.is_available() else 3)",
  ]);
  const missing =
    asked.status === 0
      ? null
      : asked.status === 3
        ? "PyTorch finds no CUDA device"
        : `${program} with torch (2.0 or later, with CUDA) is not there`;
  const name = "PyTorch eager";
  const script = path.join(peersFolder, "pytorch.py");
  return {
    name,
    executor: "cuda",
    missing,
    start: (env) => new Engine(name, [program, script, "cuda"], env),
  };
}

/** POT's solvers of optimal transport, of which it has one for each of NumPy's types and of other libraries' arrays. */
export function potEngines(options: Options): EngineKind[] {
  const threads = options.threads ?? availableParallelism();
  const hasPot = spawnSync(python, ["-c", "import ot"]).status === 0;
  const kinds = [
    ["POT NumPy f32", "numpy", "float32"],
    ["POT NumPy f64", "numpy", "float64"],
    ["POT torch f32", "torch", "float32"],
  ] as const;
  return kinds.map(([name, backend, dtype]) => ({
    name,
    executor: "native",
    missing: hasPot ? null : `${python} has no ot (Debian: python3-pot, python3-torch)`,
    start: (env) =>
      new Engine(
        name,
        [python, path.join(peersFolder, "pot.py"), backend, dtype, String(threads)],
        { OMP_WAIT_POLICY: "PASSIVE", ...env },
      ),
  }));
}

/** Ours first, as it is and with steps that are not compiled; then the peers. @param built the folder of the bundled benches */
export function enginesFor(
  options: Options,
  executor: "cpu" | "webgpu",
  built: string,
): EngineKind[] {
  const threads = options.threads ?? availableParallelism();
  const ours = (name: string, ...flags: string[]): EngineKind => ({
    name,
    executor,
    missing: null,
    start: (env) =>
      new Engine(
        name,
        [
          process.execPath,
          ...(options.relaxed ? ["--experimental-wasm-relaxed-simd"] : []),
          path.join(built, "ours.mjs"),
          executor,
          ...(executor === "cpu" ? ["--threads", String(threads)] : []),
          ...(options.relaxed ? ["--relaxed"] : []),
          ...flags,
        ],
        env,
      ),
  });
  const all = [ours("tilegrad"), ours("tilegrad eager", "--eager")];
  if (!options.peers) return all;

  const installed = existsSync(path.join(peersFolder, "node_modules"));
  const backend = executor === "cpu" ? "wasm" : "webgpu";
  const inNode = (name: string, script: string): EngineKind => ({
    name,
    executor: backend,
    missing: installed ? null : `npm ci --prefix ${peersFolder} installs it`,
    start: (env) =>
      new Engine(
        name,
        [
          process.execPath,
          path.join(peersFolder, script),
          backend,
          ...(backend === "webgpu" ? [path.resolve(built, "webgpu.mjs")] : []),
        ],
        env,
      ),
  });
  const hasTorch = spawnSync(python, ["-c", "import torch"]).status === 0;
  return [
    ...all,
    inNode("TensorFlow.js", "tfjs.mjs"),
    inNode("jax-js", "jax.mjs"),
    {
      name: "PyTorch",
      executor: "native",
      missing: hasTorch ? null : `${python} has no torch (Debian: python3-torch)`,
      start: (env) =>
        new Engine(
          "PyTorch",
          [python, path.join(peersFolder, "pytorch.py"), "cpu", String(threads)],
          // Waiting threads that spin take the core that the other one needs.
          { OMP_WAIT_POLICY: "PASSIVE", ...env },
        ),
    },
  ];
}

/**
 * One training script (trainingRun.ts) in Node and in Chromium, on each driver that is here: the same bits wherever
 * the same driver computes, how far apart drivers may be, and which operations set them apart (docs/parity.md).
 */
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { InitOptions } from "../../src/init";
import type { runOperations } from "../parityOperations";
import type { RunOptions, RunResult, runTraining } from "../trainingRun";
import { bundleScript } from "./bundle";
import { isolation, openPage, type TestPage } from "./chromium";

type Run = Pick<RunResult, "losses" | "weights" | "description">;

declare global {
  /** In the page: the training run on the browser's door. */
  var trainHere: (options: RunOptions) => ReturnType<typeof runTraining>;
  /** In the page: the bits of single operations. */
  var computeHere: (options: InitOptions) => ReturnType<typeof runOperations>;
}

const steps = 20;
const root = fileURLToPath(new URL("../../", import.meta.url));

/** In the repository, from where Node finds `webgpu`. */
const nodeScript = `${root}node_modules/.parity-${process.pid}.mjs`;

const tasks = `
  import { runTraining } from "./kernels-test/trainingRun.ts";
  import { runOperations } from "./kernels-test/parityOperations.ts";
  globalThis.trainHere = (options) => runTraining(tilegrad, options);
  globalThis.computeHere = (options) => runOperations(tilegrad, options);`;

const pageScript = await bundleScript(`
  import * as tilegrad from "./src/browser.ts";
  ${tasks}`);

let opened: TestPage;
beforeAll(async () => {
  await build({
    stdin: {
      contents: `
        import * as tilegrad from "./src/node.ts";
        ${tasks}
        const [task, options] = process.argv.slice(2);
        const { checkpoint, ...result } = await globalThis[task](JSON.parse(options));
        // Dawn's devices are destroyed by now; what is left of it may crash when it is collected.
        process.stdout.write(JSON.stringify(result), () => process.exit());`,
      resolveDir: root,
    },
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["webgpu"],
    define: { __COMPILER_VERSION__: '"test"' },
    outfile: nodeScript,
  });
  opened = await openPage(pageScript, isolation);
});
afterAll(async () => {
  await opened?.[Symbol.asyncDispose]();
  await rm(nodeScript, { force: true });
});

const run = promisify(execFile);

async function inNode<T = Run>(
  adapter: string,
  options: RunOptions | InitOptions,
  task: "trainHere" | "computeHere" = "trainHere",
): Promise<T> {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, ...rest } = process.env;
  const { stdout } = await run(process.execPath, [nodeScript, task, JSON.stringify(options)], {
    env: { ...rest, TILEGRAD_ADAPTER: adapter },
    maxBuffer: 1 << 26,
  });
  return JSON.parse(stdout) as T;
}

const inPage = (options: RunOptions): Promise<Run> =>
  opened.page.evaluate(async (given) => {
    const { losses, weights, description } = await trainHere(given);
    return { losses, weights, description };
  }, options);

const numbers = ({ losses }: Run) => [...new Float32Array(Uint32Array.from(losses).buffer)];

/** The greatest difference between two runs' losses, relative to the second's. */
function apart(a: Run, b: Run): number {
  const other = numbers(b);
  return Math.max(...numbers(a).map((loss, i) => Math.abs(loss - other[i]!) / other[i]!));
}

describe.each([
  { name: "AdamW", state: {}, tolerance: 1e-6 },
  { name: "AdamW with 8-bit states", state: { state: "8bit" }, tolerance: 1e-4 },
] as const)("$name trains a GPT for 20 steps", ({ state, tolerance }) => {
  const webgpu = { device: { executor: "webgpu" }, until: steps, ...state } as const;
  const cpu = { device: { threads: 2 }, until: steps, ...state } as const;

  let runs: Record<"swiftshader" | "swiftshaderPage" | "lavapipe" | "cpu" | "cpuPage", Run>;
  beforeAll(async () => {
    runs = {
      swiftshader: await inNode("swiftshader", webgpu),
      swiftshaderPage: await inPage(webgpu),
      lavapipe: await inNode("lavapipe", webgpu),
      cpu: await inNode("cpu", cpu),
      cpuPage: await inPage(cpu),
    };
  });

  test("and its loss falls, so that equal bits say something", () => {
    const losses = numbers(runs.cpu);
    expect(losses).toHaveLength(steps);
    expect(losses[0]).toBeGreaterThan(3);
    expect(losses.at(-1)).toBeLessThan(2.5);
  });

  test("with the same bits on SwiftShader in Node and in Chromium", async () => {
    expect(runs.swiftshader.description).toMatch(/SwiftShader/);
    const info = await opened.page.evaluate(async () => {
      const adapter = await navigator.gpu.requestAdapter();
      return adapter?.info.architecture;
    });
    expect(info).toBe("swiftshader");
    expect(runs.swiftshaderPage.losses).toEqual(runs.swiftshader.losses);
    expect(runs.swiftshaderPage.weights).toBe(runs.swiftshader.weights);
  });

  test("with the same bits on the CPU executor in Node and in Chromium", () => {
    expect(runs.cpuPage.description).toMatch(/2 threads/);
    expect(runs.cpuPage.losses).toEqual(runs.cpu.losses);
    expect(runs.cpuPage.weights).toBe(runs.cpu.weights);
  });

  test("with losses on SwiftShader, lavapipe and the CPU executor within the stated tolerance", () => {
    expect(runs.lavapipe.description).toMatch(/llvmpipe/);
    expect(apart(runs.swiftshader, runs.cpu)).toBeLessThan(tolerance);
    expect(apart(runs.lavapipe, runs.cpu)).toBeLessThan(tolerance);
    expect(apart(runs.swiftshader, runs.lavapipe)).toBeLessThan(tolerance);
  });
});

describe("single operations", () => {
  type Bits = Record<string, number[]>;
  const webgpu = { executor: "webgpu" } as const;
  const cpu = { executor: "cpu", threads: 2 } as const;

  let results: Record<"swiftshader" | "swiftshaderPage" | "lavapipe" | "cpu" | "cpuPage", Bits>;
  beforeAll(async () => {
    const inPageBits = (options: InitOptions): Promise<Bits> =>
      opened.page.evaluate((given) => computeHere(given), options);
    results = {
      swiftshader: await inNode<Bits>("swiftshader", webgpu, "computeHere"),
      swiftshaderPage: await inPageBits(webgpu),
      lavapipe: await inNode<Bits>("lavapipe", webgpu, "computeHere"),
      cpu: await inNode<Bits>("cpu", cpu, "computeHere"),
      cpuPage: await inPageBits(cpu),
    };
  });

  const differing = (a: Bits, b: Bits) =>
    Object.keys(a).filter((name) => a[name]!.some((bits, i) => bits !== b[name]![i]));

  test("have the same bits in Node and in Chromium, on SwiftShader and on the CPU executor", () => {
    expect(Object.keys(results.cpu).length).toBeGreaterThan(20);
    expect(differing(results.swiftshader, results.swiftshaderPage)).toEqual([]);
    expect(differing(results.cpu, results.cpuPage)).toEqual([]);
  });

  test("differ between drivers only where an exponential or a logarithm is in them", () => {
    const transcendental = ["exp", "log", "tanh", "erf", "gelu", "cross-entropy", "softmax"];
    const found = [
      differing(results.swiftshader, results.cpu),
      differing(results.lavapipe, results.cpu),
      differing(results.swiftshader, results.lavapipe),
    ].flat();
    expect(found.filter((name) => !transcendental.includes(name))).toEqual([]);
  });
});

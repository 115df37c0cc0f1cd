/**
 * What one process sees of WebGPU: each adapter with its limits, and whether it computes. `tilegrad
 * doctor` runs this in processes of their own, because a bad driver may crash the one that loads it.
 */

import type { AdapterReport, ExecutorLimits } from "../device/executor";
import { AdapterError } from "../errors";
import { type InitOptions, initOn } from "../init";
import { matmul } from "../ops/matmul";
import { sum } from "../ops/reduce";
import { nodePlatform } from "../platform/node";
import { upload } from "../tensor/creation";
import { scope } from "../tensor/scope";
import type { TextOutput } from "./command";

/** What became of an adapter that was tried. */
export type AdapterOutcome =
  | {
      works: true;
      report: AdapterReport;
      limits: ExecutorLimits;
      /** From the request to the last result, kernels compiled among it. */
      seconds: number;
    }
  | {
      works: false;
      problem: string;
      /** True where it gave no device at all, so that `init` passes over it. */
      refused?: boolean;
    };

/** One JSON line of a probe. The names come first, then an outcome for each, in order. */
export type ProbeLine = { names: string[] } | AdapterOutcome | { noWebGPU: string };

/** Tries every adapter of this process and writes a `ProbeLine` as soon as it is known. */
export async function probeAdapters(stdout: TextOutput): Promise<void> {
  const write = (line: ProbeLine): unknown => stdout.write(`${JSON.stringify(line)}\n`);
  let names: string[];
  try {
    names = [...new Set(await nodePlatform.adapterNames())];
  } catch (error) {
    write({ noWebGPU: messageOf(error) });
    return;
  }
  write({ names });
  for (const adapter of names) write(await tryDevice({ adapter }));
}

/** Makes the device that `options` ask for and has it compute. */
export async function tryDevice(options: InitOptions): Promise<AdapterOutcome> {
  const began = performance.now();
  try {
    const device = await initOn(nodePlatform, options);
    const problem = await selfCheck();
    const { adapter: report, limits } = device.executor;
    await device.destroy();
    if (problem !== null) return { works: false, problem };
    return { works: true, report, limits, seconds: (performance.now() - began) / 1000 };
  } catch (error) {
    return { works: false, problem: messageOf(error), refused: error instanceof AdapterError };
  }
}

const ROWS = 33;
const INNER = 65;
const COLUMNS = 17;

/**
 * A matrix product and the sums of its columns on the current device, in whole numbers so small that f32
 * holds every sum exactly: the results must be those of the host, bit for bit.
 * @returns what is wrong, or null
 */
async function selfCheck(): Promise<string | null> {
  const value = (i: number): number => ((i * 7) % 13) - 6;
  const a = Float32Array.from({ length: ROWS * INNER }, (_, i) => value(i));
  const b = Float32Array.from({ length: INNER * COLUMNS }, (_, i) => value(i + 5));
  const [product, sums] = scope(() => {
    const c = matmul(upload(a, [ROWS, INNER]), upload(b, [INNER, COLUMNS]));
    return [c, sum(c, { dim: 0 })] as const;
  });
  const expected = Array.from({ length: ROWS * COLUMNS }, (_, i) => {
    const row = Math.floor(i / COLUMNS) * INNER;
    const column = i % COLUMNS;
    let total = 0;
    for (let k = 0; k < INNER; k++) total += a[row + k]! * b[k * COLUMNS + column]!;
    return total;
  });
  const expectedSums = Array.from({ length: COLUMNS }, (_, column) =>
    expected.reduce((total, x, i) => (i % COLUMNS === column ? total + x : total), 0),
  );
  return (
    difference("a matrix product", await product.data(), expected) ??
    difference("a sum", await sums.data(), expectedSums)
  );
}

function difference(what: string, got: ArrayLike<number>, expected: number[]): string | null {
  const at = expected.findIndex((x, i) => got[i] !== x);
  return at < 0
    ? null
    : `it computes ${what} wrong: element ${at} is ${got[at]}, not ${expected[at]}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

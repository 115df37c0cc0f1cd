/** What the CPU executor finds here, and whether it computes. */

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { hasRelaxedSimd, hasSimd } from "../cpu/engineFeatures";
import { nodePlatform } from "../platform/node";
import { cacheFolder } from "../platform/nodeCache";
import { type AdapterOutcome, tryDevice } from "./adapterProbe";

export type CPUFindings = AdapterOutcome & {
  /** What the WebAssembly engine has. */
  engine: { simd: boolean; relaxedSimd: boolean; sharedMemory: boolean };
  /** That the executor starts unless it is told otherwise. */
  threads: number;
  /** Compiled kernels that were kept, and the bytes they take. */
  cache: { folder: string; kernels: number; bytes: number };
};

export async function probeCPU(): Promise<CPUFindings> {
  const outcome = await tryDevice({ executor: "cpu" });
  const sharedMemory = nodePlatform.sharesMemory();
  return {
    ...outcome,
    engine: { simd: hasSimd(), relaxedSimd: hasRelaxedSimd(), sharedMemory },
    threads: nodePlatform.cores(),
    cache: await contents(cacheFolder()),
  };
}

async function contents(folder: string): Promise<CPUFindings["cache"]> {
  const names = await readdir(folder).catch(() => []);
  const kept = names.filter((name) => !name.startsWith("."));
  const sizes = await Promise.all(
    kept.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return { folder, kernels: kept.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

/** Suites whose sizes are for a GPU: on anything else they would take minutes, and say nothing. */
import type { Bench } from "./bench";

/** Whether the suite may run here; if not, a row says why and what to do. */
export async function mayRunForGpus(bench: Bench, suite: string): Promise<boolean> {
  const running = await bench.start(suite, [bench.ours]);
  for (const { engine } of running) engine.end();
  if (running.length === 0) return false;
  if (bench.hardware || bench.options.force) return true;
  bench.without(suite, "all", bench.ours, "is for GPUs; --force runs it here too");
  return false;
}

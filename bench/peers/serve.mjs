/**
 * The peer's end of bench/peers/peer.ts: one line of JSON per request, one per answer.
 *
 * A task is made once with its options and returns a function that runs it once and resolves when it is
 * done; only that function is timed.
 */
import { createInterface } from "node:readline";

/** @param {Record<string, (options: object) => Promise<() => Promise<unknown>>>} tasks */
export async function serve(tasks) {
  const made = new Map();
  for await (const line of createInterface({ input: process.stdin })) {
    const { task, options, repeats } = JSON.parse(line);
    const key = JSON.stringify([task, options]);
    if (!made.has(key)) {
      made.set(key, await tasks[task](options));
      await made.get(key)();
    }
    const run = made.get(key);
    const start = performance.now();
    for (let i = 0; i < repeats; i++) await run();
    console.log(JSON.stringify({ ms: (performance.now() - start) / repeats }));
  }
}

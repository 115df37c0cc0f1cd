/**
 * An engine's end of bench/frame/engine.ts: a line of JSON a request on standard input, a line an answer on file
 * descriptor 3, so that what an engine prints disturbs nothing.
 *
 * A task is made once with its options. It gives a function that works once and resolves when the device has
 * done it, or an object with that function as `run` and others to call by name. The package `benchmark` takes
 * the samples.
 */
import { readFileSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import Benchmark from "benchmark";

/** Resident bytes of this process: at present ("VmRSS") or at most ("VmHWM"). Null where Linux does not say. */
function residentBytes(field) {
  try {
    const line = new RegExp(`^${field}:\\s*(\\d+) kB`, "m").exec(
      readFileSync("/proc/self/status", "utf8"),
    );
    return line && Number(line[1]) * 1024;
  } catch {
    return null;
  }
}

/**
 * Milliseconds of a run, at least `samples` times and about `seconds` long. A sample is the mean of as many runs
 * as last 10 ms, so that short ones are above the clock's noise.
 */
function sample(run, { samples, seconds }) {
  return new Promise((resolve, reject) => {
    const work = (deferred) => {
      run().then(() => deferred.resolve(), reject);
    };
    const bench = new Benchmark({
      defer: true,
      // Bound, a function has no source that Benchmark could compile anew without its closure.
      fn: work.bind(null),
      minSamples: samples,
      maxTime: seconds,
      minTime: 0.01,
      delay: 0,
    });
    bench.on("error", () => reject(bench.error));
    bench.on("complete", () => resolve(bench.stats.sample.map((s) => s * 1000)));
    bench.run({ async: true });
  });
}

/**
 * @param about what the engine says of itself: adapter, version
 * @param tasks makers of tasks by name
 * @param deviceMemory what a request for memory tells besides resident bytes
 */
export async function serve({ about, tasks, deviceMemory = () => ({}) }) {
  const send = (answer) => writeSync(3, `${JSON.stringify(answer)}\n`);
  const started = residentBytes("VmRSS");
  const made = new Map();
  const milliseconds = async (work) => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };

  const requests = {
    about: () => about,
    async make({ key, task, options }) {
      const make = tasks[task];
      if (!make) return { unknown: true };
      const given = await make(options);
      made.set(key, typeof given === "function" ? { run: given } : given);
      return {};
    },
    first: async ({ key }) => ({ ms: await milliseconds(made.get(key).run) }),
    sample: async ({ key, samples, seconds }) => ({
      samples: await sample(made.get(key).run, { samples, seconds }),
    }),
    call: async ({ key, method, args }) => ({ value: await made.get(key)[method](...args) }),
    async drop({ key }) {
      await made.get(key)?.dispose?.();
      made.delete(key);
      return {};
    },
    memory: () => {
      const peak = residentBytes("VmHWM");
      return { resident: peak && started && peak - started, ...deviceMemory() };
    },
  };

  for await (const line of createInterface({ input: process.stdin })) {
    const { request, ...rest } = JSON.parse(line);
    try {
      send(await requests[request](rest));
    } catch (error) {
      send({ error: error instanceof Error ? error.message : String(error) });
    }
  }
}

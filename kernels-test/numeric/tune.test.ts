/** The tuner on a device: what it measures, keeps, and changes. */

import { afterEach, beforeAll, expect, test } from "vitest";
import { startTiming } from "../../src/device/timing";
import * as tg from "../../src/node";
import { forcedMatmulVariant } from "../../src/ops/matmulVariants";
import { forcedMoveVariant } from "../../src/ops/movement";
import { chooserOf, runWatch, setChooser, tuningVersion } from "../../src/ops/variants";
import type { ByteCache } from "../../src/platform/platform";
import { type TuningProgress, tuneOn, useTuningOn } from "../../src/tune/tune";

let device: tg.Device;
beforeAll(async () => {
  device = await tg.init();
});
afterEach(() => {
  setChooser(device.executor.adapter, null);
});

function home() {
  const files = new Map<string, Uint8Array>();
  const cache: ByteCache = {
    get: async (key) => files.get(key) ?? null,
    put: async (key, bytes) => void files.set(key, bytes),
  };
  return { files, byteCache: async () => cache };
}

/** A clock on which every measured call takes a second, but those that run the kernel. */
const favouring = (kernel: string) => ({
  measure: async (run: () => void) => {
    const stop = startTiming(device.executor);
    run();
    const names = (await stop()).map(({ name }) => name);
    return names.includes(kernel) ? 0.5 : 1;
  },
});

async function ran(work: () => unknown): Promise<string[]> {
  const stop = startTiming(device.executor);
  work();
  return (await stop()).map(({ name }) => name);
}

const turn = (x: tg.Tensor) => tg.contiguous(tg.transpose(x, 0, 1));

test("nothing is tuned, watched or remembered unless asked for", () => {
  expect(chooserOf(device.executor.adapter)).toBe(null);
  expect(runWatch.current).toBe(null);
  expect(tuningVersion(device)).toBe(0);
});

test("the winner runs from then on, in other processes too, and elsewhere the default does", async () => {
  const platform = home();
  const x = tg.zeros([40, 40]);
  const usual = await ran(() => turn(x));
  expect(usual).not.toEqual(["shape/transpose_elements"]);
  const progress: TuningProgress[] = [];
  const tuned = await tuneOn(platform, () => turn(x), {
    stopwatch: favouring("shape/transpose_elements"),
    onProgress: (p) => progress.push(p),
  });
  expect(tuned.map(({ problem }) => problem)).toEqual(["move rows 1 45 45 yes"]);
  expect(tuned[0]!.winner).toBe("elements");
  expect(Object.keys(tuned[0]!.seconds).sort()).toEqual([
    "elements",
    "strided",
    "tiles",
    "vectors",
  ]);
  expect(progress.map(({ done, total }) => [done, total])).toEqual([
    [0, 1],
    [1, 1],
  ]);
  expect(progress[1]!.last).toEqual(tuned[0]);
  expect(await ran(() => turn(x))).toEqual(["shape/transpose_elements"]);
  const larger = tg.zeros([200, 200]);
  expect(await ran(() => turn(larger))).toEqual(usual);

  setChooser(device.executor.adapter, null);
  expect(await ran(() => turn(x))).toEqual(usual);
  await useTuningOn(platform, true);
  expect(await ran(() => turn(x))).toEqual(["shape/transpose_elements"]);
  await useTuningOn(platform, false);
  expect(await ran(() => turn(x))).toEqual(usual);
});

test("what a test forces comes before what was tuned", async () => {
  const x = tg.zeros([40, 40]);
  await tuneOn(home(), () => turn(x), { stopwatch: favouring("shape/transpose_elements") });
  forcedMoveVariant.current = "strided";
  try {
    expect(await ran(() => turn(x))).toEqual(["pointwise/unary_strided"]);
  } finally {
    forcedMoveVariant.current = null;
  }
});

test("what is remembered is measured again only when asked, and versions tell", async () => {
  const platform = home();
  const x = tg.zeros([40, 40]);
  const stopwatch = favouring("shape/transpose_elements");
  expect(await tuneOn(platform, () => turn(x), { stopwatch })).toHaveLength(1);
  const version = tuningVersion(device);
  expect(version).toBeGreaterThan(0);
  expect(await tuneOn(platform, () => turn(x), { stopwatch })).toEqual([]);
  expect(tuningVersion(device)).toBe(version);
  const again = favouring("shape/transpose_vectors");
  const [changed] = await tuneOn(platform, () => turn(x), { stopwatch: again, anew: true });
  expect(changed!.before).toBe("elements");
  expect(changed!.winner).toBe("vectors");
  expect(tuningVersion(device)).toBeGreaterThan(version);
});

test("keep: false leaves nothing behind for other processes", async () => {
  const platform = home();
  const stopwatch = { measure: async () => 1 };
  await tuneOn(platform, () => turn(tg.zeros([40, 40])), { keep: false, stopwatch });
  expect(platform.files.size).toBe(0);
});

/** Gradients and a function that takes them, with every family of variants in it but attention. */
function trainingStep() {
  const key = tg.random.key(7);
  const table = tg.random.normal(key, [20, 16]);
  const weight = tg.mul(tg.random.normal(key, [16, 24]), 0.2);
  const index = tg.random.randint(key, 0, 20, [2, 40]);
  const loss = (w: tg.Tensor, t: tg.Tensor) => {
    const x = tg.matmul(tg.embedding(index, t), w);
    return tg.sum(tg.mul(tg.softmax(x), tg.cumsum(x, 1)));
  };
  return () => tg.grad(loss, { argnums: [0, 1] })(weight, table) as unknown as tg.Tensor[];
}

const valuesOf = (make: () => tg.Tensor[]) =>
  Promise.all(tg.scope(make).map(async (t) => Array.from(await t.data(), Number)));

/** @param tolerance relative to the largest element */
function expectClose(got: number[][], wanted: number[][], tolerance: number): void {
  wanted.forEach((values, i) => {
    const bound = tolerance * Math.max(...values.map(Math.abs));
    expect(got[i]!.length).toBe(values.length);
    values.forEach((v, j) => {
      expect(Math.abs(got[i]![j]! - v)).toBeLessThan(bound);
    });
  });
}

test("winners by the clock are candidates, leave gradients as they are, and free what they used", async () => {
  const platform = home();
  const step = trainingStep();
  const before = await valuesOf(step);
  const { liveBytes } = device.pool.report();
  const tuned = await tuneOn(platform, step);
  expect(device.pool.report().liveBytes).toBe(liveBytes);
  for (const family of ["matmul", "scatter", "scan", "reduce", "row team"])
    expect(tuned.some(({ problem }) => problem.startsWith(`${family} `))).toBe(true);
  for (const { winner, seconds } of tuned) {
    expect(Object.keys(seconds)).toContain(winner);
    for (const time of Object.values(seconds)) expect(time).toBeGreaterThan(0);
  }
  expect(platform.files.size).toBe(1);
  expectClose(await valuesOf(step), before, 1e-5);
});

test("the passes of attention are tuned each by itself, and may run by different kernels", async () => {
  const key = tg.random.key(8);
  const [q, k, v] = [1, 2, 3].map(() => tg.random.normal(key, [1, 2, 40, 8]));
  const step = () => {
    const loss = (x: tg.Tensor) =>
      tg.sum(tg.mul(tg.scaledDotProductAttention(x, k!, v!, { causal: true }), v!));
    return [tg.grad(loss)(q!) as tg.Tensor];
  };
  const before = await valuesOf(step);
  const taken: string[] = [];
  const tuned = await tuneOn(home(), step, {
    // The last candidate of the forward pass wins, and the first of the backward pass.
    stopwatch: {
      measure: async (run) => {
        const stop = startTiming(device.executor);
        run();
        const first = (await stop())[0]?.name ?? "";
        taken.push(first);
        return first.startsWith("attention/forward") ? 1 / taken.length : taken.length;
      },
    },
  });
  const passes = tuned.filter(({ problem }) => problem.startsWith("attention "));
  expect(passes.map(({ problem }) => problem.split(" ")[1]).sort()).toEqual([
    "backward",
    "forward",
  ]);
  expectClose(await valuesOf(step), before, 1e-5);
});

test("an operation that throws leaves nothing watched", async () => {
  const fails = () => {
    turn(tg.zeros([40, 40]));
    throw new Error("no");
  };
  const { liveBytes } = device.pool.report();
  await expect(tuneOn(home(), fails)).rejects.toThrow("no");
  expect(runWatch.current).toBe(null);
  expect(device.pool.report().liveBytes).toBe(liveBytes);
  await expect(tuneOn(home(), 3 as never)).rejects.toThrow(tg.ArgumentError);
});

test("a tuned matmul is one of its candidates, on other shapes of its class too", async () => {
  const platform = home();
  const [a, b] = [tg.ones([33, 50]), tg.ones([50, 70])];
  const [tuned] = await tuneOn(platform, () => tg.matmul(a, b), {
    stopwatch: favouring("matmul/vector"),
  });
  expect(tuned!.winner).toBe("vector lanes=1");
  const near = await ran(() => tg.matmul(tg.ones([32, 49]), tg.ones([49, 69])));
  expect(near).toContain("matmul/vector");
  expect(forcedMatmulVariant.current).toBe(null);
});

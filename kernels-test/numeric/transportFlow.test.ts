/** Particles that flow to a target, beside f64 slopes and what theory says of where they arrive. */
import { beforeAll, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import {
  type FlowOptions,
  flowStep,
  gradientFlow,
  sinkhorn,
  squaredEuclidean,
} from "../../src/transport/index";
import { costMatrix } from "../reference/transport/costs";
import { sinkhornDivergence as reference } from "../reference/transport/divergence";
import { drawPoints, drawWeights } from "../reference/transport/drawn";
import { upload, vector } from "./transportRun";

beforeAll(async () => {
  await tg.init();
});

const floats = async (t: tg.Tensor): Promise<Float32Array> => (await t.data()) as Float32Array;

/** One step of n particles in the plane. */
async function stepped(x: ArrayLike<number>, y: ArrayLike<number>, options: FlowOptions) {
  const points = (p: ArrayLike<number>) => upload(p, [p.length / 2, 2]);
  const { x: next, divergence } = flowStep(points(x), points(y), options);
  return { x: await floats(next), divergence: await divergence.item() };
}

describe("a step", () => {
  test("is minus the rate times the slope, by the weight of the particle", async () => {
    const [x, y] = [drawPoints(5, 2, 1), drawPoints(4, 2, 2)];
    const [a, b] = [drawWeights("random", 5, 3), drawWeights("random", 4, 4)];
    const epsilon = 0.2;
    const between = (p: Float64Array, q: Float64Array) => costMatrix("squaredEuclidean", p, q, 2);
    const value = (p: Float64Array) =>
      reference({ a, b, epsilon, costs: [between(p, y), between(p, p), between(y, y)] });
    const [h, rate] = [1e-5, 0.3];
    const { x: next, divergence } = await stepped(x, y, {
      ...{ epsilon, rate, maxIterations: 300 },
      ...{ a: vector(a), b: vector(b) },
    });
    expect(divergence).toBeCloseTo(value(x), 5);
    x.forEach((v, k) => {
      const moved = (by: number) => x.map((w, j) => (j === k ? w + by : w));
      const slope = (value(moved(h)) - value(moved(-h))) / (2 * h);
      expect(next[k]).toBeCloseTo(v - (rate * slope) / a[Math.floor(k / 2)]!, 4);
    });
  });

  test("of rate 1/2 at a small epsilon goes all the way to the nearest matching", async () => {
    const y = drawPoints(12, 2, 5);
    const x = y.map((v, k) => v + (k % 2 ? 0.04 : -0.05));
    const { x: next } = await stepped(x, y, { epsilon: 1e-3, rate: 0.5, maxIterations: 1000 });
    for (const [k, v] of y.entries()) expect(next[k]).toBeCloseTo(v, 2);
  });

  test("of a translated cloud translates it, at any epsilon", async () => {
    const y = drawPoints(17, 2, 6);
    const x = y.map((v, k) => v + (k % 2 ? 1 : -2));
    for (const epsilon of [0.05, 5]) {
      const { x: next } = await stepped(x, y, { epsilon, rate: 0.25, maxIterations: 500 });
      for (const [k, v] of y.entries()) expect(next[k]).toBeCloseTo(v + (k % 2 ? 0.5 : -1), 3);
    }
  });

  test("leaves what is there already, and particles without mass", async () => {
    const y = drawPoints(9, 2, 7);
    const { x: next, divergence } = await stepped(y, y, { epsilon: 0.05, maxIterations: 500 });
    expect(Math.abs(divergence)).toBeLessThan(1e-6);
    for (const [k, v] of y.entries()) expect(next[k]).toBeCloseTo(v, 4);
    const a = vector([0.5, 0, 0.5]);
    const x = drawPoints(3, 2, 8);
    const { x: moved } = await stepped(x, y, { epsilon: 0.1, a, maxIterations: 200 });
    expect([moved[2], moved[3]]).toEqual(Array.from(x.subarray(2, 4), Math.fround));
    expect(Math.abs(moved[0]! - x[0]!)).toBeGreaterThan(1e-3);
  });

  test("tells how far the transport between both came", async () => {
    const [x, y] = [upload(drawPoints(7, 2, 12), [7, 2]), upload(drawPoints(6, 2, 13), [6, 2])];
    const options = { epsilon: 0.01, maxIterations: 20 };
    const { iterations, marginalError } = flowStep(x, y, options);
    const alone = sinkhorn(null, null, squaredEuclidean(x, y), options);
    expect(await iterations.item()).toBe(await alone.iterations.item());
    expect(await marginalError.item()).toBe(await alone.marginalError.item());
  });

  test("moves each cloud of a batch as if it were alone", async () => {
    const [one, two, y] = [drawPoints(6, 2, 9), drawPoints(6, 2, 10), drawPoints(5, 2, 11)];
    const options = { epsilon: 0.1, maxIterations: 200 };
    const { x: next, divergence } = flowStep(
      upload([...one, ...two], [2, 6, 2]),
      upload(y, [5, 2]),
      options,
    );
    expect(divergence.shape).toEqual([2]);
    const together = await floats(next);
    for (const [k, x] of [one, two].entries()) {
      const { x: alone } = await stepped(x, y, options);
      for (const [i, v] of alone.entries()) expect(together[12 * k + i]).toBeCloseTo(v, 5);
    }
  });
});

describe("a flow", () => {
  test("comes nearer with each step, and arrives", async () => {
    const [x, y] = [drawPoints(40, 2, 12), drawPoints(30, 2, 13)];
    const far = x.map((v) => 0.3 * v - 1);
    const divergences: number[] = [];
    const frames = gradientFlow(upload(far, [40, 2]), upload(y, [30, 2]), {
      ...{ epsilon: 0.05, steps: 25, maxIterations: 200 },
    });
    for (const { divergence } of frames) divergences.push(await divergence.item());
    expect(divergences).toHaveLength(25);
    divergences.slice(1).forEach((value, k) => {
      expect(value).toBeLessThan(divergences[k]! + 1e-5);
    });
    expect(divergences.at(-1)! / divergences[0]!).toBeLessThan(2e-3);
  });

  test("is its steps, and starting from the last potentials changes nothing but the time", async () => {
    const [x, y] = [drawPoints(7, 2, 14), drawPoints(8, 2, 15)];
    const options = { epsilon: 0.1, rate: 0.2, maxIterations: 300 };
    let at = x as ArrayLike<number>;
    for (const { step, x: next } of gradientFlow(upload(x, [7, 2]), upload(y, [8, 2]), {
      ...options,
      steps: 3,
    })) {
      const { x: want } = await stepped(at, y, options);
      const got = await floats(next);
      for (const [k, v] of want.entries()) expect(got[k]).toBeCloseTo(v, 5);
      at = got;
      expect(step).toBeLessThanOrEqual(3);
    }
  });

  test("keeps nothing but its frames", async () => {
    const { pool } = tg.currentDevice();
    const [x, y] = [upload(drawPoints(5, 2, 16), [5, 2]), upload(drawPoints(4, 2, 17), [4, 2])];
    const run = async (): Promise<void> => {
      const frames = [...gradientFlow(x, y, { epsilon: 0.2, steps: 4, maxIterations: 20 })];
      await frames[3]!.x.data();
      for (const { x: at, divergence } of frames) for (const t of [at, divergence]) t.dispose();
    };
    await run();
    const before = pool.report().liveBytes;
    await run();
    expect(pool.report().liveBytes).toBe(before);
  });
});

describe("bad input", () => {
  test("is refused at once", () => {
    const x = upload([0, 0], [1, 2]);
    expect(() => flowStep(x, x, { epsilon: 0.1, rate: 0 })).toThrow("rate 0 must be a number > 0");
    expect(() => [...gradientFlow(x, x, { epsilon: 0.1, steps: -1 })]).toThrow("steps -1");
    expect(() => flowStep(x, upload([0], [1, 1]), { epsilon: 0.1 })).toThrow("equally wide");
  });
});

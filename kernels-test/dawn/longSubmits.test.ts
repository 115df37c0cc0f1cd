/** Submits bounded in time: dispatches in parts give the bits that whole ones give, and no submit is told to be long. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Device, setCurrentDevice } from "../../src/device/device";
import { startTiming } from "../../src/device/timing";
import { initOn } from "../../src/init";
import { allKernels } from "../../src/kernels";
import { specialise } from "../../src/kernels/kernel";
import * as tg from "../../src/node";
import { nodePlatform } from "../../src/platform/node";
import { BoundedStream } from "../../src/profile/boundedStream";
import { partVariant } from "../../src/profile/gridParts";
import { direction } from "../harness";
import { runTraining } from "../trainingRun";

/** Tells what each submit was told to take, and holds the device for as slow as at first. */
class Watched extends BoundedStream {
  readonly told: number[] = [];

  override submit(send: () => void): void {
    this.told.push(this.expected);
    super.submit(send);
  }

  protected override learn(): void {}
}

/** So short that every workgroup gets a submit of its own. */
const shortest = 1e-9;

async function bounded(
  milliseconds: number,
  makeCurrent: boolean,
): Promise<{ device: Device; told: number[] }> {
  let told: number[] = [];
  const device = await initOn(
    nodePlatform,
    { makeCurrent, longestSubmit: milliseconds },
    async (longest) => (gpu, flush) => {
      const stream = new Watched(gpu, flush, longest!);
      told = stream.told;
      return stream;
    },
  );
  return { device, told };
}

let whole: Device;
let parted: Device;
beforeAll(async () => {
  whole = await tg.init({ makeCurrent: false });
  parted = (await bounded(shortest, false)).device;
});
afterAll(async () => {
  await whole.destroy();
  await parted.destroy();
});

interface Outcome {
  readonly bytes: number[][];
  readonly submits: number;
}

async function outcomeOn(device: Device, run: () => readonly tg.Tensor[]): Promise<Outcome> {
  const before = setCurrentDevice(device);
  try {
    tg.manualSeed(5);
    const from = device.executor.counters.submits;
    const made = tg.scope(() => run().map((tensor) => tg.contiguous(tensor)));
    const values = await tg.readAll(made);
    for (const tensor of made) tensor.dispose();
    const bytes = values.map((value) => {
      const { buffer, byteOffset, byteLength } = value as Float32Array;
      return [...new Uint8Array(buffer, byteOffset, byteLength)];
    });
    return { bytes, submits: device.executor.counters.submits - from };
  } finally {
    setCurrentDevice(before);
  }
}

const random = (seed: number, ...shape: number[]): tg.Tensor =>
  tg.tensor(
    direction(
      shape.reduce((product, side) => product * side, 1),
      seed,
    ),
    { shape },
  );

const slopes = (fn: (...inputs: tg.Tensor[]) => tg.Tensor, ...inputs: tg.Tensor[]): tg.Tensor[] =>
  inputs.map((_, i) =>
    tg.grad((...of: tg.Tensor[]) => tg.sum(fn(...of)), { argnums: i })(...inputs),
  );

const cosine = (x: tg.Tensor): tg.Tensor => tg.cos(tg.mul(x, 3));

/** Of each family of kernels something that takes several workgroups. */
const families: Readonly<Record<string, () => readonly tg.Tensor[]>> = {
  "matrix products": () =>
    slopes((a, b) => cosine(tg.matmul(a, b)), random(1, 2, 90, 70), random(2, 70, 130)),
  attention: () =>
    slopes(
      (q, k, v) => cosine(tg.nn.functional.scaledDotProductAttention(q, k, v, { causal: true })),
      random(5, 1, 2, 80, 16),
      random(6, 1, 2, 80, 16),
      random(7, 1, 2, 80, 16),
    ),
  convolutions: () =>
    slopes(
      (x, w) => cosine(tg.nn.functional.conv2d(x, w, { padding: 1 })),
      random(8, 2, 4, 14, 14),
      random(9, 8, 4, 3, 3),
    ),
  pooling: () => slopes((x) => tg.nn.functional.maxPool2d(x, 2), random(10, 2, 3, 16, 16)),
  "norms and softmax": () =>
    slopes(
      (x) => tg.nn.functional.softmax(tg.nn.functional.layerNorm(x, [48]), 1).square(),
      random(11, 40, 48),
    ),
  reductions: () => {
    const x = random(12, 30, 700);
    return [tg.sum(x, { dim: 0 }), tg.sum(x, { dim: 1 }), tg.sum(x), tg.argmax(x, { dim: 1 })];
  },
  "running sums": () => [
    tg.cumsum(random(13, 6, 3000), 1),
    tg.cummax(random(14, 70, 20), 0).values,
  ],
  sorting: () => [tg.sort(random(15, 3, 3000)).values],
  "rows gathered and added": () => {
    const index = tg.tensor(Int32Array.from({ length: 300 }, (_, i) => (i * 7) % 50));
    return slopes((table) => cosine(tg.nn.functional.embedding(index, table)), random(16, 50, 12));
  },
  "pointwise operations in one kernel": () => {
    const [x, y] = [random(17, 40, 50), random(18, 50)];
    const fused = tg.compile((a: tg.Tensor, b: tg.Tensor) => tg.exp(tg.sin(tg.add(a, b))));
    return [fused(x, y), tg.sub(x, tg.tensor([[2]]))];
  },
  "random numbers": () => [tg.random.normal(tg.random.key(3), [5000])],
  "Fourier transforms": () => {
    const { real, imag } = tg.fft.fft(random(19, 6, 256));
    return [real, imag];
  },
  factorisations: () => {
    const a = random(20, 3, 20, 20);
    return [tg.linalg.qr(a).R, tg.linalg.solve(a, random(21, 3, 20, 3))];
  },
  "transport between points": () => {
    const cost = tg.transport.squaredEuclidean(random(22, 90, 3), random(23, 75, 3));
    const { f, g } = tg.transport.sinkhorn(null, null, cost, { epsilon: 0.1, maxIterations: 3 });
    return [f, g];
  },
  "doubly stochastic matrices": () => [
    tg.nn.functional.sinkhornKnopp(random(24, 300, 4, 4)),
    tg.nn.functional.sinkhornKnopp(random(25, 3, 60, 40)),
  ],
};

describe("a dispatch in parts gives the bits of the whole one", () => {
  test.each(Object.entries(families))("%s", async (_, run) => {
    const expected = await outcomeOn(whole, run);
    const found = await outcomeOn(parted, run);
    expect(found.bytes).toEqual(expected.bytes);
    expect(found.submits).toBeGreaterThan(expected.submits);
  });
});

test("a training run in submits of 50 microseconds has the bits of one without bound", async () => {
  const until = 2;
  const free = await runTraining(tg, { device: { executor: "webgpu" }, until });
  const longest = 0.05;
  let submits: readonly number[] = [];
  const init = async () => {
    const { device, told } = await bounded(longest, true);
    submits = told;
    return device;
  };
  const tight = await runTraining({ ...tg, init }, { device: {}, until });
  expect(tight.digest).toBe(free.digest);
  expect(submits.length).toBeGreaterThan(100);
  expect(Math.max(...submits)).toBeLessThanOrEqual(longest);
});

test("a dispatch in parts has one time, from the beginning of the first to the end of the last", async () => {
  const before = setCurrentDevice(parted);
  const [a, b] = [random(1, 90, 70), random(2, 70, 130)];
  await parted.executor.drain();
  const stop = startTiming(parted.executor);
  const began = performance.now();
  const product = tg.matmul(a, b);
  const timings = await stop();
  const took = performance.now() - began;
  setCurrentDevice(before);
  for (const tensor of [a, b, product]) tensor.dispose();
  expect(timings.map(({ name }) => name.split("/")[0])).toEqual(["matmul"]);
  expect(timings[0]!.grid.reduce((groups, side) => groups * side)).toBeGreaterThan(1);
  expect(timings[0]!.nanoseconds).toBeGreaterThan(0);
  expect(timings[0]!.nanoseconds).toBeLessThan(took * 1e6);
});

test("Dawn takes the variant of every kernel", async () => {
  const { device: gpu } = whole.executor as unknown as { device: GPUDevice };
  const offered = (feature: string): boolean =>
    gpu.features.has((feature === "f16" ? "shader-f16" : feature) as GPUFeatureName);
  const wrong: string[] = [];
  const usable = allKernels.filter(({ features }) => features.every(offered));
  expect(usable.length).toBeGreaterThan(150);
  for (const kernel of usable) {
    const code = partVariant(specialise(kernel).wgsl);
    if (code === null) {
      wrong.push(`${kernel.name} has no variant`);
      continue;
    }
    gpu.pushErrorScope("validation");
    gpu.createShaderModule({ code });
    const error = await gpu.popErrorScope();
    if (error) wrong.push(`${kernel.name}: ${error.message}`);
  }
  expect(wrong).toEqual([]);
});

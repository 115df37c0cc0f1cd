/** Normalisation by channels: every size of team, running statistics, ghost batches, layers, checkpoints. */
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  add,
  batchNorm,
  Checkpoint,
  grad,
  groupNorm,
  init,
  instanceNorm,
  jvp,
  layerNorm,
  localResponseNorm,
  mean,
  mul,
  nn,
  reshape,
  slice,
  square,
  sum,
  type Tensor,
  tensor,
  valueAndGradients,
  variance,
  vmap,
} from "../../src/node";
import { forcedRowTeam, rowTeams } from "../../src/ops/rowTeam";
import { encodeCheckpoint } from "../../src/train/checkpoint";
import { decodeSafetensors } from "../../src/train/safetensors";
import { expectClose } from "../harness";
import { normals } from "../samples";

/** Sums of up to 2,000 numbers of size 1 in f32, divided by a spread of about 1. */
const close = { relative: 2e-5, absolute: 2e-5 };

beforeAll(async () => {
  await init();
});
afterEach(() => {
  forcedRowTeam.current = null;
});

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const draw = (shape: number[], seed: number, offset = 0): Tensor =>
  tensor(
    normals(count(shape), seed).map((v) => v + offset),
    { shape },
  );
/** Sums over all but the channels leave rounding of this many terms. */
const shapes = [
  [5, 3],
  [65, 2],
  [3, 2, 63],
  [2, 3, 64],
  [2, 1, 5, 13],
  [2, 3, 16, 17],
];

/** In plain operations. */
function plain(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const dims = x.shape.flatMap((_, d) => (d === 1 ? [] : [d]));
  const along = [x.shape[1]!, ...x.shape.slice(2).map(() => 1)];
  const centered = x.sub(mean(x, { dim: dims, keepdim: true }));
  const spread = mean(square(centered), { dim: dims, keepdim: true }).add(1e-5).sqrt();
  return add(mul(centered.div(spread), reshape(weight, along)), reshape(bias, along));
}

describe.each(rowTeams.candidates())("a team of %i", (team) => {
  test.each(shapes.map((shape) => [shape]))(
    "batchNorm of %j is what plain operations give, with gradients",
    async (shape) => {
      forcedRowTeam.current = team;
      const operands = [draw(shape, 1, 3), draw([shape[1]!], 2), draw([shape[1]!], 3)] as const;
      const g = draw(shape, 4);
      const fused = (x: Tensor, weight: Tensor, bias: Tensor): Tensor =>
        batchNorm(x, { training: true, weight, bias }).output;
      expectClose(await fused(...operands).data(), await plain(...operands).data(), close);
      const gradients = [fused, plain].map((fn) =>
        grad((x: Tensor, w: Tensor, b: Tensor) => sum(mul(fn(x, w, b), g)), {
          argnums: [0, 1, 2],
        })(...operands),
      );
      for (const i of [0, 1, 2] as const) {
        const [own, wanted] = gradients.map((list) => list[i]);
        expectClose(await own!.data(), await wanted!.data(), { relative: 1e-4, absolute: 2e-4 });
      }
    },
  );
});

test("a mean far from zero costs no accuracy", async () => {
  const x = draw([40, 2, 5], 1);
  const near = batchNorm(x, { training: true }).output;
  const far = batchNorm(add(x, 4096), { training: true }).output;
  // x + 4096 is rounded to 2^-12 / 2.
  expectClose(await far.data(), await near.data(), { relative: 0, absolute: 5e-4 });
});

test("running statistics move by momentum, with the unbiased variance, and are returned, not changed", async () => {
  const x = draw([6, 2, 4], 1, 2);
  const [runningMean, runningVar] = [draw([2], 2), square(draw([2], 3))];
  const before = await runningMean.data();
  const moved = batchNorm(x, { training: true, runningMean, runningVar, momentum: 0.3 });
  const over = { dim: [0, 2] };
  const expected = [
    add(mul(runningMean, 0.7), mul(mean(x, over), 0.3)),
    add(mul(runningVar, 0.7), mul(variance(x, over), 0.3)),
  ];
  expectClose(await moved.runningMean!.data(), await expected[0]!.data(), close);
  expectClose(await moved.runningVar!.data(), await expected[1]!.data(), close);
  expect(await runningMean.data()).toEqual(before);
});

test("ghost batches are normalised by themselves, and move the running statistics by their average", async () => {
  const x = draw([6, 2, 3], 1);
  const [runningMean, runningVar] = [draw([2], 2), square(draw([2], 3))];
  const options = { training: true, runningMean, runningVar };
  const together = batchNorm(x, { ...options, virtualBatchSize: 2 });
  const apart = [0, 2, 4].map((start) =>
    batchNorm(slice(x, { dim: 0, start, end: start + 2 }), options),
  );
  for (const [i, { output }] of apart.entries()) {
    const own = slice(together.output, { dim: 0, start: 2 * i, end: 2 * i + 2 });
    expectClose(await own.data(), await output.data(), close);
  }
  for (const which of ["runningMean", "runningVar"] as const) {
    const average = apart.map((a) => a[which]!).reduce((a, b) => add(a, b));
    expectClose(await together[which]!.data(), await average.div(3).data(), close);
  }
});

test("group normalisation with one group is layer normalisation of a sample, with as many as channels of an instance", async () => {
  const x = draw([2, 4, 3, 5], 1);
  expectClose(await groupNorm(x, 1).data(), await layerNorm(x, [4, 3, 5]).data(), close);
  expectClose(await groupNorm(x, 4).data(), await instanceNorm(x).data(), close);
});

test("localResponseNorm counts channels outside as 0", async () => {
  const x = tensor([1, 2, 3], { shape: [1, 3] });
  const y = await localResponseNorm(x, 3, { alpha: 3, beta: 1, k: 1 }).data();
  expectClose(y, [1 / (1 + 1 + 4), 2 / (1 + 1 + 4 + 9), 3 / (1 + 4 + 9)], close);
});

test("what does not fit is refused, with the cure", () => {
  const x = draw([4, 6], 1);
  const six = draw([6], 2);
  expect(() => batchNorm(x, { training: true, weight: draw([4], 1) })).toThrow(
    /weight has shape \[4\].*6 channels/,
  );
  expect(() => batchNorm(x, { runningMean: six })).toThrow(/Pass them, or training: true/);
  expect(() => batchNorm(x, { training: true, virtualBatchSize: 3 })).toThrow(/divides the 4/);
  expect(() => batchNorm(x, { training: true, virtualBatchSize: 1 })).toThrow(/at least two/);
  expect(() => batchNorm(x, { training: true, momentum: 2 })).toThrow(/momentum 2/);
  expect(() => batchNorm(x, { training: true, eps: -1 })).toThrow(/eps -1/);
  expect(() => batchNorm(six, { training: true })).toThrow(/\[N, C, \.\.\.\]/);
  expect(() => groupNorm(x, 4)).toThrow(/divides the 6 channels/);
  expect(() => groupNorm(x, 2, draw([3], 1))).toThrow(/weight has shape \[3\]/);
  expect(() => instanceNorm(x)).toThrow(/positions/);
  expect(() => instanceNorm(reshape(x, [4, 6, 1]))).toThrow(/one position/);
  expect(() => localResponseNorm(x, 0)).toThrow(/size 0/);
  expect(() => new nn.BatchNorm2d(3).forward(x)).toThrow(/BatchNorm2d.*takes 4 dimensions/);
  expect(() => new nn.GroupNorm(4, 6)).toThrow(/divides numChannels/);
  expect(() => new nn.InstanceNorm1d(6).forward(x)).toThrow(/InstanceNorm1d.*3 dimensions/);
});

describe("a layer of batch normalisation", () => {
  const numbers = async (layer: nn.BatchNorm1d) =>
    Promise.all(
      [layer.running_mean, layer.running_var, layer.num_batches_tracked].map(async (b) => [
        ...(await b!.data()),
      ]),
    );

  test("has PyTorch's keys: parameters are trained, buffers are not", () => {
    const model = new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4));
    expect(Object.keys(model.stateDict())).toEqual([
      "0.weight",
      "0.bias",
      "1.weight",
      "1.bias",
      "1.running_mean",
      "1.running_var",
      "1.num_batches_tracked",
    ]);
    expect(model.namedParameters().map(([key]) => key)).toEqual([
      "0.weight",
      "0.bias",
      "1.weight",
      "1.bias",
    ]);
    expect(model.namedBuffers().map(([key]) => key)).toEqual([
      "1.running_mean",
      "1.running_var",
      "1.num_batches_tracked",
    ]);
    expect(model.parameterCount).toBe(3 * 4 + 4 + 4 + 4);
  });

  test("moves its running statistics in training, also inside gradients, and goes by them in eval", async () => {
    const layer = new nn.BatchNorm1d(2);
    const x = draw([8, 2], 1, 1);
    layer.forward(x);
    const { gradients, value } = valueAndGradients(layer.parameters(), () => [
      sum(square(layer.forward(x))),
      null,
    ]);
    expect(gradients.length).toBe(2);
    expect(Number.isFinite((await value.data())[0])).toBe(true);
    const [means, variances, batches] = await numbers(layer);
    const share = 1 - 0.9 ** 2;
    expectClose(means!, await mul(mean(x, { dim: 0 }), share).data(), close);
    const expected = add(mul(variance(x, { dim: 0 }), share), 0.81);
    expectClose(variances!, await expected.data(), close);
    expect(batches).toEqual([2]);
    layer.eval();
    const y = await layer.forward(x).data();
    const runs = { runningMean: layer.running_mean, runningVar: layer.running_var };
    expectClose(y, await batchNorm(x, runs).output.data(), close);
    expect(await numbers(layer)).toEqual([means, variances, batches]);
  });

  test("without a momentum all batches count equally", async () => {
    const layer = new nn.BatchNorm1d(1, { momentum: null });
    const batches = [1, 2, 3].map((seed) => draw([4, 1], seed, seed));
    for (const x of batches) layer.forward(x);
    const average = batches.map((x) => mean(x)).reduce((a, b) => add(a, b));
    expectClose(await layer.running_mean!.data(), await average.div(3).data(), close);
  });

  test("without running statistics it goes by the batch in eval too, and has no buffers", async () => {
    const layer = new nn.BatchNorm1d(2, { trackRunningStats: false }).eval();
    const x = draw([5, 2], 1, 3);
    const expected = batchNorm(x, { training: true }).output;
    expectClose(await layer.forward(x).data(), await expected.data(), close);
    expect(layer.buffers()).toEqual([]);
  });

  test("comes back from a checkpoint with its buffers, whose count is 64 bits as PyTorch's", async () => {
    const make = () => new nn.Sequential(new nn.BatchNorm1d(3), new nn.Linear(3, 2));
    const model = make();
    model.forward(draw([6, 3], 1, 2));
    const bytes = await encodeCheckpoint({ model });
    expect(decodeSafetensors(bytes, "x").tensors.get("0.num_batches_tracked")!.dtype).toBe("I64");
    const other = make();
    new Checkpoint(bytes, "x").restoreModel(other);
    model.eval();
    other.eval();
    const x = draw([2, 3], 5);
    const [a, b] = [model, other].map((m) => m.forward(x) as Tensor);
    expect(await a!.data()).toEqual(await b!.data());
    expect(await other.stateDict()["0.num_batches_tracked"]!.data()).toEqual(Int32Array.of(1));
  });

  test("moves its statistics under jvp, and refuses lanes, which it could not keep", async () => {
    const layer = new nn.BatchNorm1d(2);
    const x = draw([4, 2], 1);
    jvp((t: Tensor) => layer.forward(t), [x], [draw([4, 2], 2)]);
    expect([...(await layer.num_batches_tracked!.data())]).toEqual([1]);
    const lanes = draw([3, 4, 2], 3);
    expect(() => vmap((t: Tensor) => layer.forward(t))(lanes)).toThrow(/lanes of vmap.*eval/);
    layer.eval();
    expect(vmap((t: Tensor) => layer.forward(t))(lanes).shape).toEqual([3, 4, 2]);
  });

  test("leaves its buffers alone while other values stand for them", async () => {
    const layer = new nn.BatchNorm1d(2);
    const x = draw([4, 2], 1);
    const values = { running_mean: draw([2], 2), running_var: draw([2], 3) };
    nn.functionalCall(layer, values, x);
    expect([...(await layer.running_mean!.data())]).toEqual([0, 0]);
  });
});

/** That recomputation changes no bit of a loss and its gradients, and that what it plans comes true. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/device";
import { init, nn, random, type Tensor, tensor, valueAndGradients } from "../../src/node";
import { Executable } from "../../src/plan/executable";
import type { Graph } from "../../src/plan/graph";
import { liveness } from "../../src/plan/liveness";
import { type Optimised, optimise } from "../../src/plan/passes";
import { type Traced, trace } from "../../src/plan/stage";
import type { DeviceTensor } from "../../src/tensor/deviceTensor";

const [batch, context, vocab] = [3, 32, 29];
const shape = [batch, context];

let device: Device;
let model: nn.GPT;
let args: DeviceTensor[];
let traced: Traced<unknown>;
let graph: Graph;
const constants: DeviceTensor[] = [];

/** The loss of a GPT with dropout, and its gradient for every parameter. */
function gradients([tokens, targets, key]: readonly Tensor[]): readonly Tensor[] {
  const { value, gradients: all } = random.withKey(key!, () =>
    valueAndGradients(model.parameters(), () => {
      const logits = model.forward(tokens!).reshape([batch * context, vocab]);
      return [nn.functional.crossEntropy(logits, targets!.reshape([batch * context])), null];
    }),
  );
  return [value, ...all];
}

const within = (memoryBudget: number | null): Optimised =>
  optimise(traced.graph, { device, memoryBudget, made: (constant) => constants.push(constant) });

beforeAll(async () => {
  device = await init();
  model = new nn.GPT({ vocab, context, layers: 3, heads: 4, width: 48, dropout: 0.1 });
  const ids = (step: number) =>
    Int32Array.from({ length: batch * context }, (_, i) => (i * i * 5 + step * i) % vocab);
  args = [
    tensor(ids(1), { shape, dtype: "i32" }),
    tensor(ids(2), { shape, dtype: "i32" }),
    random.key(7),
  ] as DeviceTensor[];
  traced = trace(device, args, gradients);
  graph = within(null).graph;
});

afterAll(async () => {
  traced.release();
  for (const made of constants) made.dispose();
  await device.destroy();
});

async function bitsOf(results: readonly Tensor[]): Promise<Uint32Array[]> {
  const bits: Uint32Array[] = [];
  for (const result of results) {
    const values = (await result.data()) as Float32Array;
    bits.push(new Uint32Array(values.buffer, values.byteOffset, values.length));
  }
  return bits;
}

async function run(of: Graph): Promise<{ bits: Uint32Array[]; arenaBytes: number }> {
  const executable = new Executable(of, device, new Set());
  const results = executable.run(args);
  const bits = await bitsOf(results);
  for (const result of results) result.dispose();
  executable.dispose();
  return { bits, arenaBytes: executable.size.arenaBytes };
}

describe("recomputation of a GPT's gradient", () => {
  test.each([0.8, 0.5, 0.3])("within %d of the peak gives the same bits", async (part) => {
    const budget = part * liveness(graph).peakBytes;
    const after = within(budget);
    expect(after.recomputation!.estimatedPeakBytes).toBeLessThanOrEqual(budget);
    expect(after.recomputation!.recomputed).toBeGreaterThan(0);
    const [kept, again] = [await run(graph), await run(after.graph)];
    expect(again.bits).toEqual(kept.bits);
    expect(again.bits[0]).toEqual((await bitsOf(gradients(args).slice(0, 1)))[0]);
    expect(again.arenaBytes).toBeLessThan(kept.arenaBytes * part * 1.15);
  });

  test("the estimate is near what lowering plans", () => {
    const { size } = new Executable(graph, device, new Set());
    const { peakBytes } = liveness(graph);
    expect(peakBytes / size.leastBytes).toBeGreaterThan(0.95);
    expect(peakBytes / size.leastBytes).toBeLessThan(1.1);
  });

  test("the least that is reached adds less work than a second forward and backward pass", () => {
    const { estimatedPeakBytes, addedWork } = within(1).recomputation!;
    expect(estimatedPeakBytes).toBeGreaterThan(1);
    expect(estimatedPeakBytes).toBeLessThan(0.3 * liveness(graph).peakBytes);
    expect(addedWork).toBeLessThan(1);
  });
});

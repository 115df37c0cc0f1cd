/**
 * One small training run that touches most of what training uses: a GPT with dropout, cross-entropy, AdamW
 * with clipping, a schedule, keyed draws. It needs no file. In Node and in a page alike it gives the bits of
 * every loss and a hash of them with the final weights, for tests that hold machines, engines and thread
 * counts to the same bits.
 */
import type { InitOptions } from "../src/init";
import type { Tensor } from "../src/tensor/tensor";
import type { Tilegrad } from "./caseModules";

export const totalSteps = 200;

/**
 * The SHA-256 of the 200 losses and the final weights. The tests compute it on every thread count and engine;
 * this copy holds machines that never meet to the same bits. It was taken from the tests' own failure
 * message (`expected "…" to be`). It changes, and is then to be taken anew, when a kernel of this run, the
 * order of its sums, or a mathematical function changes on purpose.
 */
export const committedDigest = "5821d74227acf38a12e29eed2e36743334ca30507e74aeab76fbbda9cc176d2c";

const vocab = 32;
const batch = 4;
const context = 32;

export interface RunOptions {
  readonly device: InitOptions;
  /** A checkpoint of an earlier part of the run. */
  readonly from?: Uint8Array;
  /** The number of steps after which to stop. Default: 200. */
  readonly until?: number;
  /** How AdamW keeps its moments. Default: f32. */
  readonly state?: "8bit";
}

export interface RunResult {
  /** The bits of each loss, from the first step of this part on. */
  readonly losses: number[];
  /** SHA-256 of these losses and the weights after them, in hex. */
  readonly digest: string;
  /** SHA-256 of the weights alone. */
  readonly weights: string;
  readonly checkpoint: Uint8Array;
  /** Tells the threads. */
  readonly description: string;
}

async function sha256(arrays: readonly ArrayBufferView<ArrayBuffer>[]): Promise<string> {
  const bytes = await new Blob([...arrays]).arrayBuffer();
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Random walks over the vocabulary, steps of -1 to 2: something to learn, different in each batch. */
function drawBatch(tg: Tilegrad, key: Tensor, step: number): { input: Tensor; target: Tensor } {
  return tg.scope(() => {
    const moves = tg.random.randint(tg.random.foldIn(key, step), -1, 3, [batch, context + 1]);
    // The sum is at least -(context + 1); floats hold it exactly.
    const walk = tg
      .cumsum(moves, 1)
      .add(2 * vocab)
      .to("f32");
    const tokens = walk.sub(walk.div(vocab).floor().mul(vocab)).to("i32");
    return {
      input: tg.contiguous(tg.slice(tokens, { dim: 1, start: 0, end: context })),
      target: tg.contiguous(tg.slice(tokens, { dim: 1, start: 1 })),
    };
  });
}

export async function runTraining(tg: Tilegrad, options: RunOptions): Promise<RunResult> {
  const { from, until = totalSteps, state } = options;
  const device = await tg.init({ executor: "cpu", cache: false, ...options.device });
  try {
    tg.manualSeed(1);
    const gpt = { vocab, context, layers: 2, heads: 4, width: 64, dropout: 0.1 };
    const model = new tg.nn.GPT(gpt);
    const lr = tg.optim.schedule.warmupCosine({ peak: 3e-3, warmup: 20, total: totalSteps });
    const optimizer = tg.optim.adamw(model.namedParameters(), {
      ...{ lr, clipGradNorm: 1 },
      ...(state && { state }),
    });
    const step = tg.trainStep(
      model,
      optimizer,
      (m, { input, target }: { input: Tensor; target: Tensor }) =>
        tg.nn.functional.crossEntropy(m.forward(input).reshape([-1, vocab]), target.reshape([-1])),
      { seed: 2 },
    );
    if (from) {
      const checkpoint = new tg.Checkpoint(from, "the first part");
      checkpoint.restoreModel(model);
      checkpoint.restoreOptimizer(optimizer);
      step.count = (checkpoint.run as { step: number }).step;
    }
    const key = tg.random.key(3);
    const losses: Promise<number>[] = [];
    while (step.count < until) {
      const { input, target } = drawBatch(tg, key, step.count);
      losses.push(step({ input, target }).loss.item());
      input.dispose();
      target.dispose();
      await device.executor.throttle(2);
    }
    const bits = new Uint32Array(Float32Array.from(await Promise.all(losses)).buffer);
    const weights = (await tg.readAll(model.parameters())) as Float32Array<ArrayBuffer>[];
    return {
      losses: [...bits],
      digest: await sha256([bits, ...weights]),
      weights: await sha256(weights),
      checkpoint: await tg.encodeCheckpoint({ model, optimizer, run: { step: step.count } }),
      description: device.executor.adapter.description,
    };
  } finally {
    await device.destroy();
  }
}

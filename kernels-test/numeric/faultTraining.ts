/** A small training run that fault tests disturb, and what they compare it by. */
import type { TextBatch } from "../../src/data/text";
import * as tg from "../../src/node";
import type { OptimizerOptions } from "../../src/optim/optimizerOptions";

const text = tg.data.fromString("the quick brown fox jumps over the lazy dog. ".repeat(20));
const shape = { context: 8, batch: 2 };
const config = { vocab: text.vocab, context: 8, layers: 1, heads: 2, width: 16, dropout: 0.1 };

export type GPTBatch = TextBatch;
export type GPTParts = tg.TrainingParts<TextBatch, tg.nn.GPT>;

const lossOf = (
  model: tg.nn.GPT,
  { input, target }: { input: tg.Tensor; target: tg.Tensor },
): tg.Tensor =>
  tg.nn.functional.crossEntropy(
    model.forward(input).reshape([-1, text.vocab]),
    target.reshape([-1]),
  );

/** A GPT with dropout, a schedule and clipping: what goes by the step, by the seed, and by all gradients. */
export function buildGPT(
  optimizerOptions: OptimizerOptions = {},
  stepOptions: tg.TrainStepOptions<tg.nn.GPT, TextBatch> = {},
): GPTParts {
  const model = new tg.nn.GPT(config);
  const lr = tg.optim.schedule.warmupCosine({ peak: 1e-2, warmup: 5, total: 50 });
  const optimizer = tg.optim.adamw(model.namedParameters(), {
    lr,
    clipGradNorm: 1,
    ...optimizerOptions,
  });
  const step = tg.trainStep<tg.nn.GPT, TextBatch>(model, optimizer, lossOf, {
    seed: 1,
    ...stepOptions,
  });
  const held = text.validationBatches({ ...shape, batches: 1 });
  return {
    model,
    optimizer,
    step,
    batches: text.loader({ ...shape, seed: 1 }),
    evaluate: () => tg.evaluate(model, held, lossOf),
  };
}

/** The bits of all weights. */
export async function weightBits(model: tg.nn.Module): Promise<number[][]> {
  const values = await tg.readAll(model.parameters());
  return values.map((v) => [...new Uint32Array((v as Float32Array).slice().buffer)]);
}

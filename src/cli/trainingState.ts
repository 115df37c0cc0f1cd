/** What training changes: the model, its optimizer, and the step that joins them. */

import type { TextBatch } from "../data/text";
import { GPT } from "../nn/gpt";
import { manualSeed } from "../nn/initialisers";
import { crossEntropy } from "../ops/loss";
import type { Optimizer } from "../optim/optimizer";
import type { Tensor } from "../tensor/tensor";
import type { ForcedRestore } from "../train/fingerprint";
import { type TrainStep, trainStep } from "../train/trainStep";
import { makeOptimizer } from "./recipe";
import type { RunPlan } from "./runPlan";
import { configurationOf } from "./savedRun";
import { scheduleOf } from "./trainOptions";

export interface TrainingState {
  model: GPT;
  optimizer: Optimizer;
  step: TrainStep<TextBatch>;
  /** Restores behind this state that `--force` carried through. */
  forced: readonly ForcedRestore[];
}

/**
 * On the current device: new, or as the checkpoint has it.
 * @throws CheckpointError when the checkpoint's tensors are of another architecture than it says, or, without
 *   `--force`, when it was made by another version or on another text
 */
export function trainingState({
  config,
  model: modelConfig,
  resumed,
  text,
}: RunPlan): TrainingState {
  const { seed } = config;
  manualSeed(seed);
  const model = new GPT(modelConfig);
  const optimizer = makeOptimizer(model, config);
  let forced: readonly ForcedRestore[] = [];
  if (resumed) {
    const { checkpoint, force } = resumed;
    const configuration = configurationOf(config, text.fingerprint);
    forced = checkpoint.restore({ model, optimizer, configuration }, { force });
    // The checkpoint's schedule is that of its own command line, which this one may have changed.
    optimizer.learningRate = scheduleOf(config);
  }
  const step = trainStep<GPT, TextBatch>(model, optimizer, lossOf, { seed });
  step.count = resumed?.step ?? 0;
  return { model, optimizer, step, forced };
}

/** Cross-entropy of the next character, in nats. */
export function lossOf(model: GPT, { input, target }: { input: Tensor; target: Tensor }): Tensor {
  return crossEntropy(model.forward(input), target, { classDim: -1 });
}

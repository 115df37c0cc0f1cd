/** All of a training run that can be known, and can be wrong, before a device is needed. */

import type { TextBatch, TextLoader } from "../data/text";
import type { GPTConfig } from "../nn/gpt";
import type { FileStore } from "../platform/files";
import { Checkpoint } from "../train/checkpoint";
import { UsageError } from "./exitCodes";
import { modelConfig } from "./recipe";
import { runFolder } from "./runFolder";
import { restoredRun } from "./savedRun";
import { readTrainingText, type TrainingText } from "./trainingText";
import { resumedConfig, type TrainConfig, type TrainOptions } from "./trainOptions";

export interface RunPlan {
  config: TrainConfig;
  model: Required<GPTConfig>;
  text: TrainingText;
  loader: TextLoader;
  validation: readonly TextBatch[];
  /** The run to go on with; null for a new one. */
  resumed: { checkpoint: Checkpoint; step: number; force: boolean } | null;
}

/** @throws UsageError, FileError, DataError, CheckpointError */
export async function planRun(options: TrainOptions, files: FileStore): Promise<RunPlan> {
  const checkpoint =
    options.resume === null ? null : await Checkpoint.read(files, runFolder(options.resume).model);
  const saved = checkpoint && restoredRun(checkpoint);
  const config = saved ? resumedConfig(saved.config, options) : options.config;
  if (saved && saved.step >= config.steps)
    throw new UsageError(
      `--resume ${options.resume}: the run has done ${saved.step} of ${config.steps} steps; ` +
        `to go on with it say how many there shall be in all, such as --steps ${2 * saved.step || 100}`,
    );
  const text = await readTrainingText(files, config.text, saved?.tokenizer ?? null);
  const { batch, context, seed } = config;
  const loader = text.dataset.loader({ batch, context, seed });
  return {
    config,
    model: saved ? saved.model : modelConfig(config, text.dataset.vocab),
    text,
    loader,
    validation: validationBatches(text, config),
    resumed: checkpoint && saved ? { checkpoint, step: saved.step, force: options.force } : null,
  };
}

/** A forward pass costs about a third of a step, so that validation costs about a twentieth of training. */
const BATCHES_PER_STEP = 0.15;
const LEAST_BATCHES = 8;
const MOST_BATCHES = 200;

/** As many batches as validation may cost, and no more than it takes to see the whole part once. */
function validationBatches({ dataset }: TrainingText, config: TrainConfig): TextBatch[] {
  const { batch, context, evalEvery } = config;
  const affordable = Math.round(BATCHES_PER_STEP * evalEvery);
  const whole = Math.max(1, Math.ceil(dataset.part("validation").length / (batch * context)));
  const batches = Math.min(whole, Math.max(LEAST_BATCHES, Math.min(affordable, MOST_BATCHES)));
  return dataset.validationBatches({ batch, context, batches });
}

/** All of a training run that can be known, and can be wrong, before a device is needed. */

import type { TextBatch, TextLoader } from "../data/text";
import type { GPTConfig } from "../nn/gpt";
import type { FileStore } from "../platform/files";
import type { Checkpoint } from "../train/checkpoint";
import type { CheckpointFolder } from "../train/checkpointFolder";
import { UsageError } from "./exitCodes";
import { modelConfig } from "./recipe";
import { newestCheckpoint, runCheckpoints } from "./runCheckpoints";
import { restoredRun } from "./savedRun";
import { readTrainingText, type TrainingText } from "./trainingText";
import { resumedConfig, type TrainConfig, type TrainOptions } from "./trainOptions";

export interface RunPlan {
  config: TrainConfig;
  model: GPTConfig;
  text: TrainingText;
  loader: TextLoader;
  validation: readonly TextBatch[];
  /** The run to go on with; null for a new one. */
  resumed: {
    checkpoint: Checkpoint;
    step: number;
    force: boolean;
    /** Where the checkpoint was found. */
    folder: CheckpointFolder;
    /** Why newer checkpoints in there cannot be gone on from. */
    damaged: readonly string[];
  } | null;
}

/** @throws UsageError, FileError, DataError, CheckpointError */
export async function planRun(options: TrainOptions, files: FileStore): Promise<RunPlan> {
  const { resume, keep, force } = options;
  const folder = resume === null ? null : runCheckpoints(files, resume, { keep });
  const found = folder && { folder, ...(await newestCheckpoint(folder)) };
  const saved = found && restoredRun(found.checkpoint);
  const config = saved ? resumedConfig(saved.config, options) : options.config;
  if (saved && saved.step >= config.steps)
    throw new UsageError(
      `--resume ${resume}: the run has done ${saved.step} of ${config.steps} steps; ` +
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
    resumed: found && saved && { ...found, step: saved.step, force },
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

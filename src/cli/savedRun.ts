/** The JSON that a run's checkpoint holds beside tensors: all that it takes to go on, or to write text. */

import { CharTokenizer, type CharTokenizerJson } from "../data/charTokenizer";
import { CheckpointError } from "../errors";
import type { GPTConfig } from "../nn/gpt";
import type { ScheduleJson } from "../optim/schedule";
import type { Checkpoint } from "../train/checkpoint";
import type { Configuration } from "../train/fingerprint";
import type { TextFingerprint } from "./trainingText";
import { type TrainConfig, trainConfigFromJSON } from "./trainOptions";

export interface SavedRun {
  /** Of this structure. */
  format: 1;
  /** The tilegrad that wrote it. */
  version: string;
  config: TrainConfig;
  model: GPTConfig;
  tokenizer: CharTokenizerJson;
  /** Finished steps, which is also the number of the next batch. */
  step: number;
  /** Of initial weights, batches, the draws of each step, and samples. */
  seed: number;
  schedule: ScheduleJson;
  text: TextFingerprint;
}

/** What a resumed run has to share with the checkpoint, beside the model and the optimizer. */
export const configurationOf = (
  { batch, context, seed }: TrainConfig,
  text: TextFingerprint,
): Configuration => ({ "sha256 of the text": text.sha256, batch, context, seed });

/** A `SavedRun` that was found good, with its tokenizer built. */
export type RestoredRun = Omit<SavedRun, "tokenizer"> & { tokenizer: CharTokenizer };

/** @throws CheckpointError for a checkpoint of anything but `tilegrad train gpt`, or a damaged one */
export function restoredRun(checkpoint: Checkpoint): RestoredRun {
  const { file, run } = checkpoint;
  if (typeof run !== "object" || run === null)
    throw new CheckpointError(
      `${file} holds no run of \`tilegrad train gpt\`: it may be another program's model. ` +
        "Name the folder of a run that tilegrad wrote.",
    );
  const saved = run as Partial<SavedRun>;
  if (saved.format !== 1)
    throw new CheckpointError(
      `${file} holds a run of format ${JSON.stringify(saved.format)}; this version of tilegrad reads format 1. ` +
        "Use the version that wrote it, or start a new run.",
    );
  const config = trainConfigFromJSON(saved.config, file);
  const { step, model } = saved;
  if (!Number.isSafeInteger(step) || step! < 0)
    throw new CheckpointError(
      `${file} says it has done ${JSON.stringify(step)} steps; the file was altered.`,
    );
  const tokenizer = CharTokenizer.fromJSON(saved.tokenizer);
  if (typeof model !== "object" || model === null || model.vocab !== tokenizer.vocab)
    throw new CheckpointError(
      `${file}: its model has ${JSON.stringify(model?.vocab)} tokens, its tokenizer ${tokenizer.vocab}; the file was altered.`,
    );
  return { ...(saved as SavedRun), config, tokenizer };
}

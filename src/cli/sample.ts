/** `tilegrad sample`: text from the model of a run. */

import { ArgumentError, CheckpointError } from "../errors";
import { GPT } from "../nn/gpt";
import type { Checkpoint } from "../train/checkpoint";
import type { Command } from "./command";
import { openDevice } from "./engine";
import { EXIT_INTERRUPTED, EXIT_OK } from "./exitCodes";
import { watchInterrupt } from "./interrupt";
import { newestCheckpoint, runCheckpoints } from "./runCheckpoints";
import type { SampleOptions } from "./sampleOptions";
import { type RestoredRun, restoredRun } from "./savedRun";

/** Prints each character as soon as it is drawn; Ctrl-C ends the text. */
export const sample: Command<SampleOptions> = async (options, context) => {
  const { stdout, stderr, files, signals } = context;
  const { run, length, temperature, topK, topP, seed, json } = options;
  const { checkpoint, damaged } = await newestCheckpoint(runCheckpoints(files, run));
  for (const reason of damaged) stderr.write(`passed over: ${reason}\n`);
  const saved = restoredRun(checkpoint);
  const { tokenizer } = saved;
  const prompt = options.prompt || firstCharacter(saved);
  const begun = [...tokenizer.encode(prompt)];
  const interrupt = watchInterrupt(signals, { onFirst: () => {}, exit: context.exit });
  const device = await openDevice(options.device);
  try {
    const model = restoredModel(checkpoint, saved);
    if (!json && options.prompt !== null) stdout.write(prompt);
    const tokens: number[] = [];
    try {
      await model.generate(begun, {
        count: length,
        temperature,
        topP,
        seed,
        ...(topK !== null && { topK }),
        signal: interrupt.signal,
        onToken: (token) => {
          tokens.push(token);
          if (!json) stdout.write(tokenizer.decode([token]));
        },
      });
    } catch (error) {
      if (!interrupt.signal.aborted) throw error;
    }
    const { step } = saved;
    const text = tokenizer.decode(tokens);
    const settings = { temperature, topK, topP, seed };
    stdout.write(json ? `${JSON.stringify({ run, step, prompt, text, ...settings })}\n` : "\n");
    return interrupt.signal.aborted ? EXIT_INTERRUPTED : EXIT_OK;
  } finally {
    interrupt.close();
    await device.destroy();
  }
};

/** A line break where the model knows one: texts begin there. */
export function firstCharacter({ tokenizer }: RestoredRun): string {
  const { characters } = tokenizer.toJSON();
  return characters.includes("\n") ? "\n" : [...characters][0]!;
}

/** @throws CheckpointError where the checkpoint holds no model of its configuration */
export function restoredModel(checkpoint: Checkpoint, { model: config }: RestoredRun): GPT {
  try {
    const model = new GPT(config);
    checkpoint.restoreModel(model);
    return model;
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new CheckpointError(`${checkpoint.file} describes no model: ${error.message}`, {
      cause: error,
    });
  }
}

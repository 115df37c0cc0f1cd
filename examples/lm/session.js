/**
 * A training run: text, tokenizer, GPT, optimizer, steps, samples, and the bytes of a checkpoint. The same in a
 * page's worker and in Node.
 */

import { fromString } from "tilegrad/data";
import {
  Checkpoint,
  CheckpointError,
  crossEntropy,
  DataError,
  encodeCheckpoint,
  manualSeed,
  Trainer,
  trainStep,
} from "tilegrad/functions";
import { GPT } from "tilegrad/nn";
import { makeOptimizer } from "./rule.js";
import { logEvery, mostText, readSettings, sampleEvery, sizes } from "./settings.js";

/** What the run's part of a checkpoint says it is. */
const kind = "tilegrad examples/lm";

/** Characters of a sample. */
const sampleLength = 120;

const size = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;

/**
 * The text of a file.
 * @param {Blob} file
 * @param {string} name for messages
 * @throws DataError for one that is too large or not UTF-8
 */
export async function readText(file, name) {
  if (file.size > mostText)
    throw new DataError(
      `${name} has ${size(file.size)}; this page takes texts of up to ${size(mostText)}. Take a part of it.`,
    );
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DataError(`${name} is no text in UTF-8. Save it as plain text first.`, { cause });
  }
}

/**
 * @param {string} text
 * @param {typeof import("./settings.js").defaults} settings
 * @throws DataError for a text that is shorter than a window and its target, or too large
 */
export function requireText(text, settings) {
  const { context } = sizes[settings.size];
  const least = context + 2;
  const { length } = text;
  if (length > mostText)
    throw new DataError(`The text has ${size(length)}; at most ${size(mostText)} are taken.`);
  const characters = [...text.slice(0, 2 * least)].length;
  if (characters < least)
    throw new DataError(
      `The text is too short: it has ${characters} characters, and a model of this size reads windows of ${context}. Give it at least ${least}; a few thousand are better.`,
    );
}

export class TrainingSession {
  /**
   * A new run. Needs a current device.
   * @param {string} text
   * @param {object} [settings] see settings.js
   * @throws RangeError for bad settings, DataError for a text that is too short
   */
  constructor(text, settings = {}) {
    this.settings = readSettings(settings);
    const { seed, size: name } = this.settings;
    const { batch, context, layers, heads, width } = sizes[name];
    this.text = text;
    /** Losses that were read: [step, loss]. */
    this.curve = [];
    requireText(text, this.settings);
    this.dataset = fromString(text, { name: "The text", trainFraction: 1 });
    this.batches = this.dataset.loader({ batch, context, seed });
    /** Tokens of a step. */
    this.tokensPerStep = batch * context;
    manualSeed(seed);
    const { vocab } = this.dataset;
    this.model = new GPT({ vocab, context, layers, heads, width, bias: false });
    this.optimizer = makeOptimizer(this.model.namedParameters(), this.settings);
    this.trainStep = trainStep(this.model, this.optimizer, (model, { input, target }) =>
      crossEntropy(model.forward(input), target),
    );
  }

  /**
   * The run of a checkpoint, where it was.
   * @param {Uint8Array} bytes
   * @param {string} name of the file, for messages
   * @throws CheckpointError for bytes that are none, or the checkpoint of something else
   */
  static open(bytes, name) {
    const checkpoint = new Checkpoint(bytes, name);
    const run = checkpoint.run;
    if (run?.kind !== kind)
      throw new CheckpointError(
        `${name} is a checkpoint of something else, not of a language model of this page. Choose a file that was saved here.`,
      );
    let session;
    try {
      session = new TrainingSession(run.text, run.settings);
      checkpoint.restoreModel(session.model);
      checkpoint.restoreOptimizer(session.optimizer);
    } catch (cause) {
      session?.dispose();
      if (cause instanceof CheckpointError) throw cause;
      throw new CheckpointError(`${name} was altered: ${cause.message}`, { cause });
    }
    session.trainStep.count = run.step;
    session.curve = run.curve;
    return session;
  }

  /** Steps done. */
  get step() {
    return this.trainStep.count;
  }

  get finished() {
    return this.step >= this.settings.steps;
  }

  /**
   * Trains to the last step, or until `signal` aborts.
   * @param {object} [options]
   * @param {AbortSignal} [options.signal]
   * @param {(report: { step: number, loss: number }) => void | Promise<void>} [options.onStep] after the first step
   *   and every few
   * @param {(sample: string) => void} [options.onSample] now and then
   * @throws DivergenceError where losses are not finite
   */
  async run({ signal, onStep, onSample } = {}) {
    const trainer = new Trainer({
      step: this.trainStep,
      optimizer: this.optimizer,
      batches: this.batches,
      steps: this.settings.steps,
      logEvery,
      signal,
      onStep: async ({ step, loss }) => {
        this.curve.push([step, loss]);
        await onStep?.({ step, loss });
        if (onSample && step % sampleEvery === 0) onSample(await this.sample());
      },
    });
    await trainer.run();
  }

  /**
   * What the model writes now, after the beginning of the text; the same at the same step.
   * @param {number} [count] characters
   */
  async sample(count = sampleLength) {
    const { tokenizer, tokens } = this.dataset;
    const written = await this.model.generate([tokens[0]], {
      count,
      temperature: 0.8,
      seed: this.step,
    });
    return tokenizer.decode([tokens[0], ...written]);
  }

  /** The bytes of a safetensors file with all that the run needs to go on with the same bits. */
  encode() {
    const { text, settings, step, curve } = this;
    const run = { kind, step, settings, curve, text };
    return encodeCheckpoint({ model: this.model, optimizer: this.optimizer, run });
  }

  dispose() {
    this.trainStep.dispose();
    this.optimizer.dispose();
    this.model.dispose();
  }
}

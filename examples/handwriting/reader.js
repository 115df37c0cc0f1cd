/** A reader of digits: a network that learns from many, and then from the few of one hand. */
import {
  Checkpoint,
  compile,
  encodeCheckpoint,
  manualSeed,
  nn,
  optim,
  readAll,
  scope,
  softmax,
  tensor,
  trainStep,
} from "tilegrad";
import { breathe } from "../breathe.js";
import { distorted } from "./digits.js";
import { makeNetwork } from "./network.js";
import { RandomNumbers } from "./randomNumbers.js";
import { pictureOf, pixels, side } from "./raster.js";

/** Digits in a step. */
const batchSize = 64;

/** Pictures that are read at once; others are read in several goes. */
const readSize = 250;

const pretraining = { rate: 3e-3, warmup: 20, every: 25 };
const lesson = { rate: 1e-3, steps: 24 };

/** How much an example is bent and turned each time it is learned: a part of what hands differ by. */
const lessonStrength = 0.35;

/** @typedef {import("./sources.js").Digits} Digits */
/** @typedef {import("./sources.js").Source} Source */
/** @typedef {{ strokes: [number, number][][], label: number }} Example */

/** The place of the largest of ten numbers. */
export const likeliest = (probabilities) => probabilities.indexOf(Math.max(...probabilities));

/** Holds memory of the current device until `dispose`. */
export class Reader {
  /** @param {number} seed */
  constructor(seed) {
    manualSeed(seed);
    this.network = makeNetwork();
    this.optimizer = optim.adamw(this.network.namedParameters(), {
      lr: pretraining.rate,
      weightDecay: 0.01,
      clipGradNorm: 1,
    });
    this.step = trainStep(this.network, this.optimizer, (network, { input, target }) =>
      nn.functional.crossEntropy(network.forward(input), target),
    );
    this.forward = compile((images) => softmax(this.network.forward(images), -1), {
      name: "reading digits",
    });
    this.random = new RandomNumbers(seed);
  }

  /** One that has learned nothing. @param {object} [options] @param {number} [options.seed] default 1 */
  static async make({ seed = 1 } = {}) {
    const reader = new Reader(seed);
    const { scalars, tensors } = await reader.optimizer.state();
    const values = await readAll(Object.values(tensors));
    const unmoved = Object.entries(tensors).map(([key, { shape }], i) => [
      key,
      { values: values[i], shape },
    ]);
    reader.unmoved = { scalars, tensors: Object.fromEntries(unmoved) };
    reader.blank = await reader.save();
    return reader;
  }

  /**
   * The probability of each digit.
   *
   * @param {Float32Array} images [count, 28, 28]
   * @returns {Promise<Float32Array>} [count, 10]
   */
  async read(images) {
    const count = images.length / pixels;
    const all = new Float32Array(count * 10);
    for (let start = 0; start < count; start += readSize) {
      const some = images.subarray(start * pixels, (start + readSize) * pixels);
      const shape = [some.length / pixels, 1, side, side];
      const result = scope(() => this.forward(tensor(some, { shape })));
      all.set(await result.data(), start * 10);
      result.dispose();
    }
    return all;
  }

  /** The probability of each digit for one drawing. */
  async readStrokes(strokes) {
    return [...(await this.read(pictureOf(strokes)))];
  }

  /** The share of digits read right. @param {Digits} digits */
  async accuracy({ images, labels }) {
    const read = await this.read(images);
    const right = labels.filter(
      (label, i) => likeliest(read.subarray(10 * i, 10 * i + 10)) === label,
    );
    return right.length / labels.length;
  }

  /** The share of somebody's examples read right; null if there are none. @param {readonly Example[]} examples */
  async accuracyOn(examples) {
    if (examples.length === 0) return null;
    const images = new Float32Array(examples.length * pixels);
    examples.forEach(({ strokes }, i) => {
      images.set(pictureOf(strokes), i * pixels);
    });
    return this.accuracy({ images, labels: Int32Array.from(examples, ({ label }) => label) });
  }

  /** One step; its loss. @param {Digits} digits */
  async #learn({ images, labels }, rate) {
    const count = labels.length;
    this.optimizer.learningRate = rate;
    const { loss } = this.step({
      input: { values: images, shape: [count, 1, side, side] },
      target: { values: labels, shape: [count] },
    });
    const value = await loss.item();
    await breathe();
    return value;
  }

  /**
   * Learns to read, from nothing.
   *
   * @param {Source} source
   * @param {number} steps of 64 digits; the rate falls to nothing at the end
   * @yields {{ step: number, loss: number, accuracy: number | null }} after each step; the accuracy on the source's
   *   test digits now and then, and at the end
   */
  async *pretrain(source, steps) {
    const schedule = optim.schedule.warmupCosine({
      peak: pretraining.rate,
      warmup: Math.min(pretraining.warmup, steps - 1),
      total: steps,
    });
    this.load(this.blank, "the first weights");
    this.optimizer.loadState(this.unmoved);
    for (let step = 1; step <= steps; step++) {
      const loss = await this.#learn(source.batch(batchSize), schedule(step - 1));
      const test = step % pretraining.every === 0 || step === steps;
      yield { step, loss, accuracy: test ? await this.accuracy(source.test) : null };
    }
  }

  /**
   * A lesson: a few steps on examples of one hand among digits of the source, so that these are not forgotten.
   *
   * @param {readonly Example[]} examples the last is the new one: a quarter of each batch
   * @param {Source} source
   * @param {number} [steps] default 24
   * @yields {{ step: number, of: number, loss: number }} after each step
   */
  async *teach(examples, source, steps = lesson.steps) {
    // What the optimizer remembers is not saved: a lesson is the same before and after a reload.
    this.optimizer.loadState(this.unmoved);
    for (let step = 1; step <= steps; step++) {
      const batch = source.batch(batchSize);
      for (let i = 0; i < batchSize / 2; i++) {
        const newest = i < batchSize / 4;
        const which = newest ? examples.length - 1 : this.random.below(examples.length);
        const { strokes, label } = examples[which];
        const bent = distorted(strokes, this.random, lessonStrength);
        batch.images.set(pictureOf(bent, this.random.between(2, 3.4)), i * pixels);
        batch.labels[i] = label;
      }
      yield { step, of: steps, loss: await this.#learn(batch, lesson.rate) };
    }
  }

  /** The network as a safetensors file, with `run`, plain JSON, beside it. @returns {Promise<Uint8Array>} */
  save(run) {
    return encodeCheckpoint({ model: this.network, run });
  }

  /**
   * Takes the network of a file.
   *
   * @returns what `save` was given
   * @throws CheckpointError for a file that is damaged, or holds another network
   */
  load(bytes, file) {
    const checkpoint = new Checkpoint(bytes, file);
    checkpoint.restoreModel(this.network);
    return checkpoint.run;
  }

  dispose() {
    this.step.dispose();
    this.forward.dispose();
    this.optimizer.dispose();
    this.network.dispose();
  }
}

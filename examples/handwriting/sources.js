/** Where digits come from: the generator, or pictures that somebody supplied. */
import { makeDigits } from "./digits.js";
import { RandomNumbers } from "./randomNumbers.js";
import { pixels } from "./raster.js";

/**
 * @typedef {object} Digits
 * @property {Float32Array} images [count, 28, 28] from 0 (paper) to 1 (ink)
 * @property {Int32Array} labels [count]
 */

/**
 * @typedef {object} Source
 * @property {string} name what to call it
 * @property {(count: number) => Digits} batch another so many
 * @property {Digits} test digits that no batch has
 */

/** Keeps the digits that a network is tested on apart from those it learns. */
const testSeed = 0x7e57;

/**
 * Digits of the generator: no batch comes twice.
 *
 * @param {object} [options]
 * @param {number} [options.seed] default 1
 * @param {number} [options.tests] how many digits to test on; default 500
 * @returns {Source}
 */
export function generatedSource({ seed = 1, tests = 500 } = {}) {
  const random = new RandomNumbers(seed);
  return {
    name: "generated digits",
    batch: (count) => makeDigits(count, random),
    test: makeDigits(tests, testSeed),
  };
}

/** The digits from `start` on. */
export const part = ({ images, labels }, start, end) => ({
  images: images.subarray(start * pixels, end * pixels),
  labels: labels.subarray(start, end),
});

/**
 * Digits of a data set, chosen by chance.
 *
 * @param {Digits} train
 * @param {Digits} test
 * @param {object} [options]
 * @param {number} [options.seed] default 1
 * @param {number} [options.tests] test on so many at most; default 500
 * @returns {Source}
 */
export function suppliedSource(train, test, { seed = 1, tests = 500 } = {}) {
  const random = new RandomNumbers(seed);
  return {
    name: `${train.labels.length.toLocaleString("en")} digits of your files`,
    batch(count) {
      const images = new Float32Array(count * pixels);
      const labels = new Int32Array(count);
      for (let i = 0; i < count; i++) {
        const from = random.below(train.labels.length);
        images.set(part(train, from, from + 1).images, i * pixels);
        labels[i] = train.labels[from];
      }
      return { images, labels };
    },
    test: part(test, 0, tests),
  };
}

/**
 * Surfaces to race on, each written with the library's operations: what draws them, what steps on them and what
 * differentiates them is one function. The least value of each is 0.
 *
 * Rosenbrock 1960, Beale 1958, Himmelblau 1972: the usual test functions of optimisation.
 */
import { add, mul, square, sub } from "tilegrad";

/**
 * @typedef {object} Surface
 * @property {string} title
 * @property {string} about what is hard about it
 * @property {readonly [number, number]} x what the map shows
 * @property {readonly [number, number]} y the same; both are of one length
 * @property {readonly [number, number]} start
 * @property {readonly (readonly [number, number])[]} minima
 * @property {(x: Tensor, y: Tensor) => Tensor} value element by element
 */

const tilt = Math.PI / 6;

/** @type {Record<string, Surface>} */
export const surfaces = {
  rosenbrock: {
    title: "Rosenbrock's valley",
    about: "A curved valley: it is easy to find, and slow to follow to its end at (1, 1).",
    x: [-2, 2],
    y: [-1, 3],
    start: [-1.2, 1],
    minima: [[1, 1]],
    value: (x, y) => add(mul(square(sub(y, square(x))), 100), square(sub(1, x))),
  },
  beale: {
    title: "Beale's function",
    about: "Almost flat around its minimum, and steep cliffs at the corners.",
    x: [-4.5, 4.5],
    y: [-4.5, 4.5],
    start: [-2, 1.5],
    minima: [[3, 0.5]],
    value: (x, y) => {
      const term = (constant, power) => square(add(sub(constant, x), mul(x, power)));
      const y2 = square(y);
      return add(add(term(1.5, y), term(2.25, y2)), term(2.625, mul(y2, y)));
    },
  },
  himmelblau: {
    title: "Himmelblau's function",
    about: "Four minima of the same depth: which one is found depends on the rule.",
    x: [-5.5, 5.5],
    y: [-5.5, 5.5],
    start: [-0.5, -1],
    minima: [
      [3, 2],
      [-2.805118, 3.131312],
      [-3.77931, -3.283186],
      [3.584428, -1.848127],
    ],
    value: (x, y) => add(square(sub(add(square(x), y), 11)), square(sub(add(x, square(y)), 7))),
  },
  saddle: {
    title: "Saddle",
    about: "Started almost on the ridge: who notices soonest that it goes down sideways?",
    x: [-2.5, 2.5],
    y: [-2.5, 2.5],
    start: [2, 0.01],
    minima: [
      [0, Math.SQRT2],
      [0, -Math.SQRT2],
    ],
    // x² - y² + y⁴/4 + 1.
    value: (x, y) => add(square(x), square(sub(mul(square(y), 0.5), 1))),
  },
  ravine: {
    title: "Ravine",
    about:
      "A straight valley, 100 times as steep across as along, and turned by 30°, so that no axis helps.",
    x: [-4, 4],
    y: [-4, 4],
    start: [-3, -1],
    minima: [[0, 0]],
    value: (x, y) => {
      const along = add(mul(x, Math.cos(tilt)), mul(y, Math.sin(tilt)));
      const across = sub(mul(y, Math.cos(tilt)), mul(x, Math.sin(tilt)));
      return add(mul(square(along), 0.5), mul(square(across), 50));
    },
  },
};

/**
 * @param {string} name
 * @returns {Surface}
 */
export function surfaceOf(name) {
  if (Object.hasOwn(surfaces, name)) return surfaces[name];
  throw new Error(`There is no surface "${name}". There are: ${Object.keys(surfaces).join(", ")}.`);
}

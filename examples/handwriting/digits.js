/**
 * Digits as if written by hand, as many as one wants: a way of writing is bent, slanted, squeezed and turned by chance,
 * and drawn with a pen of a width by chance. The same seed gives the same digits.
 *
 * Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied to visual document analysis",
 * 2003: elastic distortions, here of the strokes instead of the pixels.
 */
import { digitShapes } from "./digitShapes.js";
import { RandomNumbers } from "./randomNumbers.js";
import { pictureOf, pixels } from "./raster.js";

/** Points of a curve between two points that it goes through. */
const pointsBetween = 5;

/** How much digits differ; 1 is as people do. */
const usual = {
  /** Of a point that a curve goes through, in heights of a digit: deviation. */
  point: 0.04,
  /** Of the elastic field: amplitude in heights. */
  elastic: 0.05,
  /** How far the waist of a digit goes up or down, in heights: deviation. */
  waist: 0.07,
  /** Of the logarithm of the width: deviation. */
  width: 0.25,
  /** Mean and deviation of the slant, as a shear. People lean to the right. */
  slant: [0.15, 0.28],
  /** Radians: deviation. */
  turn: 0.1,
};

/** A Catmull-Rom spline through points, which goes straight where there are two. */
function spline(points) {
  const at = (i) => points[Math.min(Math.max(i, 0), points.length - 1)];
  const curve = [points[0]];
  for (let i = 0; i + 1 < points.length; i++)
    for (let step = 1; step <= pointsBetween; step++) {
      const t = step / pointsBetween;
      curve.push(
        [0, 1].map((axis) => {
          const [a, b, c, d] = [at(i - 1), at(i), at(i + 1), at(i + 2)].map((p) => p[axis]);
          const bend = (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t ** 3;
          return b + 0.5 * ((c - a) * t + bend);
        }),
      );
    }
  return curve;
}

/** A smooth field of displacements: two waves in each direction. */
function elasticField(random, amplitude) {
  const waves = Array.from({ length: 4 }, () => ({
    fx: random.normal(0.7),
    fy: random.normal(0.7),
    phase: random.between(0, 2 * Math.PI),
    height: random.normal(amplitude / Math.SQRT2),
  }));
  const shift = (wave, [x, y]) =>
    wave.height * Math.sin(2 * Math.PI * (wave.fx * x + wave.fy * y) + wave.phase);
  return (point) => [
    point[0] + shift(waves[0], point) + shift(waves[1], point),
    point[1] + shift(waves[2], point) + shift(waves[3], point),
  ];
}

/** Strokes bent, slanted, turned and squeezed by chance; `strength` 1 is as much as hands differ. */
export function distorted(
  strokes,
  random,
  strength,
  [slant, slantDeviation] = [0, usual.slant[1]],
) {
  const bend = elasticField(random, strength * usual.elastic);
  const shear = slant + random.normal(strength * slantDeviation);
  const wide = Math.exp(random.normal(strength * usual.width));
  const waist = random.normal(strength * usual.waist);
  const angle = random.normal(strength * usual.turn);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return strokes.map((stroke) =>
    stroke.map((point) => {
      const [x, level] = bend(point);
      const y = level + waist * Math.sin(Math.PI * level);
      const slanted = wide * x - shear * y;
      return [cos * slanted - sin * y, sin * slanted + cos * y];
    }),
  );
}

/** One of the ways to write a digit, by how often they are used. */
function wayByChance(ways, random) {
  let left = random.uniform() * ways.reduce((sum, { often }) => sum + often, 0);
  return ways.find(({ often }) => {
    left -= often;
    return left < 0;
  });
}

/**
 * The strokes of a digit, written once more.
 *
 * @param {number} digit 0 to 9
 * @param {RandomNumbers} random
 * @returns {[number, number][][]} heights of about 1
 */
export function writeDigit(digit, random) {
  const { width, strokes } = wayByChance(digitShapes[digit], random);
  const jittered = strokes.map((curves) => {
    let corner = null;
    return curves.flatMap((points) => {
      const moved = points.map(([x, y], i) =>
        i === 0 && corner
          ? corner
          : [width * x + random.normal(usual.point), y + random.normal(usual.point)],
      );
      corner = moved.at(-1);
      return spline(moved);
    });
  });
  return distorted(jittered, random, 1, usual.slant);
}

/** The picture of a digit, by a pen of any width. */
export function digitPicture(digit, random) {
  return pictureOf(writeDigit(digit, random), random.between(1.5, 3.9));
}

/**
 * Many digits, all ten as often.
 *
 * @param {number} count
 * @param {number | RandomNumbers} seed
 * @returns {{ images: Float32Array, labels: Int32Array }} [count, 28, 28] from 0 to 1, and [count]
 */
export function makeDigits(count, seed) {
  const random = typeof seed === "number" ? new RandomNumbers(seed) : seed;
  const images = new Float32Array(count * pixels);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    labels[i] = random.below(10);
    images.set(digitPicture(labels[i], random), i * pixels);
  }
  return { images, labels };
}

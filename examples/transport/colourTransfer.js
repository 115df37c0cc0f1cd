/**
 * Colour transfer: gives one picture the colours of another. The palettes of the two are matched by
 * entropic optimal transport in OKLab; each colour of the first goes to the mean of what it is matched
 * with (the barycentric map), and pixels between palette colours go with their neighbours.
 *
 * It starts with much entropy, where all colours go to the mean of the other picture, and halves it down
 * to what was asked for, each time from the potentials before: every stage is a picture to look at.
 *
 * Rabin, Ferradans, Papadakis, "Adaptive color transfer with relaxed optimal transport", 2014;
 * Peyré, Cuturi, "Computational Optimal Transport", 2019, remark 4.11 (barycentric projection).
 */
import { readAll, scope, tensor, transport } from "tilegrad";
import { toOklab, toRgba } from "./colourSpace.js";
import { between, paletteOf, spread } from "./palette.js";

/**
 * @typedef {{ width: number, height: number, data: Uint8ClampedArray | Uint8Array }} Picture RGBA, four
 * bytes a pixel; an `ImageData` is one.
 */

/** A picture with what is computed from it alone. */
export class ColouredPicture {
  /**
   * @param {Picture} picture
   * @param {number} colours at most so many in the palette
   */
  constructor(picture, colours) {
    this.picture = picture;
    this.lab = toOklab(picture.data);
    this.palette = paletteOf(this.lab, picture.data, colours);
    this.between = between(this.palette, this.lab);
  }

  /** The palette as opaque RGBA bytes with the shares, the lightest first. */
  swatches() {
    const { colours, weights } = this.palette;
    const rgba = toRgba(colours);
    return [...weights]
      .map((weight, k) => ({
        weight,
        lightness: colours[3 * k],
        rgb: rgba.slice(4 * k, 4 * k + 3),
      }))
      .sort((one, other) => other.lightness - one.lightness);
  }
}

/** The first entropy; squared distances in OKLab are at most about 1. */
const startEpsilon = 0.25;

/** Iterations between two looks at the picture. */
const perRound = 20;

/** Frees the tensors of an object, if there is one. */
function release(tensors) {
  for (const one of Object.values(tensors ?? {})) one.dispose();
}

/** Two palettes that are being matched. Holds memory of the device until `dispose`. */
export class ColourMatch {
  /** The entropy of the last round. @type {number | null} */
  epsilon = null;
  iterations = 0;
  potentials = null;

  /**
   * @param {ColouredPicture} source
   * @param {ColouredPicture} target
   */
  constructor({ palette: source }, { palette: target }) {
    this.size = source.weights.length;
    const m = target.weights.length;
    // Beside L, a, b a one: what the plan makes of it are the sums of its rows.
    const withOne = Float32Array.from({ length: 4 * m }, (_, i) =>
      i % 4 === 3 ? 1 : target.colours[3 * Math.floor(i / 4) + (i % 4)],
    );
    this.inputs = {
      x: tensor(source.colours, { shape: [this.size, 3] }),
      y: tensor(target.colours, { shape: [m, 3] }),
      a: tensor(source.weights),
      b: tensor(target.weights),
      carried: tensor(withOne, { shape: [m, 4] }),
    };
  }

  /**
   * A round: some iterations from the potentials so far.
   *
   * @param {number} epsilon
   * @param {number} tolerance of the marginal error (L1)
   * @returns {Promise<Omit<ColourStage, "finished">>}
   */
  async improve(epsilon, tolerance) {
    const started = performance.now();
    const { x, y, a, b, carried } = this.inputs;
    const { f, g, ...results } = scope(() => {
      const solved = transport.sinkhorn(a, b, transport.squaredEuclidean(x, y), {
        epsilon,
        tolerance,
        maxIterations: perRound,
        ...(this.potentials && { initial: this.potentials }),
      });
      const { f, g, plan, marginalError, iterations, converged } = solved;
      return { f, g, sums: plan.apply(carried), marginalError, iterations, converged };
    });
    release(this.potentials);
    this.potentials = { f, g };
    const read = await readAll(Object.values(results)).finally(() => release(results));
    const [sums, [marginalError], [iterations], [converged]] = read;
    this.epsilon = epsilon;
    this.iterations += iterations;
    const moved = Float32Array.from({ length: 3 * this.size }, (_, i) => {
      const row = 4 * Math.floor(i / 3);
      return sums[row + (i % 3)] / sums[row + 3];
    });
    return {
      moved,
      epsilon,
      iterations: this.iterations,
      marginalError,
      converged: Boolean(converged),
      milliseconds: (performance.now() - started) / iterations,
    };
  }

  dispose() {
    release(this.inputs);
    release(this.potentials);
  }
}

/**
 * @typedef {object} ColourStage
 * @property {Float32Array} moved where each colour of the source's palette goes, in OKLab
 * @property {number} epsilon of this stage
 * @property {number} iterations so far, of all stages
 * @property {number} marginalError how far the plan's marginal is from the weights (L1)
 * @property {boolean} converged
 * @property {boolean} finished true for the last stage
 * @property {number} milliseconds an iteration took
 */

/**
 * Matches the palettes of two pictures, stage by stage, from wherever the match is.
 *
 * @param {ColourMatch} match
 * @param {object} [options]
 * @param {number} [options.epsilon] entropy, in squared distances of OKLab; default 0.002
 * @param {number} [options.tolerance] of the marginal error; default 1e-3, which no eye sees
 * @param {number} [options.maxIterations] at the last entropy; default 1000
 * @returns {AsyncGenerator<ColourStage>}
 */
export async function* matchColours(
  match,
  { epsilon = 0.002, tolerance = 1e-3, maxIterations = 1000 } = {},
) {
  let atLast = 0;
  for (;;) {
    const next = match.epsilon === null ? startEpsilon : match.epsilon / 2;
    const before = match.iterations;
    const stage = await match.improve(Math.max(next, epsilon), tolerance);
    const last = stage.epsilon === epsilon;
    if (last) atLast += stage.iterations - before;
    const finished = last && (stage.converged || atLast >= maxIterations);
    yield { ...stage, finished };
    if (finished) return;
  }
}

/**
 * The picture with its colours moved.
 *
 * @param {ColouredPicture} source
 * @param {Float32Array} moved where each colour of its palette goes: of a stage
 * @param {number} [strength] 0 leaves the picture as it is, 1 (the default) moves colours all the way
 * @returns {Uint8ClampedArray} RGBA of the source's size; its alpha is kept
 */
export function recolour({ picture, lab, palette, between }, moved, strength = 1) {
  const steps = moved.map((value, i) => value - palette.colours[i]);
  const shifts = spread(between, steps);
  const rgba = toRgba(lab.map((value, i) => value + strength * shifts[i]));
  for (let i = 3; i < rgba.length; i += 4) rgba[i] = picture.data[i];
  return rgba;
}

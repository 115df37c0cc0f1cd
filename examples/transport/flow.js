/**
 * A cloud of particles that flows into another: gradient descent on the debiased Sinkhorn divergence in the
 * particles' positions, in the metric of Wasserstein. A rate of 1/2 would take each particle all the way at
 * once; smaller ones make it a flow.
 *
 * Feydy, Séjourné, Vialard, Amari, Trouvé, Peyré, "Interpolating between optimal transport and MMD using
 * Sinkhorn divergences", 2019.
 */
import { readAll, tensor, transport } from "tilegrad";

/** The first entropy, in squared distances of the unit square, and what it falls by in a step. */
const startEpsilon = 0.01;
const decay = 0.88;

/**
 * @typedef {object} FlowFrame
 * @property {number} step 0 is the start
 * @property {Float32Array} positions x and y of each particle
 * @property {number} epsilon the entropy of this step
 * @property {number} divergence of the cloud in `positions` to the target, with this entropy
 * @property {number} iterations of Sinkhorn in this step, between the two clouds
 * @property {number} marginalError of their plan (L1)
 * @property {number} milliseconds of this step
 */

/** Frees the tensors of an object, if there is one. */
function release(tensors) {
  for (const one of Object.values(tensors ?? {})) one.dispose();
}

/**
 * Lets a cloud flow into another, frame by frame. It begins with much entropy, which tells each particle
 * roughly where to go, and ends with little, which lets it see details. Potentials are kept from step to
 * step, so that a few iterations a step are enough.
 *
 * @param {Float32Array} start x and y of each particle, within the unit square
 * @param {Float32Array} target the cloud to become; it may have more or fewer points
 * @param {object} [options]
 * @param {number} [options.epsilon] entropy at the end, in squared distances; default 2e-4: a blur of 0.014
 * @param {number} [options.rate] of descent; default 0.1
 * @param {number} [options.steps] default 60
 * @param {number} [options.tolerance] of the marginal error; default 1e-3
 * @param {number} [options.maxIterations] a step; default 30
 * @returns {AsyncGenerator<FlowFrame>} the start and a frame for each step
 */
export async function* flow(
  start,
  target,
  { epsilon = 2e-4, rate = 0.1, steps = 60, tolerance = 1e-3, maxIterations = 30 } = {},
) {
  const y = tensor(target, { shape: [target.length / 2, 2] });
  let x = tensor(start, { shape: [start.length / 2, 2] });
  let initial = null;
  try {
    let entropy = Math.max(startEpsilon, epsilon);
    for (let step = 0; ; step++) {
      const started = performance.now();
      const {
        x: next,
        potentials,
        ...figures
      } = transport.flowStep(x, y, {
        ...{ epsilon: entropy, rate, tolerance, maxIterations, checkEvery: 5 },
        ...(initial && { initial }),
      });
      release(initial);
      initial = potentials;
      const { divergence, iterations, marginalError } = figures;
      const read = await readAll([x, divergence, iterations, marginalError]);
      release({ x, ...figures });
      x = next;
      yield {
        step,
        positions: read[0],
        epsilon: entropy,
        divergence: read[1][0],
        iterations: read[2][0],
        marginalError: read[3][0],
        milliseconds: performance.now() - started,
      };
      if (step === steps) return;
      entropy = Math.max(entropy * decay, epsilon);
    }
  } finally {
    release({ x, y });
    release(initial);
  }
}

/**
 * Grokking: a network learns addition modulo p from some of all pairs. It knows those by heart soon, and finds the
 * rule for the others much later, or never (Power et al., "Grokking: generalization beyond overfitting on small
 * algorithmic datasets", 2022).
 *
 * Prieto et al., "Grokking at the edge of numerical stability", 2025, say why it may be never. Once all pairs are
 * right, gradients mostly make the logits larger. Softmax then rounds to exactly 1, the loss of a pair to exactly 0,
 * and the pair no longer teaches anything: softmax collapse. Two cures: a loss that needs far larger logits for that
 * (StableMax), and steps without the part of the gradient that lies along the weights (the orthogonal gradient).
 */
import {
  add,
  argmax,
  eq,
  exp,
  manualSeed,
  mean,
  nn,
  optim,
  readAll,
  relu,
  scope,
  sqrt,
  square,
  sub,
  sum,
  tensor,
  to,
  trainStep,
} from "tilegrad";

const { crossEntropy, stableMaxCrossEntropy } = nn.functional;

/** The losses to choose from, by name. */
export const losses = {
  softmax: { title: "Softmax cross-entropy", of: crossEntropy },
  stablemax: { title: "StableMax cross-entropy", of: stableMaxCrossEntropy },
};

/** What is done to gradients, by name. */
export const gradients = {
  plain: { title: "As it is", transforms: () => [] },
  orthogonal: {
    title: "Orthogonal to weights",
    transforms: () => [optim.orthogonalGradient()],
  },
};

/** Moduli that make sense here: primes, so that each number but 0 generates all others. */
export const moduli = [23, 31, 47, 59, 71, 97];

/** The defaults of a run. */
export const defaults = {
  p: 47,
  loss: "stablemax",
  gradient: "orthogonal",
  weightDecay: 0,
  rate: 1e-2,
  width: 128,
  share: 0.6,
  seed: 1,
};

/** Two layers of `width` units between a and b, each as one of p, and p classes: Prieto et al.'s MLP. */
class Adder extends nn.Module {
  constructor(p, width) {
    super();
    this.first = new nn.Linear(2 * p, width);
    this.second = new nn.Linear(width, width);
    this.head = new nn.Linear(width, p);
  }

  /** Pairs [n, 2 p], ones at a and at p + b, to logits [n, p]. */
  forward(pairs) {
    return this.head.forward(relu(this.second.forward(relu(this.first.forward(pairs)))));
  }
}

/** All numbers below n in an order drawn from a seed (Fisher and Yates; mulberry32). */
function shuffled(n, seed) {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let state = seed >>> 0;
  for (let i = n - 1; i > 0; i--) {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    const other = Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32) * (i + 1));
    [order[i], order[other]] = [order[other], order[i]];
  }
  return order;
}

/** The pairs `p a + b` of a list as tensors. */
function batchOf(pairs, p) {
  const input = new Float32Array(pairs.length * 2 * p);
  const target = new Int32Array(pairs.length);
  pairs.forEach((pair, row) => {
    const a = Math.floor(pair / p);
    const b = pair % p;
    input[row * 2 * p + a] = 1;
    input[row * 2 * p + p + b] = 1;
    target[row] = (a + b) % p;
  });
  return {
    input: tensor(input, { shape: [pairs.length, 2 * p] }),
    target: tensor(target),
  };
}

/** @throws Error that says what may stand there */
function choose(choices, what, name) {
  if (Object.hasOwn(choices, name)) return choices[name];
  throw new Error(`There is no ${what} "${name}". There are: ${Object.keys(choices).join(", ")}.`);
}

/** @throws Error that says what the number may be */
function requireWithin(what, value, low, high) {
  if (value >= low && value <= high) return;
  throw new Error(`The ${what} is ${value}; it is a number from ${low} to ${high}.`);
}

/**
 * @typedef {object} Figures
 * @property {number} step
 * @property {number} loss on the training pairs
 * @property {number} training share of the training pairs that are right
 * @property {number} validation share of the others that are right
 * @property {number} silent share of the training pairs whose softmax is exactly 1 in f32: under that loss, they
 *   teach nothing any more
 * @property {number} norm of all weights
 */

/** Share of rows whose greatest logit is the target's. */
const accuracy = (logits, target) => mean(to(eq(argmax(logits, { dim: 1 }), target), "f32"));

/** Share of rows in which the exponentials of all logits sum to that of the largest, 1, as softmax rounds it. */
function silentShare(logits) {
  const shifted = sub(logits, logits.max({ dim: 1, keepdim: true }));
  return mean(to(eq(sum(exp(shifted), { dim: 1 }), 1), "f32"));
}

/** A network in training. */
export class GrokkingRun {
  /** @param {Partial<typeof defaults>} [options] */
  constructor(options = {}) {
    const settings = { ...defaults, ...options };
    const { p, loss, gradient, weightDecay, rate, width, share, seed } = settings;
    const { of: lossOf } = choose(losses, "loss", loss);
    const { transforms } = choose(gradients, "gradient", gradient);
    if (!Number.isInteger(p)) throw new Error(`The modulus is ${p}; it is a whole number.`);
    requireWithin("modulus", p, 5, 200);
    requireWithin("weight decay", weightDecay, 0, 10);
    requireWithin("share of training pairs", share, 0.1, 0.9);
    this.settings = settings;
    this.step = 0;

    const pairs = shuffled(p * p, seed);
    const training = Math.round(share * p * p);
    this.training = batchOf(pairs.subarray(0, training), p);
    this.validation = batchOf(pairs.subarray(training), p);
    manualSeed(seed);
    this.model = new Adder(p, width);
    this.optimizer = optim.adamw(this.model.namedParameters(), {
      lr: rate,
      betas: [0.9, 0.99],
      weightDecay,
      transforms: transforms(),
    });
    this.trainStep = trainStep(this.model, this.optimizer, (model, { input, target }) =>
      lossOf(model.forward(input), target),
    );
    this.lossOf = lossOf;
  }

  /** Takes some steps, each with all training pairs. */
  advance(steps) {
    for (let i = 0; i < steps; i++) this.trainStep(this.training);
    this.step += steps;
  }

  /** @returns {Promise<Figures>} */
  async figures() {
    const measured = scope(() => {
      const logits = this.model.forward(this.training.input);
      const squares = this.optimizer.parameters.map((weights) => sum(square(weights)));
      return {
        loss: this.lossOf(logits, this.training.target),
        training: accuracy(logits, this.training.target),
        validation: accuracy(this.model.forward(this.validation.input), this.validation.target),
        silent: silentShare(logits),
        norm: sqrt(squares.reduce(add)),
      };
    });
    const tensors = Object.values(measured);
    const read = await readAll(tensors);
    for (const one of tensors) one.dispose();
    const values = Object.keys(measured).map((name, i) => [name, read[i][0]]);
    return { step: this.step, ...Object.fromEntries(values) };
  }

  dispose() {
    this.trainStep.dispose();
    this.optimizer.dispose();
    for (const [, weights] of this.model.namedParameters()) weights.dispose();
    for (const { input, target } of [this.training, this.validation]) {
      input.dispose();
      target.dispose();
    }
  }
}

/** The step at which to look next: a tenth further on, so that looks are even on a logarithmic axis. */
export const nextLook = (step) => Math.max(step + 1, Math.ceil(step * 1.1));

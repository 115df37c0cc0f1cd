/** Who races: update rules of the library that go about it in different ways. */
import { objectives, optim, trainStep } from "tilegrad";

/**
 * @typedef {object} Rule
 * @property {string} title
 * @property {string} colour of its trail and its curve
 * @property {string} about what it does with a gradient
 * @property {(parameters: Iterable<[string, Tensor]>, lr: number) => Optimizer} make without weight decay: the
 *   race is down, not inwards
 * @property {boolean} [curvature] it wants estimates of the Hessian's diagonal
 */

/** @type {Record<string, Rule>} */
export const rules = {
  sgd: {
    title: "SGD, momentum",
    colour: "#e4572e",
    about: "goes down the gradient and keeps 0.9 of its speed",
    make: (parameters, lr) => optim.sgd(parameters, { lr, momentum: 0.9 }),
  },
  adamw: {
    title: "AdamW",
    colour: "#2f7de1",
    about: "divides each element by its gradient's usual size",
    make: (parameters, lr) => optim.adamw(parameters, { lr, weightDecay: 0 }),
  },
  lion: {
    title: "Lion",
    colour: "#c48600",
    about: "takes the sign alone: every step is of one length",
    make: (parameters, lr) => optim.lion(parameters, { lr, weightDecay: 0 }),
  },
  muon: {
    title: "Muon",
    colour: "#1fa774",
    about: "makes the step of a matrix orthogonal; of a point, of one length",
    make: (parameters, lr) => optim.muon(parameters, { lr, weightDecay: 0, auxiliaryRate: lr }),
  },
  shampoo: {
    title: "Shampoo",
    colour: "#a259d9",
    about: "divides by roots of all products of gradients, so it knows slanted valleys",
    make: (parameters, lr) =>
      optim.shampoo(parameters, { lr, weightDecay: 0, beta2: 0.99, frequency: 1 }),
  },
  soap: {
    title: "SOAP",
    colour: "#e0529c",
    about: "is Adam along the axes of the valley instead of x and y",
    make: (parameters, lr) => optim.soap(parameters, { lr, weightDecay: 0, frequency: 1 }),
  },
  sophia: {
    title: "Sophia-H",
    colour: "#0f9cae",
    about: "divides by the curvature, where it is not too small",
    curvature: true,
    make: (parameters, lr) =>
      optim.sophia(parameters, { lr, weightDecay: 0, estimator: "hutchinson" }),
  },
  scheduleFree: {
    title: "Schedule-free",
    colour: "#8a8f3c",
    about: "is AdamW that shows the average of where it has been",
    make: (parameters, lr) => optim.scheduleFreeAdamW(parameters, { lr, weightDecay: 0 }),
  },
};

/**
 * @param {string} name
 * @returns {Rule}
 */
export function ruleOf(name) {
  if (Object.hasOwn(rules, name)) return rules[name];
  throw new Error(`There is no rule "${name}". There are: ${Object.keys(rules).join(", ")}.`);
}

/** Rates that are sensible to ask for. */
export const leastRate = 1e-5;
export const greatestRate = 10;

/** @throws Error that says what a rate may be */
export function requireRate(name, rate) {
  if (rate >= leastRate && rate <= greatestRate) return;
  throw new Error(
    `${ruleOf(name).title}: the rate is ${rate}; it is a number from ${leastRate.toFixed(5)} to ${greatestRate}.`,
  );
}

/** One rule with a model of its own. */
export class Lane {
  /**
   * @param {string} name of the rule
   * @param {number} rate
   * @param {Module} model
   * @param {(model: Module, batch: object) => Tensor} loss
   */
  constructor(name, rate, model, loss) {
    requireRate(name, rate);
    const rule = ruleOf(name);
    this.name = name;
    this.model = model;
    this.optimizer = rule.make(model.namedParameters(), rate);
    const estimate = (m, batch) =>
      objectives.hutchinson(this.optimizer.parameters, () => loss(m, batch), {
        distribution: "rademacher",
      });
    this.step = trainStep(model, this.optimizer, loss, {
      ...(rule.curvature && { curvature: { every: 5, estimate } }),
    });
    /** Whether it has left for infinity; it stands still from then on. */
    this.lost = false;
  }

  /** What `look` gives of the model where the rule wants it judged: schedule-free rules, at an average. */
  judged(look) {
    this.optimizer.eval();
    try {
      return look(this.model);
    } finally {
      this.optimizer.train();
    }
  }

  dispose() {
    this.step.dispose();
    this.optimizer.dispose();
    for (const [, parameter] of this.model.namedParameters()) parameter.dispose();
  }
}

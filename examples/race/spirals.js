/** A race of rules that train one small network each: which of two spirals is a point on? */
import { manualSeed, nn, readAll, reshape, scope, sigmoid, tensor } from "tilegrad";
import { Lane } from "./rules.js";

/** Points of each spiral, and how often it turns. */
const perSpiral = 100;
const turns = 1.5;

/** The map shows [-span, span] in both directions. */
export const span = 1.15;

/** Points [2 · 100, 2] within the unit disc, and 0 or 1 for the spiral each is on. */
export function twoSpirals() {
  const input = new Float32Array(4 * perSpiral);
  const target = new Float32Array(2 * perSpiral);
  for (let i = 0; i < perSpiral; i++) {
    const far = 0.08 + (0.92 * i) / (perSpiral - 1);
    const angle = 2 * Math.PI * turns * far;
    const [x, y] = [far * Math.cos(angle), far * Math.sin(angle)];
    input.set([x, y, -x, -y], 4 * i);
    target.set([0, 1], 2 * i);
  }
  return { input, target };
}

const width = 32;

/** Two hidden layers of 32 tanh units: 1,185 numbers. */
function network() {
  return new nn.Sequential(
    new nn.Linear(2, width),
    new nn.Tanh(),
    new nn.Linear(width, width),
    new nn.Tanh(),
    new nn.Linear(width, 1),
  );
}

const lossOf = (model, { input, target }) =>
  nn.functional.bceWithLogits(model.forward(input), target);

/** The loss beyond which a network counts as lost. */
const hopeless = 1e4;

export class SpiralRace {
  /**
   * @param {readonly { name: string, rate: number }[]} entries rules and their rates
   * @param {number} seed of the weights, which are the same for all
   */
  constructor(entries, seed) {
    const { input, target } = twoSpirals();
    this.lanes = [];
    this.batch = {
      input: tensor(input, { shape: [target.length, 2] }),
      target: tensor(target, { shape: [target.length, 1] }),
    };
    try {
      for (const { name, rate } of entries) {
        manualSeed(seed);
        this.lanes.push(new Lane(name, rate, network(), lossOf));
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /**
   * Takes some steps with every rule that is not lost.
   * @param {number} steps
   * @returns {Promise<{ name: string, loss: number, lost: boolean }[]>} where each is after them
   */
  async advance(steps) {
    const running = this.lanes.filter((lane) => !lane.lost);
    const losses = running.map((lane) => {
      for (let i = 0; i < steps; i++) lane.step(this.batch);
      return lane.judged((model) => scope(() => lossOf(model, this.batch)));
    });
    const read = await readAll(losses);
    for (const loss of losses) loss.dispose();
    return running.map((lane, i) => {
      const [loss] = read[i];
      lane.lost = !(loss < hopeless);
      return { name: lane.name, loss, lost: lane.lost };
    });
  }

  /**
   * How sure each network is of the second spiral, 0 to 1, on a grid of `size` by `size` points, row by row from
   * the largest y.
   * @returns {Promise<{ name: string, shares: Float32Array }[]>}
   */
  async boundaries(size) {
    const points = new Float32Array(2 * size * size);
    const at = (i) => span * ((2 * i + 1) / size - 1);
    for (let row = 0; row < size; row++)
      for (let column = 0; column < size; column++)
        points.set([at(column), -at(row)], 2 * (row * size + column));
    const grid = tensor(points, { shape: [size * size, 2] });
    const shares = this.lanes.map((lane) =>
      lane.judged((model) => scope(() => reshape(sigmoid(model.forward(grid)), [size * size]))),
    );
    const read = await readAll(shares);
    for (const tensors of [grid, ...shares]) tensors.dispose();
    return this.lanes.map(({ name }, i) => ({ name, shares: read[i] }));
  }

  dispose() {
    for (const lane of this.lanes) lane.dispose();
    this.batch.input.dispose();
    this.batch.target.dispose();
  }
}

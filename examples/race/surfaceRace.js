/** A race of rules down a surface, all from one point. */
import { clone, nn, readAll, reshape, scope, select, tensor } from "tilegrad";
import { Lane } from "./rules.js";

/** A point on the map, as a column, so that rules of matrices take it as one. */
class Point extends nn.Module {
  constructor([x, y]) {
    super();
    this.at = nn.Parameter.of([x, y], [2, 1]);
  }
}

const valueAt = (surface, point) =>
  reshape(surface.value(select(point, 0, 0), select(point, 0, 1)), []);

/** How many widths of the map from its middle a rule may go before it counts as lost. */
const reach = 50;

/**
 * @typedef {object} Stretch what one rule has done in some steps
 * @property {string} name
 * @property {Float32Array} points x and y after each step
 * @property {Float32Array} values of the surface there
 * @property {boolean} lost it has left for infinity
 */

export class SurfaceRace {
  /**
   * @param {Surface} surface
   * @param {readonly { name: string, rate: number }[]} entries rules and their rates
   * @param {readonly [number, number]} start
   */
  constructor(surface, entries, start) {
    this.surface = surface;
    this.lanes = [];
    try {
      for (const { name, rate } of entries)
        this.lanes.push(new Lane(name, rate, new Point(start), (m) => valueAt(surface, m.at)));
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /**
   * Takes some steps with every rule that is not lost.
   * @param {number} steps
   * @returns {Promise<Stretch[]>} one for each of them
   */
  async advance(steps) {
    const running = this.lanes.filter((lane) => !lane.lost);
    const trails = running.map((lane) =>
      Array.from({ length: steps }, () => {
        lane.step({});
        return lane.judged((model) => clone(model.at));
      }),
    );
    const read = await readAll(trails.flat());
    for (const point of trails.flat()) point.dispose();
    const points = new Float32Array(2 * read.length);
    for (const [i, point] of read.entries()) points.set(point, 2 * i);
    const values = await valuesAt(this.surface, points);
    return running.map((lane, i) => {
      const from = i * steps;
      const own = points.subarray(2 * from, 2 * (from + steps));
      const kept = this.#within(own);
      lane.lost = kept < steps;
      return {
        name: lane.name,
        points: own.slice(0, 2 * kept),
        values: values.slice(from, from + kept),
        lost: lane.lost,
      };
    });
  }

  /** How many of the points, from the first on, are near enough to be drawn. */
  #within(points) {
    const { x, y } = this.surface;
    const width = x[1] - x[0];
    const near = (value, [low, high]) => Math.abs(value - (low + high) / 2) <= reach * width;
    const count = points.length / 2;
    for (let i = 0; i < count; i++)
      if (!(near(points[2 * i], x) && near(points[2 * i + 1], y))) return i;
    return count;
  }

  dispose() {
    for (const lane of this.lanes) lane.dispose();
  }
}

/**
 * @param {Surface} surface
 * @param {Float32Array} points x, y, x, y, …
 * @returns {Promise<Float32Array>} the value at each
 */
export async function valuesAt(surface, points) {
  if (points.length === 0) return new Float32Array(0);
  const values = scope(() => {
    const all = tensor(points, { shape: [points.length / 2, 2] });
    return surface.value(clone(select(all, 1, 0)), clone(select(all, 1, 1)));
  });
  const [read] = await readAll([values]);
  values.dispose();
  return read;
}

/** The surface on a grid of `size` by `size` points of its map, row by row from the largest y. */
export function landscape(surface, size) {
  const points = new Float32Array(2 * size * size);
  const at = ([low, high], i) => low + ((high - low) * (i + 0.5)) / size;
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++)
      points.set([at(surface.x, column), at(surface.y, size - 1 - row)], 2 * (row * size + column));
  return valuesAt(surface, points);
}

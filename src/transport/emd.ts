/**
 * Exact optimal transport between two discrete measures, min <P, C> over all P >= 0 with row sums a and column
 * sums b, by the network simplex on the host: the ground truth for what iterates, and the answer itself for
 * problems of up to some thousand points.
 */
import { ArgumentError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { flatten } from "../tensor/nested";
import { show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import type { Cost } from "./cost";
import { costMatrix } from "./costMatrix";
import { networkSimplex } from "./networkSimplex";

/** [n]; null or undefined: uniform, 1 / n. */
export type HostWeights = Tensor | ArrayLike<number> | null | undefined;

/** [n, m] as a tensor, a function of points, rows, or flat and row-major. Infinity forbids a pair. */
export type HostCost = Cost | readonly (readonly number[])[] | Float64Array | Float32Array;

export interface EmdOptions {
  /** Pivots of the simplex, of which a problem takes some 10 (n + m). Default 10,000,000. */
  maxIterations?: number;
}

/** A plan by its positive entries: at most n + m - 1, in the order of rows, then columns. */
export interface SparsePlan {
  readonly shape: readonly [number, number];
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly mass: Float64Array;
  /** [n, m], row-major. */
  dense(): Float64Array;
}

/** The result of `emd`. */
export interface ExactTransport {
  /** <P, C>. */
  readonly cost: number;
  readonly plan: SparsePlan;
  /**
   * Dual potentials [n] and [m]: f_i + g_j <= C_ij, with equality where the plan has mass, and
   * Σ a f + Σ b g = cost, in halves: Σ a f = Σ b g. They are the derivatives of the cost by a and b, up to a
   * constant that goes from one to the other.
   */
  readonly f: Float64Array;
  readonly g: Float64Array;
  readonly iterations: number;
}

const op = "transport.emd";

/** Sums of weights may differ by this share, which f32 weights do by rounding; b is scaled to the sum of a. */
const sumTolerance = 1e-4;

/** All mass, in the whole numbers that the simplex counts in. */
const wholeMass = 2 ** 52;

async function readWeights(
  op: string,
  weights: Tensor | ArrayLike<number>,
  name: string,
): Promise<Float64Array> {
  if (weights instanceof Tensor && weights.rank !== 1)
    throw new ShapeError(
      `${op}: ${name} has shape ${show(weights.shape)}; it must have one dimension. Solve the problems of a batch one by one.`,
    );
  const values = Float64Array.from(weights instanceof Tensor ? await weights.data() : weights);
  values.forEach((w, i) => {
    if (!(w >= 0 && w < Number.POSITIVE_INFINITY))
      throw new ArgumentError(
        `${op}: ${name}[${i}] is ${w}; weights must be finite and not negative.`,
      );
  });
  return values;
}

interface Matrix {
  readonly values: Float64Array;
  /** Unknown for flat arrays. */
  readonly shape: readonly number[] | null;
}

async function readCost(cost: HostCost): Promise<Matrix> {
  if (cost instanceof Tensor)
    return { values: Float64Array.from(await cost.data()), shape: cost.shape };
  if (ArrayBuffer.isView(cost)) return { values: Float64Array.from(cost), shape: null };
  if ("of" in cost) {
    const matrix = costMatrix(cost);
    const values = Float64Array.from(await matrix.data());
    matrix.dispose();
    return { values, shape: matrix.shape };
  }
  const { values, shape } = flatten<number>(cost);
  return { values: Float64Array.from(values), shape };
}

/** The sides of the problem, from whatever says them. */
function sidesOf(
  op: string,
  { values, shape }: Matrix,
  n: number | undefined,
  m: number | undefined,
): readonly [number, number] {
  if (shape && shape.length !== 2)
    throw new ShapeError(
      `${op}: cost has shape ${show(shape)}; it must be [n, m]. Solve the problems of a batch one by one.`,
    );
  const [rows, columns] = shape ?? [
    n ?? (m ? values.length / m : undefined),
    m ?? (n ? values.length / n : undefined),
  ];
  if (rows === undefined || columns === undefined)
    throw new ArgumentError(
      `${op}: the sides of a flat cost are unknown where both weights are uniform. Pass rows, a tensor [n, m], or weights.`,
    );
  if (rows === 0 || columns === 0)
    throw new ShapeError(`${op}: cost has shape ${show([rows, columns])}; a side has no points.`);
  if ((n ?? rows) !== rows || (m ?? columns) !== columns || rows * columns !== values.length)
    throw new ShapeError(
      `${op}: a of ${n ?? rows} and b of ${m ?? columns} weights need a cost of shape ${show([n ?? rows, m ?? columns])}; it has ${shape ? `shape ${show(shape)}` : `${values.length} elements`}.`,
    );
  return [rows, columns];
}

function requireCosts(op: string, values: Float64Array, m: number): void {
  values.forEach((c, e) => {
    if (!(c > Number.NEGATIVE_INFINITY))
      throw new ArgumentError(
        `${op}: cost[${Math.floor(e / m)}, ${e % m}] is ${c}; costs must be numbers, Infinity where a pair is forbidden.`,
      );
  });
}

export const sumOf = (values: Float64Array): number => values.reduce((total, w) => total + w, 0);

/** Weights as whole numbers, and which points have any. */
interface Masses {
  readonly points: Int32Array;
  readonly whole: Float64Array;
}

function massesOf(weights: Float64Array, unit: number): Masses {
  const rounded = weights.map((w) => Math.round(w / unit));
  const points = Int32Array.from(rounded.keys()).filter((i) => rounded[i]! > 0);
  return { points, whole: Float64Array.from(points, (i) => rounded[i]!) };
}

const allEqual = (values: Float64Array): boolean => values.every((w) => w === values[0]);

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

/**
 * Both sides in one unit of mass, with equal sums. Equal weights on each side are counted without rounding, so
 * that n = m of them gives a permutation.
 */
function countMasses(
  a: Float64Array,
  b: Float64Array,
  total: number,
): { supply: Masses; demand: Masses; unit: number } {
  if (allEqual(a) && allEqual(b)) {
    const [n, m] = [a.length, b.length];
    const unit = (total * greatestDivisor(n, m)) / (n * m);
    return { supply: massesOf(a, unit), demand: massesOf(b, (unit * sumOf(b)) / total), unit };
  }
  const unit = total / wholeMass;
  const supply = massesOf(a, unit);
  const demand = massesOf(b, (unit * sumOf(b)) / total);
  const largest = demand.whole.indexOf(demand.whole.reduce((x, y) => Math.max(x, y)));
  const missing = sumOf(supply.whole) - sumOf(demand.whole);
  demand.whole[largest] = demand.whole[largest]! + missing;
  return { supply, demand, unit };
}

/**
 * Potentials of all points from those of the points with mass: the greatest that keep f_i + g_j <= C_ij, and 0
 * where nothing bounds them.
 */
function extend(
  own: Float64Array,
  ownPoints: Int32Array,
  other: Float64Array,
  otherPoints: Int32Array,
  count: number,
  costOf: (own: number, other: number) => number,
): Float64Array {
  const all = new Float64Array(count).fill(Number.NaN);
  ownPoints.forEach((point, k) => {
    all[point] = own[k]!;
  });
  return all.map((value, i) => {
    if (!Number.isNaN(value)) return value;
    let least = Number.POSITIVE_INFINITY;
    otherPoints.forEach((j, k) => {
      least = Math.min(least, costOf(i, j) - other[k]!);
    });
    return least === Number.POSITIVE_INFINITY ? 0 : least;
  });
}

/** A problem on the host. */
export interface HostProblem {
  readonly a: Float64Array;
  readonly b: Float64Array;
  /** [n, m], row-major. */
  readonly C: Float64Array;
}

/** What is given, read and checked but for the sums. @throws ShapeError, ArgumentError, in the name of `op` */
export async function readProblem(
  op: string,
  a: HostWeights,
  b: HostWeights,
  cost: HostCost,
): Promise<HostProblem> {
  const [givenA, givenB, matrix] = await Promise.all([
    a ? readWeights(op, a, "a") : null,
    b ? readWeights(op, b, "b") : null,
    readCost(cost),
  ]);
  const [n, m] = sidesOf(op, matrix, givenA?.length, givenB?.length);
  requireCosts(op, matrix.values, m);
  return {
    a: givenA ?? new Float64Array(n).fill(1 / n),
    b: givenB ?? new Float64Array(m).fill(1 / m),
    C: matrix.values,
  };
}

/**
 * The exact optimal transport plan (POT `ot.emd`), its cost and its dual potentials, by a network simplex in
 * f64 on the host. Waits for tensors among its arguments. 500 by 500 points take about a tenth of a second.
 *
 * @param a weights [n], null for 1 / n each; zeros are fine
 * @param b weights [m] with the same sum to 1e-4 of it; they are scaled to the sum of a
 * @param cost [n, m]: a tensor, `squaredEuclidean(x, y)` and its like, rows of numbers, or a flat array; Infinity
 * forbids a pair
 * @param options `maxIterations` of the simplex
 * @throws ShapeError where sizes do not go together; ArgumentError for weights that are negative or not finite,
 * sums that differ or are 0, costs that are NaN or -Infinity, a problem that forbidden pairs leave no plan, and
 * more than `maxIterations` pivots
 * @example (await transport.emd([0.5, 0.5], [0.5, 0.5], [[0, 1], [1, 0]])).cost // 0
 */
export async function emd(
  a: HostWeights,
  b: HostWeights,
  cost: HostCost,
  options: EmdOptions = {},
): Promise<ExactTransport> {
  const { maxIterations = 1e7 } = requireOptions("transport.emd", options, "maxIterations");
  if (!(Number.isInteger(maxIterations) && maxIterations > 0))
    throw new ArgumentError(
      `${op}: maxIterations is ${maxIterations}; it must be a positive whole number.`,
    );
  const { a: weightsA, b: weightsB, C } = await readProblem(op, a, b, cost);
  const [n, m] = [weightsA.length, weightsB.length];
  const [total, other] = [sumOf(weightsA), sumOf(weightsB)];
  if (!(total > 0 && other > 0))
    throw new ArgumentError(
      `${op}: the weights of ${total > 0 ? "b" : "a"} add up to 0; there is nothing to transport.`,
    );
  if (Math.abs(total - other) > sumTolerance * Math.max(total, other))
    throw new ArgumentError(
      `${op}: a adds up to ${total} and b to ${other}; exact transport needs equal sums. Divide each by its sum, or use an unbalanced problem.`,
    );

  const { supply, demand, unit } = countMasses(weightsA, weightsB, total);
  const reduced = new Float64Array(supply.points.length * demand.points.length);
  let e = 0;
  for (const i of supply.points) for (const j of demand.points) reduced[e++] = C[i * m + j]!;
  const found = networkSimplex(supply.whole, demand.whole, reduced, maxIterations);
  if (!found.optimal)
    throw new ArgumentError(
      `${op}: ${maxIterations} iterations did not find the optimum of this ${n} by ${m} problem. Raise maxIterations.`,
    );
  if (found.unmet > 0)
    throw new ArgumentError(
      `${op}: no plan avoids the forbidden pairs: ${found.unmet * unit} of the mass ${total} has no way. Make some costs finite.`,
    );

  const rows = found.rows.map((i) => supply.points[i]!);
  const columns = found.columns.map((j) => demand.points[j]!);
  const mass = found.mass.map((x) => x * unit);
  const f = extend(found.f, supply.points, found.g, demand.points, n, (i, j) => C[i * m + j]!);
  const everyRow = Int32Array.from(f.keys());
  const g = extend(found.g, demand.points, f, everyRow, m, (j, i) => C[i * m + j]!);
  const dot = (x: Float64Array, y: Float64Array): number =>
    x.reduce((sum, v, i) => sum + v * y[i]!, 0);
  const half = (dot(weightsA, f) / total - dot(weightsB, g) / other) / 2;
  return {
    cost: mass.reduce((sum, x, k) => sum + x * C[rows[k]! * m + columns[k]!]!, 0),
    plan: {
      shape: [n, m],
      rows,
      columns,
      mass,
      dense() {
        const P = new Float64Array(n * m);
        mass.forEach((x, k) => {
          P[rows[k]! * m + columns[k]!] = x;
        });
        return P;
      },
    },
    f: f.map((v) => v - half),
    g: g.map((v) => v + half),
    iterations: found.pivots,
  };
}

/**
 * The cost of the exact optimal transport plan (POT `ot.emd2`).
 *
 * @param a,b,cost,options as of `emd`
 * @throws as `emd`
 * @example await transport.emd2([0.5, 0.5], [0.5, 0.5], [[0, 1], [1, 0]]) // 0
 */
export async function emd2(
  a: HostWeights,
  b: HostWeights,
  cost: HostCost,
  options: EmdOptions = {},
): Promise<number> {
  requireOptions("transport.emd2", options, "maxIterations");
  return (await emd(a, b, cost, options)).cost;
}

/**
 * Barycentres of clouds whose points move: argmin over x of Σ_k w_k OT(x, y_k), by the fixed point that each point is the
 * mean of where the plans send it, x_i ← Σ_k w_k (P_k y_k)_i / b_i. Cuturi and Doucet, Fast computation of Wasserstein
 * barycenters, 2014, algorithm 2; Álvarez-Esteban et al., A fixed-point approach to barycenters in Wasserstein space,
 * 2016.
 */
import { ArgumentError, ShapeError } from "../errors";
import { add, div, gt, mul, sub, where } from "../ops/arithmetic";
import { indexSelect } from "../ops/indexing";
import { sum } from "../ops/reduce";
import { rootOrZero } from "../ops/root";
import { requireRounds } from "../ops/rounds";
import { cat, expand, unsqueeze } from "../ops/shape";
import { tensor } from "../tensor/creation";
import { scope } from "../tensor/scope";
import { broadcastShapes, show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { squaredEuclidean } from "./cost";
import { epsilonOf, type Weights, weightsOf } from "./operands";
import { type SinkhornOptions, sinkhorn } from "./sinkhorn";

/** A weighted cloud. */
export interface PointMeasure {
  /** f32 [..., m, d]. */
  readonly x: Tensor;
  /** [..., m]; of the same sum in all measures. Default: 1/m each. */
  readonly weights?: Weights;
}

export interface FreeSupportOptions extends Omit<SinkhornOptions, "initial" | "penalty"> {
  /** Points to start from, f32 [..., n, d]; or how many, which are then taken from all measures in turn. */
  initial: Tensor | number;
  /** Masses b of the barycentre's points, [..., n]. Default: 1/n each. */
  masses?: Weights;
  /** w, of each measure; divided by their sum. Default: alike. */
  weights?: readonly number[];
  /** How often the points move. Default 20. */
  steps?: number;
}

export interface FreeSupportBarycenter {
  /** [..., n, d]. */
  readonly x: Tensor;
  /** How far the last step moved all points together, [...]: the root of the sum of squares. */
  readonly moved: Tensor;
}

const op = "transport.freeSupportBarycenter";

/**
 * The cloud in the middle of others, by the squared distance that their points have to go (POT
 * `ot.lp.free_support_barycenter`, whose plans are exact: here they have an entropy, and a small epsilon comes near).
 * Differentiable in points and weights. Nothing waits: all steps are taken.
 *
 * @param measures clouds of any sizes; leading dimensions broadcast
 * @param options those of `sinkhorn`, with `maxIterations` 200 for each plan, which starts from the one before
 * @throws what `sinkhorn` does; ArgumentError for weights that do not fit
 * @example
 * const { x } = freeSupportBarycenter([{ x: left }, { x: right }], { initial: 50, epsilon: 0.01 });
 */
export function freeSupportBarycenter(
  measures: readonly PointMeasure[],
  options: FreeSupportOptions,
): FreeSupportBarycenter {
  epsilonOf(op, options);
  if (!Array.isArray(measures) || measures.length === 0)
    throw new ArgumentError(`${op}: measures must be a list of { x, weights }, at least one.`);
  measures.forEach(({ x }: PointMeasure, k) => {
    if (!(x instanceof Tensor) || x.rank < 2)
      throw new ShapeError(`${op}: measures[${k}].x must be a tensor of points, [..., m, d].`);
    const d = measures[0]!.x.shape.at(-1);
    if (x.shape.at(-1) !== d)
      throw new ShapeError(
        `${op}: measures[${k}].x has shape ${show(x.shape)}, and measures[0].x points of ${d} coordinates; all need as many.`,
      );
  });
  const { initial, masses = null, weights, steps = 20, maxIterations = 200, ...rest } = options;
  requireRounds(op, "steps", steps);
  const shares = sharesOf(weights, measures.length);
  return scope(() => {
    const start = initial instanceof Tensor ? initial : some(measures, initial);
    const batch = measures.reduce<readonly number[]>(
      (shape, { x }) => broadcastShapes(op, shape, x.shape.slice(0, -2)),
      start.shape.slice(0, -2),
    );
    const clouds = measures.map(({ x }) => expand(x, [...batch, ...x.shape.slice(-2)]));
    let x = expand(start, [...batch, ...start.shape.slice(-2)]);
    const b = unsqueeze(weightsOf(op, "a", masses, x.shape.at(-2)!, x.device), -1);
    const has = gt(b, 0);
    const scale = where(has, b, 1);
    let potentials: ({ f: Tensor; g: Tensor } | undefined)[] = measures.map(() => undefined);
    let moved: Tensor | null = null;
    for (let step = 0; step < steps; step++)
      [x, moved, potentials] = scope(() => {
        const plans = measures.map(({ weights: w = null }, k) => {
          const warm = potentials[k];
          return sinkhorn(masses, w, squaredEuclidean(x, clouds[k]!), {
            ...{ ...rest, maxIterations },
            ...(warm && { initial: warm }),
          });
        });
        const targets = plans.map(({ plan }, k) =>
          mul(div(plan.apply(clouds[k]!), scale), shares[k]!),
        );
        const mean = targets.reduce((sum, t) => add(sum, t));
        const next = where(has, mean, x);
        const change = sub(next, x);
        const far = rootOrZero(sum(mul(change, change), { dim: [-2, -1] }));
        return [next, far, plans.map(({ f, g }) => ({ f, g }))];
      });
    return { x, moved: moved! };
  });
}

function sharesOf(given: readonly number[] | undefined, count: number): readonly number[] {
  if (given === undefined) return new Array<number>(count).fill(1 / count);
  const total = given.reduce((sum, w) => sum + w, 0);
  if (given.length !== count || !given.every((w) => w >= 0 && Number.isFinite(w)) || !(total > 0))
    throw new ArgumentError(
      `${op}: weights are ${show(given)}; ${count} measures need as many numbers, 0 or more, not all 0.`,
    );
  return given.map((w) => w / total);
}

/** Every so many of all points, to start from. */
function some(measures: readonly PointMeasure[], size: number): Tensor {
  requireRounds(op, "initial", size);
  const all = cat(
    measures.map(({ x }) => x),
    -2,
  );
  const total = all.shape.at(-2)!;
  const chosen = Int32Array.from({ length: size }, (_, i) =>
    Math.floor(((i + 0.5) * total) / size),
  );
  return indexSelect(all, -2, tensor(chosen, { device: all.device }));
}

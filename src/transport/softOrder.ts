/**
 * Order as transport (Cuturi, Teboul, Vert 2019, "Differentiable ranks and sorting using optimal transport"): the
 * cheapest way to move equal masses at numbers x to targets 0 = y_1 <= … <= y_m = 1, at the cost of squared distance,
 * is the one that keeps them in order. So the plan is the permutation that sorts, its product with x the sorted
 * numbers, its product with targets the ranks. With an entropy in the cost all of that becomes smooth.
 *
 * Numbers are first brought to (0, 1) by a logistic function of (x - mean) / deviation, so that one ε suits all: the
 * result then does not depend on the unit of x, nor on its zero (as in OTT's `soft_sort`).
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { add, div, gt, mul, square, sub, where } from "../ops/arithmetic";
import { likeOperand } from "../ops/autocast";
import { zeros, zerosLike } from "../ops/creation";
import { cumsum } from "../ops/cumulative";
import { rsqrt, sigmoid } from "../ops/functions";
import { indexSelect } from "../ops/indexing";
import { mean } from "../ops/reduce";
import { cat, expand, reshape, select, stopGradient, to, unsqueeze } from "../ops/shape";
import { sort } from "../ops/sort";
import { movedim } from "../ops/views";
import { tensor } from "../tensor/creation";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { normalizeDim, show, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { squareCost, squaredEuclidean } from "./cost";
import { negligible } from "./pairs";
import type { Plan } from "./plan";
import { type SinkhornOptions, sinkhorn } from "./sinkhorn";
import { softmin } from "./softmin";

export interface SoftOrderOptions
  extends Pick<SinkhornOptions, "checkEvery" | "differentiation" | "implicit" | "strict"> {
  /** Along which dimension. Default -1, the last. */
  dim?: number;
  /**
   * ε: how soft. Numbers and targets lie between 0 and 1, and costs are squares of differences; towards 0 the result
   * becomes that of the operation it is named for, and the plan takes more iterations. Default 0.01.
   */
  epsilon?: number;
  /**
   * Whether x is brought to (0, 1) first. Without, ε is in units of x², and x should lie in [0, 1]. Default true.
   */
  squash?: boolean;
  /** Of the L1 error of the masses. Default 1e-5. */
  tolerance?: number;
  /** Of the solver, which begins with the potentials of the order itself. Default 300. */
  maxIterations?: number;
}

/** Rows of numbers along the last dimension, and how results come back. */
export interface OrderedRows {
  /** f32 [..., n]. */
  readonly x: Tensor;
  /** A result [..., m] with its last dimension where x's was, in the type of x. */
  finish(y: Tensor): Tensor;
}

export function rowsToOrder(op: string, x: Tensor, dim = -1): OrderedRows {
  if (!isFloat(x.dtype))
    throw new DTypeError(
      `${op}: x has dtype ${x.dtype}; it must be floating-point. Convert with .to("f32").`,
    );
  if (x.rank === 0)
    throw new ShapeError(`${op}: x is a scalar; give it a dimension of numbers to compare.`);
  const at = normalizeDim(op, dim, x.rank);
  if (x.shape[at] === 0)
    throw new ShapeError(`${op}: shape ${show(x.shape)} has no numbers along dimension ${dim}.`);
  return {
    x: movedim(to(x, "f32"), at, -1),
    finish: (y) => likeOperand(movedim(y, -1, at), x),
  };
}

/** Variances that are rounding, relative to the mean square. */
const rounding = 1e-12;

/** To (0, 1), with the logistic distribution's own deviation: numbers that all agree go to 1/2. */
function squashed(x: Tensor): Tensor {
  const along = { dim: -1, keepdim: true } as const;
  const centred = sub(x, mean(x, along));
  const variance = mean(square(centred), along);
  const spread = gt(variance, mul(stopGradient(mean(square(x), along)), rounding));
  const inverse = where(spread, rsqrt(where(spread, variance, 1)), 1);
  return sigmoid(mul(centred, mul(inverse, Math.PI / Math.sqrt(3))));
}

export interface Targets {
  /** In [0, 1], ascending. */
  readonly places: readonly number[];
  /** Their masses, which add up to 1. Null: equal ones. */
  readonly masses: readonly number[] | null;
}

export const evenTargets = (count: number): Targets => ({
  places: Array.from({ length: count }, (_, j) => (count === 1 ? 0.5 : j / (count - 1))),
  masses: null,
});

/**
 * Potentials of the targets at ε = 0, from the order itself (as OTT's sorting initialiser), which leave Sinkhorn little
 * to do: g_j+1 - g_j = y_j+1² - y_j² - 2 ξ (y_j+1 - y_j), where ξ is the number at which the mass of the targets up to j
 * ends, or the middle between two. Of x [B, n]: [B, m].
 */
function potentialsByOrder(x: Tensor, { places, masses }: Targets): Tensor {
  const [n, m] = [x.shape.at(-1)!, places.length];
  if (m === 1) return zeros([x.shape[0]!, 1], { device: x.device });
  let filled = 0;
  const ends = places.slice(1).map((_, j) => {
    filled += masses ? masses[j]! : 1 / m;
    const at = filled * n;
    const whole = Math.round(at);
    const isBetween = Math.abs(at - whole) < 1e-6 * n;
    const inside = (i: number): number => Math.min(Math.max(i, 0), n - 1);
    return isBetween
      ? [inside(whole - 1), inside(whole)]
      : [inside(Math.floor(at)), inside(Math.floor(at))];
  });
  const { device } = x;
  const sorted = sort(stopGradient(x), { dim: -1 }).values;
  const number = (side: 0 | 1): Tensor =>
    indexSelect(
      sorted,
      -1,
      tensor(
        ends.map((pair) => pair[side]!),
        { dtype: "i32", device },
      ),
    );
  const steps = places.slice(1).map((y, j) => y - places[j]!);
  const sums = mul(add(number(0), number(1)), tensor(steps, { device }));
  const less = cat([zeros([x.shape[0]!, 1], { device }), cumsum(sums, -1)], -1);
  return sub(
    tensor(
      places.map((y) => y * y),
      { device },
    ),
    less,
  );
}

/** The plan from the rows x [..., n], mass 1/n each, to the targets: [..., n, m]. */
export function planToTargets(
  op: string,
  x: Tensor,
  targets: Targets,
  options: SoftOrderOptions,
): Plan {
  const { places, masses } = targets;
  const { epsilon = 0.01, squash = true, dim: _, ...solver } = options;
  if (!(epsilon > 0 && epsilon < Number.POSITIVE_INFINITY))
    throw new ArgumentError(
      `${op}: epsilon ${epsilon} must be a positive number. For no smoothing use the operation that sorts.`,
    );
  const { device } = x;
  const y = reshape(tensor([...places], { device }), [places.length, 1]);
  const from = squash ? squashed(x) : x;
  return sinkhorn(null, masses, squaredEuclidean(unsqueeze(from, -1), y), {
    epsilon,
    ...{
      maxIterations: 300,
      tolerance: 1e-5,
      relaxation,
      initial: start(from, y, targets, epsilon),
    },
    ...solver,
  }).plan;
}

/** From the potentials below, more costs little where the iteration is quick and saves most of it where it is slow. */
const relaxation = 1.7;

/** Potentials of the targets by order, and those of the numbers that follow from them. */
function start(x: Tensor, y: Tensor, targets: Targets, epsilon: number): { f: Tensor; g: Tensor } {
  return scope(() => {
    const rows = reshape(stopGradient(x), [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);
    const g = potentialsByOrder(rows, targets);
    const m = targets.places.length;
    const log2B = (targets.masses ?? new Array<number>(m).fill(1 / m)).map((w) =>
      w > 0 ? Math.log2(w) : negligible,
    );
    const operands = [
      ...[zerosLike(rows), g, expand(tensor(log2B, { device: x.device }), g.shape)],
      ...[unsqueeze(rows, -1), expand(y, [rows.shape[0]!, m, 1])],
    ];
    const f = softmin(operands, { cost: squareCost, epsilon });
    return {
      f: reshape(f, x.shape),
      g: reshape(g, [...x.shape.slice(0, -1), m]),
    };
  });
}

/** Σ_j P_ij v_j over the mass of each number, which at the solution is 1/n: [..., n]. A mean of v to rounding. */
export function meansAtNumbers(plan: Plan, values: readonly number[], like: Tensor): Tensor {
  return scope(() => {
    const pairs = tensor(
      values.flatMap((v) => [v, 1]),
      { shape: [values.length, 2], device: like.device },
    );
    const sums = plan.apply(expand(pairs, [...like.shape.slice(0, -1), values.length, 2]));
    return div(select(sums, -1, 0), select(sums, -1, 1));
  });
}

/** Σ_i P_ij x_i over the mass of each target, about the mean of x so that no digits are lost: [..., m]. */
export function meansAtTargets(plan: Plan, x: Tensor, { places, masses }: Targets): Tensor {
  return scope(() => {
    const center = stopGradient(mean(x, { dim: -1, keepdim: true }));
    const sums = plan.applyTranspose(sub(x, center));
    const per = masses
      ? tensor(
          masses.map((w) => (w > 0 ? 1 / w : 0)),
          { device: x.device },
        )
      : places.length;
    return add(mul(sums, per), center);
  });
}

/**
 * Transport by plans of low rank, P = Q diag(1/g) Rᵀ with Q [n, r], R [m, r] and g [r] not negative, Q 1 = a,
 * R 1 = b, Qᵀ 1 = Rᵀ 1 = g: the mass goes through r places. With a cost of low rank too, C = A Bᵀ, as the squared
 * Euclidean one is, time and memory are linear in n + m.
 *
 *     min over Q, R, g of  <C, Q diag(1/g) Rᵀ> - ε (H(Q) + H(R) + H(g))
 *
 * by mirror descent: each factor is multiplied by exp(-γ times its gradient), and brought back to the constraints by
 * Dykstra's algorithm. The problem is not convex; what is found depends on the start. Scetbon, Cuturi, Peyré,
 * Low-rank Sinkhorn factorization, 2021; γ is divided by the greatest square of a gradient, in units of the mean
 * cost, as in Scetbon and Cuturi, Low-rank optimal transport, 2022.
 */
import { ArgumentError, ShapeError } from "../errors";
import { abs, add, div, le, logicalAnd, maximum, mul, square, sub } from "../ops/arithmetic";
import { full, onesLike } from "../ops/creation";
import { exp2 } from "../ops/exponential";
import { exp, log } from "../ops/functions";
import { matmul } from "../ops/matmul";
import { max, mean, sum } from "../ops/reduce";
import {
  cat,
  clone,
  expand,
  narrow,
  reshape,
  select,
  stopGradient,
  to,
  transpose,
  unsqueeze,
} from "../ops/shape";
import { key as keyOf, normal } from "../random/random";
import { tensor } from "../tensor/creation";
import { scope } from "../tensor/scope";
import { broadcastShapes, type Shape, show, sizeOf } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { Struct } from "../tensor/tree";
import type { Cost, PointCost } from "./cost";
import { costMatrix } from "./costMatrix";
import { dykstra } from "./dykstra";
import { finiteCosts } from "./finitePoints";
import { costOperands, requireMasses, type Weights } from "./operands";
import { checkWeights } from "./weights";

/** C = left rightᵀ, of f32 [..., n, k] and [..., m, k]. */
export interface FactoredCost {
  readonly left: Tensor;
  readonly right: Tensor;
}

export interface LowRankOptions {
  /** r, at most n and m; larger ones are taken for these. */
  rank: number;
  /** Weight of the factors' entropies, in units of the cost. Default 0. */
  epsilon?: number;
  /** Length of steps. Default 10. */
  gamma?: number;
  /** Whether gamma is divided by the greatest square of a gradient at each step. Default true. */
  rescaleGamma?: boolean;
  /** Least element of g, as a share of the mass; below 1 / r. Default 1e-10. */
  alpha?: number;
  /** Steps. All are run: nobody waits for what they come to. Default 200. */
  maxIterations?: number;
  /** Of Dykstra's algorithm in each step: iterations at most, 30, from where the last ended, and the L1 error that ends it, 1e-6. */
  dykstra?: { readonly maxIterations?: number; readonly tolerance?: number };
  /** What `converged` asks of the last step: the L1 change of the factors, relative to the mass. Default 1e-3. */
  tolerance?: number;
  /** Where the start is drawn from. Default `random.key(0)`. */
  key?: Tensor;
  /** The start itself: Q [..., n, r], R [..., m, r], g [..., r], all positive. */
  initial?: { readonly Q: Tensor; readonly R: Tensor; readonly g: Tensor };
}

const op = "transport.sinkhornLowRank";

/** Below this, elements of factors count as this in logarithms. */
const tiny = 1e-30;

/** Products with C [B, n, m] and its transpose. */
interface Products {
  readonly n: number;
  readonly m: number;
  /** Leading dimensions, before they were flattened. */
  readonly outer: Shape;
  /** [B, m, r] to [B, n, r]. */
  times(R: Tensor): Tensor;
  /** [B, n, r] to [B, m, r]. */
  transposedTimes(Q: Tensor): Tensor;
}

const turned = (x: Tensor): Tensor => transpose(x, -1, -2);

const isFactored = (cost: Cost | FactoredCost): cost is FactoredCost =>
  !(cost instanceof Tensor) && "left" in Object(cost);

/** The cost, of finite numbers: ArgumentError for what is no cost; for numbers that are not finite, at the next read. */
function checkedCost(cost: Cost | FactoredCost): Cost | FactoredCost {
  if (isFactored(cost)) return cost;
  const [first, second] = costOperands(op, cost).operands;
  if (cost instanceof Tensor) return finiteCosts(op, "of the matrix", first!);
  return { ...cost, x: first!, y: second! };
}

/** |x|² - 2 x·y + |y|², about the mean of y, which keeps rounding small. */
function squaredFactors({ x, y }: PointCost): FactoredCost {
  const center = stopGradient(mean(y, { dim: -2, keepdim: true }));
  const [s, t] = [sub(x, center), sub(y, center)];
  const squares = (points: Tensor): Tensor => sum(square(points), { dim: -1, keepdim: true });
  const [left, right] = [squares(s), squares(t)];
  return {
    left: cat([left, onesLike(left), mul(s, -2)], -1),
    right: cat([onesLike(right), right, t], -1),
  };
}

function productsOf(cost: Cost | FactoredCost): Products {
  const wide = (x: Tensor, outer: Shape): Tensor => {
    const inner = x.shape.slice(-2);
    return reshape(expand(x, [...outer, ...inner]), [sizeOf(outer), ...inner]);
  };
  if (!isFactored(cost) && (cost instanceof Tensor || cost.of.name !== "squared Euclidean")) {
    const dense = costMatrix(cost);
    if (dense.rank < 2 || dense.shape.slice(-2).includes(0))
      throw new ShapeError(
        `${op}: cost has shape ${show(dense.shape)}; it must be [..., n, m], with at least one row and column.`,
      );
    const [n, m] = dense.shape.slice(-2) as [number, number];
    const outer = dense.shape.slice(0, -2);
    const C = wide(dense, outer);
    const forth = (R: Tensor): Tensor => matmul(C, R);
    const back = (Q: Tensor): Tensor => matmul(turned(C), Q);
    return { n, m, outer, times: forth, transposedTimes: back };
  }
  const { left, right } = isFactored(cost) ? cost : squaredFactors(cost);
  if (left.rank < 2 || right.rank < 2 || left.shape.at(-1) !== right.shape.at(-1))
    throw new ShapeError(
      `${op}: the cost's factors ${show(left.shape)} and ${show(right.shape)} must be [..., n, k] and [..., m, k].`,
    );
  const [n, m] = [left.shape.at(-2)!, right.shape.at(-2)!];
  if (n === 0 || m === 0)
    throw new ShapeError(`${op}: the cost is ${n} by ${m}; a side has no points.`);
  const outer = broadcastShapes(op, left.shape.slice(0, -2), right.shape.slice(0, -2));
  const [A, B] = [wide(left, outer), wide(right, outer)];
  const forth = (R: Tensor): Tensor => matmul(A, matmul(turned(B), R));
  const back = (Q: Tensor): Tensor => matmul(B, matmul(turned(A), Q));
  return { n, m, outer, times: forth, transposedTimes: back };
}

type Settled = Required<Omit<LowRankOptions, "initial" | "dykstra" | "key">> & {
  readonly inner: { readonly maxIterations: number; readonly tolerance: number };
};

function settle(options: LowRankOptions): Settled {
  const { rank, epsilon = 0, gamma = 10, rescaleGamma = true, alpha = 1e-10 } = options ?? {};
  const { maxIterations = 200, tolerance = 1e-3, dykstra: inner = {} } = options ?? {};
  const settled = { maxIterations: inner.maxIterations ?? 30, tolerance: inner.tolerance ?? 1e-6 };
  const whole = { rank, maxIterations, "dykstra.maxIterations": settled.maxIterations };
  for (const [name, value] of Object.entries(whole))
    if (!(Number.isInteger(value) && value > 0))
      throw new ArgumentError(`${op}: ${name} ${value} must be a whole number >= 1.`);
  if (!(gamma > 0 && gamma < Number.POSITIVE_INFINITY))
    throw new ArgumentError(`${op}: gamma ${gamma} must be a number > 0.`);
  if (!(epsilon >= 0 && epsilon < Number.POSITIVE_INFINITY))
    throw new ArgumentError(`${op}: epsilon ${epsilon} must be a number >= 0.`);
  if (!(alpha > 0 && alpha < 1 / rank))
    throw new ArgumentError(
      `${op}: alpha ${alpha} must be above 0 and below 1 / rank, ${1 / rank}.`,
    );
  return { rank, epsilon, gamma, rescaleGamma, alpha, maxIterations, tolerance, inner: settled };
}

/** Factors of a problem of mass 1: Q over R [B, n + m, r], g [B, r]. */
interface Factors {
  readonly both: Tensor;
  readonly g: Tensor;
}

function weightsOf(name: "a" | "b", given: Weights, size: number, like: Tensor): Tensor {
  const { device } = like;
  if (given === null || given === undefined) return full([size], 1 / size, { device });
  const weights =
    given instanceof Tensor ? to(given, "f32") : tensor(requireMasses(op, name, given), { device });
  if (weights.shape.at(-1) !== size)
    throw new ShapeError(
      `${op}: ${name} has shape ${show(weights.shape)}; this cost needs [..., ${size}].`,
    );
  return weights;
}

const rowsOf = (both: Tensor, n: number): [Tensor, Tensor] => [
  narrow(both, -2, 0, n),
  narrow(both, -2, n, both.shape.at(-2)! - n),
];

/** Positive numbers at random, from 1 up, with the row sums p [B, n + m]; g is uniform. */
function drawn(p: Tensor, rank: number, key: Tensor | undefined): Factors {
  const device = p.device;
  const raw = add(abs(normal(key ?? keyOf(0, { device }), [...p.shape, rank])), 1);
  const scale = div(p, sum(raw, { dim: -1 }));
  return {
    both: mul(raw, unsqueeze(scale, -1)),
    g: full([p.shape[0]!, rank], 1 / rank, { device }),
  };
}

/** The greatest absolute value of each problem, [B, 1, 1]. */
const greatest = (x: Tensor): Tensor =>
  reshape(max(abs(reshape(x, [x.shape[0]!, x.size / x.shape[0]!])), { dim: -1 }), [
    x.shape[0]!,
    1,
    1,
  ]);

const flatLog = (x: Tensor): Tensor => log(maximum(x, tiny));

interface Step extends Factors {
  /** Scales of the columns, [B, 2, r]: where Dykstra's algorithm starts the next time. */
  readonly v: Tensor;
  readonly change: Tensor;
  readonly error: Tensor;
}

/** One step of mirror descent, on a cost whose mean is `scale` [B, 1, 1]. */
function descend(
  { both, g, v: start }: Step,
  p: Tensor,
  scale: Tensor,
  { times, transposedTimes, n, m }: Products,
  { epsilon, gamma, rescaleGamma, alpha, inner }: Settled,
): Step {
  const [Q, R] = rowsOf(both, n);
  const CR = div(times(R), scale);
  const CQ = div(transposedTimes(Q), scale);
  const weights = unsqueeze(g, -2);
  const omega = unsqueeze(sum(mul(Q, CR), { dim: -2 }), -2);
  const share = div(epsilon, scale);
  const [logs, logG] = [flatLog(both), flatLog(weights)];
  const slope = add(div(cat([CR, CQ], -2), weights), mul(share, logs));
  const slopeG = sub(mul(share, logG), div(omega, square(weights)));
  const step = rescaleGamma
    ? div(gamma, maximum(square(maximum(greatest(slope), greatest(slopeG))), tiny))
    : gamma;
  const moved = sub(logs, mul(step, slope));
  const kernel = exp(sub(moved, max(moved, { dim: -1, keepdim: true })));
  const movedG = sub(logG, mul(step, slopeG));
  const { u, v, log2G, control } = dykstra(
    kernel,
    p,
    mul(select(movedG, -2, 0), Math.LOG2E),
    start,
    { left: n, alpha, ...inner },
  );
  const columns = cat(
    [n, m].map((rows, side) => expand(narrow(v, 1, side, 1), [v.shape[0]!, rows, v.shape[2]!])),
    1,
  );
  const next = mul(mul(kernel, unsqueeze(u, -1)), columns);
  return {
    both: next,
    g: exp2(log2G),
    v,
    change: div(sum(abs(sub(next, both)), { dim: [-2, -1] }), 2),
    error: clone(select(control, 1, 2)),
  };
}

/** What `sinkhornLowRank` gives. All tensors are on the device, and constants to derivatives. */
export class LowRankTransport extends Struct {
  constructor(
    /** f32 [..., n, r]: Q 1 = a, Qᵀ 1 = g. */
    readonly Q: Tensor,
    /** f32 [..., m, r]: R 1 = b, Rᵀ 1 = g. */
    readonly R: Tensor,
    /** f32 [..., r]: the mass that goes through each of the r places. */
    readonly g: Tensor,
    /** L1 error of Q 1 and R 1 together before the last correction, relative to the mass: [...]. */
    readonly marginalError: Tensor,
    /** Mean of the L1 changes of Q and R in the last step, relative to the mass: [...]. */
    readonly change: Tensor,
    /** Whether both are at most the tolerance: bool [...]. */
    readonly converged: Tensor,
    private readonly cost: Cost | FactoredCost,
  ) {
    super();
  }

  /** P v, of v [..., m] or [..., m, k]: (n + m) r multiplications for each channel. */
  apply(v: Tensor): Tensor {
    return scope(() => this.through(this.Q, this.R, v));
  }

  /** Pᵀ u, of u [..., n] or [..., n, k]. */
  applyTranspose(u: Tensor): Tensor {
    return scope(() => this.through(this.R, this.Q, u));
  }

  /** P [..., n, m]. */
  dense(): Tensor {
    return scope(() => matmul(div(this.Q, unsqueeze(this.g, -2)), turned(this.R)));
  }

  /**
   * <C, P> [...]. Derivatives by the cost, or by its points, hold the plan fixed: at a minimum they are exact (the
   * envelope theorem).
   */
  transportCost(): Tensor {
    return scope(() => {
      const { Q, R, g } = this;
      const products = productsOf(this.cost);
      const batch = Q.shape.slice(0, -2);
      const flat = (x: Tensor): Tensor =>
        reshape(x, [sizeOf(batch), ...x.shape.slice(batch.length)]);
      const CR = products.times(flat(R));
      return reshape(sum(div(sum(mul(flat(Q), CR), { dim: -2 }), flat(g)), { dim: -1 }), batch);
    });
  }

  private through(to: Tensor, from: Tensor, v: Tensor): Tensor {
    const vector = v.rank === from.rank - 1;
    const channels = vector ? unsqueeze(v, -1) : v;
    const gathered = div(matmul(turned(from), channels), unsqueeze(this.g, -1));
    const result = matmul(to, gathered);
    return vector ? select(result, -1, 0) : result;
  }
}

/**
 * Optimal transport by a plan of rank r (POT `ot.lowrank_sinkhorn`, OTT `LRSinkhorn`): linear in n + m for the squared
 * Euclidean cost, and for costs given by factors.
 *
 * @param a weights [..., n]; null: 1 / n each. Zeros are fine
 * @param b weights [..., m] of the same sum
 * @param cost `squaredEuclidean(x, y)`; factors { left, right }; another cost of points or a matrix, which takes n m
 * numbers
 * @param options `rank`; `epsilon`, `gamma`, `alpha`, iterations and start: see `LowRankOptions`
 * @returns the factors of the plan, products with it, and how far it came
 * @throws ArgumentError, ShapeError; at the next read ArgumentError for weights that are negative or not finite, or
 * whose sums differ, and for costs or points that are NaN or infinite: no pair can be forbidden
 * @example
 * const found = transport.sinkhornLowRank(null, null, transport.squaredEuclidean(x, y), { rank: 10 });
 * await found.transportCost().item();
 */
export function sinkhornLowRank(
  a: Weights,
  b: Weights,
  cost: Cost | FactoredCost,
  options: LowRankOptions,
): LowRankTransport {
  const settled = settle(options);
  const { initial, key } = options;
  return scope(() => {
    const products = productsOf(constant(checkedCost(cost)));
    const { n, m } = products;
    const like = cost instanceof Tensor ? cost : isFactored(cost) ? cost.left : cost.x;
    const [left, right] = [weightsOf("a", a, n, like), weightsOf("b", b, m, like)];
    const batch = [left, right].reduce<Shape>(
      (shape, w) => broadcastShapes(op, shape, w.shape.slice(0, -1)),
      products.outer,
    );
    if (sizeOf(batch) !== sizeOf(products.outer))
      throw new ShapeError(
        `${op}: weights of batch ${show(batch)} need a cost of as many problems; it has ${show(products.outer)}. Expand it.`,
      );
    const together = (x: Tensor, ...inner: number[]): Tensor =>
      reshape(expand(x, [...batch, ...inner]), [sizeOf(batch), ...inner]);
    const [rows, columns] = [together(stopGradient(left), n), together(stopGradient(right), m)];
    const checked = checkWeights(rows, columns, true, op);
    const mass = sum(checked, { dim: -1, keepdim: true });
    const p = cat([div(checked, mass), div(columns, sum(columns, { dim: -1, keepdim: true }))], -1);

    const rank = Math.min(settled.rank, n, m);
    const start = (): Factors => {
      if (!initial) return drawn(p, rank, key);
      for (const [name, x, size] of [
        ["Q", initial.Q, n],
        ["R", initial.R, m],
      ] as const)
        if (x.shape.at(-2) !== size || x.shape.at(-1) !== rank || initial.g.shape.at(-1) !== rank)
          throw new ShapeError(
            `${op}: initial.${name} has shape ${show(x.shape)} and g ${show(initial.g.shape)}; they must be [..., ${size}, ${rank}] and [..., ${rank}].`,
          );
      const whole = unsqueeze(mass, -1);
      const both = cat([together(initial.Q, n, rank), together(initial.R, m, rank)], -2);
      return { both: div(both, whole), g: div(together(initial.g, rank), mass) };
    };
    const [shareA, shareB] = rowsOf(unsqueeze(p, -1), n);
    const average = abs(sum(mul(shareA, products.times(shareB)), { dim: [-2, -1] }));
    const scale = unsqueeze(unsqueeze(maximum(average, tiny), -1), -1);

    const zero = sum(mul(mass, 0), { dim: -1 });
    const ones = full([sizeOf(batch), 2, rank], 1, { device: p.device });
    let found: Step = { ...start(), v: ones, change: zero, error: zero };
    for (let i = 0; i < settled.maxIterations; i++)
      found = scope(() => descend(found, p, scale, products, settled));
    const [Q, R] = rowsOf(mul(found.both, unsqueeze(mass, -1)), n);
    const shaped = (x: Tensor): Tensor => clone(reshape(x, [...batch, ...x.shape.slice(1)]));
    const { change, error } = found;
    const { tolerance } = settled;
    return new LowRankTransport(
      ...(([Q, R, mul(found.g, mass), error, change] as const).map(shaped) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ]),
      shaped(logicalAnd(le(change, tolerance), le(error, tolerance))),
      cost,
    );
  });
}

/** The same cost, through which no derivative flows. */
function constant(cost: Cost | FactoredCost): Cost | FactoredCost {
  if (cost instanceof Tensor) return stopGradient(cost);
  if (isFactored(cost)) return { left: stopGradient(cost.left), right: stopGradient(cost.right) };
  return { ...cost, x: stopGradient(cost.x), y: stopGradient(cost.y) };
}

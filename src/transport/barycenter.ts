/**
 * Barycentres of histograms on a support that is given: argmin over q of Σ_k w_k OT(q, p_k). Agueh and Carlier,
 * Barycenters in the Wasserstein space, 2011; Benamou et al., Iterative Bregman projections for regularized
 * transportation problems, 2015; Janati et al., Debiased Sinkhorn barycenters, 2020.
 */
import { ArgumentError, ShapeError } from "../errors";
import { div, gt, mul, sub } from "../ops/arithmetic";
import { full } from "../ops/creation";
import { exp2 } from "../ops/exponential";
import { sum } from "../ops/reduce";
import { requireRounds } from "../ops/rounds";
import { clone, expand, reshape, select, stopGradient, to, unsqueeze } from "../ops/shape";
import { tensor } from "../tensor/creation";
import { scope } from "../tensor/scope";
import { broadcastShapes, show, sizeOf } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { barycenterLoop, logHistogram } from "./barycenterLoop";
import type { Cost } from "./cost";
import { costOperands, epsilonOf, log2Weights } from "./operands";
import { checkWeights } from "./weights";

export interface BarycenterOptions {
  /** ε, in units of the cost. Without `debiased` the barycentre is blurred by about its root. */
  epsilon: number;
  /** w, of each histogram: f32 [..., k] or numbers; divided by their sum. Default: alike. */
  weights?: Tensor | readonly number[];
  /** Take the blur of the entropy away. Needs points of the barycentre that are those of the histograms. Default false. */
  debiased?: boolean;
  /** Of the L1 error of the rows of the plans, relative to the mass. Default 1e-6. */
  tolerance?: number;
  /** Default 2000. */
  maxIterations?: number;
  /** Iterations between looks at the error. Default 10. */
  checkEvery?: number;
  /** Derivatives come from the equations at the solution, iterated this often. Default 100. */
  backwardIterations?: number;
  /** A problem that does not reach the tolerance is a ConvergenceError at the next read. Default false. */
  strict?: boolean;
}

/** All on the device; nothing has been waited for. */
export interface Barycenter {
  /** [..., n]. */
  readonly histogram: Tensor;
  /** L1 error of the rows of the worst plan, relative to the mass, at the last look: f32 [...]. */
  readonly marginalError: Tensor;
  /** f32 [...]. */
  readonly iterations: Tensor;
  /** bool [...]. */
  readonly converged: Tensor;
}

const op = "transport.barycenter";

/**
 * The histogram in the middle of others, by what it costs to move to them (POT `ot.bregman.barycenter`, whose
 * regulariser Σ P log P it has; `debiased`: `barycenter_debiased`). Differentiable in histograms, weights and cost.
 *
 * @param histograms f32 [..., k, m], of equal mass
 * @param cost from points of the barycentre to those of the histograms: [..., n, m], or `squaredEuclidean(x, y)` and its
 * like; leading dimensions broadcast
 * @throws ArgumentError, ShapeError; at the next read ArgumentError for histograms that are negative, NaN, empty or of
 * unequal mass
 * @example
 * const { histogram } = barycenter(stack([left, right]), squaredEuclidean(grid, grid), { epsilon: 1e-3 });
 */
export function barycenter(histograms: Tensor, cost: Cost, options: BarycenterOptions): Barycenter {
  const epsilon = epsilonOf(op, options);
  const { tolerance = 1e-6, debiased = false } = options;
  if (!(tolerance >= 0)) throw new ArgumentError(`${op}: tolerance ${tolerance} must be >= 0.`);
  return scope(() => {
    const { operands, rows, cols, outer } = costOperands(op, cost);
    if (histograms.rank < 2 || histograms.shape.at(-1) !== cols || histograms.shape.at(-2) === 0)
      throw new ShapeError(
        `${op}: histograms have shape ${show(histograms.shape)}; this cost needs [..., k, ${cols}], at least one of them.`,
      );
    if (debiased && rows !== cols)
      throw new ShapeError(
        `${op}: debiased needs the same points for the barycentre and the histograms; this cost is ${rows} by ${cols}.`,
      );
    const count = histograms.shape.at(-2)!;
    const shares = sharesOf(options.weights, count, histograms);
    const batch = broadcastShapes(
      op,
      broadcastShapes(op, outer, histograms.shape.slice(0, -2)),
      shares.shape.slice(0, -1),
    );
    const size = sizeOf(batch);
    const together = reshape(expand(to(histograms, "f32"), [...batch, count, cols]), [
      size * count,
      cols,
    ]);
    const first = select(reshape(together, [size, count, cols]), 1, 0);
    const like = reshape(expand(unsqueeze(first, 1), [size, count, cols]), [size * count, cols]);
    const checked = checkWeights(together, like, true, op);
    const costs = operands.map((x) => {
      const inner = x.shape.slice(-2);
      const each = expand(unsqueeze(x, -3), [...batch, count, ...inner]);
      return reshape(each, [size * count, ...inner]);
    });
    const wide = reshape(expand(shares, [...batch, count]), [size, count]);
    const [f, log2D, control, level, log2Q] = barycenterLoop(
      [log2Weights(checked), wide, ...costs],
      {
        cost: cost instanceof Tensor ? null : cost.of,
        ...{ epsilon, count, debiased, tolerance, strict: options.strict ?? false },
        maxIterations: requireRounds(op, "maxIterations", options.maxIterations ?? 2000),
        checkEvery: requireRounds(op, "checkEvery", options.checkEvery ?? 10),
        backward: requireRounds(op, "backwardIterations", options.backwardIterations ?? 100),
      },
    );
    // What f32 potentials lack, in exponents of 2.
    const tails = reshape(stopGradient(sub(level!, log2Q!)), [size, count, rows]);
    const rest = sum(mul(tails, unsqueeze(wide, -1)), { dim: 1 });
    const logs = sub(logHistogram(f!, log2D!, wide, epsilon), rest);
    const verdict = select(reshape(control!, [size, count, 4]), 1, 0);
    const number = (k: number): Tensor => reshape(select(verdict, 1, k), batch);
    return {
      histogram: reshape(exp2(logs), [...batch, rows]),
      marginalError: clone(number(2)),
      iterations: clone(number(1)),
      converged: gt(number(0), 0),
    };
  });
}

/** [..., k], of sum 1. */
function sharesOf(given: BarycenterOptions["weights"], count: number, { device }: Tensor): Tensor {
  if (given === undefined) return full([count], 1 / count, { device });
  if (!(given instanceof Tensor)) {
    const total = given.reduce((sum, w) => sum + w, 0);
    const bad = given.findIndex((w) => !(w >= 0 && Number.isFinite(w)));
    if (bad >= 0 || given.length !== count || !(total > 0))
      throw new ArgumentError(
        `${op}: weights are ${show(given)}; ${count} histograms need as many numbers, 0 or more, not all 0.`,
      );
    return tensor(
      given.map((w) => w / total),
      { device },
    );
  }
  if (given.rank < 1 || given.shape.at(-1) !== count)
    throw new ShapeError(
      `${op}: weights have shape ${show(given.shape)}; ${count} histograms need [..., ${count}].`,
    );
  return div(given, sum(given, { dim: -1, keepdim: true }));
}

/**
 * Partial transport: of all the mass a given part moves, whichever is cheapest, and no point sends or takes more than it
 * has. Caffarelli and McCann, Free boundaries in optimal transport and Monge-Ampère obstacle problems, 2010; Benamou et
 * al., Iterative Bregman projections for regularized transportation problems, 2015, section 5.3.
 */
import { ArgumentError } from "../errors";
import { add, gt, mul, where } from "../ops/arithmetic";
import { fullLike } from "../ops/creation";
import { log2 } from "../ops/exponential";
import { sum } from "../ops/reduce";
import { requireRounds } from "../ops/rounds";
import { clone, expand, reshape, select, stopGradient } from "../ops/shape";
import { tensor } from "../tensor/creation";
import { scope } from "../tensor/scope";
import { broadcastShapes, sizeOf } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import type { Cost } from "./cost";
import { costOperands, epsilonOf, log2Weights, type Weights, weightsOf } from "./operands";
import { negligible, scaleOf } from "./pairs";
import { partialLoop } from "./partialLoop";
import { Plan } from "./plan";
import { checkWeights } from "./weights";

export interface PartialOptions {
  /** ε, in units of the cost. */
  epsilon: number;
  /** How much moves: at most the smaller of Σa and Σb. A number, or f32 [...] for each problem its own. */
  mass: number | Tensor;
  /** Of what an iteration still moves, relative to the mass. Default 1e-6. */
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
export interface PartialTransport {
  /** P [..., n, m], of the mass that was asked for, with P 1 <= a and Pᵀ 1 <= b. */
  readonly plan: Plan;
  /** ⟨P, C⟩ [...]. */
  readonly transportCost: Tensor;
  /** What a little more of a's weights changes of ⟨P, C⟩ + ε Σ P log P: 0 where some is left, less elsewhere. [..., n] */
  readonly f: Tensor;
  /** [..., m]. */
  readonly g: Tensor;
  /** f32 [...]. */
  readonly marginalError: Tensor;
  /** f32 [...]. */
  readonly iterations: Tensor;
  /** bool [...]. */
  readonly converged: Tensor;
}

const op = "transport.partialSinkhorn";

/**
 * Entropic partial transport: min ⟨P, C⟩ + ε Σ P log P over P with P 1 <= a, Pᵀ 1 <= b and ΣP = mass (POT
 * `ot.partial.entropic_partial_wasserstein`), in the log domain: each of the potentials f, g <= 0 and that of the mass is
 * put to its best in turn, which small epsilons do not hurt. Differentiable.
 *
 * @param a f32 [..., n]; null: 1/n each
 * @param b f32 [..., m], of any sum
 * @param cost a matrix [..., n, m], or `squaredEuclidean(x, y)` and its like
 * @throws what `sinkhorn` does; ArgumentError at the next read for a mass that a side does not have
 * @example
 * const { plan } = partialSinkhorn(null, null, squaredEuclidean(x, y), { mass: 0.8, epsilon: 0.01 });
 */
export function partialSinkhorn(
  a: Weights,
  b: Weights,
  cost: Cost,
  options: PartialOptions,
): PartialTransport {
  const epsilon = epsilonOf(op, options);
  const { mass, tolerance = 1e-6 } = options;
  if (!(mass instanceof Tensor || (mass > 0 && Number.isFinite(mass))))
    throw new ArgumentError(`${op}: mass ${String(mass)} must be a number > 0, or a tensor.`);
  if (!(tolerance >= 0)) throw new ArgumentError(`${op}: tolerance ${tolerance} must be >= 0.`);
  return scope(() => {
    const { operands, rows, cols, outer } = costOperands(op, cost);
    const { device } = operands[0]!;
    const left = weightsOf(op, "a", a, rows, device);
    const right = weightsOf(op, "b", b, cols, device);
    const goal = mass instanceof Tensor ? mass : reshape(tensor([mass], { device }), []);
    const batch = [left.shape.slice(0, -1), right.shape.slice(0, -1), goal.shape].reduce(
      (shape, of) => broadcastShapes(op, shape, of),
      outer,
    );
    const size = sizeOf(batch);
    const together = (x: Tensor, inner: readonly number[]): Tensor =>
      reshape(expand(x, [...batch, ...inner]), [size, ...inner]);
    const wideB = together(right, [cols]);
    const wideA = checkWeights(together(left, [rows]), wideB, false, op);
    const free = (w: Tensor): Tensor => stopGradient(where(gt(w, 0), fullLike(w, 0), negligible));
    const [freeA, freeB] = [free(wideA), free(wideB)];
    const costs = operands.map((x) => together(x, x.shape.slice(-2)));
    const whole = reshape(expand(log2(goal), batch), [size, 1]);
    const attrs = { cost: cost instanceof Tensor ? null : cost.of, epsilon };
    const [f, g, lambda, control] = partialLoop(
      [log2Weights(wideA), log2Weights(wideB), freeA, freeB, whole, ...costs],
      {
        ...{ ...attrs, tolerance, strict: options.strict ?? false },
        maxIterations: requireRounds(op, "maxIterations", options.maxIterations ?? 2000),
        checkEvery: requireRounds(op, "checkEvery", options.checkEvery ?? 10),
        backward: requireRounds(op, "backwardIterations", options.backwardIterations ?? 100),
      },
    ) as [Tensor, Tensor, Tensor, Tensor];
    // λ goes with the potentials, so that the log weights are 0 or negligible.
    const shifted = add(f, mul(lambda, 1 / scaleOf(epsilon)));
    const plan = new Plan(batch, [shifted, g, freeA, freeB, ...costs], attrs);
    const number = (k: number): Tensor => clone(reshape(select(control, 1, k), batch));
    return {
      plan,
      transportCost: sum(plan.rowCosts(), { dim: -1 }),
      f: reshape(f, [...batch, rows]),
      g: reshape(g, [...batch, cols]),
      marginalError: number(2),
      iterations: number(1),
      converged: gt(number(0), 0),
    };
  });
}

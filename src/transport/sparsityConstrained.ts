/**
 * Transport with a squared 2-norm and a bound on the nonzeros of each column,
 *
 *   min ⟨P, C⟩ + γ/2 ‖P‖²  over  P ≥ 0, P 1 = a, Pᵀ 1 = b, every column of P with at most k nonzeros
 *
 * (Liu, Puigcerver, Blondel, Sparsity-constrained optimal transport, 2023), through its semi-dual, a concave function of
 * the potentials of the rows. Without the bound: smooth and sparse transport (Blondel, Seguy, Rolet 2018).
 *
 * With the bound the problem is not convex, and the semi-dual is that of its convex relaxation. At the maximum either no
 * column has two scores that compete for its last nonzero: then P solves the problem. Or the maximum is a kink: then no
 * choice of k nonzeros in each column need meet a, the columns are exact, and the rows are off by what `marginalError` says.
 */
import { ArgumentError } from "../errors";
import { div, eq, maximum, minimum, mul, sub } from "../ops/arithmetic";
import { matmul } from "../ops/matmul";
import { sum } from "../ops/reduce";
import { requireRounds } from "../ops/rounds";
import { expand, reshape, squeeze, stopGradient, to, transpose, unsqueeze } from "../ops/shape";
import { type Sorted, topK } from "../ops/sort";
import { requireOptions } from "../options";
import { readAll } from "../tensor/hostTensor";
import { scope } from "../tensor/scope";
import { broadcastShapes, type Shape, sizeOf } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { Struct } from "../tensor/tree";
import type { Cost } from "./cost";
import { costMatrix } from "./costMatrix";
import { costOperands, positive, type Weights, weightsOf } from "./operands";
import { forbidden } from "./pairs";
import { projectRows, requireNonzeros, type SimplexProjection } from "./sparseSimplex";
import { implied } from "./sparsityConstrainedImplicit";
import { converged, maximiseSemiDual } from "./sparsityConstrainedSolver";
import { checkWeights } from "./weights";

export interface SmoothOtOptions {
  /** γ, in units of the cost per mass: for weights that sum up to 1, γ times 1/n is in units of the cost. */
  gamma: number;
  /** Of the L1 error of the row sums, relative to the mass. Default 1e-5. */
  tolerance?: number;
  /** Evaluations of the semi-dual at most, each as much as reading the cost twice. Default 1000. */
  maxIterations?: number;
  /** A problem that does not reach the tolerance is a ConvergenceError at the next read. Default false. */
  strict?: boolean;
}

export interface SparsityConstrainedOtOptions extends SmoothOtOptions {
  /** k: nonzeros of each column of the plan at most. */
  maxNonzeros: number;
}

/** How far a problem came. */
export interface SparseTransportReport {
  readonly converged: boolean;
  readonly iterations: number;
  readonly marginalError: number;
}

/** A plan whose columns have few nonzeros. */
export class ColumnSparsePlan extends Struct {
  constructor(
    /** Pᵀ, [..., m, n]. */
    private readonly turned: Tensor,
    /** k, at most n. */
    readonly maxNonzeros: number,
  ) {
    super();
  }

  /** The matrix, [..., n, m]; differentiable. */
  dense(): Tensor {
    return transpose(this.turned, -1, -2);
  }

  /**
   * What each column has: `values` [..., m, k], greatest first, and the rows they are in, `indices` i32 [..., m, k]. A
   * column with fewer nonzeros has values of 0, in rows that mean nothing.
   */
  columns(): Sorted {
    return topK(this.turned, this.maxNonzeros);
  }

  /**
   * P v: what the rows get of values that the columns have.
   * @param v f32 [..., m] or [..., m, c]
   * @throws ShapeError
   */
  apply(v: Tensor): Tensor {
    return scope(() => product(this.dense(), v));
  }

  /**
   * Pᵀ u.
   * @param u f32 [..., n] or [..., n, c]
   * @throws ShapeError
   */
  applyTranspose(u: Tensor): Tensor {
    return scope(() => product(this.turned, u));
  }

  /** P 1 [..., n] and Pᵀ 1 [..., m]. */
  marginals(): [Tensor, Tensor] {
    return [sum(this.turned, { dim: -2 }), sum(this.turned, { dim: -1 })];
  }
}

function product(p: Tensor, v: Tensor): Tensor {
  return v.rank < p.rank ? squeeze(matmul(p, unsqueeze(v, -1)), -1) : matmul(p, v);
}

/** The result of `sparsityConstrainedOt` and `smoothOt`. Nothing waits; `report` does. */
export class SparseTransport extends Struct {
  constructor(
    /** Potentials [..., n], in units of the cost; differentiable, as the plan is. */
    readonly f: Tensor,
    /** Potentials [..., m]: g_j = −γ τ_j. */
    readonly g: Tensor,
    readonly plan: ColumnSparsePlan,
    /** L1 error of the row sums, relative to the mass [...]; the column sums are exact. */
    readonly marginalError: Tensor,
    /** Evaluations of the semi-dual, i32 [...]. */
    readonly iterations: Tensor,
    /** bool [...]: whether the marginal error came down to the tolerance. */
    readonly converged: Tensor,
    private readonly maximum: Tensor,
    private readonly costs: Tensor,
  ) {
    super();
  }

  /**
   * The greatest value of the semi-dual [...]. Where it converged, ⟨P, C⟩ + γ/2 ‖P‖²; else a lower bound of it. Its
   * derivatives are the plan by the cost and the potentials by the weights.
   */
  value(): Tensor {
    return this.maximum;
  }

  /** ⟨P, C⟩ [...]; differentiable, through the plan too. */
  transportCost(): Tensor {
    return scope(() => sum(mul(this.plan.dense(), this.costs), { dim: [-2, -1] }));
  }

  /** Waits, and says of each problem how far it came. */
  async report(): Promise<SparseTransportReport[]> {
    const [error, iterations, done] = await readAll([
      this.marginalError,
      this.iterations,
      this.converged,
    ]);
    return Array.from(error!, (marginalError, i) => ({
      converged: Boolean(done![i]),
      iterations: Number(iterations![i]),
      marginalError: Number(marginalError),
    }));
  }
}

interface Solve extends SmoothOtOptions {
  readonly op: string;
  readonly maxNonzeros: number;
}

function settings({ op, gamma, tolerance = 1e-5, maxIterations = 1000, strict = false }: Solve) {
  if (!(tolerance >= 0))
    throw new ArgumentError(`${op}: tolerance ${tolerance} must be a number, 0 or more.`);
  return {
    gamma: positive(op, "gamma", gamma),
    tolerance,
    maxIterations: requireRounds(op, "maxIterations", maxIterations),
    strict,
    caller: op,
  };
}

/** (f − c_j) / γ for each column j, [B, m, n]. */
function scores(f: Tensor, cost: Tensor, gamma: number): Tensor {
  return maximum(mul(sub(unsqueeze(f, -2), transpose(cost, -1, -2)), 1 / gamma), -1e37);
}

function solve(a: Weights, b: Weights, cost: Cost, options: Solve): SparseTransport {
  const { op, maxNonzeros } = options;
  const attrs = settings(options);
  const { gamma } = attrs;
  return scope(() => {
    const { rows: n, cols: m, operands } = costOperands(op, cost);
    const matrix = cost instanceof Tensor ? operands[0]! : costMatrix(cost);
    const [rows, cols] = [
      weightsOf(op, "a", a, n, matrix.device),
      weightsOf(op, "b", b, m, matrix.device),
    ];
    let batch: Shape = matrix.shape.slice(0, -2);
    for (const w of [rows, cols]) batch = broadcastShapes(op, batch, w.shape.slice(0, -1));
    const problems = sizeOf(batch);
    const flat = (x: Tensor, ...shape: number[]): Tensor =>
      reshape(expand(x, [...batch, ...shape]), [problems, ...shape]);
    const right = flat(cols, m);
    const left = checkWeights(flat(rows, n), right, true, op);
    // Sums that differ by rounding would leave an error that no plan removes.
    const ratio = div(
      sum(left, { dim: -1, keepdim: true }),
      maximum(sum(right, { dim: -1, keepdim: true }), 1e-30),
    );
    const mass = mul(right, stopGradient(ratio));
    const given = flat(matrix, n, m);
    const most = Math.min(maxNonzeros, n);
    const found = maximiseSemiDual(left, mass, given, { ...attrs, most });
    const costs = minimum(given, forbidden);
    const project = (f: Tensor): SimplexProjection =>
      projectRows(scores(f, costs, gamma), mass, most);
    const still = project(found.f);
    const slope = sub(left, sum(still.p, { dim: -2 }));
    const f = implied(found.f, still.p, slope, gamma);
    const moved = project(f);
    const value = sub(
      sum(mul(left, found.f), { dim: -1 }),
      mul(sum(still.conjugate, { dim: -1 }), gamma),
    );
    const shaped = (x: Tensor, ...shape: number[]): Tensor => reshape(x, [...batch, ...shape]);
    return new SparseTransport(
      shaped(f, n),
      shaped(mul(moved.tau, -gamma), m),
      new ColumnSparsePlan(shaped(moved.p, m, n), most),
      shaped(found.error),
      shaped(to(found.evaluations, "i32")),
      shaped(eq(found.state, converged)),
      shaped(value),
      shaped(costs, n, m),
    );
  });
}

/**
 * Transport with γ/2 ‖P‖² and at most `maxNonzeros` nonzeros in each column of the plan (POT `smooth_ot_semi_dual` with
 * `sparsity_constrained`): by L-BFGS on the semi-dual, all of it on the device. In f32 the marginal error falls to some
 * 1e-7 |f − c| / (γ b_j), with |f − c| where the plan has mass.
 *
 * @param a weights [..., n], numbers, or null for 1 / n
 * @param b weights [..., m] likewise, of the same sum; leading dimensions broadcast
 * @param cost f32 [..., n, m], in which Infinity forbids a pair, or a cost of points, which is stored as a matrix
 * @returns the plan, potentials and values, all differentiable, and how far it came: where the bound decides, `converged`
 * may well be false, see the head of docs/transport-sparse.md
 * @throws ArgumentError, ShapeError; at the next read, ArgumentError for weights that are negative, NaN or of
 * unequal sums and for a row or column with weight of which all pairs are forbidden, and with `strict` ConvergenceError
 * @example
 * const { plan } = sparsityConstrainedOt(null, null, cost, { gamma: 0.1, maxNonzeros: 2 });
 * const { indices, values } = plan.columns(); // for each column, where its mass comes from
 */
export function sparsityConstrainedOt(
  a: Weights,
  b: Weights,
  cost: Cost,
  options: SparsityConstrainedOtOptions,
): SparseTransport {
  const op = "transport.sparsityConstrainedOt";
  requireOptions(op, options, "maxNonzeros: 4, gamma");
  requireNonzeros(op, options.maxNonzeros);
  return solve(a, b, cost, { ...options, op });
}

/**
 * Transport with γ/2 ‖P‖² (POT `smooth_ot_semi_dual` with `l2`), whose plans are sparse by themselves: as
 * `sparsityConstrainedOt` without a bound. The problem is convex, and the plan its one solution.
 *
 * @param a weights [..., n], numbers, or null for 1 / n
 * @param b weights [..., m] likewise, of the same sum
 * @param cost f32 [..., n, m], in which Infinity forbids a pair, or a cost of points, which is stored as a matrix
 * @throws as `sparsityConstrainedOt`
 * @example smoothOt(null, null, squaredEuclidean(x, y), { gamma: 0.1 }).transportCost()
 */
export function smoothOt(
  a: Weights,
  b: Weights,
  cost: Cost,
  options: SmoothOtOptions,
): SparseTransport {
  const op = "transport.smoothOt";
  requireOptions(op, options, "gamma");
  return solve(a, b, cost, {
    ...{ ...options, op },
    maxNonzeros: Number.MAX_SAFE_INTEGER,
  });
}

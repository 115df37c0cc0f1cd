/**
 * Entropic Gromov-Wasserstein transport: between two spaces that know only distances within themselves, the plan
 * that distorts these least,
 *
 *     min over T of  (1 - α) <M, T> + α Σ_ijkl L(C1_ik, C2_jl) T_ij T_kl + ε KL(T | p ⊗ q),
 *
 * with marginals p and q; plain for α = 1, fused with a cost M of features below (Vayer et al. 2019). The problem is
 * not convex. Projected gradient descent in the Kullback-Leibler geometry, with the step that makes it parameterless,
 * replaces the distortion by its slope at the last plan and solves that by Sinkhorn (Peyré, Cuturi, Solomon 2016,
 * proposition 2), here from the potentials of the last time. A plan that it does not move solves the conditions of
 * first order.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { abs, add, div, le, logicalAnd, mul, sub } from "../ops/arithmetic";
import { full } from "../ops/creation";
import { xlogy } from "../ops/exponential";
import { sum } from "../ops/reduce";
import { requireRounds } from "../ops/rounds";
import { expand, stopGradient, to, unsqueeze } from "../ops/shape";
import { tensor } from "../tensor/creation";
import { scope } from "../tensor/scope";
import { broadcastShapes, type Shape, show } from "../tensor/shape";
import { requireTensor, Tensor } from "../tensor/tensor";
import { Struct } from "../tensor/tree";
import type { Cost } from "./cost";
import { costMatrix } from "./costMatrix";
import { Distortion, type GromovLoss, gromovLosses } from "./gromovLoss";
import { requireMasses, type Weights } from "./operands";
import { sinkhorn } from "./sinkhorn";

export interface GromovOptions {
  /** ε, in units of the loss. */
  epsilon: number;
  /** `square`: (a - b)², the default; `kl`: a log(a / b) - a + b. */
  loss?: GromovLoss;
  /** Slopes taken. All are run: nobody waits for what they come to. Default 200. */
  maxIterations?: number;
  /** Iterations of Sinkhorn for each, at most, from where the last ended. Default 20. */
  innerIterations?: number;
  /** What `converged` asks of the last step: the L1 change of the plan, relative to the mass. Default 1e-4. */
  tolerance?: number;
  /** Whether C1 and C2 are symmetric, as distances are. Default true; false costs twice as many products. */
  symmetric?: boolean;
  /** The plan [..., n, m] to start from. Default p ⊗ q. */
  initial?: Tensor;
}

export interface FusedGromovOptions extends GromovOptions {
  /** The share of the distortion, from 0 to 1; the rest is the features'. Default 0.5. */
  alpha?: number;
}

interface Problem {
  readonly C1: Tensor;
  readonly C2: Tensor;
  readonly p: Tensor;
  readonly q: Tensor;
  /** The cost of features, for α < 1. */
  readonly M: Tensor | null;
  readonly alpha: number;
  readonly settled: Settled;
}

interface Found {
  readonly plan: Tensor;
  readonly f: Tensor;
  readonly g: Tensor;
  readonly change: Tensor;
  readonly marginalError: Tensor;
}

/**
 * What `gromovWasserstein` and `fusedGromovWasserstein` give. All tensors are on the device; nothing has been
 * waited for.
 */
export class GromovTransport extends Struct {
  /** T [..., n, m]: a constant to derivatives. */
  readonly plan: Tensor;
  /** Potentials of the last slope, [..., n] and [..., m]. */
  readonly f: Tensor;
  readonly g: Tensor;
  /** L1 change of the plan in the last step, relative to the mass: [...]. */
  readonly change: Tensor;
  /** L1 error of the plan's marginals, as `sinkhorn` has it: [...]. */
  readonly marginalError: Tensor;
  /** Whether both are at most the tolerance: bool [...]. */
  readonly converged: Tensor;

  constructor(
    private readonly problem: Problem,
    { plan, f, g, change, marginalError }: Found,
  ) {
    super();
    [this.plan, this.f, this.g] = [plan, f, g];
    [this.change, this.marginalError] = [change, marginalError];
    const { tolerance } = problem.settled;
    this.converged = logicalAnd(le(change, tolerance), le(marginalError, tolerance));
  }

  /**
   * The distortion of the plan, for fused problems (1 - α) <M, T> + α F(T), without the entropy (POT `gw_dist`,
   * `fgw_dist`). Derivatives hold the plan fixed.
   *
   * @returns f32 [...]
   */
  loss(): Tensor {
    return scope(() => lossOf(this.problem, this.plan));
  }

  /**
   * The loss plus ε KL(T | p ⊗ q). Where the iteration came to rest, its derivatives by C1, C2, M, p and q are exact
   * (the envelope theorem); those by p and q up to a constant that is the same for all.
   *
   * @returns f32 [...]
   */
  value(): Tensor {
    return scope(() => {
      const { plan: T, f, g, problem } = this;
      const { p, q, settled } = problem;
      const [left, right] = [stopGradient(p), stopGradient(q)];
      const total = (x: Tensor): Tensor => sum(x, { dim: -1 });
      const [rows, columns] = [sum(T, { dim: -1 }), sum(T, { dim: -2 })];
      const logs = sub(
        sum(xlogy(T, T), { dim: [-2, -1] }),
        add(total(xlogy(rows, left)), total(xlogy(columns, right))),
      );
      const divergence = add(sub(logs, total(rows)), mul(total(left), total(right)));
      const dual = add(total(mul(f, sub(p, left))), total(mul(g, sub(q, right))));
      return add(add(lossOf(problem, T), mul(divergence, settled.epsilon)), dual);
    });
  }
}

function lossOf({ C1, C2, M, alpha, settled }: Problem, T: Tensor): Tensor {
  const bent = new Distortion(C1, C2, settled.loss, settled.symmetric).of(T);
  if (!M) return bent;
  return add(mul(sum(mul(M, T), { dim: [-2, -1] }), 1 - alpha), mul(bent, alpha));
}

interface Settled extends Required<Omit<GromovOptions, "initial">> {
  readonly initial: Tensor | null;
}

function settle(op: string, options: GromovOptions): Settled {
  const { epsilon, loss = "square", maxIterations = 200, innerIterations = 20 } = options ?? {};
  const { tolerance = 1e-4, symmetric = true, initial = null } = options ?? {};
  if (!(epsilon > 0 && epsilon < Number.POSITIVE_INFINITY))
    throw new ArgumentError(
      `${op}: epsilon ${epsilon} must be a number > 0, in units of the loss; a twentieth of its mean is a start.`,
    );
  if (!(loss in gromovLosses))
    throw new ArgumentError(`${op}: loss "${loss}" must be "square" or "kl".`);
  for (const [name, value] of Object.entries({ maxIterations, innerIterations }))
    requireRounds(op, name, value);
  if (!(tolerance >= 0)) throw new ArgumentError(`${op}: tolerance ${tolerance} must be >= 0.`);
  return { epsilon, loss, maxIterations, innerIterations, tolerance, symmetric, initial };
}

function requireDistances(op: string, name: string, C: Tensor): number {
  requireTensor(op, C);
  const [n, m] = C.shape.slice(-2);
  if (C.rank < 2 || n !== m || n === 0)
    throw new ShapeError(
      `${op}: ${name} has shape ${show(C.shape)}; it must be [..., n, n], the distances within one space of at least one point.`,
    );
  if (C.dtype !== "f32")
    throw new DTypeError(`${op}: ${name} has dtype ${C.dtype}; convert with .to("f32").`);
  return n!;
}

function weightsOf(op: string, name: string, given: Weights, n: number, like: Tensor): Tensor {
  const { device } = like;
  if (given === null || given === undefined) return full([n], 1 / n, { device });
  const weights =
    given instanceof Tensor ? to(given, "f32") : tensor(requireMasses(op, name, given), { device });
  if (weights.shape.at(-1) !== n)
    throw new ShapeError(
      `${op}: ${name} has shape ${show(weights.shape)}; it must be [..., ${n}], a weight for each point.`,
    );
  return weights;
}

/** The slopes and their solutions, apart from derivatives. */
function descend({ C1, C2, p, q, M, alpha, settled }: Problem, batch: Shape): Found {
  const { epsilon, loss, maxIterations, innerIterations, symmetric, initial } = settled;
  const [left, right, rows, columns] = [C1, C2, p, q].map(stopGradient) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const features = M && mul(stopGradient(M), 1 - alpha);
  const distortion = new Distortion(left, right, loss, symmetric);
  const total = sum(rows, { dim: -1 });
  const product = div(
    mul(unsqueeze(rows, -1), unsqueeze(columns, -2)),
    unsqueeze(unsqueeze(total, -1), -1),
  );
  const start = initial ? stopGradient(initial) : product;
  const shape = [...batch, rows.shape.at(-1)!, columns.shape.at(-1)!];
  let found: Omit<Found, "f" | "g"> & { f: Tensor | null; g: Tensor | null } = {
    plan: expand(start, shape),
    f: null,
    g: null,
    change: total,
    marginalError: total,
  };
  for (let i = 0; i < maxIterations; i++)
    found = scope(() => {
      const bent = distortion.slope(found.plan, rows, columns);
      const slope = features ? add(mul(bent, alpha), features) : bent;
      const { f, g, plan, marginalError } = sinkhorn(rows, columns, slope, {
        epsilon,
        maxIterations: innerIterations,
        ...(found.f && found.g && { initial: { f: found.f, g: found.g } }),
      });
      const next = plan.dense();
      const moved = sum(abs(sub(next, found.plan)), { dim: [-2, -1] });
      return { plan: next, f, g, change: div(moved, total), marginalError };
    });
  return found as Found;
}

function solve(
  op: string,
  {
    C1,
    C2,
    p,
    q,
    M,
    alpha,
  }: { C1: Tensor; C2: Tensor; p: Weights; q: Weights; M: Cost | null; alpha: number },
  options: GromovOptions,
): GromovTransport {
  const settled = settle(op, options);
  const [n, m] = [requireDistances(op, "C1", C1), requireDistances(op, "C2", C2)];
  return scope(() => {
    const features = M && costMatrix(M);
    for (const [name, matrix] of [["M", features] as const, ["initial", settled.initial] as const])
      if (matrix && (matrix.shape.at(-2) !== n || matrix.shape.at(-1) !== m))
        throw new ShapeError(
          `${op}: ${name} has shape ${show(matrix.shape)}; C1 and C2 need [..., ${n}, ${m}].`,
        );
    const [rows, columns] = [weightsOf(op, "p", p, n, C1), weightsOf(op, "q", q, m, C2)];
    let batch: Shape = [];
    for (const t of [C1, C2, features])
      if (t) batch = broadcastShapes(op, batch, t.shape.slice(0, -2));
    for (const t of [rows, columns]) batch = broadcastShapes(op, batch, t.shape.slice(0, -1));
    const problem: Problem = {
      C1,
      C2,
      p: expand(rows, [...batch, n]),
      q: expand(columns, [...batch, m]),
      M: features,
      alpha,
      settled,
    };
    return new GromovTransport(problem, descend(problem, batch));
  });
}

/**
 * The entropic Gromov-Wasserstein plan between two spaces, given by the distances within each (POT
 * `ot.gromov.entropic_gromov_wasserstein`, by projected gradients). The problem is not convex: this is the local
 * minimum that its start leads to.
 *
 * @param C1 distances or similarities within the first space, f32 [..., n, n]
 * @param C2 within the second, f32 [..., m, m]; batch dimensions of all arguments broadcast
 * @param p weights [..., n]; null: 1 / n each
 * @param q weights [..., m] of the same sum
 * @param options `epsilon`, `loss`, iterations and start: see `GromovOptions`
 * @returns the plan, its loss (differentiable by C1 and C2) and how far it came
 * @throws ArgumentError, ShapeError, DTypeError; at the next read as `sinkhorn`
 * @example
 * const { plan } = transport.gromovWasserstein(cdist(x, x), cdist(y, y), null, null, { epsilon: 0.05 });
 */
export function gromovWasserstein(
  C1: Tensor,
  C2: Tensor,
  p: Weights,
  q: Weights,
  options: GromovOptions,
): GromovTransport {
  return solve("transport.gromovWasserstein", { C1, C2, p, q, M: null, alpha: 1 }, options);
}

/**
 * The entropic fused Gromov-Wasserstein plan: distances within the spaces, and a cost between their points' features
 * (POT `ot.gromov.entropic_fused_gromov_wasserstein`).
 *
 * @param M cost of features, f32 [..., n, m] or `squaredEuclidean(x, y)` and its like
 * @param C1,C2,p,q as of `gromovWasserstein`
 * @param options also `alpha`, the share of the distortion
 * @returns as `gromovWasserstein`; the loss is differentiable by M too
 * @throws as `gromovWasserstein`; ArgumentError for an alpha outside 0 to 1
 * @example
 * transport.fusedGromovWasserstein(squaredEuclidean(u, v), C1, C2, null, null, { epsilon: 0.05, alpha: 0.7 });
 */
export function fusedGromovWasserstein(
  M: Cost,
  C1: Tensor,
  C2: Tensor,
  p: Weights,
  q: Weights,
  options: FusedGromovOptions,
): GromovTransport {
  const op = "transport.fusedGromovWasserstein";
  const { alpha = 0.5, ...rest } = options ?? {};
  if (!(alpha >= 0 && alpha <= 1))
    throw new ArgumentError(`${op}: alpha ${alpha} must be from 0 to 1.`);
  return solve(op, { C1, C2, p, q, M, alpha }, rest as GromovOptions);
}

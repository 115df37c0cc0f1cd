/**
 * Entropic optimal transport: min over P >= 0 of ⟨P, C⟩ + ε KL(P | a ⊗ b), with marginals a and b or penalties on how
 * far P's are from them. Cuturi, Sinkhorn distances, 2013; Peyré and Cuturi, Computational optimal transport, 2019;
 * Chizat et al., Scaling algorithms for unbalanced transport, 2018; Séjourné et al., Sinkhorn divergences for
 * unbalanced optimal transport, 2019.
 */
import { ArgumentError, ShapeError } from "../errors";
import { add } from "../ops/arithmetic";
import { full } from "../ops/creation";
import { requireRounds } from "../ops/rounds";
import { expand, reshape, stopGradient, unsqueeze } from "../ops/shape";
import { scope } from "../tensor/scope";
import { broadcastShapes, type Shape, show, sizeOf } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { type Mixing, mixingOf } from "./anderson";
import type { Cost } from "./cost";
import {
  costOperands,
  epsilonOf,
  log2Weights,
  positive,
  type Weights,
  weightsOf,
} from "./operands";
import { unbounded } from "./pairs";
import { type SideRule, type SinkhornAttrs, sinkhornLoop, withTail } from "./sinkhornLoop";
import { isPenalised, Transport } from "./transport";
import { unrolled } from "./unrolled";
import { checkMasses } from "./weights";

/**
 * What a side pays for a marginal that is not its weights: `kl` ρ KL(P1 | a), `tv` ρ ‖P1 − a‖₁, ρ in units of the
 * cost; null: it must be exact.
 */
export type Penalty = { readonly kl: number } | { readonly tv: number } | null;

export interface SinkhornOptions {
  /** ε, in units of the cost. */
  epsilon: number;
  /** Of the L1 error of the marginal, relative to the mass. In f32 it falls to some 1e-7. Default 1e-6. */
  tolerance?: number;
  /** Default 2000. */
  maxIterations?: number;
  /** Iterations between looks at the error, which stop the problems that are done. Default 10. */
  checkEvery?: number;
  /**
   * What part of the way each half-iteration goes, between 0 and 2: more than 1 over-relaxes (Thibault et al., 2017).
   * Default 1.
   */
  relaxation?: number;
  /**
   * Anderson acceleration: the column potential follows from the last `memory` ones, 2 to 8 (default 5), such that their
   * residuals cancel; mixed after every `every` iterations (default 1), from the `start`th on (default 0; with
   * `epsilonScaling` counted from where ε has settled). Takes 4 + 2 memory vectors of m. Default: not.
   */
  anderson?: Partial<Mixing>;
  /** Begin with a larger ε: from `from`, times `decay` after each iteration. Default: not. */
  epsilonScaling?: { readonly from: number; readonly decay?: number };
  /** For both sides, or each its own. Default: balanced. */
  penalty?: Penalty | { readonly a?: Penalty; readonly b?: Penalty };
  /** Potentials to start from, [..., n] and [..., m]. Default 0. */
  initial?: { readonly f?: Tensor; readonly g?: Tensor };
  /**
   * How derivatives of potentials and plan are found: `implicit`, from the equations they solve, by conjugate gradients;
   * or `unrolled`, through all iterations, which keeps them all. Default "implicit".
   */
  differentiation?: "implicit" | "unrolled";
  /** Of the conjugate gradients of `implicit`. Default 500 iterations to 1e-6. */
  implicit?: { readonly maxIterations?: number; readonly tolerance?: number };
  /** A problem that does not reach the tolerance is a ConvergenceError at the next read. Default false. */
  strict?: boolean;
}

/**
 * Optimal transport between weights a and b, smoothed by an entropy (POT `sinkhorn`, GeomLoss, OTT `Sinkhorn`): in the
 * log domain, so that any ε works, and on the device: one dispatch for each half of an iteration, which computes
 * costs of points as it needs them; problems of a batch that are done drop out.
 *
 * @param a f32 [..., n], masses of the rows; null: 1/n each. Zeros are fine
 * @param b f32 [..., m], masses of the columns; balanced problems need the same sum as a's, to 1e-4, and are solved for
 * a's
 * @param cost a matrix [..., n, m], in which Infinity forbids a pair, or `squaredEuclidean(x, y)` and its like; leading
 * dimensions of all three broadcast
 * @throws ArgumentError, ShapeError; at the next read ArgumentError for weights that are negative, NaN, infinite, all 0 or
 * of unequal sums, TilegradError for costs that are NaN, and with `strict` ConvergenceError
 * @example
 * const { plan, f, g } = sinkhorn(null, null, squaredEuclidean(x, y), { epsilon: 0.05 });
 * const moved = plan.apply(y).mul(x.shape[0]); // where the points x go
 */
export function sinkhorn(a: Weights, b: Weights, cost: Cost, options: SinkhornOptions): Transport {
  const solve = options?.differentiation === "unrolled" ? unrolled : sinkhornLoop;
  return solvedBy(solve, "transport.sinkhorn", [a, b, cost], options);
}

/** As `sinkhorn`, by any solver of its equations; errors have the name of the caller. */
export function solvedBy(
  solve: (inputs: readonly Tensor[], attrs: SinkhornAttrs) => readonly Tensor[],
  op: string,
  [a, b, cost]: readonly [Weights, Weights, Cost],
  options: SinkhornOptions,
): Transport {
  const settled = settle(op, cost, options);
  return scope(() => {
    const { operands, rows, cols, outer } = costOperands(op, cost);
    const device = operands[0]!.device;
    const [left, right] = [
      weightsOf(op, "a", a, rows, device),
      weightsOf(op, "b", b, cols, device),
    ];
    const batch = [left, right].reduce<readonly number[]>(
      (shape, w) => broadcastShapes(op, shape, w.shape.slice(0, -1)),
      outer,
    );
    const together = (x: Tensor, inner: Shape): Tensor =>
      reshape(expand(x, [...batch, ...inner]), [sizeOf(batch), ...inner]);
    const balanced = !isPenalised(settled.a) && !isPenalised(settled.b);
    const wideB = together(right, [cols]);
    const { a: wideA, ratio } = checkMasses(together(left, [rows]), wideB, balanced, op);
    const [log2A, raw] = [log2Weights(wideA), log2Weights(wideB)];
    const log2B = balanced ? add(raw, unsqueeze(ratio, -1)) : raw;
    const costs = operands.map((x) => together(x, x.shape.slice(-2)));
    const start = (name: "f" | "g", size: number): Tensor => {
      const given = options.initial?.[name];
      if (!given) return full([sizeOf(batch), size], 0, { device });
      if (given.shape.at(-1) !== size)
        throw new ShapeError(
          `${op}: initial.${name} has shape ${show(given.shape)}; it must be [..., ${size}].`,
        );
      return together(stopGradient(given), [size]);
    };
    const inputs = [start("f", rows), start("g", cols), log2A, log2B, ...costs];
    const [f, g, control, levelA, levelB] = solve(inputs, settled) as Tensor[];
    // An iteration in operations leaves no tails.
    const found = {
      a: withTail(f!, levelA ?? log2A, log2A, settled.epsilon),
      b: withTail(g!, levelB ?? log2B, log2B, settled.epsilon),
    };
    return new Transport({
      ...{
        batch,
        a: wideA,
        b: wideB,
        f: found.a.whole,
        g: found.b.whole,
        control: control!,
        attrs: settled,
      },
      operands: [f!, g!, found.a.weights, found.b.weights, ...costs],
    });
  });
}

/** The options, checked. */
function settle(op: string, cost: Cost, options: SinkhornOptions): SinkhornAttrs {
  const epsilon = epsilonOf(op, options);
  const { tolerance = 1e-6, relaxation = 1, penalty = null, implicit = {} } = options;
  const { differentiation = "implicit", epsilonScaling } = options;
  if (!(tolerance >= 0)) throw new ArgumentError(`${op}: tolerance ${tolerance} must be >= 0.`);
  if (!(relaxation > 0 && relaxation < 2))
    throw new ArgumentError(`${op}: relaxation ${relaxation} must be between 0 and 2.`);
  if (!["implicit", "unrolled"].includes(differentiation))
    throw new ArgumentError(
      `${op}: differentiation "${differentiation}" must be "implicit" or "unrolled".`,
    );
  const mixing = options.anderson === undefined ? {} : { anderson: mixingOf(op, options.anderson) };
  if (mixing.anderson && differentiation === "unrolled")
    throw new ArgumentError(
      `${op}: differentiation "unrolled" goes through plain iterations, not through anderson's. Leave out anderson, or take "implicit", whose derivatives do not depend on the way to the solution.`,
    );
  if (mixing.anderson && relaxation !== 1)
    throw new ArgumentError(
      `${op}: relaxation ${relaxation} does not go with anderson, which mixes whole iterations. Leave out one of them.`,
    );
  const maxIterations = requireRounds(op, "maxIterations", options.maxIterations ?? 2000);
  const sides =
    penalty && ("a" in penalty || "b" in penalty)
      ? (penalty as { readonly a?: Penalty; readonly b?: Penalty })
      : { a: penalty as Penalty, b: penalty as Penalty };
  return {
    cost: cost instanceof Tensor ? null : cost?.of,
    epsilon,
    a: sideRule(op, "a", sides.a ?? null, epsilon),
    b: sideRule(op, "b", sides.b ?? null, epsilon),
    relaxation,
    scaling: epsilonScaling ? scalingOf(op, epsilonScaling, epsilon, maxIterations) : [],
    tolerance,
    maxIterations,
    checkEvery: requireRounds(op, "checkEvery", options.checkEvery ?? 10),
    strict: options.strict ?? false,
    caller: op,
    ...mixing,
    implicit: {
      maxIterations: requireRounds(op, "implicit.maxIterations", implicit.maxIterations ?? 500),
      tolerance: positive(op, "implicit.tolerance", implicit.tolerance ?? 1e-6),
    },
  };
}

function sideRule(op: string, side: string, penalty: Penalty, epsilon: number): SideRule {
  if (penalty === null) return { damping: 1, bound: unbounded, limit: 0 };
  if ("kl" in penalty) {
    const rho = positive(op, `penalty of ${side}: kl`, penalty.kl);
    // exp(−f / ρ) is what is left of the mass.
    return { damping: rho / (rho + epsilon), bound: unbounded, limit: 100 * rho };
  }
  if ("tv" in penalty) {
    const bound = positive(op, `penalty of ${side}: tv`, penalty.tv);
    return { damping: 1, bound, limit: bound };
  }
  throw new ArgumentError(
    `${op}: the penalty of ${side} must be { kl: rho }, { tv: rho } or null.`,
  );
}

/** The epsilons above the last one, at most as many as there are iterations. */
function scalingOf(
  op: string,
  { from, decay = 0.9 }: NonNullable<SinkhornOptions["epsilonScaling"]>,
  epsilon: number,
  most: number,
): number[] {
  positive(op, "epsilonScaling.from", from);
  if (!(decay > 0 && decay < 1))
    throw new ArgumentError(`${op}: epsilonScaling.decay ${decay} must be between 0 and 1.`);
  const scaling: number[] = [];
  for (let e = from; e > epsilon && scaling.length < most; e *= decay) scaling.push(e);
  return scaling;
}

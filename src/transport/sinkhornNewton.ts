/**
 * Sinkhorn-Newton-Sparse: a few iterations of Sinkhorn, then Newton steps with the plan's large entries alone (Tang,
 * Shavlovsky, Rahmanian, Tardini, Thekumparampil, Xiao, Ying, Accelerating Sinkhorn algorithm with sparse Newton
 * iterations, arXiv:2401.12253).
 */
import { ArgumentError } from "../errors";
import { zeros } from "../ops/creation";
import type { DeviceTensor } from "../tensor/deviceTensor";
import type { Tensor } from "../tensor/tensor";
import type { Cost } from "./cost";
import type { Weights } from "./operands";
import { type SinkhornOptions, solvedBy } from "./sinkhorn";
import type { SinkhornAttrs } from "./sinkhornLoop";
import { type NewtonReport, NewtonRun, type NewtonSettings } from "./sinkhornNewtonRun";
import type { Transport } from "./transport";

export type { NewtonReport };

const op = "transport.sinkhornNewton";

export interface SinkhornNewtonOptions {
  /** ε, in units of the cost. */
  epsilon: number;
  /** Of the L1 error of the marginal, relative to the mass. In f32 it falls to some 1e-7. Default 1e-6. */
  tolerance?: number;
  /** Iterations of Sinkhorn before the first Newton step, the first of them at larger ε. Default 20. */
  warmup?: number;
  /** Newton steps, at most. Default 50. */
  maxSteps?: number;
  /** Iterations of Sinkhorn in all, at most: warm-up, one with each step, and those after falling back. Default 2000. */
  maxIterations?: number;
  /** The part of the plan's mass that the kept entries must have, at least. Default 0.999. */
  captured?: number;
  /**
   * Entries of a row or column that may be kept, at most: a plan that needs more to capture its mass is dense, and left to
   * Sinkhorn. Default: a quarter of the longer side, but 64 at least.
   */
  slots?: number;
  /** Iterations of conjugate gradients in a step, at most. Default 500. */
  maxConjugateGradients?: number;
  /** A problem that does not reach the tolerance is a ConvergenceError. Default false. */
  strict?: boolean;
}

export type NewtonTransport = Transport & {
  /** Of each problem, in the order of the batch. */
  readonly newton: readonly NewtonReport[];
};

/**
 * `sinkhorn` of a balanced problem in few iterations, where epsilon is so small that most of the plan is next to
 * nothing: Newton steps with the large entries alone (Sinkhorn-Newton-Sparse). A plan that is dense is left to plain
 * iterations, as is one that Newton steps do not improve, for instance where f32 has no more to give.
 *
 * Waits for the device: a few numbers are read after each step. So it cannot run inside transforms or compiled functions,
 * and its results are constants to them. For derivatives, give its potentials to `sinkhorn` as `initial`.
 *
 * @param a f32 [..., n]; null: 1/n each. As in `sinkhorn`
 * @param b f32 [..., m]
 * @param cost a matrix [..., n, m], or `squaredEuclidean(x, y)` and its like, of which entries are computed as they are
 * needed
 * @returns what `sinkhorn` gives, `iterations` counting those of Sinkhorn and Newton steps together; and `newton`, which
 * tells them apart. In a batch all problems go on until the last is done
 * @throws as `sinkhorn`; ArgumentError for options out of range; with `strict` ConvergenceError
 * @example
 * const { plan, newton } = await sinkhornNewton(null, null, squaredEuclidean(x, y), { epsilon: 1e-3 });
 */
export async function sinkhornNewton(
  a: Weights,
  b: Weights,
  cost: Cost,
  options: SinkhornNewtonOptions,
): Promise<NewtonTransport> {
  const given = [a, b, cost] as const;
  const common = {
    epsilon: options?.epsilon,
    ...(options?.tolerance !== undefined && { tolerance: options.tolerance }),
    ...(options?.maxIterations !== undefined && { maxIterations: options.maxIterations }),
  };
  const run = begin(given, options, common);
  try {
    await run.warmUp();
    await run.newton();
    await run.finish();
    if (options.strict) run.requireDone();
    const solved = solvedBy(() => run.result(), op, given, common);
    return Object.assign(solved, { newton: run.reports });
  } finally {
    run.dispose();
  }
}

/** The problems as `sinkhorn` sees them. */
function begin(
  given: readonly [Weights, Weights, Cost],
  options: SinkhornNewtonOptions,
  common: SinkhornOptions,
): NewtonRun {
  let found: { inputs: DeviceTensor[]; attrs: SinkhornAttrs } | undefined;
  const look = solvedBy(
    (inputs, attrs) => {
      found = { inputs: inputs.map((t) => t.alias() as DeviceTensor), attrs };
      const [f, g] = inputs as [Tensor, Tensor];
      return [f, g, zeros([f.shape[0]!, 4], { device: f.device })];
    },
    op,
    given,
    common,
  );
  look.dispose();
  const { inputs, attrs } = found!;
  try {
    return new NewtonRun(inputs, attrs, settle(inputs, options));
  } catch (error) {
    for (const t of inputs) t.dispose();
    throw error;
  }
}

function settle(inputs: readonly DeviceTensor[], options: SinkhornNewtonOptions): NewtonSettings {
  const [f, g] = inputs;
  const longer = Math.max(f!.shape[1]!, g!.shape[1]!);
  const whole = (name: keyof NewtonSettings, least: number, usual: number): number => {
    const value = options[name] ?? usual;
    if (!Number.isInteger(value) || value < least)
      throw new ArgumentError(`${op}: ${name} ${value} must be a whole number >= ${least}.`);
    return value;
  };
  const { epsilon, tolerance = 1e-6, captured = 0.999 } = options;
  if (!(captured > 0 && captured < 1))
    throw new ArgumentError(`${op}: captured ${captured} must be between 0 and 1.`);
  return {
    ...{ epsilon, tolerance, captured },
    warmup: whole("warmup", 0, 20),
    maxSteps: whole("maxSteps", 0, 50),
    maxIterations: whole("maxIterations", 1, 2000),
    slots: whole("slots", 1, Math.max(64, Math.ceil(longer / 4))),
    maxConjugateGradients: whole("maxConjugateGradients", 1, 500),
  };
}

/**
 * Exact partial transport, as a whole problem with one point more on each side, which takes for nothing what stays
 * (Caffarelli and McCann, 2010; Chapel, Alaya, Gasso, Partial optimal transport with applications on positive-unlabeled
 * learning, 2020, proposition 1).
 */
import { ArgumentError } from "../errors";
import { emd, type HostCost, type HostWeights, readProblem, type SparsePlan, sumOf } from "./emd";

export interface PartialEmdOptions {
  /** How much moves: at most the smaller of Σa and Σb. */
  mass: number;
  /** Of the network simplex. Default 1e7. */
  maxIterations?: number;
}

const op = "transport.partialEmd";

/**
 * The cheapest plan that moves `mass`, with P 1 <= a and Pᵀ 1 <= b (POT `ot.partial.partial_wasserstein`), exactly, by
 * `emd`. Waits for tensors among its arguments.
 *
 * @param a weights [n], null for 1 / n each
 * @param b weights [m], of any sum
 * @param cost [n, m], as of `emd`
 * @throws as `emd`; ArgumentError for a mass that is not above 0, or more than a side has
 * @example await transport.partialEmd([1], [1], [[2]], { mass: 0.5 }) // { cost: 1, plan }
 */
export async function partialEmd(
  a: HostWeights,
  b: HostWeights,
  cost: HostCost,
  options: PartialEmdOptions,
): Promise<{ cost: number; plan: SparsePlan }> {
  const { mass, ...rest } = options ?? {};
  const problem = await readProblem(op, a, b, cost);
  const [n, m] = [problem.a.length, problem.b.length];
  const [massA, massB] = [sumOf(problem.a), sumOf(problem.b)];
  if (!(mass > 0))
    throw new ArgumentError(`${op}: mass ${mass} must be a number > 0: how much is to move.`);
  if (mass > Math.min(massA, massB) * (1 + 1e-12))
    throw new ArgumentError(
      `${op}: mass ${mass} is more than a side has: a has ${massA}, b ${massB}. Lower it, or raise the weights.`,
    );
  // The point that is added to one side must not send to that of the other.
  const wide = new Float64Array((n + 1) * (m + 1));
  for (let i = 0; i < n; i++) wide.set(problem.C.subarray(i * m, (i + 1) * m), i * (m + 1));
  wide[wide.length - 1] = Number.POSITIVE_INFINITY;
  const found = await emd(
    [...problem.a, Math.max(massB - mass, 0)],
    [...problem.b, Math.max(massA - mass, 0)],
    wide,
    rest,
  );
  const { rows, columns, mass: moved } = found.plan;
  const kept = Array.from(moved.keys()).filter((k) => rows[k]! < n && columns[k]! < m);
  const plan: SparsePlan = {
    shape: [n, m],
    rows: Int32Array.from(kept, (k) => rows[k]!),
    columns: Int32Array.from(kept, (k) => columns[k]!),
    mass: Float64Array.from(kept, (k) => moved[k]!),
    dense() {
      const P = new Float64Array(n * m);
      kept.forEach((k) => {
        P[rows[k]! * m + columns[k]!] = moved[k]!;
      });
      return P;
    },
  };
  return { cost: found.cost, plan };
}

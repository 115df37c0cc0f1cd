/**
 * The entropic barycentre on a fixed support, in f64: the minimum over q of Σ_k w_k OT(q, p_k), with POT's
 * regulariser ε Σ P log P, by iterative Bregman projections in the log domain (Benamou et al. 2015, 3.2).
 */

interface BarycenterProblem {
  /** Histograms of n points each. */
  readonly histograms: readonly ArrayLike<number>[];
  /** [n, n], symmetric. */
  readonly cost: ArrayLike<number>;
  readonly epsilon: number;
  /** Of the histograms, of sum 1. Default: alike. */
  readonly weights?: readonly number[];
}

/** log Σ_j K_ij exp(x_j), where K = exp(-C / ε). */
function applyKernel({ cost, epsilon }: BarycenterProblem, x: Float64Array): Float64Array {
  const n = x.length;
  return x.map((_, i) => {
    const terms = Float64Array.from(x, (v, j) => v - cost[i * n + j]! / epsilon);
    const largest = terms.reduce((most, t) => Math.max(most, t), Number.NEGATIVE_INFINITY);
    return largest + Math.log(terms.reduce((sum, t) => sum + Math.exp(t - largest), 0));
  });
}

export function barycenter(problem: BarycenterProblem): Float64Array {
  const { histograms } = problem;
  const n = histograms[0]!.length;
  const weights = problem.weights ?? histograms.map(() => 1 / histograms.length);
  const u = histograms.map(() => new Float64Array(n));
  let log = new Float64Array(n);
  for (let moved = 1, k = 0; moved > 1e-13 && k < 100_000; k++) {
    const spread = histograms.map((p, i) => {
      const reached = applyKernel(problem, u[i]!);
      return applyKernel(
        problem,
        reached.map((v, j) => Math.log(p[j]!) - v),
      );
    });
    // log q = Σ w_k log(u_k · K v_k), and u_k takes the plan's rows to q.
    const next = log.map((_, j) =>
      spread.reduce((sum, s, i) => sum + weights[i]! * (u[i]![j]! + s[j]!), 0),
    );
    moved = next.reduce((most, v, j) => Math.max(most, Math.abs(v - log[j]!)), 0);
    log = next;
    spread.forEach((s, i) => {
      u[i] = next.map((v, j) => v - s[j]!);
    });
  }
  return log.map(Math.exp);
}

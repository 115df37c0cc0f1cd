/**
 * Sinkhorn-Newton-Sparse in f64 (Tang, Shavlovsky, Rahmanian, Tardini, Thekumparampil, Xiao, Ying: Accelerating Sinkhorn
 * algorithm with sparse Newton iterations, arXiv:2401.12253), written from the formulas, with matrices in full.
 *
 * A Newton step of the dual, with r = P 1 and c = Pᵀ 1 the sums of the whole plan and P̃ the entries that are kept:
 *
 *   [[diag r, P̃], [P̃ᵀ, diag c]] (df, dg) / ε = (a - r, b - c)
 *
 * An iteration here is such a step times t, and one iteration of Sinkhorn after it. t is halved from 1 until the
 * marginal error has come down; or, while that is above 1e-3, the dual <a, f> + <b, g> up by a hundredth of what the
 * slope of the dual promises.
 */
import { columnPotentials, type Problem, rowPotentials } from "./sinkhorn";

export interface NewtonOptions {
  /** Iterations of Sinkhorn before. */
  readonly warmup: number;
  /** The part of the mass that the kept entries have, at least: 1 - dropped. 0 keeps all. */
  readonly dropped: number;
  readonly tolerance: number;
  readonly steps: number;
}

export interface NewtonSolution {
  readonly f: Float64Array;
  readonly g: Float64Array;
  /** The L1 error of the rows with exact columns, before each step and after the last. */
  readonly errors: number[];
  readonly conjugateGradients: number;
  /** Of the fullest row or column, entries that were kept in each step. */
  readonly kept: number[];
}

function planOf(
  { a, b, cost, epsilon }: Problem,
  { f, g }: { readonly f: Float64Array; readonly g: Float64Array },
): Float64Array[] {
  return Array.from(f, (fi, i) =>
    Float64Array.from(g, (gj, j) => {
      const mass = a[i]! * b[j]!;
      return mass === 0 ? 0 : mass * Math.exp((fi + gj - cost[i * b.length + j]!) / epsilon);
    }),
  );
}

const l1 = (x: Float64Array, y: ArrayLike<number>): number =>
  x.reduce((sum, v, i) => sum + Math.abs(v - y[i]!), 0);

interface Iterate {
  readonly f: Float64Array;
  readonly g: Float64Array;
  readonly error: number;
}

/** An iteration of Sinkhorn: columns, then rows; and the error of the rows in between. */
function sinkhornStep(problem: Problem, { f }: { readonly f: Float64Array }): Iterate {
  const g = columnPotentials(problem, f);
  const rows = planOf(problem, { f, g }).map((row) => row.reduce((s, v) => s + v, 0));
  return { f: rowPotentials(problem, g), g, error: l1(Float64Array.from(rows), problem.a) };
}

const dual = ({ a, b }: Problem, { f, g }: Iterate): number =>
  f.reduce((sum, v, i) => sum + a[i]! * v, 0) + g.reduce((sum, v, j) => sum + b[j]! * v, 0);

/** Entries of at least θ times the lesser of their two weights, for the largest θ of 4^-2, 4^-3, … that leaves enough. */
function sparse({ a, b }: Problem, plan: readonly Float64Array[], dropped: number) {
  const total = plan.reduce((sum, row) => sum + row.reduce((s, v) => s + v, 0), 0);
  for (let level = 2; ; level++) {
    const theta = dropped === 0 ? 0 : 4 ** -level;
    let mass = 0;
    const kept = plan.map((row, i) =>
      row.map((p, j) => {
        const stays = p > 0 && p >= theta * Math.min(a[i]!, b[j]!);
        if (stays) mass += p;
        return stays ? p : 0;
      }),
    );
    if (mass >= (1 - dropped) * total || theta === 0) return kept;
  }
}

/** Conjugate gradients with the diagonal as preconditioner. */
function newtonDirection(
  kept: readonly Float64Array[],
  diagonal: Float64Array,
  right: Float64Array,
): { x: Float64Array; iterations: number } {
  const n = kept.length;
  const entries = kept.flatMap((row, i) =>
    Array.from(row).flatMap((w, j) => (w > 0 ? [{ i, j: n + j, w }] : [])),
  );
  const dot = (u: Float64Array, v: Float64Array): number =>
    u.reduce((sum, w, i) => sum + w * v[i]!, 0);
  const times = (p: Float64Array): Float64Array => {
    const q = p.map((v, i) => v * diagonal[i]!);
    for (const { i, j, w } of entries) {
      q[i]! += w * p[j]!;
      q[j]! += w * p[i]!;
    }
    return q;
  };
  const scaled = (r: Float64Array): Float64Array =>
    r.map((v, i) => (diagonal[i]! > 0 ? v / diagonal[i]! : 0));
  const x = right.map(() => 0);
  const r = right.slice();
  let p = scaled(r);
  let rz = dot(r, p);
  const bound = 1e-9 * Math.sqrt(dot(right, right));
  let iterations = 0;
  while (Math.sqrt(dot(r, r)) > bound && iterations < 2000) {
    const q = times(p);
    const curvature = dot(p, q);
    if (!(curvature > 0)) break;
    const alpha = rz / curvature;
    x.forEach((_, i) => {
      x[i]! += alpha * p[i]!;
      r[i]! -= alpha * q[i]!;
    });
    const z = scaled(r);
    const next = dot(r, z);
    p = z.map((v, i) => v + (next / rz) * p[i]!);
    rz = next;
    iterations++;
  }
  return { x, iterations };
}

export function sinkhornNewton(problem: Problem, options: NewtonOptions): NewtonSolution {
  const { warmup, dropped, tolerance, steps } = options;
  const { a, b, cost, epsilon } = problem;
  const [n, m] = [a.length, b.length];
  let mean = 0;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++)
      if (Number.isFinite(cost[i * m + j]!)) mean += a[i]! * b[j]! * cost[i * m + j]!;
  let now: Iterate = {
    f: new Float64Array(n),
    g: new Float64Array(m),
    error: Number.POSITIVE_INFINITY,
  };
  for (let k = 0; k < warmup; k++) {
    const scaled = mean * (epsilon / mean) ** (k / (0.7 * warmup));
    now = sinkhornStep({ ...problem, epsilon: Math.max(epsilon, scaled) }, now);
  }
  now = sinkhornStep(problem, now);
  const errors = [now.error];
  const kept: number[] = [];
  let conjugateGradients = 0;
  for (let k = 0; k < steps && now.error > tolerance; k++) {
    const plan = planOf(problem, now);
    const rows = plan.map((row) => row.reduce((s, v) => s + v, 0));
    const columns = Array.from({ length: m }, (_, j) => plan.reduce((s, row) => s + row[j]!, 0));
    const few = sparse(problem, plan, Math.min(dropped, 0.1 * now.error));
    kept.push(
      Math.max(
        ...few.map((row) => row.filter((v) => v > 0).length),
        ...columns.map((_, j) => few.filter((row) => row[j]! > 0).length),
      ),
    );
    const diagonal = Float64Array.from([...rows, ...columns], (v) => v * (1 + 1e-9));
    const right = Float64Array.from([
      ...rows.map((v, i) => a[i]! - v),
      ...columns.map((v, j) => b[j]! - v),
    ]);
    const { x, iterations } = newtonDirection(few, diagonal, right);
    conjugateGradients += iterations;
    const slope = epsilon * right.reduce((sum, v, i) => sum + v * x[i]!, 0);
    let t = 2;
    let next = now;
    let good = false;
    while (!good && t > 1 / 64) {
      t /= 2;
      // Columns follow from rows at once, so dg is not needed.
      next = sinkhornStep(problem, { f: now.f.map((v, i) => v + t * epsilon * x[i]!) });
      const gain = dual(problem, next) - dual(problem, now);
      good = next.error <= (1 - 0.01 * t) * now.error;
      if (now.error > 1e-3) good ||= gain >= 0.01 * t * slope;
    }
    now = next;
    errors.push(now.error);
  }
  return { f: now.f, g: now.g, errors, conjugateGradients, kept };
}

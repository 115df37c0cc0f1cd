/**
 * Sinkhorn-Knopp in plain operations: what the fused kernels compute, for derivatives of their derivatives and for
 * matrices that are larger than they take. The same steps as shaders/include/knopp.
 */
import { add, lt, minimum, mul, sub, where } from "../ops/arithmetic";
import { exp } from "../ops/functions";
import { sum } from "../ops/reduce";
import { unsqueeze } from "../ops/shape";
import { logSumExp } from "../ops/softmax";
import type { Tensor } from "../tensor/tensor";

export interface KnoppAttrs {
  /** Rounds: columns, then rows. */
  readonly iterations: number;
  /** What logits are multiplied by. */
  readonly scale: number;
}

/** A logarithm so low that its exponential is 0; not -Infinity, which WGSL need not respect. */
export const forbidden = -1e30;

/** Logarithms of what rows [..., n] and columns [..., m] add up to. */
export type LogMarginals = readonly [rows: Tensor, cols: Tensor];

/** Where no marginals are given, of every row and of every column of an [n, m] matrix. */
export const usualLogs = (n: number, m: number): readonly [row: number, col: number] => [
  0,
  Math.log(n / m),
];

interface Masses {
  readonly rows: Tensor | number;
  readonly cols: Tensor | number;
}

function massesOf(x: Tensor, marginals: LogMarginals | null): Masses {
  if (marginals) return { rows: unsqueeze(marginals[0], -1), cols: unsqueeze(marginals[1], -2) };
  const [rows, cols] = usualLogs(x.shape.at(-2)!, x.shape.at(-1)!);
  return { rows, cols };
}

function logits(x: Tensor, { rows, cols }: Masses, scale: number): Tensor {
  const scaled = mul(x, scale);
  const allowed = where(lt(scaled, forbidden), forbidden, scaled);
  if (typeof rows === "number") return allowed;
  return where(lt(minimum(rows, cols), forbidden / 2), forbidden, allowed);
}

/** Along dimension `dim`: x - log Σ exp x + log mass. A line of forbidden entries stays one. */
function normalised(x: Tensor, dim: -1 | -2, logMass: Tensor | number): Tensor {
  const total = logSumExp(x, { dim, keepdim: true });
  return sub(x, sub(where(lt(total, forbidden / 2), 0, total), logMass));
}

/** The logarithms after each half round, columns first. */
function rounds(x: Tensor, masses: Masses, { iterations, scale }: KnoppAttrs): Tensor[] {
  const all: Tensor[] = [];
  let y = logits(x, masses, scale);
  for (let t = 0; t < iterations; t++) {
    const between = normalised(y, -2, masses.cols);
    y = normalised(between, -1, masses.rows);
    all.push(between, y);
  }
  return all;
}

/** Of x [..., n, m]. */
export function knoppPlain(x: Tensor, marginals: LogMarginals | null, attrs: KnoppAttrs): Tensor {
  return exp(rounds(x, massesOf(x, marginals), attrs).at(-1)!);
}

/** The cotangents of x and of the logarithms of the marginals, from those of the result. */
export function knoppBackwardPlain(
  x: Tensor,
  marginals: LogMarginals | null,
  g: Tensor,
  attrs: KnoppAttrs,
): { x: Tensor; rows: Tensor; cols: Tensor } {
  const masses = massesOf(x, marginals);
  const logs = rounds(x, masses, attrs);
  let d = mul(exp(logs.at(-1)!), g);
  const totals = { rows: [] as Tensor[], cols: [] as Tensor[] };
  for (let t = logs.length - 1; t >= 0; t--) {
    const [dim, side] = t % 2 === 1 ? ([-1, "rows"] as const) : ([-2, "cols"] as const);
    const total = sum(d, { dim, keepdim: true });
    totals[side].push(sum(d, { dim }));
    d = sub(d, mul(exp(sub(logs[t]!, masses[side])), total));
  }
  const added = (parts: readonly Tensor[]): Tensor => parts.reduce((a, b) => add(a, b));
  return { x: mul(d, attrs.scale), rows: added(totals.rows), cols: added(totals.cols) };
}

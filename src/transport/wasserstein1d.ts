/**
 * Exact transport on the line. For a cost |u - v|^p with p >= 1 the monotone coupling is optimal: mass at the
 * quantile q of one measure goes to the quantile q of the other, so W_p^p = ∫_0^1 |F_u⁻¹(q) - F_v⁻¹(q)|^p dq
 * (Santambrogio, Optimal Transport for Applied Mathematicians, section 2.2). Between two neighbours among the
 * steps of both distribution functions the integrand is constant.
 *
 * All on the device, by sorts, running sums and gathers, so it differentiates: by the points almost everywhere,
 * by the weights through the steps.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { abs, add, div, minimum, mul, pow, square, sub } from "../ops/arithmetic";
import { zeros } from "../ops/creation";
import { cumsum } from "../ops/cumulative";
import { diff } from "../ops/difference";
import { gather, scatterAdd } from "../ops/indexing";
import { sum } from "../ops/reduce";
import { searchsorted } from "../ops/search";
import { cat, expand, narrow, reshape } from "../ops/shape";
import { sort } from "../ops/sort";
import { requireOptions } from "../options";
import { tensor, upload } from "../tensor/creation";
import { scope } from "../tensor/scope";
import { broadcastShapes, type Shape, show, sizeOf } from "../tensor/shape";
import { requireTensor, Tensor } from "../tensor/tensor";
import { requireMasses, type Weights } from "./operands";
import { checkWeights } from "./weights";

export interface LineOptions {
  /** The cost of a pair is |u - v|^p; at least 1. Default 1. */
  p?: number;
}

/** The result of `emd1d`. K is at most n + m. */
export interface LineTransport {
  /** Σ mass |u - v|^p: [...]. */
  readonly cost: Tensor;
  /** What is moved, in the order of the line: f32 [..., K]; some may be 0. */
  readonly mass: Tensor;
  /** From where, as a position in u: i32 [..., K]. */
  readonly rows: Tensor;
  /** To where, as a position in v: i32 [..., K]. */
  readonly columns: Tensor;
  /** The plan [..., n, m]. */
  dense(): Tensor;
}

/** Both measures with the same batch dimensions. */
interface Line {
  readonly u: Tensor;
  readonly v: Tensor;
  /** Null on both sides where both are uniform. */
  readonly a: Tensor | null;
  readonly b: Tensor | null;
  readonly batch: Shape;
}

function requirePoints(op: string, name: string, points: Tensor): number {
  requireTensor(op, points);
  if (points.dtype !== "f32")
    throw new DTypeError(`${op}: ${name} has dtype ${points.dtype}; convert with .to("f32").`);
  const size = points.shape.at(-1);
  if (!size)
    throw new ShapeError(
      `${op}: ${name} has shape ${show(points.shape)}; it must be [..., n] with at least one point.`,
    );
  return size;
}

function weightsOf(op: string, name: string, weights: Weights, points: Tensor): Tensor {
  const n = points.shape.at(-1)!;
  const values = weights ?? new Array<number>(n).fill(1 / n);
  const { device } = points;
  const given =
    values instanceof Tensor ? values : tensor(requireMasses(op, name, values), { device });
  if (given.shape.at(-1) !== n)
    throw new ShapeError(
      `${op}: ${name} has shape ${show(given.shape)}; its last dimension must be ${n}, a weight for each point.`,
    );
  return given;
}

/** Both sides' weights, broadcast against each other, and a the one that has been checked. */
function checkedPair(op: string, a: Tensor, b: Tensor): readonly [Tensor, Tensor] {
  const batch = broadcastShapes(op, a.shape.slice(0, -1), b.shape.slice(0, -1));
  const [left, right] = [a, b].map((w) => expand(w, [...batch, w.shape.at(-1)!])) as [
    Tensor,
    Tensor,
  ];
  const flat = (w: Tensor): Tensor => reshape(w, [sizeOf(batch), w.shape.at(-1)!]);
  return [reshape(checkWeights(flat(left), flat(right), true, op), left.shape), right];
}

function lineOf(op: string, u: Tensor, v: Tensor, uWeights: Weights, vWeights: Weights): Line {
  const [n, m] = [requirePoints(op, "u", u), requirePoints(op, "v", v)];
  const uniform = uWeights === null && vWeights === null;
  const [a, b] = uniform
    ? [null, null]
    : checkedPair(
        op,
        weightsOf(op, "uWeights", uWeights, u),
        weightsOf(op, "vWeights", vWeights, v),
      );
  let batch: Shape = [];
  for (const t of [u, v, a, b]) if (t) batch = broadcastShapes(op, batch, t.shape.slice(0, -1));
  const wide = (t: Tensor, size: number): Tensor => expand(t, [...batch, size]);
  return { u: wide(u, n), v: wide(v, m), a: a && wide(a, n), b: b && wide(b, m), batch };
}

interface Pieces {
  /** In sorted order of both sides, [..., K]. */
  readonly rows: Tensor;
  readonly columns: Tensor;
  /** [..., K]. */
  readonly mass: Tensor;
}

/** The steps of n and m equal weights lie at the same places for all problems: multiples of 1 / n and 1 / m. */
function equalPieces(n: number, m: number, like: Tensor, batch: Shape): Pieces {
  const [rows, columns, mass]: [number[], number[], number[]] = [[], [], []];
  // In units of 1 / (n m): whole numbers.
  for (let [i, j, at] = [0, 0, 0]; i < n && j < m; ) {
    const next = Math.min((i + 1) * m, (j + 1) * n);
    rows.push(i);
    columns.push(j);
    mass.push((next - at) / (n * m));
    at = next;
    if (next === (i + 1) * m) i++;
    if (next === (j + 1) * n) j++;
  }
  const { device } = like;
  const wide = (values: number[], dtype: "f32" | "i32"): Tensor =>
    expand(upload(values, [values.length], { device, dtype }), [...batch, values.length]);
  return { rows: wide(rows, "i32"), columns: wide(columns, "i32"), mass: wide(mass, "f32") };
}

/** From weights in the order of the points; those of b are scaled to the sum of a. */
function weightedPieces(a: Tensor, b: Tensor): Pieces {
  const last = (steps: Tensor): Tensor => narrow(steps, -1, steps.shape.at(-1)! - 1, 1);
  const u = cumsum(a, -1);
  const raw = cumsum(b, -1);
  const v = mul(raw, div(last(u), last(raw)));
  const { values: quantiles } = sort(cat([u, v], -1));
  const start = zeros([...quantiles.shape.slice(0, -1), 1], { device: a.device });
  // No further than the whole mass, which rounding may have put at either end: there are points without weight.
  const at = (steps: Tensor): Tensor => searchsorted(steps, minimum(quantiles, last(steps)));
  return { rows: at(u), columns: at(v), mass: diff(quantiles, { prepend: start }) };
}

/** |x|^p, with the derivative 0 at 0. */
function power(x: Tensor, p: number): Tensor {
  if (p === 1) return abs(x);
  return p === 2 ? square(x) : pow(abs(x), p);
}

export function requireOrder(op: string, p: number): void {
  if (!(p >= 1 && p < Number.POSITIVE_INFINITY))
    throw new ArgumentError(
      `${op}: p is ${p}; it must be at least 1, where the monotone coupling is optimal.`,
    );
}

interface Coupled {
  readonly cost: Tensor;
  readonly pieces: Pieces;
  /** Positions in u and v of what is first, second, … on the line. */
  readonly order: readonly [Tensor, Tensor];
}

function couple({ u, v, a, b, batch }: Line, p: number): Coupled {
  const [left, right] = [sort(u), sort(v)];
  const pieces =
    a && b
      ? weightedPieces(gather(a, -1, left.indices), gather(b, -1, right.indices))
      : equalPieces(u.shape.at(-1)!, v.shape.at(-1)!, u, batch);
  const from = gather(left.values, -1, pieces.rows);
  const to = gather(right.values, -1, pieces.columns);
  const cost = sum(mul(pieces.mass, power(sub(from, to), p)), { dim: -1 });
  return { cost, pieces, order: [left.indices, right.indices] };
}

/**
 * The exact cost W_p^p of transport between points on the line, ∫_0^1 |F_u⁻¹ - F_v⁻¹|^p (POT
 * `ot.wasserstein_1d`, `ot.emd2_1d`; for p = 1 SciPy `wasserstein_distance`). Take its root of order p for the
 * distance.
 *
 * @param u points, f32 [..., n]; batch dimensions of all arguments broadcast
 * @param v points, f32 [..., m]
 * @param uWeights [..., n], default null: 1 / n each; zeros are fine
 * @param vWeights [..., m]; they are scaled to the sum of uWeights
 * @param options `p`, at least 1
 * @returns [...], differentiable by points and weights
 * @throws ShapeError, DTypeError, ArgumentError for a p below 1; at the next read ArgumentError for weights that
 * are negative or not finite, or whose sums differ
 * @example transport.wasserstein1d(tensor([0, 1]), tensor([3, 2])) // 2
 */
export function wasserstein1d(
  u: Tensor,
  v: Tensor,
  uWeights: Weights = null,
  vWeights: Weights = null,
  options: LineOptions = {},
): Tensor {
  requireOptions("transport.wasserstein1d", options, "p");
  const op = "transport.wasserstein1d";
  const { p = 1 } = options;
  requireOrder(op, p);
  return scope(() => couple(lineOf(op, u, v, uWeights, vWeights), p).cost);
}

/**
 * The exact plan between points on the line, and its cost (POT `ot.emd_1d`).
 *
 * @param u,v,uWeights,vWeights,options as of `wasserstein1d`
 * @returns `cost`, and the plan as pieces: `mass`, `rows`, `columns`; `dense()` gives it as [..., n, m]
 * @throws as `wasserstein1d`
 * @example await transport.emd1d(tensor([0, 1]), tensor([3, 2])).dense().toArray() // [[0, 0.5], [0.5, 0]]
 */
export function emd1d(
  u: Tensor,
  v: Tensor,
  uWeights: Weights = null,
  vWeights: Weights = null,
  options: LineOptions = {},
): LineTransport {
  requireOptions("transport.emd1d", options, "p");
  const op = "transport.emd1d";
  const { p = 1 } = options;
  requireOrder(op, p);
  const { cost, mass, rows, columns, batch } = scope(() => {
    const line = lineOf(op, u, v, uWeights, vWeights);
    const { cost, pieces, order } = couple(line, p);
    return {
      cost,
      mass: pieces.mass,
      rows: gather(order[0], -1, pieces.rows),
      columns: gather(order[1], -1, pieces.columns),
      batch: line.batch,
    };
  });
  const [n, m] = [u.shape.at(-1)!, v.shape.at(-1)!];
  return {
    cost,
    mass,
    rows,
    columns,
    dense: () =>
      scope(() => {
        const empty = zeros([...batch, n * m], { device: u.device });
        const plan = scatterAdd(empty, -1, add(mul(rows, m), columns), mass);
        return reshape(plan, [...batch, n, m]);
      }),
  };
}

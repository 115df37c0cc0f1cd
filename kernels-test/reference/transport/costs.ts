/** Costs between points, in f64: [n, d] and [m, d], row-major, give [n, m]. */

export type CostName = "squaredEuclidean" | "euclidean" | "cosine";

type PointCost = (x: Float64Array, y: Float64Array) => number;

const sum = (x: Float64Array, term: (v: number, k: number) => number): number =>
  x.reduce((total, v, k) => total + term(v, k), 0);

const squaredDistance: PointCost = (x, y) => sum(x, (v, k) => (v - y[k]!) ** 2);
const norm = (x: Float64Array): number => Math.sqrt(sum(x, (v) => v * v));

export const pointCosts: Readonly<Record<CostName, PointCost>> = {
  /** |x - y|²: not halved. */
  squaredEuclidean: squaredDistance,
  euclidean: (x, y) => Math.sqrt(squaredDistance(x, y)),
  /** 1 - x·y / (|x| |y|). */
  cosine: (x, y) => 1 - sum(x, (v, k) => v * y[k]!) / (norm(x) * norm(y)),
};

export function costMatrix(
  name: CostName,
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  d: number,
): Float64Array {
  const rows = (of: ArrayLike<number>): Float64Array[] =>
    Array.from({ length: of.length / d }, (_, i) =>
      Float64Array.from({ length: d }, (_, k) => of[i * d + k]!),
    );
  const [xs, ys] = [rows(x), rows(y)];
  return Float64Array.from(xs.flatMap((p) => ys.map((q) => pointCosts[name](p, q))));
}

/** Order as entropic transport, in f64: Cuturi, Teboul, Vert 2019. */
import { sinkhorn } from "./sinkhorn";

/** To (0, 1) by a logistic function of (x - mean) / deviation, scaled to the deviation of a logistic variable. */
export function squashed(x: ArrayLike<number>): number[] {
  const values = Array.from(x);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length;
  return values.map((v) => 1 / (1 + Math.exp((-(v - mean) * Math.PI) / Math.sqrt(3 * variance))));
}

/** The plan from x, mass 1/n each, to targets at `places` with `masses`: rows are numbers. */
function planTo(
  x: ArrayLike<number>,
  places: readonly number[],
  masses: readonly number[],
  epsilon: number,
): (i: number, j: number) => number {
  const z = squashed(x);
  const cost = z.flatMap((zi) => places.map((y) => (zi - y) ** 2));
  const a = z.map(() => 1 / z.length);
  const { plan } = sinkhorn({ a, b: masses, cost, epsilon });
  return (i, j) => plan[i * places.length + j]!;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, k) => k);
const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const even = (m: number): [number[], number[]] => [
  range(m).map((j) => (m === 1 ? 0.5 : j / (m - 1))),
  range(m).map(() => 1 / m),
];

export function softSort(x: ArrayLike<number>, epsilon: number, m = x.length): number[] {
  const plan = planTo(x, ...even(m), epsilon);
  return range(m).map((j) => m * total(range(x.length).map((i) => plan(i, j) * x[i]!)));
}

export function softRank(x: ArrayLike<number>, epsilon: number): number[] {
  const n = x.length;
  const plan = planTo(x, ...even(n), epsilon);
  return range(n).map((i) => n * total(range(n).map((j) => plan(i, j) * j)));
}

export function softTopK(x: ArrayLike<number>, k: number, epsilon: number): number[] {
  const n = x.length;
  const plan = planTo(x, [0, 1], [(n - k) / n, k / n], epsilon);
  return range(n).map((i) => n * plan(i, 1));
}

export function softQuantile(x: ArrayLike<number>, q: number, epsilon: number): number {
  const n = x.length;
  const [below, above] = [(q * (n - 1)) / n, ((1 - q) * (n - 1)) / n];
  const places = [below / 2, below + 0.5 / n, 1 - above / 2];
  const plan = planTo(x, places, [below, 1 / n, above], epsilon);
  return n * total(range(n).map((i) => plan(i, 1) * x[i]!));
}

/** A transport problem solved on the device and read back whole, for comparison with f64. */
import { readAll } from "../../src/node";
import { tensor } from "../../src/tensor/creation";
import { scope } from "../../src/tensor/scope";
import type { Tensor } from "../../src/tensor/tensor";
import {
  type Cost,
  cosine,
  euclidean,
  type SinkhornOptions,
  sinkhorn,
  squaredEuclidean,
  type Transport,
  type Weights,
} from "../../src/transport/index";
import type { CostName } from "../reference/transport/costs";
import type { PairAttrs } from "../reference/transport/pot";

/** Values as f32 of a shape. */
export const upload = (values: ArrayLike<number>, shape: readonly number[]): Tensor =>
  tensor(Float32Array.from(values), { shape: [...shape] });

export const vector = (values: ArrayLike<number>): Tensor => upload(values, [values.length]);

export const costFunctions = { squaredEuclidean, euclidean, cosine } satisfies Record<
  CostName,
  unknown
>;

/** The cost of a fixture's points, which are exact in f32. */
export const pointsOf = (
  { n, m, d, cost }: PairAttrs,
  { x, y }: { readonly x: Float64Array; readonly y: Float64Array },
): Cost => costFunctions[cost](upload(x, [n, d]), upload(y, [m, d]));

export interface Solved {
  readonly f: Float32Array;
  readonly g: Float32Array;
  readonly plan: Float32Array;
  readonly rows: Float32Array;
  readonly columns: Float32Array;
  readonly transportCost: Float32Array;
  readonly relative: Float32Array;
  /** Of balanced problems. */
  readonly entropy: Float32Array;
  readonly marginalError: Float32Array;
  readonly iterations: number[];
  readonly converged: boolean[];
}

const parts = (result: Transport, penalised: boolean): Tensor[] => [
  result.f,
  result.g,
  result.plan.dense(),
  ...result.plan.marginals(),
  result.transportCost(),
  result.value({ convention: "relative" }),
  result.value({ convention: penalised ? "relative" : "entropy" }),
  result.marginalError,
];

async function readWhole(result: Transport, penalised: boolean): Promise<Solved> {
  const tensors = scope(() => parts(result, penalised));
  const values = (await readAll(tensors)) as Float32Array[];
  const reports = await result.report();
  const [f, g, plan, rows, columns, transportCost, relative, entropy, marginalError] = values;
  return {
    f: f!,
    g: g!,
    plan: plan!,
    rows: rows!,
    columns: columns!,
    transportCost: transportCost!,
    relative: relative!,
    entropy: entropy!,
    marginalError: marginalError!,
    iterations: reports.map(({ iterations }) => iterations),
    converged: reports.map(({ converged }) => converged),
  };
}

/** Weights are uploaded in f32. */
export async function solve(
  a: ArrayLike<number> | null,
  b: ArrayLike<number> | null,
  cost: Cost,
  options: SinkhornOptions,
): Promise<Solved> {
  const weights = (w: ArrayLike<number> | null): Weights => (w === null ? null : vector(w));
  const result = sinkhorn(weights(a), weights(b), cost, options);
  const solved = await readWhole(result, Boolean(options.penalty));
  result.dispose();
  return solved;
}

export const total = (x: ArrayLike<number>): number => Array.from(x).reduce((sum, v) => sum + v, 0);

/** Σ|x - y|. */
export const distance = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  total(Array.from(x, (v, i) => Math.abs(v - y[i]!)));

/** Potentials less their weighted mean, and those of the other side more it: what a constant leaves undetermined. */
export function centred(
  { f, g }: { readonly f: ArrayLike<number>; readonly g: ArrayLike<number> },
  a: ArrayLike<number>,
): { readonly f: number[]; readonly g: number[] } {
  const mean = total(Array.from(f, (v, i) => v * a[i]!)) / total(a);
  return { f: Array.from(f, (v) => v - mean), g: Array.from(g, (v) => v + mean) };
}

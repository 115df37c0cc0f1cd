/** What the solvers of transport problems are given, checked and brought to one form. */
import type { Device } from "../device/device";
import { ArgumentError, ShapeError } from "../errors";
import { gt, where } from "../ops/arithmetic";
import { full } from "../ops/creation";
import { log2 } from "../ops/exponential";
import { to } from "../ops/shape";
import { tensor } from "../tensor/creation";
import { broadcastShapes, show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { type Cost, CostFunction } from "./cost";
import { finitePoints } from "./finitePoints";
import { negligible } from "./pairs";

/** Masses [..., n], a tensor or numbers; null: uniform, 1/n each. */
export type Weights = Tensor | ArrayLike<number> | null;

/** @throws ArgumentError for what is neither a list nor finite numbers, 0 or more */
export function requireMasses(op: string, name: string, given: ArrayLike<number>): number[] {
  if (typeof given !== "object" || typeof given.length !== "number")
    throw new ArgumentError(
      `${op}: ${name} is ${JSON.stringify(given)}; weights are a tensor, a list of numbers, or null for equal ones.`,
    );
  const masses = Array.from(given);
  const bad = masses.findIndex((w) => !(w >= 0 && Number.isFinite(w)));
  if (bad >= 0)
    throw new ArgumentError(
      `${op}: ${name}[${bad}] is ${masses[bad]}; weights are masses, finite and 0 or more.`,
    );
  return masses;
}

export const positive = (op: string, name: string, value: number): number => {
  if (!(value > 0 && Number.isFinite(value)))
    throw new ArgumentError(`${op}: ${name} ${value} must be a number > 0.`);
  return value;
};

/** @throws ArgumentError for one that is missing, 0, negative or infinite */
export function epsilonOf(op: string, options: { readonly epsilon: number }): number {
  if (typeof options?.epsilon !== "number")
    throw new ArgumentError(
      `${op}: epsilon is missing. Give { epsilon }, in units of the cost; a twentieth of its mean is a start.`,
    );
  return positive(op, "epsilon", options.epsilon);
}

export interface CostOperands {
  readonly operands: readonly Tensor[];
  readonly rows: number;
  readonly cols: number;
  /** Leading dimensions. */
  readonly outer: readonly number[];
}

export function costOperands(op: string, cost: Cost): CostOperands {
  if (cost instanceof Tensor) {
    if (cost.rank < 2 || cost.shape.at(-1) === 0 || cost.shape.at(-2) === 0)
      throw new ShapeError(
        `${op}: cost has shape ${show(cost.shape)}; a matrix of costs is [..., n, m], with at least one row and column.`,
      );
    const [rows, cols] = cost.shape.slice(-2) as [number, number];
    // What kernels know as forbidden: WGSL may assume that there is no Infinity.
    return { operands: [to(cost, "f32")], rows, cols, outer: cost.shape.slice(0, -2) };
  }
  const { x, y, of } = cost ?? {};
  if (!(x instanceof Tensor && y instanceof Tensor && of instanceof CostFunction))
    throw new ArgumentError(
      `${op}: cost must be a tensor [..., n, m], or squaredEuclidean(x, y) and its like.`,
    );
  return {
    operands: [finitePoints(op, "x", to(x, "f32")), finitePoints(op, "y", to(y, "f32"))],
    rows: x.shape.at(-2)!,
    cols: y.shape.at(-2)!,
    outer: broadcastShapes(op, x.shape.slice(0, -2), y.shape.slice(0, -2)),
  };
}

/** f32 [..., size]. @throws ArgumentError for bad numbers of the host */
export function weightsOf(
  op: string,
  name: "a" | "b",
  given: Weights,
  size: number,
  device: Device,
): Tensor {
  if (given === null || given === undefined) return full([size], 1 / size, { device });
  if (given instanceof Tensor) {
    if (given.rank < 1 || given.shape.at(-1) !== size)
      throw new ShapeError(
        `${op}: ${name} has shape ${show(given.shape)}; this cost needs [..., ${size}], one weight for each ${name === "a" ? "row" : "column"}.`,
      );
    return to(given, "f32");
  }
  const masses = requireMasses(op, name, given);
  if (given.length !== size)
    throw new ShapeError(
      `${op}: ${name} has ${given.length} weights; this cost needs ${size}, one for each ${name === "a" ? "row" : "column"}.`,
    );
  return tensor(masses, { device });
}

/** log2 of weights, `negligible` of 0. */
export const log2Weights = (w: Tensor): Tensor => {
  const some = gt(w, 0);
  return where(some, log2(where(some, w, 1)), negligible);
};

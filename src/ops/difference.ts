/** Differences of neighbours along one dimension, and areas under the lines between them. */
import { ArgumentError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { normalizeDim, sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { add, mul, ne, sub } from "./arithmetic";
import { cumsum } from "./cumulative";
import { asFloat } from "./operand";
import { sum } from "./reduce";
import { cat, clone, narrow, reshape } from "./shape";

export interface DiffOptions {
  /** How many times. Default 1. */
  n?: number;
  /** Default -1, the last. */
  dim?: number;
  /** Put before x along `dim`; the shape of x elsewhere. */
  prepend?: Tensor;
  /** Put after x along `dim`; the shape of x elsewhere. */
  append?: Tensor;
}

/**
 * Differences of neighbours, x_(i+1) - x_i, along `dim`, n times (PyTorch `diff`). Of bools: whether they
 * differ.
 *
 * @returns x's shape, n shorter at `dim` (after what is put before and after x), and nothing less than 0
 * @throws ShapeError for a scalar or a dim out of range; ArgumentError for n
 * @example diff(tensor([1, 4, 9])) // 3, 5
 */
export function diff(x: Tensor, options: DiffOptions = {}): Tensor {
  const { n = 1, dim = -1, prepend, append } = requireOptions("diff", options, "n");
  if (!Number.isInteger(n) || n < 0)
    throw new ArgumentError(`diff: n ${n} must be a whole number >= 0.`);
  if (x.rank === 0)
    throw new ShapeError("diff: x is a scalar and has no neighbours; reshape it to [1].");
  const at = normalizeDim("diff", dim, x.rank);
  return scope(() => {
    const parts = [prepend, x, append].filter((t) => t !== undefined);
    let y = parts.length > 1 ? cat(parts, at) : clone(x);
    // After as many times as there are elements, none is left.
    const times = Math.min(n, y.shape[at]!);
    for (let i = 0; i < times; i++) {
      const length = Math.max(y.shape[at]! - 1, 0);
      const after = narrow(y, at, Math.min(1, y.shape[at]!), length);
      const before = narrow(y, at, 0, length);
      y = y.dtype === "bool" ? ne(after, before) : sub(after, before);
    }
    return y;
  });
}

export interface TrapezoidOptions {
  /** Where the values are taken: [n] along `dim`, or the shape of y. Default: evenly, `dx` apart. */
  x?: Tensor;
  /** Default 1. Not together with x. */
  dx?: number;
  /** Default -1, the last. */
  dim?: number;
}

/** The areas of the trapezoids between neighbours, and the dimension they lie along. */
function areas(op: string, y: Tensor, options: TrapezoidOptions): [Tensor, number] {
  const { x, dx, dim = -1 } = requireOptions(op, options, "x");
  if (y.rank === 0)
    throw new ShapeError(
      `${op}: y is a scalar and has no dimension to go along; reshape it to [1].`,
    );
  const at = normalizeDim(op, dim, y.rank);
  if (x && dx !== undefined) throw new ArgumentError(`${op}: takes x or dx, not both.`);
  const n = y.shape[at]!;
  const asList = x !== undefined && sameShape(x.shape, [n]);
  if (x && !asList && !sameShape(x.shape, y.shape))
    throw new ShapeError(
      `${op}: x has shape ${show(x.shape)}; for y of shape ${show(y.shape)} along dim ${at} it must be [${n}] or have the shape of y.`,
    );
  const wide = asFloat(y);
  const others = Math.max(n - 1, 0);
  const sums = add(narrow(wide, at, 0, others), narrow(wide, at, Math.min(1, n), others));
  if (!x) return [mul(sums, (dx ?? 1) / 2), at];
  const column = y.shape.map((d, i) => (i === at ? d : 1));
  const width = diff(asFloat(asList ? reshape(x, column) : x), { dim: at });
  return [mul(mul(sums, width), 0.5), at];
}

/**
 * The area under the lines through y along `dim`, by the trapezoidal rule (PyTorch `trapezoid`).
 *
 * @param y integers are taken as f32
 * @returns y's shape without `dim`; differentiable in y and x
 * @throws ShapeError for shapes that do not fit; ArgumentError for both x and dx
 * @example trapezoid(tensor([1, 2, 3])) // 4
 */
export function trapezoid(y: Tensor, options: TrapezoidOptions = {}): Tensor {
  return scope(() => {
    const [parts, at] = areas("trapezoid", y, options);
    return sum(parts, { dim: at });
  });
}

/**
 * The areas from the first element up to each later one (PyTorch `cumulative_trapezoid`).
 *
 * @returns y's shape, one shorter at `dim`; otherwise as `trapezoid`
 * @throws as `trapezoid`
 */
export function cumulativeTrapezoid(y: Tensor, options: TrapezoidOptions = {}): Tensor {
  return scope(() => {
    const [parts, at] = areas("cumulativeTrapezoid", y, options);
    return cumsum(parts, at);
  });
}

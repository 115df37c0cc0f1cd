/**
 * Symmetric systems through products with the matrix alone: the method of conjugate gradients (Hestenes, Stiefel 1952).
 *
 * Derivatives are those of the solution, x = A⁻¹ b, and not of the iteration: each takes one more solution with A
 * (JAX `lax.custom_linear_solve`). What is given for A may be a function; what it takes from outside is then an
 * operand like b, and what flows back to it does so through the function's own derivative.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { abs, div, eq, gt, logicalAnd, mul, neg, sub, where } from "../ops/arithmetic";
import { isfinite } from "../ops/floatClasses";
import { matmul } from "../ops/matmul";
import { matmulInto } from "../ops/matmulLaunch";
import { runUnaryInto } from "../ops/pointwise";
import type { Primitive } from "../ops/primitive";
import { max } from "../ops/reduce";
import { requireRounds } from "../ops/rounds";
import {
  dense,
  expand,
  reshape,
  select,
  stopGradient,
  to,
  transpose,
  unsqueeze,
} from "../ops/shape";
import { bind } from "../ops/trace";
import { requireOptions } from "../options";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { broadcastShapes, denseStrides, type Shape, sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { type ConvertedFunction, closureConvert } from "../transforms/closureConvert";
import { vectorise } from "../transforms/vectorise";
import { flat, requireReal, requireSquare, turned } from "./batches";
import { cgControl, conjugateGradient, controlSize } from "./conjugateGradient";

const op = "linalg.cg";

interface CgAttrs {
  /** The product of a vector with A, of what it takes from outside; null for A itself as the operand. */
  readonly product: ConvertedFunction | null;
  /** How many operands stand for A. */
  readonly operands: number;
  readonly preconditioner: "none" | "diagonal" | ConvertedFunction;
  readonly guess: boolean;
  readonly tolerance: number;
  readonly maxIterations: number;
}

/** The operands by what they are: b, a guess, those of A, those of the preconditioner. */
function partsOf<T>(all: readonly T[], { guess, operands }: CgAttrs) {
  const first = guess ? 2 : 1;
  return {
    b: all[0]!,
    x0: guess ? all[1]! : null,
    ofA: all.slice(first, first + operands),
    ofM: all.slice(first + operands),
  };
}

/** A dense view of x as [problems, n]. */
function rowsOf(x: DeviceTensor): DeviceTensor {
  const n = x.shape.at(-1)!;
  const copy = dense(x);
  const rows = copy.view([x.size / n, n], [n, 1], copy.offset);
  copy.dispose();
  return rows;
}

/** A p of p [..., n], by a matrix for each vector, or one for all. */
function timesMatrix(A: Tensor, p: Tensor): Tensor {
  const column = matmul(A, unsqueeze(p, -1));
  return reshape(column, p.shape);
}

/** Writes A p to q, both [problems, n]. */
function multiplyInto(A: DeviceTensor, p: DeviceTensor, q: DeviceTensor): void {
  const [problems, n] = p.shape as [number, number];
  if (A.shape.length > 2) {
    const column = (x: DeviceTensor): DeviceTensor => x.view([problems, n, 1], [n, 1, 1]);
    matmulInto(flat(A), column(p), null, column(q));
  } else {
    const all = (x: DeviceTensor): DeviceTensor => x.view([1, problems, n], [problems * n, n, 1]);
    matmulInto(all(p), turned(flat(A)), null, all(q));
  }
}

/** A function of vectors [..., n], from rows to rows. */
function applyInto(
  { run }: ConvertedFunction,
  operands: readonly DeviceTensor[],
  shape: Shape,
): (from: DeviceTensor, target: DeviceTensor) => void {
  const like = (x: DeviceTensor): DeviceTensor => x.view(shape, denseStrides(shape));
  return (from, target) =>
    runUnaryInto(run(like(from), operands) as DeviceTensor, like(target), { OP: "op_id" });
}

/**
 * b [..., n]; a guess like b, if any; A [n, n] or [..., n, n] with the batch of b, or what its product takes; the
 * diagonal, like b, or what the preconditioner takes.
 */
const cgPrimitive: Primitive<CgAttrs> = {
  name: "cg",
  formula: "x = A⁻¹ b by conjugate gradients, and control records",
  derivative: "db = A⁻¹ g, dA = -db xᵀ",
  saves: "everything",
  outputs: ([b]) => [
    { shape: b!.shape, dtype: "f32" },
    { shape: [...b!.shape.slice(0, -1), controlSize], dtype: "f32" },
  ],
  run: (inputs, attrs, [xs, controls]) => {
    const { product, preconditioner, tolerance, maxIterations } = attrs;
    const { b, x0, ofA, ofM } = partsOf(inputs, attrs);
    const { shape } = b;
    const made = scope(() => {
      const multiply = product
        ? applyInto(product, ofA, shape)
        : (p: DeviceTensor, q: DeviceTensor) => multiplyInto(ofA[0]!, p, q);
      const inScope =
        (fn: (from: DeviceTensor, target: DeviceTensor) => void) =>
        (from: DeviceTensor, target: DeviceTensor): void =>
          void scope(() => fn(from, target));
      const solved = conjugateGradient(rowsOf(b), inScope(multiply), {
        ...(x0 && { guess: rowsOf(x0) }),
        ...(preconditioner === "diagonal" && { diagonal: rowsOf(ofM[0]!) }),
        ...(typeof preconditioner === "object" && {
          precondition: inScope(applyInto(preconditioner, ofM, shape)),
        }),
        tolerance,
        maxIterations,
      });
      return [solved.x, solved.control];
    });
    return [xs!, controls!].map((spec, i) => {
      const view = made[i]!.view(spec.shape, denseStrides(spec.shape));
      made[i]!.dispose();
      return view;
    });
  },
  vjp: ([g], { inputs, outputs: [x], attrs, needs, pullback }) => {
    const { guess, product } = attrs;
    const { ofA, ofM } = partsOf(inputs, attrs);
    const none = inputs.map(() => null);
    if (!g) return none;
    const w = solution(g, null, ofA, ofM, attrs).x;
    const first = guess ? 2 : 1;
    const wanted = ofA.flatMap((_, i) => (needs[first + i] ? [i] : []));
    const back: (Tensor | null)[] = none;
    back[0] = needs[0] ? w : null;
    if (wanted.length === 0) return back;
    if (!product) {
      const n = x!.shape.at(-1)!;
      back[first] = neg(
        ofA[0]!.rank > 2
          ? mul(unsqueeze(w, -1), unsqueeze(x!, -2))
          : matmul(transpose(reshape(w, [-1, n]), 0, 1), reshape(x!, [-1, n])),
      );
      return back;
    }
    const pulled = pullback(
      (...moved) => {
        const all = [...ofA];
        wanted.forEach((i, k) => {
          all[i] = moved[k]!;
        });
        return [product.run(x!, all)];
      },
      wanted.map((i) => ofA[i]!),
      [neg(w)],
    );
    wanted.forEach((i, k) => {
      back[first + i] = pulled[k]!;
    });
    return back;
  },
  jvp: (tangents, { inputs, outputs: [x], attrs, pushforward }) => {
    const { product } = attrs;
    const { ofA, ofM } = partsOf(inputs, attrs);
    const moving = partsOf(tangents, attrs);
    let moved: Tensor | null = null;
    if (moving.ofA.some((t) => t !== null))
      moved = product
        ? pushforward((...all) => [product.run(x!, all)], ofA, moving.ofA)[0]!
        : timesMatrix(moving.ofA[0]!, x!);
    const right = moving.b && moved ? sub(moving.b, moved) : (moving.b ?? (moved && neg(moved)));
    return [right && solution(right, null, ofA, ofM, attrs).x, null];
  },
  batch: (inputs, { attrs, batched, size }) => {
    const { product, preconditioner } = attrs;
    const { ofA, ofM } = partsOf(inputs, attrs);
    const lanes = partsOf(batched, attrs);
    const spread = (x: Tensor, shape: Shape): Tensor => expand(x, [size, ...shape]);
    const rows = inputs
      .slice(0, attrs.guess ? 2 : 1)
      .map((x, i) => (batched[i] ? x : spread(x, x.shape)));
    const [batch, n] = [rows[0]!.shape.slice(1, -1), rows[0]!.shape.at(-1)!];
    const perLane = (fn: ConvertedFunction, which: readonly boolean[]): ConvertedFunction => ({
      run: (v, given) =>
        vectorise(
          (first, ...rest) => [fn.run(first!, rest)],
          [v, ...given],
          [true, ...which],
          size,
        )[0]!,
    });
    const matrices = (A: Tensor): Tensor => {
      if (!lanes.ofA[0]) return A.rank > 2 ? spread(A, A.shape) : A;
      if (A.rank > 3 || batch.length === 0) return A;
      const each = reshape(A, [size, ...batch.map(() => 1), n, n]);
      return spread(each, [...batch, n, n]);
    };
    const diagonal = (M: Tensor): Tensor => (lanes.ofM[0] ? M : spread(M, M.shape));
    return bind(
      cgPrimitive,
      [
        ...rows,
        ...(product ? ofA : ofA.map(matrices)),
        ...(preconditioner === "diagonal" ? ofM.map(diagonal) : ofM),
      ],
      {
        ...attrs,
        product: product && perLane(product, lanes.ofA),
        preconditioner:
          typeof preconditioner === "object" ? perLane(preconditioner, lanes.ofM) : preconditioner,
      },
    );
  },
};

/** The solution for b, whatever its size: squares of its elements neither overflow nor vanish. */
function solution(
  b: Tensor,
  x0: Tensor | null,
  ofA: readonly Tensor[],
  ofM: readonly Tensor[],
  attrs: CgAttrs,
): { x: Tensor; state: Tensor; iterations: Tensor; residual: Tensor } {
  const largest = max(abs(stopGradient(b)), { dim: -1, keepdim: true });
  const size = where(logicalAnd(gt(largest, 0), isfinite(largest)), largest, 1);
  const operands = [div(b, size), ...(x0 ? [div(x0, size)] : []), ...ofA, ...ofM];
  const [x, control] = bind(cgPrimitive, operands, { ...attrs, guess: x0 !== null });
  const field = (name: keyof typeof cgControl): Tensor => select(control!, -1, cgControl[name]);
  return {
    x: mul(x!, size),
    state: field("state"),
    iterations: to(field("iterations"), "i32"),
    residual: mul(field("residual"), select(size, -1, 0)),
  };
}

export interface CgOptions {
  /** Where to begin, the shape of b. Default: at 0. */
  x0?: Tensor;
  /**
   * M near the inverse of A, symmetric and positive definite: its diagonal, f32 [..., n], such as the reciprocals of
   * the diagonal of A (Jacobi); or the function r ↦ M r. Nothing flows back to it. Default: none.
   */
  preconditioner?: Tensor | ((r: Tensor) => Tensor);
  /** A system is solved where |b - A x| <= tolerance |b|. Default 1e-5. */
  tolerance?: number;
  /** Iterations, each with a product with A: as many are recorded, needed or not. Default: the lesser of 10 n and 500. */
  maxIterations?: number;
}

/** Of each system, on the device. */
export interface CgResult {
  /** f32, the shape of b. */
  readonly x: Tensor;
  /** bool [...]: whether |b - A x|, computed anew from x, is within the tolerance. */
  readonly converged: Tensor;
  /** i32 [...]: iterations until it was, or until it stopped. */
  readonly iterations: Tensor;
  /** f32 [...]: |b - A x|. */
  readonly residual: Tensor;
}

/**
 * x with A x = b for a symmetric positive definite A, by conjugate gradients (SciPy `sparse.linalg.cg`, JAX
 * `scipy.sparse.linalg.cg`). A semidefinite A will do where b is in its range.
 *
 * Nothing waits for the device: all iterations are recorded, and those after a system is solved change nothing of it.
 * A curvature that is not positive or not finite, which an indefinite A has, stops a system at the iterate before,
 * and so does rounding that leaves nothing to gain. Then `converged` is false, and no error is thrown.
 *
 * @param A f32 [n, n] or [..., n, n], symmetric, all of it read; or a linear function v ↦ A v of tensors like b, made
 * of differentiable operations
 * @param b f32 [..., n]; batches broadcast with those of A
 * @returns x and how it went. x is differentiable, in every mode and to any order, with respect to b, A, and all that
 * the function A depends on; the derivatives are solutions with A of the same tolerance, so choose it for them too
 * @throws ShapeError, DTypeError; ArgumentError for a negative tolerance, or iterations that are no whole number
 * @example const { x } = linalg.cg((v) => J.transpose(0, 1).matmul(J.matmul(v)).add(v.mul(0.1)), b);
 */
export function cg(
  A: Tensor | ((v: Tensor) => Tensor),
  b: Tensor,
  options: CgOptions = {},
): CgResult {
  requireOptions("linalg.cg", options, "x0");
  requireReal(op, "b", b.dtype);
  if (b.rank === 0 || b.shape.at(-1) === 0)
    throw new ShapeError(`${op}: b has shape ${show(b.shape)}; it must be [..., n] with n >= 1.`);
  const n = b.shape.at(-1)!;
  const { tolerance = 1e-5, maxIterations = Math.min(10 * n, 500), preconditioner, x0 } = options;
  if (!(tolerance >= 0 && tolerance < Number.POSITIVE_INFINITY))
    throw new ArgumentError(`${op}: tolerance ${tolerance} must be a finite number >= 0.`);
  requireRounds(op, "maxIterations", maxIterations, 0);
  return scope(() => {
    const right = typeof A === "function" ? b : expand(b, [...batchOf(A, b), n]);
    const { shape } = right;
    const like = (argument: string, x: Tensor): Tensor => {
      requireReal(op, argument, x.dtype);
      if (!sameShape(broadcastShapes(op, x.shape, shape), shape))
        throw new ShapeError(
          `${op}: ${argument} has shape ${show(x.shape)}; it must broadcast to that of b, ${show(shape)}.`,
        );
      return expand(x, shape);
    };
    const convert = (argument: string, fn: (v: Tensor) => Tensor) =>
      closureConvert(`${op}: ${argument}`, (v) => checked(argument, fn(v), shape), right);
    const matrix =
      typeof A === "function"
        ? convert("A", A)
        : { converted: null, captured: [A.rank > 2 ? expand(A, [...shape, n]) : A] };
    const inverse =
      typeof preconditioner === "function"
        ? convert("preconditioner", preconditioner)
        : {
            converted: preconditioner ? ("diagonal" as const) : ("none" as const),
            captured: preconditioner ? [like("preconditioner", preconditioner)] : [],
          };
    const { x, state, iterations, residual } = solution(
      right,
      x0 ? like("x0", x0) : null,
      matrix.captured,
      inverse.captured,
      {
        product: matrix.converted,
        operands: matrix.captured.length,
        preconditioner: inverse.converted,
        guess: x0 !== undefined,
        tolerance,
        maxIterations,
      },
    );
    return { x, converged: eq(state, 2), iterations, residual };
  });
}

/** The batch of b and A together. */
function batchOf(A: Tensor, b: Tensor): Shape {
  requireSquare(op, "A", A);
  if (A.shape.at(-1) !== b.shape.at(-1))
    throw new ShapeError(
      `${op}: A ${show(A.shape)} and b ${show(b.shape)} do not fit; b needs ${A.shape.at(-1)} elements in its last dimension.`,
    );
  return broadcastShapes(op, A.shape.slice(0, -2), b.shape.slice(0, -1));
}

function checked(argument: string, y: Tensor, shape: Shape): Tensor {
  if (!sameShape(y.shape, shape))
    throw new ShapeError(
      `${op}: ${argument} gave shape ${show(y.shape)} for a vector of shape ${show(shape)}; it must keep the shape.`,
    );
  if (y.dtype !== "f32")
    throw new DTypeError(`${op}: ${argument} gave dtype ${y.dtype}; it must give f32.`);
  return y;
}

export const cgPrimitives = [cgPrimitive];

/**
 * Square systems through P A = L U. The derivative is that of X = A⁻¹ B itself, with the same factors: not
 * that of the factors.
 *
 * The result solves a system nearby: (A + E) x = b with |E| <= 3 n ε |L| |U| (Higham, Accuracy and Stability
 * of Numerical Algorithms, theorem 9.4), however ill-conditioned A is.
 *
 * Derivatives: M. Giles, Collected matrix derivative results for forward and reverse mode algorithmic
 * differentiation, 2008.
 */
import { ShapeError } from "../errors";
import { neg, sub } from "../ops/arithmetic";
import { matmul } from "../ops/matmul";
import type { Primitive } from "../ops/primitive";
import { batchOfRows } from "../ops/rules";
import { dense, expand, reshape, stopGradient, transpose, unsqueeze } from "../ops/shape";
import { bind } from "../ops/trace";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { broadcastShapes, denseStrides, type Shape, sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { copyOf, flat, requireMatrices, requireReal, requireSquare, turned } from "./batches";
import { factorsFor, type LuFactors } from "./lu";
import { permutedRows, permuteRows } from "./permuteRows";
import { identities, substitute, triangular } from "./triangular";

interface SolveAttrs {
  /** Solve with Aᵀ. */
  readonly transposed: boolean;
}

/**
 * A [..., n, n], its packed factors and permutation, B [..., n, m], all of one batch. The factors are what A
 * determines: nothing flows back through them.
 */
const solvePrimitive: Primitive<SolveAttrs> = {
  name: "solve",
  formula: "X = A⁻¹ B (or A⁻ᵀ B), from the factors of A",
  derivative: "dB = A⁻ᵀ g, dA = -dB Xᵀ",
  saves: { inputs: [0, 1, 2], outputs: [0] },
  outputs: ([, , , b]) => [{ shape: b!.shape, dtype: "f32" }],
  run: ([, packed, permutation, b], { transposed }) => {
    const [lu, from] = [flat(packed!), flat(b!)];
    const order = dense(permutation!);
    const t = transposed ? turned(lu) : lu.view(lu.shape, lu.strides);
    let x = transposed ? copyOf(from) : permutedRows(from, order, false);
    const factors = [
      { upper: transposed, diagonal: "unit" },
      { upper: !transposed, diagonal: "given" },
    ] as const;
    for (const factor of transposed ? [...factors].reverse() : factors)
      substitute({ t, x, ...factor });
    if (transposed) {
      const sorted = permutedRows(x, order, true);
      x.dispose();
      x = sorted;
    }
    const y = x.view(b!.shape, denseStrides(b!.shape));
    for (const made of [lu, from, order, t, x]) made.dispose();
    return [y];
  },
  vjp: ([g], { inputs: [a, packed, permutation], outputs: [x], attrs, needs }) => {
    const transposed = !attrs.transposed;
    const back = bind(solvePrimitive, [a!, packed!, permutation!, g!], { transposed })[0]!;
    const onA = (): Tensor =>
      attrs.transposed ? matmul(x!, transpose(back, -1, -2)) : matmul(back, transpose(x!, -1, -2));
    return [needs[0] ? neg(onA()) : null, null, null, needs[3] ? back : null];
  },
  jvp: ([ta, , , tb], { inputs: [a, packed, permutation], outputs: [x], attrs }) => {
    const moved = ta ? matmul(attrs.transposed ? transpose(ta, -1, -2) : ta, x!) : null;
    const right = tb ? (moved ? sub(tb, moved) : tb) : moved;
    if (!right) return [null];
    return bind(
      solvePrimitive,
      [a!, packed!, permutation!, tb || !moved ? right : neg(right)],
      attrs,
    );
  },
  batch: batchOfRows(() => solvePrimitive),
};

/** X with op(A) X = B from the factors of A, B [..., n, m]; batches broadcast. */
function solveWith(
  op: string,
  A: Tensor,
  factors: LuFactors,
  B: Tensor,
  transposed: boolean,
): Tensor {
  const batch = broadcastShapes(op, A.shape.slice(0, -2), B.shape.slice(0, -2));
  const spread = (x: Tensor, dims: number): Tensor => {
    const shape = [...batch, ...x.shape.slice(x.rank - dims)];
    return sameShape(shape, x.shape) ? x : expand(x, shape);
  };
  const operands = [
    spread(A, 2),
    spread(factors.LU, 2),
    spread(factors.permutation, 1),
    spread(B, 2),
  ];
  return bind(solvePrimitive, operands, { transposed })[0]!;
}

/** A⁻¹ B for an operation that names itself in errors; B [..., n, m]. */
export function solved(op: string, A: Tensor, B: Tensor, transposed = false): Tensor {
  const factors = factorsFor(op, stopGradient(A));
  return solveWith(op, A, factors, B, transposed);
}

/** Whether B is one vector per matrix of A, as `torch.linalg.solve` tells. */
const isVector = (a: Shape, b: Shape): boolean =>
  b.length === 1 || (b.length === a.length - 1 && sameShape(b, a.slice(0, -1)));

function requireFit(op: string, A: Tensor, B: Tensor, left: boolean): void {
  requireSquare(op, "A", A);
  requireReal(op, "B", B.dtype);
  const vector = isVector(A.shape, B.shape);
  const size = vector ? B.shape.at(-1) : left ? B.shape.at(-2) : B.shape.at(-1);
  if (B.rank === 0 || size !== A.shape.at(-1))
    throw new ShapeError(
      `${op}: A ${show(A.shape)} and B ${show(B.shape)} do not fit; B needs ${A.shape.at(-1)} ${left ? "rows" : "columns"}.`,
    );
}

export interface SolveOptions {
  /** False: solve X A = B. Default true. */
  left?: boolean;
}

/**
 * X with A X = B, for square A (PyTorch `torch.linalg.solve`), by LU with partial pivoting.
 *
 * @param A f32 [..., n, n]
 * @param B f32 [..., n, m], or a vector per matrix: [n], or A's shape without its last dimension; batches
 * broadcast
 * @returns the broadcast shape of B; differentiable in both
 * @throws ShapeError, DTypeError; at the next read, LinAlgError that names the first matrix with a pivot
 * that is 0 or not finite. A matrix that is singular but for rounding is solved, with a small residual
 * and a large X: no error
 * @example linalg.solve(tensor([[2, 1], [1, 3]]), tensor([3, 5])) // 0.8, 1.4
 */
export function solve(A: Tensor, B: Tensor, options: SolveOptions = {}): Tensor {
  const op = "linalg.solve";
  const { left = true } = requireOptions(op, options, "left");
  requireFit(op, A, B, left);
  return scope(() => {
    if (isVector(A.shape, B.shape)) {
      const x = solved(op, A, unsqueeze(B, -1), !left);
      return reshape(x, x.shape.slice(0, -1));
    }
    if (left) return solved(op, A, B);
    // X A = B is Aᵀ Xᵀ = Bᵀ.
    return transpose(solved(op, A, transpose(B, -1, -2), true), -1, -2);
  });
}

/**
 * `solve` that tells in `info` (i32, one number per matrix) how it went (PyTorch `torch.linalg.solve_ex`): 0,
 * or the number of the first pivot that is 0 or not finite; the result for such a matrix means nothing.
 */
export function solveEx(A: Tensor, B: Tensor): { result: Tensor; info: Tensor } {
  const op = "linalg.solveEx";
  requireFit(op, A, B, true);
  return scope(() => {
    const { info, ...factors } = factorsFor(null, stopGradient(A));
    const vector = isVector(A.shape, B.shape);
    const x = solveWith(op, A, factors, vector ? unsqueeze(B, -1) : B, false);
    return { result: vector ? reshape(x, x.shape.slice(0, -1)) : x, info };
  });
}

/**
 * A⁻¹ (PyTorch `torch.linalg.inv`). To solve a system use `solve`: it is faster, and its error is smaller.
 *
 * @param A f32 [..., n, n]
 * @throws ShapeError, DTypeError; at the next read, LinAlgError for a singular matrix
 * @example linalg.inverse(tensor([[2, 0], [0, 4]])) // [[0.5, 0], [0, 0.25]]
 */
export function inverse(A: Tensor): Tensor {
  requireSquare("linalg.inverse", "A", A);
  return scope(() => solved("linalg.inverse", A, identities(A, A.shape.at(-1)!)));
}

export interface LuSolveOptions {
  /** Solve with Aᵀ. Default false. */
  transpose?: boolean;
}

/**
 * X with A X = B, from the factors of A (PyTorch `torch.linalg.lu_solve`).
 *
 * @param factors as `luFactor` gives them for A [..., n, n]
 * @param B f32 [..., n, m]; batches broadcast
 * @returns the broadcast shape of B; differentiable in LU and B
 * @throws ShapeError, DTypeError; at the next read, LinAlgError for a 0 on the diagonal of U
 */
export function luSolve(
  { LU, permutation }: Pick<LuFactors, "LU" | "permutation">,
  B: Tensor,
  options: LuSolveOptions = {},
): Tensor {
  const op = "linalg.luSolve";
  const { transpose: transposed = false } = requireOptions(op, options, "transpose");
  requireSquare(op, "LU", LU);
  requireMatrices(op, "B", B);
  if (B.shape.at(-2) !== LU.shape.at(-1))
    throw new ShapeError(
      `${op}: LU ${show(LU.shape)} and B ${show(B.shape)} do not fit; B needs ${LU.shape.at(-1)} rows.`,
    );
  return scope(() => {
    const batch = broadcastShapes(op, LU.shape.slice(0, -2), B.shape.slice(0, -2));
    const order = expand(permutation, [...batch, permutation.shape.at(-1)!]);
    const right = expand(B, [...batch, ...B.shape.slice(-2)]);
    const lower = { upper: false, unitriangular: true, op };
    const upper = { upper: true, unitriangular: false, op };
    if (!transposed)
      return triangular(LU, triangular(LU, permuteRows(right, order, false), lower), upper);
    const turnedLU = transpose(LU, -1, -2);
    const half = triangular(turnedLU, right, { ...upper, upper: false });
    return permuteRows(triangular(turnedLU, half, { ...lower, upper: true }), order, true);
  });
}

export const solvePrimitives = [solvePrimitive];

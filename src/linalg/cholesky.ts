/**
 * A = L Lᵀ of symmetric positive definite matrices, by blocks of columns: the block's columns less the
 * product of what is known (one matrix product of half the matrix in all), the small factor on the
 * diagonal, and substitution for the rows below (the left-looking form: Golub and Van Loan, Matrix
 * Computations, 4.2).
 *
 * The factor belongs to a matrix nearby: A + E = L Lᵀ with |E| <= (n + 1) ε |L| |Lᵀ| (Higham, Accuracy and
 * Stability of Numerical Algorithms, theorem 10.3).
 *
 * Derivatives: I. Murray, Differentiation of the Cholesky decomposition, 2016 (arXiv:1602.07527).
 */
import { ShapeError } from "../errors";
import { gridFor, launch, linalgCholeskyBlock, linalgLower } from "../kernels";
import { add, mul } from "../ops/arithmetic";
import { tril } from "../ops/creation";
import { matmul } from "../ops/matmul";
import type { Primitive } from "../ops/primitive";
import { batchOfRows } from "../ops/rules";
import { transpose } from "../ops/shape";
import { bind } from "../ops/trace";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { denseStrides, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import {
  block,
  blockSize,
  filled,
  flat,
  place,
  product,
  requireMatrices,
  requireSquare,
  runsOf,
  teamGrid,
  teamOf,
  turned,
} from "./batches";
import { notPositiveDefinite, reportInfo } from "./faults";
import { halfDiagonal, substituteBlock, triangular } from "./triangular";

interface CholeskyAttrs {
  /** Whether a matrix that is not positive definite is an error, or only told by info. */
  readonly checked: boolean;
}

const op = "linalg.cholesky";

/** The lower triangle of [batch, n, n], dense. */
function lowerOf(x: DeviceTensor): DeviceTensor {
  const y = DeviceTensor.empty(x.device, x.shape, "f32");
  const { offset, batch, row, col } = place(x);
  const [count, size] = x.shape as [number, number, number];
  const { run, runs } = runsOf(x, size);
  const items = count * size * runs;
  launch(
    x.device,
    linalgLower,
    { x: x.binding, y: y.binding },
    { items, runs, size, x_offset: offset, x_batch: batch, x_row: row, x_col: col },
    gridFor(x.device, items, 64),
    { overrides: { RUN: run } },
  );
  return y;
}

/** w, a lower triangle, becomes L. */
function factor(w: DeviceTensor, info: DeviceTensor): void {
  const [batch, n] = w.shape as [number, number, number];
  const diagonal = DeviceTensor.empty(w.device, [batch, blockSize, blockSize], "f32");
  const team = teamOf(w, 1) === 1 ? 1 : 64;
  for (let done = 0; done < n; done += blockSize)
    scope(() => {
      const size = Math.min(blockSize, n - done);
      const rest = n - done - size;
      const known =
        done > 0
          ? product(block(w, done, n - done, 0, done), turned(block(w, done, size, 0, done)))
          : undefined;
      const own = block(w, done, size, done, size);
      launch(
        w.device,
        linalgCholeskyBlock,
        {
          w: own.binding,
          p: (known ?? filled(w, [4], "f32")).binding,
          d: diagonal.binding,
          info: info.binding,
        },
        {
          batch,
          size,
          first: done,
          subtract: known ? 1 : 0,
          w_offset: own.bindingOffset,
          w_batch: n * n,
          w_row: n,
          p_batch: (n - done) * size,
          p_row: size,
        },
        teamGrid(w, batch, team),
        { constants: { TEAM: team } },
      );
      if (rest > 0)
        substituteBlock({
          t: block(diagonal, 0, size, 0, size),
          x: turned(block(w, done + size, rest, done, size)),
          less: known && turned(block(known, size, rest, 0, size)),
          upper: false,
          diagonal: "given",
        });
    });
  diagonal.dispose();
}

/** The symmetric part: only it moves the factor. */
const symmetric = (x: Tensor): Tensor => mul(add(x, transpose(x, -1, -2)), 0.5);

/** Reads the lower triangle of A [..., n, n]. */
const choleskyPrimitive: Primitive<CholeskyAttrs> = {
  name: "cholesky",
  formula: "A = L Lᵀ, L lower triangular with a positive diagonal; and info",
  derivative: "the symmetric part of L⁻ᵀ Φ(Lᵀ g) L⁻¹, Φ the lower triangle with half the diagonal",
  saves: { outputs: [0] },
  outputs: ([a]) => {
    requireSquare(op, "A", a!);
    return [
      { shape: a!.shape, dtype: "f32" },
      { shape: a!.shape.slice(0, -2), dtype: "i32" },
    ];
  },
  run: ([a], { checked }, [out, infoSpec]) => {
    const info = filled(a!, infoSpec!.shape, "i32");
    if (a!.size === 0) return [DeviceTensor.empty(a!.device, out!.shape, "f32"), info];
    const from = flat(a!);
    const w = lowerOf(from);
    factor(w, info);
    if (checked) reportInfo(info, op, a!.shape, notPositiveDefinite);
    const l = w.view(a!.shape, denseStrides(a!.shape));
    from.dispose();
    w.dispose();
    return [l, info];
  },
  vjp: ([g], { outputs: [l] }) => {
    if (!g) return [null];
    const turnedL = transpose(l!, -1, -2);
    const inner = halfDiagonal(tril(matmul(turnedL, g)));
    const attrs = { upper: true, unitriangular: false, op };
    const left = triangular(turnedL, inner, attrs);
    return [symmetric(transpose(triangular(turnedL, transpose(left, -1, -2), attrs), -1, -2))];
  },
  jvp: ([t], { outputs: [l] }) => {
    const attrs = { upper: false, unitriangular: false, op };
    const left = triangular(l!, symmetric(t!), attrs);
    const both = triangular(l!, transpose(left, -1, -2), attrs);
    return [matmul(l!, halfDiagonal(tril(both))), null];
  },
  batch: batchOfRows(() => choleskyPrimitive),
};

export interface CholeskyOptions {
  /** Give U = Lᵀ with A = Uᵀ U, and read the upper triangle of A. Default false. */
  upper?: boolean;
}

function factored(A: Tensor, upper: boolean, checked: boolean): [Tensor, Tensor] {
  requireSquare(op, "A", A);
  return scope(() => {
    const [l, info] = bind(choleskyPrimitive, [upper ? transpose(A, -1, -2) : A], { checked });
    return [upper ? transpose(l!, -1, -2) : l!, info!];
  });
}

/**
 * The factor L of symmetric positive definite matrices, A = L Lᵀ (PyTorch `torch.linalg.cholesky`).
 *
 * @param A f32 [..., n, n], of which only one triangle is read; n up to a few thousand
 * @returns the shape of A, 0 above the diagonal (`upper`: below). Differentiable, the gradient is symmetric
 * @throws ShapeError, DTypeError; at the next read, LinAlgError that names the first matrix which is not
 * positive definite, or has NaN or infinite elements
 * @example linalg.cholesky(tensor([[4, 2], [2, 5]])) // [[2, 0], [1, 2]]
 */
export function cholesky(A: Tensor, options: CholeskyOptions = {}): Tensor {
  const { upper = false } = requireOptions("linalg.cholesky", options, "upper");
  return scope(() => factored(A, upper, true)[0]);
}

/**
 * `cholesky` that tells in `info` how it went (PyTorch `torch.linalg.cholesky_ex`) instead of an error: 0,
 * or the order of the first leading minor that is not positive. From that column on, L is 0.
 *
 * @returns L as `cholesky` gives it, and info, i32 [...]
 * @example const { info } = linalg.choleskyEx(tensor([[1, 2], [2, 1]])); // 2
 */
export function choleskyEx(A: Tensor, options: CholeskyOptions = {}): { L: Tensor; info: Tensor } {
  const { upper = false } = requireOptions("linalg.choleskyEx", options, "upper");
  const [L, info] = factored(A, upper, false);
  return { L, info };
}

/**
 * X with A X = B, from the Cholesky factor of A (PyTorch `cholesky_solve`, with the factor first).
 *
 * @param L f32 [..., n, n], as `cholesky` gives it with the same `upper`
 * @param B f32 [..., n, m]; batches broadcast
 * @returns the broadcast shape of B; differentiable in both
 * @throws ShapeError, DTypeError; at the next read, LinAlgError for a 0 on the diagonal of L
 * @example linalg.choleskySolve(linalg.cholesky(A), B)
 */
export function choleskySolve(L: Tensor, B: Tensor, options: CholeskyOptions = {}): Tensor {
  const { upper = false } = requireOptions("linalg.choleskySolve", options, "upper");
  const name = "linalg.choleskySolve";
  requireSquare(name, "L", L);
  requireMatrices(name, "B", B);
  if (L.shape.at(-1) !== B.shape.at(-2))
    throw new ShapeError(
      `${name}: L ${show(L.shape)} and B ${show(B.shape)} do not fit; B needs ${L.shape.at(-1)} rows.`,
    );
  return scope(() => {
    const lower = upper ? transpose(L, -1, -2) : L;
    const half = triangular(lower, B, { upper: false, unitriangular: false, op: name });
    const turnedL = transpose(lower, -1, -2);
    return triangular(turnedL, half, { upper: true, unitriangular: false, op: name });
  });
}

export const choleskyPrimitives = [choleskyPrimitive];

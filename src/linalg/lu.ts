/**
 * P A = L U with partial pivoting, by panels of columns (Crout's order: Golub and Van Loan, Matrix
 * Computations, 3.4): the panel less the product of what is known, its factorisation with pivots, the
 * exchanges of rows in all other columns, then the rows of U beside it. So all large sums are matrix products.
 *
 * The factors belong to a matrix nearby: P A + E = L U with |E| <= n ε |L| |U|, where |l_ij| <= 1 and |U|
 * hardly ever grows (Higham, Accuracy and Stability of Numerical Algorithms, theorem 9.3).
 *
 * Derivatives: F. de Hoog, R. Anderssen, M. Lukas, Differentiation of matrix functionals using triangular
 * factorization, Math. Comp. 80, 2011.
 */
import { gridFor, launch, linalgLuColumns, linalgLuPanel, linalgPanel } from "../kernels";
import { add, sub } from "../ops/arithmetic";
import { tril, triu } from "../ops/creation";
import { matmul } from "../ops/matmul";
import { pad } from "../ops/padding";
import type { Primitive } from "../ops/primitive";
import { batchOfRows } from "../ops/rules";
import { cat, dense, narrow, transpose } from "../ops/shape";
import { bind } from "../ops/trace";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { denseStrides, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import {
  block,
  blockSize,
  copyOf,
  filled,
  flat,
  place,
  product,
  requireMatrices,
  runsOf,
  teamGrid,
  teamOf,
} from "./batches";
import { reportInfo, singular } from "./faults";
import { permuteRows } from "./permuteRows";
import { identities, substituteBlock, triangular } from "./triangular";

interface LuAttrs {
  /** The operation for which a pivot of 0 is an error; null: it is only told by info. */
  readonly checked: string | null;
}

/** Columns `from` on of w, packed in vec4s, less a product. */
export function packPanel(own: DeviceTensor, less: DeviceTensor | undefined): DeviceTensor {
  const [batch, rows, cols] = own.shape as [number, number, number];
  const quads = Math.ceil(cols / 4);
  const panel = DeviceTensor.empty(own.device, [batch, rows, quads * 4], "f32");
  const at = place(own);
  const { run, runs } = runsOf(own, quads * 4);
  const items = batch * rows * runs;
  launch(
    own.device,
    linalgPanel,
    { w: own.binding, x: (less ?? own).binding, p: panel.binding },
    {
      items,
      runs,
      rows,
      cols,
      quads,
      subtract: less ? 1 : 0,
      w_offset: at.offset,
      w_batch: at.batch,
      w_row: at.row,
    },
    gridFor(own.device, items, 64),
    { overrides: { RUN: run } },
  );
  return panel;
}

interface Factors {
  /** [batch, m, n], dense; becomes L and U. */
  readonly w: DeviceTensor;
  readonly pivots: DeviceTensor;
  readonly permutation: DeviceTensor;
  readonly info: DeviceTensor;
}

function factor({ w, pivots, permutation, info }: Factors): void {
  const [batch, m, n] = w.shape as [number, number, number];
  const length = Math.min(m, n);
  const { run, runs } = runsOf(w, n);
  const items = batch * runs;
  for (let done = 0; done < length; done += blockSize)
    scope(() => {
      const { device } = w;
      const cols = Math.min(blockSize, n - done);
      const steps = Math.min(cols, m - done);
      const rows = m - done;
      const less =
        done > 0
          ? product(block(w, done, rows, 0, done), block(w, 0, done, done, cols))
          : undefined;
      const panel = packPanel(block(w, done, rows, done, cols), less);
      const quads = Math.ceil(cols / 4);
      const team = teamOf(w, rows);
      launch(
        device,
        linalgLuPanel,
        {
          p: panel.binding,
          pivots: pivots.binding,
          permutation: permutation.binding,
          info: info.binding,
        },
        { batch, rows, quads, steps, first: done, length, height: m },
        teamGrid(w, batch, team),
        { constants: { TEAM: team } },
      );
      launch(
        device,
        linalgLuColumns,
        { w: w.binding, p: panel.binding, pivots: pivots.binding },
        { items, runs, height: m, width: n, first: done, cols, steps, quads, length },
        gridFor(device, items, 64),
        { overrides: { RUN: run } },
      );
      const after = done + cols;
      if (after >= n) return;
      substituteBlock({
        t: block(panel, 0, steps, 0, steps),
        x: block(w, done, steps, after, n - after),
        less:
          done > 0
            ? product(block(w, done, steps, 0, done), block(w, 0, done, after, n - after))
            : undefined,
        upper: false,
        diagonal: "unit",
      });
    });
}

const op = "linalg.luFactor";

/** The parts of packed factors [..., m, n] with k = min(m, n): L is k wide, U is k high. */
function parts(packed: Tensor): { k: number; tall: boolean } {
  const [m, n] = packed.shape.slice(-2) as [number, number];
  return { k: Math.min(m, n), tall: m >= n };
}

const unit = { upper: false, unitriangular: true, op };
const given = { upper: true, unitriangular: false, op };

/** L^-1 x and x U^-1, with the square parts of packed factors; and with their transposes. */
const byL = (lu: Tensor, x: Tensor): Tensor => triangular(lu, x, unit);
const byLTransposed = (lu: Tensor, x: Tensor): Tensor =>
  triangular(transpose(lu, -1, -2), x, { ...unit, upper: true });
const byU = (lu: Tensor, x: Tensor): Tensor =>
  transpose(
    triangular(transpose(lu, -1, -2), transpose(x, -1, -2), { ...given, upper: false }),
    -1,
    -2,
  );
const byUTransposed = (lu: Tensor, x: Tensor): Tensor =>
  transpose(triangular(lu, transpose(x, -1, -2), given), -1, -2);

const unitLower = (square: Tensor): Tensor =>
  add(tril(square, -1), identities(square, square.shape.at(-1)!));

/** The cotangent of P A from that of the packed factors. */
function luVjp(g: Tensor, packed: Tensor): Tensor {
  const { k, tall } = parts(packed);
  const square = narrow(narrow(packed, -2, 0, k), -1, 0, k);
  let gl = tril(narrow(narrow(g, -2, 0, k), -1, 0, k), -1);
  let gu = triu(narrow(narrow(g, -2, 0, k), -1, 0, k));
  const rest = tall ? packed.shape.at(-2)! - k : packed.shape.at(-1)! - k;
  let beyond: Tensor | null = null;
  if (rest > 0 && tall) {
    const below = narrow(packed, -2, k, rest);
    beyond = byUTransposed(square, narrow(g, -2, k, rest));
    gu = sub(gu, triu(matmul(transpose(below, -1, -2), beyond)));
  } else if (rest > 0) {
    const beside = narrow(packed, -1, k, rest);
    beyond = byLTransposed(square, narrow(g, -1, k, rest));
    gl = sub(gl, tril(matmul(beyond, transpose(beside, -1, -2)), -1));
  }
  const l = unitLower(square);
  const u = triu(square);
  const inner = add(
    tril(matmul(transpose(l, -1, -2), gl), -1),
    triu(matmul(gu, transpose(u, -1, -2))),
  );
  const own = byUTransposed(square, byLTransposed(square, inner));
  return beyond ? cat([own, beyond], tall ? -2 : -1) : own;
}

/** The tangent of the packed factors from that of P A. */
function luJvp(t: Tensor, packed: Tensor): Tensor {
  const { k, tall } = parts(packed);
  const square = narrow(narrow(packed, -2, 0, k), -1, 0, k);
  const inner = byU(square, byL(square, narrow(narrow(t, -2, 0, k), -1, 0, k)));
  const dl = matmul(unitLower(square), tril(inner, -1));
  const du = matmul(triu(inner), triu(square));
  const own = add(dl, du);
  const rest = tall ? packed.shape.at(-2)! - k : packed.shape.at(-1)! - k;
  if (rest === 0) return own;
  const beyond = tall
    ? byU(square, sub(narrow(t, -2, k, rest), matmul(narrow(packed, -2, k, rest), du)))
    : byL(square, sub(narrow(t, -1, k, rest), matmul(dl, narrow(packed, -1, k, rest))));
  return cat([own, beyond], tall ? -2 : -1);
}

const luPrimitive: Primitive<LuAttrs> = {
  name: "luFactor",
  formula: "P A = L U, L with ones on the diagonal, packed into one; pivots, permutation, info",
  derivative: "Pᵀ L⁻ᵀ (tril(Lᵀ gL, -1) + triu(gU Uᵀ)) U⁻ᵀ",
  saves: { outputs: [0, 2] },
  outputs: ([a], { checked }) => {
    requireMatrices(checked ?? op, "A", a!);
    const batch = a!.shape.slice(0, -2);
    const [m, n] = a!.shape.slice(-2) as [number, number];
    return [
      { shape: a!.shape, dtype: "f32" },
      { shape: [...batch, Math.min(m, n)], dtype: "i32" },
      { shape: [...batch, m], dtype: "i32" },
      { shape: batch, dtype: "i32" },
    ];
  },
  run: ([a], { checked }, [, pivotSpec, permutationSpec, infoSpec]) => {
    const [m, n] = a!.shape.slice(-2) as [number, number];
    const info = filled(a!, infoSpec!.shape, "i32");
    const pivots = filled(a!, pivotSpec!.shape, "i32");
    const permutation = startingOrder(a!, permutationSpec!.shape);
    const from = flat(a!);
    const w = copyOf(from);
    if (m * n * info.size > 0) {
      factor({ w, pivots, permutation, info });
      if (checked) reportInfo(info, checked, a!.shape, singular);
    }
    const lu = w.view(a!.shape, denseStrides(a!.shape));
    from.dispose();
    w.dispose();
    return [lu, pivots, permutation, info];
  },
  vjp: ([g], { outputs: [packed, , permutation] }) => [
    g ? permuteRows(luVjp(g, packed!), permutation!, true) : null,
  ],
  jvp: ([t], { outputs: [packed, , permutation] }) => [
    luJvp(permuteRows(t!, permutation!, false), packed!),
    null,
    null,
    null,
  ],
  batch: batchOfRows(() => luPrimitive),
};

/** 0, 1, 2, … in each row. */
function startingOrder(like: DeviceTensor, shape: readonly number[]): DeviceTensor {
  if (sizeOf(shape) === 0) return DeviceTensor.empty(like.device, shape, "i32");
  const one = filled(like, [shape.at(-1)!], "i32", 0, 1);
  const rows = one.view(
    shape,
    shape.map((_, i) => (i === shape.length - 1 ? 1 : 0)),
  );
  const order = dense(rows);
  one.dispose();
  rows.dispose();
  return order;
}

/** What `luFactor` gives: P A = L U, packed. */
export interface LuFactors {
  /** f32 [..., m, n]: U on and above the diagonal, L below it, whose diagonal of ones is left out. */
  readonly LU: Tensor;
  /** i32 [..., min(m, n)]: the row, numbered from 1, that was exchanged with row i at step i. */
  readonly pivots: Tensor;
  /** i32 [..., m]: row i of P A is row permutation[i] of A, numbered from 0. */
  readonly permutation: Tensor;
}

/** The factors for an operation of that name, to which a singular matrix is an error. */
export function factorsFor(checked: string | null, A: Tensor): LuFactors & { info: Tensor } {
  const [LU, pivots, permutation, info] = bind(luPrimitive, [A], { checked });
  return { LU: LU!, pivots: pivots!, permutation: permutation!, info: info! };
}

/**
 * The factors of P A = L U with partial pivoting, packed (PyTorch `torch.linalg.lu_factor`).
 *
 * @param A f32 [..., m, n]
 * @returns LU, differentiable, pivots and permutation
 * @throws ShapeError, DTypeError; at the next read, LinAlgError for a matrix with a pivot that is 0 or
 * not finite, which `luFactorEx` tells in `info`
 * @example const factors = linalg.luFactor(A); linalg.luSolve(factors, B)
 */
export function luFactor(A: Tensor): LuFactors {
  requireMatrices(op, "A", A);
  return scope(() => {
    const { LU, pivots, permutation } = factorsFor(op, A);
    return { LU, pivots, permutation };
  });
}

/**
 * `luFactor` that tells in `info` (i32 [...]) how it went (PyTorch `torch.linalg.lu_factor_ex`): 0, or the
 * number of the first pivot that is 0 or not finite.
 */
export function luFactorEx(A: Tensor): LuFactors & { readonly info: Tensor } {
  requireMatrices(op, "A", A);
  return factorsFor(null, A);
}

/**
 * P, L and U with A = P L U (PyTorch `torch.linalg.lu`). A may be singular; then U has zeros on its
 * diagonal, and the factors have no derivative.
 *
 * @param A f32 [..., m, n]; k is the smaller of m and n
 * @returns P [..., m, m], L [..., m, k] with ones on its diagonal, U [..., k, n]; L and U differentiable
 * @throws ShapeError, DTypeError
 * @example const { P, L, U } = linalg.lu(A);
 */
export function lu(A: Tensor): { P: Tensor; L: Tensor; U: Tensor } {
  requireMatrices("linalg.lu", "A", A);
  return scope(() => {
    const { LU, permutation } = factorsFor(null, A);
    const [m, n] = A.shape.slice(-2) as [number, number];
    const k = Math.min(m, n);
    const lower = tril(narrow(LU, -1, 0, k), -1);
    const ones = identities(A, k);
    return {
      P: permuteRows(identities(A, m), permutation, true),
      L: add(lower, m > k ? pad(ones, [0, 0, 0, m - k]) : ones),
      U: triu(narrow(LU, -2, 0, k)),
    };
  });
}

export const luPrimitives = [luPrimitive];

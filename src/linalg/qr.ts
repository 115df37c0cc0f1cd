/**
 * A = Q R by Householder's reflections, a panel of columns at a time. The reflections of a panel are applied
 * together, as I - V S⁻ᵀ Vᵀ in the order of the factorisation and I - V S⁻¹ Vᵀ to form Q, with S the upper
 * triangle of Vᵀ V and half its diagonal: the compact WY form (Schreiber and Van Loan, 1989) with the inverse of
 * its T (Puglisi, 1992; Joffrain et al., Accumulating Householder transformations, revisited, 2006).
 *
 * Q and R belong to a matrix nearby: A + E = Q R with |E|_F <= c m n ε |A|_F for an exactly orthogonal matrix,
 * from which Q differs as little (Higham, Accuracy and Stability of Numerical Algorithms, theorem 19.4).
 *
 * Derivatives: S. Walter, L. Lehmann, Algorithmic differentiation of linear algebra functions, 2018
 * (arXiv:1001.1654), section 4; J. Townsend, Differentiating the QR decomposition, 2018.
 */
import { gridFor, launch, linalgQrPanel, linalgQrSplit } from "../kernels";
import { add, sub } from "../ops/arithmetic";
import { tril, triu, zerosLike } from "../ops/creation";
import { matmul } from "../ops/matmul";
import { runUnaryInto } from "../ops/pointwise";
import type { Primitive } from "../ops/primitive";
import { batchOfRows } from "../ops/rules";
import { cat, dense, narrow, transpose } from "../ops/shape";
import { bind } from "../ops/trace";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { denseStrides } from "../tensor/shape";
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
  subtract,
  teamGrid,
  teamOf,
  turned,
} from "./batches";
import { packPanel } from "./lu";
import { substituteBlock, triangular } from "./triangular";

const op = "linalg.qr";

/** The reflections of a panel: from row and column `start` on. */
interface Reflections {
  readonly start: number;
  /** [batch, m - start, steps] */
  readonly v: DeviceTensor;
  /** vᵀ v */
  readonly s: DeviceTensor;
}

/** x -= v s⁻¹ vᵀ x, or with the transpose of the upper triangle s. */
function reflect({ v, s }: Reflections, x: DeviceTensor, transposed: boolean): void {
  if (x.size === 0) return;
  const coefficients = product(turned(v), x);
  substituteBlock({
    t: transposed ? turned(s) : s,
    x: coefficients,
    upper: !transposed,
    diagonal: "half",
  });
  subtract(product(v, coefficients), x);
}

/** w becomes R, with zeros below; the reflections are those of all panels, in order. */
function reduce(w: DeviceTensor): Reflections[] {
  const { device } = w;
  const [batch, m, n] = w.shape as [number, number, number];
  const length = Math.min(m, n);
  const tau = DeviceTensor.empty(device, [batch, blockSize], "f32");
  const all: Reflections[] = [];
  for (let start = 0; start < length; start += blockSize)
    all.push(
      scope(() => {
        const cols = Math.min(blockSize, n - start);
        const rows = m - start;
        const steps = Math.min(cols, rows);
        const own = block(w, start, rows, start, cols);
        const panel = packPanel(own, undefined);
        const quads = Math.ceil(cols / 4);
        const team = teamOf(w, rows);
        launch(
          device,
          linalgQrPanel,
          { p: panel.binding, tau: tau.binding },
          { batch, rows, quads, steps },
          teamGrid(w, batch, team),
          { constants: { TEAM: team } },
        );
        const v = DeviceTensor.empty(device, [batch, rows, steps], "f32");
        const [to, at] = [place(v), place(own)];
        const { run, runs } = runsOf(w, cols);
        const items = batch * rows * runs;
        launch(
          device,
          linalgQrSplit,
          { p: panel.binding, tau: tau.binding, v: v.binding, w: own.binding },
          {
            items,
            runs,
            rows,
            cols,
            quads,
            steps,
            v_offset: to.offset,
            v_batch: to.batch,
            v_row: to.row,
            w_offset: at.offset,
            w_batch: at.batch,
            w_row: at.row,
          },
          gridFor(device, items, 64),
          { overrides: { RUN: run } },
        );
        const reflections = { start, v, s: product(turned(v), v) };
        const after = start + cols;
        reflect(reflections, block(w, start, rows, after, n - after), true);
        return reflections;
      }),
    );
  tau.dispose();
  return all;
}

/** The first k columns of the identity, taken through the reflections from the last to the first. */
function orthogonal(like: DeviceTensor, k: number, all: readonly Reflections[]): DeviceTensor {
  const [batch, m] = like.shape as [number, number, number];
  const q = filled(like, [batch, m, k], "f32");
  const diagonal = q.view([batch, k], [m * k, k + 1]);
  const one = filled(like, [1], "f32", 1);
  const ones = one.view([batch, k], [0, 0]);
  runUnaryInto(ones, diagonal, { OP: "op_id" });
  for (const made of [diagonal, one, ones]) made.dispose();
  for (const reflections of [...all].reverse()) {
    const { start } = reflections;
    scope(() => reflect(reflections, block(q, start, m - start, start, k - start), false));
  }
  return q;
}

const square = (x: Tensor, k: number): Tensor => narrow(x, -1, 0, k);
const turn = (x: Tensor): Tensor => transpose(x, -1, -2);

/** x R⁻¹ for an upper triangular R [..., k, k]. */
const overR = (x: Tensor, r: Tensor): Tensor =>
  turn(triangular(turn(r), turn(x), { upper: false, unitriangular: false, op: derivativeOf }));
/** x R⁻ᵀ */
const overTurnedR = (x: Tensor, r: Tensor): Tensor =>
  turn(triangular(r, turn(x), { upper: true, unitriangular: false, op: derivativeOf }));

const derivativeOf = "linalg.qr (its derivative, which needs full rank: R)";

/** The cotangent of A = Q R with at least as many rows as columns. */
function tallVjp(gq: Tensor | null, gr: Tensor | null, q: Tensor, r: Tensor): Tensor {
  const ofR = gr && matmul(r, turn(triu(gr)));
  const ofQ = gq && matmul(turn(gq), q);
  const m = ofR && ofQ ? sub(ofR, ofQ) : ofR ? ofR : sub(zerosLike(r), ofQ!);
  const mirrored = add(tril(m), turn(tril(m, -1)));
  const inner = matmul(q, mirrored);
  return overTurnedR(gq ? add(gq, inner) : inner, r);
}

/** A [..., m, n] */
const qrPrimitive: Primitive<null> = {
  name: "qr",
  formula: "A = Q R, Q with orthonormal columns, R upper triangular",
  derivative: "(gQ + Q copyltu(R gRᵀ - gQᵀ Q)) R⁻ᵀ, copyltu mirrors the lower triangle",
  saves: "everything",
  outputs: ([a]) => {
    requireMatrices(op, "A", a!);
    const [m, n] = a!.shape.slice(-2) as [number, number];
    const k = Math.min(m, n);
    const batch = a!.shape.slice(0, -2);
    return [
      { shape: [...batch, m, k], dtype: "f32" },
      { shape: [...batch, k, n], dtype: "f32" },
    ];
  },
  run: ([a], _, outputs) =>
    scope(() => {
      const from = flat(a!);
      const [, m, n] = from.shape as [number, number, number];
      const k = Math.min(m, n);
      const w = copyOf(from);
      const all = reduce(w);
      const q = orthogonal(w, k, all);
      const r = dense(block(w, 0, k, 0, n));
      return [q, r].map((x, i) => {
        const { shape } = outputs[i]!;
        return x.view(shape, denseStrides(shape), x.offset);
      });
    }),
  vjp: ([gq, gr], { inputs: [a], outputs: [q, r] }) => {
    const [m, n] = a!.shape.slice(-2) as [number, number];
    if (!gq && !gr) return [null];
    if (m >= n) return [tallVjp(gq ?? null, gr ?? null, q!, r!)];
    // A = [X Y] with X = Q U square, and R = [U V] with V = Qᵀ Y.
    const beside = narrow(a!, -1, m, n - m);
    const gv = gr ? narrow(gr, -1, m, n - m) : null;
    const ofV = gv && matmul(beside, turn(gv));
    const gOfQ = ofV && gq ? add(gq, ofV) : (gq ?? ofV);
    const own = tallVjp(gOfQ ?? null, gr ? square(gr, m) : null, q!, square(r!, m));
    return [cat([own, gv ? matmul(q!, gv) : zerosLike(beside)], -1)];
  },
  jvp: ([t], { inputs: [a], outputs: [q, r] }) => {
    const [m, n] = a!.shape.slice(-2) as [number, number];
    const k = Math.min(m, n);
    const u = square(r!, k);
    const c = overR(square(t!, k), u);
    const inner = matmul(turn(q!), c);
    const lower = tril(inner, -1);
    const turning = sub(lower, turn(lower));
    const rest = sub(inner, turning);
    const dq = sub(c, matmul(q!, rest));
    const du = matmul(triu(rest), u);
    if (m >= n) return [dq, du];
    const [beside, moved] = [a!, t!].map((x) => narrow(x, -1, m, n - m)) as [Tensor, Tensor];
    const dv = add(matmul(turn(dq), beside), matmul(turn(q!), moved));
    return [dq, cat([du, dv], -1)];
  },
  batch: batchOfRows(() => qrPrimitive),
};

/**
 * A = Q R, reduced (PyTorch `torch.linalg.qr`), by Householder's reflections. The diagonal of R may be
 * negative, as LAPACK's.
 *
 * @param A f32 [..., m, n]; k is the smaller of m and n
 * @returns Q [..., m, k] and R [..., k, n]. Differentiable where the first k columns of A are independent
 * @throws ShapeError, DTypeError; at the next read, LinAlgError where a derivative meets a 0 on the diagonal
 * of R. NaN and infinite elements give NaN
 * @example const { Q, R } = linalg.qr(A);
 */
export function qr(A: Tensor): { Q: Tensor; R: Tensor } {
  requireMatrices(op, "A", A);
  const [Q, R] = bind(qrPrimitive, [A], null);
  return { Q: Q!, R: R! };
}

export const qrPrimitives = [qrPrimitive];

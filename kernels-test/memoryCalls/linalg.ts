/** Linear algebra. */
import type { Tensor } from "../../src/tensor/tensor";
import type { Tilegrad } from "../caseModules";
import type { Call, Calls } from "./operands";
import { spectraCalls } from "./spectra";

/** A call on a symmetric positive definite matrix, of which nothing but the result stays. */
const onDefinite =
  (call: (tg: Tilegrad, a: Tensor, b: Tensor) => unknown): Call =>
  (tg, { x, turned }) => {
    const a = tg.scope(() => tg.add(tg.matmul(x, turned), tg.mul(tg.eye(3), 9)));
    const symmetric = tg.scope(() => tg.add(a, tg.transpose(a, 0, 1)));
    const result = call(tg, symmetric, x);
    a.dispose();
    symmetric.dispose();
    return result;
  };

export const linalgCalls: Calls = {
  ...spectraCalls,
  cg: [
    onDefinite((tg, a) => tg.linalg.cg(a, a, { maxIterations: 3 })),
    onDefinite((tg, a) =>
      tg.linalg.cg((v) => tg.matmul(v, a), a, {
        x0: a,
        preconditioner: (r) => tg.mul(r, 2),
        maxIterations: 2,
      }),
    ),
  ],
  cholesky: [
    onDefinite((tg, a) => tg.linalg.cholesky(a)),
    onDefinite((tg, a) => tg.linalg.cholesky(a, { upper: true })),
  ],
  choleskyEx: [onDefinite((tg, a) => tg.linalg.choleskyEx(a))],
  choleskySolve: [onDefinite((tg, a, b) => tg.linalg.choleskySolve(a, b))],
  det: [onDefinite((tg, a) => tg.linalg.det(a))],
  inverse: [onDefinite((tg, a) => tg.linalg.inverse(a))],
  logdet: [
    onDefinite((tg, a) => tg.linalg.logdet(a)),
    onDefinite((tg, a) => tg.linalg.logdet(a, { positiveDefinite: true })),
  ],
  lstsq: [(tg, { turned, vector }) => tg.linalg.lstsq(turned, vector)],
  lu: [(tg, { x }) => tg.linalg.lu(x), (tg, { turned }) => tg.linalg.lu(turned)],
  luFactor: [(tg, { x }) => tg.linalg.luFactor(x)],
  luFactorEx: [(tg, { x }) => tg.linalg.luFactorEx(x)],
  luSolve: [
    onDefinite((tg, a, b) => tg.scope(() => tg.linalg.luSolve(tg.linalg.luFactor(a), b))),
    onDefinite((tg, a, b) =>
      tg.scope(() => tg.linalg.luSolve(tg.linalg.luFactor(a), b, { transpose: true })),
    ),
  ],
  matrixExp: [onDefinite((tg, a) => tg.linalg.matrixExp(a))],
  matrixNorm: [
    (tg, { x }) => tg.linalg.matrixNorm(x),
    (tg, { x }) => tg.linalg.matrixNorm(x, 1, { keepdim: true }),
  ],
  matrixPower: [
    onDefinite((tg, a) => tg.linalg.matrixPower(a, 3)),
    onDefinite((tg, a) => tg.linalg.matrixPower(a, -1)),
    onDefinite((tg, a) => tg.linalg.matrixPower(a, 0)),
  ],
  qr: [(tg, { x }) => tg.linalg.qr(x), (tg, { turned }) => tg.linalg.qr(turned)],
  slogdet: [onDefinite((tg, a) => tg.linalg.slogdet(a))],
  solve: [
    onDefinite((tg, a, b) => tg.linalg.solve(a, b)),
    onDefinite((tg, a, b) =>
      tg.scope(() => tg.linalg.solve(a, b.transpose(0, 1), { left: false })),
    ),
    (tg, { scalar }) =>
      tg.scope(() => tg.linalg.solve(tg.reshape(scalar, [1, 1]), tg.reshape(scalar, [1]))),
  ],
  solveEx: [onDefinite((tg, a, b) => tg.linalg.solveEx(a, b))],
  solveTriangular: [
    onDefinite((tg, a, b) => tg.linalg.solveTriangular(a, b, { upper: false })),
    onDefinite((tg, a, b) =>
      tg.scope(() => tg.linalg.solveTriangular(a, b.transpose(0, 1), { upper: true, left: false })),
    ),
  ],
  trace: [(tg, { x }) => tg.linalg.trace(x)],
};

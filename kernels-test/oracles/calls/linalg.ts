/** Factors and solutions of matrices. Matrices are shifted or squared as families/linalg.py does. */
import * as tg from "../../../src/node";
import type { Operations } from "./forms";

const shifted = (a: tg.Tensor, by = 3): tg.Tensor => tg.add(a, tg.mul(tg.eye(a.shape.at(-1)!), by));
const definite = (a: tg.Tensor): tg.Tensor => shifted(tg.matmul(a, tg.transpose(a, -1, -2)), 1);

export const linalgOperations: Operations = {
  cholesky: ([a], options) => tg.linalg.cholesky(definite(a!), options),
  choleskySolve: ([a, b], options) =>
    tg.linalg.choleskySolve(tg.linalg.cholesky(definite(a!), options), b!, options),
  det: ([a]) => tg.linalg.det(shifted(a!)),
  inverse: ([a]) => tg.linalg.inverse(shifted(a!)),
  logdet: ([a], options) => tg.linalg.logdet(definite(a!), options),
  lstsq: ([a, b]) => {
    const { solution, residuals } = tg.linalg.lstsq(a!, b!);
    return a!.shape.at(-2)! > a!.shape.at(-1)! ? [solution, residuals] : solution;
  },
  lu: ([a]) => {
    const { P, L, U } = tg.linalg.lu(a!);
    return [P, L, U];
  },
  luFactor: ([a]) => {
    const { LU, pivots } = tg.linalg.luFactor(a!);
    return [LU, pivots];
  },
  luSolve: ([a, b], { adjoint }) =>
    tg.linalg.luSolve(tg.linalg.luFactor(shifted(a!)), b!, { transpose: adjoint ?? false }),
  matrixExp: ([a]) => tg.linalg.matrixExp(a!),
  matrixNorm: ([a], { ord, keepdim }) =>
    tg.linalg.matrixNorm(a!, ord === "fro" ? ord : Number(ord.replace("inf", "Infinity")), {
      keepdim: keepdim ?? false,
    }),
  matrixPower: ([a], { n }) => tg.linalg.matrixPower(shifted(a!, 1.5), n),
  qr: ([a]) => {
    const { Q, R } = tg.linalg.qr(a!);
    return [Q, R];
  },
  slogdet: ([a]) => {
    const { sign, logabsdet } = tg.linalg.slogdet(shifted(a!));
    return [sign, logabsdet];
  },
  solve: ([a, b], options) => tg.linalg.solve(shifted(a!), b!, options),
  solveTriangular: ([a, b], options) => tg.linalg.solveTriangular(shifted(a!), b!, options),
  trace: ([a]) => tg.linalg.trace(a!),
};

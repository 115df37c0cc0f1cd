/** Eigenvalues, singular values and roots, of matrices moved as families/spectra.py does. */
import * as tg from "../../../src/node";
import type { Operations } from "./forms";

type Tensor = tg.Tensor;

const turn = (x: Tensor): Tensor => tg.transpose(x, -1, -2);
const ladder = (count: number, start: number, step: number): Tensor =>
  tg.tensor(Float32Array.from({ length: count }, (_, i) => start + step * i));
const separated = (a: Tensor): Tensor => {
  const n = a.shape.at(-1)!;
  return tg.add(tg.mul(tg.add(a, turn(a)), 0.5), tg.mul(tg.eye(n), ladder(n, 0, 2)));
};
const stretched = (a: Tensor): Tensor => {
  const [m, n] = a.shape.slice(-2) as [number, number];
  return tg.add(a, tg.mul(tg.eye(m, n), ladder(n, 2, 1.5)));
};
const weighted = (x: Tensor): Tensor => tg.mul(x, ladder(x.shape.at(-1)!, 1, 0.5));

const roots: Readonly<Record<number, (a: Tensor) => Tensor>> = {
  2: (a) => tg.linalg.sqrtm(a),
  [-2]: (a) => tg.linalg.inverseSqrtm(a),
  [-3]: (a) => tg.linalg.inverseRoot(a, 3),
  [-4]: (a) => tg.linalg.inverseRoot(a, 4),
};

export const spectraOperations: Operations = {
  cond: ([a], { p }) => tg.linalg.cond(stretched(a!), p),
  eigh: ([a]) => {
    const { eigenvalues, eigenvectors } = tg.linalg.eigh(separated(a!));
    return [eigenvalues, tg.matmul(weighted(eigenvectors), turn(eigenvectors))];
  },
  eigvalsh: ([a]) => tg.linalg.eigvalsh(separated(a!)),
  matrixRank: ([a]) => tg.linalg.matrixRank(stretched(a!)),
  matrixRoot: ([a], { p }) => roots[p]!(tg.add(separated(a!), tg.mul(tg.eye(a!.shape.at(-1)!), 2))),
  orthogonalize: ([a]) => tg.linalg.orthogonalize(a!),
  pinv: ([a]) => tg.linalg.pinv(stretched(a!)),
  spectralNorm: ([a], { ord }) =>
    tg.linalg.matrixNorm(stretched(a!), ord === "nuc" ? ord : Number(ord)),
  svd: ([a]) => {
    const { U, S, Vh } = tg.linalg.svd(stretched(a!));
    return [S, tg.matmul(weighted(U), Vh)];
  },
  svdvals: ([a]) => tg.linalg.svdvals(stretched(a!)),
};

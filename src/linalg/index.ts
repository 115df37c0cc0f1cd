/** Dense linear algebra, under the names of `torch.linalg` in camelCase. */
export {
  type CholeskyOptions,
  cholesky,
  choleskyEx,
  choleskySolve,
} from "./cholesky";
export { det, type LogdetOptions, logdet, slogdet } from "./determinant";
export { type LeastSquares, lstsq } from "./lstsq";
export { type LuFactors, lu, luFactor, luFactorEx } from "./lu";
export { matrixExp } from "./matrixExp";
export { type MatrixNormOptions, type MatrixNormOrder, matrixNorm, trace } from "./matrixNorm";
export { matrixPower } from "./matrixPower";
export { qr } from "./qr";
export {
  inverse,
  type LuSolveOptions,
  luSolve,
  type SolveOptions,
  solve,
  solveEx,
} from "./solve";
export { solveTriangular, type TriangularOptions } from "./triangular";

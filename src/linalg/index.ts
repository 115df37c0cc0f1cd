/** Dense linear algebra, under the names of `torch.linalg` in camelCase. */
export { type CgOptions, type CgResult, cg } from "./cg";
export {
  type CholeskyOptions,
  cholesky,
  choleskyEx,
  choleskySolve,
} from "./cholesky";
export { cond, matrixRank } from "./condition";
export { det, type LogdetOptions, logdet, slogdet } from "./determinant";
export { eigh, eigvalsh } from "./eigh";
export { type LeastSquares, lstsq } from "./lstsq";
export { type LuFactors, lu, luFactor, luFactorEx } from "./lu";
export { matrixExp } from "./matrixExp";
export { type MatrixNormOptions, type MatrixNormOrder, matrixNorm, trace } from "./matrixNorm";
export { matrixPower } from "./matrixPower";
export {
  type OrthogonalizeOptions,
  orthogonalize,
  type QuinticCoefficients,
} from "./newtonSchulz";
export { type OrthonormalizeOptions, orthonormalize } from "./orthonormalize";
export { pinv, type RankOptions } from "./pinv";
export { qr } from "./qr";
export { inverseRoot, inverseSqrtm, type RootOptions, sqrtm } from "./roots";
export {
  inverse,
  type LuSolveOptions,
  luSolve,
  type SolveOptions,
  solve,
  solveEx,
} from "./solve";
export { type SubspaceIterationOptions, subspaceIteration } from "./subspaceIteration";
export { type SvdOptions, svd, svdvals } from "./svd";
export { type SvdLowrankOptions, svdLowrank } from "./svdLowrank";
export { solveTriangular, type TriangularOptions } from "./triangular";

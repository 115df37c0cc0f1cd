/** The primitive table: every differentiable operation of the library, one record each. */
import { dftPrimitives } from "./fft/dft";
import { hadamardPrimitives } from "./fft/hadamard";
import { cgPrimitives } from "./linalg/cg";
import { choleskyPrimitives } from "./linalg/cholesky";
import { determinantPrimitives } from "./linalg/determinant";
import { eighPrimitives } from "./linalg/eigh";
import { lstsqPrimitives } from "./linalg/lstsq";
import { luPrimitives } from "./linalg/lu";
import { matrixRootPrimitives } from "./linalg/matrixRoot";
import { permuteRowsPrimitives } from "./linalg/permuteRows";
import { pinvPrimitives } from "./linalg/pinv";
import { qrPrimitives } from "./linalg/qr";
import { solvePrimitives } from "./linalg/solve";
import { svdPrimitives } from "./linalg/svd";
import { triangularPrimitives } from "./linalg/triangular";
import { activationPrimitives } from "./ops/activations";
import { advancedIndexingPrimitives } from "./ops/advancedIndexing";
import { arithmeticPrimitives } from "./ops/arithmetic";
import { attentionPrimitives } from "./ops/attention";
import { batchNormPrimitives } from "./ops/batchNorm";
import { bitwisePrimitives } from "./ops/bitwise";
import { convolutionPrimitives } from "./ops/convolution";
import { countPrimitives } from "./ops/countDraws";
import { cumulativePrimitives } from "./ops/cumulative";
import { diagonalPrimitives } from "./ops/diagonal";
import { dropoutPrimitives } from "./ops/dropout";
import { exponentialPrimitives } from "./ops/exponential";
import { floatClassPrimitives } from "./ops/floatClasses";
import { functionPrimitives } from "./ops/functions";
import { gammaPrimitives } from "./ops/gammaDraws";
import { indexingPrimitives } from "./ops/indexing";
import { interpolatePrimitives } from "./ops/interpolate";
import { lossPrimitives } from "./ops/loss";
import { maskedPrimitives } from "./ops/masked";
import { matmulPrimitives } from "./ops/matmul";
import { normPrimitives } from "./ops/norm";
import { poolingPrimitives } from "./ops/pooling";
import type { AnyPrimitive } from "./ops/primitive";
import { randomPrimitives } from "./ops/randomBits";
import { rearrangePrimitives } from "./ops/rearrange";
import { recurrentPrimitives } from "./ops/recurrent";
import { reducePrimitives } from "./ops/reduce";
import { remainderPrimitives } from "./ops/remainder";
import { rotaryPrimitives } from "./ops/rotary";
import { roundingPrimitives } from "./ops/rounding";
import { scatterPrimitives } from "./ops/scatter";
import { searchPrimitives } from "./ops/search";
import { shapePrimitives } from "./ops/shape";
import { softmaxPrimitives } from "./ops/softmax";
import { sortPrimitives } from "./ops/sort";
import { specialPrimitives } from "./ops/special";
import { trigonometryPrimitives } from "./ops/trigonometry";
import { windowPrimitives } from "./ops/windows";
import { applyPrimitives } from "./transport/apply";
import { barycenterPrimitives } from "./transport/barycenterLoop";
import { dykstraPrimitives } from "./transport/dykstra";
import { finitePointsPrimitives } from "./transport/finitePoints";
import { implicitPrimitives } from "./transport/implicit";
import { partialPrimitives } from "./transport/partialLoop";
import { pullPrimitives } from "./transport/pull";
import { selfPrimitives } from "./transport/selfTransport";
import { knoppPrimitives } from "./transport/sinkhornKnopp";
import { sinkhornPrimitives } from "./transport/sinkhornLoop";
import { softminPrimitives } from "./transport/softmin";
import { sparseSimplexPrimitives } from "./transport/sparseSimplex";
import { sparsityConstrainedPrimitives } from "./transport/sparsityConstrainedImplicit";
import { semiDualPrimitives } from "./transport/sparsityConstrainedSolver";
import { weightsPrimitives } from "./transport/weights";

/** Sorted by name; names are unique. */
export const primitives: readonly AnyPrimitive[] = [
  ...activationPrimitives,
  ...advancedIndexingPrimitives,
  ...arithmeticPrimitives,
  ...attentionPrimitives,
  ...batchNormPrimitives,
  ...bitwisePrimitives,
  ...convolutionPrimitives,
  ...countPrimitives,
  ...cumulativePrimitives,
  ...diagonalPrimitives,
  ...dftPrimitives,
  ...dropoutPrimitives,
  ...dykstraPrimitives,
  ...eighPrimitives,
  ...exponentialPrimitives,
  ...floatClassPrimitives,
  ...functionPrimitives,
  ...gammaPrimitives,
  ...hadamardPrimitives,
  ...indexingPrimitives,
  ...lossPrimitives,
  ...maskedPrimitives,
  ...matmulPrimitives,
  ...matrixRootPrimitives,
  ...normPrimitives,
  ...interpolatePrimitives,
  ...poolingPrimitives,
  ...randomPrimitives,
  ...rearrangePrimitives,
  ...recurrentPrimitives,
  ...reducePrimitives,
  ...remainderPrimitives,
  ...roundingPrimitives,
  ...scatterPrimitives,
  ...searchPrimitives,
  ...rotaryPrimitives,
  ...shapePrimitives,
  ...softmaxPrimitives,
  ...sortPrimitives,
  ...specialPrimitives,
  ...trigonometryPrimitives,
  ...weightsPrimitives,
  ...windowPrimitives,
  ...cgPrimitives,
  ...choleskyPrimitives,
  ...determinantPrimitives,
  ...lstsqPrimitives,
  ...knoppPrimitives,
  ...luPrimitives,
  ...permuteRowsPrimitives,
  ...pinvPrimitives,
  ...qrPrimitives,
  ...solvePrimitives,
  ...svdPrimitives,
  ...triangularPrimitives,
  ...applyPrimitives,
  ...finitePointsPrimitives,
  ...implicitPrimitives,
  ...partialPrimitives,
  ...pullPrimitives,
  ...selfPrimitives,
  ...barycenterPrimitives,
  ...sinkhornPrimitives,
  ...softminPrimitives,
  ...sparseSimplexPrimitives,
  ...sparsityConstrainedPrimitives,
  ...semiDualPrimitives,
].sort((a: AnyPrimitive, b: AnyPrimitive) => (a.name < b.name ? -1 : 1));

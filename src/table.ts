/** The primitive table: every differentiable operation of the library, one record each. */
import { choleskyPrimitives } from "./linalg/cholesky";
import { determinantPrimitives } from "./linalg/determinant";
import { luPrimitives } from "./linalg/lu";
import { permuteRowsPrimitives } from "./linalg/permuteRows";
import { qrPrimitives } from "./linalg/qr";
import { solvePrimitives } from "./linalg/solve";
import { triangularPrimitives } from "./linalg/triangular";
import { arithmeticPrimitives } from "./ops/arithmetic";
import { attentionPrimitives } from "./ops/attention";
import { cumulativePrimitives } from "./ops/cumulative";
import { dropoutPrimitives } from "./ops/dropout";
import { functionPrimitives } from "./ops/functions";
import { gammaPrimitives } from "./ops/gammaDraws";
import { indexingPrimitives } from "./ops/indexing";
import { lossPrimitives } from "./ops/loss";
import { matmulPrimitives } from "./ops/matmul";
import { normPrimitives } from "./ops/norm";
import { poissonPrimitives } from "./ops/poissonDraws";
import type { AnyPrimitive } from "./ops/primitive";
import { randomPrimitives } from "./ops/randomBits";
import { reducePrimitives } from "./ops/reduce";
import { shapePrimitives } from "./ops/shape";
import { softmaxPrimitives } from "./ops/softmax";
import { sortPrimitives } from "./ops/sort";

/** Sorted by name; names are unique. */
export const primitives: readonly AnyPrimitive[] = [
  ...arithmeticPrimitives,
  ...attentionPrimitives,
  ...cumulativePrimitives,
  ...dropoutPrimitives,
  ...functionPrimitives,
  ...gammaPrimitives,
  ...indexingPrimitives,
  ...lossPrimitives,
  ...matmulPrimitives,
  ...normPrimitives,
  ...poissonPrimitives,
  ...randomPrimitives,
  ...reducePrimitives,
  ...shapePrimitives,
  ...softmaxPrimitives,
  ...sortPrimitives,
  ...choleskyPrimitives,
  ...determinantPrimitives,
  ...luPrimitives,
  ...permuteRowsPrimitives,
  ...qrPrimitives,
  ...solvePrimitives,
  ...triangularPrimitives,
].sort((a: AnyPrimitive, b: AnyPrimitive) => (a.name < b.name ? -1 : 1));

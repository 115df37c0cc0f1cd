/** The primitive table: every differentiable operation of the library, one record each. */
import { arithmeticPrimitives } from "./ops/arithmetic";
import { attentionPrimitives } from "./ops/attention";
import { cumulativePrimitives } from "./ops/cumulative";
import { dropoutPrimitives } from "./ops/dropout";
import { functionPrimitives } from "./ops/functions";
import { indexingPrimitives } from "./ops/indexing";
import { lossPrimitives } from "./ops/loss";
import { matmulPrimitives } from "./ops/matmul";
import { normPrimitives } from "./ops/norm";
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
  ...indexingPrimitives,
  ...lossPrimitives,
  ...matmulPrimitives,
  ...normPrimitives,
  ...randomPrimitives,
  ...reducePrimitives,
  ...shapePrimitives,
  ...softmaxPrimitives,
  ...sortPrimitives,
].sort((a: AnyPrimitive, b: AnyPrimitive) => (a.name < b.name ? -1 : 1));

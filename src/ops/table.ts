/** The primitive table: every differentiable operation of the library, one record each. */
import { arithmeticPrimitives } from "./arithmetic";
import { attentionPrimitives } from "./attention";
import { cumulativePrimitives } from "./cumulative";
import { dropoutPrimitives } from "./dropout";
import { functionPrimitives } from "./functions";
import { indexingPrimitives } from "./indexing";
import { lossPrimitives } from "./loss";
import { matmulPrimitives } from "./matmul";
import { normPrimitives } from "./norm";
import type { AnyPrimitive } from "./primitive";
import { randomPrimitives } from "./randomBits";
import { reducePrimitives } from "./reduce";
import { shapePrimitives } from "./shape";
import { softmaxPrimitives } from "./softmax";
import { sortPrimitives } from "./sort";

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

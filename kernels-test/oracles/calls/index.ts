/** Every operation of the fixtures. */
import type { Tensor } from "../../../src/node";
import { convolutionOperations } from "./convolution";
import { coreOperations } from "./core";
import { elementwiseOperations } from "./elementwise";
import type { Attrs, Operations } from "./forms";
import { linalgOperations } from "./linalg";
import { poolingOperations } from "./pooling";
import { productOperations } from "./products";
import { recurrentOperations } from "./recurrent";
import { shapeOperations } from "./shape";
import { spectralOperations } from "./spectral";
import { statisticsOperations } from "./statistics";

export const operations: Operations = {
  ...convolutionOperations,
  ...coreOperations,
  ...elementwiseOperations,
  ...linalgOperations,
  ...poolingOperations,
  ...productOperations,
  ...shapeOperations,
  ...recurrentOperations,
  ...spectralOperations,
  ...statisticsOperations,
  chain: ([x], { steps }) => chain(x!, steps),
};

/** One operation of one operand after another. */
export function chain(x: Tensor, steps: readonly { op: string; attrs: Attrs }[]): Tensor {
  return steps.reduce((t, { op, attrs }) => operations[op]!([t], attrs) as Tensor, x);
}

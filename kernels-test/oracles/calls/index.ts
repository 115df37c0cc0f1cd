/** Every operation of the fixtures. */
import type { Tensor } from "../../../src/node";
import { attentionOperations } from "./attention";
import { convolutionOperations } from "./convolution";
import { coreOperations } from "./core";
import { elementwiseOperations } from "./elementwise";
import type { Attrs, Operations } from "./forms";
import { furtherOperations } from "./further";
import { interpolateOperations } from "./interpolate";
import { linalgOperations } from "./linalg";
import { poolingOperations } from "./pooling";
import { precisionOperations } from "./precision";
import { productOperations } from "./products";
import { recurrentOperations } from "./recurrent";
import { shapeOperations } from "./shape";
import { spectraOperations } from "./spectra";
import { spectralOperations } from "./spectral";
import { statisticsOperations } from "./statistics";

export const operations: Operations = {
  ...attentionOperations,
  ...convolutionOperations,
  ...coreOperations,
  ...elementwiseOperations,
  ...furtherOperations,
  ...linalgOperations,
  ...interpolateOperations,
  ...poolingOperations,
  ...precisionOperations,
  ...productOperations,
  ...shapeOperations,
  ...recurrentOperations,
  ...spectraOperations,
  ...spectralOperations,
  ...statisticsOperations,
  chain: ([x], { steps }) => chain(x!, steps),
};

/** One operation of one operand after another. */
export function chain(x: Tensor, steps: readonly { op: string; attrs: Attrs }[]): Tensor {
  return steps.reduce((t, { op, attrs }) => operations[op]!([t], attrs) as Tensor, x);
}

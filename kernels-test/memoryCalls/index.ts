/** Every operation at least once, in the forms that make something on the way. */

import { attentionCalls } from "./attention";
import { convolutionCalls } from "./convolution";
import { coreCalls } from "./core";
import { elementwiseCalls } from "./elementwise";
import { interpolateCalls } from "./interpolate";
import type { Calls } from "./operands";
import { poolingCalls } from "./pooling";
import { productCalls } from "./products";
import { recurrentCalls } from "./recurrent";
import { shapeCalls } from "./shape";
import { statisticsCalls } from "./statistics";

export const calls: Calls = {
  ...attentionCalls,
  ...convolutionCalls,
  ...coreCalls,
  ...recurrentCalls,
  ...elementwiseCalls,
  ...interpolateCalls,
  ...poolingCalls,
  ...productCalls,
  ...shapeCalls,
  ...statisticsCalls,
};

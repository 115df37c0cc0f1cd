/** Every operation at least once, in the forms that make something on the way. */
import { coreCalls } from "./core";
import type { Calls } from "./operands";
import { productCalls } from "./products";
import { statisticsCalls } from "./statistics";

export const calls: Calls = {
  ...coreCalls,
  ...productCalls,
  ...statisticsCalls,
};

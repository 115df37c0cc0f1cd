/** The whole part of a number and the rest. (`floor`, `ceil` and `round` are in functions.ts.) */
import type { Tensor } from "../tensor/tensor";
import { elementary, stepwise } from "./functions";
import { ofReal } from "./operand";

const truncPrimitive = stepwise("trunc", "x rounded towards 0");
const fracPrimitive = elementary("frac", "x - trunc x", "g", (g) => g);

/** x rounded towards 0. */
export function trunc(x: Tensor): Tensor {
  return ofReal(truncPrimitive, x);
}

/** What `trunc` takes away, with the sign of x. */
export function frac(x: Tensor): Tensor {
  return ofReal(fracPrimitive, x);
}

export const roundingPrimitives = [truncPrimitive, fracPrimitive];

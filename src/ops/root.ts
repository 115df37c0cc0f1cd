/** √x for sums of squares, with the derivative 0 instead of infinity where nothing was summed up. */
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { eq, where } from "./arithmetic";
import { sqrt } from "./functions";

/** √x; at 0 its derivative is 0, as PyTorch has it for norms and standard deviations. */
export function rootOrZero(x: Tensor): Tensor {
  return scope(() => {
    const zero = eq(x, 0);
    // Neither branch divides by 0: a product of 0 and an infinite slope would be NaN.
    return where(zero, 0, sqrt(where(zero, 1, x)));
  });
}

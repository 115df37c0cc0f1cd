/** The Poisson distribution. */

import { poissonDraw } from "../ops/countDraws";
import type { Operand } from "../ops/operand";
import { checkKey, type DrawOptions } from "../ops/randomBits";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Shape } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { checkParameter, drawnShape, notNegative, spread } from "./parameters";

/**
 * Counts of the Poisson distribution; i32. By products of uniforms for rates below 10, by transformed
 * rejection (Hörmann 1993) above, bounded by 32 rounds, which one draw in 10^32 exceeds: it is then the mean.
 * A tensor's elements that are negative or NaN give -1; rates above 2^30 count as 2^30.
 * @param rate the mean, >= 0: a number, or a tensor that broadcasts to the shape
 * @param shape default: that of rate
 * @throws ArgumentError unless rate is finite and >= 0 (numbers); ShapeError, DTypeError
 */
export function poisson(
  key: Tensor,
  rate: Operand,
  shape?: Shape,
  options: DrawOptions = {},
): Tensor {
  requireOptions("poisson", options, "stream");
  const drawn = drawnShape("poisson", shape, [rate]);
  checkKey("poisson", key);
  checkParameter("poisson", "rate", rate, drawn, notNegative);
  return scope(() => poissonDraw(key, spread(rate, drawn, key), options));
}

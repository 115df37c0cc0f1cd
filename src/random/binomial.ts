/** The binomial distribution. */
import { ArgumentError, DTypeError } from "../errors";
import { binomialDraw } from "../ops/countDraws";
import type { Operand } from "../ops/operand";
import { checkKey, type DrawOptions } from "../ops/randomBits";
import { expand, to } from "../ops/shape";
import { requireOptions } from "../options";
import { constant } from "../tensor/creation";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import type { Shape } from "../tensor/shape";
import { requireTensor, type Tensor } from "../tensor/tensor";
import { checkBroadcast, checkParameter, drawnShape, probability, spread } from "./parameters";

/** f32 tells all whole numbers up to here apart. */
const mostTrials = 2 ** 24;

/**
 * Counts of successes in `trials` attempts; i32. By waiting times where few are expected, by transformed rejection
 * (Hörmann 1993) elsewhere, bounded by 32 rounds, which one draw in 10^27 exceeds: it is then the mean. Elements of
 * tensors that are out of range give -1.
 * @param trials how many, from 0 to 2^24: a number, or an integer tensor that broadcasts to the shape
 * @param p the probability of a success: a number, or a tensor that broadcasts to the shape
 * @param shape default: that of the parameters together
 * @throws ArgumentError for trials and p out of range (numbers); ShapeError, DTypeError
 * @example binomial(key, 10, 0.3, [100])
 */
export function binomial(
  key: Tensor,
  trials: Operand,
  p: Operand,
  shape?: Shape,
  options: DrawOptions = {},
): Tensor {
  requireOptions("binomial", options, "stream");
  if (typeof trials !== "number") requireTensor("binomial", trials);
  const drawn = drawnShape("binomial", shape, [trials, p]);
  checkKey("binomial", key);
  checkParameter("binomial", "p", p, drawn, probability);
  if (typeof trials === "number") {
    if (!Number.isInteger(trials) || trials < 0 || trials > mostTrials)
      throw new ArgumentError(
        `binomial: trials ${trials} must be a whole number from 0 to ${mostTrials}.`,
      );
  } else if (isFloat(trials.dtype) || trials.dtype === "bool")
    throw new DTypeError(
      `binomial: trials have dtype ${trials.dtype}; they are a number or an integer tensor. Convert with .to("i32").`,
    );
  else checkBroadcast("binomial", "trials", trials, drawn);
  return scope(() => {
    const attempts =
      typeof trials === "number" ? constant(key.device, trials, "i32") : to(trials, "i32");
    return binomialDraw(key, expand(attempts, drawn), spread(p, drawn, key), options);
  });
}

/** Complex numbers: two tensors of one shape. There is no complex dtype; trees of tensors carry them. */
import { ShapeError } from "../errors";
import { add, mul, neg, sub } from "../ops/arithmetic";
import { zerosLike } from "../ops/creation";
import { sameShape, show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";

export interface Complex {
  readonly real: Tensor;
  readonly imag: Tensor;
}

/** @throws ShapeError where the two parts have different shapes */
export function asComplex(op: string, x: Tensor | Complex): Complex {
  if (x instanceof Tensor) return { real: x, imag: zerosLike(x) };
  if (!sameShape(x.real.shape, x.imag.shape))
    throw new ShapeError(
      `${op}: real has shape ${show(x.real.shape)} and imag ${show(x.imag.shape)}; they must agree.`,
    );
  return x;
}

export function complexMul(a: Complex, b: Complex): Complex {
  return {
    real: sub(mul(a.real, b.real), mul(a.imag, b.imag)),
    imag: add(mul(a.real, b.imag), mul(a.imag, b.real)),
  };
}

export function conjugate({ real, imag }: Complex): Complex {
  return { real, imag: neg(imag) };
}

/** The same function on both parts. */
export function onParts({ real, imag }: Complex, fn: (part: Tensor) => Tensor): Complex {
  return { real: fn(real), imag: fn(imag) };
}

/** Numbers beside tensors, and two tensors of different dtypes. */
import { ArgumentError } from "../errors";
import { constant } from "../tensor/creation";
import { type DType, isFloat, promote, widened } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { requireTensor, type Tensor } from "../tensor/tensor";
import type { Primitive } from "./primitive";
import { to } from "./shape";
import { bind } from "./trace";

/** An operand of a pointwise operation. A number takes the tensor's dtype (f32 if it is not whole). */
export type Operand = Tensor | number;

function asTensor(value: Operand, like: Tensor): Tensor {
  if (typeof value !== "number") return value;
  const fits = isFloat(like.dtype) || (Number.isInteger(value) && like.dtype !== "bool");
  // Of integers as i32: a packed type may not hold the number.
  const own = isFloat(like.dtype) ? like.dtype : widened(like.dtype);
  const dtype: DType = fits ? own : Number.isInteger(value) ? "i32" : "f32";
  return constant(like.device, value, dtype);
}

/**
 * Both as tensors of the dtype they promote to; the caller's scope owns what is made on the way.
 * @throws ArgumentError for two numbers, or what is neither number nor tensor
 */
export function operands(op: string, a: Operand, b: Operand): [Tensor, Tensor] {
  for (const value of [a, b]) if (typeof value !== "number") requireTensor(op, value);
  const like = typeof a !== "number" ? a : b;
  if (typeof like === "number")
    throw new ArgumentError(
      `${op}: both operands are numbers, ${a} and ${b}; at least one must be a tensor. Use tensor(${a}).`,
    );
  const x = asTensor(a, like);
  const y = asTensor(b, like);
  const dtype = promote(x.dtype, y.dtype);
  return [to(x, dtype), to(y, dtype)];
}

/** Integers and bools as f32, for functions that are only defined on real numbers. */
export function asFloat(x: Tensor): Tensor {
  return isFloat(x.dtype) ? x : to(x, "f32");
}

/** A primitive of one real operand: integers are converted. */
export function ofReal(primitive: Primitive<null>, x: Tensor): Tensor {
  requireTensor(primitive.name, x);
  return scope(() => bind(primitive, [asFloat(x)], null)[0]!);
}

/** A primitive of two operands of one dtype: they are promoted. */
export function ofPair(primitive: Primitive<null>, a: Operand, b: Operand): Tensor {
  return scope(() => bind(primitive, operands(primitive.name, a, b), null)[0]!);
}

/** A primitive of two real operands: they are promoted, integers converted. */
export function ofRealPair(primitive: Primitive<null>, a: Operand, b: Operand): Tensor {
  return scope(() => {
    const [x, y] = operands(primitive.name, a, b);
    return bind(primitive, [asFloat(x), asFloat(y)], null)[0]!;
  });
}

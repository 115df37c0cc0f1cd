/** Values of constant expressions, and how they are kept within their types. */
import { roundF16 } from "./float16";
import { abstractFloat, abstractInt, f16, f32, type ScalarType, type Type, u32 } from "./types";

/**
 * A bigint for abstract-int; a number for i32, u32, f32, f16 and abstract-float; the parts of a composite: vector
 * elements, matrix columns, array elements, struct members.
 */
export type ConstantValue = bigint | number | boolean | readonly ConstantValue[];

/** A constant expression that WGSL calls a shader-creation error. The message is the reason, without a position. */
export class ConstantError extends Error {
  override name = "ConstantError";
}

/** The scalar that a scalar, vector or matrix is made of. */
export function elementOf(type: Type): ScalarType {
  return type.kind === "scalar" ? type : (type as { readonly element: ScalarType }).element;
}

export const isFloat = (type: ScalarType): boolean =>
  type === f32 || type === f16 || type === abstractFloat;

/** x as the nearest value of a float type. */
export function toFloat(type: ScalarType, x: number): number {
  const rounded = type === f32 ? Math.fround(x) : type === f16 ? roundF16(x) : x;
  if (!Number.isFinite(rounded)) throw new ConstantError(`the result is not a finite ${type.name}`);
  return rounded;
}

/** x as a value of an integer type: i32 and u32 wrap, abstract-int must hold it. */
export function toInteger(type: ScalarType, x: bigint): ConstantValue {
  if (type !== abstractInt)
    return Number(type === u32 ? BigInt.asUintN(32, x) : BigInt.asIntN(32, x));
  if (x !== BigInt.asIntN(64, x))
    throw new ConstantError(`${x} does not fit the 64 bits of an integer`);
  return x;
}

/** The function of each component; scalars stand for every one. */
export function mapComponents(
  args: readonly ConstantValue[],
  f: (args: readonly ConstantValue[]) => ConstantValue,
): ConstantValue {
  const vector = args.find((arg) => typeof arg === "object");
  return vector
    ? vector.map((_, k) => f(args.map((arg) => (typeof arg === "object" ? arg[k]! : arg))))
    : f(args);
}

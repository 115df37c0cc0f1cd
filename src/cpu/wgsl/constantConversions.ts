/** Conversions of constants: implicit, by value constructors, by bits, and the zero of each type. */
import { ConstantError, type ConstantValue, elementOf, isFloat, toFloat } from "./constantValue";
import { f16Bits, f16FromBits, maxF16 } from "./float16";
import {
  abstractInt,
  bool,
  f16,
  f32,
  i32,
  type ScalarType,
  type Type,
  typeName,
  u32,
} from "./types";

type ScalarConversion = (x: ConstantValue, from: ScalarType, to: ScalarType) => ConstantValue;

const maxF32 = (2 - 2 ** -23) * 2 ** 127;

const notRepresentable = (x: ConstantValue, to: Type): ConstantError =>
  new ConstantError(`${x} is not a value of ${typeName(to)}`);

const implicitScalar: ScalarConversion = (x, from, to) => {
  if (from === to) return x;
  const value = Number(x);
  if (to === i32 || to === u32) {
    if (value !== (to === i32 ? value | 0 : value >>> 0)) throw notRepresentable(x, to);
    return value;
  }
  // A value beyond the largest is refused even where it would round to that.
  const limit = to === f32 ? maxF32 : to === f16 ? maxF16 : Infinity;
  if (Math.abs(value) > limit) throw notRepresentable(x, to);
  return toFloat(to, value);
};

const explicitScalar: ScalarConversion = (x, from, to) => {
  if (from === to) return x;
  if (to === bool) return Number(x) !== 0;
  if (to === abstractInt) return BigInt(x as number | bigint | boolean);
  if (from === abstractInt || isFloat(to)) return implicitScalar(x, from, to);
  let value = Number(x);
  if (isFloat(from)) {
    // To the range of values that both types have.
    const end = to === i32 ? 2 ** 31 : 2 ** 32;
    const highest = from === f32 ? end * (1 - 2 ** -24) : end - 1;
    value = Math.trunc(Math.min(Math.max(value, to === i32 ? -end : 0), highest));
  }
  return to === i32 ? value | 0 : value >>> 0;
};

function convert(x: ConstantValue, from: Type, to: Type, scalar: ScalarConversion): ConstantValue {
  if (from === to) return x;
  if (from.kind === "scalar") return scalar(x, from, to as ScalarType);
  const parts = x as readonly ConstantValue[];
  if (from.kind === "struct") {
    const { members } = to as typeof from;
    return parts.map((part, k) => convert(part, from.members[k]!.type, members[k]!.type, scalar));
  }
  if (from.kind === "matrix") {
    const target = elementOf(to);
    return parts.map((column) =>
      (column as readonly ConstantValue[]).map((part) => scalar(part, from.element, target)),
    );
  }
  const target = (to as { readonly element: Type }).element;
  return parts.map((part) =>
    convert(part, (from as { readonly element: Type }).element, target, scalar),
  );
}

/** An implicit conversion. Throws ConstantError if the value is beyond the type. */
export function convertConstant(value: ConstantValue, from: Type, to: Type): ConstantValue {
  return convert(value, from, to, implicitScalar);
}

/**
 * As the value constructors convert: `u32(x)`, `vec3<f32>(v)`. Floats to integers truncate and saturate, i32 and
 * u32 keep their bits. Throws ConstantError if a float or an abstract integer is beyond the type.
 */
export function explicitConvert(value: ConstantValue, from: Type, to: Type): ConstantValue {
  return convert(value, from, to, explicitScalar);
}

export function zeroConstant(type: Type): ConstantValue {
  switch (type.kind) {
    case "scalar":
      return type === bool ? false : type === abstractInt ? 0n : 0;
    case "vector":
      return new Array(type.width).fill(zeroConstant(type.element));
    case "matrix":
      return new Array(type.columns).fill(new Array(type.rows).fill(0));
    case "array":
      return new Array(type.count ?? 1).fill(zeroConstant(type.element));
    case "struct":
      return type.members.map((member) => zeroConstant(member.type));
    default:
      throw new ConstantError(`${typeName(type)} has no constants`);
  }
}

/**
 * The same bits as another scalar or vector; an abstract-int stands for the i32 or u32 that it is. Throws
 * ConstantError for NaN and infinities.
 */
export function bitcastConstant(value: ConstantValue, from: Type, to: Type): ConstantValue {
  const bytes = new DataView(new ArrayBuffer(16));
  const source = elementOf(from);
  const target = elementOf(to);
  [value].flat().forEach((x, k) => {
    if (source === f16) bytes.setUint16(2 * k, f16Bits(x as number), true);
    else if (source === f32) bytes.setFloat32(4 * k, x as number, true);
    else {
      const value = Number(x);
      if (value < -(2 ** 31) || value >= 2 ** 32) throw notRepresentable(x, u32);
      bytes.setInt32(4 * k, value, true);
    }
  });
  const read = (k: number): number => {
    if (target === i32) return bytes.getInt32(4 * k, true);
    if (target === u32) return bytes.getUint32(4 * k, true);
    const x =
      target === f16 ? f16FromBits(bytes.getUint16(2 * k, true)) : bytes.getFloat32(4 * k, true);
    return toFloat(target, x);
  };
  return to.kind === "vector" ? Array.from({ length: to.width }, (_, k) => read(k)) : read(0);
}

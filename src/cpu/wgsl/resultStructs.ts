/**
 * The structs that frexp, modf and atomicCompareExchangeWeak give. Programs cannot name them, so one object
 * stands for each.
 */
import { withElement } from "./conversionRank";
import {
  abstractFloat,
  abstractInt,
  alignOf,
  bool,
  i32,
  type ScalarType,
  type StructType,
  sizeOf,
  type Type,
  typeName,
  type VectorType,
} from "./types";

const made = new Map<string, StructType>();

function structOf(name: string, members: readonly (readonly [string, Type])[]): StructType {
  let struct = made.get(name);
  if (!struct) {
    let end = 0;
    let align = 1;
    const placed = members.map(([member, type]) => {
      const offset = Math.ceil(end / alignOf(type)) * alignOf(type);
      end = offset + sizeOf(type);
      align = Math.max(align, alignOf(type));
      return { name: member, type, offset };
    });
    const size = Math.ceil(end / align) * align;
    struct = { kind: "struct", name, members: placed, size, align };
    made.set(name, struct);
  }
  return struct;
}

type Float = ScalarType | VectorType;

const suffix = (type: Float): string => {
  const element = type.kind === "vector" ? type.element : type;
  const name = element === abstractFloat ? "abstract" : element.name;
  return type.kind === "vector" ? `vec${type.width}_${name}` : name;
};

/** fract and exp, with fract · 2^exp = x and fract in [0.5, 1). */
export function frexpResult(type: Float): StructType {
  const element = type.kind === "vector" ? type.element : type;
  return structOf(`__frexp_result_${suffix(type)}`, [
    ["fract", type],
    ["exp", withElement(type, element === abstractFloat ? abstractInt : i32)],
  ]);
}

/** fract and whole, both with the sign of x. */
export function modfResult(type: Float): StructType {
  return structOf(`__modf_result_${suffix(type)}`, [
    ["fract", type],
    ["whole", type],
  ]);
}

export function exchangeResult(element: ScalarType): StructType {
  return structOf(`__atomic_compare_exchange_result_${typeName(element)}`, [
    ["old_value", element],
    ["exchanged", bool],
  ]);
}

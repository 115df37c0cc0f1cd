/**
 * Which types convert to which by themselves, and at what rank (WGSL, "Conversion Rank"): of two overloads
 * that take the arguments, the one of lower ranks is meant.
 */
import {
  abstractFloat,
  abstractInt,
  f16,
  f32,
  i32,
  type ScalarType,
  sameType,
  type Type,
  u32,
  vectorOf,
} from "./types";

const ranks = new Map<Type, ReadonlyMap<Type, number>>([
  [
    abstractInt,
    new Map<Type, number>([
      [i32, 3],
      [u32, 4],
      [abstractFloat, 5],
      [f32, 6],
      [f16, 7],
    ]),
  ],
  [
    abstractFloat,
    new Map<Type, number>([
      [f32, 1],
      [f16, 2],
    ]),
  ],
]);

/** 0 for the same type; Infinity where nothing converts. */
export function conversionRank(from: Type, to: Type): number {
  if (from === to) return 0;
  if (from.kind !== to.kind) return Number.POSITIVE_INFINITY;
  switch (from.kind) {
    case "scalar":
      return ranks.get(from)?.get(to) ?? Number.POSITIVE_INFINITY;
    case "vector":
      if (to.kind === "vector" && from.width === to.width)
        return conversionRank(from.element, to.element);
      break;
    case "matrix":
      if (to.kind === "matrix" && from.columns === to.columns && from.rows === to.rows)
        return conversionRank(from.element, to.element);
      break;
    case "array":
      if (to.kind === "array" && from.count === to.count)
        return conversionRank(from.element, to.element);
      break;
    case "struct":
      // The abstract results of frexp and modf; no other struct has an abstract member.
      if (
        to.kind === "struct" &&
        isAbstract(from) &&
        from.name.replace("abstract", "") === to.name.replace(/f(32|16)$/, "")
      )
        return conversionRank(from.members[0]!.type, to.members[0]!.type);
      break;
    default:
      if (sameType(from, to)) return 0;
  }
  return Number.POSITIVE_INFINITY;
}

/** Whether the type is, or has a part that is, an abstract number. */
export function isAbstract(type: Type): boolean {
  switch (type.kind) {
    case "scalar":
      return type === abstractInt || type === abstractFloat;
    case "vector":
    case "matrix":
    case "array":
      return isAbstract(type.element);
    case "struct":
      return type.name.startsWith("__") && type.name.endsWith("abstract");
    default:
      return false;
  }
}

/** The same type over another scalar. */
export function withElement(type: Type, element: ScalarType): Type {
  switch (type.kind) {
    case "scalar":
      return element;
    case "vector":
      return vectorOf(element, type.width);
    case "matrix":
      return { kind: "matrix", columns: type.columns, rows: type.rows, element };
    case "array":
      return { ...type, element: withElement(type.element, element) };
    default:
      return type;
  }
}

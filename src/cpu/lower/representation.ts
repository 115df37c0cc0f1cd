/**
 * What a WGSL value is in the intermediate form.
 *
 *   f32, f16        an f32
 *   i32, u32, bool  an i32; bool is 0 or 1
 *   vector          a v128 of 32-bit lanes; a vector of bool has lanes 0 or -1; unused lanes hold anything
 *   matrix          its columns
 *   array, struct   its elements or members
 *
 * The leaves of a value are its scalars and vectors in order. In wide code (see wide.ts) a scalar is four
 * lanes of a v128, one for each of four evaluations side by side.
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import type { Constant } from "../wgsl/program";
import { type ScalarType, type Type, vectorOf } from "../wgsl/types";

export type Representation = Value | readonly Representation[];

export const isLeaf = (type: Type): boolean =>
  type.kind === "scalar" || type.kind === "vector" || type.kind === "atomic";

export function isValue(r: Representation): r is Value {
  return !Array.isArray(r);
}

/** The parts of a composite, in order; of a leaf none. */
export function partTypes(type: Type): readonly Type[] {
  switch (type.kind) {
    case "matrix":
      return new Array(type.columns).fill(vectorOf(type.element, type.rows));
    case "array":
      return new Array(type.count ?? 0).fill(type.element);
    case "struct":
      return type.members.map((m) => m.type);
    default:
      return [];
  }
}

const counts = new WeakMap<Type, number>();

export function leafCount(type: Type): number {
  if (isLeaf(type)) return 1;
  let count = counts.get(type);
  if (count === undefined) {
    count =
      type.kind === "array"
        ? (type.count ?? 0) * leafCount(type.element)
        : partTypes(type).reduce((sum, part) => sum + leafCount(part), 0);
    counts.set(type, count);
  }
  return count;
}

export function leafTypes(type: Type): readonly Type[] {
  return isLeaf(type) ? [type] : partTypes(type).flatMap(leafTypes);
}

/** How many leaves come before part `index`. */
export function leavesBefore(type: Type, index: number): number {
  if (type.kind === "array") return index * leafCount(type.element);
  if (type.kind === "matrix") return index;
  return partTypes(type)
    .slice(0, index)
    .reduce((sum, part) => sum + leafCount(part), 0);
}

export function flatten(r: Representation, into: Value[] = []): Value[] {
  if (isValue(r)) into.push(r);
  else for (const part of r) flatten(part, into);
  return into;
}

/** The value of `type` whose leaves begin at `first`. */
export function unflatten(type: Type, leaves: readonly Value[], first = 0): Representation {
  if (isLeaf(type)) return leaves[first]!;
  let at = first;
  return partTypes(type).map((part) => {
    const value = unflatten(part, leaves, at);
    at += leafCount(part);
    return value;
  });
}

export const isFloat = (element: ScalarType): boolean =>
  element.name === "f32" || element.name === "f16";

/** The element type of a scalar, vector or matrix. */
export function elementOf(type: Type): ScalarType {
  switch (type.kind) {
    case "scalar":
      return type;
    case "vector":
    case "matrix":
    case "atomic":
      return type.element;
    default:
      throw new Error(`${type.kind} has no element type`);
  }
}

const scalarConstant = (b: Builder, element: ScalarType, value: number | boolean): Value =>
  isFloat(element) ? b.f32(Number(value)) : b.i32(Number(value));

const laneConstant = (element: ScalarType, value: number | boolean): number =>
  element.name === "bool" ? -Number(value) : Number(value);

/** Up to four lanes; the last is repeated. */
function vectorConstant(
  b: Builder,
  element: ScalarType,
  values: readonly (number | boolean)[],
): Value {
  const lane = (i: number) => laneConstant(element, values[Math.min(i, values.length - 1)]!);
  return isFloat(element)
    ? b.f32x4(lane(0), lane(1), lane(2), lane(3))
    : b.i32x4(lane(0), lane(1), lane(2), lane(3));
}

export function constantRepresentation(
  b: Builder,
  type: Type,
  value: Constant,
  wide: boolean,
): Representation {
  if (type.kind === "scalar")
    return wide
      ? vectorConstant(b, type, [value as number | boolean])
      : scalarConstant(b, type, value as number | boolean);
  if (type.kind === "vector")
    return vectorConstant(b, type.element, value as readonly (number | boolean)[]);
  const parts = partTypes(type);
  return (value as readonly Constant[]).map((part, i) =>
    constantRepresentation(b, parts[i]!, part, wide),
  );
}

export function zeroRepresentation(b: Builder, type: Type, wide: boolean): Representation {
  if (!isLeaf(type)) return partTypes(type).map((part) => zeroRepresentation(b, part, wide));
  if (type.kind === "vector" || wide) return b.i32x4(0);
  return scalarConstant(b, elementOf(type), 0);
}

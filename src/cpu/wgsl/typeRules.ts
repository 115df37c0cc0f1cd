/** What types may stand where: constructible, host-shareable, of fixed footprint (WGSL, "Types"). */
import type { Position } from "./program";
import { fail } from "./scope";
import { type AccessMode, type AddressSpace, bool, sizeOf, type Type, typeName } from "./types";

/** Array types whose count depends on an override: only a workgroup variable may have one. */
export const overrideSized = new WeakSet<Type>();

/** Elements that an array outside of storage buffers has at most, as elsewhere (WGSL, "Limits"). */
const largestCount = 65535;
/** Bytes that a variable in function or private memory has at most. */
const largestVariable = 65536;

/** Whether the type or a part of it passes the test. */
function holds(type: Type, test: (part: Type) => boolean): boolean {
  if (test(type)) return true;
  if (type.kind === "array") return holds(type.element, test);
  return type.kind === "struct" && type.members.some((member) => holds(member.type, test));
}

const isLong = (type: Type): boolean => type.kind === "array" && (type.count ?? 0) > largestCount;

/** Whether values of the type can be made and passed about. */
export const isConstructible = (type: Type): boolean =>
  !holds(
    type,
    (part) =>
      part.kind === "atomic" ||
      part.kind === "pointer" ||
      (part.kind === "array" && (part.count === null || overrideSized.has(part) || isLong(part))),
  );

/** Whether the size is known without overrides. */
export function hasFixedFootprint(type: Type): boolean {
  if (type.kind === "array") return type.count !== null && !overrideSized.has(type);
  if (type.kind === "struct") return hasFixedFootprint(type.members[type.members.length - 1]!.type);
  return true;
}

const holdsBool = (type: Type): boolean =>
  holds(type, (part) => part === bool || (part.kind === "vector" && part.element === bool));

const holdsAtomic = (type: Type): boolean => holds(type, (part) => part.kind === "atomic");

/** Fails if variables of the address space cannot hold the type. */
export function requireStorable(
  at: Position,
  type: Type,
  space: AddressSpace,
  access: AccessMode,
): void {
  const refuse = (why: string): never =>
    fail(at, `The ${space} address space cannot hold ${typeName(type)}: ${why}.`);
  const tooLong = `an array has at most ${largestCount} elements there`;
  if (type.kind === "pointer") refuse("a pointer is not stored; bind it with let");
  switch (space) {
    case "function":
    case "private":
      if (!isConstructible(type))
        refuse(`its size must be fixed, without atomics and arrays of more than ${largestCount}`);
      if (sizeOf(type) > largestVariable) refuse(`it has at most ${largestVariable} bytes`);
      break;
    case "workgroup":
      if (!hasFixedFootprint(type) && !overrideSized.has(type)) refuse("give the array a count");
      if (!overrideSized.has(type) && holds(type, isLong)) refuse(tooLong);
      break;
    case "uniform":
      if (!hasFixedFootprint(type)) refuse("give the array a count, or use storage");
      if (holds(type, isLong)) refuse(tooLong);
      if (holdsBool(type)) refuse("use u32 for bool");
      if (holdsAtomic(type)) refuse("atomics stand in storage or workgroup memory");
      break;
    case "storage":
      if (overrideSized.has(type)) refuse("its count must not need an override");
      if (holdsBool(type)) refuse("use u32 for bool");
      if (holdsAtomic(type) && access !== "read_write") refuse("atomics need read_write");
      break;
  }
}

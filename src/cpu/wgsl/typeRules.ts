/** What types may stand where: constructible, host-shareable, of fixed footprint (WGSL, "Types"). */
import type { Position } from "./program";
import { fail } from "./scope";
import { type AccessMode, type AddressSpace, bool, type Type, typeName } from "./types";

/** Array types whose count depends on an override: only a workgroup variable may have one. */
export const overrideSized = new WeakSet<Type>();

/** Whether values of the type can be made and passed about. */
export function isConstructible(type: Type): boolean {
  switch (type.kind) {
    case "atomic":
    case "pointer":
      return false;
    case "array":
      return type.count !== null && !overrideSized.has(type) && isConstructible(type.element);
    case "struct":
      return type.members.every((member) => isConstructible(member.type));
    default:
      return true;
  }
}

/** Whether the size is known without overrides. */
export function hasFixedFootprint(type: Type): boolean {
  if (type.kind === "array") return type.count !== null && !overrideSized.has(type);
  if (type.kind === "struct") return hasFixedFootprint(type.members[type.members.length - 1]!.type);
  return true;
}

const isHostShareable = (type: Type): boolean => {
  switch (type.kind) {
    case "scalar":
      return type !== bool;
    case "vector":
      return type.element !== bool;
    case "array":
      return isHostShareable(type.element);
    case "struct":
      return type.members.every((member) => isHostShareable(member.type));
    default:
      return true;
  }
};

export const holdsAtomic = (type: Type): boolean => {
  switch (type.kind) {
    case "atomic":
      return true;
    case "array":
      return holdsAtomic(type.element);
    case "struct":
      return type.members.some((member) => holdsAtomic(member.type));
    default:
      return false;
  }
};

/** Fails if variables of the address space cannot hold the type. */
export function requireStorable(
  at: Position,
  type: Type,
  space: AddressSpace,
  access: AccessMode,
): void {
  const refuse = (why: string): never =>
    fail(at, `The ${space} address space cannot hold ${typeName(type)}: ${why}.`);
  if (type.kind === "pointer") refuse("a pointer is not stored; bind it with let");
  switch (space) {
    case "function":
    case "private":
      if (!isConstructible(type)) refuse("its size must be fixed, without atomics");
      break;
    case "workgroup":
      if (!hasFixedFootprint(type) && !overrideSized.has(type)) refuse("give the array a count");
      break;
    case "uniform":
      if (!hasFixedFootprint(type)) refuse("give the array a count, or use storage");
      if (!isHostShareable(type)) refuse("use u32 for bool");
      if (holdsAtomic(type)) refuse("atomics stand in storage or workgroup memory");
      break;
    case "storage":
      if (overrideSized.has(type)) refuse("its count must not need an override");
      if (!isHostShareable(type)) refuse("use u32 for bool");
      if (holdsAtomic(type) && access !== "read_write") refuse("atomics need read_write");
      break;
  }
}

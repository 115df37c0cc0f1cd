/** Type expressions: predeclared types, generators with template arguments, aliases and structs. */
import type { Expression, Identifier } from "./ast";
import { checkExpression } from "./checkExpressions";
import { constantAs, isConstant, isConvertible, loaded } from "./operand";
import type { Position } from "./program";
import { fail, type Scope } from "./scope";
import { hasFixedFootprint, overrideSized, requireStorable } from "./typeRules";
import {
  type AccessMode,
  type AddressSpace,
  bool,
  f16,
  f32,
  i32,
  type MatrixType,
  type ScalarType,
  type Type,
  typeName,
  u32,
  vectorOf,
} from "./types";

/** A type constructor without its template arguments: `vec3`, `mat2x4`, `array`. */
export type Generator = { readonly kind: "generator" } & (
  | { readonly of: "vector"; readonly width: 2 | 3 | 4 }
  | { readonly of: "matrix"; readonly columns: 2 | 3 | 4; readonly rows: 2 | 3 | 4 }
  | { readonly of: "array" | "atomic" | "ptr" }
);

const widths = [2, 3, 4] as const;
const suffixes: readonly (readonly [string, ScalarType])[] = [
  ["f", f32],
  ["h", f16],
  ["i", i32],
  ["u", u32],
];

const predeclared = new Map<string, Type>(
  [bool, i32, u32, f32, f16].map((type) => [type.name, type]),
);
const generators = new Map<string, Generator>([
  ["array", { kind: "generator", of: "array" }],
  ["atomic", { kind: "generator", of: "atomic" }],
  ["ptr", { kind: "generator", of: "ptr" }],
]);
for (const width of widths) {
  generators.set(`vec${width}`, { kind: "generator", of: "vector", width });
  for (const [suffix, element] of suffixes)
    predeclared.set(`vec${width}${suffix}`, vectorOf(element, width));
  for (const rows of widths) {
    generators.set(`mat${width}x${rows}`, {
      kind: "generator",
      of: "matrix",
      columns: width,
      rows,
    });
    for (const [suffix, element] of suffixes.slice(0, 2))
      predeclared.set(`mat${width}x${rows}${suffix}`, matrixOf(element, width, rows));
  }
}

export function matrixOf(element: ScalarType, columns: 2 | 3 | 4, rows: 2 | 3 | 4): MatrixType {
  return { kind: "matrix", columns, rows, element };
}

const resourceTypes = /^(texture_|sampler|external_texture|subgroup_matrix_|binding_array|buffer)/;

/** Null for a name that is no predeclared type or generator. */
function predeclaredType(scope: Scope, node: Identifier): Type | Generator | null {
  const { name, at, template } = node;
  const type = predeclared.get(name);
  if (type) {
    if (template) fail(at, `${name} takes no template arguments. Leave them out.`);
    if (isHalf(type)) requireHalf(scope, at);
    return type;
  }
  const generator = generators.get(name);
  if (!generator)
    return resourceTypes.test(name)
      ? fail(at, `The CPU executor has no type ${name}. Use a storage buffer.`)
      : null;
  return template ? generatedType(scope, node, generator, template) : generator;
}

const isHalf = (type: Type): boolean =>
  type === f16 || ((type.kind === "vector" || type.kind === "matrix") && type.element === f16);

export function requireHalf(scope: Scope, at: Position): void {
  if (!scope.module.enabled.has("f16"))
    fail(at, "f16 needs the directive `enable f16;` at the top.");
}

/** The type or generator that a name stands for; null if it stands for something else. */
export function namedType(scope: Scope, node: Identifier): Type | Generator | null {
  const meaning = scope.lookup(node.name, node.at);
  if (!meaning) return predeclaredType(scope, node);
  if (meaning.kind !== "type") return null;
  if (node.template) fail(node.at, `${node.name} takes no template arguments. Leave them out.`);
  return meaning.type;
}

/** The type that a type expression names. */
export function checkType(scope: Scope, node: Identifier): Type {
  const type = namedType(scope, node);
  if (!type) return fail(node.at, `${node.name} is not a type. Declare it or correct the name.`);
  if (type.kind === "generator")
    return fail(node.at, `${node.name} needs template arguments, as in ${node.name}<…>.`);
  return type;
}

function typeArgument(scope: Scope, node: Expression | undefined, at: Position): Type {
  if (node?.kind !== "identifier") return fail(node?.at ?? at, "A type must stand here.");
  return checkType(scope, node);
}

function generatedType(
  scope: Scope,
  { name, at }: Identifier,
  generator: Generator,
  args: readonly Expression[],
): Type {
  const most = generator.of === "array" ? 2 : generator.of === "ptr" ? 3 : 1;
  const least = generator.of === "ptr" ? 2 : 1;
  if (args.length < least || args.length > most)
    fail(
      at,
      `${name} takes ${least === most ? least : `${least} or ${most}`} template arguments, not ${args.length}.`,
    );
  switch (generator.of) {
    case "vector": {
      const element = typeArgument(scope, args[0], at);
      if (element.kind !== "scalar")
        return fail(at, `The elements of a vector are scalars, not ${typeName(element)}.`);
      return vectorOf(element, generator.width);
    }
    case "matrix": {
      const element = typeArgument(scope, args[0], at);
      if (element !== f32 && element !== f16)
        return fail(at, `The elements of a matrix are f32 or f16, not ${typeName(element)}.`);
      return matrixOf(element, generator.columns, generator.rows);
    }
    case "array":
      return arrayType(scope, at, typeArgument(scope, args[0], at), args[1]);
    case "atomic": {
      const element = typeArgument(scope, args[0], at);
      if (element !== i32 && element !== u32)
        return fail(at, `An atomic holds i32 or u32, not ${typeName(element)}.`);
      return { kind: "atomic", element };
    }
    case "ptr":
      return pointerType(scope, at, args);
  }
}

function arrayType(
  scope: Scope,
  at: Position,
  element: Type,
  countNode: Expression | undefined,
): Type {
  if (element.kind === "pointer" || !hasFixedFootprint(element))
    fail(at, `${typeName(element)} cannot be the element of an array: its size must be fixed.`);
  if (!countNode) return { kind: "array", element, count: null };
  const operand = loaded(checkExpression(scope, countNode));
  const type = operand.type === u32 ? u32 : i32;
  if (!isConstant(operand) || !isConvertible(operand.type, type))
    fail(countNode.at, "The count of an array must be a constant integer.");
  const count = constantAs(scope, operand, type) as number;
  if (count < 1) fail(countNode.at, `The count of an array is ${count}; it must be positive.`);
  const array: Type = { kind: "array", element, count };
  if (operand.stage === "override") overrideSized.add(array);
  return array;
}

const spaces: Readonly<Record<string, AddressSpace>> = {
  function: "function",
  private: "private",
  workgroup: "workgroup",
  uniform: "uniform",
  storage: "storage",
};
const modes: readonly string[] = ["read", "write", "read_write"];

/** The address space, and the access mode that is written, or else the one the space has. */
export function spaceAndAccess(
  scope: Scope,
  at: Position,
  spaceNode: Expression,
  accessNode: Expression | undefined,
): { space: AddressSpace; access: AccessMode } {
  const spaceName = enumerant(scope, spaceNode);
  const space = spaces[spaceName];
  if (!space)
    return fail(
      spaceNode.at,
      `${spaceName} is not an address space of the CPU executor. Use one of ${Object.keys(spaces).join(", ")}.`,
    );
  if (!accessNode)
    return { space, access: space === "storage" || space === "uniform" ? "read" : "read_write" };
  const access = enumerant(scope, accessNode);
  if (!modes.includes(access))
    fail(accessNode.at, `${access} is not an access mode. Use read or read_write.`);
  if (space !== "storage")
    fail(at, "Only the storage address space takes an access mode. Leave it out.");
  if (access === "write") fail(accessNode.at, "Storage buffers are read or read_write, not write.");
  return { space, access: access as AccessMode };
}

function enumerant(scope: Scope, node: Expression): string {
  if (node.kind !== "identifier" || node.template)
    return fail(node.at, "An address space or access mode must stand here.");
  if (scope.lookup(node.name, node.at))
    fail(node.at, `${node.name} is declared as something else here. Rename that declaration.`);
  return node.name;
}

function pointerType(scope: Scope, at: Position, args: readonly Expression[]): Type {
  const { space, access } = spaceAndAccess(scope, at, args[0]!, args[2]);
  const to = typeArgument(scope, args[1], at);
  requireStorable(at, to, space, access);
  return { kind: "pointer", space, to, access };
}

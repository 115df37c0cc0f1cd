/** Attributes: which stand on a declaration, and their arguments. */
import type { Attribute } from "./ast";
import { checkValue } from "./checkExpressions";
import { constantAs, isConstant, isConvertible } from "./operand";
import type { BuiltinValue, Position } from "./program";
import { fail, type Scope } from "./scope";
import { i32, type Type, u32, vectorOf } from "./types";

const vec3u = vectorOf(u32, 3);
/** The built-in inputs of compute shaders, with their types. */
export const builtinValues: Readonly<Record<BuiltinValue, Type>> = {
  workgroup_id: vec3u,
  num_workgroups: vec3u,
  local_invocation_id: vec3u,
  local_invocation_index: u32,
  global_invocation_id: vec3u,
  global_invocation_index: u32,
  workgroup_index: u32,
  subgroup_invocation_id: u32,
  subgroup_size: u32,
  subgroup_id: u32,
  num_subgroups: u32,
};

const rendering = /^(vertex|fragment|location|interpolate|invariant|blend_src|color)$/;

/** The attributes by name. Fails on one that is not allowed here. */
export function attributesOf(
  attributes: readonly Attribute[],
  allowed: readonly string[],
): ReadonlyMap<string, Attribute> {
  const found = new Map<string, Attribute>();
  for (const attribute of attributes) {
    const { name, at } = attribute;
    if (rendering.test(name))
      fail(at, `@${name} is for rendering. The CPU executor runs compute shaders.`);
    if (!allowed.includes(name))
      fail(
        at,
        `@${name} cannot stand here. ${allowed.length > 0 ? `Use ${allowed.map((a) => `@${a}`).join(", ")}.` : "Remove it."}`,
      );
    found.set(name, attribute);
  }
  return found;
}

/** The integer argument of an attribute. */
export function attributeNumber(scope: Scope, { name, args }: Attribute): number {
  const operand = checkValue(scope, args![0]!);
  const type = operand.type === u32 ? u32 : i32;
  if (operand.stage !== "const" || !isConvertible(operand.type, type))
    fail(operand.at, `The argument of @${name} is a constant integer.`);
  const value = constantAs(scope, operand, type) as number;
  if (value < 0) fail(operand.at, `The argument of @${name} is ${value}; it must not be negative.`);
  return value;
}

/** The input that @builtin(…) on a declaration of the type names. */
export function builtinInput(
  scope: Scope,
  attribute: Attribute,
  type: Type,
  at: Position,
): BuiltinValue {
  const arg = attribute.args![0]!;
  if (arg.kind !== "identifier" || arg.template)
    return fail(arg.at, "@builtin takes the name of a built-in value.");
  const name = arg.name as BuiltinValue;
  const wanted = Object.hasOwn(builtinValues, name) ? builtinValues[name] : null;
  if (!wanted)
    return fail(
      arg.at,
      `${name} is not an input of compute shaders. Use one of ${Object.keys(builtinValues).join(", ")}.`,
    );
  if (/subgroup/.test(name) && !scope.module.enabled.has("subgroups"))
    fail(arg.at, `${name} needs the directive \`enable subgroups;\` at the top.`);
  if (type !== wanted)
    fail(at, `${name} is ${wanted === u32 ? "u32" : "vec3<u32>"}. Declare it so.`);
  return name;
}

/** Three counts, from one to three constant or override expressions. */
export function workgroupSize(scope: Scope, { args }: Attribute): [number, number, number] {
  const operands = args!.map((arg) => checkValue(scope, arg));
  const type = operands.map((operand) => operand.type).find((t) => t === i32 || t === u32) ?? i32;
  const size = operands.map((operand) => {
    if (!isConstant(operand) || !isConvertible(operand.type, type))
      fail(operand.at, "A workgroup size is a constant or override integer, all i32 or all u32.");
    const count = constantAs(scope, operand, type) as number;
    if (count < 1) fail(operand.at, `A workgroup size is ${count}; it must be positive.`);
    return count;
  });
  return [size[0]!, size[1] ?? 1, size[2] ?? 1];
}

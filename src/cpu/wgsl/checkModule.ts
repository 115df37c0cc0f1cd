/** Module-scope declarations, each resolved to what its name means. */
import type * as ast from "./ast";
import { attributeNumber, attributesOf, builtinInput, workgroupSize } from "./attributes";
import { checkBehaviour } from "./behaviour";
import { checkValue } from "./checkExpressions";
import { checkBody, checkConstant, checkInitialiser } from "./checkStatements";
import { checkType, spaceAndAccess } from "./checkTypes";
import { ConstantError, type ConstantValue, convertConstant } from "./constants";
import { concreteType, constantAs, converted, isConstant } from "./operand";
import type { BuiltinValue, FunctionDefinition, GlobalVariable } from "./program";
import { fail, type Meaning, type Module, Scope } from "./scope";
import { hasFixedFootprint, isConstructible, overrideSized, requireStorable } from "./typeRules";
import {
  abstractFloat,
  alignOf,
  bool,
  i32,
  type StructMember,
  type StructType,
  sizeOf,
  type Type,
  typeName,
  u32,
} from "./types";

type Kind<K extends ast.Declaration["kind"]> = Extract<ast.Declaration, { kind: K }>;

/** What the name of a declaration means. Functions, structs and variables are added to the module. */
export function checkDeclaration(module: Module, node: ast.Declaration): Meaning {
  const scope = new Scope(module);
  switch (node.kind) {
    case "const":
      return { kind: "constant", stage: "const", ...checkConstant(scope, node) };
    case "override":
      return checkOverride(scope, node);
    case "alias":
      return { kind: "type", type: checkType(scope, node.type) };
    case "struct":
      return { kind: "type", type: checkStruct(scope, node) };
    case "var":
      return checkGlobal(scope, node);
    case "fn":
      return checkFunction(scope, node);
    case "const_assert":
      return fail(node.at, "A const_assert has no name.");
  }
}

/** Under which key the value of an override is given: its @id, else its name. */
export function overrideKey(scope: Scope, node: Kind<"override">): string {
  const id = attributesOf(node.attributes, ["id"]).get("id");
  if (!id) return node.name;
  const key = attributeNumber(scope, id);
  if (key > 65535) fail(id.at, `@id takes 0 to 65535, not ${key}.`);
  return String(key);
}

function checkOverride(scope: Scope, node: Kind<"override">): Meaning {
  const { name, at } = node;
  const init = node.init && checkValue(scope, node.init);
  if (init && !isConstant(init)) fail(init.at, `The default of ${name} must be a constant.`);
  const type = node.type
    ? checkType(scope, node.type)
    : concreteType(init?.type ?? fail(at, `${name} needs a type or a default.`));
  if (type.kind !== "scalar") return fail(at, `An override is a scalar, not ${typeName(type)}.`);
  if (init) converted(scope, init, type);
  const given = scope.module.overrides[overrideKey(scope, node)];
  if (given !== undefined) {
    const value = overrideValue(node, type, given);
    return { kind: "constant", type, value, stage: "override" };
  }
  if (!init) return { kind: "unset" };
  return { kind: "constant", type, value: constantAs(scope, init, type), stage: "override" };
}

/** The host's number as a value of the type; a fraction is cut off for integers. */
function overrideValue({ name, at }: Kind<"override">, type: Type, given: number): ConstantValue {
  if (type === bool) return given !== 0;
  const refuse = (): never =>
    fail(at, `The override ${name} is ${given}, which is no value of ${typeName(type)}.`);
  if (type === i32) return given >= -(2 ** 31) && given <= 2 ** 31 - 1 ? given | 0 : refuse();
  if (type === u32) return given >= 0 && given <= 2 ** 32 - 1 ? given >>> 0 : refuse();
  try {
    return convertConstant(given, abstractFloat, type);
  } catch (error) {
    if (error instanceof ConstantError) refuse();
    throw error;
  }
}

const roundUp = (bytes: number, align: number): number => Math.ceil(bytes / align) * align;

function checkStruct(scope: Scope, node: Kind<"struct">): StructType {
  const { name } = node;
  const members: StructMember[] = [];
  const inputs: (BuiltinValue | null)[] = [];
  const seen = new Set<string>();
  let end = 0;
  let structAlign = 1;
  node.members.forEach((member, k) => {
    if (seen.has(member.name))
      fail(member.at, `${name} has two members ${member.name}. Rename one.`);
    seen.add(member.name);
    const type = checkType(scope, member.type);
    const refuse = (why: string): never =>
      fail(member.at, `${typeName(type)} cannot be the type of a member: ${why}.`);
    if (type.kind === "pointer") refuse("pointers are not stored");
    const isSized = hasFixedFootprint(type);
    if (!isSized && (type.kind !== "array" || overrideSized.has(type)))
      refuse("its size must be fixed");
    if (!isSized && k < node.members.length - 1)
      refuse("only the last member may be an array without a count");
    const attributes = attributesOf(member.attributes, ["align", "size", "builtin"]);
    const [alignNode, sizeNode, input] = ["align", "size", "builtin"].map((a) => attributes.get(a));
    const align = alignNode ? attributeNumber(scope, alignNode) : alignOf(type);
    if (align < 1 || (align & (align - 1)) !== 0 || align % alignOf(type) !== 0)
      fail(alignNode!.at, `@align takes a power of two that is a multiple of ${alignOf(type)}.`);
    const size = sizeNode ? attributeNumber(scope, sizeNode) : sizeOf(type);
    if (sizeNode && !isSized) fail(sizeNode.at, "@size cannot stand on an array without a count.");
    if (size < sizeOf(type)) fail(sizeNode!.at, `@size must be at least ${sizeOf(type)}.`);
    inputs.push(input ? builtinInput(scope, input, type, member.at) : null);
    const offset = roundUp(end, align);
    members.push({ name: member.name, type, offset });
    end = offset + size;
    structAlign = Math.max(structAlign, align);
  });
  const struct: StructType = {
    kind: "struct",
    name,
    members,
    size: roundUp(end, structAlign),
    align: structAlign,
  };
  scope.module.structs.push(struct);
  scope.module.structInputs.set(struct, inputs);
  return struct;
}

function checkGlobal(scope: Scope, node: Kind<"var">): Meaning {
  const { name, at } = node;
  const [spaceNode, accessNode, ...more] = node.template ?? [];
  const type = node.type && checkType(scope, node.type);
  if (!spaceNode || more.length > 0)
    return fail(at, `${name} needs an address space, as in var<private> or var<storage, read>.`);
  const { space, access } = spaceAndAccess(scope, at, spaceNode, accessNode);
  if (space === "function")
    return fail(at, "Only variables in functions have the function address space. Use private.");
  if (node.init && space !== "private")
    fail(at, `A ${space} variable has no first value. Assign it in a function.`);
  const made = checkInitialiser(scope, node, node.type, node.init);
  if (made.value && made.value.kind !== "constant")
    fail(made.value.at, `The first value of ${name} must be a constant or override expression.`);
  requireStorable(at, type ?? made.type, space, access);
  const attributes = attributesOf(node.attributes, ["group", "binding"]);
  const [group, binding] = [attributes.get("group"), attributes.get("binding")];
  const isResource = space === "storage" || space === "uniform";
  if (isResource !== Boolean(group) || isResource !== Boolean(binding))
    fail(
      at,
      isResource
        ? `${name} needs @group and @binding.`
        : `A ${space} variable has no @group or @binding. Remove them.`,
    );
  const variable: GlobalVariable = {
    name,
    at,
    type: made.type,
    space,
    access,
    binding:
      group && binding
        ? { group: attributeNumber(scope, group), index: attributeNumber(scope, binding) }
        : null,
    init: made.value,
  };
  scope.module.globals.push(variable);
  return { kind: "reference", variable, space, access };
}

function checkFunction(scope: Scope, node: Kind<"fn">): Meaning {
  const { name, at } = node;
  const attributes = attributesOf(node.attributes, ["compute", "workgroup_size", "must_use"]);
  const [compute, sizeNode, mustUse] = ["compute", "workgroup_size", "must_use"].map((a) =>
    attributes.get(a),
  );
  if (Boolean(compute) !== Boolean(sizeNode))
    fail(at, `${name} needs both @compute and @workgroup_size to be an entry point.`);
  attributesOf(node.resultAttributes, []);
  const result = node.result && checkType(scope, node.result);
  if (result && !isConstructible(result))
    fail(node.result!.at, `A function cannot return ${typeName(result)}: its size must be fixed.`);
  if (compute && result)
    fail(at, `The entry point ${name} must return nothing. Write to a buffer.`);
  if (mustUse && !result) fail(mustUse.at, `@must_use needs a result, but ${name} has none.`);

  const inputs: (BuiltinValue | readonly BuiltinValue[])[] = [];
  const parameters = node.parameters.map((parameter) => {
    const type = checkType(scope, parameter.type);
    if (type.kind !== "pointer" && !isConstructible(type))
      fail(parameter.at, `A parameter cannot be ${typeName(type)}. Pass a pointer to it.`);
    const input = attributesOf(parameter.attributes, compute ? ["builtin"] : []).get("builtin");
    if (compute) inputs.push(entryInput(scope, parameter, type, input));
    return { name: parameter.name, type, at: parameter.at };
  });
  requireDistinct(node, inputs.flat());
  const size = sizeNode && workgroupSize(scope, sizeNode);

  scope.push();
  for (const variable of parameters)
    scope.declare(variable.name, variable.at, { kind: "value", variable });
  const body = checkBody(scope, node.body, result);
  scope.pop();

  const fn: FunctionDefinition = { name, at, parameters, result, body };
  checkBehaviour(fn);
  scope.module.functions.push(fn);
  if (size) scope.module.entries.push({ name, workgroupSize: size, fn, inputs });
  return { kind: "function", fn, mustUse: mustUse !== undefined, isEntry: compute !== undefined };
}

/** What feeds a parameter of an entry point. */
function entryInput(
  scope: Scope,
  { name, at }: ast.TypedName,
  type: Type,
  attribute: ast.Attribute | undefined,
): BuiltinValue | readonly BuiltinValue[] {
  if (attribute) return builtinInput(scope, attribute, type, at);
  const members = type.kind === "struct" ? scope.module.structInputs.get(type) : undefined;
  const inputs = members?.filter((input) => input !== null);
  if (!inputs || inputs.length !== members!.length)
    return fail(
      at,
      `${name} is an input of an entry point: it, or each of its members, needs @builtin(…).`,
    );
  return inputs;
}

function requireDistinct({ at }: Kind<"fn">, inputs: readonly BuiltinValue[]): void {
  const twice = inputs.find((input, k) => inputs.indexOf(input) !== k);
  if (twice) fail(at, `The input ${twice} is there twice. Remove one.`);
}

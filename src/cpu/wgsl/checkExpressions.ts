/** Expressions: names, operators, indexing and members. Calls are in checkCalls.ts. */
import type * as ast from "./ast";
import { isBuiltinFunction, resolveBinary, resolveUnary } from "./builtins";
import { checkCall } from "./checkCalls";
import { namedType, requireHalf } from "./checkTypes";
import { requireValidRight } from "./constantOperands";
import { type ConstantValue, evaluateBinary, evaluateUnary } from "./constants";
import {
  concreteType,
  constantAs,
  constantOperand,
  constantStage,
  converted,
  evaluated,
  isConstant,
  isConvertible,
  isSettling,
  loaded,
  type Operand,
  referenceOperand,
  settled,
  valueOperand,
} from "./operand";
import type { BinaryOperator, Expression, Position, UnaryOperator } from "./program";
import { fail, type Scope } from "./scope";
import {
  abstractFloat,
  abstractInt,
  bool,
  f16,
  f32,
  i32,
  type Type,
  typeName,
  u32,
  vectorOf,
} from "./types";

const literalTypes = {
  bool,
  i32,
  u32,
  f32,
  f16,
  "abstract-int": abstractInt,
  "abstract-float": abstractFloat,
} as const;

export function checkExpression(scope: Scope, node: ast.Expression): Operand {
  switch (node.kind) {
    case "identifier":
      return checkName(scope, node);
    case "literal": {
      const type = literalTypes[node.type];
      if (type === f16) requireHalf(scope, node.at);
      const value = type === i32 || type === u32 ? Number(node.value) : node.value;
      return constantOperand(node.at, type, value, "const");
    }
    case "call":
      return checkCall(scope, node);
    case "index":
      return checkIndex(scope, node);
    case "member":
      return checkMember(scope, node);
    case "unary":
      return checkUnary(scope, node);
    case "binary":
      return checkBinary(scope, node);
  }
}

/** An expression used as a value. */
export const checkValue = (scope: Scope, node: ast.Expression): Operand =>
  loaded(checkExpression(scope, node));

function checkName(scope: Scope, node: ast.Identifier): Operand {
  const { name, at } = node;
  const meaning = scope.lookup(name, at);
  switch (meaning?.kind) {
    case "constant":
      return constantOperand(at, meaning.type, meaning.value, meaning.stage);
    case "value": {
      const { variable } = meaning;
      return valueOperand({ kind: "name", at, type: variable.type, variable });
    }
    case "reference": {
      const { variable, space, access } = meaning;
      if (!scope.isLocal) fail(at, `${name} is a variable. Only functions can use it.`);
      return referenceOperand(
        { kind: "variable", at, type: variable.type, variable },
        space,
        access,
      );
    }
    case "unset":
      return fail(at, `The override ${name} has no default. Give it a value.`);
    case "function":
      return fail(at, `${name} is a function. Call it, as in ${name}(…).`);
    default:
      if (!meaning && isBuiltinFunction(name))
        fail(at, `${name} is a function. Call it, as in ${name}(…).`);
      return namedType(scope, node)
        ? fail(at, `${name} is a type. Make a value of it, as in ${name}(…).`)
        : fail(at, `${name} is not declared. Declare it or correct the name.`);
  }
}

/** What a pointer points to, if it is one. */
function dereferenced(operand: Operand): Operand {
  const { type, at } = operand;
  if (type.kind !== "pointer") return operand;
  const pointer = operand.expression!;
  if (pointer.kind === "addressOf") return referenceOperand(pointer.place, type.space, type.access);
  return referenceOperand(
    { kind: "dereference", at, type: type.to, pointer },
    type.space,
    type.access,
  );
}

function checkUnary(scope: Scope, node: ast.Expression & { kind: "unary" }): Operand {
  const { operator, at } = node;
  const operand = checkExpression(scope, node.operand);
  if (operator === "&") return addressOf(at, operand);
  if (operator === "*") {
    if (operand.type.kind !== "pointer")
      fail(at, `* needs a pointer, not ${typeName(operand.type)}. Leave the * out.`);
    return dereferenced(operand);
  }
  return unary(scope, at, operator, loaded(operand));
}

function addressOf(at: Position, operand: Operand): Operand {
  const { reference } = operand;
  if (!reference) return fail(at, "& needs a variable or a part of one, not a value.");
  const { place, space, access } = reference;
  if (place.kind === "element" && place.of.type.kind === "vector")
    fail(at, "A component of a vector has no address. Take that of the vector.");
  return valueOperand({
    kind: "addressOf",
    at,
    type: { kind: "pointer", space, to: place.type, access },
    place,
  });
}

function unary(scope: Scope, at: Position, operator: UnaryOperator, operand: Operand): Operand {
  const overload = resolveUnary(operator, operand.type, !isConstant(operand));
  if (!overload) return fail(at, `${operator} does not take ${typeName(operand.type)}.`);
  const type = overload.result!;
  if (isConstant(operand)) {
    const x = operand.constant!;
    const value = evaluated(scope, at, type, () => evaluateUnary(operator, operand.type, x));
    return constantOperand(at, type, value, constantStage([operand]));
  }
  return valueOperand({ kind: "unary", at, type, operator, operand: operand.expression! });
}

function checkBinary(scope: Scope, node: ast.Expression & { kind: "binary" }): Operand {
  const { operator, at } = node;
  const left = checkValue(scope, node.left);
  if (operator === "&&" || operator === "||") return logical(scope, at, operator, left, node.right);
  const right = checkValue(scope, node.right);
  return binary(scope, at, operator, left, right);
}

/** The value of two loaded operands under an operator. */
function binary(
  scope: Scope,
  at: Position,
  operator: BinaryOperator,
  left: Operand,
  right: Operand,
): Operand {
  const folds = isConstant(left) && isConstant(right);
  const overload = resolveBinary(operator, left.type, right.type, isSettling([left, right]));
  if (!overload)
    return fail(
      at,
      `${operator} does not take ${typeName(left.type)} and ${typeName(right.type)}. Convert one of them.`,
    );
  const [leftType, rightType] = overload.parameters as [Type, Type];
  const type = overload.result!;
  if (folds) {
    const x = constantAs(scope, left, leftType);
    const y = constantAs(scope, right, rightType);
    const value = evaluated(scope, at, type, () =>
      evaluateBinary(operator, leftType, rightType, x, y),
    );
    return constantOperand(at, type, value, constantStage([left, right]));
  }
  requireValidRight(scope, at, operator, right, rightType);
  return valueOperand({
    kind: "binary",
    at,
    type,
    operator,
    left: converted(scope, left, leftType),
    right: converted(scope, right, rightType),
  });
}

/** The value and operator types of a compound assignment to a place of the given type. */
export function compoundValue(
  scope: Scope,
  at: Position,
  operator: BinaryOperator,
  target: Type,
  right: Operand,
): Expression {
  const overload = resolveBinary(operator, target, right.type, true);
  if (!overload || !isConvertible(overload.result!, target))
    return fail(
      at,
      `${operator}= does not take ${typeName(target)} and ${typeName(right.type)}. Convert the right side.`,
    );
  requireValidRight(scope, at, operator, right, overload.parameters[1]!);
  return converted(scope, right, overload.parameters[1]!);
}

function logical(
  scope: Scope,
  at: Position,
  operator: "&&" | "||",
  left: Operand,
  rightNode: ast.Expression,
): Operand {
  const decided = isConstant(left) && left.constant === (operator === "||");
  if (decided) scope.skipping++;
  const right = checkValue(scope, rightNode);
  if (decided) scope.skipping--;
  if (left.type !== bool || right.type !== bool)
    fail(at, `${operator} takes bool, not ${typeName(left.type)} and ${typeName(right.type)}.`);
  if (isConstant(left) && isConstant(right))
    return constantOperand(
      at,
      bool,
      decided ? left.constant! : right.constant!,
      constantStage([left, right]),
    );
  return valueOperand({
    kind: "logical",
    at,
    type: bool,
    operator,
    left: settled(scope, left),
    right: settled(scope, right),
  });
}

/** The type of the elements, and how many there are (null: as many as the buffer holds). */
function elementsOf(type: Type): { element: Type; count: number | null } | null {
  switch (type.kind) {
    case "vector":
      return { element: type.element, count: type.width };
    case "matrix":
      return { element: vectorOf(type.element, type.rows), count: type.columns };
    case "array":
      return type;
    default:
      return null;
  }
}

function checkIndex(scope: Scope, node: ast.Expression & { kind: "index" }): Operand {
  const of = dereferenced(checkExpression(scope, node.of));
  const index = checkValue(scope, node.index);
  const elements = elementsOf(of.type);
  const at = node.at;
  if (!elements) return fail(at, `${typeName(of.type)} has no elements. Leave the index out.`);
  const indexType = concreteType(index.type);
  if (indexType !== i32 && indexType !== u32)
    fail(index.at, `An index is i32 or u32, not ${typeName(index.type)}. Convert it.`);
  let k = 0;
  if (isConstant(index)) {
    k = Number(index.constant);
    if (k < 0 || (elements.count !== null && k >= elements.count)) {
      if (scope.skipping === 0)
        fail(
          index.at,
          elements.count === null
            ? `Index ${k} is negative.`
            : `Index ${k} is outside 0 to ${elements.count - 1}.`,
        );
      k = 0;
    }
  }
  const { reference } = of;
  if (reference) {
    const { place, space, access } = reference;
    return referenceOperand(
      {
        kind: "element",
        at,
        type: elements.element,
        of: place,
        index: converted(scope, index, indexType),
      },
      space,
      access,
    );
  }
  if (isConstant(of) && isConstant(index)) {
    const part = constantOperand(
      at,
      elements.element,
      (of.constant as readonly ConstantValue[])[k]!,
      constantStage([of, index]),
    );
    if (!isSettling([of, index])) return part;
    const type = concreteType(part.type);
    return { ...part, type, constant: constantAs(scope, part, type) };
  }
  return valueOperand({
    kind: "element",
    at,
    type: concreteType(elements.element),
    of: settled(scope, of),
    index: converted(scope, index, indexType),
  });
}

function checkMember(scope: Scope, node: ast.Expression & { kind: "member" }): Operand {
  const of = dereferenced(checkExpression(scope, node.of));
  const { name, at } = node;
  const { type } = of;
  if (type.kind === "vector") return swizzle(scope, at, of, name, type.width);
  if (type.kind !== "struct")
    return fail(at, `${typeName(type)} has no members. Leave .${name} out.`);
  const index = type.members.findIndex((member) => member.name === name);
  const member = type.members[index];
  if (!member)
    return fail(
      at,
      `${type.name} has no member ${name}. It has ${type.members.map((m) => m.name).join(", ")}.`,
    );
  if (of.reference) {
    const { place, space, access } = of.reference;
    return referenceOperand(
      { kind: "member", at, type: member.type, of: place, index },
      space,
      access,
    );
  }
  if (isConstant(of)) {
    const parts = of.constant as readonly ConstantValue[];
    return constantOperand(at, member.type, parts[index]!, constantStage([of]));
  }
  return valueOperand({ kind: "member", at, type: member.type, of: of.expression!, index });
}

function swizzle(scope: Scope, at: Position, of: Operand, name: string, width: number): Operand {
  const letters = /^[rgba]+$/.test(name) ? "rgba" : "xyzw";
  const components = Array.from(name, (letter) => letters.indexOf(letter));
  if (components.length > 4 || components.some((k) => k < 0 || k >= width))
    fail(
      at,
      `${typeName(of.type)} has no components ${name}. Use one to four of ${"xyzw".slice(0, width)} or ${"rgba".slice(0, width)}.`,
    );
  const { element } = of.type as { element: Type & { kind: "scalar" } };
  const only = components.length === 1;
  const type = only ? element : vectorOf(element, components.length as 2 | 3 | 4);
  if (of.reference && only) {
    const { place, space, access } = of.reference;
    const index: Expression = { kind: "constant", at, type: u32, value: components[0]! };
    return referenceOperand({ kind: "element", at, type, of: place, index }, space, access);
  }
  const vector = loaded(of);
  if (isConstant(vector)) {
    const parts = vector.constant as readonly ConstantValue[];
    const value = only ? parts[components[0]!]! : components.map((k) => parts[k]!);
    return constantOperand(at, type, value, constantStage([vector]));
  }
  return valueOperand({ kind: "swizzle", at, type, of: settled(scope, vector), components });
}

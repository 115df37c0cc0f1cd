/**
 * An expression between its text and its use: a constant, a value of the running kernel, or a reference to
 * memory. A use turns it into what it needs: `loaded` applies the load rule, `converted` gives a constant
 * of an abstract type the type that is asked for, `settled` the type it has by itself.
 */
import { ConstantError, type ConstantValue, convertConstant, zeroConstant } from "./constants";
import { conversionRank, isAbstract, withElement } from "./conversionRank";
import type { Constant, Expression, Place, Position } from "./program";
import { frexpResult, modfResult } from "./resultStructs";
import { fail, type Scope, type Stage } from "./scope";
import { isConstructible } from "./typeRules";
import {
  type AccessMode,
  type AddressSpace,
  abstractInt,
  f32,
  i32,
  type ScalarType,
  sameType,
  type Type,
  typeName,
} from "./types";

export interface Reference {
  readonly place: Place;
  readonly space: AddressSpace;
  readonly access: AccessMode;
}

export interface Operand {
  readonly at: Position;
  /** Of the value, or of what the reference holds. */
  readonly type: Type;
  readonly stage: Stage;
  /** Of a constant, that is, unless the stage is runtime. */
  readonly constant: ConstantValue | null;
  /** Of a value at runtime, and of a constant that has a shorter form than its value: all zeros. */
  readonly expression: Expression | null;
  readonly reference: Reference | null;
}

export function constantOperand(
  at: Position,
  type: Type,
  constant: ConstantValue,
  stage: "const" | "override",
): Operand {
  return { at, type, stage, constant, expression: null, reference: null };
}

export function valueOperand(expression: Expression): Operand {
  const { at, type } = expression;
  return { at, type, stage: "runtime", constant: null, expression, reference: null };
}

export function referenceOperand(place: Place, space: AddressSpace, access: AccessMode): Operand {
  return {
    at: place.at,
    type: place.type,
    stage: "runtime",
    constant: null,
    expression: null,
    reference: { place, space, access },
  };
}

/** Const unless one of them is known only with the overrides. */
export function constantStage(operands: readonly Operand[]): "const" | "override" {
  return operands.some(({ stage }) => stage === "override") ? "override" : "const";
}

export const isConstant = ({ stage }: Operand): boolean => stage !== "runtime";

/** Whether what is made of the operands has a concrete type: only const-expressions stay abstract. */
export const isSettling = (operands: readonly Operand[]): boolean =>
  operands.some(({ stage }) => stage !== "const");

/** The type that a value of an abstract type has where nothing asks for another. */
export function concreteType(type: Type): Type {
  if (!isAbstract(type)) return type;
  switch (type.kind) {
    case "scalar":
      return type === abstractInt ? i32 : f32;
    case "vector":
    case "matrix":
      return withElement(type, concreteType(type.element) as ScalarType);
    case "array":
      return { ...type, element: concreteType(type.element) };
    case "struct": {
      const part = concreteType(type.members[0]!.type) as ScalarType;
      return type.members[1]!.name === "exp" ? frexpResult(part) : modfResult(part);
    }
    default:
      return type;
  }
}

/** Runs constant evaluation; what it cannot represent is an error here. */
export function evaluated(
  scope: Scope,
  at: Position,
  type: Type,
  evaluate: () => ConstantValue,
): ConstantValue {
  try {
    return evaluate();
  } catch (error) {
    if (!(error instanceof ConstantError)) throw error;
    if (scope.skipping > 0) return zeroConstant(type);
    // A sentence, unless it opens with a formula.
    const sentence = error.message.replace(/^[a-z](?=[a-z]* )/, (letter) => letter.toUpperCase());
    return fail(at, `${sentence}.`);
  }
}

/** The load rule: a reference that is used as a value is read. */
export function loaded(operand: Operand): Operand {
  const { reference, at, type } = operand;
  if (!reference) return operand;
  if (type.kind === "atomic") fail(at, "An atomic is not a value. Read it with atomicLoad(&…).");
  if (!isConstructible(type))
    fail(at, `A value of type ${typeName(type)} cannot be read as a whole. Read an element.`);
  return valueOperand({ kind: "load", at, type, place: reference.place });
}

/** Whether a value of one type may stand where another is asked for. */
export const isConvertible = (from: Type, to: Type): boolean =>
  from === to || conversionRank(from, to) < Number.POSITIVE_INFINITY;

/** The value of a constant as one of another type. */
export function constantAs(scope: Scope, operand: Operand, type: Type): ConstantValue {
  const value = operand.constant!;
  if (sameType(operand.type, type)) return value;
  return evaluated(scope, operand.at, type, () => convertConstant(value, operand.type, type));
}

/** As a value of the type, or an error. The type is concrete. */
export function converted(scope: Scope, operand: Operand, type: Type): Expression {
  const from = loaded(operand);
  const { at, expression } = from;
  if (!isConvertible(from.type, type)) {
    const name = typeName(type);
    const isMade = type.kind === "scalar" || type.kind === "vector" || type.kind === "matrix";
    const cure = isMade ? `Convert it, as in ${name}(…).` : "Pass a value of that type.";
    fail(at, `This is ${typeName(from.type)}, but ${name} is needed. ${cure}`);
  }
  if (expression) return expression;
  return { kind: "constant", at, type, value: constantAs(scope, from, type) as Constant };
}

/** As a value of the type it has by itself. */
export function settled(scope: Scope, operand: Operand): Expression {
  return converted(scope, operand, concreteType(operand.type));
}

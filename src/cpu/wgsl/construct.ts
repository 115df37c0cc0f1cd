/**
 * Value constructors (WGSL, "Value Constructor Built-in Functions"): the name of a type, called. One scalar,
 * vector or matrix of another element type is converted; other arguments are put together; none give zero.
 * A generator without template arguments takes its element type from the arguments.
 */
import type { Generator } from "./checkTypes";
import { matrixOf } from "./checkTypes";
import { type ConstantValue, explicitConvert, zeroConstant } from "./constants";
import {
  concreteType,
  constantAs,
  constantOperand,
  constantStage,
  converted,
  evaluated,
  isConstant,
  isConvertible,
  type Operand,
  valueOperand,
} from "./operand";
import type { Position } from "./program";
import { fail, type Scope } from "./scope";
import { isConstructible } from "./typeRules";
import {
  abstractFloat,
  abstractInt,
  bool,
  type MatrixType,
  type ScalarType,
  type StructType,
  sameType,
  type Type,
  typeName,
  type VectorType,
  vectorOf,
} from "./types";

export function construct(
  scope: Scope,
  at: Position,
  type: Type | Generator,
  args: readonly Operand[],
): Operand {
  if (type.kind === "generator") return constructInferred(scope, at, type, args);
  if (!isConstructible(type))
    fail(
      at,
      `No value of type ${typeName(type)} can be made: its size must be fixed, without atomics.`,
    );
  if (args.length === 0) return zero(at, type);
  switch (type.kind) {
    case "scalar":
      return args.length === 1 && args[0]!.type.kind === "scalar"
        ? conversion(scope, at, type, args[0]!)
        : refuse(at, typeName(type), args);
    case "vector":
      return constructVector(scope, at, type, args);
    case "matrix":
      return constructMatrix(scope, at, type, args);
    case "array": {
      if (args.length !== type.count)
        fail(at, `${typeName(type)} has ${type.count} elements, not ${args.length}.`);
      return assembled(
        scope,
        at,
        type,
        args,
        args.map(() => type.element),
      );
    }
    default: {
      const { members } = type as StructType;
      if (args.length !== members.length)
        fail(at, `${typeName(type)} has ${members.length} members, not ${args.length}.`);
      return assembled(
        scope,
        at,
        type,
        args,
        members.map((member) => member.type),
      );
    }
  }
}

function refuse(at: Position, name: string, args: readonly Operand[]): never {
  const types = args.map(({ type }) => typeName(type)).join(", ");
  return fail(
    at,
    `${name} cannot be made of (${types}). Convert the arguments or change their number.`,
  );
}

function zero(at: Position, type: Type): Operand {
  const operand = constantOperand(at, type, zeroConstant(type), "const");
  return type.kind === "array" || type.kind === "struct"
    ? { ...operand, expression: { kind: "construct", at, type, args: [] } }
    : operand;
}

/** A composite of parts of the given types. */
function assembled(
  scope: Scope,
  at: Position,
  type: Type,
  args: readonly Operand[],
  partTypes: readonly Type[],
  arrange = (parts: readonly ConstantValue[]): ConstantValue => parts,
): Operand {
  args.forEach((arg, k) => {
    if (!isConvertible(arg.type, partTypes[k]!)) refuse(at, typeName(type), args);
  });
  if (args.every(isConstant)) {
    const parts = args.map((arg, k) => constantAs(scope, arg, partTypes[k]!));
    return constantOperand(at, type, arrange(parts), constantStage(args));
  }
  return valueOperand({
    kind: "construct",
    at,
    type: concreteType(type),
    args: args.map((arg, k) => converted(scope, arg, concreteType(partTypes[k]!))),
  });
}

/** A scalar, vector or matrix as one of another element type. */
function conversion(
  scope: Scope,
  at: Position,
  type: ScalarType | VectorType | MatrixType,
  arg: Operand,
): Operand {
  if (sameType(arg.type, type)) return { ...arg, at };
  if (isConstant(arg)) {
    const value = evaluated(scope, at, type, () => explicitConvert(arg.constant!, arg.type, type));
    return constantOperand(at, type, value, constantStage([arg]));
  }
  return valueOperand({ kind: "convert", at, type, operand: arg.expression! });
}

function constructVector(
  scope: Scope,
  at: Position,
  type: VectorType,
  args: readonly Operand[],
): Operand {
  const { element, width } = type;
  const [first] = args as [Operand];
  if (args.length === 1 && first.type.kind === "vector" && first.type.width === width)
    return conversion(scope, at, type, first);
  let parts = 0;
  const partTypes = args.map((arg) => {
    if (arg.type.kind === "vector") {
      parts += arg.type.width;
      return vectorOf(element, arg.type.width);
    }
    parts++;
    return element;
  });
  const repeats = args.length === 1 && parts === 1;
  if (parts !== width && !repeats) refuse(at, typeName(type), args);
  return assembled(scope, at, type, args, partTypes, (values) =>
    repeats ? new Array<ConstantValue>(width).fill(values[0]!) : values.flat(),
  );
}

function constructMatrix(
  scope: Scope,
  at: Position,
  type: MatrixType,
  args: readonly Operand[],
): Operand {
  const { element, columns, rows } = type;
  const [first] = args as [Operand];
  if (args.length === 1 && first.type.kind === "matrix") {
    if (first.type.columns !== columns || first.type.rows !== rows)
      refuse(at, typeName(type), args);
    return conversion(scope, at, type, first);
  }
  if (args.length === columns) {
    const column = vectorOf(element, rows);
    return assembled(
      scope,
      at,
      type,
      args,
      args.map(() => column),
    );
  }
  if (args.length !== columns * rows) refuse(at, typeName(type), args);
  return assembled(
    scope,
    at,
    type,
    args,
    args.map(() => element),
    (values) => Array.from({ length: columns }, (_, c) => values.slice(c * rows, (c + 1) * rows)),
  );
}

/** The type to which all convert, or null. */
function commonType(types: readonly Type[]): Type | null {
  let common: Type | null = null;
  for (const type of types) if (common === null || !isConvertible(type, common)) common = type;
  return common && types.every((type) => isConvertible(type, common)) ? common : null;
}

function constructInferred(
  scope: Scope,
  at: Position,
  generator: Generator,
  args: readonly Operand[],
): Operand {
  switch (generator.of) {
    case "vector": {
      const name = `vec${generator.width}`;
      const element = args.length === 0 ? abstractInt : commonType(args.map(scalarOf));
      if (element?.kind !== "scalar") return refuse(at, name, args);
      return construct(scope, at, vectorOf(element, generator.width), args);
    }
    case "matrix": {
      const { columns, rows } = generator;
      const element = commonType(args.map(scalarOf));
      if (element?.kind !== "scalar") return refuse(at, `mat${columns}x${rows}`, args);
      const float = element === abstractInt ? abstractFloat : element;
      if (!isFloat(float)) refuse(at, `mat${columns}x${rows}`, args);
      return construct(scope, at, matrixOf(float, columns, rows), args);
    }
    case "array": {
      const element = commonType(args.map(({ type }) => type));
      if (!element) return refuse(at, "array", args);
      return construct(scope, at, { kind: "array", element, count: args.length }, args);
    }
    default:
      return fail(at, `No value of type ${generator.of} can be made. Use a variable.`);
  }
}

const isFloat = (type: ScalarType): boolean => type !== bool && /f\d|float/.test(type.name);

const scalarOf = ({ type }: Operand): Type =>
  type.kind === "vector" || type.kind === "matrix" ? type.element : type;

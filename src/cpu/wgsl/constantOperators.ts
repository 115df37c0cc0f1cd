/** Operators on constants (WGSL, "Arithmetic", "Comparison", "Logical" and "Bit Expressions"). */
import {
  ConstantError,
  type ConstantValue,
  elementOf,
  isFloat,
  mapComponents,
  toFloat,
  toInteger,
} from "./constantValue";
import type { BinaryOperator, UnaryOperator } from "./program";
import { abstractInt, i32, type ScalarType, type Type } from "./types";

const comparisons: Readonly<Record<string, (x: ConstantValue, y: ConstantValue) => boolean>> = {
  "==": (x, y) => x === y,
  "!=": (x, y) => x !== y,
  "<": (x, y) => x < y,
  "<=": (x, y) => x <= y,
  ">": (x, y) => x > y,
  ">=": (x, y) => x >= y,
};

const floats: Readonly<Record<string, (x: number, y: number) => number>> = {
  "+": (x, y) => x + y,
  "-": (x, y) => x - y,
  "*": (x, y) => x * y,
  "/": (x, y) => x / y,
  "%": (x, y) => x % y,
};

const integers: Readonly<Record<string, (x: bigint, y: bigint) => bigint>> = {
  "+": (x, y) => x + y,
  "-": (x, y) => x - y,
  "*": (x, y) => x * y,
  "/": (x, y) => x / y,
  "%": (x, y) => x % y,
  "&": (x, y) => x & y,
  "|": (x, y) => x | y,
  "^": (x, y) => x ^ y,
  "<<": (x, y) => x << y,
  ">>": (x, y) => x >> y,
};

/** What wraps for a variable, or is undefined, but is an error for a constant. */
function checkInteger(op: BinaryOperator, type: ScalarType, x: bigint, y: bigint): void {
  const bits = type === abstractInt ? 64 : 32;
  const signed = type === abstractInt || type === i32;
  if (op === "/" || op === "%") {
    if (y === 0n) throw new ConstantError(`${x} ${op} 0 divides by zero`);
    if (signed && y === -1n && x === -(1n << BigInt(bits - 1)))
      throw new ConstantError(`${x} ${op} -1 is not a value of ${type.name}`);
  }
  if (op === "<<" || op === ">>") {
    if (y >= bits && !(type === abstractInt && (op === ">>" || x === 0n)))
      throw new ConstantError(
        `${x} ${op} ${y} shifts by as many bits as ${type.name} has, or more`,
      );
    if (op === ">>") return;
    const shifted = x << y;
    const kept = signed ? BigInt.asIntN(bits, shifted) : BigInt.asUintN(bits, shifted);
    if (kept !== shifted)
      throw new ConstantError(`${x} << ${y} shifts out bits that matter to ${type.name}`);
  }
}

function scalarBinary(
  op: BinaryOperator,
  type: ScalarType,
  x: ConstantValue,
  y: ConstantValue,
): ConstantValue {
  const compare = comparisons[op];
  if (compare) return compare(x, y);
  if (isFloat(type)) return toFloat(type, floats[op]!(x as number, y as number));
  if (typeof x === "boolean") return op === "&" ? x && y : x || y;
  const left = BigInt(x as number | bigint);
  const right = BigInt(y as number | bigint);
  checkInteger(op, type, left, right);
  return toInteger(type, integers[op]!(left, right));
}

type Vector = readonly ConstantValue[];
type Columns = readonly Vector[];

/** Σ x[k] · y[k], from the left, rounded at every step; integers wrap. */
export function dotConstant(type: ScalarType, x: Vector, y: Vector): ConstantValue {
  return x
    .map((a, k) => scalarBinary("*", type, a, y[k]!))
    .reduce((sum, product) => scalarBinary("+", type, sum, product));
}

export const transposeConstant = (columns: Columns): Columns =>
  columns[0]!.map((_, row) => columns.map((column) => column[row]!));

/** The operands are of the types of the operator's overload. */
export function evaluateBinary(
  op: BinaryOperator,
  left: Type,
  right: Type,
  x: ConstantValue,
  y: ConstantValue,
): ConstantValue {
  const type = elementOf(left);
  if (op === "*" && left.kind !== "scalar" && right.kind !== "scalar") {
    if (left.kind === "matrix") {
      const rows = transposeConstant(x as Columns);
      const times = (column: Vector) => rows.map((row) => dotConstant(type, row, column));
      return right.kind === "matrix" ? (y as Columns).map(times) : times(y as Vector);
    }
    if (right.kind === "matrix")
      return (y as Columns).map((column) => dotConstant(type, x as Vector, column));
  }
  const scalar = ([a, b]: readonly ConstantValue[]) => scalarBinary(op, type, a!, b!);
  if (left.kind === "matrix" || right.kind === "matrix")
    return mapComponents([x, y], (columns) => mapComponents(columns, scalar));
  return mapComponents([x, y], scalar);
}

/** The operand is of the type of the operator's overload. */
export function evaluateUnary(op: UnaryOperator, type: Type, x: ConstantValue): ConstantValue {
  const element = elementOf(type);
  return mapComponents([x], ([a]) => {
    if (op === "!") return !a;
    if (isFloat(element)) return -(a as number);
    const value = BigInt(a as number | bigint);
    // The negative of the least value is that value again, for abstract-int too.
    return toInteger(element, BigInt.asIntN(64, op === "-" ? -value : ~value));
  });
}

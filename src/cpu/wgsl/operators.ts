/** The overloads of operators (WGSL, "Logical", "Arithmetic", "Comparison" and "Bit Expressions"). */

import { conversionRank, isAbstract, withElement } from "./conversionRank";
import type { BinaryOperator, UnaryOperator } from "./program";
import { matchOverload, type Overload, remembered } from "./signatures";
import { abstractFloat, f16, f32, type Type, vectorOf } from "./types";

const unary: Readonly<Record<UnaryOperator, readonly string[]>> = {
  "-": ["g V>V"],
  "~": ["i V>V"],
  "!": ["b V>V"],
};

const arithmetic = ["n VV>V", "n WT>W", "n TW>W"];
const order = ["n VV>B"];
const equality = ["a VV>B"];
const shift = ["i VU>V"];
const logic = ["b VV>V", "i VV>V"];
const binary: Readonly<Record<BinaryOperator, readonly string[]>> = {
  "+": [...arithmetic, "f MM>M"],
  "-": [...arithmetic, "f MM>M"],
  "*": [...arithmetic, "f MT>M", "f TM>M"],
  "/": arithmetic,
  "%": arithmetic,
  "&": logic,
  "|": logic,
  "^": ["i VV>V"],
  "<<": shift,
  ">>": shift,
  "==": equality,
  "!=": equality,
  "<": order,
  "<=": order,
  ">": order,
  ">=": order,
};

/** matrix · vector, vector · matrix, matrix · matrix: the left side's columns meet the right side's rows. */
function matrixProduct(left: Type, right: Type, runtime: boolean): Overload | null {
  const isFactor = (type: Type) => type.kind === "matrix" || type.kind === "vector";
  if (!isFactor(left) || !isFactor(right)) return null;
  const inner = left.kind === "matrix" ? left.columns : left.width;
  if (inner !== (right.kind === "matrix" ? right.rows : right.width)) return null;
  const element = [abstractFloat, f32, f16].find(
    (type) =>
      !(runtime && isAbstract(type)) &&
      conversionRank(left.element, type) < Infinity &&
      conversionRank(right.element, type) < Infinity,
  );
  if (!element) return null;
  const parameters = [withElement(left, element), withElement(right, element)];
  if (left.kind === "vector")
    return right.kind === "matrix"
      ? { parameters, result: vectorOf(element, right.columns) }
      : null;
  if (right.kind === "vector") return { parameters, result: vectorOf(element, left.rows) };
  const { columns } = right;
  return { parameters, result: { kind: "matrix", columns, rows: left.rows, element } };
}

/**
 * The types that the operator converts its operand to and gives, or null where it takes no such operand.
 * `runtime`: the operand is not a constant, so nothing may stay abstract.
 */
export function resolveUnary(op: UnaryOperator, operand: Type, runtime = false): Overload | null {
  return remembered(`1${op}`, [operand], runtime, () =>
    matchOverload(unary[op], [operand], runtime),
  );
}

/** As `resolveUnary`. A scalar beside a vector or matrix stays a scalar; the right side of a shift is u32. */
export function resolveBinary(
  op: BinaryOperator,
  left: Type,
  right: Type,
  runtime = false,
): Overload | null {
  const args = [left, right];
  return remembered(
    op,
    args,
    runtime,
    () =>
      matchOverload(binary[op], args, runtime) ??
      (op === "*" ? matrixProduct(left, right, runtime) : null),
  );
}

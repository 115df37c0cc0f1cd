/**
 * The operators of WGSL on scalars and on lanes: `lanes` says that the operands are v128s of `element`.
 * Integers wrap; x / 0 is x and x % 0 is 0, as are the overflowing i32 cases; shifts count modulo 32.
 * Conversions from floats saturate. f16 results are rounded to f16.
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import { roundToHalf } from "../math/half";
import type { BinaryOperator, UnaryOperator } from "../wgsl/program";
import { bool, type ScalarType } from "../wgsl/types";
import { isFloat } from "./representation";

/** Makes a function of lanes one of scalars: lane 0 of a splat, so both give the same bits. */
export function onScalar(b: Builder, x: Value, fn: (lanes: Value) => Value): Value {
  return b.pure("f32x4.extract_lane", [fn(b.pure("f32x4.splat", [x]))], 0);
}

/** Rounds the result of an f16 operation; other types pass. */
export function rounded(b: Builder, element: ScalarType, lanes: boolean, x: Value): Value {
  if (element.name !== "f16") return x;
  return lanes ? roundToHalf(b, x) : onScalar(b, x, (v) => roundToHalf(b, v));
}

const laneShape = (element: ScalarType): string => (isFloat(element) ? "f32x4" : "i32x4");

export function splat(b: Builder, element: ScalarType, x: Value): Value {
  const value = element.name === "bool" ? b.pure("i32.sub", [b.i32(0), x]) : x;
  return b.pure(`${laneShape(element)}.splat`, [value]);
}

/** Lane `lane` as a scalar; a bool as 0 or 1. */
export function extract(b: Builder, element: ScalarType, x: Value, lane: number): Value {
  const value = b.pure(`${laneShape(element)}.extract_lane`, [x], lane);
  return element.name === "bool" ? b.pure("i32.and", [value, b.i32(1)]) : value;
}

export function replace(
  b: Builder,
  element: ScalarType,
  x: Value,
  lane: number,
  scalar: Value,
): Value {
  const value = element.name === "bool" ? b.pure("i32.sub", [b.i32(0), scalar]) : scalar;
  return b.pure(`${laneShape(element)}.replace_lane`, [x, value], lane);
}

/** A vector of scalars, one for each lane in use. */
export function fromScalars(b: Builder, element: ScalarType, scalars: readonly Value[]): Value {
  let value = splat(b, element, scalars[0]!);
  for (let lane = 1; lane < scalars.length; lane++)
    if (scalars[lane] !== scalars[0]) value = replace(b, element, value, lane, scalars[lane]!);
  return value;
}

/** Lane by lane, for what SIMD does not offer. */
export function eachLane(
  b: Builder,
  element: ScalarType,
  result: ScalarType,
  args: readonly Value[],
  fn: (...scalars: Value[]) => Value,
): Value {
  const at = (lane: number) => fn(...args.map((x) => extract(b, element, x, lane)));
  return fromScalars(b, result, [at(0), at(1), at(2), at(3)]);
}

/** Lanes numbered in a v128.const for i8x16.shuffle of 32-bit lanes; 4 to 7 are those of the second. */
export function shuffle(b: Builder, x: Value, y: Value, lanes: readonly number[]): Value {
  if (lanes.every((lane, i) => lane === i)) return x;
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = (lanes[i >> 2] ?? 0) * 4 + (i & 3);
  return b.pure("i8x16.shuffle", [x, y], bytes);
}

export function not(b: Builder, lanes: boolean, x: Value): Value {
  return lanes ? b.pure("v128.not", [x]) : b.pure("i32.eqz", [x]);
}

/** condition ? whenTrue : whenFalse, lane by lane where `lanes`. */
export function choose(
  b: Builder,
  lanes: boolean,
  whenTrue: Value,
  whenFalse: Value,
  condition: Value,
): Value {
  return b.pure(lanes ? "v128.bitselect" : "select", [whenTrue, whenFalse, condition]);
}

function divide(b: Builder, op: "/" | "%", element: ScalarType, x: Value, y: Value): Value {
  const signed = element.name === "i32";
  const instruction = `i32.${op === "/" ? "div" : "rem"}_${signed ? "s" : "u"}`;
  if (y.op === "i32.const" && y.immediate !== 0 && y.immediate !== -1)
    return b.pure(instruction, [x, y]);
  // Dividing by 1 instead gives x and 0, which are the results for a divisor of 0 and for the overflow.
  let bad = b.pure("i32.eqz", [y]);
  if (signed) {
    const overflow = b.pure("i32.and", [
      b.pure("i32.eq", [x, b.i32(-(2 ** 31))]),
      b.pure("i32.eq", [y, b.i32(-1)]),
    ]);
    bad = b.pure("i32.or", [bad, overflow]);
  }
  return b.pure(instruction, [x, b.pure("select", [b.i32(1), y, bad])]);
}

const floatNames: Partial<Record<BinaryOperator, string>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
  "==": "eq",
  "!=": "ne",
  "<": "lt",
  "<=": "le",
  ">": "gt",
  ">=": "ge",
};

const integerNames: Partial<Record<BinaryOperator, string>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "&": "and",
  "|": "or",
  "^": "xor",
  "<<": "shl",
  "==": "eq",
  "!=": "ne",
};

const ordered: Partial<Record<BinaryOperator, string>> = {
  "<": "lt",
  "<=": "le",
  ">": "gt",
  ">=": "ge",
  ">>": "shr",
};

/** x - y trunc(x / y) */
function floatRemainder(b: Builder, lanes: boolean, x: Value, y: Value): Value {
  const shape = lanes ? "f32x4" : "f32";
  const whole = b.pure(`${shape}.trunc`, [b.pure(`${shape}.div`, [x, y])]);
  return b.pure(`${shape}.sub`, [x, b.pure(`${shape}.mul`, [y, whole])]);
}

/** Both operands of one shape and, but for shifts, of one element type. Comparisons give bool. */
export function binary(
  b: Builder,
  operator: BinaryOperator,
  element: ScalarType,
  lanes: boolean,
  x: Value,
  y: Value,
): Value {
  if (isFloat(element)) {
    if (operator === "%") return rounded(b, element, lanes, floatRemainder(b, lanes, x, y));
    const value = b.pure(`${lanes ? "f32x4" : "f32"}.${floatNames[operator]}`, [x, y]);
    return "+-*/".includes(operator) ? rounded(b, element, lanes, value) : value;
  }
  if (operator === "/" || operator === "%")
    return lanes
      ? eachLane(b, element, element, [x, y], (p, q) => divide(b, operator, element, p, q))
      : divide(b, operator, element, x, y);
  const sign = element.name === "i32" ? "_s" : "_u";
  const name = integerNames[operator] ?? `${ordered[operator]}${sign}`;
  if (!lanes) return b.pure(`i32.${name}`, [x, y]);
  if (operator === "<<" || operator === ">>") {
    // SIMD shifts all lanes by one count.
    const count = uniformLane(b, y);
    if (count) return b.pure(`i32x4.${name}`, [x, count]);
    return eachLane(b, element, element, [x, y], (p, q) => b.pure(`i32.${name}`, [p, q]));
  }
  return b.pure(`${"&|^".includes(operator) ? "v128" : "i32x4"}.${name}`, [x, y]);
}

/** The scalar that all four lanes hold, if that is known. */
function uniformLane(b: Builder, x: Value): Value | null {
  if (x.op === "i32x4.splat") return x.args[0]!;
  if (x.op !== "v128.const") return null;
  const words = new Int32Array((x.immediate as Uint8Array).slice().buffer);
  return words.every((word) => word === words[0]) ? b.i32(words[0]!) : null;
}

export function unary(
  b: Builder,
  operator: UnaryOperator,
  element: ScalarType,
  lanes: boolean,
  x: Value,
): Value {
  if (operator === "!") return not(b, lanes, x);
  if (operator === "~") return lanes ? b.pure("v128.not", [x]) : b.pure("i32.xor", [x, b.i32(-1)]);
  if (isFloat(element)) return b.pure(`${lanes ? "f32x4" : "f32"}.neg`, [x]);
  return lanes ? b.pure("i32x4.neg", [x]) : b.pure("i32.sub", [b.i32(0), x]);
}

/** A value constructor with one operand of another element type. */
export function convert(
  b: Builder,
  from: ScalarType,
  to: ScalarType,
  lanes: boolean,
  x: Value,
): Value {
  if (from === to) return x;
  const shape = lanes ? "x4" : "";
  if (to === bool) {
    if (isFloat(from)) return b.pure(`f32${shape}.ne`, [x, lanes ? b.f32x4(0) : b.f32(0)]);
    return b.pure(`i32${shape}.ne`, [x, lanes ? b.i32x4(0) : b.i32(0)]);
  }
  if (isFloat(to)) {
    if (isFloat(from)) return rounded(b, to, lanes, x);
    // A lane of bool is 0 or -1, a scalar one 0 or 1.
    const number = from === bool && lanes ? b.pure("i32x4.neg", [x]) : x;
    const sign = from.name === "u32" ? "u" : "s";
    const instruction = lanes ? `f32x4.convert_i32x4_${sign}` : `f32.convert_i32_${sign}`;
    return rounded(b, to, lanes, b.pure(instruction, [number]));
  }
  if (isFloat(from)) {
    const sign = to.name === "u32" ? "u" : "s";
    return lanes
      ? b.pure(`i32x4.trunc_sat_f32x4_${sign}`, [x])
      : b.pure(`i32.trunc_sat_f32_${sign}`, [x]);
  }
  return from === bool && lanes ? b.pure("i32x4.neg", [x]) : x;
}

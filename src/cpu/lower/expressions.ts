/** Expressions: values of the program as values of the intermediate form. */
import type { Value } from "../ir/ir";
import type { Expression } from "../wgsl/program";
import type { ScalarType, Type } from "../wgsl/types";
import { binary, convert, fromScalars, replace, shuffle, splat, unary } from "./arithmetic";
import { bitcast } from "./bitcast";
import { builtinFunction } from "./builtins";
import { call, hasEffects } from "./calls";
import { Slot } from "./environment";
import { impossible, type Lowering } from "./lowering";
import { matrixProduct } from "./matrices";
import { component, constantPlace, elementAt, loadPlace, lowerPlace } from "./places";
import {
  constantRepresentation,
  elementOf,
  flatten,
  isValue,
  type Representation,
  unflatten,
  zeroRepresentation,
} from "./representation";
import { packed, WideFailure, wideInnerCall } from "./wide";

/** A scalar or vector. */
export function leaf(cx: Lowering, e: Expression): Value {
  const value = expression(cx, e);
  return isValue(value) ? value : impossible(`a composite where a ${e.type.kind} belongs`);
}

export function expression(cx: Lowering, e: Expression): Representation {
  const { b } = cx;
  if (cx.wide && e.type.kind !== "scalar" && e.kind !== "load" && e.kind !== "name")
    throw new WideFailure();
  switch (e.kind) {
    case "constant":
      return constantRepresentation(b, e.type, e.value, cx.wide);
    case "name": {
      const binding = cx.names.get(e.variable);
      if (!binding) return impossible(`the name ${e.variable.name}`);
      return binding.kind === "value" ? binding.value : loadPlace(cx, binding.place);
    }
    case "load":
      return loadPlace(cx, lowerPlace(cx, e.place));
    case "element":
      return elementValue(cx, e);
    case "member": {
      const place = constantPlace(cx, e);
      if (place) return loadPlace(cx, place);
      return (expression(cx, e.of) as readonly Representation[])[e.index]!;
    }
    case "swizzle":
      return swizzle(cx, e.of, e.components);
    case "unary": {
      const element = elementOf(e.operand.type);
      if (e.type.kind === "matrix")
        return columns(expression(cx, e.operand)).map((c) => unary(b, "-", element, true, c));
      return unary(b, e.operator, element, isLanes(cx, e.type), leaf(cx, e.operand));
    }
    case "binary":
      return binaryExpression(cx, e);
    case "logical":
      return logical(cx, e);
    case "call":
      if (cx.wide) return wideInnerCall(cx, e);
      return call(cx, e.fn, e.args) ?? impossible("the result of a function without one");
    case "builtin":
      return builtinFunction(cx, e) ?? impossible(`a result of ${e.name}`);
    case "construct":
      return construct(cx, e.type, e.args);
    case "convert": {
      const from = elementOf(e.operand.type);
      const to = elementOf(e.type);
      if (e.type.kind === "matrix")
        return columns(expression(cx, e.operand)).map((c) => convert(b, from, to, true, c));
      return convert(b, from, to, isLanes(cx, e.type), leaf(cx, e.operand));
    }
    case "bitcast":
      return bitcast(cx, e.operand.type, e.type, leaf(cx, e.operand));
    case "addressOf":
      return impossible("a pointer as a value");
  }
}

export const isLanes = (cx: Lowering, type: Type): boolean => cx.wide || type.kind !== "scalar";

export const columns = (r: Representation): readonly Value[] => flatten(r);

function elementValue(cx: Lowering, e: Extract<Expression, { kind: "element" }>): Representation {
  const { b } = cx;
  const place = constantPlace(cx, e);
  if (place) return loadPlace(cx, place);
  const of = expression(cx, e.of);
  const index = leaf(cx, e.index);
  if (e.of.type.kind === "vector") {
    if (cx.wide) throw new WideFailure();
    return component(cx, e.of.type, of as Value, index);
  }
  const parts = of as readonly Representation[];
  if (index.op === "i32.const")
    return parts[Math.min((index.immediate as number) >>> 0, parts.length - 1)]!;
  // A value has no address: choose among its parts.
  let chosen = flatten(parts.at(-1)!);
  for (let i = parts.length - 2; i >= 0; i--) {
    const here = b.pure("i32.eq", [index, b.i32(i)]);
    const part = flatten(parts[i]!);
    chosen = chosen.map((other, k) => b.pure("select", [part[k]!, other, here]));
  }
  return unflatten(e.type, chosen);
}

function swizzle(cx: Lowering, of: Expression, components: readonly number[]): Value {
  const { b } = cx;
  if (components.length === 1 && cx.wide) {
    // One component of a vector in constant memory.
    const place = constantPlace(cx, of);
    if (!place) throw new WideFailure();
    return loadPlace(cx, elementAt(cx, place, b.i32(components[0]!))) as Value;
  }
  const vector = leaf(cx, of);
  if (components.length === 1) return component(cx, of.type, vector, b.i32(components[0]!));
  return shuffle(b, vector, vector, components);
}

function binaryExpression(
  cx: Lowering,
  e: Extract<Expression, { kind: "binary" }>,
): Representation {
  const { b } = cx;
  const { left, right, operator } = e;
  const element = elementOf(left.type);
  if (left.type.kind === "matrix" || right.type.kind === "matrix") {
    const x = expression(cx, left);
    const y = expression(cx, right);
    if (operator === "*") return matrixProduct(b, left.type, right.type, x, y);
    return columns(x).map((c, i) => binary(b, operator, element, true, c, columns(y)[i]!));
  }
  const x = leaf(cx, left);
  const y = leaf(cx, right);
  if (!isLanes(cx, left.type) && !isLanes(cx, right.type))
    return binary(b, operator, element, false, x, y);
  const whole = (type: Type, value: Value) =>
    type.kind === "scalar" && !cx.wide ? splat(b, elementOf(type), value) : value;
  return binary(b, operator, element, true, whole(left.type, x), whole(right.type, y));
}

/** Both sides at once where the right one does nothing but compute. */
function logical(cx: Lowering, e: Extract<Expression, { kind: "logical" }>): Value {
  const { b, environment } = cx;
  const left = leaf(cx, e.left);
  if (left.op === "i32.const") {
    const decided = (left.immediate !== 0) === (e.operator === "||");
    return decided ? left : leaf(cx, e.right);
  }
  if (cx.wide || !hasEffects(e.right)) {
    const name = `${cx.wide ? "v128" : "i32"}.${e.operator === "&&" ? "and" : "or"}`;
    return b.pure(name, [left, leaf(cx, e.right)]);
  }
  const slot = new Slot();
  environment.set(slot, left);
  const evaluate = () => environment.set(slot, leaf(cx, e.right));
  const nothing = () => {};
  if (e.operator === "&&") environment.if(left, evaluate, nothing);
  else environment.if(left, nothing, evaluate);
  return environment.get(slot);
}

function construct(cx: Lowering, type: Type, args: readonly Expression[]): Representation {
  const { b } = cx;
  if (args.length === 0) return zeroRepresentation(b, type, cx.wide);
  if (type.kind === "scalar") return expression(cx, args[0]!);
  if (type.kind === "vector") {
    const { element, width } = type;
    if (args.length === 1) {
      const value = leaf(cx, args[0]!);
      return args[0]!.type.kind === "vector" ? value : splat(b, element, value);
    }
    const lanes = args.length === 4 ? packed(cx, args) : null;
    return lanes ?? assemble(cx, element, width, args);
  }
  if (type.kind === "matrix" && args[0]!.type.kind === "scalar") {
    const scalars = args.map((arg) => leaf(cx, arg));
    return Array.from({ length: type.columns }, (_, i) =>
      fromScalars(b, type.element, scalars.slice(i * type.rows, (i + 1) * type.rows)),
    );
  }
  return args.map((arg) => expression(cx, arg));
}

/** A vector from scalars and vectors in order. */
function assemble(
  cx: Lowering,
  element: ScalarType,
  width: number,
  args: readonly Expression[],
): Value {
  const { b } = cx;
  const values = args.map((arg) => leaf(cx, arg));
  if (args.every((arg) => arg.type.kind === "scalar")) return fromScalars(b, element, values);
  let result: Value | null = null;
  let at = 0;
  args.forEach((arg, i) => {
    const value = values[i]!;
    if (arg.type.kind !== "vector") {
      result = result ? replace(b, element, result, at, value) : splat(b, element, value);
      at++;
      return;
    }
    const lanes = [0, 1, 2, 3].map((lane) =>
      lane >= at && lane < at + (arg.type as { width: number }).width ? 4 + lane - at : lane,
    );
    result = result ? shuffle(b, result, value, lanes) : value;
    at += arg.type.width;
  });
  if (!result || at !== width) return impossible(`a vector of ${at} parts`);
  return result;
}

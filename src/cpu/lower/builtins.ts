/**
 * The built-in functions. Those that work on each component by itself are written for lanes; a scalar is
 * lane 0 of a splat, so that it has the same bits as a component of a vector would.
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import {
  floatFunctions,
  frexp,
  integerFunctions,
  integerLaneFunctions,
  modf,
  packingFunctions,
} from "../math";
import type { Expression } from "../wgsl/program";
import type { ScalarType, Type } from "../wgsl/types";
import { binary, choose, extract, rounded, shuffle, splat } from "./arithmetic";
import { atomicFunction } from "./atomics";
import { columns, expression, leaf } from "./expressions";
import { impossible, type Lowering } from "./lowering";
import { dotProduct, transpose } from "./matrices";
import { runtimeLength } from "./memory";
import { pointee } from "./places";
import { elementOf, isFloat, type Representation } from "./representation";
import { WideFailure } from "./wide";

type Call = Extract<Expression, { kind: "builtin" }>;

const widthOf = (type: Type): number => (type.kind === "vector" ? type.width : 1);

/** @returns the result, or null if the function has none */
export function builtinFunction(cx: Lowering, e: Call): Representation | null {
  const { b } = cx;
  if (e.name.startsWith("atomic")) return atomicFunction(cx, e);
  const structural = structureFunctions[e.name];
  if (structural) return structural(cx, e);
  const args = e.args.map((arg) => leaf(cx, arg));
  if (cx.wide) {
    const value = wideBuiltin(cx, e, args);
    if (!value) throw new WideFailure();
    return value;
  }
  const mixing = mixingFunctions[e.name];
  if (mixing) return mixing(cx, e, args);
  const packing = packingFunctions[e.name];
  if (packing) return packing(b, ...args);
  const type = e.args[0]!.type;
  const lanes = e.args.some((arg) => arg.type.kind === "vector");
  const whole = lanes
    ? args.map((x, i) =>
        e.args[i]!.type.kind === "scalar" ? splat(b, elementOf(e.args[i]!.type), x) : x,
      )
    : args;
  const value = componentwise(b, e.name, elementOf(type), lanes, whole);
  return value ?? impossible(`the function ${e.name}`);
}

/** The same for scalars side by side in lanes, or null for what does not work on components. */
export function wideBuiltin({ b }: Lowering, e: Call, args: readonly Value[]): Value | null {
  const element = elementOf(e.args[0]!.type);
  if (e.name === "length") return b.pure("f32x4.abs", [args[0]!]);
  if (e.name in mixingFunctions && e.name !== "select" && e.name !== "mix") return null;
  return componentwise(b, e.name, element, true, args);
}

/** The float functions that are one instruction for a scalar too. */
const scalarInstructions: Readonly<Record<string, string>> = {
  abs: "f32.abs",
  ceil: "f32.ceil",
  floor: "f32.floor",
  trunc: "f32.trunc",
  round: "f32.nearest",
  sqrt: "f32.sqrt",
};

/** Null for what does not work on components. */
function componentwise(
  b: Builder,
  name: string,
  element: ScalarType,
  lanes: boolean,
  args: readonly Value[],
): Value | null {
  if (name === "select") return choose(b, lanes, args[1]!, args[0]!, args[2]!);
  if (!isFloat(element)) {
    const fn = (lanes ? integerLaneFunctions : integerFunctions)[name];
    return fn ? fn(b, element.name === "i32", ...args) : null;
  }
  if (!lanes) {
    const [x, y] = args;
    const instruction = scalarInstructions[name];
    if (instruction) return rounded(b, element, false, b.pure(instruction, [x!]));
    if (name === "min") return b.pure("select", [y!, x!, b.pure("f32.lt", [y!, x!])]);
    if (name === "max") return b.pure("select", [y!, x!, b.pure("f32.lt", [x!, y!])]);
  }
  const fn = floatFunctions[name];
  if (!fn) return null;
  if (lanes) return rounded(b, element, true, fn(b, ...args));
  const wide = args.map((x) => b.pure(`${x.type}x4.splat`, [x]));
  const value = rounded(b, element, true, fn(b, ...wide));
  return b.pure("f32x4.extract_lane", [value], 0);
}

/** A function that works on components. */
export function builtinComponents(
  b: Builder,
  name: string,
  element: ScalarType,
  lanes: boolean,
  args: readonly Value[],
): Value {
  return componentwise(b, name, element, lanes, args) ?? impossible(`the function ${name}`);
}

/** Of all lanes in use of a vector of bool. */
function everyLane(b: Builder, name: "all" | "any", type: Type, x: Value): Value {
  const width = widthOf(type);
  if (width === 1) return x;
  if (width === 4) return b.pure(name === "all" ? "i32x4.all_true" : "v128.any_true", [x]);
  const lanes = Array.from({ length: width }, (_, i) => extract(b, elementOf(type), x, i));
  const operator = name === "all" ? "i32.and" : "i32.or";
  return lanes.reduce((p, q) => b.pure(operator, [p, q]));
}

const squareRoot = (b: Builder, element: ScalarType, x: Value): Value =>
  rounded(b, element, false, b.pure("f32.sqrt", [x]));

function lengthOf(b: Builder, type: Type, x: Value): Value {
  const element = elementOf(type);
  if (type.kind === "scalar") return b.pure("f32.abs", [x]);
  return squareRoot(b, element, dotProduct(b, type, widthOf(type), x, x));
}

const scaled = (b: Builder, element: ScalarType, x: Value, factor: Value): Value =>
  binary(b, "*", element, true, x, splat(b, element, factor));

type Special = (cx: Lowering, e: Call, args: readonly Value[]) => Representation | null;

const typeOf = (e: Call, i = 0): Type => e.args[i]!.type;

/** Functions of scalars and vectors that mix components, or give something else than components. */
const mixingFunctions: Readonly<Record<string, Special>> = {
  all: ({ b }, e, [x]) => everyLane(b, "all", typeOf(e), x!),
  any: ({ b }, e, [x]) => everyLane(b, "any", typeOf(e), x!),
  // A condition that is one bool chooses the whole.
  select: ({ b }, e, [x, y, condition]) => {
    const lanes = typeOf(e, 2).kind === "vector";
    return choose(b, lanes, y!, x!, condition!);
  },
  dot: ({ b }, e, [x, y]) => dotProduct(b, typeOf(e), widthOf(typeOf(e)), x!, y!),
  length: ({ b }, e, [x]) => lengthOf(b, typeOf(e), x!),
  distance: ({ b }, e, [x, y]) => {
    const lanes = typeOf(e).kind === "vector";
    return lengthOf(b, typeOf(e), binary(b, "-", elementOf(typeOf(e)), lanes, x!, y!));
  },
  normalize: ({ b }, e, [x]) => {
    const element = elementOf(e.type);
    return binary(b, "/", element, true, x!, splat(b, element, lengthOf(b, e.type, x!)));
  },
  cross: ({ b }, e, [x, y]) => {
    const element = elementOf(e.type);
    const turned = (v: Value, lanes: readonly number[]) => shuffle(b, v, v, lanes);
    const product = (p: readonly number[], q: readonly number[]) =>
      binary(b, "*", element, true, turned(x!, p), turned(y!, q));
    const [forth, back] = [
      [1, 2, 0, 3],
      [2, 0, 1, 3],
    ] as const;
    return binary(b, "-", element, true, product(forth, back), product(back, forth));
  },
  // x - 2 dot(y, x) y
  reflect: ({ b }, e, [x, y]) => {
    const element = elementOf(e.type);
    const along = dotProduct(b, e.type, widthOf(e.type), y!, x!);
    const twice = binary(b, "*", element, false, b.f32(2), along);
    return binary(b, "-", element, true, x!, scaled(b, element, y!, twice));
  },
  // k = 1 - r^2 (1 - dot(y, x)^2); 0 where k < 0, else r x - (r dot(y, x) + sqrt(k)) y
  refract: ({ b }, e, [x, y, r]) => {
    const element = elementOf(e.type);
    const op = (operator: "+" | "-" | "*", p: Value, q: Value) =>
      binary(b, operator, element, false, p, q);
    const along = dotProduct(b, e.type, widthOf(e.type), y!, x!);
    const rest = op("-", b.f32(1), op("*", along, along));
    const k = op("-", b.f32(1), op("*", op("*", r!, r!), rest));
    const factor = op("+", op("*", r!, along), squareRoot(b, element, k));
    const straight = scaled(b, element, x!, r!);
    const bent = binary(b, "-", element, true, straight, scaled(b, element, y!, factor));
    return b.pure("select", [b.i32x4(0), bent, b.pure("f32.lt", [k, b.f32(0)])]);
  },
  // x where dot(z, y) < 0, else -x
  faceForward: ({ b }, e, [x, y, z]) => {
    const along = dotProduct(b, e.type, widthOf(e.type), z!, y!);
    const turned = b.pure("f32x4.neg", [x!]);
    return b.pure("select", [x!, turned, b.pure("f32.lt", [along, b.f32(0)])]);
  },
  // The factor may be one scalar for all components.
  mix: ({ b }, e, [x, y, z]) => {
    const element = elementOf(e.type);
    const lanes = e.type.kind === "vector";
    const factor = lanes && typeOf(e, 2).kind === "scalar" ? splat(b, element, z!) : z!;
    return componentwise(b, "mix", element, lanes, [x!, y!, factor]);
  },
  frexp: ({ b }, e, [x]) => parts(b, e, frexp, x!),
  modf: ({ b }, e, [x]) => parts(b, e, modf, x!),
  // Offset and count are scalars, whatever the rest is.
  extractBits: bitField,
  insertBits: bitField,
};

function bitField({ b }: Lowering, e: Call, args: readonly Value[]): Value {
  return componentwise(b, e.name, elementOf(e.type), e.type.kind === "vector", args)!;
}

/** A function that gives two numbers. */
function parts(
  b: Builder,
  e: Call,
  fn: (b: Builder, x: Value) => readonly Value[],
  x: Value,
): readonly Value[] {
  if (typeOf(e).kind === "vector") return fn(b, x);
  const [first, second] = fn(b, b.pure("f32x4.splat", [x]));
  const members = e.type.kind === "struct" ? e.type.members.map((m) => m.type) : [];
  return [first!, second!].map((v, i) => extract(b, elementOf(members[i]!), v, 0));
}

/** Functions of matrices, and of pointers. */
const structureFunctions: Readonly<Record<string, (cx: Lowering, e: Call) => Representation>> = {
  transpose: (cx, e) => {
    const type = typeOf(e);
    if (type.kind !== "matrix") return impossible("transpose of no matrix");
    return transpose(cx.b, type, columns(expression(cx, e.args[0]!)));
  },
  determinant: (cx, e) => determinant(cx.b, typeOf(e), columns(expression(cx, e.args[0]!))),
  arrayLength: (cx, e) => {
    const place = pointee(cx, e.args[0]!);
    if (place.kind !== "memory") return impossible("arrayLength of a register");
    return runtimeLength(cx.b, place.memory);
  },
};

/** By the last column. */
function determinant(b: Builder, type: Type, matrix: readonly Value[]): Value {
  const element = elementOf(type);
  const op = (operator: "+" | "-" | "*", p: Value, q: Value) =>
    binary(b, operator, element, false, p, q);
  const minor = (rows: readonly number[], column: number): Value => {
    const at = (row: number, c: number) => extract(b, element, matrix[c]!, row);
    if (rows.length === 1) return at(rows[0]!, 0);
    const terms = rows.map((row, i) => {
      const others = rows.filter((_, k) => k !== i);
      return op("*", at(row, column), minor(others, column - 1));
    });
    // Signs alternate, and the last is positive.
    return terms.reduce(
      (sum, term, i) => op((rows.length - 1 - i) % 2 === 0 ? "+" : "-", sum, term),
      b.f32(0),
    );
  };
  const size = matrix.length;
  return minor(
    Array.from({ length: size }, (_, i) => i),
    size - 1,
  );
}

/**
 * A small language for overloads, and the search for the one that arguments mean (WGSL, "Overload Resolution").
 *
 * A signature is `class parameters>result`: "n VT>V" takes a scalar or vector of numbers and one number.
 * The class lists what the scalar type variable T may be; of those to which every argument converts, the one of
 * lowest rank is taken. A letter stands for a type:
 *
 *   T  the scalar                       b i u f  bool, i32, u32, f32
 *   V  the scalar or a vector of it     B I U    bool, i32, u32 in the shape of V or W
 *   W  a vector of it                   x        abstract-int in the shape of V
 *   3  vec3 of it                       j        i32 or u32
 *   M  a matrix of it                   p q      vec2 and vec4 of f32
 *   Q  a square matrix of it            r s      vec4 of u32 and of i32
 *   m  M transposed                     A        pointer to an atomic of it
 *   L  pointer to a runtime-sized array in storage
 *   P  pointer into workgroup memory, as result what it points to
 *   X Y E  the results of frexp and modf of V, and of a compare and exchange of T;  - no result
 */
import { conversionRank, isAbstract, withElement } from "./conversionRank";
import { exchangeResult, frexpResult, modfResult } from "./resultStructs";
import {
  abstractFloat,
  abstractInt,
  bool,
  f16,
  f32,
  i32,
  type MatrixType,
  type ScalarType,
  type Type,
  u32,
  vectorOf,
} from "./types";

export interface Overload {
  /** What each argument converts to. */
  readonly parameters: readonly Type[];
  /** Null: the call gives no value. */
  readonly result: Type | null;
}

/** In order of rank from either abstract type. */
const numbers = [abstractInt, i32, u32, abstractFloat, f32, f16];
const classes: Readonly<Record<string, readonly ScalarType[]>> = {
  a: [bool, ...numbers],
  n: numbers,
  g: numbers.filter((type) => type !== u32),
  f: [abstractFloat, f32, f16],
  i: [abstractInt, i32, u32],
  k: [i32, u32],
  c: [i32, u32, f32, f16],
  b: [bool],
  h: [f32, f16],
  x: [abstractFloat],
  s: [f32],
};

const fixed: Readonly<Record<string, Type>> = {
  b: bool,
  i: i32,
  u: u32,
  f: f32,
  p: vectorOf(f32, 2),
  q: vectorOf(f32, 4),
  r: vectorOf(u32, 4),
  s: vectorOf(i32, 4),
};
const shaped: Readonly<Record<string, ScalarType>> = { B: bool, I: i32, U: u32, x: abstractInt };

/** 1 for a scalar; 0 for what is neither scalar nor vector. */
const widthOf = (type: Type): number =>
  type.kind === "vector" ? type.width : type.kind === "scalar" ? 1 : 0;

const withWidth = (element: ScalarType, width: number): ScalarType | ReturnType<typeof vectorOf> =>
  width === 1 ? element : vectorOf(element, width as 2 | 3 | 4);

const holdsAtomic = (type: Type): boolean =>
  type.kind === "atomic" ||
  (type.kind === "array" && holdsAtomic(type.element)) ||
  (type.kind === "struct" && type.members.some((member) => holdsAtomic(member.type)));

const convertible = (from: Type, to: Type): boolean => conversionRank(from, to) < Infinity;

/**
 * The overload of one signature for these arguments, or null. `runtime`: some argument is not a constant, so no
 * parameter may be abstract.
 */
function matchSignature(
  signature: string,
  args: readonly Type[],
  runtime: boolean,
): Overload | null {
  const arrow = signature.indexOf(">");
  if (args.length !== arrow - 2) return null;
  let width = 0;
  let matrix: MatrixType | null = null;
  let pointee: Type | null = null;
  const elements: ScalarType[] = [];
  for (let k = 0; k < args.length; k++) {
    const arg = args[k]!;
    switch (signature[k + 2]) {
      case "T":
        if (arg.kind !== "scalar") return null;
        elements.push(arg);
        break;
      case "V":
      case "W":
      case "3": {
        const own = widthOf(arg);
        if (own === 0 || (width !== 0 && width !== own)) return null;
        if (signature[k + 2] === "W" && own === 1) return null;
        if (signature[k + 2] === "3" && own !== 3) return null;
        width = own;
        elements.push(arg.kind === "vector" ? arg.element : (arg as ScalarType));
        break;
      }
      case "M":
      case "Q":
        if (arg.kind !== "matrix") return null;
        if (signature[k + 2] === "Q" && arg.columns !== arg.rows) return null;
        if (matrix && (matrix.columns !== arg.columns || matrix.rows !== arg.rows)) return null;
        matrix = arg;
        elements.push(arg.element);
        break;
      case "A":
        if (arg.kind !== "pointer" || arg.to.kind !== "atomic" || arg.access !== "read_write")
          return null;
        elements.push(arg.to.element);
        break;
      case "L":
        if (arg.kind !== "pointer" || arg.space !== "storage") return null;
        if (arg.to.kind !== "array" || arg.to.count !== null) return null;
        break;
      case "P":
        if (arg.kind !== "pointer" || arg.space !== "workgroup") return null;
        pointee = arg.to.kind === "atomic" ? arg.to.element : arg.to;
        if (holdsAtomic(pointee)) return null;
        break;
    }
  }
  const element = classes[signature[0]!]!.find(
    (type) => !(runtime && isAbstract(type)) && elements.every((from) => convertible(from, type)),
  );
  if (!element) return null;
  const typeOf = (letter: string, arg: Type | null): Type | null => {
    switch (letter) {
      case "T":
        return element;
      case "V":
      case "W":
      case "3":
        return withWidth(element, width);
      case "M":
      case "Q":
        return withElement(matrix!, element);
      case "m":
        return { kind: "matrix", columns: matrix!.rows, rows: matrix!.columns, element };
      case "B":
      case "I":
      case "U":
      case "x":
        return withWidth(shaped[letter]!, width);
      case "j":
        return arg === u32 ? u32 : i32;
      case "X":
        return frexpResult(withWidth(element, width));
      case "Y":
        return modfResult(withWidth(element, width));
      case "E":
        return exchangeResult(element);
      case "P":
        return arg ?? pointee;
      case "A":
      case "L":
        return arg;
      case "-":
        return null;
      default:
        return fixed[letter]!;
    }
  };
  const parameters = args.map((arg, k) => typeOf(signature[k + 2]!, arg)!);
  if (!args.every((arg, k) => convertible(arg, parameters[k]!))) return null;
  if (runtime && parameters.some(isAbstract)) return null;
  return { parameters, result: typeOf(signature[arrow + 1]!, null) };
}

/** The overload among signatures that take different shapes or classes, in order of rank; or null. */
export function matchOverload(
  signatures: readonly string[],
  args: readonly Type[],
  runtime: boolean,
): Overload | null {
  for (const signature of signatures) {
    const overload = matchSignature(signature, args, runtime);
    if (overload) return overload;
  }
  return null;
}

const codes = new Map<Type, string>();
for (const element of classes["a"]!)
  for (const width of [1, 2, 3, 4])
    codes.set(withWidth(element, width), String.fromCharCode(48 + codes.size));

/** A key of scalar and vector types, of which there is one object each; null if another type is among them. */
function keyOf(name: string, args: readonly Type[], runtime: boolean): string | null {
  let key = runtime ? `${name}!` : `${name}:`;
  for (const arg of args) {
    const code = codes.get(arg);
    if (code === undefined) return null;
    key += code;
  }
  return key;
}

const known = new Map<string, Overload | null>();

/** `find`, remembered where all arguments are scalars and vectors. */
export function remembered(
  name: string,
  args: readonly Type[],
  runtime: boolean,
  find: () => Overload | null,
): Overload | null {
  const key = keyOf(name, args, runtime);
  if (key === null) return find();
  let overload = known.get(key);
  if (overload === undefined) {
    overload = find();
    known.set(key, overload);
  }
  return overload;
}

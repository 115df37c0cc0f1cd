/**
 * Numeric literals (WGSL, "Numeric literals"). A decimal float rounds to its type and must not exceed the
 * type's largest value; a hexadecimal float and an integer must be exact.
 */
import type { Literal } from "./ast";
import { maxF16, roundF16 } from "./float16";
import type { Position } from "./program";

import { ShaderError } from "./shaderError";
import type { ScalarName } from "./types";

// The longer forms stand first: the first alternative that matches is taken.
const hexadecimal =
  /0[xX](?:([\da-fA-F]*)\.([\da-fA-F]*)(?:[pP]([+-]?\d+)([fh]?))?|([\da-fA-F]+)[pP]([+-]?\d+)([fh]?)|([\da-fA-F]+)([iu]?))/y;
const decimal =
  /(?:(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)([fh]?)|(0|[1-9]\d*)([iufh]?)/y;
const wordCharacter = /[\p{XID_Continue}]/uy;

type FloatName = "abstract-float" | "f32" | "f16";
type IntegerName = "abstract-int" | "i32" | "u32";

const suffixes: Readonly<Record<string, ScalarName>> = { i: "i32", u: "u32", f: "f32", h: "f16" };

const largestInteger: Readonly<Record<IntegerName, bigint>> = {
  "abstract-int": 2n ** 63n - 1n,
  i32: 2n ** 31n - 1n,
  u32: 2n ** 32n - 1n,
};

/** Bits of the significand, exponents of the lowest and of the highest bit of any value, largest value. */
const floats: Readonly<Record<FloatName, readonly [number, number, number, number]>> = {
  "abstract-float": [53, -1074, 1023, Number.MAX_VALUE],
  f32: [24, -149, 127, (2 - 2 ** -23) * 2 ** 127],
  f16: [11, -24, 15, maxF16],
};

/** significand * 2^exponent, if the type has that value. */
function exactFloat(significand: bigint, exponent: number, type: FloatName): number | null {
  if (significand === 0n) return 0;
  let odd = significand;
  let low = exponent;
  while ((odd & 1n) === 0n) {
    odd >>= 1n;
    low++;
  }
  const bits = odd.toString(2).length;
  const [precision, lowest, highest] = floats[type];
  if (bits > precision || low < lowest || low + bits - 1 > highest) return null;
  return Number(odd) * 2 ** low;
}

/** The nearest value of the type, if `value` is not beyond the largest. */
function roundedFloat(value: number, type: FloatName): number | null {
  if (value > floats[type][3]) return null;
  return type === "f32" ? Math.fround(value) : type === "f16" ? roundF16(value) : value;
}

/** The literal that starts at `index`, where a digit or a point with a digit stands. @throws ShaderError */
export function readNumber(
  text: string,
  index: number,
  at: Position,
): { readonly text: string; readonly literal: Literal } {
  const find = (expression: RegExp): RegExpExecArray | null => {
    expression.lastIndex = index;
    return expression.exec(text);
  };
  const hex = find(hexadecimal);
  const match = hex ?? find(decimal);
  const spelling = match?.[0] ?? text[index]!;
  wordCharacter.lastIndex = index + spelling.length;
  const wrong = wordCharacter.exec(text);
  if (!match || wrong)
    throw new ShaderError(`${spelling}${wrong?.[0] ?? ""} is not a number of WGSL`, at);

  const integer = hex ? hex[8] : match[2];
  const suffix = (hex ? (hex[4] ?? hex[7] ?? hex[9]) : (match[1] ?? match[3])) ?? "";
  if (integer !== undefined && !(suffix in { f: 0, h: 0 })) {
    const type = (suffixes[suffix] ?? "abstract-int") as IntegerName;
    const value = BigInt(hex ? `0x${integer}` : integer);
    if (value > largestInteger[type])
      throw new ShaderError(
        `${spelling} does not fit ${type}, which ends at ${largestInteger[type]}`,
        at,
      );
    return { text: spelling, literal: { kind: "literal", at, type, value } };
  }

  const type = (suffixes[suffix] ?? "abstract-float") as FloatName;
  let value: number | null;
  if (hex) {
    const fraction = hex[2] ?? "";
    const digits = (hex[1] ?? hex[5] ?? "") + fraction;
    if (!digits) throw new ShaderError(`${spelling} has no digits`, at);
    const exponent = Number(hex[3] ?? hex[6] ?? 0) - 4 * fraction.length;
    value = exactFloat(BigInt(`0x${digits}`), exponent, type);
  } else {
    value = roundedFloat(Number(suffix ? spelling.slice(0, -1) : spelling), type);
  }
  if (value === null)
    throw new ShaderError(
      hex
        ? `${type} has no value that is exactly ${spelling}`
        : `${spelling} is beyond the range of ${type}`,
      at,
    );
  return { text: spelling, literal: { kind: "literal", at, type, value } };
}

/** The types that generated values have: scalars, vectors (`rows` > 1) and matrices (`columns` > 1). */
import type { Choices } from "./choices";

export type ScalarName = "bool" | "i32" | "u32" | "f32" | "f16";

export interface ValueType {
  readonly scalar: ScalarName;
  readonly rows: 1 | 2 | 3 | 4;
  readonly columns: 1 | 2 | 3 | 4;
}

export const widths = [2, 3, 4] as const;

export const scalarOf = (scalar: ScalarName): ValueType => ({ scalar, rows: 1, columns: 1 });
export const vectorOf = (scalar: ScalarName, rows: ValueType["rows"]): ValueType => ({
  scalar,
  rows,
  columns: 1,
});

export const isFloat = ({ scalar }: ValueType): boolean => scalar === "f32" || scalar === "f16";
export const isScalar = ({ rows }: ValueType): boolean => rows === 1;
export const isMatrix = ({ columns }: ValueType): boolean => columns > 1;

export function nameOf({ scalar, rows, columns }: ValueType): string {
  if (columns > 1) return `mat${columns}x${rows}<${scalar}>`;
  return rows > 1 ? `vec${rows}<${scalar}>` : scalar;
}

/** Any type a value may have; `half` admits f16. */
export function typeFrom(choices: Choices, half: boolean): ValueType {
  const scalar = choices.of<ScalarName>(
    half ? ["i32", "u32", "f32", "bool", "f16"] : ["i32", "u32", "f32", "bool"],
  );
  if (scalar.startsWith("f") && choices.chance(25))
    return { scalar, rows: choices.of(widths), columns: choices.of(widths) };
  return choices.chance(50) ? vectorOf(scalar, choices.of(widths)) : scalarOf(scalar);
}

/** Expressions for the scalars in a value, in memory order. */
export function componentsOf(value: string, { rows, columns }: ValueType): string[] {
  if (columns > 1)
    return Array.from(
      { length: columns * rows },
      (_, i) => `${value}[${Math.floor(i / rows)}][${i % rows}]`,
    );
  return rows > 1 ? Array.from({ length: rows }, (_, i) => `${value}.${"xyzw"[i]}`) : [value];
}

/** The 32-bit word that shows a scalar's exact value; -0 shows as 0. */
export function wordOf(value: string, scalar: ScalarName): string {
  switch (scalar) {
    case "bool":
      return `select(0u, 1u, ${value})`;
    case "i32":
      return `bitcast<u32>(${value})`;
    case "u32":
      return value;
    case "f32":
      return `float_word(${value})`;
    case "f16":
      return `float_word(f32(${value}))`;
  }
}

export const floatWord = `fn float_word(x: f32) -> u32 {
  let word = bitcast<u32>(x);
  return select(word, 0u, word == 0x80000000u);
}`;

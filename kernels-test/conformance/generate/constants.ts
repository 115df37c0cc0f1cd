/**
 * Constant expressions and pipeline-overridable ones, of every type. Many are errors (an overflow, a shift
 * too far, a type that does not fit): those too must be judged the same.
 */
import { bytesOf, type Shader } from "../run";
import { Choices } from "./choices";
import type { GeneratedExpression } from "./expressionShader";
import { Expressions, type Leaves } from "./expressions";
import {
  componentsOf,
  floatWord,
  nameOf,
  type ScalarName,
  scalarOf,
  typeFrom,
  wordOf,
} from "./types";

const constants = (half: boolean): string => `const WHOLE = 12;
const NEGATIVE = -7;
const REAL = 2.5;
const I = 9i;
const J = i32(0x7fffffff);
const U = 0xfffffff0u;
const V = 3u;
const F = 1.25f;
const G = f32(WHOLE) - 0.125;
const YES = WHOLE > 3;
const NO: bool = REAL == 1.0;
const SIZE = vec2u(3, V + 2).y;
${half ? "const H = 1.5h;\nconst K = f16(REAL);\n" : ""}`;

const leaves: Leaves = {
  names: {
    bool: ["YES", "NO"],
    i32: ["I", "J", "WHOLE", "NEGATIVE", "i32(SIZE)"],
    u32: ["V", "U", "WHOLE", "SIZE"],
    f32: ["F", "G", "REAL"],
    f16: ["H", "K", "REAL"],
  },
  bounds: { f32: { max: 16, fraction: 3 }, f16: { max: 4, fraction: 1 } },
  tick: null,
  abstract: true,
};

export function constantFrom(numbers: readonly number[], half: boolean): GeneratedExpression {
  const choices = new Choices(numbers);
  const type = typeFrom(choices, half);
  return {
    type,
    text: new Expressions(choices, leaves, half).make(type, choices.between(1, 4)).text,
  };
}

/** A shader that writes the value of each constant, in words. */
export function constantShader(expressions: readonly GeneratedExpression[], half: boolean): Shader {
  let slots = 0;
  const declarations = expressions.map(
    ({ text, type }, i) => `const c${i}: ${nameOf(type)} = ${text};\n`,
  );
  const stores = expressions.map(({ type }, i) =>
    componentsOf(`c${i}`, type)
      .map((component) => `  out[${slots++}] = ${wordOf(component, type.scalar)};\n`)
      .join(""),
  );
  const wgsl = `${half ? "enable f16;\n" : ""}${constants(half)}${declarations.join("")}
@group(0) @binding(0) var<storage, read_write> out: array<u32>;

${floatWord}

@compute @workgroup_size(1)
fn main() {
${stores.join("")}}
`;
  const bytes = new Uint8Array(Math.max(1, slots) * 4);
  return {
    wgsl,
    grid: [1, 1, 1],
    buffers: [{ name: "out", index: 0, access: "read_write", bytes }],
  };
}

/** A shader with overrides, and the same with constants of their values in their place. */
export interface OverrideShader extends Shader {
  readonly overrides: Readonly<Record<string, number>>;
  readonly withConstants: string;
}

/** Overrides with values from outside, and others computed from them. */
export function overrideShader(numbers: readonly number[]): OverrideShader {
  const choices = new Choices(numbers);
  const overrides: Record<string, number> = {};
  const names: Record<ScalarName, string[]> = {
    bool: [],
    i32: ["SMALL"],
    u32: ["COUNT"],
    f32: [],
    f16: [],
  };
  let declarations = "";
  let constants = "";
  const declare = (name: string, scalar: ScalarName, initial: string, value: number | null) => {
    const numbered = choices.chance(25);
    const id = 100 + Object.values(names).flat().length;
    const annotation = choices.chance(70) ? `: ${scalar}` : "";
    declarations += `${numbered ? `@id(${id}) ` : ""}override ${name}${annotation} = ${initial};\n`;
    names[scalar].push(name);
    constants += `const ${name}: ${scalar} = ${value === null ? initial : `${scalar}(${value})`};\n`;
    if (value !== null) overrides[numbered ? id : name] = value;
  };
  const given: readonly (readonly [string, ScalarName, string, readonly number[]])[] = [
    ["A", "i32", "5i", [0, 1, -1, 2147483647, -2147483648]],
    ["B", "u32", "7u", [0, 1, 31, 4294967295]],
    ["C", "f32", "1.5f", [0, -2.5, 15.875]],
    ["D", "bool", "true", [0, 1, 5]],
  ];
  for (const [name, scalar, initial, values] of given) {
    declare(name, scalar, initial, choices.chance(60) ? choices.of(values) : null);
  }
  const derivedTypes: readonly ScalarName[] = ["i32", "u32", "bool", "f32"];
  const bounds = { f32: { max: 16, fraction: 3 }, f16: { max: 8, fraction: 1 } };
  const expressions = new Expressions(
    choices,
    { names, bounds, tick: null, abstract: true, plainAmounts: true },
    false,
  );
  for (let i = choices.between(1, 4); i > 0; i--) {
    const scalar = choices.of(derivedTypes);
    const { text } = expressions.make(scalarOf(scalar), choices.between(1, 3));
    // Its bounds as a float are unknown, so floats are not used again.
    const name = `E${i}`;
    declare(name, scalar, text, choices.chance(20) ? choices.below(2) : null);
    if (scalar === "f32") names.f32.pop();
  }
  const words = (["i32", "u32", "bool", "f32"] as const).flatMap((scalar) =>
    names[scalar].map((name) => wordOf(name, scalar)),
  );
  const count = choices.chance(50) ? choices.between(1, 8) : null;
  if (count !== null) overrides["COUNT"] = count;
  const rest = `
@group(0) @binding(0) var<storage, read_write> out: array<u32>;
var<workgroup> tile: array<u32, COUNT * 2u + 1u>;
var<private> start: i32 = SMALL + 1;

${floatWord}

@compute @workgroup_size(COUNT, 1, u32(SMALL) - 2u)
fn main(@builtin(local_invocation_index) lane: u32) {
  tile[lane * 2u] = lane + u32(start);
  tile[2u * lane + 1u] = 9u;
  workgroupBarrier();
  out[lane] = tile[(lane + 1u) % (COUNT * 2u)];
  if (lane == 0u) {
${words.map((word, i) => `    out[${16 + i}] = ${word};`).join("\n")}
  }
}
`;
  return {
    wgsl: `override COUNT: u32 = 4;\noverride SMALL = 3i;\n${declarations}${rest}`,
    withConstants: `const COUNT: u32 = ${count ?? 4};\nconst SMALL = 3i;\n${constants}${rest}`,
    overrides,
    grid: [1, 1, 1],
    buffers: [
      { name: "out", index: 0, access: "read_write", bytes: bytesOf(new Array(64).fill(0)) },
    ],
  };
}

/**
 * Many expressions in one shader. Each writes one word per invocation: its components and the order of
 * its calls, mixed. (A store per component would take the drivers three times as long to compile.)
 */
import { bytesOf, type Shader } from "../run";
import { Choices } from "./choices";
import { Expressions, type Leaves } from "./expressions";
import { componentsOf, floatWord, nameOf, typeFrom, type ValueType, wordOf } from "./types";

export interface GeneratedExpression {
  readonly text: string;
  readonly type: ValueType;
}

/** Invocations; each sees other inputs. */
const lanes = 16;
const perType = 4;
const inputWords = 4 * perType;

const leaves: Leaves = {
  names: {
    bool: ["b0", "b1"],
    i32: ["i0", "i1", "i2", "i3"],
    u32: ["u0", "u1", "u2", "u3"],
    f32: ["f0", "f1", "f2", "f3"],
    f16: ["h0", "h1", "h2", "h3"],
  },
  bounds: { f32: { max: 16, fraction: 3 }, f16: { max: 8, fraction: 1 } },
  tick: "tick",
};

const edges = [0, 1, 2, 31, 32, 0x7f, 0xff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** An expression of any type, of at most four nested operations. */
export function expressionFrom(numbers: readonly number[], half: boolean): GeneratedExpression {
  const choices = new Choices(numbers);
  const type = typeFrom(choices, half);
  const expressions = new Expressions(choices, leaves, half);
  return { type, text: expressions.make(type, choices.between(1, 4)).text };
}

function inputsFrom(numbers: readonly number[]): Uint32Array {
  const choices = new Choices(numbers);
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  const words = new Uint32Array(lanes * inputWords);
  words.forEach((_, i) => {
    const kind = Math.floor((i % inputWords) / perType);
    if (kind < 2) words[i] = choices.chance(50) ? choices.of(edges) : choices.word();
    else {
      float[0] = kind === 2 ? choices.between(-128, 128) / 8 : choices.between(-16, 16) / 2;
      words[i] = bits[0]!;
    }
  });
  return words;
}

/** A shader that computes the expressions for inputs drawn from `numbers`. */
export function expressionShader(
  expressions: readonly GeneratedExpression[],
  numbers: readonly number[],
  half: boolean,
): Shader {
  const slots = expressions.length;
  const blocks = expressions.map(({ text, type }, slot) => {
    const words = componentsOf("value", type).map((c) => wordOf(c, type.scalar));
    const mixed = words.reduce((hash, word) => `mixed(${hash}, ${word})`, "order");
    return `  {
    order = 1u;
    let value: ${nameOf(type)} = ${text};
    out[at + ${slot}u] = ${mixed};
  }`;
  });
  const input = (prefix: string, kind: number, type: string) =>
    Array.from(
      { length: perType },
      (_, i) => `  let ${prefix}${i} = ${type}(inputs[first + ${kind * perType + i}u])`,
    );
  const wgsl = `${half ? "enable f16;\n" : ""}
@group(0) @binding(0) var<storage, read> inputs: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;
var<private> order: u32;

${floatWord}

fn mixed(hash: u32, word: u32) -> u32 {
  return (hash * 0x01000193u) ^ word;
}

// Shows whether and in which order it is called.
fn tick(x: i32) -> i32 {
  order = order * 31u + u32(x & 15) + 1u;
  return x ^ i32(order & 255u);
}

@compute @workgroup_size(${lanes})
fn main(@builtin(local_invocation_index) lane: u32) {
  let first = lane * ${inputWords}u;
  let at = lane * ${slots}u;
${input("i", 0, "bitcast<i32>").join(";\n")};
${input("u", 1, "u32").join(";\n")};
${input("f", 2, "bitcast<f32>").join(";\n")};
${half ? `${input("h", 3, "f16(bitcast<f32>").join(");\n")});` : ""}
  let b0 = (u0 & 1u) == 1u;
  let b1 = i1 < 0;
${blocks.join("\n")}
}
`;
  return {
    wgsl,
    grid: [1, 1, 1],
    buffers: [
      { name: "inputs", index: 0, access: "read", bytes: bytesOf(inputsFrom(numbers)) },
      { name: "out", index: 1, access: "read_write", bytes: new Uint8Array(lanes * slots * 4) },
    ],
  };
}

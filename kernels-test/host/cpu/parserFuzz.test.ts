import * as fc from "fast-check";
import { describe, test } from "vitest";
import { check } from "../../../src/cpu/wgsl/check";
import { ShaderError } from "../../../src/cpu/wgsl/shaderError";

/** Any text is either a program or a ShaderError; nothing else is thrown, and nothing hangs. */
function judge(text: string): void {
  try {
    check(text, {});
  } catch (error) {
    if (!(error instanceof ShaderError)) throw error;
  }
}

const pieces = [
  ..."{}()[]<>;:,.@&|^~!=+-*/%_#$?\"'\\ \n\t\u0000\u00e9\u{1f600}\ud800",
  ..."fn var let const override struct alias enable requires diagnostic if else for while loop".split(
    " ",
  ),
  ..."switch case default break continue continuing return discard const_assert true false".split(
    " ",
  ),
  ..."i32 u32 f32 f16 bool vec3 vec4f mat2x2 array atomic ptr private workgroup storage uniform".split(
    " ",
  ),
  ..."function read read_write main x y min dot select bitcast workgroupBarrier compute".split(" "),
  ..."workgroup_size group binding builtin align size id must_use local_invocation_index".split(
    " ",
  ),
  ..."0 1 -1 1u 2i 0x 0x1p 1e 1e9999 0x1.8p3f 99999999999999999999 1.5h .5 5. /* */ //".split(" "),
  ..."-> == != <= >= && || << >> += <<= ++ --".split(" "),
];

const soup = fc
  .array(fc.constantFrom(...pieces), { maxLength: 120, size: "max" })
  .chain((list) => fc.constantFrom("", " ").map((separator) => list.join(separator)));

describe("the front end takes any text", () => {
  test("of random characters", () => {
    const characters = fc.string({ unit: "binary", maxLength: 200, size: "max" });
    fc.assert(fc.property(characters, judge), { seed: 13, numRuns: 3000 });
  });

  test("of random pieces of WGSL", () => {
    fc.assert(fc.property(soup, judge), { seed: 14, numRuns: 6000 });
  });

  test("of random pieces of WGSL inside a function", () => {
    const inside = soup.map((text) => `@compute @workgroup_size(1) fn main() {\n${text}\n}`);
    fc.assert(fc.property(inside, judge), { seed: 15, numRuns: 6000 });
  });

  test("of deep nesting", () => {
    for (const [open, close] of [
      ["(", ")"],
      ["{", "}"],
      ["-", ""],
      ["!", ""],
      ["vec2(", ")"],
      ["array<", ">"],
      ["if x { ", "}"],
      ["a[", "]"],
      ["&", ""],
      ["*", ""],
      ["@x(", ")"],
      ["1+", "1"],
      ["else if true {", "}"],
    ] as const)
      for (const depth of [10, 1000, 100000]) {
        const text = `${open.repeat(depth)}1${close.repeat(depth)}`;
        judge(text);
        judge(`fn f() { let y = ${text}; }`);
        judge(`fn f() { ${text} }`);
        judge(`const a: ${text} = 1;`);
      }
  });
});

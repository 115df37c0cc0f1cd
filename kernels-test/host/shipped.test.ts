/** What is left out of the kernels' texts when they are shipped. */
import { expect, test } from "vitest";
import { readKernels } from "../../shaders/reflect.mjs";
import { shippedLauncher, shippedText } from "../../shaders/shipped.mjs";
import { compileProgram } from "../../src/cpu/compile";
import * as includes from "../../src/kernels/generated/includes";
import { allKernels } from "../../src/kernels/generated/index";
import { type AnyKernel, specialise } from "../../src/kernels/kernel";
import { reachable } from "../../src/kernels/reachable";

/** The words, numbers and signs of a text, which is all that WGSL looks at. */
const tokens = (wgsl: string): string[] =>
  wgsl.replace(/\/\/.*$/gm, "").match(/\w+|[^\w\s]/g) ?? [];

const codeOf = (kernel: AnyKernel, wgsl: string): Uint8Array =>
  compileProgram({ ...specialise(kernel), wgsl }, { shared: false, relaxed: false }).wasm;

test("every kernel that the CPU executor takes is compiled to the same code after", () => {
  const taken = allKernels.filter(({ features }) => !features.some((f) => /matrix/.test(f)));
  expect(taken.length).toBeGreaterThan(0.9 * allKernels.length);
  for (const kernel of taken) {
    const { wgsl } = specialise(kernel);
    expect(codeOf(kernel, shippedText(wgsl)), kernel.name).toEqual(codeOf(kernel, wgsl));
  }
});

test("every kernel's text has the same tokens after, fewer bytes, and each line's beginning at its start", async () => {
  const kernels = await readKernels("shaders");
  expect(kernels.length).toBeGreaterThan(100);
  for (const { name, plain } of kernels) {
    const shipped = shippedText(plain);
    expect(tokens(shipped), name).toEqual(tokens(plain));
    expect(shipped.length, name).toBeLessThan(plain.length);
    expect(shipped, name).not.toMatch(/^\s|\/\/|\n\n/);
  }
});

test("the functions that operations bring have the same tokens after", () => {
  const texts = Object.entries(includes).filter(([name]) => name.startsWith("pointwise"));
  expect(texts.length).toBeGreaterThan(5);
  for (const [name, text] of texts) expect(tokens(shippedText(text)), name).toEqual(tokens(text));
});

test("what a kernel reaches is found where lines are no longer indented", async () => {
  for (const { name, plain } of await readKernels("shaders"))
    expect(tokens(reachable(shippedText(plain), ["main"])), name).toEqual(
      tokens(reachable(plain.replace(/\/\/.*$/gm, ""), ["main"])),
    );
});

test("a launcher keeps its types and values; only texts of several lines and the comment change", () => {
  const text = [
    "export const one = {",
    '  name: "family/one",',
    '  doc: "y = x\\n\\nshapes: any",',
    '  source: "// y = x\\n  fn main() {} // here\\n\\n" +',
    "    includes.grid,",
    '  bindings: [{"name":"x","index":0,"access":"read"}],',
    "};",
  ].join("\n");
  expect(shippedLauncher(text).split("\n")).toEqual([
    "export const one = {",
    '  name: "family/one",',
    '  doc: "",',
    '  source: "fn main() {}\\n" +',
    "    includes.grid,",
    '  bindings: [{"name":"x","index":0,"access":"read"}],',
    "};",
  ]);
});

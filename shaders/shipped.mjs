/**
 * What of the kernels is shipped: their texts without comments, indentation and empty lines, without spaces around
 * the operators of statements, and without what launchers say to readers and tests, the opening comment and the
 * values of choices. Names and lines stay as they are: choices are put into the text by lines
 * (src/kernels/kernel.ts), and a driver's message still quotes a readable one.
 */

/** Lines that others look for by their text: declarations. */
const declaration = /^(?:@|alias|const|fn|override|struct|var|enable|#)/;

/** Operators between operands: a sign before an operand keeps its space, since `- -x` is no `--x`. */
const operator = /(?<=[\w)\]]) ([-+*/%&|^<>=!]=?|&&|\|\||<<|>>) (?=[\w(])/g;

/** WGSL has no strings, so `//` always opens a comment. */
export function shippedText(wgsl) {
  const lines = wgsl.split("\n").map((line) => {
    const text = line.replace(/\/\/.*$/, "").trim();
    if (declaration.test(text)) return text;
    return text
      .replace(operator, "$1")
      .replace(/(?<=[\w)\]]) ([-+*/]?=|[+*]) (?=-)/g, "$1")
      .replace(/(?<=[,;:]) | (?=[{}])|(?<=[{}]) /g, "");
  });
  return `${lines.filter((line) => line !== "").join("\n")}\n`;
}

/** A file of src/kernels/generated with every text in it as it is shipped. */
export function shippedLauncher(typescript) {
  return typescript
    .replace(/^ {2}doc: ".*",$/gm, '  doc: "",')
    .replace(/^ {2}allowed: \{.*\},$/gm, "  allowed: {},")
    .replace(/"(?:[^"\\]|\\.)*\\n(?:[^"\\]|\\.)*"/g, (text) =>
      JSON.stringify(shippedText(JSON.parse(text))),
    );
}

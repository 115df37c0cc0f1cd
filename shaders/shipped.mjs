/**
 * What of the kernels is shipped: their texts without comments, indentation and empty lines, and without what
 * launchers say to readers and tests, the opening comment and the values of choices. Names, and what stands on a line, stay as they are: choices are
 * put into the text by lines (src/kernels/kernel.ts), and a driver's message still quotes a readable one.
 */

/** WGSL has no strings, so `//` always opens a comment. */
export function shippedText(wgsl) {
  const lines = wgsl.split("\n").map((line) => line.replace(/\/\/.*$/, "").trim());
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

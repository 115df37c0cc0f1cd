/** The parts of a WGSL text, for a light touch of colour. */

const keywords =
  "alias|break|case|const|continue|continuing|default|discard|else|enable|fn|for|if|let|loop|override|requires|return|struct|switch|var|while";
const types =
  "array|atomic|bool|f16|f32|i32|u32|mat[234]x[234][fh]?|ptr|storage|uniform|workgroup|function|private|read|read_write|vec[234][fhiu]?";
const parts = new RegExp(
  [
    "(?<comment>//[^\\n]*|/\\*[^]*?\\*/)",
    "(?<attribute>@\\w+)",
    "(?<number>\\b(?:0x[\\da-f.]+(?:p[+-]?\\d+)?|\\d+\\.?\\d*(?:e[+-]?\\d+)?)[fhiu]?)",
    `(?<keyword>\\b(?:${keywords})\\b)`,
    `(?<type>\\b(?:${types})\\b)`,
  ].join("|"),
  "gi",
);

/**
 * @param {string} text
 * @returns {{ kind: string, text: string }[]} all of the text in order; "" is the kind of what is none of these
 */
export function partsOf(text) {
  const found = [];
  let at = 0;
  for (const match of text.matchAll(parts)) {
    if (match.index > at) found.push({ kind: "", text: text.slice(at, match.index) });
    const [kind] = Object.entries(match.groups).find(([, value]) => value !== undefined);
    found.push({ kind, text: match[0] });
    at = match.index + match[0].length;
  }
  if (at < text.length) found.push({ kind: "", text: text.slice(at) });
  return found;
}

/** Lines indented by their braces: the built library's texts have no indentation. */
export function indented(text) {
  let depth = 0;
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const own = line.trim();
      const closes = /^[}\])]*/.exec(own)[0].length;
      const shown = "  ".repeat(Math.max(depth - closes, 0)) + own;
      for (const sign of own)
        if (/[{[(]/.test(sign)) depth++;
        else if (/[}\])]/.test(sign)) depth--;
      return own === "" ? "" : shown;
    })
    .join("\n");
}

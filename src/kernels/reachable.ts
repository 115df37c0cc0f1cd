/**
 * A kernel's text without the functions it does not call. The pointwise kernels share some two hundred
 * functions of which a program calls a few; parsing the others is most of what compiling it would cost.
 */

interface Definition {
  readonly name: string;
  /** From the comment above it to the end of its last line. */
  readonly start: number;
  readonly end: number;
}

/** After the brace that closes the first one opened from `start` on, and the end of its line. */
function endOfBody(text: string, start: number): number {
  let depth = 0;
  for (let i = text.indexOf("{", start); i < text.length; i++) {
    if (text[i] === "{") depth++;
    if (text[i] === "}" && --depth === 0) return Math.min(text.indexOf("\n", i) + 1, text.length);
  }
  return text.length;
}

/** The functions that start a line, with the comments right above them. */
function definitions(text: string): Definition[] {
  return [...text.matchAll(/(?:^\/\/.*\n)*^fn (\w+)/gm)].map((match) => ({
    name: match[1]!,
    start: match.index,
    end: endOfBody(text, match.index + match[0].length),
  }));
}

/**
 * `text` without the functions that neither `roots` nor what they call name. One that is there several times, as
 * part of several texts put together, stays once.
 */
export function reachable(text: string, roots: readonly string[]): string {
  const all = definitions(text);
  const known = new Map(all.toReversed().map((d) => [d.name, d]));
  const kept = new Set<string>();
  const visit = (name: string): void => {
    const definition = known.get(name);
    if (!definition || kept.has(name)) return;
    kept.add(name);
    for (const [word] of text.slice(definition.start, definition.end).matchAll(/\b[a-z_]\w*/gi))
      visit(word);
  };
  for (const root of roots) visit(root);
  let result = "";
  let at = 0;
  for (const { name, start, end } of all) {
    if (kept.has(name) && known.get(name)!.start === start) continue;
    result += text.slice(at, start);
    at = end;
  }
  return result + text.slice(at);
}

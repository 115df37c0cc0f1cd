/** Text in a terminal's width. */

import type { TextOutput } from "./command";

/** Columns to fill: the terminal's, within what reads well; 80 where there is no terminal. */
export function widthOf({ columns }: TextOutput): number {
  return Math.max(40, Math.min(columns ?? 80, 110));
}

/** Stands for a space at which no line is broken. */
export const HARD_SPACE = "\u00a0";

/**
 * `text` broken between words into lines of at most `width` characters. The first begins with `first`,
 * which may hold words of its own; the others with as many spaces as `rest`. A word longer than a line
 * gets one of its own.
 */
export function wrap(text: string, width: number, first: string, rest = first.length): string {
  const lines: string[] = [];
  let line = first;
  let begun = false;
  for (const word of text.split(" ")) {
    if (begun && line.length + 1 + word.length > width) {
      lines.push(line);
      line = " ".repeat(rest) + word;
    } else line += begun ? ` ${word}` : word;
    begun = true;
  }
  return [...lines, line].join("\n").replaceAll(HARD_SPACE, " ");
}

/** Rows of a name and what is to say of it, the names in one column that begins at `indent`. */
export function facts(
  rows: readonly (readonly [name: string, value: string])[],
  { width, indent }: { width: number; indent: number },
): string[] {
  const column = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.map(([name, value]) =>
    wrap(value, width, `${" ".repeat(indent)}${name.padEnd(column)}`),
  );
}

/** Items up to this long stay in one line. */
const WHOLE_ITEM = 44;

/** A list whose items are not broken unless they are long: `a: f32, b: vec4<u32>`. */
export function list(items: readonly string[], separator = ","): string {
  return items
    .map((item) => (item.length <= WHOLE_ITEM ? item.replaceAll(" ", HARD_SPACE) : item))
    .join(`${separator} `);
}

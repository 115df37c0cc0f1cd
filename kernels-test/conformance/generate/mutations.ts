/** Small random changes to the tokens of a text: most make it wrong, some leave it right. */
import type { Choices } from "./choices";

const token =
  /\/\/.*|[A-Za-z_]\w*|\d[\w.]*|<<=|>>=|->|[-+*/%&|^=!<>]=|&&|\|\||<<|>>|\+\+|--|\s+|./gsu;

/** What may be put in the place of a token: one of each kind that a text may hold. */
const strangers = [
  "0",
  "1",
  "3u",
  "2i",
  "1.5",
  "2.5f",
  "-1",
  "true",
  "x",
  "lane",
  "i32",
  "u32",
  "f32",
  "bool",
  "vec2f",
  "vec3<u32>",
  "array",
  "(",
  ")",
  "{",
  "}",
  "[",
  "]",
  ";",
  ",",
  ":",
  ".",
  ".x",
  "=",
  "==",
  "+",
  "-",
  "*",
  "/",
  "%",
  "&",
  "&&",
  "|",
  "||",
  "^",
  "<",
  ">",
  "<<",
  ">>",
  "!",
  "~",
  "++",
  "+=",
  "<<=",
  "->",
  "@",
  "let",
  "var",
  "const",
  "if",
  "else",
  "for",
  "while",
  "loop",
  "switch",
  "case",
  "default",
  "break",
  "continue",
  "return",
  "fn",
  "struct",
  "continuing",
  "private",
  "workgroup",
  "storage",
  "read_write",
  "ptr",
  "min",
  "abs",
  "select",
  "_",
];

const isBlank = (text: string): boolean => /^(\s|\/\/)/.test(text);

/** Kinds of tokens: one stands where another of its kind may stand. */
const kinds: readonly RegExp[] = [
  /^\d/,
  /^(bool|[iuf]32|f16|(vec|mat)[234](x[234])?[fiuh]?)$/,
  /^[A-Za-z_]/,
  /^(=|[-+*/%&|^]=|<<=|>>=)$/,
  /^([-+*/%&|^<>]|<<|>>|&&|\|\||[=!<>]=)$/,
];
const kindOf = (text: string): number => kinds.findIndex((kind) => kind.test(text));

/** The text with `count` tokens deleted, doubled, swapped or replaced. */
export function mutated(text: string, choices: Choices, count: number): string {
  const tokens = text.match(token)!;
  for (let i = 0; i < count; i++) {
    const places = tokens.flatMap((piece, at) => (isBlank(piece) ? [] : [at]));
    const at = choices.of(places);
    const other = choices.of(places);
    const alike = places.filter((place) => kindOf(tokens[place]!) === kindOf(tokens[at]!));
    switch (choices.below(16)) {
      case 0:
        tokens[at] = "";
        break;
      case 1:
        tokens[at] += ` ${tokens[at]}`;
        break;
      case 2:
        [tokens[at], tokens[other]] = [tokens[other]!, tokens[at]!];
        break;
      case 3:
        tokens[at] = tokens[other]!;
        break;
      case 4:
        tokens[at] = choices.of(strangers);
        break;
      case 5:
        tokens[at] += ` ${choices.of(strangers)}`;
        break;
      default:
        tokens[at] = tokens[choices.of(alike)]!;
    }
  }
  return tokens.join("");
}

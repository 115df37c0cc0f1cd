/**
 * Text to tokens (WGSL, "Textual structure"), with template lists discovered on the way (WGSL, "Template
 * lists"): a `<` after a name opens one if a `>` closes it at the same depth of brackets before anything
 * that cannot stand in one. Such brackets become tokens of their own kinds; every other `<` and `>` joins
 * the longest operator.
 */
import type { Literal } from "./ast";
import { readNumber } from "./number";
import type { Position } from "./program";
import { ShaderError } from "./shaderError";

/** The brackets of a template list. */
export const templateStart = "< of a template list";
export const templateEnd = "> of a template list";

export interface Token {
  /** "name", "number", "end of text", a template bracket, or the keyword or operator itself. */
  kind: string;
  readonly text: string;
  readonly at: Position;
  /** Of a number. */
  readonly literal: Literal | null;
}

const words = (list: string) => new Set(list.split(" "));

const keywords = words(
  "alias break case const const_assert continue continuing default diagnostic discard else enable false " +
    "fn for if let loop override requires return struct switch true var while",
);

const reserved = words(
  "NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become cast " +
    "catch class co_await co_return co_yield coherent column_major common compile compile_fragment concept " +
    "const_cast consteval constexpr constinit crate debugger decltype delete demote demote_to_helper do " +
    "dynamic_cast enum explicit export extends extern external fallthrough filter final finally friend " +
    "from fxgroup get goto groupshared highp impl implements import inline instanceof interface layout " +
    "lowp macro macro_rules match mediump meta mod module move mut mutable namespace new nil noexcept " +
    "noinline nointerpolation non_coherent noncoherent noperspective null nullptr of operator package " +
    "packoffset partition pass patch pixelfragment precise precision premerge priv protected pub public " +
    "readonly ref regardless register reinterpret_cast require resource restrict self set shared sizeof " +
    "smooth snorm static static_assert static_cast std subroutine super target template this " +
    "thread_local throw trait try type typedef typeid typename typeof union unless unorm unsafe unsized " +
    "use using varying virtual volatile wgsl where with writeonly yield",
);

const blank = /[ \t\u200e\u200f]+/y;
const lineBreak = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/y;
const lineComment = /\/\/[^\n\v\f\r\u0085\u2028\u2029]*/y;
const asciiName = /[A-Za-z_]\w*/y;
const unicodeName = /[_\p{XID_Start}]\p{XID_Continue}*/uy;
const operator = />>=|<<=|->|&&|\|\||\+\+|--|<<|>>|[<>=!+\-*/%&|^]=|[-+*/%&|^~!<>=()[\]{};:,.@]/y;

/** The match of a sticky expression at `from`, or "". */
function matchAt(expression: RegExp, text: string, from: number): string {
  expression.lastIndex = from;
  return expression.exec(text)?.[0] ?? "";
}

function nameAt(text: string, from: number): string {
  const name = matchAt(asciiName, text, from);
  const isWhole = name !== "" && !(text.charCodeAt(from + name.length) > 127);
  return isWhole ? name : matchAt(unicodeName, text, from);
}

const slash = 47;
const star = 42;
const point = 46;
const isDigit = (code: number): boolean => code >= 48 && code <= 57;

/** The last token is "end of text". @throws ShaderError */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let index = 0;
  let line = 1;
  let lineStart = 0;
  const here = (): Position => ({ line, column: index - lineStart + 1 });

  /** Each `<` that may open a template list, with the depth of brackets around it. */
  const open: { readonly token: Token; readonly depth: number }[] = [];
  let depth = 0;
  const dropOpen = (from: number) => {
    while (open.length > 0 && open[open.length - 1]!.depth >= from) open.pop();
  };

  const skipBlockComment = () => {
    const start = here();
    let nested = 0;
    do {
      if (text.startsWith("/*", index)) {
        nested++;
        index += 2;
      } else if (text.startsWith("*/", index)) {
        nested--;
        index += 2;
      } else if (index >= text.length) {
        throw new ShaderError("this block comment does not end: close it with */", start);
      } else {
        const end = matchAt(lineBreak, text, index);
        index += end.length || 1;
        if (end) {
          line++;
          lineStart = index;
        }
      }
    } while (nested > 0);
  };

  const skip = (expression: RegExp): boolean => {
    const { length } = matchAt(expression, text, index);
    index += length;
    return length > 0;
  };

  const unknownCharacter = (): never => {
    const character = JSON.stringify(String.fromCodePoint(text.codePointAt(index)!));
    throw new ShaderError(`the character ${character} has no meaning here`, here());
  };

  const push = (kind: string, spelling: string, literal: Literal | null = null): Token => {
    const token: Token = { kind, text: spelling, at: literal?.at ?? here(), literal };
    tokens.push(token);
    index += spelling.length;
    return token;
  };

  const pushName = (name: string) => {
    if (name === "_") push("_", name);
    else if (name.startsWith("__"))
      throw new ShaderError(
        `the name ${name} starts with two underscores: use at most one`,
        here(),
      );
    else if (reserved.has(name))
      throw new ShaderError(`${name} is a reserved word: choose another name`, here());
    else push(keywords.has(name) ? name : "name", name);
  };

  const pushOperator = (spelling: string) => {
    if (spelling.startsWith(">") && open.length > 0 && open[open.length - 1]!.depth === depth) {
      open.pop()!.token.kind = templateStart;
      push(templateEnd, ">");
      return;
    }
    const before = tokens[tokens.length - 1]?.kind;
    const token = push(spelling, spelling);
    switch (spelling) {
      case "<":
        if (before === "name" || before === "var") open.push({ token, depth });
        break;
      case "(":
      case "[":
        depth++;
        break;
      case ")":
      case "]":
        dropOpen(depth);
        depth = Math.max(0, depth - 1);
        break;
      case "&&":
      case "||":
        dropOpen(depth);
        break;
      case ";":
      case "{":
      case ":":
      case "=":
        depth = 0;
        dropOpen(0);
        break;
    }
  };

  if (text.includes("\0")) throw new ShaderError("the text contains a null character", here());
  while (index < text.length) {
    const code = text.charCodeAt(index);
    const next = text.charCodeAt(index + 1);
    if (skip(blank)) continue;
    if (skip(lineBreak)) {
      line++;
      lineStart = index;
    } else if (isDigit(code) || (code === point && isDigit(next))) {
      const number = readNumber(text, index, here());
      push("number", number.text, number.literal);
    } else if (code === slash && next === slash) {
      skip(lineComment);
    } else if (code === slash && next === star) {
      skipBlockComment();
    } else {
      const spelling = matchAt(operator, text, index);
      if (spelling) pushOperator(spelling);
      else pushName(nameAt(text, index) || unknownCharacter());
    }
  }
  push("end of text", "");
  return tokens;
}

/** Text as one token a Unicode code point. */

import { CheckpointError, DataError } from "../errors";

/** A tokenizer as checkpoints hold it. */
export interface CharTokenizerJson {
  kind: "char";
  /** The characters in token order. */
  characters: string;
}

/** Whether it is half of a surrogate pair, and so no character. */
function isHalf(character: string): boolean {
  const codePoint = character.codePointAt(0)!;
  return codePoint >= 0xd800 && codePoint <= 0xdfff;
}

/**
 * Token i is the i-th of the text's distinct code points in ascending order (karpathy/char-rnn's
 * `sorted(set(text))`). Code points, not UTF-16 units: an emoji is one token.
 */
export class CharTokenizer {
  readonly kind = "char";
  /** Number of tokens. */
  readonly vocab: number;
  readonly #characters: readonly string[];
  /** Token by code point, -1 where there is none. */
  readonly #tokens: Int32Array;

  private constructor(characters: readonly string[]) {
    this.#characters = characters;
    this.vocab = characters.length;
    const codePoints = characters.map((character) => character.codePointAt(0)!);
    this.#tokens = new Int32Array(1 + (codePoints.at(-1) ?? -1)).fill(-1);
    codePoints.forEach((codePoint, token) => {
      this.#tokens[codePoint] = token;
    });
  }

  /**
   * The tokenizer of the characters that occur in `text`.
   * @throws DataError for half of a surrogate pair, which no UTF-8 text can hold
   */
  static fromText(text: string): CharTokenizer {
    const seen = new Set<number>();
    for (const character of text) {
      const codePoint = character.codePointAt(0)!;
      if (isHalf(character)) {
        throw new DataError(
          `the text contains half a surrogate pair (U+${codePoint.toString(16).toUpperCase()}); ` +
            "it was cut inside a character",
        );
      }
      seen.add(codePoint);
    }
    const ascending = [...seen].sort((a, b) => a - b);
    return new CharTokenizer(ascending.map((codePoint) => String.fromCodePoint(codePoint)));
  }

  /** The tokenizer that `toJSON` wrote. Throws `CheckpointError` when `json` is not one. */
  static fromJSON(json: unknown): CharTokenizer {
    const { kind, characters } = (
      typeof json === "object" && json !== null ? json : {}
    ) as Partial<CharTokenizerJson>;
    if (kind !== "char" || typeof characters !== "string") {
      throw new CheckpointError(
        'the checkpoint\'s tokenizer must be { "kind": "char", "characters": "…" }',
      );
    }
    const list = [...characters];
    const ascending = list.every(
      (character, i) => i === 0 || list[i - 1]!.codePointAt(0)! < character.codePointAt(0)!,
    );
    // Halves of surrogate pairs could join with their neighbours into other characters.
    if (!ascending || list.some(isHalf)) {
      throw new CheckpointError(
        "the checkpoint's tokenizer lists characters twice, out of order or in halves; the file was altered",
      );
    }
    return new CharTokenizer(list);
  }

  toJSON(): CharTokenizerJson {
    return { kind: "char", characters: this.#characters.join("") };
  }

  /**
   * One token a code point, i32.
   * @throws DataError that names the first character the tokenizer does not know
   */
  encode(text: string): Int32Array {
    const tokens = new Int32Array(text.length);
    let length = 0;
    for (const character of text) {
      const token = this.#tokens[character.codePointAt(0)!] ?? -1;
      if (token < 0) throw this.#unknown(character, length);
      tokens[length++] = token;
    }
    // Code points outside the basic plane take two UTF-16 units, so there may be fewer tokens.
    return length === tokens.length ? tokens : tokens.slice(0, length);
  }

  /**
   * The text of `tokens`.
   * @throws DataError for a token outside 0 ... vocab - 1
   */
  decode(tokens: Iterable<number>): string {
    let text = "";
    for (const token of tokens) {
      const character = this.#characters[token];
      if (character === undefined) {
        throw new DataError(
          `cannot decode token ${token}: this tokenizer has the tokens 0 to ${this.vocab - 1}`,
        );
      }
      text += character;
    }
    return text;
  }

  #unknown(character: string, position: number): DataError {
    const codePoint = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
    const known = this.#characters.filter((c) => c > " " && c !== "\x7f").join("");
    const some = [...known].length > 80 ? `${[...known].slice(0, 80).join("")}…` : known;
    return new DataError(
      `the tokenizer does not know the character ${JSON.stringify(character)} (U+${codePoint}) at ` +
        `position ${position}; it knows the ${this.vocab} characters of its training text: ${some}`,
    );
  }
}

/**
 * A text as a data set for next-token prediction, as in nanoGPT: the first part of the tokens trains, the
 * rest validates; a batch is random windows of `context` tokens, its target the same windows one token on.
 */

import { ArgumentError, DataError } from "../errors";
import { requireOptions } from "../options";
import type { FileStore } from "../platform/files";
import { boundedInteger, keyFromSeed, philox4x32 } from "../random/philox";
import type { HostTensor } from "../tensor/hostTensor";
import { CharTokenizer } from "./charTokenizer";
import { decodeUtf8 } from "./utf8";

/** Windows of one step. `target[i]` is the token that follows `input[i]`. */
export interface TextBatch {
  /** [batch, context] tokens, i32. */
  input: HostTensor<Int32Array>;
  /** [batch, context] tokens, i32. */
  target: HostTensor<Int32Array>;
}

/** What makes tokens of a text: a `CharTokenizer`, or another library's in this form. */
export interface Tokenizer {
  /** Number of tokens; each is from 0 to vocab - 1. */
  readonly vocab: number;
  encode(text: string): ArrayLike<number>;
}

export interface TextOptions<T extends Tokenizer = CharTokenizer> {
  /** Share of the tokens, from the start, that train. In (0, 1]. Default 0.9. */
  trainFraction?: number;
  /** Encodes with this tokenizer, such as a checkpoint's. Default: one token for each of the text's characters. */
  tokenizer?: T;
  /** What messages call the text. Default "text", or the file's path. */
  name?: string;
}

/** Which part of the text. */
export type TextSplit = "train" | "validation";

export interface LoaderOptions {
  /** Windows in a batch, >= 1. */
  batch: number;
  /** Tokens in a window, >= 1. */
  context: number;
  /** Whole number from 0 to 2^53 - 1; one seed always gives the same batches. */
  seed: number;
  /** Iteration ends when the cursor reaches this step. Default Infinity: never. */
  steps?: number;
}

/** Tokens of one text, split in two. */
export class TextDataset<T extends Tokenizer = CharTokenizer> {
  readonly name: string;
  readonly tokenizer: T;
  /** All tokens, the training part first, i32. */
  readonly tokens: Int32Array;
  /** Number of tokens that train; the others validate. */
  readonly trainLength: number;

  /** @throws DataError for an empty text, or one with a character or a token the given tokenizer does not know. */
  constructor(text: string, options: TextOptions<T> = {}) {
    const { trainFraction = 0.9, name = "text" } = requireOptions(
      "TextDataset",
      options,
      "trainFraction",
    );
    if (!(trainFraction > 0 && trainFraction <= 1)) {
      throw new ArgumentError(`trainFraction must be in (0, 1], got ${trainFraction}`);
    }
    if (text.length === 0) {
      throw new DataError(`${name} is empty; give a text with at least a few thousand characters`);
    }
    this.name = name;
    const tokenizer: Tokenizer = options.tokenizer ?? CharTokenizer.fromText(text);
    this.tokenizer = tokenizer as T;
    this.tokens = Int32Array.from(tokenizer.encode(text));
    const unknown = this.tokens.find((token) => !(token >= 0 && token < tokenizer.vocab));
    if (unknown !== undefined)
      throw new DataError(
        `${name} has token ${unknown}, but the tokenizer's vocab is ${tokenizer.vocab}; give { vocab, encode }`,
      );
    this.trainLength = Math.floor(this.tokens.length * trainFraction);
  }

  /** Number of distinct tokens. */
  get vocab(): number {
    return this.tokenizer.vocab;
  }

  /** The tokens of one part; a view, not a copy. */
  part(split: TextSplit): Int32Array {
    return split === "train"
      ? this.tokens.subarray(0, this.trainLength)
      : this.tokens.subarray(this.trainLength);
  }

  /**
   * Random windows of the training part, without end unless `steps` says otherwise.
   * @throws DataError when the part is shorter than one window and its target
   *
   * ```ts
   * for (const { input, target } of text.loader({ batch: 8, context: 64, seed: 1 })) { … }
   * ```
   */
  loader(options: LoaderOptions): TextLoader {
    return new TextLoader(this.#windows("train", options.batch, options.context), options);
  }

  /**
   * `batches` batches of the validation part, the same at every call: windows at even distances from the
   * part's start to its end, which overlap only where the part is too short for disjoint ones.
   * @throws DataError when the part is shorter than one window and its target
   */
  validationBatches(options: { batch: number; context: number; batches: number }): TextBatch[] {
    const { batch, context, batches } = options;
    requireCount("batches", batches);
    const source = this.#windows("validation", batch, context);
    const last = batch * batches - 1;
    const start = (window: number): number =>
      last === 0 ? 0 : Math.floor((window * (source.starts - 1)) / last);
    return Array.from({ length: batches }, (_, i) => cut(source, (row) => start(i * batch + row)));
  }

  #windows(split: TextSplit, batch: number, context: number): Windows {
    requireCount("batch", batch);
    requireCount("context", context);
    const tokens = this.part(split);
    const starts = tokens.length - context;
    if (starts < 1) throw this.#tooShort(split, context);
    return { tokens, starts, batch, context };
  }

  #tooShort(split: TextSplit, context: number): DataError {
    const have = this.part(split).length;
    const percent = Math.round((100 * have) / this.tokens.length);
    const cure =
      have < 2
        ? "use a longer text"
        : `use a longer text, or a context of at most ${have - 1} (--context ${have - 1})`;
    return new DataError(
      `${this.name} is too short: its ${split} part (${percent} % of ${this.tokens.length} characters) ` +
        `has ${have} characters, but a window of context ${context} and its target need ${context + 1}; ` +
        `${cure}`,
    );
  }
}

/**
 * Training batches. The windows of step s depend on (seed, s) only, not on what was drawn before, so the
 * cursor is the number of the next step: to resume, set it.
 */
export class TextLoader implements Iterable<TextBatch> {
  readonly batch: number;
  readonly context: number;
  readonly seed: number;
  readonly steps: number;
  readonly #windows: Windows;
  readonly #key: [number, number];
  #cursor = 0;

  /** @internal */
  constructor(windows: Windows, { seed, steps = Number.POSITIVE_INFINITY }: LoaderOptions) {
    this.#windows = windows;
    this.batch = windows.batch;
    this.context = windows.context;
    this.seed = seed;
    this.steps = steps;
    this.#key = keyFromSeed(seed);
  }

  /** Step of the batch that `next` gives, counted from 0. */
  get cursor(): number {
    return this.#cursor;
  }

  set cursor(step: number) {
    requireStep(step);
    this.#cursor = step;
  }

  /** The batch of one step; leaves the cursor where it is. */
  at(step: number): TextBatch {
    requireStep(step);
    const low = step >>> 0;
    const high = Math.floor(step / 2 ** 32);
    let words: readonly number[] = [];
    return cut(this.#windows, (row) => {
      if (row % 4 === 0) words = philox4x32(this.#key, [row / 4, low, high, TEXT_STREAM]);
      return boundedInteger(words[row % 4]!, this.#windows.starts);
    });
  }

  /** The batch at the cursor, which moves on by one. */
  next(): TextBatch {
    return this.at(this.#cursor++);
  }

  *[Symbol.iterator](): Iterator<TextBatch, void> {
    while (this.#cursor < this.steps) yield this.next();
  }
}

/** The data set of a text in memory. */
export function fromString<T extends Tokenizer = CharTokenizer>(
  text: string,
  options?: TextOptions<T>,
): TextDataset<T> {
  return new TextDataset(text, options);
}

/** The data set of a UTF-8 text. Throws `DataError` for other bytes, naming the first bad one. */
export function fromBytes<T extends Tokenizer = CharTokenizer>(
  bytes: Uint8Array,
  options: TextOptions<T> = {},
): TextDataset<T> {
  const { name = "text" } = requireOptions("data.fromBytes", options, "trainFraction");
  return new TextDataset(decodeUtf8(bytes, name), options);
}

/** The data set of a UTF-8 file. Throws `FileError` when it cannot be read. */
export async function fromFile<T extends Tokenizer = CharTokenizer>(
  files: FileStore,
  path: string,
  options: TextOptions<T> = {},
): Promise<TextDataset<T>> {
  requireOptions("data.fromFile", options, "trainFraction");
  return fromBytes(await files.read(path), { name: path, ...options });
}

/** Keeps the windows' random words apart from all others drawn with the same seed: "text" in ASCII. */
const TEXT_STREAM = 0x74657874;

/** Where batches are cut from: windows may start at tokens 0 to `starts - 1`. */
interface Windows {
  tokens: Int32Array;
  starts: number;
  batch: number;
  context: number;
}

function cut({ tokens, batch, context }: Windows, startOf: (row: number) => number): TextBatch {
  const input = new Int32Array(batch * context);
  const target = new Int32Array(batch * context);
  for (let row = 0; row < batch; row++) {
    const start = startOf(row);
    input.set(tokens.subarray(start, start + context), row * context);
    target.set(tokens.subarray(start + 1, start + 1 + context), row * context);
  }
  const shape = [batch, context];
  return { input: { values: input, shape }, target: { values: target, shape } };
}

function requireCount(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new ArgumentError(`${name} must be a whole number from 1 up, got ${value}`);
  }
}

function requireStep(step: number): void {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new ArgumentError(`a loader's step must be a whole number from 0 up, got ${step}`);
  }
}

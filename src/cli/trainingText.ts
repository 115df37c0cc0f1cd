/** The text of a run: read, tokenized, and recognised again when the run is resumed. */

import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { CharTokenizer } from "../data/charTokenizer";
import { fromBytes, type TextDataset } from "../data/text";
import { FileError, type FileStore } from "../platform/files";

/** Tells texts apart; a checkpoint holds that of its text. */
export interface TextFingerprint {
  characters: number;
  /** Of the file's bytes, in hexadecimal. */
  sha256: string;
}

export interface TrainingText {
  dataset: TextDataset;
  fingerprint: TextFingerprint;
}

/** What the build makes of the project's sources; beside the bundle's folders. */
const ownText = new URL("../demo.txt", import.meta.url);

/**
 * Reads a text.
 * @param path a UTF-8 file; null for tilegrad's own source text
 * @param tokenizer that of a checkpoint; null to make one from the text
 * @throws FileError, DataError
 */
export async function readTrainingText(
  files: FileStore,
  path: string | null,
  tokenizer: CharTokenizer | null,
): Promise<TrainingText> {
  const bytes = await readBytes(files, path, tokenizer !== null);
  const name = path ?? "tilegrad's own source text";
  const dataset = fromBytes(bytes, tokenizer === null ? { name } : { name, tokenizer });
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { dataset, fingerprint: { characters: dataset.tokens.length, sha256 } };
}

async function readBytes(
  files: FileStore,
  path: string | null,
  resumes: boolean,
): Promise<Uint8Array> {
  try {
    return await files.read(path ?? fileURLToPath(ownText));
  } catch (error) {
    if (!(error instanceof FileError) || error.failure !== "missing") throw error;
    const cure =
      path === null
        ? "tilegrad's own source text is not in this build; name a text with --text FILE"
        : resumes
          ? `the run's text ${path} is not there any more; say with --text FILE where it is`
          : error.message;
    throw new FileError(cure, error.path, error.failure, error);
  }
}

/** Characters of a line that make it a prompt worth continuing. */
const LEAST_PROMPT = 12;
const LONGEST_PROMPT = 48;

/**
 * A line for the model to continue: the first of the validation part that is long enough, at most
 * `context` characters of it; a line break where there is none.
 */
export function promptFrom({ dataset }: TrainingText, context: number): string {
  const { tokenizer } = dataset;
  const beginning = tokenizer.decode(dataset.part("validation").subarray(0, 4000));
  // The first line is likely to be cut.
  const lines = beginning.split("\n").slice(1);
  const line = lines.find((candidate) => candidate.trim().length >= LEAST_PROMPT);
  const most = Math.min(LONGEST_PROMPT, Math.max(1, Math.floor(context / 2)));
  if (line !== undefined) return [...line.trimStart()].slice(0, most).join("");
  return tokenizer.decode(dataset.tokens.subarray(0, 1));
}

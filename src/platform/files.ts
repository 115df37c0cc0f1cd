/**
 * Where bytes are kept: a folder on disk in Node, the origin's private file system in a browser. The
 * engine reads and writes through this interface only, so that checkpoints, run logs and texts work the
 * same in both.
 *
 * A path is `/`-separated and relative to the home's root (the working directory in Node) unless the
 * home knows absolute paths. Folders above a written file must exist: see `makeDirectory`.
 */

import { TilegradError } from "../errors";

/** Why a file operation failed, where the home can tell. */
export type FileFailure =
  | "missing"
  | "denied"
  | "notAFile"
  | "notADirectory"
  | "noSpace"
  | "tooLarge"
  | "failed";

/** A file or folder that could not be read or written. The message names the path and the cure. */
export class FileError extends TilegradError {
  override name = "FileError";
  readonly path: string;
  readonly failure: FileFailure;

  constructor(message: string, path: string, failure: FileFailure, cause?: unknown) {
    super(message, { cause });
    this.path = path;
    this.failure = failure;
  }
}

/** Files by path. Every method throws `FileError` when it cannot do what it says. */
export interface FileStore {
  /** The whole file, or no more than its first `most` bytes. */
  read(path: string, most?: number): Promise<Uint8Array>;

  /**
   * Replaces the file with `bytes`, or with pieces one after another, so that a reader, or a machine that loses
   * power, sees either all of the old content or all of the new, never a mixture. When it throws, the old content is
   * untouched. The bytes must not change until then.
   */
  writeAtomic(path: string, bytes: Uint8Array | readonly Uint8Array[]): Promise<void>;

  /** Adds `text` (UTF-8) at the end, creating the file if needed. Not atomic: a crash may cut the end. */
  append(path: string, text: string): Promise<void>;

  /** Whether a file or folder of that name is there. */
  exists(path: string): Promise<boolean>;

  /** Creates the folder and those above it; a folder that is already there is fine. */
  makeDirectory(path: string): Promise<void>;

  /** Names (not paths) of the files and folders directly inside, in code-unit order. */
  list(path: string): Promise<string[]>;

  /** Removes a file; one that is not there is fine. */
  remove(path: string): Promise<void>;

  /**
   * Removes from a folder what `writeAtomic` left there when its process was killed. What may still be being written,
   * by another process too, stays, and so do files that `writeAtomic` did not make.
   */
  removeLeftovers(folder: string): Promise<void>;
}

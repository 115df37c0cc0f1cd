/** What a run reads and writes, found there or made before anything costly starts. */

import { FileError, type FileStore } from "../platform/files";
import { UsageError } from "./exitCodes";
import { holdsCheckpoint } from "./runCheckpoints";
import { type RunFolder, runFolder } from "./runFolder";
import type { TrainOptions } from "./trainOptions";

/**
 * Checks, before anything costly starts, that the text and the run to resume are there.
 * @throws UsageError
 */
export async function requireInputs(files: FileStore, options: TrainOptions): Promise<void> {
  const { resume, config } = options;
  if (resume !== null) await requireModel(files, `--resume ${resume}`, resume);
  if (config.text !== null && !(await files.exists(config.text))) {
    throw new UsageError(`--text ${config.text}: there is no such file`);
  }
}

/**
 * Checks that a folder holds a trained model.
 * @param argument where the folder stood on the command line, for the message
 * @throws UsageError
 */
export async function requireModel(
  files: FileStore,
  argument: string,
  folder: string,
): Promise<void> {
  if (await holdsCheckpoint(files, folder)) return;
  throw new UsageError(
    `${argument}: there is no checkpoint in it; name the --out folder of an earlier run`,
  );
}

/**
 * Creates the run's folder and makes sure it can be written, before anything costly starts.
 * @throws UsageError when it holds another run, whose files a new one would replace
 * @throws FileError when it cannot be written
 */
export async function openRunFolder(files: FileStore, options: TrainOptions): Promise<RunFolder> {
  const folder = runFolder(options.out);
  try {
    await files.makeDirectory(folder.path);
    const goesOn = options.resume !== null && runFolder(options.resume).path === folder.path;
    if (!goesOn && (await holdsCheckpoint(files, folder.path))) {
      throw new UsageError(
        `--out ${folder.path} already holds a trained model, which would be replaced; ` +
          `go on with it by --resume ${folder.path}, or name another folder`,
      );
    }
    await files.append(folder.log, "");
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new FileError(
      `--out ${folder.path} cannot be used: ${error.message}`,
      error.path,
      error.failure,
      error,
    );
  }
  return folder;
}

/** The folder of one run, and the names of its files. */

import { FileError, type FileStore } from "../platform/files";
import { UsageError } from "./exitCodes";
import type { TrainOptions } from "./trainOptions";

export interface RunFolder {
  path: string;
  /** The checkpoint. */
  model: string;
  log: string;
  report: string;
}

export function runFolder(path: string): RunFolder {
  const folder = path.replace(/\/+$/, "") || "/";
  const inside = (name: string): string => `${folder === "/" ? "" : folder}/${name}`;
  return {
    path: folder,
    model: inside("model.safetensors"),
    log: inside("run.jsonl"),
    report: inside("report.html"),
  };
}

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
  if (await files.exists(runFolder(folder).model)) return;
  throw new UsageError(
    `${argument}: there is no model.safetensors in it; name the --out folder of an earlier run`,
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
    if (!goesOn && (await files.exists(folder.model))) {
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

/** The checkpoints of a run: the last few in its folder, or the one file of a run that an earlier version began. */

import type { FileStore } from "../platform/files";
import { Checkpoint } from "../train/checkpoint";
import { CheckpointFolder, type CheckpointFolderOptions } from "../train/checkpointFolder";
import { runFolder } from "./runFolder";

/** @param run path of the folder */
export const runCheckpoints = (
  files: FileStore,
  run: string,
  options: CheckpointFolderOptions = {},
): CheckpointFolder => new CheckpointFolder(files, runFolder(run).path, options);

/** The newest that is whole, and in words why newer ones are not. @throws CheckpointError, FileError */
export async function newestCheckpoint(
  folder: CheckpointFolder,
): Promise<{ checkpoint: Checkpoint; damaged: readonly string[] }> {
  const latest = await folder.latest();
  if (latest) return { ...latest, damaged: latest.damaged.map(({ reason }) => reason) };
  const { model } = runFolder(folder.path);
  return { checkpoint: await Checkpoint.read(folder.files, model), damaged: [] };
}

/** Whether there is any, whole or not. @throws FileError */
export async function holdsCheckpoint(files: FileStore, run: string): Promise<boolean> {
  const { model, path } = runFolder(run);
  return (await files.exists(model)) || (await runCheckpoints(files, path).list()).length > 0;
}

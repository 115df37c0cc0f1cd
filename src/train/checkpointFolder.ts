/**
 * The last checkpoints of a run, each in a file of its own: `step-000123.safetensors` is the state after 123 steps.
 * Six digits at least, more from step 1,000,000 on; files of other names in the folder are left alone.
 *
 * A checkpoint is whole before its name appears, and older ones are removed only after that, so whenever the
 * process dies at least one that could be read before can still be read.
 */
import { ArgumentError, CheckpointError } from "../errors";
import { requireOptions } from "../options";
import type { FileStore } from "../platform/files";
import { Checkpoint, type CheckpointParts, saveCheckpoint } from "./checkpoint";

export interface CheckpointFolderOptions {
  /** How many of the newest checkpoints stay. Default 3. */
  keep?: number;
}

/** A file of a `CheckpointFolder`. */
export interface CheckpointFile {
  /** Finished steps. */
  readonly step: number;
  readonly path: string;
}

/** The newest checkpoint that could be read. */
export interface LatestCheckpoint extends CheckpointFile {
  readonly checkpoint: Checkpoint;
  /** Newer files that could not be read, newest first, with the reason. */
  readonly damaged: readonly (CheckpointFile & { readonly reason: string })[];
}

const fileName = /^step-(\d{6,})\.safetensors$/;

/**
 * A folder that keeps the last few checkpoints of one run. Saves of one `CheckpointFolder` happen one after another.
 * @example
 * const folder = new CheckpointFolder(nodeFiles, "runs/mine", { keep: 3 });
 * const latest = await folder.latest();
 * latest?.checkpoint.restore({ model, optimizer });
 * await folder.save(step.count, { model, optimizer, run: { step: step.count } });
 */
export class CheckpointFolder {
  readonly #keep: number;
  /** Paths of the files that belong to this run: written here, or there when `latest` was asked. */
  readonly #own = new Set<string>();
  #saving: Promise<unknown> = Promise.resolve();
  #tidied = false;

  /**
   * @param path of the folder, which the first save creates
   * @throws ArgumentError unless `keep` is a whole number >= 1
   */
  constructor(
    readonly files: FileStore,
    readonly path: string,
    options: CheckpointFolderOptions = {},
  ) {
    const { keep = 3 } = requireOptions("CheckpointFolder", options, "keep");
    if (!Number.isSafeInteger(keep) || keep < 1)
      throw new ArgumentError(`CheckpointFolder: keep is ${keep}; it is a whole number >= 1.`);
    this.#keep = keep;
  }

  /**
   * Writes the checkpoint of `step`, then removes all but the last ones; the first save also what a killed process left
   * half written. What `parts` hold is read as of the work
   * recorded when the save begins: at once, unless another save is still going on.
   * @param step finished steps
   * @param parts or the bytes that `encodeCheckpoint` or a supervised trainer made of them
   * @returns the path of the new file
   * @throws ArgumentError for a step that is no count, or where the folder holds later steps of a run that was not
   *   gone on from by `latest`; FileError, with the older checkpoints as they were
   */
  save(step: number, parts: CheckpointParts | Uint8Array): Promise<string> {
    if (!Number.isSafeInteger(step) || step < 0)
      throw new ArgumentError(`CheckpointFolder.save: step is ${step}; it is a whole number >= 0.`);
    const saving = this.#saving.then(() => this.#save(step, parts));
    this.#saving = saving.catch(() => undefined);
    return saving;
  }

  async #save(step: number, parts: CheckpointParts | Uint8Array): Promise<string> {
    const path = `${this.path}/step-${String(step).padStart(6, "0")}.safetensors`;
    await this.files.makeDirectory(this.path);
    if (!this.#tidied) await this.files.removeLeftovers(this.path);
    this.#tidied = true;
    const others = (await this.list()).filter((file) => file.step !== step);
    const later = others.filter((file) => file.step > step);
    const foreign = later.find((file) => !this.#own.has(file.path));
    if (foreign)
      throw new ArgumentError(
        `CheckpointFolder.save: step ${step} comes before ${foreign.path}, which is another run's. ` +
          "Go on from `latest()`, name another folder, or remove the files.",
      );
    if (parts instanceof Uint8Array) await this.files.writeAtomic(path, parts);
    else await saveCheckpoint(this.files, path, parts);
    this.#own.add(path);
    // This run went back behind later steps of its own, which it will take anew.
    const older = others.filter((file) => file.step < step);
    const surplus = older.slice(0, Math.max(0, older.length - this.#keep + 1));
    for (const file of [...later, ...surplus]) await this.files.remove(file.path);
    return path;
  }

  /** The files, oldest first; none where the folder is not there. @throws FileError */
  async list(): Promise<CheckpointFile[]> {
    if (!(await this.files.exists(this.path))) return [];
    const names = await this.files.list(this.path);
    return names
      .flatMap((name) => {
        const digits = fileName.exec(name)?.[1];
        return digits ? [{ step: Number(digits), path: `${this.path}/${name}` }] : [];
      })
      .sort((a, b) => a.step - b.step);
  }

  /**
   * The newest checkpoint that is whole; null where there is no file.
   * @throws CheckpointError where there are files and none can be read; FileError
   */
  async latest(): Promise<LatestCheckpoint | null> {
    const newestFirst = (await this.list()).reverse();
    for (const { path } of newestFirst) this.#own.add(path);
    const damaged: (CheckpointFile & { reason: string })[] = [];
    for (const file of newestFirst)
      try {
        return { ...file, checkpoint: await Checkpoint.read(this.files, file.path), damaged };
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error;
        damaged.push({ ...file, reason: error.message });
      }
    if (damaged.length === 0) return null;
    throw new CheckpointError(
      `${this.path} holds ${damaged.length} checkpoints and none can be read: ${damaged[0]!.reason}`,
    );
  }
}

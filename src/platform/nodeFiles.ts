/** Files on disk through Node. */

import * as fs from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { threadId } from "node:worker_threads";
import { FileError, type FileFailure, type FileStore } from "./files";

const FAILURES: Record<string, readonly [FileFailure, string]> = {
  ENOENT: ["missing", "there is no such file or folder; check the path"],
  EACCES: ["denied", "permission denied; choose a path this user may use"],
  EPERM: ["denied", "permission denied; choose a path this user may use"],
  EROFS: ["denied", "the file system is read-only; choose another folder"],
  EISDIR: ["notAFile", "it is a folder, not a file; name a file"],
  ENOTDIR: ["notADirectory", "a part of the path is a file, not a folder; choose another folder"],
  EEXIST: ["notADirectory", "a file of that name is in the way; choose another folder"],
  ENOSPC: ["noSpace", "the disk is full; free some space or choose another disk"],
  EFBIG: [
    "noSpace",
    "the file would be larger than the system allows; raise the limit (ulimit -f)",
  ],
  EDQUOT: ["noSpace", "the disk quota is used up; free some space or choose another disk"],
  ERR_FS_FILE_TOO_LARGE: ["tooLarge", "the file is larger than this Node can read at once (2 GiB)"],
};

function asFileError(operation: string, path: string, cause: unknown): FileError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? "";
  const [failure, cure] = FAILURES[code] ?? ["failed", String(cause)];
  return new FileError(`cannot ${operation} ${path}: ${cure}`, path, failure, cause);
}

async function attempt<T>(operation: string, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw asFileError(operation, path, cause);
  }
}

/** Makes a rename durable. Some systems (Windows) cannot open a folder; there the rename itself must do. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await fs.open(path, "r").catch(() => undefined);
  if (directory === undefined) return;
  try {
    await directory.sync();
  } catch {
    // Not every file system can sync a folder; the file's own bytes are already on disk.
  } finally {
    await directory.close();
  }
}

/** All pieces in few calls, where `writeFile` would make one for each half MiB. */
async function writePieces(handle: fs.FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  let left = after(pieces, 0);
  while (left.length > 0) {
    const { bytesWritten } = await handle.writev(left);
    left = after(left, bytesWritten);
  }
}

/** What is left of the pieces after so many bytes. */
function after(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let start = 0;
  return pieces.flatMap((piece) => {
    const written = bytes - start;
    start += piece.length;
    return written < piece.length ? [piece.subarray(Math.max(0, written))] : [];
  });
}

/*
 * Names of temporary files tell who writes them, `.<name>.tilegrad-<machine>-<process>-<thread>-<number>.tmp`, so that
 * what a killed process left is known from what a live one is about to rename.
 */
const temporaryName = /^\..+\.tilegrad-(.+)-(\d+)-\d+-\d+\.tmp$/;
let temporaryFiles = 0;

let machine: Promise<string> | undefined;

/** Where numbers of processes mean the same: the machine, and on Linux the container. Asked when a file is written. */
function thisMachine(): Promise<string> {
  machine ??= fs
    .readlink("/proc/self/ns/pid")
    .catch(() => "")
    .then((space) => `${hostname()}-${/\d+/.exec(space) ?? 0}`);
  return machine;
}

/** No write takes so long: what is older was left by a process whose number another one has now, or of elsewhere. */
const longestWriteMs = 24 * 60 * 60 * 1000;

/** @param written when the file was last written to, milliseconds since 1970 */
function isLeft(sameMachine: boolean, pid: number, written: number): boolean {
  const now = Date.now();
  if (now - written > longestWriteMs) return true;
  if (!sameMachine) return false;
  // In a container each start of a program may have the same number.
  if (pid === process.pid) return written < now - 1000 * process.uptime();
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

class NodeFiles implements FileStore {
  read(path: string, most?: number): Promise<Uint8Array> {
    if (most === undefined) return attempt("read", path, () => fs.readFile(path));
    return attempt("read", path, async () => {
      const file = await fs.open(path, "r");
      try {
        const bytes = new Uint8Array(Math.min(most, (await file.stat()).size));
        const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
        return bytes.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    });
  }

  async writeAtomic(path: string, bytes: Uint8Array | readonly Uint8Array[]): Promise<void> {
    // A rename is atomic only within one file system, hence the same folder.
    const writer = `${await thisMachine()}-${process.pid}-${threadId}-${temporaryFiles++}`;
    const temporary = join(dirname(path), `.${basename(path)}.tilegrad-${writer}.tmp`);
    await attempt("write", path, async () => {
      try {
        const handle = await fs.open(temporary, "w");
        try {
          await writePieces(handle, bytes instanceof Uint8Array ? [bytes] : bytes);
          // Without this the rename may reach the disk before the bytes do.
          await handle.sync();
        } finally {
          await handle.close();
        }
        await fs.rename(temporary, path);
      } catch (cause) {
        await fs.rm(temporary, { force: true }).catch(() => undefined);
        throw cause;
      }
      await syncDirectory(dirname(path));
    });
  }

  append(path: string, text: string): Promise<void> {
    return attempt("append to", path, () => fs.appendFile(path, text, "utf8"));
  }

  async exists(path: string): Promise<boolean> {
    try {
      await fs.stat(path);
      return true;
    } catch (cause) {
      const error = asFileError("look at", path, cause);
      if (error.failure === "missing" || error.failure === "notADirectory") return false;
      throw error;
    }
  }

  async makeDirectory(path: string): Promise<void> {
    await attempt("create the folder", path, () => fs.mkdir(path, { recursive: true }));
  }

  async list(path: string): Promise<string[]> {
    return (await attempt("list", path, () => fs.readdir(path))).sort();
  }

  async remove(path: string): Promise<void> {
    await attempt("remove", path, () => fs.rm(path, { force: true }));
  }

  async removeLeftovers(folder: string): Promise<void> {
    await attempt("tidy", folder, async () => {
      for (const name of await fs.readdir(folder)) {
        const [, from, pid] = temporaryName.exec(name) ?? [];
        if (from === undefined) continue;
        const path = join(folder, name);
        // Its writer may rename it meanwhile.
        const file = await fs.stat(path).catch(() => undefined);
        if (file && isLeft(from === (await thisMachine()), Number(pid), file.mtimeMs))
          await fs.rm(path, { force: true });
      }
    });
  }
}

/** Files on disk, paths relative to the working directory. */
export const nodeFiles: FileStore = new NodeFiles();

/**
 * Files in the origin's private file system (OPFS), which pages and workers of one origin share.
 *
 * A write goes to a name of its own and then takes the file's place:
 *
 *     n           the content
 *     .n.tmp      what is being written; a tab that closes in mid-write leaves it, and the next write replaces it,
 *                 or `removeLeftovers` removes it, unless a writer holds the lock of n
 *
 * Where files cannot be moved (`FileSystemFileHandle.move` is missing), two files take turns, and the pointer to the
 * one that counts is whether a third, empty one is there, which is never half so:
 *
 *     .n.turn     absent: n is the content; present: .n.other is
 *
 * A write fills the file that does not count and then makes or removes `.n.turn`. These companions are hidden from
 * `list`. Readers and writers of a file wait for each other across tabs by the Web Locks API.
 */
import { FileError, type FileFailure, type FileStore } from "./files";

/** What the types for pages lack: `move`, and access handles, which only workers have. */
interface FileHandle extends FileSystemFileHandle {
  move?(name: string): Promise<void>;
  createSyncAccessHandle(): Promise<{
    truncate(size: number): void;
    write(bytes: Uint8Array): number;
    flush(): void;
    close(): void;
  }>;
}

const companion = /^\..+\.(?:tmp|turn|other)$/;

const failures: Readonly<Record<string, readonly [FileFailure, string]>> = {
  NotFoundError: ["missing", "there is no such file or folder; check the path"],
  QuotaExceededError: ["noSpace", "the origin's storage is full; remove files or free disk space"],
  NotAllowedError: ["denied", "the browser denies it; allow the site to store data"],
  SecurityError: ["denied", "the browser denies it; allow the site to store data"],
  NoModificationAllowedError: ["denied", "it is open elsewhere; close other tabs that use it"],
};

const nameOf = (error: unknown): string => (error instanceof DOMException ? error.name : "");

async function attempt<T>(operation: string, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    const [failure, cure] = failures[nameOf(cause)] ?? (["failed", String(cause)] as const);
    throw new FileError(`cannot ${operation} ${path}: ${cure}`, path, failure, cause);
  }
}

/** Undefined where there is nothing of that name. */
async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (nameOf(error) === "NotFoundError") return undefined;
    throw error;
  }
}

/** One file: its folder, and the names of it and its companions there. */
class Place {
  constructor(
    readonly folder: FileSystemDirectoryHandle,
    readonly name: string,
  ) {}

  get temporary(): string {
    return `.${this.name}.tmp`;
  }

  get turn(): string {
    return `.${this.name}.turn`;
  }

  get other(): string {
    return `.${this.name}.other`;
  }

  async turned(): Promise<boolean> {
    return (await ifThere(this.folder.getFileHandle(this.turn))) !== undefined;
  }

  /** The file that counts. */
  async content(): Promise<FileSystemFileHandle> {
    return this.folder.getFileHandle((await this.turned()) ? this.other : this.name);
  }

  async replace(pieces: readonly Uint8Array[]): Promise<void> {
    // A folder of that name is refused here; a move would find it out too late.
    await ifThere(this.folder.getFileHandle(this.name));
    const turned = await this.turned();
    if (!turned && (await this.#moved(pieces))) return;
    await fill(this.folder, turned ? this.name : this.other, pieces);
    if (turned) await this.folder.removeEntry(this.turn);
    else await this.folder.getFileHandle(this.turn, { create: true });
  }

  /** The file that does not count goes first, and the pointer last: in between there is no file. */
  async remove(): Promise<void> {
    const turned = await this.turned();
    const names = turned
      ? [this.name, this.other, this.turn, this.temporary]
      : [this.other, this.name, this.temporary];
    for (const name of names) await ifThere(this.folder.removeEntry(name));
  }

  /** False, and nothing is changed, where files cannot be moved. */
  async #moved(pieces: readonly Uint8Array[]): Promise<boolean> {
    if (!("move" in FileSystemFileHandle.prototype)) return false;
    const file = await fill(this.folder, this.temporary, pieces);
    await file.move!(this.name);
    return true;
  }
}

/** Writes a whole file, which is removed again where that fails. */
async function fill(
  folder: FileSystemDirectoryHandle,
  name: string,
  pieces: readonly Uint8Array[],
): Promise<FileHandle> {
  const file = (await folder.getFileHandle(name, { create: true })) as FileHandle;
  try {
    await put(file, pieces);
    return file;
  } catch (error) {
    await ifThere(folder.removeEntry(name)).catch(() => undefined);
    throw error;
  }
}

/** In Safari before 26 files are written through access handles only, in workers. */
async function put(file: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  if (typeof file.createWritable === "function") {
    const stream = await file.createWritable();
    try {
      for (const piece of pieces) await stream.write(piece as Uint8Array<ArrayBuffer>);
    } catch (error) {
      await stream.abort().catch(() => undefined);
      throw error;
    }
    await stream.close();
    return;
  }
  const handle = await file.createSyncAccessHandle();
  try {
    handle.truncate(0);
    for (const piece of pieces)
      if (handle.write(piece as Uint8Array<ArrayBuffer>) !== piece.length)
        throw new DOMException("the file is shorter than it was to be", "QuotaExceededError");
    handle.flush();
  } finally {
    handle.close();
  }
}

class BrowserFiles implements FileStore {
  read(path: string, most?: number): Promise<Uint8Array> {
    return this.#locked("read", path, "shared", async (place) => {
      const file = await (await place.content()).getFile();
      const part = most === undefined ? file : file.slice(0, most);
      return new Uint8Array(await part.arrayBuffer());
    });
  }

  writeAtomic(path: string, bytes: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const pieces = bytes instanceof Uint8Array ? [bytes] : bytes;
    return this.#locked("write", path, "exclusive", (place) => place.replace(pieces));
  }

  append(path: string, text: string): Promise<void> {
    return this.#locked("append to", path, "exclusive", async (place) => {
      const file = await ifThere(place.content());
      const before = file ? await (await file.getFile()).arrayBuffer() : new ArrayBuffer(0);
      await place.replace([new Uint8Array(before), new TextEncoder().encode(text)]);
    });
  }

  exists(path: string): Promise<boolean> {
    return attempt("look at", path, async () => {
      const parts = partsOf(path);
      try {
        if (parts.length === 0 || (await ifThere(folderOf(parts))) !== undefined) return true;
      } catch (error) {
        if (nameOf(error) !== "TypeMismatchError") throw error;
      }
      const folder = await ifThere(folderOf(parts.slice(0, -1))).catch((error) => {
        // A part of the path is a file.
        if (nameOf(error) === "TypeMismatchError") return undefined;
        throw error;
      });
      if (!folder) return false;
      return (await ifThere(new Place(folder, parts.at(-1)!).content())) !== undefined;
    });
  }

  async makeDirectory(path: string): Promise<void> {
    await attempt("create the folder", path, () =>
      onFolder(path, () => folderOf(partsOf(path), true)),
    );
  }

  list(path: string): Promise<string[]> {
    return attempt("list", path, async () => {
      const folder = await onFolder(path, () => folderOf(partsOf(path)));
      const names = new Set<string>();
      const all = new Set<string>();
      for await (const name of folder.keys()) all.add(name);
      for (const name of all) {
        if (!companion.test(name)) names.add(name);
        // Before its second write a file is only there as its companion.
        else if (name.endsWith(".turn") && all.has(name.replace(/turn$/, "other")))
          names.add(name.slice(1, -".turn".length));
      }
      return [...names].sort();
    });
  }

  async remove(path: string): Promise<void> {
    try {
      await this.#locked("remove", path, "exclusive", (place) => place.remove());
    } catch (error) {
      if (!(error instanceof FileError && error.failure === "missing")) throw error;
    }
  }

  removeLeftovers(path: string): Promise<void> {
    return attempt("tidy", path, async () => {
      const parts = partsOf(path);
      const folder = await onFolder(path, () => folderOf(parts));
      const names: string[] = [];
      for await (const name of folder.keys()) names.push(name);
      for (const name of names) {
        const whole = /^\.(.+)\.tmp$/.exec(name)?.[1];
        if (whole === undefined) continue;
        await navigator.locks.request(
          lockOf([...parts, whole]),
          { ifAvailable: true },
          async (lock) => {
            if (lock) await ifThere(folder.removeEntry(name));
          },
        );
      }
    });
  }

  #locked<T>(
    operation: string,
    path: string,
    mode: LockMode,
    run: (place: Place) => Promise<T>,
  ): Promise<T> {
    return attempt(operation, path, async () => {
      const parts = partsOf(path);
      const name = parts.at(-1);
      if (name === undefined) throw isFolder(operation, path);
      const folder = await onFolder(path, () => folderOf(parts.slice(0, -1)));
      const held = navigator.locks.request(lockOf(parts), { mode }, () =>
        run(new Place(folder, name)),
      );
      return held.catch((error) => {
        throw nameOf(error) === "TypeMismatchError" ? isFolder(operation, path, error) : error;
      });
    });
  }
}

const lockOf = (parts: readonly string[]): string => `tilegrad:${parts.join("/")}`;

const partsOf = (path: string): string[] =>
  path.split("/").filter((part) => part !== "" && part !== ".");

async function folderOf(
  parts: readonly string[],
  create = false,
): Promise<FileSystemDirectoryHandle> {
  let folder = await navigator.storage.getDirectory();
  for (const part of parts) {
    // A file may be there under its companion's name alone.
    if (create && (await new Place(folder, part).turned()))
      throw new DOMException("it is a file", "TypeMismatchError");
    folder = await folder.getDirectoryHandle(part, { create });
  }
  return folder;
}

async function onFolder<T>(path: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (cause) {
    if (nameOf(cause) !== "TypeMismatchError") throw cause;
    throw new FileError(
      `cannot use ${path}: a part of the path is a file, not a folder; choose another folder`,
      path,
      "notADirectory",
      cause,
    );
  }
}

const isFolder = (operation: string, path: string, cause?: unknown): FileError =>
  new FileError(
    `cannot ${operation} ${path}: it is a folder, not a file; name a file`,
    path,
    "notAFile",
    cause,
  );

/**
 * The files of the page's origin: its private file system (OPFS), which nobody but the origin's pages and workers
 * sees, and which stays until the user clears the site's data. Paths are relative to its root.
 * @throws FileError where the browser keeps no files for the page: no secure context, or a sandboxed frame
 * @example
 * const checkpoints = new CheckpointFolder(browserFiles(), "runs/mine");
 */
export function browserFiles(): FileStore {
  const { storage, locks }: Partial<Navigator> = globalThis.navigator ?? {};
  if (storage && "getDirectory" in storage && locks) return new BrowserFiles();
  throw new FileError(
    "This page cannot keep files: serve it over https or from localhost, outside sandboxed frames.",
    "",
    "denied",
  );
}

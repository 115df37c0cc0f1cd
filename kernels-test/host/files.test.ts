import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FileError } from "../../src/platform/files";
import { nodeFiles } from "../../src/platform/nodeFiles";

let folder = "";
const at = (name: string) => join(folder, name);
const bytes = (text: string) => new TextEncoder().encode(text);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tilegrad-files-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("nodeFiles", () => {
  test("what was written is read back, and a second write replaces it", async () => {
    await nodeFiles.writeAtomic(at("a"), bytes("one"));
    await nodeFiles.writeAtomic(at("a"), bytes("two"));
    expect(new TextDecoder().decode(await nodeFiles.read(at("a")))).toBe("two");
    expect(await nodeFiles.list(folder)).toEqual(["a"]);
  });

  test("a write that fails leaves the old file and no temporary one", async () => {
    await nodeFiles.makeDirectory(at("taken"));
    await writeFile(at("taken/inside"), "kept");
    // The rename onto a folder that is not empty is the last step, so all earlier ones have happened.
    await expect(nodeFiles.writeAtomic(at("taken"), bytes("new"))).rejects.toThrow(FileError);
    expect(await readFile(at("taken/inside"), "utf8")).toBe("kept");
    expect(await readdir(folder)).toEqual(["taken"]);
  });

  test("many writes of one file at once leave one whole file", async () => {
    const texts = Array.from({ length: 8 }, (_, i) => String(i).repeat(10_000));
    await Promise.all(texts.map((text) => nodeFiles.writeAtomic(at("a"), bytes(text))));
    expect(texts).toContain(await readFile(at("a"), "utf8"));
    expect(await readdir(folder)).toEqual(["a"]);
  });

  test("append creates the file and adds at its end", async () => {
    await nodeFiles.append(at("log"), "é\n");
    await nodeFiles.append(at("log"), "b\n");
    expect(await readFile(at("log"), "utf8")).toBe("é\nb\n");
  });

  test("exists, list, makeDirectory and remove agree about what is there", async () => {
    expect(await nodeFiles.exists(at("x/y"))).toBe(false);
    await nodeFiles.makeDirectory(at("x/y"));
    await nodeFiles.makeDirectory(at("x/y"));
    expect(await nodeFiles.exists(at("x/y"))).toBe(true);
    await nodeFiles.append(at("x/b"), "");
    await nodeFiles.append(at("x/a"), "");
    expect(await nodeFiles.list(at("x"))).toEqual(["a", "b", "y"]);
    await nodeFiles.remove(at("x/a"));
    await nodeFiles.remove(at("x/a"));
    expect(await nodeFiles.list(at("x"))).toEqual(["b", "y"]);
    expect(await nodeFiles.exists(at("x/b/below-a-file"))).toBe(false);
  });

  test.each([
    [
      "reading a missing file",
      () => nodeFiles.read(at("no")),
      "missing",
      /cannot read .*no: there is no/,
    ],
    ["reading a folder", () => nodeFiles.read(folder), "notAFile", /it is a folder, not a file/],
    [
      "writing below a missing folder",
      () => nodeFiles.writeAtomic(at("no/file"), bytes("x")),
      "missing",
      /cannot write .*no\/file/,
    ],
    ["listing a missing folder", () => nodeFiles.list(at("no")), "missing", /cannot list/],
  ] as const)("%s says what and why", async (_, run, failure, message) => {
    const error = await run().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(FileError);
    expect((error as FileError).failure).toBe(failure);
    expect((error as FileError).message).toMatch(message);
  });

  test("a folder below a file cannot be created, and the error says why", async () => {
    await writeFile(at("file"), "");
    await expect(nodeFiles.makeDirectory(at("file/below"))).rejects.toThrow(
      /is a file, not a folder/,
    );
    await expect(nodeFiles.makeDirectory(at("file"))).rejects.toThrow(
      /file of that name is in the way/,
    );
  });

  test("a folder without write permission refuses with the cure", async () => {
    // The administrator may write anywhere, so for that user a folder the system keeps is used.
    const locked = process.getuid?.() === 0 ? "/proc" : at("locked");
    if (locked !== "/proc") {
      await nodeFiles.makeDirectory(locked);
      await chmod(locked, 0o500);
    }
    await expect(nodeFiles.writeAtomic(`${locked}/model`, bytes("x"))).rejects.toThrow(FileError);
  });
});

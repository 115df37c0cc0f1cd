import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Compile, decodeEntry, encodeEntry, KernelCache } from "../../../src/cpu/kernelCache";
import type { Program } from "../../../src/device/executor";
import { nodePlatform } from "../../../src/platform/node";
import { cacheFolder, openNodeCache } from "../../../src/platform/nodeCache";
import { compileByHand, programOf } from "./executorKernels";

const exact = { shared: true, relaxed: false };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tilegrad-cache-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** A process with a cache of that compiler version; counts what it compiles. */
function start(version: string | null = "1") {
  let compiled = 0;
  const compile: Compile = (...args) => {
    compiled++;
    return compileByHand(...args);
  };
  const cache = new KernelCache(compile, version);
  return {
    get: (program: Program, options = exact) =>
      cache.get(program, options, nodePlatform, openNodeCache(folder)),
    compiled: () => compiled,
  };
}

/** Waits until so many files are whole. */
async function files(count: number): Promise<string[]> {
  for (;;) {
    const found = (await readdir(folder)).filter((name) => !name.startsWith("."));
    if (found.length === count) return found.map((name) => join(folder, name));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("compiled kernels", () => {
  test("a program is compiled once in a process, and for each set of options", async () => {
    const first = start(null);
    const program = programOf("step", "read_write");
    const [a, b] = await Promise.all([first.get(program), first.get(program)]);
    expect(a).toBe(b);
    await first.get(program, { shared: false, relaxed: false });
    expect(first.compiled()).toBe(2);
  });

  test("the next process finds them on disk, whatever they are called", async () => {
    const first = start();
    const program = programOf("step", "read_write");
    const made = await first.get(program);
    await files(1);
    const second = start();
    const found = await second.get({ ...program, key: "another key" });
    expect(second.compiled()).toBe(0);
    expect(WebAssembly.Module.exports(found.module)).toEqual(
      WebAssembly.Module.exports(made.module),
    );
    expect(found).toMatchObject({ scratchBytes: made.scratchBytes, leastBytes: made.leastBytes });
  });

  test.each([
    ["the text", { wgsl: "count" }],
    ["an override", { overrides: { SIZE: 4 } }],
    ["the bindings", { bindings: [] }],
  ] satisfies [string, Partial<Program>][])("%s tells programs apart", async (_what, change) => {
    const program = programOf("step", "read_write");
    await start().get(program);
    await files(1);
    const second = start();
    await second.get({ ...program, ...change });
    expect(second.compiled()).toBe(1);
    await files(2);
  });

  test("another version of the compiler makes them again, in place", async () => {
    const program = programOf("step", "read_write");
    await start("1").get(program);
    const [file] = await files(1);
    const before = await readFile(file!);
    const second = start("2");
    await second.get(program);
    expect(second.compiled()).toBe(1);
    while ((await readFile(file!)).equals(before)) await new Promise((r) => setTimeout(r, 5));
    await files(1);
  });

  test("without a version nothing is kept", async () => {
    await start(null).get(programOf("step", "read_write"));
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    ["empty", () => new Uint8Array(0)],
    ["cut short", (entry: Uint8Array) => entry.subarray(0, entry.length - 3)],
    [
      "damaged",
      (entry: Uint8Array) => entry.map((byte, i) => (i === entry.length - 5 ? ~byte : byte)),
    ],
    ["other text", () => new TextEncoder().encode("not an entry at all, but long enough")],
  ])("a file that is %s is made again", async (_what, damage) => {
    const program = programOf("step", "read_write");
    await start().get(program);
    const [file] = await files(1);
    const whole = new Uint8Array(await readFile(file!));
    await writeFile(file!, damage(whole));
    const second = start();
    await second.get(program);
    expect(second.compiled()).toBe(1);
    while (!(await readFile(file!)).equals(whole)) await new Promise((r) => setTimeout(r, 5));
  });

  test("an entry gives back what was put in, for its own source only", () => {
    const kernel = { wasm: new Uint8Array([1, 2, 3]), scratchBytes: 48, leastBytes: [4, 16] };
    const entry = encodeEntry("source ✓", kernel);
    expect(decodeEntry(entry, "source ✓")).toEqual(kernel);
    expect(decodeEntry(entry, "source")).toBeNull();
  });

  test("a folder that cannot be made does no harm", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    const cache = openNodeCache(join(file, "folder"));
    await cache.put("key", new Uint8Array(1));
    expect(await cache.get("key")).toBeNull();
  });

  test("the folder is the system's place for caches", () => {
    expect(cacheFolder("linux", { XDG_CACHE_HOME: "/somewhere" })).toBe("/somewhere/tilegrad");
    expect(cacheFolder("linux", {})).toMatch(/\/\.cache\/tilegrad$/);
    expect(cacheFolder("darwin", {})).toMatch(/\/Library\/Caches\/tilegrad$/);
    expect(cacheFolder("win32", { LOCALAPPDATA: "L" })).toMatch(/^L.tilegrad.Cache$/);
  });
});

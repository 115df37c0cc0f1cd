/** The origin's private file system as a file store, in Chromium: with `move`, and without it. */
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FileStore } from "../../src/platform/files";
import { bundleScript } from "./bundle";
import { emptyPage, type TestPage } from "./chromium";

declare global {
  /** In the page. */
  var store: FileStore;
  /** Writes files of one repeated byte, one after another, and does not end. */
  var writeOn: (path: string, size: number) => Promise<never>;
}

const script = await bundleScript(`
  import { browserFiles } from "./src/platform/browserFiles.ts";
  if (location.search === "?unmovable") delete FileSystemFileHandle.prototype.move;
  globalThis.store = browserFiles();
  globalThis.writeOn = async (path, size) => {
    for (let byte = 1; ; byte = (byte % 255) + 1)
      await store.writeAtomic(path, new Uint8Array(size).fill(byte));
  };`);
const html =
  '<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>';

let opened: TestPage & { readonly url: string };
let context: BrowserContext;
beforeAll(async () => {
  opened = await emptyPage({ "index.html": html, "page.js": script });
  context = await opened.page.context().browser()!.newContext();
});
afterAll(() => opened?.[Symbol.asyncDispose]());

async function tab(query: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(opened.url + query);
  await page.waitForFunction(() => "store" in globalThis);
  return page;
}

describe.each([
  ["with move", "", "moved"],
  ["without move", "?unmovable", "turned"],
])("%s", (_, query, folder) => {
  test("what was written is read back, replaced, listed and removed", async () => {
    const page = await tab(query);
    const found = await page.evaluate(async (folder) => {
      const text = async (path: string) => new TextDecoder().decode(await store.read(path));
      const bytes = (text: string) => new TextEncoder().encode(text);
      const seen: unknown[] = [];
      await store.makeDirectory(`${folder}/below`);
      for (const content of ["one", "second", "3"]) {
        await store.writeAtomic(`${folder}/a`, bytes(content));
        seen.push(await text(`${folder}/a`), await store.list(folder));
      }
      seen.push(new TextDecoder().decode(await store.read(`${folder}/a`, 0)));
      await store.append(`${folder}/log`, "é\n");
      await store.append(`/${folder}/log`, "b\n");
      seen.push(await text(`${folder}/log`), await store.exists(`${folder}/log`));
      await store.remove(`${folder}/a`);
      await store.remove(`${folder}/a`);
      await store.remove(`${folder}/missing/a`);
      seen.push(await store.exists(`${folder}/a`), await store.exists(`${folder}/log/below`));
      seen.push(await store.exists(folder), await store.list(folder));
      return seen;
    }, folder);
    const list = ["a", "below"];
    expect(found).toEqual([
      ...["one", list, "second", list, "3", list],
      ...["", "é\nb\n", true, false, false, true],
      ["below", "log"],
    ]);
    await page.close();
  });

  test("errors say what and why", async () => {
    const page = await tab(query);
    const found = await page.evaluate(async (folder) => {
      await store.makeDirectory(`${folder}/below`);
      await store.writeAtomic(`${folder}/file`, new Uint8Array(1));
      const calls = [
        () => store.read(`${folder}/no`),
        () => store.read(`${folder}/below`),
        () => store.writeAtomic(`${folder}/below`, new Uint8Array(1)),
        () => store.writeAtomic("", new Uint8Array(1)),
        () => store.writeAtomic(`${folder}/no/file`, new Uint8Array(1)),
        () => store.makeDirectory(`${folder}/file/x`),
        () => store.list(`${folder}/no`),
        () => store.read("../outside"),
      ];
      const told: unknown[] = [];
      for (const call of calls)
        await call().then(
          () => told.push("nothing"),
          ({ name, failure }) => told.push([name, failure]),
        );
      return told;
    }, folder);
    expect(found).toEqual(
      [
        ...["missing", "notAFile", "notAFile", "notAFile", "missing", "notADirectory", "missing"],
        "failed",
      ].map((failure) => ["FileError", failure]),
    );
    await page.close();
  });

  test("tabs that are closed in mid-write leave a whole file, and no lock", async () => {
    const size = 3_000_000;
    const path = `${folder}/model`;
    const reader = await tab(query);
    await reader.evaluate(async (path) => {
      await store.makeDirectory(path.split("/")[0]!);
      await store.writeAtomic(path, new Uint8Array([7]));
    }, path);
    const sizes = new Set<number>();
    for (const delay of [0, 5, 15, 30, 60, 90]) {
      const writer = await tab(query);
      await writer.evaluate(
        ([path, size, delay]) => {
          void writeOn(path, size);
          return new Promise((resolve) => setTimeout(resolve, delay));
        },
        [path, size, delay] as const,
      );
      await writer.close();
      const values = await reader.evaluate(async (path) => {
        const bytes = await store.read(path);
        return { length: bytes.length, mixed: bytes.some((byte) => byte !== bytes[0]) };
      }, path);
      expect(values.mixed).toBe(false);
      expect([1, size]).toContain(values.length);
      sizes.add(values.length);
    }
    expect(sizes).toContain(size);
    await reader.evaluate((path) => store.writeAtomic(path, new Uint8Array([9])), path);
    expect(await reader.evaluate(async (path) => [...(await store.read(path))], path)).toEqual([9]);
    expect(await reader.evaluate((folder) => store.list(folder), folder)).toContain("model");
    await reader.close();
  });

  test("two tabs that write one file at once leave one of the two", async () => {
    const tabs = [await tab(query), await tab(query)];
    const path = `${folder}/shared`;
    await tabs[0]!.evaluate((folder) => store.makeDirectory(folder), folder);
    await Promise.all(
      tabs.map((page, i) =>
        page.evaluate(
          async ([path, byte]) => {
            for (let times = 0; times < 10; times++)
              await store.writeAtomic(path, new Uint8Array(100_000 + byte).fill(byte));
          },
          [path, i + 1] as const,
        ),
      ),
    );
    const [length, first, mixed] = await tabs[0]!.evaluate(async (path) => {
      const bytes = await store.read(path);
      return [bytes.length, bytes[0]!, bytes.some((byte) => byte !== bytes[0])] as const;
    }, path);
    expect(mixed).toBe(false);
    expect(length).toBe(100_000 + first);
    for (const page of tabs) await page.close();
  });
});

test("what a closed tab left half written is removed, what another writes and other files are not", async () => {
  const page = await tab("");
  const writer = await tab("");
  await writer.evaluate(async () => {
    await store.makeDirectory("left");
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("left");
    for (const name of [".gone.tmp", ".busy.tmp", "kept.tmp"])
      await folder.getFileHandle(name, { create: true });
    await new Promise((held) => {
      void navigator.locks.request("tilegrad:left/busy", () => new Promise(held));
    });
  });
  const left = await page.evaluate(async () => {
    await store.removeLeftovers("left");
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("left");
    const names: string[] = [];
    for await (const name of folder.keys()) names.push(name);
    return names.sort();
  });
  expect(left).toEqual([".busy.tmp", "kept.tmp"]);
  for (const tab of [page, writer]) await tab.close();
});

test("a page that may keep no files is told what to do", async () => {
  const page = await tab("");
  const told = await page.evaluate(async (source) => {
    const frame = document.createElement("iframe");
    frame.sandbox.add("allow-scripts");
    const heard = new Promise<string>((resolve) => {
      addEventListener("message", ({ data }) => resolve(String(data)), { once: true });
    });
    const report = `try { await store.exists("x"); parent.postMessage("nothing", "*"); } catch (e) { parent.postMessage(e.name + " " + e.failure, "*"); }`;
    frame.srcdoc = `<script type="module">${source};${report}</script>`;
    document.body.append(frame);
    return heard;
  }, script);
  expect(told).toBe("FileError denied");
  await page.close();
});

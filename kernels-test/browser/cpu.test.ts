/** The CPU executor in pages: with shared memory and threads, without, and beside the browser's door. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadCaseModules } from "../caseModules";
import { bundleCases } from "./bundle";
import { isolation, openPage, type TestPage } from "./chromium";

const modules = await loadCaseModules();
const script = await bundleCases(modules);

/** In a page: the device's description, and a sum over a product that every thread has a part in. */
const compute = (opened: TestPage, threads?: number) =>
  opened.page.evaluate(async (count) => {
    const options = count === undefined ? {} : { threads: count };
    const device = await tilegrad.init({ executor: "cpu", ...options });
    const a = tilegrad.arange(0, 60_000, 1, { dtype: "f32" }).sin().reshape([200, 300]);
    const product = a.matmul(a.transpose(0, 1));
    const values = (await product.data()) as Float32Array;
    let sum = 0;
    for (const bits of new Uint32Array(values.buffer)) sum = (Math.imul(sum, 31) + bits) >>> 0;
    const { description } = device.executor.adapter;
    await device.destroy();
    return { description, sum };
  }, threads);

describe("in a cross-origin isolated page", () => {
  let opened: TestPage;
  beforeAll(async () => {
    opened = await openPage(script, isolation);
    expect(opened.errors).toEqual([]);
  });
  afterAll(() => opened?.[Symbol.asyncDispose]());

  test("results are the same bits with 0, 1, 2 and 4 threads", async () => {
    const results = [];
    for (const threads of [0, 1, 2, 4]) results.push(await compute(opened, threads));
    expect(results.map(({ description }) => description.split(", ")[1])).toEqual([
      "on the calling thread",
      "1 thread",
      "2 threads",
      "4 threads",
    ]);
    expect(new Set(results.map(({ sum }) => sum)).size).toBe(1);
  });

  test("compiled kernels are kept in IndexedDB", async () => {
    await compute(opened, 1);
    const names = await opened.page.evaluate(
      () =>
        new Promise<IDBValidKey[]>((resolve) => {
          const opening = indexedDB.open("tilegrad");
          opening.onsuccess = () => {
            const keys = opening.result.transaction("bytes").objectStore("bytes").getAllKeys();
            keys.onsuccess = () => resolve(keys.result);
          };
        }),
    );
    expect(names.some((name) => /^matmul\./.test(String(name)))).toBe(true);
  });

  describe("every case of the numeric tier", () => {
    beforeAll(async () => {
      await opened.page.evaluate(
        async () => void (await tilegrad.init({ executor: "cpu", threads: 2 })),
      );
    });
    for (const { name, cases } of modules)
      cases.forEach((claim, index) => {
        test(`${name}: ${claim.name}`, async () => {
          const failure = await opened.page.evaluate(([module, at]) => runCase(module, at), [
            name,
            index,
          ] as const);
          if (failure !== null) throw new Error(failure);
        });
      });
  });
});

test.each([
  ["is not isolated", {}],
  ["may not start workers", { ...isolation, "content-security-policy": "worker-src 'none'" }],
])("a page that %s computes on the calling thread", async (_what, headers) => {
  await using opened = await openPage(script, headers);
  const { description, sum } = await compute(opened);
  await using other = await openPage(script, isolation);
  expect(sum).toBe((await compute(other, 2)).sum);
  if (Object.keys(headers).length === 0) expect(description).toContain("on the calling thread");
});

test("a page without a GPU takes the CPU, from the file beside the browser's door", async () => {
  const built = (file: string) =>
    readFile(fileURLToPath(new URL(`../../dist/${file}`, import.meta.url)), "utf8");
  const program = `
    import * as tg from "./browser.js";
    const device = await tg.init();
    globalThis.answer = [device.executor.kind, await tg.tensor([1, 2, 3]).mul(2).sum().item()];
    const refused = await tg.init({ executor: "cpu", threads: -1 }).catch((error) => error);
    globalThis.answer.push(refused instanceof tg.ArgumentError);`;
  const files = { "browser.js": await built("browser.js"), "cpu.js": await built("cpu.js") };
  await using opened = await openPage(program, {}, files);
  await opened.page.waitForFunction("globalThis.answer?.length === 3");
  expect(await opened.page.evaluate("globalThis.answer")).toEqual(["cpu", 12, true]);
  expect(opened.errors).toEqual([]);
});

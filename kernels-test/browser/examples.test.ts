/** The examples and the README's, as a reader runs them: in a page, in Node, with the built library. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Consumer, installPackage } from "../consumer";
import { readmeExample } from "../readme";
import { launchChromium } from "./chromium";
import { desktop, openExample, photographAll } from "./gallery";
import { type Server, serve } from "./server";

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const files = (...paths: string[]) =>
  Object.fromEntries(paths.map((path) => [path, readFileSync(at(path), "utf8")]));

let server: Server;
let browser: Browser;
beforeAll(async () => {
  server = await serve({
    ...files("dist/browser.js", "dist/cpu.js"),
    "index.html": readmeExample("In a page"),
    "favicon.ico": "",
  });
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

interface Visit extends AsyncDisposable {
  readonly page: Page;
  readonly errors: string[];
  /** What the page printed, as JSON. */
  printed(): Promise<unknown[]>;
}

async function visit(path: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const errors: string[] = [];
  const printed: Promise<unknown>[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (line) => {
    if (line.type() === "error") errors.push(line.text());
    else printed.push(Promise.all(line.args().map((value) => value.jsonValue())));
  });
  await page.goto(`${server.url}${path}`);
  return {
    page,
    errors,
    printed: () => Promise.all(printed),
    [Symbol.asyncDispose]: () => context.close(),
  };
}

/** Checks the lines of examples/fit: the loss falls, and the network has learned. */
function expectLearned(text: string): void {
  const lines = text.trim().split("\n");
  const losses = lines.slice(0, -1).map((line) => {
    const [, step, loss] = line.match(/^step (\d+) {2}loss (\d\.\d{5})$/)!;
    return { step: Number(step), loss: Number(loss) };
  });
  expect(losses.map(({ step }) => step)).toEqual([100, 200, 300, 400]);
  // Sine has a mean square of 0.5: what a network that learned nothing would be left with.
  expect(losses[0]!.loss).toBeLessThan(0.1);
  expect(losses.at(-1)!.loss).toBeLessThan(losses[0]!.loss / 4);
  const [, says] = lines.at(-1)!.match(/^sin\(π\/2\) is 1; the network says (\d\.\d{3})$/)!;
  expect(Math.abs(Number(says) - 1)).toBeLessThan(0.1);
}

describe("examples/fit", () => {
  test("a network learns in the page, on phones and desktops, light and dark, and the page links to its text", async () => {
    await using visited = await openExample("fit");
    const { page } = visited;
    const log = page.getByRole("main").getByRole("log", { name: /.+/ });
    await log.getByText("the network says").waitFor();
    expectLearned(await log.innerText());
    await page.getByText("Computed on: CPU through WebAssembly").waitFor();
    await photographAll(page, "fit");
    for (const link of ["tilegrad examples", "fit.js"]) {
      await page.keyboard.press("Tab");
      expect(await page.locator(":focus").innerText()).toBe(link);
    }
    visited.expectQuiet();
    await page.getByRole("link", { name: "fit.js" }).click();
    await page.getByText("export async function fit(print").waitFor();
  });

  test("it learns through WebGPU when one chooses that, and the address keeps the choice", async () => {
    await using visited = await openExample("fit", { executor: "cpu" });
    const { page } = visited;
    await page.getByRole("combobox", { name: "Computed by" }).selectOption("WebGPU");
    await page.getByText("Computed on: CPU through WebGPU").waitFor();
    expect(new URL(page.url()).search).toBe("?executor=webgpu");
    const log = page.getByRole("log");
    await log.getByText("the network says").waitFor();
    expectLearned(await log.innerText());
    visited.expectQuiet();
  });
});

describe("the README's page", () => {
  test("prints the first and the second derivative of x³", async () => {
    await using visited = await visit("", { viewport: desktop });
    await expect
      .poll(async () => JSON.stringify(await visited.printed()), { timeout: 30_000 })
      .toBe(JSON.stringify([[{ 0: 3, 1: 12, 2: 27 }], [{ 0: 6, 1: 12, 2: 18 }]]));
    expect(visited.errors).toEqual([]);
  });
});

describe("in Node", () => {
  const patience = 120_000;

  test(
    "examples/fit prints what it prints in a page",
    async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [at("examples/fit")]);
      expectLearned(stdout);
    },
    patience,
  );

  let consumer: Consumer;
  beforeAll(async () => {
    consumer = await installPackage();
    for (const peer of ["webgpu", "@webgpu/types"]) await consumer.link(peer);
  }, patience);
  afterAll(() => consumer?.[Symbol.asyncDispose]());

  test(
    "the README's example learns, from the installed package, and ends by itself",
    async () => {
      await consumer.write("example.js", readmeExample("In Node"));
      const { code, out } = await consumer.run("node", ["example.js"]);
      expect(code).toBe(0);
      const numbers = out
        .trim()
        .split("\n")
        .map((line) => line.split(" ").map(Number));
      expect(numbers.slice(0, -1).map(([step]) => step)).toEqual([100, 200, 300, 400]);
      expect(numbers[3]![1]).toBeLessThan(numbers[0]![1]! / 4);
      expect(Math.abs(numbers.at(-1)![0]! - 1)).toBeLessThan(0.1);
    },
    patience,
  );
});

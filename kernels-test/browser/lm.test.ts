/** examples/lm in a page, used as a person would: by pointer, by keyboard, with files, through a reload, offline. */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import {
  bundledExamples,
  type ExampleOptions,
  type ExamplePage,
  openExample,
  photographAll,
} from "./gallery";

const patience = { timeout: 60_000 };

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const said = (page: Page, text: string | RegExp) =>
  page.getByRole("status").getByText(text).waitFor({ timeout: 90_000 });
const complained = async (page: Page): Promise<string> => {
  await page.getByRole("alert").waitFor(patience);
  return page.getByRole("alert").innerText();
};
const figure = (page: Page, name: string) => page.locator(`[data-figure=${name}]`).innerText();
const step = async (page: Page) =>
  Number((await figure(page, "step")).split(" ")[0]!.replace(",", "")) || 0;

async function visit(options: ExampleOptions = {}): Promise<ExamplePage> {
  const opened = await openExample("lm", options);
  await said(opened.page, "Ready.");
  return opened;
}

/** The kernels for what is chosen are compiled. */
const prepared = (page: Page, times = 1) =>
  expect
    .poll(() => page.evaluate(() => performance.getEntriesByName("prepared").length), patience)
    .toBeGreaterThanOrEqual(times);

/** The bytes of the file that the page saves. */
async function saved(page: Page): Promise<Buffer> {
  const saving = page.waitForEvent("download", patience);
  await button(page, "Save to disk").click();
  return readFileSync(await (await saving).path());
}

/** Drops a file on the text. */
async function drop(page: Page, name: string, text: string): Promise<void> {
  const data = await page.evaluateHandle(
    ([called, content]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([content!], called!));
      return transfer;
    },
    [name, text],
  );
  await page.locator("#text").dispatchEvent("dragover", { dataTransfer: data });
  await page.locator("#text").dispatchEvent("drop", { dataTransfer: data });
}

const rhyme = "Twinkle, twinkle, little star, how I wonder what you are! ".repeat(40);

/** What is drawn of the curve. */
const curve = (page: Page) =>
  page.locator("#curve canvas").evaluate((element) => (element as HTMLCanvasElement).toDataURL());

describe("a run in the page", () => {
  test("a typed text is learnt: the curve moves, the sample changes, it pauses and goes on", async () => {
    await using visited = await visit();
    const { page } = visited;
    await button(page, "Clear").click();
    await page.keyboard.insertText(rhyme);
    expect(await page.locator("#textLength").innerText()).toBe("2,320 characters.");
    await page.locator("#curve canvas").waitFor(patience);
    const empty = await curve(page);
    await button(page, "Start").click();
    await expect.poll(() => step(page), patience).toBeGreaterThan(50);
    expect(await curve(page)).not.toBe(empty);
    const sample = await page.getByRole("blockquote").innerText();
    expect(sample.startsWith("T")).toBe(true);
    expect(sample.length).toBeGreaterThan(50);

    await button(page, "Pause").click();
    await said(page, "Paused after");
    const paused = await step(page);
    const still = await curve(page);
    await page.waitForTimeout(300);
    expect(await step(page)).toBe(paused);
    expect(await curve(page)).toBe(still);

    await button(page, "Continue").click();
    await expect.poll(() => step(page), patience).toBeGreaterThan(paused + 55);
    expect(await page.getByRole("blockquote").innerText()).not.toBe(sample);
    await button(page, "Pause").click();
    await said(page, "Paused after");
    const label = await page.locator("#curve").getAttribute("aria-label");
    const [, first, last] = /^The loss fell from ([\d.]+) to ([\d.]+) in \d+ steps$/.exec(label!)!;
    expect(Number(last)).toBeLessThan(Number(first) - 1);
    visited.expectQuiet();
  });

  test("a reload in mid-training loses no bit, and what is saved is loaded where the page has nothing", async () => {
    await using visited = await visit();
    const { page } = visited;
    await page.getByLabel("Steps").fill("150");
    await button(page, "Start").click();
    await said(page, "Finished after 150 steps.");
    const undisturbed = await saved(page);

    await button(page, "Begin anew").click();
    await said(page, "Ready.");
    await button(page, "Start").click();
    await expect.poll(() => step(page), patience).toBeGreaterThan(20);
    // So that something is kept; the reload comes in the midst of what follows.
    await button(page, "Pause").click();
    await said(page, "Paused after");
    const kept = await step(page);
    const second = await page.context().newPage();
    await second.goto(page.url());
    await said(second, "Another tab keeps its run in this browser");
    await second.close();
    await button(page, "Continue").click();
    await expect.poll(() => step(page), patience).toBeGreaterThan(kept);
    await page.reload();
    await said(page, /A run is kept in this browser: it stands after \d+ of 150 steps/);
    expect(await step(page)).toBeGreaterThanOrEqual(kept);
    await button(page, "Continue").click();
    await said(page, "Finished after 150 steps.");
    expect((await saved(page)).equals(undisturbed)).toBe(true);

    await button(page, "Begin anew").click();
    await said(page, "Ready.");
    await page
      .getByLabel("Load from disk")
      .setInputFiles({ name: "mine.safetensors", mimeType: "", buffer: undisturbed });
    await said(page, "Loaded: it stands after 150 of 150 steps.");
    expect((await saved(page)).equals(undisturbed)).toBe(true);
    visited.expectQuiet();
  });

  test("where there is no WebGPU it trains as well, and without a network", async () => {
    await using visited = await visit({
      before: 'Object.defineProperty(navigator, "gpu", { value: undefined });',
    });
    const { page } = visited;
    expect(await page.locator("#executor").innerText()).toMatch(/^Computed on: .*WebAssembly/);
    await prepared(page);
    await page.locator("#curve canvas").waitFor(patience);
    await page.context().setOffline(true);
    await button(page, "Start").click();
    await expect.poll(() => step(page), patience).toBeGreaterThan(10);
    const file = await saved(page);
    expect(file.length).toBeGreaterThan(3 * 4 * 100_000);
    expect(await step(page)).toBeGreaterThan(0);
    await button(page, "Pause").click();
    await said(page, "Paused after");
    visited.expectQuiet();
  });
});

describe("what one can do wrong", () => {
  test("each is said in words, and the page goes on", async () => {
    await using visited = await visit();
    const { page } = visited;
    await drop(page, "poem.txt", rhyme.slice(0, 580));
    await said(page, "poem.txt: 580 characters.");
    expect(await page.locator("#text").inputValue()).toBe(rhyme.slice(0, 580));

    await page.locator("#text").fill("too short");
    await button(page, "Start").click();
    expect(await complained(page)).toMatch(
      /^The text is too short: it has 9 characters, and a model of this size reads windows of 64/,
    );
    await page.locator("#text").fill(rhyme);
    await expect.poll(() => page.getByRole("alert").isHidden()).toBe(true);

    await page.getByLabel("Steps").fill("many");
    await button(page, "Start").click();
    expect(await complained(page)).toBe("Steps are a whole number from 1 to 100,000.");
    await page.getByLabel("Steps").fill("40");

    const choose = (label: string, name: string, buffer: Buffer) =>
      page.getByLabel(label).setInputFiles({ name, mimeType: "", buffer });
    await choose("Choose a file", "latin.txt", Buffer.from([0x63, 0x61, 0x66, 0xe9]));
    expect(await complained(page)).toBe(
      "latin.txt is no text in UTF-8. Save it as plain text first.",
    );
    await choose("Choose a file", "huge.txt", Buffer.alloc(5 * 2 ** 20, "a"));
    const tooLarge = page.getByText("huge.txt has 5.0 MB; this page takes texts of up to 4.0 MB.");
    await tooLarge.waitFor();
    // Choices that become good again take back only what was said of choices.
    await page.getByLabel("Steps").fill("many");
    await page.getByLabel("Steps").fill("40");
    await page.waitForTimeout(1000);
    expect(await tooLarge.isVisible()).toBe(true);
    await choose("Load from disk", "photo.safetensors", Buffer.from("no safetensors at all"));
    await page.getByRole("alert").getByText("photo.safetensors").waitFor();
    const header = '{"__metadata__":{"format":"pt"}}';
    const other = Buffer.concat([Buffer.from([header.length, 0, 0, 0, 0, 0, 0, 0])]);
    await choose(
      "Load from disk",
      "other.safetensors",
      Buffer.concat([other, Buffer.from(header)]),
    );
    await page
      .getByText("other.safetensors is a checkpoint of something else, not of a language model")
      .waitFor();

    await button(page, "Start").click();
    await said(page, "Finished after 40 steps.");
    visited.expectQuiet();
  });

  test("by keyboard alone one chooses, sees the memory it needs, and trains; it looks right everywhere", async () => {
    await using visited = await visit();
    const { page } = visited;
    const memory = page.locator("#memory");
    await expect.poll(() => memory.innerText(), patience).toMatch(/^105,472 parameters:/);
    const f32 = await memory.innerText();
    await page.getByLabel("States").focus();
    await page.keyboard.press("8");
    await expect.poll(() => memory.innerText(), patience).not.toBe(f32);
    const bytes = (text: string) => Number(/([\d.]+) MB for the optimizer/.exec(text)![1]);
    expect(bytes(await memory.innerText())).toBeLessThan(0.5 * bytes(f32));
    await page.getByLabel("Optimizer").focus();
    await page.keyboard.press("m");
    expect(await page.getByLabel("Optimizer").inputValue()).toBe("muon");
    await page.getByLabel("Steps").fill("20");
    await button(page, "Start").focus();
    await page.keyboard.press("Enter");
    await said(page, "Finished after 20 steps.");
    expect(Number(await figure(page, "loss"))).toBeLessThan(3.6);
    const unused = () =>
      page
        .locator("#curve")
        .evaluate((room) => room.querySelector("canvas")!.clientWidth - room.clientWidth);
    await photographAll(page, "lm", () => expect.poll(unused).toBe(0));
    visited.expectQuiet();
  });
});

/** Bytes after gzip of all that a visit loads, training included: see examples/lm/README.md for what they are. */
const transferBudget = 188_000;

/** In the page, what it was busy with: see `watched`. */
interface Watched {
  readonly longTasks: { readonly duration: number; readonly startTime: number }[];
  /** Milliseconds from each key press until the page had it. */
  readonly answers: number[];
}

/** Has the page note its long tasks and how soon it answers keys. */
const watched = `
  globalThis.longTasks = [];
  new PerformanceObserver((list) => {
    for (const { duration, startTime } of list.getEntries())
      globalThis.longTasks.push({ duration, startTime });
  }).observe({ type: "longtask" });
  globalThis.answers = [];
  addEventListener("keydown", ({ timeStamp }) => answers.push(performance.now() - timeStamp));`;

describe("numbers, through WebGPU on SwiftShader", () => {
  test("the first step comes within 3 s of the click, the page answers within 50 ms, also while it saves, and loads no CPU executor", async () => {
    await using visited = await openExample("lm", { before: watched, executor: "webgpu" });
    const { page } = visited;
    const asked = new Set<string>();
    page.on("request", (request) => asked.add(request.url()));
    await page.reload();
    await said(page, "Ready.");
    expect(await page.locator("#executor").innerText()).toMatch(/^Computed on: CPU through WebGPU/);
    await prepared(page);
    await page.locator("#curve canvas").waitFor(patience);
    const begun = await page.evaluate(() => performance.now());
    await button(page, "Start").click();
    const firsts = () =>
      page.evaluate(() => performance.getEntriesByName("first step").map((one) => one.duration));
    await expect.poll(firsts, patience).toHaveLength(1);
    expect((await firsts())[0]).toBeLessThan(3000);

    for (let i = 0; i < 20; i++) await page.keyboard.press("Shift");
    await expect.poll(() => step(page), patience).toBeGreaterThan(10);
    await saved(page);
    for (let i = 0; i < 20; i++) await page.keyboard.press("Shift");
    await button(page, "Pause").click();
    await said(page, "Paused after");
    const { answers, longTasks } = await page.evaluate(() => {
      const { answers: heard, longTasks: tasks } = globalThis as unknown as Watched;
      return { answers: heard, longTasks: tasks };
    });
    expect(answers).toHaveLength(40);
    // The processors are shared with the training: what the page waits for them is not its own work.
    expect(answers.sort((a, b) => a - b)[36]).toBeLessThan(50);
    // A browser reports tasks of 50 ms and more.
    expect(longTasks.filter(({ startTime }) => startTime > begun)).toEqual([]);

    const files = await bundledExamples();
    const paths = [...asked].map((address) =>
      new URL(address).pathname.slice(1).replace(/\/$/, "/index.html"),
    );
    const loaded = paths.filter((path) => path in files);
    expect(loaded).toEqual(
      expect.arrayContaining(["start.js", "lm/index.html", "lm/page.js", "lm/worker.js"]),
    );
    // The compiler of the CPU executor is not among them.
    for (const path of loaded) expect(String(files[path])).not.toContain("WebAssembly.compile");
    const transferred = loaded.map((path) => gzipSync(files[path]!, { level: 9 }).length);
    expect(transferred.reduce((sum, bytes) => sum + bytes)).toBeLessThan(transferBudget);
    visited.expectQuiet();
  });
});

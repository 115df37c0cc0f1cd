/** examples/handwriting in a page, used as a person would: drawn on, taught, reloaded. */
import { readFileSync } from "node:fs";
import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { drawByTouch, openExample, photographAll } from "./gallery";

const patience = { timeout: 60_000 };

type Point = readonly [number, number];

/** A circle that nobody else writes for a seven. */
const ring: Point[] = Array.from({ length: 25 }, (_, i) => [
  0.5 + 0.3 * Math.sin((i * Math.PI) / 12),
  0.5 - 0.35 * Math.cos((i * Math.PI) / 12),
]);

const bar: Point[] = [
  [0.55, 0.15],
  [0.52, 0.5],
  [0.5, 0.85],
];

/** Draws a stroke with the mouse; points are parts of the paper. */
async function draw(page: Page, points: readonly Point[]): Promise<void> {
  const pad = page.locator("#pad");
  await pad.scrollIntoViewIfNeeded();
  const box = (await pad.boundingBox())!;
  const place = ([x, y]: Point): [number, number] => [
    box.x + x * box.width,
    box.y + y * box.height,
  ];
  await page.mouse.move(...place(points[0]!));
  await page.mouse.down();
  for (const point of points) await page.mouse.move(...place(point));
  await page.mouse.up();
}

/** What it says of a digit, in percent. */
const chance = async (page: Page, digit: number): Promise<number> =>
  Number(
    await page
      .getByRole("meter", { name: String(digit), exact: true })
      .getAttribute("aria-valuenow"),
  );

const button = (page: Page, name: string): Locator => page.getByRole("button", { name });

async function learnToRead(page: Page, steps = "100"): Promise<void> {
  await page.getByRole("combobox", { name: "Steps" }).selectOption(steps);
  await button(page, "Learn to read").click(patience);
  await page.locator("#learningStatus").getByText("digits it never saw").waitFor(patience);
  await expect.poll(() => button(page, "Learn anew").isEnabled(), patience).toBe(true);
}

async function teach(page: Page, digit: number): Promise<void> {
  await button(page, `It was a ${digit}`).click(patience);
  await expect.poll(() => button(page, "Learn anew").isEnabled(), patience).toBe(true);
}

/** Learns a few steps only. */
async function learnALittle(page: Page): Promise<void> {
  await button(page, "Learn to read").click(patience);
  await expect
    .poll(async () => Number(await page.locator("#step").innerText()), patience)
    .toBeGreaterThan(2);
  await button(page, "Stop").click();
  await page.locator("#learningStatus").getByText("Stopped: it learned").waitFor(patience);
  await expect.poll(() => button(page, "Learn anew").isEnabled(), patience).toBe(true);
}

/** Runs in the page: notes how late a timer of 5 ms comes each time. */
const watchTimers = `
  window.waits = [];
  let before = performance.now();
  setInterval(() => {
    const now = performance.now();
    window.waits.push(now - before - 5);
    before = now;
  }, 5);
`;

/** What three of four timers were not later than, in ms, since the last call. */
const usualWait = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const { waits } = window as unknown as { waits: number[] };
    const sorted = waits.splice(0).sort((one, other) => one - other);
    return sorted[Math.floor(0.75 * sorted.length)]!;
  });

/** An IDX file of bytes. */
function idx(shape: readonly number[], values: ArrayLike<number>): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  shape.forEach((size, d) => {
    header.writeUInt32BE(size, 4 + 4 * d);
  });
  return Buffer.concat([header, Uint8Array.from(values)]);
}

describe("handwriting", () => {
  test("it learns to read while the page answers, reads as one draws, is taught a sign, and keeps it over a reload", async () => {
    await using opened = await openExample("handwriting", { before: watchTimers, touch: true });
    const { page } = opened;
    await page.getByText("Computed on: ").waitFor(patience);
    await usualWait(page);
    await learnToRead(page);
    expect(await usualWait(page)).toBeLessThan(50);
    expect(Number.parseFloat(await page.locator("#accuracy").innerText())).toBeGreaterThan(75);

    await drawByTouch(page.locator("#pad"), bar);
    await expect.poll(() => chance(page, 1), patience).toBeGreaterThan(60);
    await button(page, "Clear").click();
    await page.getByText("Nothing is drawn yet.").waitFor();

    await draw(page, ring);
    await expect.poll(() => chance(page, 0), patience).toBeGreaterThan(50);
    await teach(page, 7);
    await teach(page, 7);
    expect(await chance(page, 7)).toBeGreaterThan(50);
    expect(await page.locator("#verdict").innerText()).toMatch(/^It reads 7/);
    expect(await page.locator("#thumbnails li").count()).toBe(1);
    const report = await page.locator("#lessonStatus").innerText();
    expect(report).toMatch(/^A 7: \S+ % sure before the lesson, \S+ % after\./);
    const after = Number(/lessons, (\S+) % now/.exec(report)![1]);
    expect(after).toBeGreaterThan(65);
    await photographAll(page, "handwriting");
    for (const role of ["button", "combobox", "meter", "img", "application"] as const) {
      const all = page.getByRole(role);
      expect(await all.count()).toBeGreaterThan(0);
      expect(await page.getByRole(role, { name: /./ }).count()).toBe(await all.count());
    }

    const second = await page.context().newPage();
    await second.goto(page.url());
    await second.getByRole("alert").getByText("Another tab of this page keeps").waitFor(patience);
    await second.close();

    await page.reload();
    await page.getByText("From your last visit").waitFor(patience);
    await expect.poll(() => page.locator("#thumbnails li").count(), patience).toBe(1);
    await draw(page, ring);
    await page.locator("#verdict").getByText("It reads 7").waitFor(patience);

    await button(page, "Forget my handwriting").click(patience);
    await page.locator("#verdict").getByText("It reads 0").waitFor(patience);
    expect(await page.locator("#thumbnails li").count()).toBe(0);
    opened.expectQuiet();
  });

  test("without WebGPU, it is drawn on by keys alone, and its network goes to a file and back", async () => {
    await using opened = await openExample("handwriting");
    const { page } = opened;
    await page.route("**/handwriting/worker.js", async (route) => {
      const response = await route.fetch();
      const body = `delete WorkerNavigator.prototype.gpu; ${await response.text()}`;
      await route.fulfill({ response, body });
    });
    await page.reload();
    await page.getByText("Computed on: CPU through WebAssembly").waitFor(patience);
    await expect.poll(() => button(page, "Learn to read").isEnabled(), patience).toBe(true);
    await page.context().setOffline(true);
    await learnALittle(page);

    await page.locator("#pad").focus();
    await page.keyboard.press(" ");
    await page.getByText("Pen down.").waitFor();
    for (let i = 0; i < 10; i++) await page.keyboard.press("ArrowDown");
    await page.keyboard.press(" ");
    await page.getByText("Pen up.").waitFor();
    await page
      .locator("#verdict")
      .getByText(/It reads \d/)
      .waitFor(patience);
    const total = async () => {
      const all = await Promise.all(Array.from({ length: 10 }, (_, digit) => chance(page, digit)));
      return all.reduce((sum, one) => sum + one, 0);
    };
    expect(Math.abs((await total()) - 100)).toBeLessThan(1);
    await button(page, "It was a 1").focus();
    await page.keyboard.press("Enter");
    await button(page, "Delete lesson 1, a 1").click(patience);
    await page.getByText("None yet.").waitFor(patience);
    await page.locator("#pad").focus();
    await page.keyboard.press("Backspace");
    await page.getByText("Nothing is drawn yet.").waitFor();
    expect(await button(page, "Undo").isDisabled()).toBe(true);

    const saving = page.waitForEvent("download");
    await button(page, "Save the network").click();
    const saved = await saving;
    expect(saved.suggestedFilename()).toBe("handwriting.safetensors");
    const buffer = readFileSync(await saved.path());
    const file = { name: "mine.safetensors", mimeType: "application/octet-stream", buffer };
    await page.getByLabel("Open a network").setInputFiles(file);
    await page.locator("#learningStatus").getByText("mine.safetensors").waitFor(patience);
    const broken = { ...file, name: "cut.safetensors", buffer: buffer.subarray(0, 5000) };
    await page.getByLabel("Open a network").setInputFiles(broken);
    await page.getByRole("alert").getByText("cut.safetensors cannot be read").waitFor(patience);
    opened.expectQuiet();
  });

  test("on WebGPU, it learns from files in the format of MNIST, and refuses others in words", async () => {
    await using opened = await openExample("handwriting", { executor: "webgpu" });
    const { page } = opened;
    await page.getByText("Computed on: CPU through WebGPU").waitFor(patience);
    await expect.poll(() => button(page, "Learn to read").isEnabled(), patience).toBe(true);
    const files = page.getByLabel("Choose MNIST files");
    const mimeType = "application/octet-stream";
    const greys = Array.from({ length: 60 * 28 * 28 }, (_, i) => (i * i) % 256);
    const labels = Array.from({ length: 60 }, (_, i) => i % 10);
    const pictures = idx([60, 28, 28], greys);
    const both = [
      { name: "images.idx", mimeType, buffer: pictures },
      { name: "labels.idx", mimeType, buffer: idx([60], labels) },
    ];
    const alert = page.getByRole("alert");
    await files.setInputFiles(both[0]!);
    await alert.getByText("There are no labels for the 60 pictures of images.idx.").waitFor();
    await files.setInputFiles({ name: "notes.txt", mimeType, buffer: Buffer.from("no digits") });
    await alert.getByText("notes.txt cannot be read as IDX").waitFor();
    await files.setInputFiles(both);
    await page.locator("#source").getByText("50 digits of your files").waitFor();
    expect(await alert.isHidden()).toBe(true);
    await learnALittle(page);
    opened.expectQuiet();
  });
});

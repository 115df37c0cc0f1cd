/** examples/race in a page, used as a person would: by pointer, by keyboard, on a phone. */
import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { type ExamplePage, openExample, photographAll } from "./gallery";

const patience = { timeout: 40_000 };

interface Visit extends ExamplePage {
  readonly surface: Locator;
  readonly spirals: Locator;
}

async function visit(options: Parameters<typeof openExample>[1] = {}): Promise<Visit> {
  const opened = await openExample("race", options);
  const { page } = opened;
  const surface = page.getByRole("region", { name: "Down a surface" });
  const spirals = page.getByRole("region", { name: "Training a small network" });
  await expect
    .poll(() => surface.getByRole("button", { name: "Play" }).isEnabled(), patience)
    .toBe(true);
  return {
    ...opened,
    surface,
    spirals,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

const stepOf = async (card: Locator) =>
  Number(await card.locator("[data-figure=step]").innerText());

const reaches = (card: Locator, step: number) =>
  expect.poll(() => stepOf(card), patience).toBeGreaterThanOrEqual(step);

/** The loss or height that the table has for a rule. */
const heightOf = async (card: Locator, rule: string) =>
  Number(await card.getByRole("row", { name: rule }).locator(".loss").innerText());

/** Leaves the race to these rules. */
async function choose(card: Locator, names: readonly string[]): Promise<void> {
  for (const box of await card.getByRole("checkbox").all()) {
    const name = await box.evaluate((input) => (input as HTMLInputElement).labels![0]!.innerText);
    await box.setChecked(names.includes(name.trim()));
  }
}

/** Sets a slider by the keyboard. */
const slide = (card: Locator, key: "Home" | "End") =>
  card.getByRole("slider", { name: "Speed" }).press(key);

const pixels = (page: Page) =>
  page.locator("canvas.map").evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());

describe("the race down a surface", () => {
  test("rules go down, pause and go on, and the table ranks them by height", async () => {
    await using visited = await visit();
    const { surface, page } = visited;
    await choose(surface, ["SGD, momentum", "AdamW", "Lion"]);
    const before = await pixels(page);
    await surface.getByRole("button", { name: "Play" }).click();
    await reaches(surface, 20);
    await surface.getByRole("button", { name: "Pause" }).click();
    await surface.getByText("Paused.").waitFor();
    expect(await pixels(page)).not.toBe(before);
    await slide(surface, "End");
    // A tab behind another gets no pictures, and races on.
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { value: true });
      globalThis.requestAnimationFrame = () => 0;
    });
    await page.context().setOffline(true);
    await surface.getByRole("button", { name: "Continue" }).click();
    await surface.getByText("Over after 600 steps.").waitFor(patience);
    const names = ["SGD, momentum", "AdamW", "Lion"];
    const heights = await Promise.all(names.map((name) => heightOf(surface, name)));
    const ranks = await Promise.all(
      names.map((name) => surface.getByRole("row", { name }).locator(".rank").innerText()),
    );
    const order = [...heights].sort((one, other) => one - other);
    expect(ranks).toEqual(heights.map((height) => String(order.indexOf(height) + 1)));
    expect(Math.min(...heights)).toBeLessThan(1e-3);
    // The start is 24.2 high.
    expect(Math.max(...heights)).toBeLessThan(1);
    visited.expectQuiet();
  });

  test("a click chooses the start; one step is one press of a key; another surface starts anew", async () => {
    await using visited = await visit();
    const { surface, page } = visited;
    await choose(surface, ["AdamW"]);
    await slide(surface, "Home");
    const step = surface.getByRole("button", { name: "Step", exact: true });
    await step.focus();
    await page.keyboard.press("Enter");
    await reaches(surface, 1);
    expect(await stepOf(surface)).toBe(1);
    const box = (await page.locator("canvas.map").boundingBox())!;
    await page.mouse.click(box.x + box.width * 0.75, box.y + box.height * 0.25);
    expect(await stepOf(surface)).toBe(0);
    const start = ["x", "y"].map((axis) => surface.getByLabel(`Start, ${axis}`));
    // The map shows -2 to 2 and -1 to 3.
    expect(Math.abs(Number(await start[0]!.inputValue()) - 1)).toBeLessThan(0.03);
    expect(Math.abs(Number(await start[1]!.inputValue()) - 2)).toBeLessThan(0.03);
    await surface.getByRole("combobox", { name: "Surface" }).selectOption("himmelblau");
    expect(await start[0]!.inputValue()).toBe("-0.5");
    await start[0]!.fill("far");
    await page.keyboard.press("Tab");
    expect(await surface.getByRole("alert").innerText()).toBe(
      "The start's x is “far”. On this map it is a number from -5.5 to 5.5.",
    );
    await start[0]!.fill("2.5");
    await page.keyboard.press("Tab");
    await expect.poll(() => surface.getByRole("alert").count()).toBe(0);
    await surface.getByLabel("Rate of AdamW").fill("fast");
    await step.click();
    await surface.getByRole("alert").waitFor();
    expect(await surface.getByRole("alert").innerText()).toBe(
      "The rate of AdamW is “fast”. It is a number from 0.00001 to 10.",
    );
    visited.expectQuiet();
  });

  test("a rate that is too large is told, and does not stop the others", async () => {
    await using visited = await visit();
    const { surface } = visited;
    await choose(surface, ["SGD, momentum", "AdamW"]);
    await surface.getByLabel("Rate of SGD, momentum").fill("1");
    await slide(surface, "End");
    await surface.getByRole("button", { name: "Play" }).click();
    await surface.getByRole("row", { name: "SGD" }).getByText("lost").waitFor(patience);
    await reaches(surface, 64);
    expect(await heightOf(surface, "AdamW")).toBeLessThan(24);
    visited.expectQuiet();
  });
});

test("networks race without WebGPU: losses fall, curves and boundaries are drawn, the page answers; it looks right", async () => {
  await using visited = await visit({
    before: "Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined });",
  });
  const { surface, spirals, page } = visited;
  await page.getByText("Computed on: CPU through WebAssembly").waitFor();
  await choose(spirals, ["AdamW", "Muon"]);
  await slide(spirals, "End");
  await spirals.getByRole("button", { name: "Play" }).click();
  await reaches(spirals, 32);
  await page.evaluate(() => {
    const found: number[] = [];
    new PerformanceObserver((list) =>
      found.push(...list.getEntries().map((entry) => entry.duration)),
    ).observe({ type: "longtask" });
    Object.assign(window, { longTasks: found });
  });
  await reaches(spirals, 320);
  await spirals.getByRole("button", { name: "Pause" }).click();
  await spirals.getByText("Paused.").waitFor();
  for (const name of ["AdamW", "Muon"]) expect(await heightOf(spirals, name)).toBeLessThan(0.6);
  expect(await spirals.getByRole("img", { name: /What the network of/ }).count()).toBe(2);
  const longTasks = await page.evaluate(
    () => (window as unknown as { longTasks: number[] }).longTasks,
  );
  // Tasks of 50 ms or more: the work is in the worker. Another process may hold up one.
  expect(longTasks.length).toBeLessThanOrEqual(1);

  await slide(surface, "End");
  await surface.getByRole("button", { name: "Play" }).click();
  await reaches(surface, 96);
  await surface.getByRole("button", { name: "Pause" }).click();
  await photographAll(page, "race");
  await spirals.getByRole("button", { name: "Other weights" }).click();
  expect(await stepOf(spirals)).toBe(0);
  visited.expectQuiet();
});

test("through WebGPU, both races take their steps", async () => {
  await using visited = await visit({ executor: "webgpu" });
  const { surface, spirals, page } = visited;
  await page.getByText("Computed on: CPU through WebGPU").waitFor();
  for (const card of [surface, spirals]) {
    await choose(card, ["AdamW"]);
    await slide(card, "Home");
    await card.getByRole("button", { name: "Step", exact: true }).click();
    await reaches(card, 1);
    expect(await heightOf(card, "AdamW")).toBeGreaterThan(0.1);
  }
  expect(await page.getByRole("alert").count()).toBe(0);
  visited.expectQuiet();
});

/** examples/grokking in a page, used as a person would. */
import type { Locator } from "playwright-core";
import { expect, test } from "vitest";
import { openExample, photographAll } from "./gallery";

const patience = { timeout: 50_000 };

const figure = async (card: Locator, name: string) =>
  Number.parseFloat(await card.locator(`[data-figure=${name}]`).innerText());

const reaches = (card: Locator, step: number) =>
  expect.poll(() => figure(card, "step"), patience).toBeGreaterThanOrEqual(step);

test("both networks learn side by side, pause and go on; a choice starts them anew", async () => {
  await using visited = await openExample("grokking");
  const { page } = visited;
  await page.getByText("Computed on: ").waitFor(patience);
  await expect
    .poll(() => page.getByRole("button", { name: "Start" }).isEnabled(), patience)
    .toBe(true);
  await page.context().setOffline(true);
  const first = page.getByRole("region", { name: "First network" });
  const second = page.getByRole("region", { name: "Second network" });
  expect(await first.getByLabel("Loss").inputValue()).toBe("softmax");
  expect(await second.getByLabel("Loss").inputValue()).toBe("stablemax");
  await page.getByLabel("Modulus p").selectOption("23");
  await page.getByRole("button", { name: "Start" }).click();
  await reaches(second, 12);
  await page.getByRole("button", { name: "Pause" }).press("Enter");
  await page.getByText("Paused.").waitFor();
  const paused = await figure(first, "step");
  expect(Math.abs(paused - (await figure(second, "step")))).toBeLessThanOrEqual(10);
  await page.getByRole("button", { name: "Continue" }).click();
  await reaches(first, paused + 20);
  expect(await figure(first, "training")).toBeGreaterThan(10);
  await page.getByRole("button", { name: "Reset" }).click();
  await page.getByRole("button", { name: "Start" }).waitFor();
  expect(await first.locator("[data-figure=step]").innerText()).toBe("–");
  await page.getByRole("slider", { name: "Weight decay" }).press("End");
  expect(
    await page.getByRole("slider", { name: "Weight decay" }).getAttribute("aria-valuetext"),
  ).toBe("1");
  visited.expectQuiet();
});

test("without WebGPU, the second network groks and the first does not; it looks right everywhere", async () => {
  await using visited = await openExample("grokking", {
    before: "Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined });",
  });
  const { page } = visited;
  await page.getByText("Computed on: CPU through WebAssembly").waitFor(patience);
  const first = page.getByRole("region", { name: "First network" });
  const second = page.getByRole("region", { name: "Second network" });
  await second.getByLabel("Loss").selectOption("softmax");
  await page.getByLabel("Modulus p").selectOption("31");
  await page.getByRole("button", { name: "Start" }).click();
  await second.getByText(/^Grokked after \d+ steps/).waitFor(patience);
  await page.getByRole("button", { name: "Pause" }).click();
  expect(await figure(second, "validation")).toBeGreaterThanOrEqual(99);
  expect(await figure(first, "training")).toBe(100);
  expect(await figure(first, "validation")).toBeLessThan(20);
  await photographAll(page, "grokking");
  visited.expectQuiet();
});

test("both networks learn through WebGPU", async () => {
  await using visited = await openExample("grokking", { executor: "webgpu" });
  const { page } = visited;
  await page.getByText("Computed on: CPU through WebGPU").waitFor(patience);
  await page.getByLabel("Modulus p").selectOption("23");
  await page.getByRole("button", { name: "Start" }).click();
  for (const name of ["First network", "Second network"])
    await reaches(page.getByRole("region", { name }), 4);
  expect(await page.getByRole("alert").count()).toBe(0);
  visited.expectQuiet();
});
